//! Frames that a client must not send.

use super::peer::*;
use crate::h2::{Connection, PREFACE};
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

/// Each of these ends the connection for this reason, finally.
fn fails(reject: Reject, all: &[Vec<u8>]) {
    for bytes in all {
        let mut peer = Peer::new();
        let said = peer.send(bytes);
        assert_eq!(said.last(), Some(&Said::Failed(reject)), "{bytes:x?}");
        let code = reject.code().unwrap().number();
        let answers = peer.answers();
        let last = answers.last().unwrap();
        let says = last.starts_with("GoAway 0:") && last.ends_with(&format!(" {code}"));
        assert!(says, "{last}");
        assert!(peer.connection.is_over());
        // Nothing that comes behind it is looked at, and it is not said twice.
        assert_eq!(peer.send(&get(99)), [Said::Failed(reject)]);
        assert_eq!(peer.answers(), [""; 0]);
    }
}

#[test]
fn sizes_that_frames_do_not_have() {
    // RFC 9113, section 4.2.
    let large = vec![0; 16_385];
    let of_any_kind = (0..=255).map(|kind| frame(kind, NONE, 1, &large)[..9].to_vec());
    fails(Reject::FrameTooLarge, &of_any_kind.collect::<Vec<_>>());
    let all = [
        frame(RST_STREAM, NONE, 1, &[0; 5]),
        frame(SETTINGS, NONE, 0, &[0; 5]),
        frame(SETTINGS, ACK, 0, &[0; 6]),
        frame(PING, NONE, 0, &[0; 7]),
        frame(GOAWAY, NONE, 0, &[0; 7]),
        frame(WINDOW_UPDATE, NONE, 0, &[0; 3]),
        frame(PRIORITY_UPDATE, NONE, 0, &[0; 3]),
        frame(PRIORITY, NONE, 1, &[0; 4]),
        // No length of the padding, half a priority.
        frame(HEADERS, PADDED | END_HEADERS, 1, &[]),
        [post(1), frame(DATA, PADDED, 1, &[])].concat(),
        frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, &[0; 4]),
    ];
    fails(Reject::InvalidFrameSize, &all);
}

#[test]
fn streams_that_frames_are_not_on() {
    // RFC 9113, sections 5.1.1 and 6.
    let all = [
        frame(DATA, NONE, 0, b"x"),
        frame(HEADERS, END_HEADERS, 0, &request("GET", &[])),
        frame(PRIORITY, NONE, 0, &[0; 5]),
        frame(RST_STREAM, NONE, 0, &[0; 4]),
        frame(SETTINGS, NONE, 1, &[]),
        frame(PING, NONE, 1, &[0; 8]),
        frame(GOAWAY, NONE, 1, &[0; 8]),
        frame(PRIORITY_UPDATE, NONE, 1, &[0; 4]),
    ];
    fails(Reject::FrameOnWrongStream, &all);
    fails(
        Reject::InvalidStreamId,
        &[get(2), [get(5), get(3)].concat()],
    );
    fails(
        Reject::FrameOnIdleStream,
        &[frame(DATA, NONE, 2, b"x"), reset(2), window_update(2, 1)],
    );
}

#[test]
fn padding_that_is_longer_than_its_frame() {
    // RFC 9113, sections 6.1 and 6.2.
    let all = [
        frame(HEADERS, PADDED | END_HEADERS, 1, &[2, 0]),
        [post(1), frame(DATA, PADDED, 1, &[1])].concat(),
        [post(1), frame(DATA, PADDED, 1, &[9, 1])].concat(),
    ];
    fails(Reject::InvalidPadding, &all);
}

#[test]
fn frames_out_of_turn() {
    // RFC 9113, sections 6.10 and 8.4.
    fails(
        Reject::UnexpectedPush,
        &[frame(PUSH_PROMISE, END_HEADERS, 1, &[0; 4])],
    );
    let lone = frame(CONTINUATION, END_HEADERS, 1, &[]);
    fails(
        Reject::UnexpectedContinuation,
        &[lone.clone(), [get(1), lone].concat()],
    );
    let others = [
        frame(CONTINUATION, END_HEADERS, 3, &[]),
        get(1),
        get(3),
        frame(DATA, NONE, 1, b"x"),
        frame(PING, NONE, 0, &[0; 8]),
        frame(0xee, NONE, 0, &[0; 8]),
    ];
    let begun = frame(HEADERS, NONE, 1, &request("GET", &[]));
    let all = others.map(|other| [&begun[..], &other].concat());
    fails(Reject::HeaderBlockInterrupted, &all);
}

#[test]
fn values_that_nothing_has() {
    fails(
        Reject::InvalidSetting,
        &[settings(&[(2, 2)]), settings(&[(3, 1), (5, 1)])],
    );
    fails(
        Reject::InvalidInitialWindow,
        &[settings(&[(4, 0x8000_0000)])],
    );
    fails(
        Reject::SelfDependency,
        &[frame(PRIORITY, NONE, 1, &[0, 0, 0, 1, 9])],
    );
    let all = [0, 2].map(|stream| frame(PRIORITY_UPDATE, NONE, 0, &[0, 0, 0, stream]));
    fails(Reject::InvalidPriorityUpdate, &all);
}

#[test]
fn header_blocks_that_cannot_be_decoded() {
    // RFC 9113, section 4.3: those of trailers and those that are dropped are no exception.
    let block = |block: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, block);
    let all = [
        block(&[0xff, 0x10]),
        [post(1), block(&[0x80])].concat(),
        [post(1), reset(1), block(&[0x80])].concat(),
    ];
    fails(Reject::InvalidHeaderIndex, &all);
    fails(Reject::HeaderBlockCutShort, &[block(&[0x40, 5])]);
    fails(Reject::InvalidHuffman, &[block(&[0x04, 0x81, 0x00])]);
    fails(Reject::InvalidTableSize, &[block(&[0x82, 0x20])]);
    fails(Reject::HeaderIntegerTooLarge, &[block(&[0xff; 9])]);
}

#[test]
fn a_stream_error_leaves_the_others_alone() {
    let dependent = [&[0, 0, 0, 1, 9][..], &request("GET", &[])].concat();
    let table = [
        (frame(PRIORITY, NONE, 1, &[0; 4]), Reject::InvalidFrameSize),
        (
            frame(PRIORITY, NONE, 1, &[0x80, 0, 0, 1, 9]),
            Reject::SelfDependency,
        ),
        (post(1), Reject::TrailersWithoutEnd),
    ];
    for (bytes, reject) in table {
        let mut peer = Peer::new();
        peer.send(&[post(1), post(3)].concat());
        assert_eq!(peer.send(&bytes), [Said::Reset(1, Some(reject))]);
        let code = reject.code().unwrap().number();
        assert_eq!(peer.answers(), [format!("Reset 1: {code}")]);
        assert_eq!(peer.send(&frame(DATA, END_STREAM, 3, b"")), [Said::End(3)]);
    }
    let mut peer = Peer::new();
    let said = peer.send(&frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, &dependent));
    assert_eq!(said, [Said::Reset(1, Some(Reject::SelfDependency))]);
    assert_eq!(peer.send(&get(3)), [Said::Head(3), Said::End(3)]);
}

#[test]
fn what_is_unknown_is_ignored() {
    let mut peer = Peer::new();
    let bytes = [
        frame(0xee, 0xff, 0, &[1; 100]),
        frame(0x0a, NONE, 7, &[]),
        settings(&[(0xabcd, 1)]),
        frame(PING, ACK, 0, &[9; 8]),
        frame(SETTINGS, ACK, 0, &[]),
        frame(PRIORITY, NONE, 99, &[0, 0, 0, 1, 0]),
        // Flags that mean nothing here.
        frame(
            HEADERS,
            END_HEADERS | END_STREAM | 0xd2,
            1,
            &request("GET", &[]),
        ),
    ];
    assert_eq!(peer.send(&bytes.concat()), [Said::Head(1), Said::End(1)]);
    assert_eq!(peer.answers(), ["Settings 0: ack"]);
}

#[test]
fn a_head_comes_in_any_pieces() {
    let block = request("GET", &[("x", "y")]);
    let priority = [&[0, 0, 0, 0, 255][..], &block].concat();
    let padded = [&[7][..], &priority, &[0; 7]].concat();
    let (front, rest) = block.split_at(3);
    let (middle, back) = rest.split_at(4);
    let pieces = [
        frame(HEADERS, END_STREAM, 1, front),
        frame(CONTINUATION, NONE, 1, middle),
        frame(CONTINUATION, NONE, 1, &[]),
        frame(CONTINUATION, END_HEADERS, 1, back),
    ];
    for bytes in [
        frame(
            HEADERS,
            END_HEADERS | END_STREAM | WITH_PRIORITY,
            1,
            &priority,
        ),
        frame(
            HEADERS,
            END_HEADERS | END_STREAM | WITH_PRIORITY | PADDED,
            1,
            &padded,
        ),
        pieces.concat(),
    ] {
        let mut peer = Peer::new();
        assert_eq!(peer.send(&bytes), [Said::Head(1), Said::End(1)]);
        assert_eq!(peer.head.fields_named(b"x").count(), 1);
    }
    let mut peer = Peer::new();
    assert!(!peer.connection.in_head());
    peer.send(&pieces[0]);
    assert!(peer.connection.in_head());
}

#[test]
fn the_preface_comes_first_and_settings_behind_it() {
    let first = |bytes: &[u8]| {
        let policy = Policy::default();
        let mut connection = Connection::new(&policy.http2, false, false);
        let mut kept = bytes.to_vec();
        run(
            &mut connection,
            &policy,
            &mut kept,
            false,
            &mut RequestHead::default(),
        )
    };
    let with = |frame: Vec<u8>| first(&[PREFACE, &frame].concat());
    for at in 0..PREFACE.len() {
        assert_eq!(first(&PREFACE[..at]), []);
        let mut wrong = PREFACE.to_vec();
        wrong[at] ^= 1;
        assert_eq!(first(&wrong), [Said::Failed(Reject::InvalidPreface)]);
    }
    assert_eq!(with(settings(&[(3, 1)])), []);
    let failed = [Said::Failed(Reject::SettingsExpected)];
    for frame in [
        get(1),
        frame(SETTINGS, ACK, 0, &[]),
        frame(PING, NONE, 0, &[0; 8]),
        frame(0xee, NONE, 0, &[]),
    ] {
        assert_eq!(with(frame), failed);
    }
    // An HTTP/1 client, one that speaks TLS.
    for other in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\x00"] {
        assert_eq!(first(other), [Said::Failed(Reject::InvalidPreface)]);
    }
}

#[test]
fn the_end_of_the_connection_is_said_again_and_again() {
    let table = [
        vec![],
        frame(DATA, NONE, 1, b"x")[..5].to_vec(),
        post(1)[..12].to_vec(),
    ];
    for rest in table {
        let mut peer = Peer::new();
        peer.send(&post(1));
        peer.send(&rest);
        assert_eq!(peer.end(), [Said::Closed]);
        assert_eq!(peer.end(), [Said::Closed]);
        assert!(peer.connection.is_over());
    }
    // What has come before it is still said.
    let mut peer = Peer::new();
    peer.send(&post(1));
    peer.send(&frame(DATA, NONE, 1, b"abc")[..11]);
    assert_eq!(peer.end(), [Said::Closed]);
}
