//! What a client may make the server do for nothing.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::Config;
use crate::reject::Reject;

/// Sends a frame until the connection fails; how often, and why it did. Answers are taken at once.
fn flood(peer: &mut Peer, mut frame: impl FnMut(u32) -> Vec<u8>) -> (u32, Reject) {
    for times in 0..100_000 {
        let said = peer.send(&frame(times));
        peer.connection.answers().clear();
        if let Some(Said::Failed(reject)) = said.last() {
            return (times, *reject);
        }
    }
    panic!("it goes on for ever")
}

#[test]
fn floods_of_frames_that_cost_nothing() {
    let ping = flood(&mut Peer::new(), |_| frame(PING, NONE, 0, &[0; 8]));
    assert_eq!(
        ping,
        (999, Reject::TooManyPings),
        "the first SETTINGS counted, too"
    );
    let settings = flood(&mut Peer::new(), |_| settings(&[(3, 1)]));
    assert_eq!(settings, (999, Reject::TooManyPings));
    let priority = flood(&mut Peer::new(), |_| {
        frame(PRIORITY, NONE, 1, &[0, 0, 0, 3, 1])
    });
    assert_eq!(priority, (1999, Reject::TooManyIdleFrames));
    let unknown = flood(&mut Peer::new(), |_| frame(0xee, NONE, 0, &[]));
    assert_eq!(unknown, (1999, Reject::TooManyIdleFrames));
    let update = flood(&mut Peer::new(), |_| window_update(0, 1));
    assert_eq!(update, (2000, Reject::TooManyWindowUpdates));
    let mut peer = Peer::new();
    peer.send(&post(1));
    let empty = flood(&mut peer, |_| frame(DATA, NONE, 1, &[]));
    assert_eq!(empty, (100, Reject::TooManyEmptyFrames));
    let mut peer = Peer::new();
    peer.send(&post(1));
    let padded = flood(&mut peer, |_| frame(DATA, PADDED, 1, &[3, 0, 0, 0]));
    assert_eq!(padded, (100, Reject::TooManyEmptyFrames));
    let mut peer = Peer::new();
    peer.send(&[post(1), reset(1)].concat());
    let late = flood(&mut peer, |_| reset(1));
    assert_eq!(late.1, Reject::TooManyIdleFrames);
}

#[test]
fn many_settings_in_one_frame_count_as_several() {
    let pairs = vec![(4, 1); 2730];
    let large = flood(&mut Peer::new(), |_| settings(&pairs));
    assert_eq!(large, (5, Reject::TooManyPings));
}

#[test]
fn time_pays_for_them() {
    let mut peer = Peer::new();
    for second in 0..20 {
        peer.connection.at(second);
        for _ in 0..900 {
            assert_eq!(peer.send(&frame(PING, NONE, 0, &[0; 8])), []);
            peer.connection.answers().clear();
        }
    }
}

#[test]
fn rapid_resets() {
    // CVE-2023-44487: twice as many as streams may be open.
    let rapid = |number| [get(2 * number + 1), reset(2 * number + 1)].concat();
    assert_eq!(flood(&mut Peer::new(), rapid), (200, Reject::TooManyResets));
    // CVE-2025-8671: the client makes the server reset them.
    let made = |number| [post(2 * number + 1), window_update(2 * number + 1, 0)].concat();
    assert_eq!(flood(&mut Peer::new(), made), (200, Reject::TooManyResets));
    let malformed = |number| {
        let block = request("GET", &[("connection", "x")]);
        frame(HEADERS, END_HEADERS, 2 * number + 1, &block)
    };
    assert_eq!(
        flood(&mut Peer::new(), malformed),
        (200, Reject::TooManyResets)
    );
}

#[test]
fn resets_are_earned_back_by_finished_streams() {
    let mut peer = Peer::new();
    let mut out = Vec::new();
    for round in 0..2000 {
        let (first, second) = (4 * round + 1, 4 * round + 3);
        let said = peer.send(&[get(first), reset(first), get(second)].concat());
        assert_eq!(said.last(), Some(&Said::End(second)));
        assert!(
            peer.connection
                .headers(StreamId::new(second), &[], true, &mut out)
        );
        out.clear();
    }
    assert_eq!(peer.answers(), [""; 0]);
}

#[test]
fn streams_above_the_limit_are_refused_and_some_too_many_of_them_are_not_suffered() {
    let mut peer = Peer::with_config(Config {
        max_concurrent_streams: 2,
        ..Config::default()
    });
    peer.send(&[get(1), get(3)].concat());
    let refused = Said::Reset(5, Some(Reject::TooManyStreams));
    assert_eq!(peer.send(&get(5)), [refused]);
    assert_eq!(peer.answers(), ["Reset 5: 7"]);
    // One is done: there is room again.
    assert!(
        peer.connection
            .headers(StreamId::new(1), &[], true, &mut Vec::new())
    );
    assert_eq!(peer.send(&get(7)), [Said::Head(7), Said::End(7)]);
    let more = flood(&mut peer, |number| get(2 * number + 9));
    assert_eq!(more, (4, Reject::TooManyResets));
}

#[test]
fn heads_that_grow_on_their_way_are_bounded_together() {
    let mut peer = Peer::new();
    let head = |number, fields: &[u8]| {
        let block = [&request("POST", &[]), fields].concat();
        frame(HEADERS, END_HEADERS, number, &block)
    };
    // A field of 3,900 bytes comes into the table (RFC 7541, section 6.2.1) ...
    let value = [b'v'; 3900];
    let added = [b"\x40\x03x-a\x7f\xbd\x1d", &value[..]].concat();
    assert_eq!(peer.send(&head(1, &added)), [Said::Head(1)]);
    // ... from where a byte brings it: each of these heads has fifteen of it.
    let beyond = |number: &u32| peer.send(&head(*number, &[0xbe; 15])) != [Said::Head(*number)];
    let refused = (3..).step_by(2).find(beyond);
    assert_eq!(refused, Some(37), "17 of them have less than 1 MiB");
    assert_eq!(peer.answers(), ["Reset 37: 7"]);
    // One is over: there is room again.
    peer.send(&reset(3));
    assert_eq!(peer.send(&head(39, &[0xbe; 15])), [Said::Head(39)]);
}

#[test]
fn answers_that_are_not_taken() {
    let mut peer = Peer::new();
    let ping = frame(PING, NONE, 0, &[0; 8]);
    for second in 0..100 {
        peer.connection.at(second);
        for _ in 0..500 {
            if let [Said::Failed(reject)] = peer.send(&ping)[..] {
                assert_eq!(reject, Reject::UnreadAnswers);
                assert!(peer.connection.answers().len() < 66_000);
                return;
            }
        }
    }
    panic!("nothing stops it");
}

#[test]
fn header_blocks_without_end() {
    // CVE-2024-27316: as many as a block of 128 KiB may have.
    let mut peer = Peer::new();
    peer.send(&frame(HEADERS, NONE, 1, &[]));
    let empty = flood(&mut peer, |_| frame(CONTINUATION, NONE, 1, &[]));
    assert_eq!(empty, (144, Reject::TooManyContinuations));
    let mut peer = Peer::new();
    peer.send(&frame(HEADERS, NONE, 1, &[]));
    let full = flood(&mut peer, |_| frame(CONTINUATION, NONE, 1, &[0; 16_384]));
    assert_eq!(full, (8, Reject::HeaderBlockTooLarge));
    let mut peer = Peer::with_config(Config {
        max_frame_size: 1 << 20,
        ..Config::default()
    });
    // It is not waited for.
    let large = frame(HEADERS, END_HEADERS, 1, &vec![0x82; 200_000]);
    let said = peer.send(&large[..9]);
    assert_eq!(said, [Said::Failed(Reject::HeaderBlockTooLarge)]);
    for kind in [PRIORITY, SETTINGS, PRIORITY_UPDATE] {
        let mut peer = Peer::with_config(Config {
            max_frame_size: 1 << 20,
            ..Config::default()
        });
        let said = peer.send(&frame(kind, NONE, 0, &vec![0; 16_386])[..9]);
        assert_eq!(said, [Said::Failed(Reject::FrameTooLarge)]);
    }
}
