//! Frames that a client must not send.

use super::peer::*;
use crate::h2::{Connection, PREFACE};
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

#[test]
fn every_connection_error_is_final_and_says_why() {
    let headers = |flags, payload: &[u8]| frame(HEADERS, flags, 1, payload);
    let begun = headers(NONE, &request("GET", &[]));
    let one = &request("GET", &[])[..];
    let table: Vec<(&str, Vec<u8>, Reject)> = vec![
        // Sizes (RFC 9113, section 4.2).
        (
            "a large frame",
            frame(DATA, NONE, 1, &[0; 16_385]),
            Reject::FrameTooLarge,
        ),
        (
            "a large unknown frame",
            frame(0xee, NONE, 1, &[0; 16_385]),
            Reject::FrameTooLarge,
        ),
        (
            "RST_STREAM",
            frame(RST_STREAM, NONE, 1, &[0; 5]),
            Reject::InvalidFrameSize,
        ),
        (
            "SETTINGS",
            frame(SETTINGS, NONE, 0, &[0; 5]),
            Reject::InvalidFrameSize,
        ),
        (
            "ack of SETTINGS",
            frame(SETTINGS, ACK, 0, &[0; 6]),
            Reject::InvalidFrameSize,
        ),
        (
            "PING",
            frame(PING, NONE, 0, &[0; 7]),
            Reject::InvalidFrameSize,
        ),
        (
            "GOAWAY",
            frame(GOAWAY, NONE, 0, &[0; 7]),
            Reject::InvalidFrameSize,
        ),
        (
            "WINDOW_UPDATE",
            frame(WINDOW_UPDATE, NONE, 0, &[0; 3]),
            Reject::InvalidFrameSize,
        ),
        (
            "PRIORITY_UPDATE",
            frame(PRIORITY_UPDATE, NONE, 0, &[0; 3]),
            Reject::InvalidFrameSize,
        ),
        (
            "padding without a length",
            headers(PADDED | END_HEADERS, b""),
            Reject::InvalidFrameSize,
        ),
        (
            "half a priority",
            headers(WITH_PRIORITY | END_HEADERS, &[0; 4]),
            Reject::InvalidFrameSize,
        ),
        (
            "PRIORITY on an idle stream",
            frame(PRIORITY, NONE, 1, &[0; 4]),
            Reject::InvalidFrameSize,
        ),
        // Streams (sections 5.1.1 and 6).
        (
            "DATA",
            frame(DATA, NONE, 0, b"x"),
            Reject::FrameOnWrongStream,
        ),
        (
            "HEADERS",
            frame(HEADERS, END_HEADERS, 0, one),
            Reject::FrameOnWrongStream,
        ),
        (
            "PRIORITY",
            frame(PRIORITY, NONE, 0, &[0; 5]),
            Reject::FrameOnWrongStream,
        ),
        (
            "RST_STREAM",
            frame(RST_STREAM, NONE, 0, &[0; 4]),
            Reject::FrameOnWrongStream,
        ),
        (
            "SETTINGS",
            frame(SETTINGS, NONE, 1, &[]),
            Reject::FrameOnWrongStream,
        ),
        (
            "PING",
            frame(PING, NONE, 1, &[0; 8]),
            Reject::FrameOnWrongStream,
        ),
        (
            "GOAWAY",
            frame(GOAWAY, NONE, 1, &[0; 8]),
            Reject::FrameOnWrongStream,
        ),
        (
            "PRIORITY_UPDATE",
            frame(PRIORITY_UPDATE, NONE, 1, &[0; 4]),
            Reject::FrameOnWrongStream,
        ),
        (
            "an even stream",
            frame(HEADERS, END_HEADERS, 2, one),
            Reject::InvalidStreamId,
        ),
        (
            "DATA on an even stream",
            frame(DATA, NONE, 2, b"x"),
            Reject::FrameOnIdleStream,
        ),
        // Padding (sections 6.1 and 6.2).
        (
            "padding",
            headers(PADDED | END_HEADERS, &[2, 0]),
            Reject::InvalidPadding,
        ),
        (
            "padding",
            [post(1), frame(DATA, PADDED, 1, &[1])].concat(),
            Reject::InvalidPadding,
        ),
        (
            "padding",
            [post(1), frame(DATA, PADDED, 1, &[9, 1])].concat(),
            Reject::InvalidPadding,
        ),
        (
            "padding",
            [post(1), frame(DATA, PADDED, 1, &[])].concat(),
            Reject::InvalidFrameSize,
        ),
        // Turns (sections 6.10 and 8.4).
        (
            "PUSH_PROMISE",
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0; 4]),
            Reject::UnexpectedPush,
        ),
        (
            "lone CONTINUATION",
            frame(CONTINUATION, END_HEADERS, 1, &[]),
            Reject::UnexpectedContinuation,
        ),
        (
            "CONTINUATION behind the end",
            [get(1), frame(CONTINUATION, END_HEADERS, 1, &[])].concat(),
            Reject::UnexpectedContinuation,
        ),
        (
            "of another stream",
            [&begun[..], &frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
            Reject::HeaderBlockInterrupted,
        ),
        (
            "HEADERS between",
            [&begun[..], &get(3)].concat(),
            Reject::HeaderBlockInterrupted,
        ),
        (
            "PING between",
            [&begun[..], &frame(PING, NONE, 0, &[0; 8])].concat(),
            Reject::HeaderBlockInterrupted,
        ),
        (
            "unknown between",
            [&begun[..], &frame(0xee, NONE, 0, &[0; 8])].concat(),
            Reject::HeaderBlockInterrupted,
        ),
        // Values.
        ("a setting", settings(&[(2, 2)]), Reject::InvalidSetting),
        (
            "a window",
            settings(&[(4, 0x8000_0000)]),
            Reject::InvalidInitialWindow,
        ),
        (
            "its own priority",
            frame(PRIORITY, NONE, 1, &[0, 0, 0, 1, 9]),
            Reject::SelfDependency,
        ),
        (
            "a stream of the server",
            frame(PRIORITY_UPDATE, NONE, 0, &[0, 0, 0, 2]),
            Reject::InvalidPriorityUpdate,
        ),
        // Header blocks (section 4.3).
        (
            "an index",
            headers(END_HEADERS, &[0xff, 0x10]),
            Reject::InvalidHeaderIndex,
        ),
        (
            "half a field",
            headers(END_HEADERS, &[0x40, 5]),
            Reject::HeaderBlockCutShort,
        ),
        (
            "in trailers",
            [
                post(1),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x80]),
            ]
            .concat(),
            Reject::InvalidHeaderIndex,
        ),
        (
            "in a block that is dropped",
            [post(1), reset(1), frame(HEADERS, END_HEADERS, 1, &[0x80])].concat(),
            Reject::InvalidHeaderIndex,
        ),
    ];
    for (what, bytes, reject) in table {
        let mut peer = Peer::new();
        let said = peer.send(&bytes);
        assert_eq!(said.last(), Some(&Said::Failed(reject)), "{what}");
        let code = reject.code().unwrap().number();
        let answers = peer.answers();
        let last = answers.last().unwrap();
        assert!(
            last.starts_with("GoAway 0:") && last.ends_with(&format!(" {code}")),
            "{last}"
        );
        assert!(peer.connection.is_over());
        // Nothing that comes behind it is looked at, and it is not said twice.
        assert_eq!(peer.send(&get(99)), [Said::Failed(reject)], "{what}");
        assert_eq!(peer.answers(), [""; 0]);
    }
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
