//! Version 1: one line of text, `PROXY TCP4 source destination source-port destination-port`
//! (section 2.1).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use memchr::memmem;

use super::{Addresses, Found, Invalid, Tlvs, socket};

/// The longest line, its CRLF included.
const LONGEST: usize = 107;

pub(super) fn decode(input: &[u8]) -> Found {
    let front = input.get(..LONGEST).unwrap_or(input);
    let Some(end) = memmem::find(front, b"\r\n") else {
        return if front.len() < LONGEST {
            Ok(None)
        } else {
            Err(Invalid)
        };
    };
    let line = front.get(..end).unwrap_or_default();
    Ok(Some((addresses(line)?, Tlvs::default(), end + 2)))
}

fn addresses(line: &[u8]) -> Result<Addresses, Invalid> {
    let line = core::str::from_utf8(line).map_err(|_| Invalid)?;
    let mut fields = line.split(' ');
    let (Some("PROXY"), Some(protocol)) = (fields.next(), fields.next()) else {
        return Err(Invalid);
    };
    if protocol == "UNKNOWN" {
        // What follows is to be ignored.
        return Ok(Addresses::Unknown("UNKNOWN"));
    }
    let (Some(source), Some(destination), Some(source_port), Some(destination_port), None) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return Err(Invalid);
    };
    let parse = match protocol {
        "TCP4" => |text: &str| text.parse().ok().map(|ip: Ipv4Addr| IpAddr::V4(ip)),
        "TCP6" => |text: &str| text.parse().ok().map(|ip: Ipv6Addr| IpAddr::V6(ip)),
        _ => return Err(Invalid),
    };
    let end = |ip, number| Some(socket(parse(ip)?, port(number)?));
    match (end(source, source_port), end(destination, destination_port)) {
        (Some(source), Some(destination)) => Ok(Addresses::Tcp {
            source,
            destination,
        }),
        _ => Err(Invalid),
    }
}

/// A decimal number without leading zeros or a sign.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| digits && !leading)
}
