//! Requests that are recorded for a trace (`otlp`): their places in it, and what is told of them.
//!
//! Whichever thread answers puts a request into a bounded queue here; a thread of Python's takes them
//! out, some at a time, and sends them (`licorne.instrument.exporter`).

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::access_log::unserved::{LogUnserved, Unserved, UnservedLine};
use net::exchange::Exchange;
use net::peer::Peer;
use proto::trace_context::{TraceParent, hex};
use pyo3::prelude::*;

use crate::access_unserved::UnservedLog;
use crate::queue;
use crate::request_id::RequestIds;

/// Requests that wait to be sent, at most; above, they are counted and forgotten.
const MOST: usize = 8192;
/// Bytes of a text that are kept: targets and user agents may be as long as clients like.
const TEXT: usize = 1024;

/// What is recorded in one worker.
pub(crate) struct Spans {
    ids: RequestIds,
    /// Of 2^64 requests that belong to no trace yet, so many begin one.
    share: u64,
    /// What the application forks records nothing.
    process: u32,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<RecordedRequest>,
    /// Those for which there was no room.
    dropped: u64,
}

/// The place of a request in its trace.
pub(crate) struct Place {
    trace_id: [u8; 16],
    /// The span of the caller.
    parent: Option<[u8; 8]>,
    /// The span of the request.
    request: [u8; 8],
    /// That of its time in the application: the parent of what the application records.
    application: [u8; 8],
}

impl Place {
    /// What the application finds in the request instead of what the client has sent.
    pub(crate) fn traceparent(&self) -> String {
        TraceParent::sampled(self.trace_id, self.application).render()
    }
}

/// How a request was answered.
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) sent: u64,
    pub(crate) queue_ns: u64,
    /// In the application; `None` for a request that was not begun.
    pub(crate) application_ns: Option<u64>,
}

/// A request that is over, as it is told to a collector of traces.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct RecordedRequest {
    place: Place,
    trace_state: String,
    outcome: Outcome,
    ended_ns: u64,
    method: String,
    path: String,
    query: String,
    protocol: String,
    host: String,
    user_agent: String,
    https: bool,
    peer: Option<(String, u16)>,
    client: Option<String>,
}

#[pymethods]
impl RecordedRequest {
    #[getter]
    fn trace_id(&self) -> String {
        hex(&self.place.trace_id)
    }

    #[getter]
    fn parent_id(&self) -> Option<String> {
        self.place.parent.map(|id| hex(&id))
    }

    /// Ids of two spans: the request's, and that of its time in the application.
    #[getter]
    fn span_ids(&self) -> (String, String) {
        (hex(&self.place.request), hex(&self.place.application))
    }

    #[getter]
    fn trace_state(&self) -> &str {
        &self.trace_state
    }

    #[getter]
    fn status(&self) -> u16 {
        self.outcome.status
    }

    #[getter]
    fn sent(&self) -> u64 {
        self.outcome.sent
    }

    /// When it was complete, when the application was called (`None`: never) and when it was
    /// answered: nanoseconds since 1970.
    #[getter]
    fn moments_ns(&self) -> (u64, Option<u64>, u64) {
        let application_ns = self.outcome.application_ns;
        let begun = self.ended_ns - application_ns.unwrap_or_default().min(self.ended_ns);
        let arrived = begun.saturating_sub(self.outcome.queue_ns);
        (arrived, application_ns.map(|_| begun), self.ended_ns)
    }

    #[getter]
    fn method(&self) -> &str {
        &self.method
    }

    #[getter]
    fn path(&self) -> &str {
        &self.path
    }

    #[getter]
    fn query(&self) -> &str {
        &self.query
    }

    #[getter]
    fn protocol(&self) -> &str {
        &self.protocol
    }

    #[getter]
    fn host(&self) -> &str {
        &self.host
    }

    #[getter]
    fn user_agent(&self) -> &str {
        &self.user_agent
    }

    #[getter]
    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    #[getter]
    fn peer(&self) -> Option<(String, u16)> {
        self.peer.clone()
    }

    #[getter]
    fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }
}

impl Spans {
    /// `share`: of the requests that belong to no trace yet, from 0 to 1. After the fork, once in each
    /// process.
    pub(crate) fn new(share: f64) -> io::Result<Self> {
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
    pub(crate) fn place(&self, exchange: &Exchange) -> Option<Place> {
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
    pub(crate) fn record(&self, exchange: &Exchange, place: Place, outcome: Outcome) {
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
    pub(crate) fn take(&self, most: usize) -> (Vec<RecordedRequest>, u64) {
        let mut waiting = self.waiting();
        let count = waiting.requests.len().min(most);
        let taken = waiting.requests.drain(..count).collect();
        (taken, std::mem::take(&mut waiting.dropped))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests that no application has seen are recorded, too, before their lines are made.
pub(crate) struct RecordUnserved {
    pub(crate) spans: Arc<Spans>,
    pub(crate) log: Option<UnservedLog>,
}

impl LogUnserved for RecordUnserved {
    fn render(&self, unserved: &Unserved, line: &mut Vec<u8>) -> UnservedLine {
        let exchange = &unserved.exchange;
        if let Some(place) = self.spans.place(exchange) {
            let outcome = Outcome {
                status: unserved.status,
                sent: unserved.sent,
                queue_ns: queue::waited_ns(exchange, unserved.at_ns),
                application_ns: None,
            };
            self.spans.record(exchange, place, outcome);
        }
        let log = self.log.as_ref();
        log.map_or(UnservedLine::None, |log| log.render(unserved, line))
    }
}

/// What the caller says; of several fields none counts.
fn given(exchange: &Exchange) -> Option<TraceParent> {
    let mut fields = exchange.head.fields_named(b"traceparent");
    let field = fields.next()?;
    let alone = fields.next().is_none();
    TraceParent::parse(field.value).filter(|_| alone)
}

fn recorded(exchange: &Exchange, place: Place, outcome: Outcome) -> RecordedRequest {
    let head = &exchange.head;
    let trace_state = match place.parent {
        // A part of it would not be valid.
        Some(_) => Some(joined(exchange, b"tracestate")).filter(|state| state.len() < TEXT),
        None => None,
    };
    RecordedRequest {
        place,
        trace_state: trace_state.unwrap_or_default(),
        outcome,
        ended_ns: net::clock::unix_ns(),
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
