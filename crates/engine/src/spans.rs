//! Requests that are recorded for a trace (`otlp`), as Python's thread that sends them sees them
//! (`licorne.instrument.exporter`).

use std::sync::Arc;

use net::access_log::unserved::{LogUnserved, Unserved, UnservedLine};
use net::spans::{Outcome, Recorded, Spans};
use net::waited;
use proto::trace_context::hex;
use pyo3::prelude::*;

use crate::access_unserved::UnservedLog;

/// A request that is over, as it is told to a collector of traces.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct RecordedRequest(Recorded);

impl From<Recorded> for RecordedRequest {
    fn from(recorded: Recorded) -> Self {
        Self(recorded)
    }
}

#[pymethods]
impl RecordedRequest {
    #[getter]
    fn trace_id(&self) -> String {
        hex(&self.0.place.trace_id)
    }

    #[getter]
    fn parent_id(&self) -> Option<String> {
        self.0.place.parent.map(|id| hex(&id))
    }

    /// Ids of two spans: the request's, and that of its time in the application.
    #[getter]
    fn span_ids(&self) -> (String, String) {
        (hex(&self.0.place.request), hex(&self.0.place.application))
    }

    #[getter]
    fn trace_state(&self) -> &str {
        &self.0.trace_state
    }

    #[getter]
    fn status(&self) -> u16 {
        self.0.outcome.status
    }

    #[getter]
    fn sent(&self) -> u64 {
        self.0.outcome.sent
    }

    /// When it was complete, when the application was called (`None`: never) and when it was
    /// answered: nanoseconds since 1970.
    #[getter]
    fn moments_ns(&self) -> (u64, Option<u64>, u64) {
        self.0.moments_ns()
    }

    #[getter]
    fn method(&self) -> &str {
        &self.0.method
    }

    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }

    #[getter]
    fn query(&self) -> &str {
        &self.0.query
    }

    #[getter]
    fn protocol(&self) -> &str {
        &self.0.protocol
    }

    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }

    #[getter]
    fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    #[getter]
    fn scheme(&self) -> &'static str {
        if self.0.https { "https" } else { "http" }
    }

    #[getter]
    fn peer(&self) -> Option<(String, u16)> {
        self.0.peer.clone()
    }

    #[getter]
    fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
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
                queue_ns: waited::waited_ns(exchange, unserved.at_ns),
                application_ns: None,
            };
            self.spans.record(exchange, place, outcome);
        }
        let log = self.log.as_ref();
        log.map_or(UnservedLine::None, |log| log.render(unserved, line))
    }
}
