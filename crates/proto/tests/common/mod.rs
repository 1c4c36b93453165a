//! A whole connection in memory: bytes in pieces, everything that came of them out.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]
#![allow(
    clippy::struct_excessive_bools,
    reason = "what a request says, as it says it"
)]

pub(crate) mod any;
pub(crate) mod h2;
pub(crate) mod ws;

use std::net::{IpAddr, SocketAddr};

use licorne_proto::{Connection, Event, Policy, Reject, RequestHead, StreamId};

/// Everything that a connection said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Seen>,
    pub(crate) reject: Option<Reject>,
    pub(crate) closed: bool,
    /// The client that a PROXY header has named.
    pub(crate) proxied: Option<SocketAddr>,
}

/// A request as it was handed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) protocol: Vec<u8>,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) content_length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    pub(crate) upgrade: bool,
    pub(crate) https: Option<bool>,
    pub(crate) client: Option<(IpAddr, Option<u16>)>,
    pub(crate) host: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) complete: bool,
}

/// Hands the pieces to a connection, one after the other, as a reader of a socket would.
pub(crate) fn run(policy: &Policy, trusted: bool, pieces: &[&[u8]], eof: bool) -> Outcome {
    run_with(&mut RequestHead::default(), policy, trusted, pieces, eof)
}

/// The same, with a head that was used before.
pub(crate) fn run_with(
    head: &mut RequestHead,
    policy: &Policy,
    trusted: bool,
    pieces: &[&[u8]],
    eof: bool,
) -> Outcome {
    let peer = IpAddr::from([127, 0, 0, 1]);
    let mut connection = Connection::begin(policy.served_to(Some(peer)), false, trusted, false);
    let mut outcome = Outcome::default();
    let mut kept = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        drain(
            &mut connection,
            policy,
            &mut kept,
            false,
            head,
            &mut outcome,
        );
    }
    drain(&mut connection, policy, &mut kept, eof, head, &mut outcome);
    outcome
}

/// Steps until more is needed; leaves in `kept` what was not consumed.
fn drain(
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
                assert!(
                    outcome.reject.is_none_or(|before| before == reject),
                    "another refusal"
                );
                outcome.reject = Some(reject);
                break;
            }
        };
        assert!(outcome.reject.is_none(), "{received:?} after a refusal");
        assert!(
            received.consumed <= rest.len(),
            "more was consumed than there is"
        );
        at += received.consumed;
        match received.event {
            Event::NeedMore => break,
            Event::Switched | Event::Begun | Event::Answers => unreachable!("HTTP/1 alone"),
            Event::Refused(..) | Event::Reset(..) | Event::Room => {
                unreachable!("HTTP/1 has one stream")
            }
            Event::Proxied => outcome.proxied = connection.proxied().unwrap().client(),
            Event::Closed => {
                outcome.closed = true;
                break;
            }
            Event::Head(_) => outcome.requests.push(see(head)),
            Event::Body(_, range) => {
                assert_eq!(
                    range.end, received.consumed,
                    "the body ends where the input was used up"
                );
                assert!(!range.is_empty(), "an empty piece of a body");
                outcome
                    .requests
                    .last_mut()
                    .unwrap()
                    .body
                    .extend_from_slice(&rest[range]);
            }
            Event::End(_) => {
                outcome.requests.last_mut().unwrap().complete = true;
                connection.finished(StreamId::HTTP1);
            }
        }
    }
    kept.drain(..at);
}

fn see(head: &RequestHead) -> Seen {
    let fields = head.fields().map(|field| {
        if let Some(known) = field.known {
            assert!(field.name.eq_ignore_ascii_case(known.name().as_bytes()));
        }
        (field.name.to_vec(), field.value.to_vec())
    });
    Seen {
        method: head.method().to_vec(),
        target: head.target().to_vec(),
        path: head.path().to_vec(),
        query: head.query().to_vec(),
        authority: head.authority().map(<[u8]>::to_vec),
        protocol: head.protocol().to_vec(),
        fields: fields.collect(),
        content_length: head.content_length(),
        chunked: head.chunked(),
        keep_alive: head.keep_alive(),
        expect_continue: head.expect_continue(),
        upgrade: head.upgrade(),
        https: head.https(),
        client: head.client(),
        host: head.host().unwrap_or_default().to_vec(),
        body: Vec::new(),
        complete: false,
    }
}
