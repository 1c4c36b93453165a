//! Each frame in each state of a real stream, as the client gets to see it.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::ErrorCode;
use crate::reject::Reject;

/// The stream under test; those before it were skipped.
const STREAM: u32 = 5;

#[derive(Clone, Copy, Debug)]
enum Into {
    Idle,
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    Ended,
    ResetByPeer,
    ResetByUs,
    Skipped,
}

/// A connection whose stream is in this state.
fn peer(state: Into) -> Peer {
    let mut peer = Peer::new();
    let mut out = Vec::new();
    let stream = StreamId::new(STREAM);
    match state {
        Into::Idle => {}
        Into::Open => {
            peer.send(&post(STREAM));
        }
        Into::HalfClosedLocal => {
            peer.send(&post(STREAM));
            assert!(peer.connection.headers(stream, &block(&[]), true, &mut out));
        }
        Into::HalfClosedRemote => {
            peer.send(&get(STREAM));
        }
        Into::Ended => {
            peer.send(&get(STREAM));
            assert!(peer.connection.headers(stream, &block(&[]), true, &mut out));
        }
        Into::ResetByPeer => {
            peer.send(&[post(STREAM), reset(STREAM)].concat());
        }
        Into::ResetByUs => {
            peer.send(&post(STREAM));
            peer.connection.reset(stream, ErrorCode::Cancel);
        }
        Into::Skipped => {
            peer.send(&get(STREAM + 2));
        }
    }
    peer.connection.answers().clear();
    peer
}

/// What is said and answered when a frame comes.
fn outcome(state: Into, frame: &[u8]) -> String {
    let mut peer = peer(state);
    let said = peer.send(frame);
    let said = said.iter().map(|said| match said {
        Said::Head(_) => "head".to_owned(),
        Said::Body(..) => "body".to_owned(),
        Said::End(_) => "end".to_owned(),
        Said::Reset(_, None) => "given up".to_owned(),
        Said::Reset(_, Some(why)) => why.name().to_owned(),
        Said::Room => "room".to_owned(),
        Said::Failed(why) => format!("failed {}", why.name()),
        other => format!("{other:?}"),
    });
    let said: Vec<_> = said.collect();
    let answers = peer.answers().into_iter().map(|answer| {
        let answer = answer.replace(&format!("Reset {STREAM}: "), "RST ");
        let code = answer
            .rsplit_once(' ')
            .map(|(_, code)| format!("GOAWAY {code}"));
        if answer.starts_with("GoAway") {
            code.unwrap()
        } else {
            answer
        }
    });
    let answers: Vec<_> = answers.collect();
    [said.join(", "), answers.join(", ")].join(" / ")
}

#[test]
fn every_frame_in_every_state() {
    let headers = |flags| frame(HEADERS, END_HEADERS | flags, STREAM, &request("GET", &[]));
    let trailers = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        STREAM,
        &block(&[("x", "y")]),
    );
    let frames = [
        ("HEADERS", headers(NONE)),
        ("trailers", trailers),
        ("DATA", frame(DATA, NONE, STREAM, b"x")),
        ("DATA, end", frame(DATA, END_STREAM, STREAM, b"x")),
        ("RST_STREAM", reset(STREAM)),
        ("WINDOW_UPDATE", window_update(STREAM, 1)),
        ("WINDOW_UPDATE 0", window_update(STREAM, 0)),
        ("PRIORITY", frame(PRIORITY, NONE, STREAM, &[0, 0, 0, 3, 9])),
        (
            "CONTINUATION",
            frame(CONTINUATION, END_HEADERS, STREAM, &[]),
        ),
        ("unknown", frame(0xee, 0xff, STREAM, b"whatever")),
    ];
    let idle = "failed FrameOnIdleStream / GOAWAY 1";
    let lone = "failed UnexpectedContinuation / GOAWAY 1";
    let closed = "failed FrameOnClosedStream / GOAWAY 5";
    let late = "FrameOnClosedStream / RST 5";
    let more = "TrailersWithoutEnd / RST 1";
    let zero = "EmptyWindowUpdate / RST 1";
    let again = "failed InvalidStreamId / GOAWAY 1";
    let nothing = " / ";
    #[rustfmt::skip]
    let table = [
        (Into::Idle, ["head / ", "WrongPseudoFields / RST 1", idle, idle, idle, idle, idle, nothing, lone, nothing]),
        (Into::Open, [more, "end / ", "body / ", "body, end / ", "given up / ", "room / ", zero, nothing, lone, nothing]),
        (Into::HalfClosedLocal, [more, "end / ", "body / ", "body, end / ", "given up / ", "room / ", zero, nothing, lone, nothing]),
        (Into::HalfClosedRemote, [late, late, late, late, "given up / ", "room / ", zero, nothing, lone, nothing]),
        (Into::Ended, [closed, closed, closed, closed, nothing, nothing, nothing, nothing, lone, nothing]),
        (Into::ResetByPeer, [" / RST 5", " / RST 5", " / RST 5", " / RST 5", nothing, nothing, nothing, nothing, lone, nothing]),
        (Into::ResetByUs, [nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, lone, nothing]),
        (Into::Skipped, [again, again, closed, closed, nothing, nothing, nothing, nothing, lone, nothing]),
    ];
    for (state, row) in table {
        for ((name, frame), expected) in frames.iter().zip(row) {
            assert_eq!(outcome(state, frame), expected, "{name} in {state:?}");
        }
    }
}

#[test]
fn what_comes_behind_a_reset_is_dropped_and_given_back() {
    let mut peer = peer(Into::ResetByUs);
    for _ in 0..200 {
        assert_eq!(peer.send(&frame(DATA, NONE, STREAM, &[0; 16_384])), []);
        let answers = peer.answers();
        assert!(
            answers
                .iter()
                .all(|answer| answer.starts_with("WindowUpdate 0"))
        );
    }
}

#[test]
fn a_block_that_is_dropped_counts_for_those_behind_it() {
    let mut peer = peer(Into::ResetByUs);
    // Added to the dynamic table by the block on the stream that was reset.
    let added = [0x40, 1, b'a', 1, b'b'];
    assert_eq!(peer.send(&frame(HEADERS, END_HEADERS, STREAM, &added)), []);
    let block = [&request("GET", &[])[..], &[0xbe]].concat();
    let said = peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 7, &block));
    assert_eq!(said, [Said::Head(7), Said::End(7)]);
    assert_eq!(peer.head.fields_named(b"a").next().unwrap().value, b"b");
}

#[test]
fn streams_that_went_long_ago_are_still_told_apart_from_new_ones() {
    let mut peer = Peer::new();
    let mut out = Vec::new();
    for stream in (1..2000).step_by(2) {
        peer.send(&get(stream));
        assert!(
            peer.connection
                .headers(StreamId::new(stream), &[], true, &mut out)
        );
    }
    assert!(peer.connection.idle());
    assert_eq!(peer.send(&window_update(1, 5)), []);
    let failed = [Said::Failed(Reject::InvalidStreamId)];
    assert_eq!(peer.send(&get(1)), failed);
    assert_eq!(peer.send(&get(2001)), failed, "nothing more is looked at");
    assert_eq!(peer.answers(), ["GoAway 0: 1999 1"]);
}
