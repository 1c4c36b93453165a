//! Flow control in both directions.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::Config;
use crate::reject::Reject;

const ONE: StreamId = StreamId::new(1);

/// A client that has opened a stream whose response may begin.
fn with_response(first: &[u8]) -> Peer {
    let mut peer = Peer::new();
    peer.send(first);
    peer.send(&get(1));
    peer
}

/// Sends as much as may be sent at once.
fn fill(peer: &mut Peer) -> usize {
    let mut sent = 0;
    loop {
        let capacity = peer.connection.capacity(ONE);
        if capacity == 0 {
            return sent;
        }
        assert!(peer.connection.data(ONE, capacity, false, &mut Vec::new()));
        sent += capacity;
    }
}

#[test]
fn a_window_is_refilled_when_half_of_it_was_consumed() {
    let mut peer = Peer::new();
    peer.send(&post(1));
    let mut received = 0;
    // Far more than the window of the stream and that of the connection.
    for _ in 0..400 {
        for said in peer.send(&frame(DATA, NONE, 1, &[b'x'; 16_000])) {
            let Said::Body(1, bytes) = said else {
                panic!("{said:?}")
            };
            received += bytes.len();
            peer.connection.consumed(ONE, bytes.len());
        }
    }
    assert_eq!(received, 6_400_000);
    let answers = peer.answers();
    let of = |front: &str| answers.iter().filter(|it| it.starts_with(front)).count();
    // 32,767 bytes at a time in pieces of 16,000, and 524,288.
    assert_eq!(
        (of("WindowUpdate 1: 48000"), of("WindowUpdate 0: 528000")),
        (133, 12)
    );
    assert_eq!(answers.len(), 145);
}

#[test]
fn a_window_that_is_never_refilled_ends() {
    let mut peer = Peer::new();
    peer.send(&post(1));
    let frame = frame(DATA, NONE, 1, &[b'x'; 16_384]);
    for _ in 0..3 {
        assert!(matches!(peer.send(&frame)[..], [Said::Body(..)]));
    }
    // 65,536 bytes: one too many.
    let reset = Said::Reset(1, Some(Reject::WindowExceeded));
    assert_eq!(peer.send(&frame), [reset]);
    assert_eq!(peer.answers(), ["Reset 1: 3"]);
}

#[test]
fn the_window_of_the_connection_is_shared() {
    let mut peer = Peer::with_config(Config {
        initial_window_size: 1 << 20,
        ..Config::default()
    });
    // Four windows of streams.
    for stream in [1, 3, 5, 7] {
        peer.send(&post(stream));
        for _ in 0..64 {
            assert!(matches!(
                peer.send(&frame(DATA, NONE, stream, &[0; 16_384]))[..],
                [Said::Body(..)]
            ));
        }
    }
    peer.send(&post(9));
    let said = peer.send(&frame(DATA, NONE, 9, b"x"));
    assert_eq!(said, [Said::Failed(Reject::WindowExceeded)]);
    assert_eq!(peer.answers(), ["GoAway 0: 9 3"]);
}

#[test]
fn padding_is_credited_at_once() {
    let mut peer = Peer::new();
    peer.send(&post(1));
    let mut padded = vec![255];
    padded.extend([b'x'; 1]);
    padded.extend([0; 255]);
    let frame = frame(DATA, PADDED, 1, &padded);
    // 257 bytes each, of which one is consumed.
    for _ in 0..5000 {
        assert_eq!(peer.send(&frame), [Said::Body(1, b"x".to_vec())]);
        peer.connection.consumed(ONE, 1);
    }
    let answers = peer.answers();
    assert!(
        answers
            .iter()
            .any(|answer| answer.starts_with("WindowUpdate 0"))
    );
    assert!(
        answers
            .iter()
            .any(|answer| answer.starts_with("WindowUpdate 1"))
    );
}

#[test]
fn what_is_never_consumed_is_credited_with_the_end_of_its_stream() {
    let mut peer = Peer::new();
    let mut out = Vec::new();
    for stream in (1..200).step_by(2) {
        peer.send(&post(stream));
        peer.send(&frame(DATA, NONE, stream, &[0; 16_384]));
        peer.send(&frame(DATA, NONE, stream, &[0; 16_384]));
        // In turn: the response ends before the request, both end, one of them gives up.
        let id = StreamId::new(stream);
        match stream % 8 {
            1 => {
                assert!(peer.connection.headers(id, &[], true, &mut out));
                peer.connection.finished(id);
            }
            3 => {
                peer.send(&frame(DATA, END_STREAM, stream, b""));
                assert!(peer.connection.headers(id, &[], true, &mut out));
            }
            5 => assert!(matches!(peer.send(&reset(stream))[..], [Said::Reset(..)])),
            _ => peer
                .connection
                .reset(id, crate::h2::ErrorCode::InternalError),
        }
        assert!(peer.connection.idle());
        peer.connection.consumed(id, 32_768);
    }
}

#[test]
fn what_is_consumed_twice_counts_once() {
    let mut peer = Peer::new();
    peer.send(&post(1));
    peer.send(&frame(DATA, NONE, 1, &[0; 10_000]));
    peer.connection.consumed(ONE, 1_000_000);
    peer.connection.consumed(ONE, 1_000_000);
    assert_eq!(peer.answers(), [""; 0]);
}

#[test]
fn several_initial_window_sizes_in_one_settings_count_in_order() {
    let mut peer = with_response(&settings(&[(4, 100)]));
    assert_eq!(peer.connection.capacity(ONE), 100);
    assert_eq!(fill(&mut peer), 100);
    // Down to 10, up to 250: in all 150 more.
    let said = peer.send(&settings(&[(4, 10), (3, 7), (4, 250)]));
    assert_eq!(said, [Said::Room]);
    assert_eq!(fill(&mut peer), 150);
    // A window that would be too large between two of them.
    peer.send(&window_update(1, 0x7fff_ffff - 250));
    let said = peer.send(&settings(&[(4, 0x7fff_ffff), (4, 0)]));
    assert_eq!(said, [Said::Failed(Reject::WindowOverflow)]);
}

#[test]
fn a_window_can_become_negative() {
    let mut peer = with_response(&[]);
    assert_eq!(fill(&mut peer), 65_535);
    peer.send(&window_update(0, 1_000_000));
    // RFC 9113, section 6.9.2: 16,384 less 65,535.
    assert_eq!(peer.send(&settings(&[(4, 16_384)])), []);
    assert_eq!(peer.connection.capacity(ONE), 0);
    peer.send(&window_update(1, 49_151));
    assert_eq!(peer.connection.capacity(ONE), 0);
    assert_eq!(peer.send(&window_update(1, 1)), [Said::Room]);
    assert_eq!(peer.connection.capacity(ONE), 1);
}

#[test]
fn a_window_cannot_be_larger_than_the_largest() {
    let mut peer = with_response(&[]);
    assert_eq!(
        peer.send(&window_update(1, 0x7fff_ffff - 65_535)),
        [Said::Room]
    );
    let reset = Said::Reset(1, Some(Reject::WindowOverflow));
    assert_eq!(peer.send(&window_update(1, 1)), [reset]);
    assert_eq!(peer.answers().last().unwrap(), "Reset 1: 3");

    let mut peer = with_response(&[]);
    assert_eq!(
        peer.send(&window_update(0, 0x7fff_ffff - 65_535)),
        [Said::Room]
    );
    let said = peer.send(&window_update(0, 1));
    assert_eq!(said, [Said::Failed(Reject::WindowOverflow)]);
    assert_eq!(peer.answers().last().unwrap(), "GoAway 0: 1 3");
}

#[test]
fn a_window_update_of_nothing_is_an_error() {
    let said = Peer::new().send(&window_update(0, 0));
    assert_eq!(said, [Said::Failed(Reject::EmptyWindowUpdate)]);
    // The reserved bit does not count.
    let said = Peer::new().send(&window_update(0, 0x8000_0000));
    assert_eq!(said, [Said::Failed(Reject::EmptyWindowUpdate)]);
}

#[test]
fn what_may_be_sent_is_the_least_of_all() {
    let mut peer = with_response(&[]);
    let three = StreamId::new(3);
    peer.send(&get(3));
    // Frames are not larger than others want to wait for.
    assert_eq!(peer.connection.capacity(ONE), 16_384);
    peer.send(&settings(&[(5, 100_000)]));
    assert_eq!(peer.connection.capacity(ONE), 16_384);
    assert_eq!(fill(&mut peer), 65_535);
    assert_eq!(peer.connection.capacity(three), 0, "the connection is full");
    assert!(!peer.connection.data(three, 1, false, &mut Vec::new()));
    assert!(peer.connection.can_send(three));
    peer.send(&window_update(0, 10));
    assert_eq!(
        (
            peer.connection.capacity(ONE),
            peer.connection.capacity(three)
        ),
        (0, 10)
    );
    let mut out = Vec::new();
    assert!(peer.connection.data(three, 4, true, &mut out));
    assert_eq!(out, [0, 0, 4, 0, 1, 0, 0, 0, 3]);
    assert_eq!(peer.connection.capacity(three), 0, "it has ended");
}

#[test]
fn room_is_said_once_for_all_that_has_come() {
    let mut peer = with_response(&[]);
    let said = peer.send(
        &[
            window_update(0, 5),
            window_update(1, 5),
            get(3),
            window_update(3, 5),
        ]
        .concat(),
    );
    assert_eq!(said, [Said::Head(3), Said::End(3), Said::Room]);
}

#[test]
fn a_smaller_window_counts_once_it_is_acknowledged() {
    let policy = crate::Policy {
        http2: Config {
            initial_window_size: 100,
            ..Config::default()
        },
        ..crate::Policy::default()
    };
    let mut peer = Peer::with(policy);
    peer.send(&post(1));
    let reset = Said::Reset(1, Some(Reject::WindowExceeded));
    assert_eq!(peer.send(&frame(DATA, NONE, 1, &[0; 101])), [reset]);
    peer.send(&post(3));
    assert!(matches!(
        peer.send(&frame(DATA, NONE, 3, &[0; 100]))[..],
        [Said::Body(..)]
    ));
}
