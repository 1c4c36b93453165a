//! An HTTP/2 client in memory: frames as bytes, and what the connection made of them.

use std::fmt::Write as _;

use licorne_proto::h2::{Connection, PREFACE, hpack};
use licorne_proto::{Event, Policy, Reject, RequestHead};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;

pub(crate) const NONE: u8 = 0;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Kind, flags, stream and payload of each frame in some bytes.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut all = Vec::new();
    while let [a, b, c, kind, flags, w, x, y, z, rest @ ..] = bytes {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let stream = u32::from_be_bytes([*w, *x, *y, *z]);
        let (payload, behind) = rest.split_at(len);
        all.push((*kind, *flags, stream, payload.to_vec()));
        bytes = behind;
    }
    assert!(bytes.is_empty(), "half a frame");
    all
}

/// A header block without a dynamic table.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    hpack::encode(fields, &mut block);
    block
}

/// The head of a request.
pub(crate) fn request(method: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", "/a?b"),
        (":authority", "a"),
    ];
    block(&[&pseudo, others].concat())
}

/// SETTINGS with some of them.
pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, NONE, 0, &payload)
}

/// What begins a connection, and acknowledges the server's settings.
pub(crate) fn preface() -> Vec<u8> {
    [PREFACE, &settings(&[]), &frame(SETTINGS, ACK, 0, &[])].concat()
}

/// Everything that a connection said; the body in one piece where nothing else is between, and not
/// when there was room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) said: Vec<Said>,
    pub(crate) answers: Vec<u8>,
}

/// What a connection says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Head(u32, String),
    Body(u32, Vec<u8>),
    End(u32),
    Reset(u32, Option<Reject>),
    Refused(u32, Reject),
    Failed(Reject),
    Closed,
}

/// Hands the pieces to a connection, one after the other, as a reader of a socket would.
pub(crate) fn run(policy: &Policy, pieces: &[&[u8]], eof: bool) -> Outcome {
    let mut connection = Connection::new(&policy.http2, false, false);
    let (mut outcome, mut head, mut kept) =
        (Outcome::default(), RequestHead::default(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        drain(
            &mut connection,
            policy,
            &mut kept,
            false,
            &mut head,
            &mut outcome,
        );
    }
    drain(
        &mut connection,
        policy,
        &mut kept,
        eof,
        &mut head,
        &mut outcome,
    );
    outcome
}

/// Steps until more is needed; leaves in `kept` what was not consumed.
pub(crate) fn drain(
    connection: &mut Connection,
    policy: &Policy,
    kept: &mut Vec<u8>,
    eof: bool,
    head: &mut RequestHead,
    outcome: &mut Outcome,
) {
    let mut at = 0;
    loop {
        let rest = &kept[at..];
        let received = match connection.receive(policy, rest, eof, head) {
            Ok(received) => received,
            Err(reject) => {
                if let Some(Said::Failed(before)) = outcome.said.last() {
                    assert_eq!(*before, reject, "another refusal");
                } else {
                    outcome.said.push(Said::Failed(reject));
                }
                break;
            }
        };
        let failed = matches!(outcome.said.last(), Some(Said::Failed(_)));
        assert!(!failed, "{received:?} after a refusal");
        assert!(received.consumed <= rest.len());
        at += received.consumed;
        match received.event {
            Event::NeedMore => break,
            Event::Closed => {
                outcome.said.push(Said::Closed);
                break;
            }
            Event::Room => {}
            Event::Head(stream) => {
                outcome.said.push(Said::Head(stream.number(), text(head)));
            }
            Event::Body(stream, range) => {
                assert!(!range.is_empty() && range.end == received.consumed);
                let bytes = &rest[range];
                match outcome.said.last_mut() {
                    Some(Said::Body(before, body)) if *before == stream.number() => {
                        body.extend_from_slice(bytes);
                    }
                    _ => outcome
                        .said
                        .push(Said::Body(stream.number(), bytes.to_vec())),
                }
            }
            Event::End(stream) => outcome.said.push(Said::End(stream.number())),
            Event::Reset(stream, why) => {
                outcome.said.push(Said::Reset(stream.number(), why));
            }
            Event::Refused(stream, why) => {
                outcome.said.push(Said::Refused(stream.number(), why));
            }
            other => unreachable!("{other:?}"),
        }
    }
    kept.drain(..at);
    outcome.answers.append(connection.answers());
}

/// A head in one line.
fn text(head: &RequestHead) -> String {
    let mut text = format!(
        "{:?} {:?}",
        head.method().escape_ascii(),
        head.target().escape_ascii()
    );
    for field in head.fields() {
        let (name, value) = (field.name.escape_ascii(), field.value.escape_ascii());
        write!(text, " {name}={value}").unwrap();
    }
    format!("{text} {:?} {}", head.content_length(), head.has_body())
}
