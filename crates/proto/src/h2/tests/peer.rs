//! A client in memory: frames to the connection, and what came of them.

use super::super::frame::{self, Header};
use super::super::hpack::{self, Decoder};
use super::super::{Config, Connection, PREFACE};
use crate::event::Event;
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const PRIORITY_UPDATE: u8 = 16;

pub(super) const NONE: u8 = 0;
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// What a connection has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Head(u32),
    Body(u32, Vec<u8>),
    End(u32),
    Reset(u32, Option<Reject>),
    Refused(u32, Reject),
    Room,
    Closed,
    Failed(Reject),
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block without a dynamic table.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    hpack::encode(fields, &mut block);
    block
}

/// The usual pseudo-header fields, then others.
pub(super) fn request(method: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [
        (":method", method),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    block(&[&pseudo, others].concat())
}

/// GET, complete in one frame.
pub(super) fn get(stream: u32) -> Vec<u8> {
    frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        stream,
        &request("GET", &[]),
    )
}

/// The head of a POST, whose body is to follow.
pub(super) fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request("POST", &[]))
}

pub(super) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, NONE, stream, &increment.to_be_bytes())
}

pub(super) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, NONE, stream, &[0, 0, 0, 8])
}

pub(super) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let pair =
        |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(
        SETTINGS,
        NONE,
        0,
        &settings.iter().flat_map(pair).collect::<Vec<_>>(),
    )
}

/// A connection with its client.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) policy: Policy,
    pub(super) head: RequestHead,
    kept: Vec<u8>,
}

impl Peer {
    /// Prefaces were exchanged, and the settings acknowledged.
    pub(super) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(super) fn with_config(http2: Config) -> Self {
        Self::with(Policy {
            http2,
            ..Policy::default()
        })
    }

    pub(super) fn with(policy: Policy) -> Self {
        let mut peer = Self {
            connection: Connection::new(&policy.http2, false, false),
            policy,
            head: RequestHead::default(),
            kept: Vec::new(),
        };
        let first = [PREFACE, &settings(&[]), &frame(SETTINGS, ACK, 0, &[])].concat();
        assert_eq!(peer.send(&first), []);
        peer.connection.answers().clear();
        peer
    }

    /// Hands bytes over; what was said until more were needed.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.kept.extend_from_slice(bytes);
        let said = run(
            &mut self.connection,
            &self.policy,
            &mut self.kept,
            false,
            &mut self.head,
        );
        let failed = matches!(said.last(), Some(Said::Failed(_)));
        let frame = frame::HEADER + self.policy.http2.frame() as usize;
        assert!(failed || self.kept.len() < frame);
        said
    }

    /// The peer sends nothing more.
    pub(super) fn end(&mut self) -> Vec<Said> {
        run(
            &mut self.connection,
            &self.policy,
            &mut self.kept,
            true,
            &mut self.head,
        )
    }

    /// The frames that were answered since the last time.
    pub(super) fn answers(&mut self) -> Vec<String> {
        let bytes = std::mem::take(self.connection.answers());
        frames(&bytes)
            .map(|(header, payload)| describe(header, payload))
            .collect()
    }
}

/// Steps until more is needed; leaves in `kept` what was not consumed.
pub(super) fn run(
    connection: &mut Connection,
    policy: &Policy,
    kept: &mut Vec<u8>,
    eof: bool,
    head: &mut RequestHead,
) -> Vec<Said> {
    let (mut said, mut at) = (Vec::new(), 0);
    loop {
        let rest = &kept[at..];
        let received = match connection.receive(policy, rest, eof, head) {
            Ok(received) => received,
            Err(reject) => {
                said.push(Said::Failed(reject));
                break;
            }
        };
        assert!(received.consumed <= rest.len());
        said.push(match received.event {
            Event::NeedMore => {
                at += received.consumed;
                break;
            }
            Event::Closed => Said::Closed,
            Event::Head(stream) => Said::Head(stream.number()),
            Event::Body(stream, range) => {
                assert!(!range.is_empty() && range.end == received.consumed);
                Said::Body(stream.number(), rest[range].to_vec())
            }
            Event::End(stream) => Said::End(stream.number()),
            Event::Reset(stream, why) => Said::Reset(stream.number(), why),
            Event::Refused(stream, why) => {
                assert_eq!(why.code(), None, "a status is what the peer gets");
                Said::Refused(stream.number(), why)
            }
            Event::Room => Said::Room,
            other => unreachable!("{other:?}"),
        });
        at += received.consumed;
        if said.last() == Some(&Said::Closed) {
            break;
        }
    }
    kept.drain(..at);
    said
}

/// The frames in some bytes.
pub(super) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::parse(bytes)?;
        let (whole, rest) = bytes.split_at(frame::HEADER + header.len as usize);
        bytes = rest;
        Some((header, &whole[frame::HEADER..]))
    })
}

/// A frame in one line.
fn describe(header: Header, payload: &[u8]) -> String {
    let kind = format!("{:?} {}", header.kind, header.stream);
    match header.kind.number() {
        WINDOW_UPDATE | RST_STREAM => format!("{kind}: {}", frame::number(payload)),
        GOAWAY => format!(
            "{kind}: {} {}",
            frame::number(payload),
            frame::number(&payload[4..])
        ),
        _ if header.flags & ACK != 0 => format!("{kind}: ack"),
        _ => kind,
    }
}

/// The fields of a block that the server has sent.
pub(super) fn fields(block: &[u8]) -> Vec<(String, String)> {
    let fields = Decoder::new(4096).decode(block).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    fields
        .into_iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Names with their values.
pub(super) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What is said of a request with these fields, complete in one frame.
pub(super) fn whole(peer: &mut Peer, fields: Pairs<'_>) -> Vec<Said> {
    peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields)))
}

/// The same for its usual pseudo-header fields and others.
pub(super) fn with(others: Pairs<'_>) -> Vec<Said> {
    let bytes = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &request("GET", others),
    );
    Peer::new().send(&bytes)
}

pub(super) fn malformed(reject: Reject) -> Vec<Said> {
    vec![Said::Reset(1, Some(reject))]
}

pub(super) fn head_fields(peer: &Peer) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let fields = peer.head.fields();
    fields
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}

pub(super) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
