//! Version 2: a signature, four bytes, addresses of a fixed size, TLVs (section 2.2).

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Addresses, Found, Invalid, Tlvs, socket};

/// Signature, version with command, family with transport, and the length of the rest.
const FRONT: usize = 16;
/// Bytes of a path of a unix socket, filled up with zeros.
const PATH: usize = 108;

pub(super) fn decode(input: &[u8]) -> Found {
    match input.get(12) {
        // Version 2, LOCAL or PROXY; anything else is to be refused.
        Some(0x20 | 0x21) => {}
        Some(_) => return Err(Invalid),
        None => return Ok(None),
    }
    let (Some(&command), Some(&family), Some(&[high, low])) = (
        input.get(12),
        input.get(13),
        input.get(14..FRONT).and_then(|rest| rest.first_chunk()),
    ) else {
        return Ok(None);
    };
    let len = FRONT + usize::from(u16::from_be_bytes([high, low]));
    let Some(header) = input.get(..len) else {
        return Ok(None);
    };
    let rest = header.get(FRONT..).unwrap_or_default();
    if command == 0x20 {
        // Whatever it says of addresses does not count.
        return Ok(Some((Addresses::Local, Tlvs::default(), len)));
    }
    let (addresses, tlvs) = match (family >> 4, family & 0x0F) {
        (0, 0..=2) => return Ok(Some((Addresses::Unknown("UNSPEC"), Tlvs::default(), len))),
        (1, 1) => inet(rest)?,
        (2, 1) => inet6(rest)?,
        (3, 1) => unix(rest)?,
        // Datagrams, and what is reserved.
        _ => return Err(Invalid),
    };
    Ok(Some((addresses, Tlvs::decode(tlvs, header)?, len)))
}

fn inet(rest: &[u8]) -> Result<(Addresses, &[u8]), Invalid> {
    let (source, rest) = rest.split_first_chunk::<4>().ok_or(Invalid)?;
    let (destination, rest) = rest.split_first_chunk::<4>().ok_or(Invalid)?;
    let (ports, tlvs) = rest.split_first_chunk::<4>().ok_or(Invalid)?;
    let [source_port, destination_port] = split_ports(*ports);
    let addresses = Addresses::Tcp {
        source: socket(Ipv4Addr::from(*source), source_port),
        destination: socket(Ipv4Addr::from(*destination), destination_port),
    };
    Ok((addresses, tlvs))
}

fn inet6(rest: &[u8]) -> Result<(Addresses, &[u8]), Invalid> {
    let (source, rest) = rest.split_first_chunk::<16>().ok_or(Invalid)?;
    let (destination, rest) = rest.split_first_chunk::<16>().ok_or(Invalid)?;
    let (ports, tlvs) = rest.split_first_chunk::<4>().ok_or(Invalid)?;
    let [source_port, destination_port] = split_ports(*ports);
    let addresses = Addresses::Tcp {
        source: socket(Ipv6Addr::from(*source), source_port),
        destination: socket(Ipv6Addr::from(*destination), destination_port),
    };
    Ok((addresses, tlvs))
}

fn unix(rest: &[u8]) -> Result<(Addresses, &[u8]), Invalid> {
    let (source, rest) = rest.split_first_chunk::<PATH>().ok_or(Invalid)?;
    let (destination, tlvs) = rest.split_first_chunk::<PATH>().ok_or(Invalid)?;
    let addresses = Addresses::Unix {
        source: path(source),
        destination: path(destination),
    };
    Ok((addresses, tlvs))
}

fn split_ports([a, b, c, d]: [u8; 4]) -> [u16; 2] {
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

/// What stands before the zeros.
fn path(bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.split(|byte| *byte == 0);
    parts.next().unwrap_or_default().to_vec()
}
