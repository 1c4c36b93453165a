use super::*;

#[test]
fn headers_come_back() {
    let kinds = (0..=255).map(Kind::of);
    for kind in kinds {
        let header = Header {
            len: 0x12_3456,
            kind,
            flags: 0x2d,
            stream: 0x7abc_def0,
        };
        let mut bytes = Vec::new();
        header.push(&mut bytes);
        assert_eq!(Header::parse(&bytes), Some(header));
        assert_eq!(Header::parse(&bytes[..8]), None);
    }
    assert_eq!(Kind::of(0x9), Kind::Continuation);
    assert_eq!(Kind::of(0xa), Kind::Unknown);
    assert_eq!(Kind::of(0x10), Kind::PriorityUpdate);
}

#[test]
fn the_reserved_bit_is_ignored() {
    let header = Header::parse(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).unwrap();
    assert_eq!(header.stream, LAST_STREAM);
}

#[test]
fn small_frames_as_bytes() {
    let mut out = Vec::new();
    push_reset(&mut out, 5, ErrorCode::Cancel);
    assert_eq!(out, [0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8]);
    out.clear();
    push_settings(&mut out, &[(3, 100)]);
    push_settings_ack(&mut out);
    assert_eq!(out[..15], [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]);
    assert_eq!(out[15..], [0, 0, 0, 4, 1, 0, 0, 0, 0]);
    out.clear();
    push_ping(&mut out, flag::ACK, *b"abcdefgh");
    assert_eq!(out, *b"\0\0\x08\x06\x01\0\0\0\0abcdefgh");
    out.clear();
    push_go_away(&mut out, 7, ErrorCode::EnhanceYourCalm, "why");
    assert_eq!(out, *b"\0\0\x0b\x07\0\0\0\0\0\0\0\0\x07\0\0\0\x0bwhy");
    out.clear();
    push_window_update(&mut out, 3, 0x7fff_ffff);
    assert_eq!(out, [0, 0, 4, 8, 0, 0, 0, 0, 3, 0x7f, 0xff, 0xff, 0xff]);
}
