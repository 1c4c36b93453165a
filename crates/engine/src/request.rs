//! `HttpRequest`: what the master answers itself, as bytes in and bytes out. It is the parser and
//! the encoder of the workers, without a connection, a thread or a clock of its own.

use proto::h1::{self, BodyFraming, BodySize, RequestFacts, ResponseDraft, ServerFields};
use proto::{Event, KnownMethod, Policy, Received, Reject, RequestHead};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::text::latin1;

/// One request and its answer; the connection ends after it.
#[pyclass(module = "licorne._engine")]
pub(crate) struct HttpRequest {
    connection: h1::Connection,
    policy: Policy,
    head: RequestHead,
    input: Vec<u8>,
    /// Bytes that a head may have.
    most: usize,
    server: String,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Complete,
    Refused(Reject),
}

#[pymethods]
impl HttpRequest {
    #[new]
    fn new(most: usize, server: String) -> Self {
        Self {
            connection: h1::Connection::new(false),
            policy: Policy::default(),
            head: RequestHead::default(),
            input: Vec::new(),
            most,
            server,
            stage: Stage::Reading,
        }
    }

    /// Takes bytes of the client; true when there is something to answer.
    fn feed(&mut self, data: &[u8]) -> bool {
        if self.stage == Stage::Reading {
            self.input.extend_from_slice(data);
            self.stage = self.read();
        }
        self.stage != Stage::Reading
    }

    /// The page for a request that HTTP does not allow; `None` for any other.
    #[getter]
    fn refusal<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let Stage::Refused(reject) = self.stage else {
            return None;
        };
        let mut page = Vec::new();
        h1::error_page(
            &mut page,
            reject.status(),
            reject.reason(),
            reject.message(),
        );
        Some(PyBytes::new(py, &page))
    }

    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.complete()?.method())
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.complete()?.path())
    }

    /// The values of a field, as one list (RFC 9110, section 5.3); empty without the field.
    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        let fields = self.complete()?.fields_named(name.as_bytes());
        let values: Vec<&[u8]> = fields.map(|field| field.value).collect();
        latin1(py, &values.join(&b", "[..]))
    }

    /// The answer: a status line such as `200 OK`, fields and the body, which HEAD does not get.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        status: &str,
        fields: Vec<(String, String)>,
        body: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let head = self.complete()?;
        let mut draft = ResponseDraft::default();
        let misuse = |error: h1::Misuse| PyValueError::new_err(error.message());
        draft.start(status.as_bytes()).map_err(misuse)?;
        for (name, value) in fields {
            draft
                .field(name.as_bytes(), value.as_bytes())
                .map_err(misuse)?;
        }
        let facts = RequestFacts {
            version: head.version(),
            head_method: head.known_method() == Some(KnownMethod::Head),
            connect: head.known_method() == Some(KnownMethod::Connect),
            keep_alive: false,
        };
        let mut server = ServerFields::new(&self.server);
        server.set_date(net::clock::coarse_unix_seconds());
        let mut out = Vec::new();
        let size = BodySize::Known(body.len() as u64);
        let framing = draft.finish(facts, size, &server, &mut out);
        if framing.body != BodyFraming::None {
            out.extend_from_slice(body);
        }
        Ok(PyBytes::new(py, &out))
    }
}

impl HttpRequest {
    fn read(&mut self) -> Stage {
        let received = self
            .connection
            .receive(&self.policy, &self.input, false, &mut self.head);
        match received {
            Ok(Received {
                event: Event::Head, ..
            }) => Stage::Complete,
            Err(reject) => Stage::Refused(reject),
            Ok(Received { consumed, .. }) => {
                self.input.drain(..consumed);
                if self.input.len() < self.most {
                    Stage::Reading
                } else {
                    Stage::Refused(Reject::FieldTooLarge)
                }
            }
        }
    }

    fn complete(&self) -> PyResult<&RequestHead> {
        if self.stage == Stage::Complete {
            Ok(&self.head)
        } else {
            Err(PyRuntimeError::new_err("this request is not complete"))
        }
    }
}
