use super::*;

/// A header of version 2.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
    let front = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &len];
    [&front.concat(), rest].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &len[..], value].concat()
}

const V4: [u8; 12] = [10, 1, 2, 3, 10, 9, 8, 7, 0xDC, 0x04, 0x01, 0xBB];

fn tcp(source: &str, destination: &str) -> Addresses {
    Addresses::Tcp {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

#[test]
fn lines_of_version_1() {
    let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = format!("TCP6 {long} {long} 65535 65535");
    let unknown = format!("UNKNOWN {long} {long} 65535 65535");
    let sixes = format!("[{long}]:65535");
    let table = [
        (
            "TCP4 192.168.0.1 192.168.0.11 56324 443",
            Some(tcp("192.168.0.1:56324", "192.168.0.11:443")),
        ),
        (
            "TCP4 1.2.3.4 5.6.7.8 0 65535",
            Some(tcp("1.2.3.4:0", "5.6.7.8:65535")),
        ),
        (
            "TCP6 ::1 2001:db8::2 1 2",
            Some(tcp("[::1]:1", "[2001:db8::2]:2")),
        ),
        (&longest, Some(tcp(&sixes, &sixes))),
        ("UNKNOWN", Some(Addresses::Unknown("UNKNOWN"))),
        (
            "UNKNOWN whatever  it says",
            Some(Addresses::Unknown("UNKNOWN")),
        ),
        (&unknown, Some(Addresses::Unknown("UNKNOWN"))),
        ("TCP4 192.168.0.1 192.16...", None),
        ("TCP4 192.168.0.1 192.168.0.11 65iii 100000", None),
        ("TCP4 not-an-ip 192.168.0.11 56324 443", None),
        ("TCP4 192.168.0.1 999.999.999.999 1 2", None),
        ("TCP4 010.0.0.1 1.2.3.4 1 2", None),
        ("TCP6 not::an::ip ::1 1 2", None),
        ("TCP4 ::1 ::1 1 2", None),
        ("TCP6 1.2.3.4 1.2.3.4 1 2", None),
        ("tcp4 1.2.3.4 1.2.3.4 1 2", None),
        ("UDP4 1.2.3.4 1.2.3.4 1 2", None),
        ("", None),
        ("TCP4", None),
        ("TCP4  1.2.3.4 1.2.3.4 1 2", None),
        ("TCP4 1.2.3.4 1.2.3.4 1", None),
        ("TCP4 1.2.3.4 1.2.3.4 1 2 ", None),
        ("TCP4 1.2.3.4 1.2.3.4 +1 2", None),
        ("TCP4 1.2.3.4 1.2.3.4 01 2", None),
        ("TCP4 1.2.3.4 1.2.3.4 65536 2", None),
        ("TCP4 1.2.3.4 1.2.3.4 -1 2", None),
        ("TCP4 1.2.3.4 1.2.3.4 1 \u{661}", None),
        ("TCP4 1.2.3.4 1.2.3.4 1\n 2", None),
    ];
    for (line, expected) in table {
        let input = format!("PROXY {line}\r\nGET / HTTP/1.1\r\n");
        let got = decode(input.as_bytes());
        match expected {
            Some(addresses) => {
                let (header, len) = got.unwrap().unwrap();
                assert_eq!(header.addresses(), &addresses, "{line}");
                assert_eq!(len, line.len() + 8);
                assert_eq!(header.raw(), &input.as_bytes()[..len]);
            }
            None => assert_eq!(got, Err(Reject::InvalidProxyHeader), "{line}"),
        }
    }
}

#[test]
fn a_line_has_107_bytes_at_most() {
    let line = format!("PROXY UNKNOWN {}", "x".repeat(91));
    assert_eq!(line.len(), 105);
    assert_eq!(decode(line.as_bytes()), Ok(None));
    assert!(decode(format!("{line}\r\n").as_bytes()).unwrap().is_some());
    for rest in ["xx", "x\r", "x\r\n"] {
        let got = decode(format!("{line}{rest}").as_bytes());
        assert_eq!(got, Err(Reject::InvalidProxyHeader));
    }
}

#[test]
fn addresses_of_version_2() {
    let v6 = [&[0x20; 16][..], &[0xFE; 16], &[0, 1, 0, 2]].concat();
    let mut unix = vec![0; 216];
    unix[..4].copy_from_slice(b"/run");
    unix[108..111].copy_from_slice(b"/to");
    let paths = Addresses::Unix {
        source: b"/run".to_vec(),
        destination: b"/to".to_vec(),
    };
    let unspec = || Some(Addresses::Unknown("UNSPEC"));
    let sixes = tcp(
        "[2020:2020:2020:2020:2020:2020:2020:2020]:1",
        "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:2",
    );
    let fours = || Some(tcp("10.1.2.3:56324", "10.9.8.7:443"));
    let table = [
        (0x21, 0x11, &V4[..], fours()),
        (0x21, 0x21, &v6, Some(sixes)),
        (0x21, 0x31, &unix, Some(paths)),
        (0x21, 0x00, &[], unspec()),
        (0x21, 0x01, &V4, unspec()),
        (0x20, 0x00, &[], Some(Addresses::Local)),
        (0x20, 0x11, &V4, Some(Addresses::Local)),
        (0x20, 0xFF, &[1, 2, 3], Some(Addresses::Local)),
        (0x21, 0x11, &V4[..11], None),
        (0x21, 0x21, &v6[..35], None),
        (0x21, 0x31, &unix[..215], None),
        (0x21, 0x12, &V4, None),
        (0x21, 0x22, &v6, None),
        (0x21, 0x10, &V4, None),
        (0x21, 0x41, &V4, None),
        (0x21, 0x03, &[], None),
        (0x11, 0x11, &V4, None),
        (0x31, 0x11, &V4, None),
        (0x22, 0x11, &V4, None),
        (0x2F, 0x11, &V4, None),
    ];
    for (command, family, rest, expected) in table {
        let header = v2(command, family, rest);
        let got = decode(&[&header, &b"GET /"[..]].concat());
        match expected {
            Some(addresses) => {
                let (said, len) = got.unwrap().unwrap();
                assert_eq!(said.addresses(), &addresses, "{command:x} {family:x}");
                assert_eq!(len, header.len());
            }
            None => assert_eq!(
                got,
                Err(Reject::InvalidProxyHeader),
                "{command:x} {family:x}"
            ),
        }
    }
}

#[test]
fn what_version_2_says_beside_addresses() {
    let ssl = [
        &[0x07, 0, 0, 0, 0][..],
        &tlv(0x21, b"TLSv1.3"),
        &tlv(0x22, b"Jo Client"),
        &tlv(0x23, b"TLS_AES_256_GCM_SHA384"),
        &tlv(0x24, b"RSA-SHA256"),
        &tlv(0x25, b"RSA2048"),
        &tlv(0x2E, b"to come"),
    ];
    let tlvs = [
        tlv(0x01, b"h2"),
        tlv(0x02, b"example.org"),
        tlv(0x04, b"nothing"),
        tlv(0x05, b"\x01\xFF"),
        tlv(0x20, &ssl.concat()),
        tlv(0xE5, b"a private one"),
    ];
    let input = v2(0x21, 0x11, &[&V4[..], &tlvs.concat()].concat());
    let (header, len) = decode(&input).unwrap().unwrap();
    assert_eq!(len, input.len());
    let said = header.variables();
    let expected: [(_, &[u8]); 14] = [
        ("PROXY_PROTOCOL", b"TCP4"),
        ("PROXY_ADDR", b"10.9.8.7"),
        ("PROXY_PORT", b"443"),
        ("PROXY_ALPN", b"h2"),
        ("PROXY_AUTHORITY", b"example.org"),
        ("PROXY_UNIQUE_ID", b"\x01\xFF"),
        ("PROXY_SSL_VERSION", b"TLSv1.3"),
        ("PROXY_SSL_CN", b"Jo Client"),
        ("PROXY_SSL_CIPHER", b"TLS_AES_256_GCM_SHA384"),
        ("PROXY_SSL_SIG_ALG", b"RSA-SHA256"),
        ("PROXY_SSL_KEY_ALG", b"RSA2048"),
        ("PROXY_SSL", b"1"),
        ("PROXY_SSL_CLIENT_CERT", b"1"),
        ("PROXY_SSL_VERIFIED", b"1"),
    ];
    assert_eq!(said, expected.map(|(name, value)| (name, value.into())));
}

#[test]
fn certificates_that_were_not_verified() {
    //           client                 verify         certificate, verified
    let table = [
        (0x01, [0, 0, 0, 0], (false, false)),
        (0x03, [0, 0, 0, 0], (true, true)),
        (0x05, [0, 0, 0, 0], (true, true)),
        (0x03, [0, 0, 0, 20], (true, false)),
        (0x01, [0xFF; 4], (false, false)),
    ];
    for (client, verify, expected) in table {
        let ssl = tlv(0x20, &[&[client][..], &verify].concat());
        let input = v2(0x21, 0x11, &[&V4[..], &ssl].concat());
        let (header, _) = decode(&input).unwrap().unwrap();
        let ssl = header.tlvs().ssl.as_ref().unwrap();
        assert_eq!((ssl.certificate, ssl.verified), expected);
        assert!(ssl.tls);
    }
}

#[test]
fn tlvs_that_are_none() {
    let table = [
        vec![0x01],
        vec![0x01, 0],
        vec![0x01, 0, 2, b'h'],
        tlv(0x05, &[b'x'; 129]),
        tlv(0x20, &[1, 0, 0, 0]),
        tlv(0x20, &[1, 0, 0, 0, 0, 0x21, 0, 9]),
        tlv(0x03, &[0; 3]),
        tlv(0x03, &[0; 4]),
    ];
    for tlv in table {
        let input = v2(0x21, 0x11, &[&V4[..], &tlv].concat());
        assert_eq!(decode(&input), Err(Reject::InvalidProxyHeader), "{tlv:?}");
    }
}

#[test]
fn the_checksum() {
    // RFC 9260, appendix A, and the check value of CRC-32C.
    assert_eq!(tlv::crc32c(b"123456789".iter()), 0xE306_9283);
    let rest = [&V4[..], &tlv(0x03, &[0; 4]), &tlv(0x02, b"a")].concat();
    let mut input = v2(0x21, 0x11, &rest);
    let sum = tlv::crc32c(input.iter()).to_be_bytes();
    input[31..35].copy_from_slice(&sum);
    assert!(decode(&input).unwrap().is_some());
    input[16] ^= 1;
    assert_eq!(decode(&input), Err(Reject::InvalidProxyHeader));
}

#[test]
fn cuts_do_not_matter() {
    let v1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec();
    for whole in [v1, v2(0x21, 0x11, &V4), v2(0x20, 0, b"abc")] {
        for end in 12..whole.len() {
            assert_eq!(decode(&whole[..end]), Ok(None));
        }
        assert_eq!(decode(&whole).unwrap().unwrap().1, whole.len());
    }
}
