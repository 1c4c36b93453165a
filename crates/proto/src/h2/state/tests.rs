use super::*;

const STATES: [State; 8] = [
    State::Idle,
    State::Open,
    State::HalfClosedLocal,
    State::HalfClosedRemote,
    State::Ended,
    State::ResetByPeer,
    State::ResetByUs,
    State::Skipped,
];

#[test]
fn every_frame_in_every_state() {
    use State::{Ended, HalfClosedLocal, HalfClosedRemote, Open, ResetByPeer};
    use Verdict::{Connection, Ignored, Next, Stream};
    let closed = Reject::FrameOnClosedStream;
    let idle = Connection(Reject::FrameOnIdleStream);
    let again = Connection(Reject::InvalidStreamId);
    let more = Stream(Reject::TrailersWithoutEnd);
    // HEADERS, HEADERS with END_STREAM, DATA, DATA with END_STREAM, RST_STREAM, WINDOW_UPDATE; in
    // the order of `STATES`.
    #[rustfmt::skip]
    let table = [
        [Next(Open), Next(HalfClosedRemote), idle, idle, idle, idle],
        [more, Next(HalfClosedRemote), Next(Open), Next(HalfClosedRemote), Next(ResetByPeer), Next(Open)],
        [more, Next(Ended), Next(HalfClosedLocal), Next(Ended), Next(ResetByPeer), Next(HalfClosedLocal)],
        [Stream(closed), Stream(closed), Stream(closed), Stream(closed), Next(ResetByPeer), Next(HalfClosedRemote)],
        [Connection(closed), Connection(closed), Connection(closed), Connection(closed), Ignored, Ignored],
        [Stream(closed), Stream(closed), Stream(closed), Stream(closed), Ignored, Ignored],
        [Ignored, Ignored, Ignored, Ignored, Ignored, Ignored],
        [again, again, Connection(closed), Connection(closed), Ignored, Ignored],
    ];
    let frames = [
        Got::Headers { end: false },
        Got::Headers { end: true },
        Got::Data { end: false },
        Got::Data { end: true },
        Got::Reset,
        Got::WindowUpdate,
    ];
    for (state, row) in STATES.into_iter().zip(table) {
        for (got, verdict) in frames.into_iter().zip(row) {
            assert_eq!(state.on(got), verdict, "{got:?} in {state:?}");
        }
    }
}

#[test]
fn what_the_server_has_ended_it_does_not_send_on() {
    for state in STATES {
        let after = state.on_sent_end();
        assert!(!after.sends(), "{state:?}");
        let expected = match state {
            State::Open => State::HalfClosedLocal,
            State::HalfClosedRemote => State::Ended,
            other => other,
        };
        assert_eq!(after, expected);
        assert_eq!(
            state.receives(),
            matches!(state, State::Open | State::HalfClosedLocal)
        );
        assert_eq!(
            state.sends(),
            matches!(state, State::Open | State::HalfClosedRemote)
        );
    }
}
