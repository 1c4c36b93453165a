//! The PROXY decoder under whatever bytes a peer may send.

#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use licorne_proto::proxy::{Addresses, decode};
use proptest::collection::vec;
use proptest::prelude::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes that begin as a header does.
fn beginnings() -> impl Strategy<Value = Vec<u8>> {
    let rest = vec(any::<u8>(), 0..300);
    let line = "PROXY [A-Z0-9]{0,8} [ 0-9a-f.:]{0,110}(\r\n)?.{0,20}";
    let binary =
        (0x1F..0x23_u8, any::<u8>(), 0..280_u16, rest).prop_map(|(command, family, len, rest)| {
            let front = [&[command, family], &len.to_be_bytes()[..]].concat();
            [SIGNATURE, &front, &rest].concat()
        });
    prop_oneof![line.prop_map(String::into_bytes), binary]
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_cuts(input in beginnings()) {
        let whole = decode(&input);
        for end in 0..input.len() {
            match decode(&input[..end]) {
                Ok(None) => {}
                // Once it is decided nothing changes it.
                decided => prop_assert_eq!(&decided, &whole),
            }
        }
        if let Ok(Some((header, len))) = whole {
            prop_assert!(len <= input.len());
            prop_assert_eq!(header.raw(), &input[..len]);
            prop_assert_eq!(decode(header.raw()).unwrap().unwrap().0, header);
        }
    }

    #[test]
    fn a_line_says_what_was_written(source: std::net::SocketAddr, destination: std::net::SocketAddr) {
        let family = match (source.is_ipv4(), destination.is_ipv4()) {
            (true, true) => "TCP4",
            (false, false) => "TCP6",
            _ => return Ok(()),
        };
        let line = format!(
            "PROXY {family} {} {} {} {}\r\n",
            source.ip(), destination.ip(), source.port(), destination.port(),
        );
        let (header, len) = decode(line.as_bytes()).unwrap().unwrap();
        prop_assert_eq!(len, line.len());
        prop_assert_eq!(header.client(), Some(std::net::SocketAddr::new(source.ip(), source.port())));
        let is_tcp = matches!(header.addresses(), Addresses::Tcp { .. });
        prop_assert!(is_tcp);
    }
}
