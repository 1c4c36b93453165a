//! `Reply`: the workers' encoder for whoever has a socket of its own, the master's metrics and
//! gunicorn's `Response`. What is answered goes in, bytes come out.

use proto::Version;
use proto::h1::{self, BodyFraming, BodySize, RequestFacts, ResponseDraft, Sending, Sent};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::text::latin1_bytes;
use crate::wsgi::{fields, interim, misuse};

/// The response to one request.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Reply {
    facts: RequestFacts,
    server: h1::ServerFields,
    draft: ResponseDraft,
    sending: Sending,
    framing: BodyFraming,
    /// Bytes that may still be sent, where a length was announced.
    remaining: Option<u64>,
}

#[pymethods]
impl Reply {
    #[new]
    fn new(method: &str, version: (u8, u8), server: &str) -> Self {
        Self {
            facts: RequestFacts {
                version: match version {
                    (0, _) | (1, 0) => Version::Http10,
                    _ => Version::Http11,
                },
                head_method: method == "HEAD",
                connect: method == "CONNECT",
                keep_alive: false,
            },
            server: h1::ServerFields::new(server),
            draft: ResponseDraft::default(),
            sending: Sending::Head,
            framing: BodyFraming::None,
            remaining: None,
        }
    }

    /// An interim response; nothing for a peer that does not know them, or after the head.
    fn interim<'py>(
        &self,
        py: Python<'py>,
        status: &str,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = self.sending == Sending::Head && self.facts.version == Version::Http11;
        let bytes = if wanted {
            interim(status, headers)?
        } else {
            Vec::new()
        };
        Ok(PyBytes::new(py, &bytes))
    }

    /// Checks status and header fields; what was given before is forgotten.
    fn start(&mut self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let status = status.as_borrowed();
        let status = latin1_bytes(&status, "the status")?;
        self.draft.start(status).map_err(misuse)?;
        fields(&mut self.draft, headers).inspect_err(|_| self.draft.clear())
    }

    /// The head, for a body of this length, or of one that nobody knows yet; `keep_alive` says
    /// whether another request may come after it.
    #[pyo3(signature = (length=None, *, keep_alive=false))]
    fn head<'py>(
        &mut self,
        py: Python<'py>,
        length: Option<u64>,
        keep_alive: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if !self.draft.started() {
            return Err(PyRuntimeError::new_err("the response has no status yet"));
        }
        self.sent(Sent::Head)?;
        self.server.set_date(net::clock::coarse_unix_seconds());
        let size = length.map_or(BodySize::Unknown, BodySize::Known);
        let mut out = Vec::new();
        self.facts.keep_alive = keep_alive;
        let framing = self.draft.finish(self.facts, size, &self.server, &mut out);
        self.framing = framing.body;
        self.facts.keep_alive = framing.keep_alive;
        self.remaining = match framing.body {
            BodyFraming::None => Some(0),
            BodyFraming::Length(length) => Some(length),
            BodyFraming::Chunked | BodyFraming::UntilClose => None,
        };
        Ok(PyBytes::new(py, &out))
    }

    /// A piece of the body, framed; without what is more than its announced length.
    fn body<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let count = self.allow(data.len())?;
        let data = data.get(..count).unwrap_or_default();
        if self.framing != BodyFraming::Chunked || data.is_empty() {
            return Ok(PyBytes::new(py, data));
        }
        let mut out = Vec::with_capacity(data.len() + 16);
        h1::chunk_start(&mut out, data.len());
        out.extend_from_slice(data);
        out.extend_from_slice(h1::CHUNK_END);
        Ok(PyBytes::new(py, &out))
    }

    /// How many of so many bytes the caller may send by itself.
    fn allow(&mut self, count: usize) -> PyResult<usize> {
        self.sent(Sent::Body)?;
        let Some(remaining) = self.remaining else {
            return Ok(count);
        };
        let allowed = usize::try_from(remaining).unwrap_or(usize::MAX).min(count);
        self.remaining = Some(remaining - allowed as u64);
        Ok(allowed)
    }

    /// The end of the body.
    fn end<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.sent(Sent::End)?;
        let short = self.remaining.is_some_and(|remaining| remaining > 0);
        self.facts.keep_alive &= !short;
        let chunked = self.framing == BodyFraming::Chunked;
        Ok(PyBytes::new(py, if chunked { h1::LAST_CHUNK } else { b"" }))
    }

    /// The length that the headers announce.
    #[getter]
    fn content_length(&self) -> Option<u64> {
        self.draft.content_length()
    }

    /// The body is sent in chunks.
    #[getter]
    fn chunked(&self) -> bool {
        self.framing == BodyFraming::Chunked
    }

    /// No body may be sent.
    #[getter]
    fn bodiless(&self) -> bool {
        self.sending != Sending::Head && self.framing == BodyFraming::None
    }

    /// Another request may come on the connection.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.facts.keep_alive
    }
}

impl Reply {
    fn sent(&mut self, sent: Sent) -> PyResult<()> {
        self.sending = self.sending.on(sent).map_err(|error| {
            let text = format!(
                "{:?} of a response in the state {:?}",
                error.sent, error.state
            );
            PyRuntimeError::new_err(text)
        })?;
        Ok(())
    }
}
