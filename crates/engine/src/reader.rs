//! `RequestReader`: the workers' parser for code with a socket of its own, the master's metrics and
//! gunicorn's `RequestParser`. Bytes in, heads and bodies out; no connection, thread or clock.

use proto::protocol::Served;
use proto::{Event, KnownMethod, Policy, Received, Reject};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::head::RequestHead;
use crate::{config, explain, proxied};

/// Bytes of a body given to Python at once, about.
const PIECE: usize = 1 << 16;

/// One request at a time, out of bytes that the owner has received.
#[pyclass(module = "licorne._engine")]
pub(crate) struct RequestReader {
    connection: proto::Connection,
    /// The PROXY header that the connection has begun with.
    proxied: Option<Box<proto::proxy::Header>>,
    policy: Policy,
    head: proto::RequestHead,
    input: Vec<u8>,
    /// Where in `input` begins what was not consumed.
    at: usize,
    /// Bytes that may wait for the end of a head.
    most: usize,
    eof: bool,
    ended: bool,
}

/// Why a peer is refused: one row of the parser's table.
#[pyclass(module = "licorne._engine", frozen)]
pub(crate) struct Refusal {
    reject: Reject,
    /// The method is HEAD, as far as it was read: the page has no content.
    head: bool,
}

#[pymethods]
impl RequestReader {
    #[new]
    #[pyo3(signature = (most, rules=None, peer="unix", first=false))]
    fn new(
        most: usize,
        rules: Option<&Bound<'_, PyAny>>,
        peer: &str,
        first: bool,
    ) -> PyResult<Self> {
        let peer = explain::address(peer)?;
        let (policy, trusted) = match rules {
            Some(rules) => {
                let policy = config::policy(rules)?;
                let trusted = policy.forwarding.trusted.contains_peer(peer);
                (policy, trusted)
            }
            None => (Policy::default(), false),
        };
        let served = if first {
            policy.served_to(peer)
        } else {
            Served::HTTP1
        };
        Ok(Self {
            connection: proto::Connection::begin(served, false, trusted, peer.is_none()),
            proxied: None,
            policy,
            head: proto::RequestHead::default(),
            input: Vec::new(),
            at: 0,
            most,
            eof: false,
            ended: false,
        })
    }

    /// Takes bytes of the peer.
    fn feed(&mut self, data: &[u8]) {
        self.input.drain(..self.at);
        self.at = 0;
        self.input.extend_from_slice(data);
    }

    /// The peer sends nothing more.
    fn end(&mut self) {
        self.eof = true;
    }

    /// The head of the next request, why there is none, or `None` while bytes are missing.
    fn head<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.step() {
            Ok(Event::Head(_)) => {
                let head = RequestHead::new(std::mem::take(&mut self.head));
                Ok(Some(Bound::new(py, head)?.into_any()))
            }
            Ok(_) if self.input.len() - self.at < self.most => Ok(None),
            Ok(_) => refusal(py, Reject::FieldTooLarge, false).map(Some),
            Err(reject) => {
                let head = self.head.known_method() == Some(KnownMethod::Head);
                refusal(py, reject, head).map(Some)
            }
        }
    }

    /// What the PROXY header of the connection says, by gunicorn's names.
    #[getter]
    fn proxy_protocol_info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let info = self
            .proxied
            .as_ref()
            .map(|header| proxied::info(py, header));
        info.transpose()
    }

    /// Bytes of the body: empty at its end, `None` while bytes are missing; or what is wrong with it.
    fn body<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut piece = Vec::new();
        while !self.ended && piece.len() < PIECE {
            let from = self.at;
            match self.step() {
                Ok(Event::Body(_, range)) => {
                    let body = self.input.get(from + range.start..from + range.end);
                    piece.extend_from_slice(body.unwrap_or_default());
                }
                Ok(Event::End(_)) => self.ended = true,
                // It is told again when what came before it has been taken.
                Err(_) if !piece.is_empty() => break,
                Err(reject) => return refusal(py, reject, false).map(Some),
                Ok(_) if piece.is_empty() => return Ok(None),
                Ok(_) => break,
            }
        }
        Ok(Some(PyBytes::new(py, &piece).into_any()))
    }

    /// Takes out what was not consumed.
    fn rest<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let rest = PyBytes::new(py, self.input.get(self.at..).unwrap_or_default());
        self.input.clear();
        self.at = 0;
        rest
    }
}

impl RequestReader {
    fn step(&mut self) -> Result<Event, Reject> {
        let input = self.input.get(self.at..).unwrap_or_default();
        let Received { consumed, event } =
            self.connection
                .receive(&self.policy, input, self.eof, &mut self.head)?;
        self.at += consumed;
        if event == Event::Proxied {
            self.proxied = self.connection.proxied();
            return self.step();
        }
        Ok(event)
    }
}

/// A whole response with gunicorn's error page; the connection is closed after it.
#[pyfunction]
pub(crate) fn error_page<'py>(
    py: Python<'py>,
    status: u16,
    reason: &str,
    message: &str,
) -> Bound<'py, PyBytes> {
    page(py, (status, reason), message, false)
}

fn page<'py>(py: Python<'py>, told: (u16, &str), message: &str, head: bool) -> Bound<'py, PyBytes> {
    let mut page = Vec::new();
    let facts = net::config::page_facts(None, false, head);
    proto::h1::error_page(&mut page, facts, told, message);
    PyBytes::new(py, &page)
}

/// The reason phrase of a status that refuses a request; `None` for any other.
#[pyfunction]
pub(crate) fn reason_phrase(status: u16) -> Option<&'static str> {
    proto::reason_phrase(status)
}

fn refusal(py: Python<'_>, reject: Reject, head: bool) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, Refusal { reject, head })?.into_any())
}

#[pymethods]
impl Refusal {
    /// The names of all refusals of HTTP/1.
    #[classattr]
    #[pyo3(name = "NAMES")]
    fn names(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        let all = Reject::ALL.iter().filter(|reject| reject.code().is_none());
        let names: Vec<_> = all.map(|reject| reject.name()).collect();
        PyTuple::new(py, names)
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.reject.name()
    }

    #[getter]
    fn status(&self) -> u16 {
        self.reject.status()
    }

    #[getter]
    fn message(&self) -> &'static str {
        self.reject.message()
    }

    /// The whole response that the peer gets.
    fn page<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let told = (self.reject.status(), self.reject.reason());
        page(py, told, self.reject.message(), self.head)
    }
}
