//! An HTTP/2 server without sockets, for tests that compare it with others: frames in, events out.
//!
//! Each line of the input is `new` (another connection) or bytes in hexadecimal digits. What came of
//! it follows on lines of its own, then one with a dot: `head`, `data`, `end`, `reset` and `refused`
//! with the number of the stream, `closed`, and `sent` with the bytes that go out.
//!
//! A request for `/N` is answered with its own fields and N bytes when it is complete, as the windows
//! allow; one for `/hold` never, and its body is not taken.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};

use licorne_proto::h2::{Config, Connection, hpack};
use licorne_proto::{Event, Policy, RequestHead, StreamId};

fn main() {
    let policy = Policy {
        http2: Config {
            max_concurrent_streams: 8,
            ..Config::default()
        },
        ..Policy::default()
    };
    let mut server = Server::new(&policy);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut said = String::new();
        if line == "new" {
            server = Server::new(&policy);
        } else {
            server.read(&bytes(&line), &mut said);
        }
        let sent = server.sent();
        writeln!(out, "{said}sent {}\n.", hex(&sent)).unwrap();
    }
}

struct Server<'a> {
    policy: &'a Policy,
    connection: Connection,
    head: RequestHead,
    kept: Vec<u8>,
    out: Vec<u8>,
    /// What is asked for on each stream: how many bytes, or nothing yet.
    asked: HashMap<StreamId, Option<usize>>,
    /// The header block of its answer.
    blocks: HashMap<StreamId, Vec<u8>>,
    /// How many bytes are still to be sent.
    owed: Vec<(StreamId, usize)>,
}

impl<'a> Server<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            connection: Connection::new(&policy.http2, false, false),
            head: RequestHead::default(),
            kept: Vec::new(),
            out: Vec::new(),
            asked: HashMap::new(),
            blocks: HashMap::new(),
            owed: Vec::new(),
        }
    }

    fn read(&mut self, bytes: &[u8], said: &mut String) {
        self.kept.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = &self.kept[at..];
            let received = self
                .connection
                .receive(self.policy, rest, false, &mut self.head);
            let Ok(received) = received else {
                break;
            };
            let body = match &received.event {
                Event::Body(_, range) => hex(&rest[range.clone()]),
                _ => String::new(),
            };
            at += received.consumed;
            if received.event == Event::NeedMore {
                break;
            }
            self.hear(received.event, &body, said);
            self.pay();
        }
        self.kept.drain(..at);
    }

    fn hear(&mut self, event: Event, body: &str, said: &mut String) {
        match event {
            Event::Head(stream) => {
                write!(said, "head {}", stream.number()).unwrap();
                let pseudo = [
                    (&b":method"[..], self.head.method()),
                    (b":path", self.head.target()),
                ];
                let fields = self.head.fields().map(|field| (field.name, field.value));
                for (name, value) in pseudo.into_iter().chain(fields) {
                    write!(said, " {}={}", hex(name), hex(value)).unwrap();
                }
                said.push('\n');
                let count = str::from_utf8(&self.head.target()[1..]).unwrap();
                self.asked.insert(stream, count.parse().ok());
                let mut block = Vec::new();
                hpack::push_status(&mut block, 200);
                let fields = self.head.fields().map(|field| (field.name, field.value));
                hpack::encode(fields, &mut block);
                self.blocks.insert(stream, block);
            }
            Event::Body(stream, _) => {
                writeln!(said, "data {} {body}", stream.number()).unwrap();
                if self.asked[&stream].is_some() {
                    self.connection.consumed(stream, body.len() / 2);
                }
            }
            Event::End(stream) => {
                writeln!(said, "end {}", stream.number()).unwrap();
                if let Some(count) = self.asked[&stream] {
                    let block = &self.blocks[&stream];
                    self.connection.headers(stream, block, false, &mut self.out);
                    self.owed.push((stream, count));
                }
            }
            Event::Reset(stream, why) => {
                let by = if why.is_some() { "us" } else { "peer" };
                writeln!(said, "reset {} {by}", stream.number()).unwrap();
                self.owed.retain(|(owed, _)| *owed != stream);
            }
            Event::Refused(stream, why) => {
                writeln!(said, "refused {} {}", stream.number(), why.status()).unwrap();
            }
            Event::Room => {}
            other => unreachable!("{other:?}"),
        }
    }

    /// Sends what the windows allow.
    fn pay(&mut self) {
        let (connection, out) = (&mut self.connection, &mut self.out);
        self.owed.retain_mut(|(stream, owed)| {
            loop {
                let len = connection.capacity(*stream).min(*owed);
                let last = len == *owed;
                if len == 0 && !last {
                    return true;
                }
                connection.data(*stream, len, last, out);
                out.resize(out.len() + len, b'x');
                *owed -= len;
                if last {
                    connection.finished(*stream);
                    return false;
                }
            }
        });
    }

    /// What goes out.
    fn sent(&mut self) -> Vec<u8> {
        let mut sent = std::mem::take(self.connection.answers());
        sent.append(&mut self.out);
        sent
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}
