//! Flow control against a model of the client: what either side may send is what the other allows,
//! and nothing is ever stuck.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails where it does not hold"
)]

mod common;

use std::collections::BTreeMap;

use common::h2::*;
use licorne_proto::h2::{Config, Connection, ErrorCode};
use licorne_proto::{Policy, RequestHead, StreamId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What happens on a connection; numbers are reduced to what makes sense.
#[derive(Clone, Debug)]
enum Step {
    /// The client opens a stream.
    Open,
    /// The client sends DATA as far as it may: stream, length, padding, `END_STREAM`.
    Send(u8, u16, Option<u8>, bool),
    /// The server has taken so much of what has come on a stream.
    Consume(u8, u16),
    /// The server sends as much as it may, or less.
    Respond(u8, u16, bool),
    /// The client allows more on a stream, or on the connection.
    Allow(Option<u8>, u16),
    /// The client changes the window that streams begin with, several times.
    Settings(Vec<u32>),
    /// Either side gives up a stream.
    Reset(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![0..40_u16, any::<u16>()];
    prop_oneof![
        2 => Just(Step::Open),
        6 => (any::<u8>(), size(), proptest::option::of(any::<u8>()), prop::bool::weighted(0.1))
            .prop_map(|(stream, len, padding, end)| Step::Send(stream, len, padding, end)),
        5 => (any::<u8>(), size()).prop_map(|(stream, len)| Step::Consume(stream, len)),
        4 => (any::<u8>(), size(), prop::bool::weighted(0.1))
            .prop_map(|(stream, len, end)| Step::Respond(stream, len, end)),
        3 => (proptest::option::of(any::<u8>()), size()).prop_map(|(stream, by)| Step::Allow(stream, by)),
        1 => vec(0..200_000_u32, 1..4).prop_map(Step::Settings),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(stream, peer)| Step::Reset(stream, peer)),
    ]
}

/// A stream as the client sees it.
#[derive(Debug)]
struct Stream {
    /// What the client may send.
    sending: i64,
    /// What it allows the server to send.
    receiving: i64,
    /// Bytes that were handed on and not consumed.
    held: usize,
    /// It has sent `END_STREAM`.
    ended: bool,
}

/// The client, with the server in its hand.
struct Client {
    connection: Connection,
    policy: Policy,
    kept: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
    next: u32,
    sending: i64,
    receiving: i64,
    /// The window that a stream begins with, of either side.
    window: i64,
    theirs: i64,
}

impl Client {
    fn new(window: u32) -> Self {
        let policy = Policy {
            http2: Config {
                initial_window_size: window,
                ..Config::default()
            },
            ..Policy::default()
        };
        let mut client = Self {
            connection: Connection::new(&policy.http2, false, false),
            policy,
            kept: Vec::new(),
            streams: BTreeMap::new(),
            next: 1,
            sending: 65_535,
            receiving: 65_535,
            window: 65_535,
            theirs: 65_535,
        };
        client.read_answers();
        assert_eq!(client.theirs, i64::from(window));
        client.write(&preface());
        client
    }

    /// Hands bytes to the server, which must not mind.
    fn write(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        let (mut outcome, mut head) = (Outcome::default(), RequestHead::default());
        drain(
            &mut self.connection,
            &self.policy,
            &mut self.kept,
            false,
            &mut head,
            &mut outcome,
        );
        for said in &outcome.said {
            match said {
                Said::Body(stream, bytes) => {
                    self.streams.get_mut(stream).unwrap().held += bytes.len();
                }
                Said::Failed(reject) | Said::Reset(_, Some(reject)) => panic!("{reject:?}"),
                _ => {}
            }
        }
        self.connection.answers().splice(..0, outcome.answers);
        self.read_answers();
    }

    /// Takes what the server has to say into account.
    fn read_answers(&mut self) {
        let bytes = std::mem::take(self.connection.answers());
        for (kind, flags, stream, payload) in frames(&bytes) {
            let number = payload
                .first_chunk()
                .map_or(0, |number| u32::from_be_bytes(*number));
            match (kind, stream) {
                (WINDOW_UPDATE, 0) => self.sending += i64::from(number),
                (WINDOW_UPDATE, stream) => {
                    // Only of streams that still receive.
                    let stream = self.streams.get_mut(&stream).unwrap();
                    assert!(!stream.ended && number > 0);
                    stream.sending += i64::from(number);
                    assert!(stream.sending <= self.theirs, "more than was announced");
                }
                (SETTINGS, 0) if flags & ACK == 0 => {
                    for setting in payload.chunks(6) {
                        if setting[..2] == [0, 4] {
                            self.theirs =
                                i64::from(u32::from_be_bytes(*setting[2..].first_chunk().unwrap()));
                        }
                    }
                }
                (GOAWAY, _) => panic!("{payload:?}"),
                _ => {}
            }
        }
    }

    /// One of the streams that are open.
    fn pick(&self, which: u8) -> Option<u32> {
        let count = self.streams.len();
        let at = usize::from(which).checked_rem(count)?;
        self.streams.keys().nth(at).copied()
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Open if self.streams.len() < 90 => {
                let (sending, receiving) = (self.theirs, self.window);
                let stream = Stream {
                    sending,
                    receiving,
                    held: 0,
                    ended: false,
                };
                let number = self.next;
                self.streams.insert(number, stream);
                self.next += 2;
                self.write(&frame(HEADERS, END_HEADERS, number, &request("POST", &[])));
            }
            Step::Send(which, len, padding, end) => self.send(which, len, padding, end),
            Step::Consume(which, len) => {
                let Some(number) = self.pick(which) else {
                    return;
                };
                let stream = self.streams.get_mut(&number).unwrap();
                let count = stream.held.min(len.into());
                stream.held -= count;
                self.connection.consumed(StreamId::new(number), count);
                self.read_answers();
            }
            Step::Respond(which, len, end) => self.respond(which, len, end),
            Step::Allow(which, by) => {
                let by = u32::from(by) + 1;
                let number = which.and_then(|which| self.pick(which)).unwrap_or(0);
                match self.streams.get_mut(&number) {
                    Some(stream) => stream.receiving += i64::from(by),
                    None => self.receiving += i64::from(by),
                }
                self.write(&frame(WINDOW_UPDATE, NONE, number, &by.to_be_bytes()));
            }
            Step::Settings(windows) => self.change_windows(windows),
            Step::Reset(which, peer) => {
                let Some(number) = self.pick(which) else {
                    return;
                };
                self.streams.remove(&number);
                if peer {
                    self.write(&frame(RST_STREAM, NONE, number, &[0, 0, 0, 8]));
                } else {
                    self.connection
                        .reset(StreamId::new(number), ErrorCode::InternalError);
                    self.read_answers();
                }
            }
            Step::Open => {}
        }
    }

    /// Windows that streams begin with, one after the other.
    fn change_windows(&mut self, windows: Vec<u32>) {
        for window in &windows {
            let change = i64::from(*window) - self.window;
            self.window = i64::from(*window);
            for stream in self.streams.values_mut() {
                stream.receiving += change;
            }
        }
        let pairs: Vec<_> = windows.into_iter().map(|window| (4, window)).collect();
        self.write(&settings(&pairs));
    }

    fn send(&mut self, which: u8, len: u16, padding: Option<u8>, end: bool) {
        let Some(number) = self.pick(which) else {
            return;
        };
        let stream = self.streams.get_mut(&number).unwrap();
        if stream.ended {
            return;
        }
        let most = self.sending.min(stream.sending).clamp(0, 16_384);
        let extra = padding.map_or(0, |padding| i64::from(padding) + 1);
        let (padding, extra) = if extra > most {
            (None, 0)
        } else {
            (padding, extra)
        };
        let len = i64::from(len).min(most - extra);
        if len == 0 && !end {
            return;
        }
        self.sending -= len + extra;
        stream.sending -= len + extra;
        stream.ended = end;
        let mut payload: Vec<u8> = padding.into_iter().collect();
        payload.extend(vec![b'x'; usize::try_from(len).unwrap()]);
        payload.extend(vec![0; usize::from(padding.unwrap_or_default())]);
        let padded = if padding.is_some() { PADDED } else { NONE };
        let flags = padded | if end { END_STREAM } else { NONE };
        self.write(&frame(DATA, flags, number, &payload));
    }

    /// The server sends, and the client sees whether it may.
    fn respond(&mut self, which: u8, len: u16, end: bool) {
        let Some(number) = self.pick(which) else {
            return;
        };
        let id = StreamId::new(number);
        let stream = self.streams.get_mut(&number).unwrap();
        let capacity = self.connection.capacity(id);
        let most = self.receiving.min(stream.receiving).clamp(0, 16_384);
        assert_eq!(capacity, usize::try_from(most).unwrap());
        let len = capacity.min(len.into());
        let mut out = Vec::new();
        assert!(self.connection.data(id, len, end, &mut out));
        self.receiving -= i64::try_from(len).unwrap();
        stream.receiving -= i64::try_from(len).unwrap();
        if end {
            self.streams.remove(&number);
            self.connection.finished(id);
            self.read_answers();
        }
    }
}

proptest! {
    #[test]
    fn both_sides_think_the_same_of_the_windows(
        window in select(vec![1_u32, 100, 16_384, 65_535, 1 << 20]), steps in vec(step(), 0..150),
    ) {
        let mut client = Client::new(window);
        for step in steps {
            client.carry_out(step);
        }
        // When all is consumed each stream can be sent on, and half of its window at least.
        for (number, stream) in &client.streams {
            client.connection.consumed(StreamId::new(*number), stream.held);
        }
        client.read_answers();
        for stream in client.streams.values().filter(|stream| !stream.ended) {
            prop_assert!(stream.sending * 2 >= client.theirs, "{stream:?}");
        }
        prop_assert!(client.sending >= 1 << 19, "{}", client.sending);
    }
}
