//! `send()`: what an application answers, event by event. What may follow what is a table.

use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use net::baton::Room;
use net::output::FilePart;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PyString};

use super::caller::Caller;
use super::calling::{self, Call, Callable};
use super::done::Ready;
use super::event::{flag, headers, part};
use super::marks;
use super::request::Request;
use super::stage::{Stage, Wanted};
use super::start;
use super::waiting::Waiting;
use crate::core::thread_number;
use crate::fields;
use crate::pieces;
use crate::response;
use crate::shared::bytes_of;

/// The callable by which an application answers.
#[pyclass(frozen, freelist = 64, module = "licorne._engine", name = "AsgiSend")]
pub(crate) struct Send {
    call: Call,
    caller: Arc<Caller>,
}

impl Send {
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self {
            call: calling::called::<Self, 1>,
            caller,
        }
    }

    /// Has those of the class called without a tuple of their arguments.
    pub(crate) fn enable_calls(py: Python<'_>) -> PyResult<()> {
        let instance = Bound::new(py, Self::new(Arc::default()))?;
        calling::enable(&instance, &raw const instance.get().call);
        Ok(())
    }

    fn answer<'py>(
        &self,
        py: Python<'py>,
        event: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let request = self.caller.request(py)?;
        match send(&request, event) {
            Ok(Sent::Dropped) if request.get().owes_a_turn() => {
                let waiting = Waiting::for_a_turn(request.unbind());
                Ok(Bound::new(py, waiting)?.into_any())
            }
            Ok(Sent::Done | Sent::Dropped) => {
                Ok(request.get().shared.done.bind(py).clone().into_any())
            }
            Ok(Sent::Full) => {
                let waiting = Waiting::new(request.unbind(), Wanted::Room);
                Ok(Bound::new(py, waiting)?.into_any())
            }
            // It is raised where the result is awaited.
            Err(error) => Ok(Bound::new(py, Ready::new(Err(error)))?.into_any()),
        }
    }
}

impl Callable<1> for Send {
    fn call<'py>(
        this: &Bound<'py, Self>,
        [event]: [Bound<'py, PyAny>; 1],
    ) -> PyResult<Bound<'py, PyAny>> {
        this.get().answer(this.py(), &event)
    }
}

#[pymethods]
impl Send {
    #[classattr]
    fn _is_coroutine_marker(py: Python<'_>) -> Py<PyAny> {
        marks::for_inspect(py)
    }

    #[classattr]
    fn _is_coroutine(py: Python<'_>) -> Py<PyAny> {
        marks::for_asyncio(py)
    }

    fn __call__<'py>(
        &self,
        py: Python<'py>,
        event: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.answer(py, event)
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Done,
    /// The client reads slowly.
    Full,
    /// The client has left, and the application listens for that.
    Dropped,
}

/// What an application may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Start,
    Body,
    Trailers,
    PathSend,
    ZeroCopySend,
    EarlyHint,
    Informational,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "http.response.start" => Self::Start,
            "http.response.body" => Self::Body,
            "http.response.trailers" => Self::Trailers,
            "http.response.pathsend" => Self::PathSend,
            "http.response.zerocopysend" => Self::ZeroCopySend,
            "http.response.early_hint" => Self::EarlyHint,
            "http.response.informational" => Self::Informational,
            _ => return None,
        })
    }

    /// Whether it may come at this stage of a response.
    const fn fits(self, stage: Stage) -> bool {
        matches!(
            (self, stage),
            (
                Self::Start | Self::EarlyHint | Self::Informational,
                Stage::Head
            ) | (
                Self::Body | Self::PathSend | Self::ZeroCopySend,
                Stage::Body
            ) | (Self::Trailers, Stage::Trailers)
        )
    }
}

const fn said(stage: Stage) -> &'static str {
    match stage {
        Stage::Head => "no http.response.start was sent",
        Stage::Body => "the response has been started",
        Stage::Trailers => "the body is complete, and http.response.trailers is to follow",
        Stage::Over => "the response is complete",
    }
}

fn send(request: &Bound<'_, Request>, event: &Bound<'_, PyAny>) -> PyResult<Sent> {
    let py = request.py();
    let this = request.get();
    let Ok(event) = event.cast::<PyDict>() else {
        let kind = event.get_type();
        let kind = kind.name()?;
        return Err(PyTypeError::new_err(format!(
            "an ASGI event is a dict, not {kind}"
        )));
    };
    let Some(name) = event.get_item(intern!(py, "type"))? else {
        return Err(PyValueError::new_err("an ASGI event has a \"type\""));
    };
    let name = name.cast::<PyString>()?.to_str()?;
    if let Some(websocket) = &this.websocket {
        let room = websocket.send(&this.on(py), name, event)?;
        if name == "websocket.accept" {
            // A `receive()` that waited for the decision waits for messages from now on.
            this.look_for_events(py, false)?;
        }
        return Ok(if room { Sent::Done } else { Sent::Full });
    }
    let Some(kind) = Kind::of(name) else {
        return Err(PyValueError::new_err(format!(
            "{name:?} is no event of an HTTP response"
        )));
    };
    if this.is_gone() {
        return this.left().map(|()| Sent::Dropped);
    }
    let stage = this.stage();
    if !kind.fits(stage) {
        return Err(PyRuntimeError::new_err(format!(
            "unexpected {name}: {}",
            said(stage)
        )));
    }
    match kind {
        Kind::Start => {
            let trailers = start::start(&this.shared, this.exchange.bind(py), event)?;
            this.set_stage(Stage::Body);
            this.set_trailers(trailers);
            Ok(Sent::Done)
        }
        Kind::Body => body(request, event),
        Kind::Trailers => trailers(request, event),
        Kind::PathSend => path_send(request, event),
        Kind::ZeroCopySend => zero_copy_send(request, event),
        Kind::EarlyHint => early_hint(this, event),
        Kind::Informational => informational(this, event),
    }
}

#[inline]
fn body(request: &Bound<'_, Request>, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let this = request.get();
    let (block, more) = part(event, "http.response.body: \"body\"")?;
    let exchange = this.exchange.bind(py);
    if more {
        let begun = exchange.try_borrow()?.headers_sent();
        let room = response::push(exchange, &block)?;
        if !begun && this.running(py).is_some() {
            pieces::trim(exchange);
        }
        return pushed(request, room);
    }
    if this.has_trailers() {
        this.set_stage(Stage::Trailers);
        return pushed(request, response::push(exchange, &block)?);
    }
    pieces::finish(exchange, &block)?;
    this.set_over(py)?;
    Ok(Sent::Done)
}

/// A part of a response is with the connection, which has room for more or not.
fn pushed(request: &Bound<'_, Request>, room: Room) -> PyResult<Sent> {
    let this = request.get();
    match room {
        Room::Gone => return this.left().map(|()| Sent::Dropped),
        Room::Yes => this.shared.ask_for_round(request.py())?,
        Room::Full => {
            Request::attend(request);
            return Ok(Sent::Full);
        }
    }
    Ok(Sent::Done)
}

fn trailers(request: &Bound<'_, Request>, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let this = request.get();
    let fields = headers(event)?;
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let exchange = this.exchange.bind(py);
    response::add_trailers(exchange, fields)?;
    if flag(event, intern!(py, "more_trailers"))? {
        return Ok(Sent::Done);
    }
    response::end(exchange)?;
    complete(this, py)
}

/// The response is complete, on the scoreboard too.
fn complete(request: &Request, py: Python<'_>) -> PyResult<Sent> {
    pieces::conclude(request.exchange.bind(py))?;
    request.set_over(py)?;
    Ok(Sent::Done)
}

/// The whole body is a file, by its path.
fn path_send(request: &Bound<'_, Request>, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let Some(path) = event.get_item(intern!(py, "path"))? else {
        return Err(PyValueError::new_err(
            "http.response.pathsend has no \"path\"",
        ));
    };
    let path: PathBuf = path.extract()?;
    let file = File::open(&path).map_err(|error| named(&path.display().to_string(), &error))?;
    let remaining = file.metadata()?.len();
    let part = FilePart {
        file,
        offset: 0,
        remaining,
    };
    let this = request.get();
    response::send_file(this.exchange.bind(py), part)?;
    complete(this, py)
}

fn named(path: &str, error: &std::io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, error.to_string(), path.to_owned())),
        None => PyOSError::new_err(format!("{path}: {error}")),
    }
}

/// A part of the body is a part of a file, by a descriptor.
fn zero_copy_send(request: &Bound<'_, Request>, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let Some(given) = event.get_item(intern!(py, "file"))? else {
        return Err(PyValueError::new_err(
            "http.response.zerocopysend has no \"file\"",
        ));
    };
    let fd: RawFd = if given.hasattr(intern!(py, "fileno"))? {
        given.call_method0(intern!(py, "fileno"))?.extract()?
    } else {
        given.extract()?
    };
    if fd < 0 {
        return Err(PyValueError::new_err(format!(
            "http.response.zerocopysend: \"file\" is no descriptor: {fd}"
        )));
    }
    // SAFETY: the application keeps its file open during this call; a number that is no descriptor
    // makes the copy fail.
    let mut file = File::from(unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()?);
    let number = |name: &Bound<'_, PyString>| -> PyResult<Option<u64>> {
        let value = event.get_item(name)?.filter(|value| !value.is_none());
        value.map(|value| value.extract()).transpose()
    };
    let offset = match number(intern!(py, "offset"))? {
        Some(offset) => offset,
        None => std::io::Seek::stream_position(&mut file)?,
    };
    let rest = file.metadata()?.len().saturating_sub(offset);
    let part = FilePart {
        file,
        offset,
        remaining: number(intern!(py, "count"))?.map_or(rest, |count| count.min(rest)),
    };
    let this = request.get();
    let exchange = this.exchange.bind(py);
    let more = flag(event, intern!(py, "more_body"))?;
    if more || this.has_trailers() {
        let room = response::push_file(exchange, part)?;
        if !more {
            this.set_stage(Stage::Trailers);
        }
        return pushed(request, room);
    }
    response::send_file(exchange, part)?;
    complete(this, py)
}

/// 103 (RFC 8297) with a Link field for each of `links`.
fn early_hint(request: &Request, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let pairs = PyList::empty(py);
    if let Some(links) = event.get_item(intern!(py, "links"))? {
        for link in links.try_iter()? {
            pairs.append((intern!(py, "Link"), bytes_of(link?, "a link")?))?;
        }
    }
    interim(request, "103 Early Hints", pairs.as_any())
}

/// gunicorn's own event for interim responses.
fn informational(request: &Request, event: &Bound<'_, PyDict>) -> PyResult<Sent> {
    let py = event.py();
    let status: u16 = match event.get_item(intern!(py, "status"))? {
        Some(status) => status.extract()?,
        None => 103,
    };
    let line = request.shared.status(py, status);
    let headers = event.get_item(intern!(py, "headers"))?;
    let headers = headers.unwrap_or_else(|| PyList::empty(py).into_any());
    interim(request, line.bind(py).to_str()?, &headers)
}

fn interim(request: &Request, status: &str, headers: &Bound<'_, PyAny>) -> PyResult<Sent> {
    let py = headers.py();
    let bytes = {
        let mut this = request.exchange.bind(py).try_borrow_mut()?;
        let net = this.run.open()?;
        let version = net.head.version();
        fields::interim(&mut net.response, version, status, headers)?
    };
    if let Some(key) = request.key.filter(|_| !bytes.is_empty()) {
        let reactor = &request.shared.core.reactor;
        reactor.interim(thread_number(), key, &bytes);
        request.shared.ask_for_round(py)?;
    }
    Ok(Sent::Done)
}
