//! Any bytes as a PROXY header: cuts do not matter, what was decoded is what stands there, and comes
//! back when it is written again.

#![no_main]

mod pieces;

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use licorne_proto::proxy::{Addresses, Header, decode};
use pieces::Choices;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1.
const LINE: usize = 107;

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    // As it begins, or whatever may follow.
    let input = match choices.bits & 3 {
        0 => [b"PROXY ", choices.rest].concat(),
        1 => [SIGNATURE, choices.rest].concat(),
        _ if choices.rest.starts_with(SIGNATURE) || choices.rest.starts_with(b"PROXY ") => {
            choices.rest.to_vec()
        }
        _ => return,
    };
    let whole = decode(&input);
    for end in 0..input.len() {
        match decode(&input[..end]) {
            Ok(None) => {}
            decided => assert_eq!(decided, whole, "at {end}"),
        }
    }
    match &whole {
        Ok(None) if input[0] == b'P' => assert!(input.len() < LINE),
        Ok(None) => assert!(input.len() < 16 + 65_535),
        Ok(Some((header, len))) => {
            assert_eq!(header.raw(), &input[..*len]);
            stands_there(header);
            comes_back(header);
        }
        Err(_) => {}
    }
    if input[0] == b'P' {
        let read = match whole {
            Ok(Some((header, _))) => Line::Client(header.client()),
            Ok(None) => Line::Open,
            Err(_) => Line::Wrong,
        };
        assert_eq!(line(&input), read);
    }
});

/// A line of version 1.
#[derive(Debug, PartialEq)]
enum Line {
    /// It is none.
    Wrong,
    /// It goes on.
    Open,
    /// The client, if it is known.
    Client(Option<SocketAddr>),
}

/// What a line says, read from the front.
fn line(input: &[u8]) -> Line {
    let mut pairs = input.windows(2).take(LINE - 1);
    match pairs.position(|two| two == b"\r\n") {
        Some(end) => client(&input[..end]).unwrap_or(Line::Wrong),
        None if input.len() < LINE => Line::Open,
        None => Line::Wrong,
    }
}

fn client(text: &[u8]) -> Option<Line> {
    let text = str::from_utf8(text).ok()?;
    let words: Vec<_> = text.split(' ').collect();
    if words.get(1) == Some(&"UNKNOWN") {
        return Some(Line::Client(None));
    }
    let [_, family, source, destination, ports @ ..] = &words[..] else {
        return None;
    };
    let ip = |text: &str| {
        let ip: IpAddr = text.parse().ok()?;
        (ip.is_ipv4() == (*family == "TCP4")).then_some(ip)
    };
    // Written again a number has neither a sign nor zeros in front.
    let port = |text: &str| {
        text.parse()
            .ok()
            .filter(|port: &u16| port.to_string() == text)
    };
    let [source_port, destination_port] = ports else {
        return None;
    };
    if !["TCP4", "TCP6"].contains(family) {
        return None;
    }
    ip(destination)?;
    port(destination_port)?;
    let client = SocketAddr::new(ip(source)?, port(source_port)?);
    Some(Line::Client(Some(client)))
}

/// Of version 2, bytes at their places.
fn stands_there(header: &Header) {
    let raw = header.raw();
    if raw[0] == b'P' {
        return;
    }
    let len = usize::from(u16::from_be_bytes([raw[14], raw[15]]));
    assert_eq!(raw.len(), 16 + len);
    let (size, family) = match header.addresses() {
        Addresses::Tcp {
            source,
            destination,
        } => {
            assert_eq!(source.is_ipv4(), destination.is_ipv4());
            let bytes = in_bytes(*source, *destination);
            assert!(raw[16..].starts_with(&bytes));
            (bytes.len(), if source.is_ipv4() { 0x11 } else { 0x21 })
        }
        Addresses::Unix { .. } => (216, 0x31),
        Addresses::Local => {
            assert_eq!(raw[12], 0x20);
            return;
        }
        Addresses::Unknown(_) => {
            assert!(raw[12] == 0x21 && raw[13] < 3);
            return;
        }
    };
    assert_eq!((raw[12], raw[13]), (0x21, family));
    let tlvs = header.tlvs();
    let mut last = [None; 4];
    for (kind, value) in triples(&raw[16 + size..]).unwrap() {
        match kind {
            0x01 => last[0] = Some(value),
            0x02 => last[1] = Some(value),
            0x05 => last[2] = Some(value),
            0x20 => last[3] = Some(value),
            _ => {}
        }
    }
    assert_eq!(tlvs.alpn.as_deref(), last[0]);
    assert_eq!(tlvs.authority.as_deref(), last[1]);
    assert_eq!(tlvs.unique_id.as_deref(), last[2]);
    assert_eq!(tlvs.ssl.is_some(), last[3].is_some());
    if let Some((said, value)) = tlvs.ssl.as_ref().zip(last[3]) {
        let parts = triples(&value[5..]).unwrap();
        let version = parts.iter().rev().find(|(kind, _)| *kind == 0x21);
        assert_eq!(said.version.as_deref(), version.map(|(_, value)| *value));
        assert_eq!(said.tls, value[0] & 1 == 1);
    }
}

/// Addresses, then ports.
fn in_bytes(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let ports = [source, destination].map(|end| end.port().to_be_bytes());
    [
        octets(source.ip()),
        octets(destination.ip()),
        ports.concat(),
    ]
    .concat()
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Types and values; `None`: one of them goes beyond the end.
fn triples(mut rest: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (&[kind, high, low], behind) = rest.split_first_chunk()?;
        let (value, behind) = behind.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        all.push((kind, value));
        rest = behind;
    }
    Some(all)
}

/// The addresses, written in both versions.
fn comes_back(header: &Header) {
    let Addresses::Tcp {
        source,
        destination,
    } = header.addresses()
    else {
        return;
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    assert_eq!(header.protocol(), family);
    let line = format!(
        "PROXY {family} {} {} {} {}\r\n",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    );
    let bytes = in_bytes(*source, *destination);
    let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let front = [0x21, if source.is_ipv4() { 0x11 } else { 0x21 }];
    let binary = [SIGNATURE, &front, &len, &bytes].concat();
    for written in [line.as_bytes(), &binary] {
        let (again, len) = decode(written).unwrap().unwrap();
        assert_eq!(
            (again.addresses(), len),
            (header.addresses(), written.len())
        );
    }
}
