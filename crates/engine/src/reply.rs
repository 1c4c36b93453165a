//! `Reply`: the workers' encoder for code with a socket of its own, the master's metrics and gunicorn's
//! `Response`. What is answered goes in, bytes come out.

use proto::Version;
use proto::h1::{self, BodySize, Ending, RequestFacts};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fields::{self, misuse, out_of_turn, unsendable};
use crate::text::latin1_bytes;

/// The response to one request.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Reply {
    facts: RequestFacts,
    server: h1::ServerFields,
    response: h1::Response,
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
                records: false,
            },
            server: h1::ServerFields::new(server),
            response: h1::Response::default(),
        }
    }

    /// An interim response; nothing for a peer that does not know them, or after the head.
    fn interim<'py>(
        &mut self,
        py: Python<'py>,
        status: &str,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let version = self.facts.version;
        let bytes = fields::interim(&mut self.response, version, status, headers)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Checks status and header fields; what was given before is forgotten.
    fn start(&mut self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let status = status.as_borrowed();
        let status = latin1_bytes(&status, "the status")?;
        let draft = &mut self.response.draft;
        draft.start(status).map_err(misuse)?;
        fields::add(draft, headers).inspect_err(|_| draft.clear())
    }

    /// The head, for a body of this length, or of one that is not known yet; `keep_alive` says
    /// whether another request may come after it.
    #[pyo3(signature = (length=None, *, keep_alive=false))]
    fn head<'py>(
        &mut self,
        py: Python<'py>,
        length: Option<u64>,
        keep_alive: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if !self.response.draft.started() {
            return Err(PyRuntimeError::new_err("the response has no status yet"));
        }
        self.server.set_date(net::clock::coarse_unix_seconds());
        let size = length.map_or(BodySize::Unknown, BodySize::Known);
        let mut out = Vec::new();
        let facts = RequestFacts {
            keep_alive,
            ..self.facts
        };
        let head = self.response.head(facts, size, &self.server, &mut out);
        self.facts.keep_alive = head.map_err(unsendable)?;
        Ok(PyBytes::new(py, &out))
    }

    /// A piece of the body, framed; without what is more than its announced length.
    fn body<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(data.len() + 16);
        self.response.body(data, &mut out).map_err(out_of_turn)?;
        Ok(PyBytes::new(py, &out))
    }

    /// How many of so many bytes the caller may send by itself: of a body whose length is known.
    fn allow(&mut self, count: usize) -> PyResult<usize> {
        let piece = self.response.piece(count, &mut Vec::new());
        Ok(piece.map_err(out_of_turn)?.len)
    }

    /// The end of the body.
    fn end<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        let ending = self.response.end(&mut out).map_err(out_of_turn)?;
        self.facts.keep_alive &= ending == Ending::Complete;
        Ok(PyBytes::new(py, &out))
    }

    /// The length that the headers announce.
    #[getter]
    fn content_length(&self) -> Option<u64> {
        self.response.draft.content_length()
    }

    /// The body is sent in chunks.
    #[getter]
    fn chunked(&self) -> bool {
        self.response.chunked()
    }

    /// No body may be sent.
    #[getter]
    fn bodiless(&self) -> bool {
        self.response.bodiless()
    }

    /// Another request may come on the connection.
    #[getter]
    fn keep_alive(&self) -> bool {
        self.facts.keep_alive
    }
}
