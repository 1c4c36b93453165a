//! Any bytes as frames of an HTTP/2 client: cuts do not matter, what a connection keeps has a bound,
//! every stream is told of from its beginning to its end, and what is answered is in frames.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod memory;
mod pieces;

use std::collections::BTreeMap;

use common::h2::{ACK, DATA, HEADERS, NONE, PING, SETTINGS, frame, frames, preface, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::h2::{Config, Connection, ErrorCode, PREFACE, hpack};
use licorne_proto::protocol::Served;
use licorne_proto::{Event, Limits, Policy, RequestHead, StreamId};
use pieces::Choices;

/// Bytes that a connection may keep beside the lists of fields that it accepts: tables, streams and
/// what is remembered of them, a header block as it comes, answers.
const KEPT: usize = 128 << 10;

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = policy(&choices);
    let input = if choices.bit(7) {
        built(choices.rest)
    } else {
        choices.rest.to_vec()
    };
    let eof = choices.bit(6);
    let whole = run(&policy, &[&input], eof);
    assert_eq!(run(&policy, &choices.cut(&input), eof), whole, "in pieces");
    let most = KEPT + 4 * policy.http2.max_header_list_size as usize;
    memory::is_bounded(begin, &policy, &choices.cut(&input), most);
    let mut server = Server::new(&policy, choices.which);
    for piece in choices.cut(&input) {
        server.read(piece);
    }
    server.is_answered(&input);
});

fn policy(choices: &Choices<'_>) -> Policy {
    let or = |bit, small, usual| if choices.bit(bit) { small } else { usual };
    Policy {
        limits: Limits {
            body: choices.bit(5).then_some(10),
            ..Limits::default()
        },
        http2: Config {
            max_concurrent_streams: or(0, 2, 100),
            initial_window_size: or(1, 100, 65_535),
            max_frame_size: or(2, 1 << 20, 16_384),
            max_header_list_size: or(3, 400, 65_536),
            connect_protocol: choices.bit(4),
        },
        ..Policy::default()
    }
}

/// A connection whose TLS has agreed on HTTP/2.
fn begin() -> licorne_proto::Connection {
    let served = Served {
        http2: true,
        ..Served::HTTP1
    };
    let mut connection = licorne_proto::Connection::begin(served, true, false, false);
    connection.agreed(b"h2");
    connection
}

/// Frames whose lengths are right, behind a preface: kind, flags, stream, length, payload.
fn built(mut rest: &[u8]) -> Vec<u8> {
    let mut input = preface();
    while let [kind, flags, stream, len, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        input.extend(frame(*kind, *flags, u32::from(*stream), payload));
        rest = behind;
    }
    input
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Begun,
    Ended,
    Refused,
    /// Answered before its end, or reset.
    Gone,
}

/// A server that answers, and what it has heard of each stream.
struct Server<'a> {
    policy: &'a Policy,
    connection: Connection,
    head: RequestHead,
    kept: Vec<u8>,
    consumed: usize,
    streams: BTreeMap<u32, Stream>,
    answered: usize,
    sent: Vec<u8>,
    failed: bool,
    /// Which streams are answered at once, and which are reset.
    which: u8,
}

impl<'a> Server<'a> {
    fn new(policy: &'a Policy, which: u8) -> Self {
        Self {
            policy,
            connection: Connection::new(&policy.http2, false, false),
            head: RequestHead::default(),
            kept: Vec::new(),
            consumed: 0,
            streams: BTreeMap::new(),
            answered: 0,
            sent: Vec::new(),
            failed: false,
            which,
        }
    }

    fn read(&mut self, piece: &[u8]) {
        self.kept.extend_from_slice(piece);
        let mut at = 0;
        while !self.failed {
            let (rest, head) = (&self.kept[at..], &mut self.head);
            let received = self.connection.receive(self.policy, rest, false, head);
            let Ok(received) = received else {
                self.failed = true;
                break;
            };
            at += received.consumed;
            if received.event == Event::NeedMore {
                break;
            }
            self.hear(received.event);
            let open = |stream: &&Stream| **stream != Stream::Gone;
            assert_eq!(
                self.connection.open_streams(),
                self.streams.values().filter(open).count(),
                "{:?}",
                self.streams
            );
        }
        self.consumed += at;
        self.kept.drain(..at);
        self.sent.append(self.connection.answers());
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Room => {}
            Event::Head(stream) => {
                self.begin(stream, Stream::Begun);
                if self.which & 1 == 1 && stream.number() % 4 == 3 {
                    self.answer(stream);
                }
            }
            Event::Body(stream, range) => {
                assert_eq!(self.streams[&stream.number()], Stream::Begun);
                if self.which & 2 == 0 {
                    self.connection.consumed(stream, range.len());
                }
            }
            Event::End(stream) => {
                let before = self.streams.insert(stream.number(), Stream::Ended);
                assert_eq!(before, Some(Stream::Begun));
                match self.which >> 2 & 3 {
                    0 => self.answer(stream),
                    1 if stream.number() % 4 == 1 => {
                        self.connection.reset(stream, ErrorCode::InternalError);
                        self.streams.insert(stream.number(), Stream::Gone);
                    }
                    // It is answered later, or never.
                    _ => {}
                }
            }
            Event::Refused(stream, why) => {
                assert_eq!(why.code(), None);
                match self.streams.get(&stream.number()) {
                    None => self.begin(stream, Stream::Refused),
                    Some(before) => assert_eq!(*before, Stream::Begun),
                }
                self.streams.insert(stream.number(), Stream::Refused);
                self.answer(stream);
            }
            Event::Reset(stream, why) => {
                assert!(why.is_none_or(|why| why.code().is_some()));
                let before = self.streams.insert(stream.number(), Stream::Gone);
                assert_ne!(before, Some(Stream::Gone));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Numbers of streams only grow.
    fn begin(&mut self, stream: StreamId, how: Stream) {
        let number = stream.number();
        let last = self.streams.last_key_value().map_or(0, |(last, _)| *last);
        assert!(number > last && number % 2 == 1);
        self.streams.insert(number, how);
    }

    /// As much as the windows allow.
    fn answer(&mut self, stream: StreamId) {
        let mut block = Vec::new();
        hpack::push_status(&mut block, 200);
        assert!(
            self.connection
                .headers(stream, &block, false, &mut self.sent)
        );
        let room = self.connection.capacity(stream);
        assert!(
            !self
                .connection
                .data(stream, room + 1, false, &mut self.sent)
        );
        let len = room.min(40);
        assert!(self.connection.data(stream, len, true, &mut self.sent));
        self.sent.resize(self.sent.len() + len, b'x');
        self.connection.finished(stream);
        self.streams.insert(stream.number(), Stream::Gone);
        self.answered += 1;
    }

    /// What was sent: whole frames, an answer to each PING and to all SETTINGS, in their order.
    fn is_answered(&self, input: &[u8]) {
        let sent = frames(&self.sent);
        let of = |kind: u8| sent.iter().filter(move |frame| frame.0 == kind);
        assert_eq!(of(HEADERS).count(), self.answered);
        assert_eq!(of(DATA).filter(|frame| frame.1 == 1).count(), self.answered);
        if self.failed || self.consumed < PREFACE.len() {
            return;
        }
        let wanted = whole_frames(&input[PREFACE.len()..self.consumed]);
        let asked = |kind: u8| {
            let all = wanted.iter();
            all.filter(move |frame| frame.0 == kind && frame.1 & ACK == NONE)
        };
        let pings: Vec<_> = asked(PING).map(|frame| &frame.3).collect();
        let echoed: Vec<_> = of(PING).map(|frame| &frame.3).collect();
        assert_eq!(echoed, pings);
        let acknowledged = of(SETTINGS).filter(|frame| frame.1 == ACK).count();
        assert_eq!(acknowledged, asked(SETTINGS).count());
    }
}

/// The frames in some bytes, but for one that goes on behind them.
fn whole_frames(bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut end = 0;
    while let Some([a, b, c]) = bytes.get(end..end + 3) {
        let len = 9 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if bytes.len() < end + len {
            break;
        }
        end += len;
    }
    frames(&bytes[..end])
}
