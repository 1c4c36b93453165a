use super::*;

fn pairs(payload: &[u8]) -> Result<Vec<(u16, u32)>, Reject> {
    parse(payload).collect()
}

#[test]
fn values_that_a_setting_does_not_have() {
    // RFC 9113, section 6.5.2; RFC 8441, section 3; RFC 9218, section 2.1.
    let table = [
        (1, u32::MAX, Ok(())),
        (2, 1, Ok(())),
        (2, 2, Err(Reject::InvalidSetting)),
        (3, 0, Ok(())),
        (4, 0x7fff_ffff, Ok(())),
        (4, 0x8000_0000, Err(Reject::InvalidInitialWindow)),
        (5, 16_383, Err(Reject::InvalidSetting)),
        (5, 16_384, Ok(())),
        (5, 0xff_ffff, Ok(())),
        (5, 0x100_0000, Err(Reject::InvalidSetting)),
        (6, 0, Ok(())),
        (8, 2, Err(Reject::InvalidSetting)),
        (9, 2, Err(Reject::InvalidSetting)),
        (0xabcd, 7, Ok(())),
    ];
    for (name, value, expected) in table {
        let payload = [&u16::to_be_bytes(name)[..], &u32::to_be_bytes(value)].concat();
        let found = pairs(&payload);
        assert_eq!(
            found,
            expected.map(|()| vec![(name, value)]),
            "{name} {value}"
        );
    }
}

#[test]
fn what_counts_of_the_peers_settings() {
    let mut peer = Peer::default();
    assert_eq!((peer.frame, peer.window), (16_384, 65_535));
    assert_eq!(peer.take(4, 65_545), 10);
    assert_eq!(peer.take(4, 0), -65_545);
    assert_eq!(peer.take(5, 20_000), 0);
    assert_eq!(peer.frame, 20_000);
    assert_eq!(peer.take(1, 4096), 0);
    assert!(!peer.smaller_table);
    assert_eq!(peer.take(1, 4095), 0);
    assert!(peer.smaller_table);
}

#[test]
fn only_what_differs_is_announced() {
    let config = Config::default();
    assert_eq!(
        announced(&config),
        [(3, 100), (4, 65_535), (6, 65_536), (9, 1)]
    );
    let config = Config {
        max_frame_size: 1 << 30,
        initial_window_size: 0,
        connect_protocol: true,
        ..config
    };
    let rest = &announced(&config)[1..];
    assert_eq!(rest, [(4, 1), (6, 65_536), (9, 1), (5, 0xff_ffff), (8, 1)]);
}

#[test]
fn settings_of_an_upgrade() {
    let table = [
        (&b""[..], Ok(vec![])),
        // 00 03 00 00 00 64, 00 04 40 00 00 00: of an example of nghttp2.
        (b"AAMAAABkAARAAAAA", Ok(vec![(3, 100), (4, 0x4000_0000)])),
        (b"AAMAAABkAARAAAAAAA", Err(Reject::InvalidUpgradeSettings)),
        (b"AAMAAABkA", Err(Reject::InvalidUpgradeSettings)),
        (b"AAMAAABk=", Err(Reject::InvalidUpgradeSettings)),
        (b"AAMA+ABk", Err(Reject::InvalidUpgradeSettings)),
        (b"__________8", Err(Reject::InvalidUpgradeSettings)),
        (b"________", Ok(vec![(0xffff, u32::MAX)])),
    ];
    for (token, expected) in table {
        let found = from_token(token).and_then(|payload| pairs(&payload));
        assert_eq!(found, expected, "{token:?}");
    }
}
