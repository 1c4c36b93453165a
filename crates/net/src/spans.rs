//! Requests that are recorded for a trace (`otlp`): their places in it, and what is told of them.
//!
//! Whichever thread answers puts a request into a bounded queue here; another takes them out, some at
//! a time, and sends them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::trace_context::TraceParent;

use crate::clock;
use crate::exchange::Exchange;
use crate::peer::Peer;
use crate::request_id::RequestIds;

/// Requests that wait to be sent, at most; above, they are counted and forgotten.
const MOST: usize = 8192;
/// Bytes of a text that are kept: targets and user agents may be as long as clients like.
const TEXT: usize = 1024;

/// What is recorded in one worker.
pub struct Spans {
    ids: RequestIds,
    /// Of 2^64 requests that belong to no trace yet, so many begin one.
    share: u64,
    /// What the application forks records nothing.
    process: u32,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Recorded>,
    /// Those for which there was no room.
    dropped: u64,
}

/// The place of a request in its trace.
pub struct Place {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The span of the caller.
    pub parent: Option<[u8; 8]>,
    /// The span of the request.
    pub request: [u8; 8],
    /// That of its time in the application: the parent of what the application records.
    pub application: [u8; 8],
}

impl Place {
    /// What the application finds in the request instead of what the client has sent.
    pub fn traceparent(&self) -> String {
        TraceParent::sampled(self.trace_id, self.application).render()
    }
}

/// How a request was answered.
pub struct Outcome {
    /// The status of the response.
    pub status: u16,
    /// Bytes of the body.
    pub sent: u64,
    /// From its complete arrival until the application was called.
    pub queue_ns: u64,
    /// In the application; `None` for a request that was not begun.
    pub application_ns: Option<u64>,
}

/// A request that is over, as a collector of traces is told of it.
pub struct Recorded {
    /// Its place in its trace.
    pub place: Place,
    /// The field `tracestate`, if the request belongs to the caller's trace.
    pub trace_state: String,
    /// How it was answered.
    pub outcome: Outcome,
    /// When it was answered: nanoseconds since 1970.
    pub ended_ns: u64,
    /// The method of the request.
    pub method: String,
    /// The path of its target.
    pub path: String,
    /// The query of its target.
    pub query: String,
    /// `HTTP/1.1` and the like.
    pub protocol: String,
    /// The authority that the request is for.
    pub host: String,
    /// The field `User-Agent`.
    pub user_agent: String,
    /// Whether the client speaks TLS, here or with a trusted peer.
    pub https: bool,
    /// The address and port of the peer; `None` on a unix socket.
    pub peer: Option<(String, u16)>,
    /// The address of the client.
    pub client: Option<String>,
}

impl Recorded {
    /// When it was complete, when the application was called (`None`: never) and when it was
    /// answered: nanoseconds since 1970.
    pub fn moments_ns(&self) -> (u64, Option<u64>, u64) {
        let application_ns = self.outcome.application_ns;
        let begun = self.ended_ns - application_ns.unwrap_or_default().min(self.ended_ns);
        let arrived = begun.saturating_sub(self.outcome.queue_ns);
        (arrived, application_ns.map(|_| begun), self.ended_ns)
    }
}

impl Spans {
    /// `share`: of the requests that belong to no trace yet, from 0 to 1. After the fork, once in each
    /// process.
    pub fn new(share: f64) -> io::Result<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of floats keeps to the bounds"
        )]
        let share = (share * 2f64.powi(64)) as u64;
        Ok(Self {
            ids: RequestIds::new()?,
            share,
            process: std::process::id(),
            waiting: Mutex::default(),
        })
    }

    /// The place of a request, if it is recorded: as its caller says, or by chance if none does.
    pub fn place(&self, exchange: &Exchange) -> Option<Place> {
        let given = given(exchange);
        if given.is_some_and(|given| !given.is_sampled()) {
            return None;
        }
        let trace_id = match given {
            Some(given) => given.trace_id,
            None => self.new_trace()?,
        };
        let [request, application] = self.ids.numbers().map(never_zero);
        Some(Place {
            trace_id,
            parent: given.map(|given| given.parent_id),
            request,
            application,
        })
    }

    fn new_trace(&self) -> Option<[u8; 16]> {
        let [high, low] = self.ids.numbers();
        // All of them, not all but one.
        if low >= self.share && self.share != u64::MAX {
            return None;
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&never_zero(high));
        id[8..].copy_from_slice(&never_zero(low));
        Some(id)
    }

    /// A request that has a place is over now.
    pub fn record(&self, exchange: &Exchange, place: Place, outcome: Outcome) {
        if std::process::id() != self.process {
            // Its copy of the queue is sent by no thread, and may be locked for ever.
            return;
        }
        let recorded = recorded(exchange, place, outcome);
        let mut waiting = self.waiting();
        if waiting.requests.len() < MOST {
            waiting.requests.push_back(recorded);
        } else {
            waiting.dropped += 1;
        }
    }

    /// Takes the first `most` of those that wait, and the number of those that were dropped since.
    pub fn take(&self, most: usize) -> (Vec<Recorded>, u64) {
        let mut waiting = self.waiting();
        let count = waiting.requests.len().min(most);
        let taken = waiting.requests.drain(..count).collect();
        (taken, std::mem::take(&mut waiting.dropped))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the caller says; of several fields none counts.
fn given(exchange: &Exchange) -> Option<TraceParent> {
    let mut fields = exchange.head.fields_named(b"traceparent");
    let field = fields.next()?;
    let alone = fields.next().is_none();
    TraceParent::parse(field.value).filter(|_| alone)
}

fn recorded(exchange: &Exchange, place: Place, outcome: Outcome) -> Recorded {
    let head = &exchange.head;
    let trace_state = match place.parent {
        // A part of it would not be valid.
        Some(_) => Some(joined(exchange, b"tracestate")).filter(|state| state.len() < TEXT),
        None => None,
    };
    Recorded {
        place,
        trace_state: trace_state.unwrap_or_default(),
        outcome,
        ended_ns: clock::unix_ns(),
        method: text(head.method()),
        path: text(head.path()),
        query: text(head.query()),
        protocol: text(head.protocol()),
        host: text(head.host().unwrap_or_default()),
        user_agent: joined(exchange, b"user-agent"),
        https: exchange.https(),
        peer: match exchange.sender() {
            Some(Peer::Tcp(ip, port)) => Some((ip.to_string(), port)),
            Some(Peer::Unix) | None => None,
        },
        client: match exchange.client() {
            Some(Peer::Tcp(ip, _)) => Some(ip.to_string()),
            Some(Peer::Unix) | None => None,
        },
    }
}

/// The values of all fields of a name (RFC 9110, section 5.3).
fn joined(exchange: &Exchange, name: &[u8]) -> String {
    let mut all = Vec::new();
    for field in exchange.head.fields_named(name) {
        if !all.is_empty() {
            all.push(b',');
        }
        all.extend_from_slice(field.value);
    }
    text(&all)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT)]).into_owned()
}

/// An id may not be zero.
fn never_zero(number: u64) -> [u8; 8] {
    number.max(1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            status: 200,
            sent: 3,
            queue_ns: 1_000,
            application_ns: Some(2_000),
        }
    }

    #[test]
    fn what_has_no_room_is_counted_once() {
        let spans = Spans::new(1.0).unwrap();
        let exchange = Exchange::default();
        for _ in 0..MOST + 3 {
            let place = spans.place(&exchange).unwrap();
            spans.record(&exchange, place, outcome());
        }
        let (first, dropped) = spans.take(10);
        assert_eq!((first.len(), dropped), (10, 3));
        let (rest, dropped) = spans.take(usize::MAX);
        assert_eq!((rest.len(), dropped), (MOST - 10, 0));
        let (arrived, begun, ended) = first[0].moments_ns();
        assert_eq!((arrived + 1_000, arrived + 3_000), (begun.unwrap(), ended));
    }

    #[test]
    fn a_share_of_the_requests_without_a_trace_begins_one() {
        let begun = |share| {
            let spans = Spans::new(share).unwrap();
            let exchange = Exchange::default();
            (0..1000)
                .filter(|_| spans.place(&exchange).is_some())
                .count()
        };
        assert_eq!((begun(0.0), begun(1.0)), (0, 1000));
        assert!((1..1000).contains(&begun(0.5)));
    }
}
