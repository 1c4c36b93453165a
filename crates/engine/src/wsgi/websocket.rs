//! `environ["licorne.websocket"]`: a handshake that a WSGI application may accept, and the connection
//! then. Its calls wait: on a thread without the interpreter lock, on a greenlet while the others run.
//! What an application that does not accept returns is the answer, as ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::baton::Room;
use net::exchange::RequestKey;
use net::websocket::Message;
use proto::ws::{Handshake, close};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::core::{Core, Detached, thread_number};
use crate::exchange::Exchange;
use crate::failure::{self, asks_to_end};
use crate::fields::pairs_of;
use crate::pieces;
use crate::sending::{discard, wait_for_room};
use crate::shared::bytes_of;
use crate::text;
use crate::websocket;

/// A WebSocket handshake, and the connection when it is accepted.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct WebSocket {
    core: Arc<Core>,
    subprotocols: Py<PyTuple>,
    state: Mutex<State>,
}

/// How far it has come.
enum State {
    /// The application has not decided.
    Offered(Py<Exchange>),
    /// Messages go both ways; the code and reason once they are known to the application.
    Accepted(RequestKey, Option<End>),
    /// The application has returned.
    Over(Option<End>),
}

type End = (u16, String);

impl WebSocket {
    /// For a request that asks for WebSocket, and asks rightly; otherwise there is nothing to accept.
    /// Its subprotocols are what the client offers, the preferred one first.
    pub(super) fn offered(
        core: &Arc<Core>,
        exchange: &Bound<'_, Exchange>,
        head: &proto::RequestHead,
    ) -> PyResult<Option<Py<Self>>> {
        let py = exchange.py();
        // Nothing may wait where many requests share a thread without greenlets.
        if core.config.pauses() {
            return Ok(None);
        }
        let Ok(handshake) = Handshake::of(head, core.config.websocket.compression) else {
            return Ok(None);
        };
        let subprotocols: PyResult<Vec<_>> = handshake
            .subprotocols()
            .map(|name| text::latin1(py, name))
            .collect();
        let new = Self {
            core: Arc::clone(core),
            subprotocols: PyTuple::new(py, subprotocols?)?.unbind(),
            state: Mutex::new(State::Offered(exchange.clone().unbind())),
        };
        Py::new(py, new).map(Some)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, which is open as far as the application knows.
    fn open(&self, py: Python<'_>) -> PyResult<RequestKey> {
        let end = match &*self.state() {
            State::Offered(_) => return Err(not_accepted()),
            State::Accepted(key, None) => return Ok(*key),
            State::Accepted(_, Some(end)) | State::Over(Some(end)) => Some(end.clone()),
            State::Over(None) => None,
        };
        Err(closed(py, end))
    }

    /// The next message; at the end the exception.
    fn next_message(&self, py: Python<'_>, key: RequestKey) -> PyResult<Py<PyAny>> {
        match self.wait(py, key)? {
            Message::Text(text) => Ok(websocket::text(py, &text)?.into_any().unbind()),
            Message::Binary(bytes) => Ok(PyBytes::new(py, &bytes).into_any().unbind()),
            Message::Closed { code, reason } => {
                let end = (code, reason);
                if let State::Accepted(_, known) = &mut *self.state() {
                    *known = Some(end.clone());
                }
                Err(closed(py, Some(end)))
            }
            // Another thread was told of the end.
            Message::Later | Message::Gone => {
                self.open(py)?;
                Err(closed(py, None))
            }
        }
    }

    fn wait(&self, py: Python<'_>, key: RequestKey) -> PyResult<Message> {
        let reactor = &self.core.reactor;
        if let Some(make_waiter) = &self.core.config.make_waiter {
            let receiving = &self.core.receiving;
            return receiving.wait_for_message(make_waiter.bind(py), reactor, key);
        }
        loop {
            let waited = reactor.wait_for_message(thread_number(), key, &Detached(py));
            match waited {
                Some(message) => return Ok(message),
                None => py.check_signals()?,
            }
        }
    }

    /// The application has returned, or has failed: `None` if it has not accepted.
    fn leave(&self) -> Option<RequestKey> {
        let mut state = self.state();
        let (key, end) = match std::mem::replace(&mut *state, State::Over(None)) {
            State::Offered(exchange) => {
                drop(state);
                drop(exchange);
                return None;
            }
            State::Accepted(key, end) => (Some(key), end),
            State::Over(end) => (None, end),
        };
        *state = State::Over(end);
        key
    }
}

#[pymethods]
impl WebSocket {
    /// Accepts the handshake.
    #[pyo3(signature = (subprotocol=None, headers=None))]
    fn accept(
        &self,
        py: Python<'_>,
        subprotocol: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let exchange = match &*self.state() {
            State::Offered(exchange) => exchange.clone_ref(py),
            State::Accepted(..) => {
                return Err(PyRuntimeError::new_err("accept(): it was accepted already"));
            }
            State::Over(_) => {
                return Err(PyRuntimeError::new_err(
                    "accept(): the application has returned already",
                ));
            }
        };
        let pairs = headers.map(pairs_of).transpose()?.unwrap_or_default();
        let exchange = exchange.bind(py);
        let mut this = exchange.try_borrow_mut()?;
        if this.run.socket.is_some() || this.headers_sent() {
            return Err(PyRuntimeError::new_err(
                "accept(): the request has been answered, or its socket was taken over",
            ));
        }
        let fields = pairs
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()));
        let accepted = websocket::accept(&self.core, py, &mut this.run, subprotocol, fields)?;
        drop(this);
        // The client may have gone.
        let gone = (close::ABNORMAL, String::new());
        let (state, result) = match accepted {
            Some(key) => (State::Accepted(key, None), Ok(())),
            None => (State::Over(Some(gone.clone())), Err(closed(py, Some(gone)))),
        };
        let before = std::mem::replace(&mut *self.state(), state);
        drop(before);
        result
    }

    /// Waits for the next message.
    fn receive(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let key = self.open(py)?;
        self.next_message(py, key)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next message; nothing after the end.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let message = self.open(py).and_then(|key| self.next_message(py, key));
        match message {
            Ok(message) => Ok(Some(message)),
            Err(error) if is_end(py, &error)? => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a message, and waits while the client reads slowly.
    fn send(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = self.open(py)?;
        let room = if let Ok(text) = message.cast::<PyString>() {
            websocket::send_text(&self.core, key, text)?
        } else {
            let bytes = bytes_of(message.clone(), "a message that is not str")?;
            websocket::send_binary(&self.core, key, &bytes)
        };
        let there = match room {
            Room::Yes => true,
            Room::Full => wait_for_room(py, &self.core, key)?,
            Room::Gone => false,
        };
        if there { Ok(()) } else { Err(closed(py, None)) }
    }

    /// Sends the close frame; the client's answer ends `receive`. Nothing happens when it is closed.
    #[pyo3(signature = (code=close::NORMAL, reason=""))]
    fn close(&self, code: u16, reason: &str) -> PyResult<()> {
        let key = match &*self.state() {
            State::Offered(_) => return Err(not_accepted()),
            State::Accepted(key, _) => *key,
            State::Over(_) => return Ok(()),
        };
        let closed = self.core.reactor.close_websocket(key, code, reason);
        closed.map_err(websocket::misuse)
    }

    #[getter]
    fn subprotocols(&self, py: Python<'_>) -> Py<PyTuple> {
        self.subprotocols.clone_ref(py)
    }

    /// The end was told, or the application has returned.
    #[getter]
    fn closed(&self) -> bool {
        matches!(&*self.state(), State::Accepted(_, Some(_)) | State::Over(_))
    }
}

/// Puts what can be accepted into the environ of a request that asks for another protocol.
pub(super) fn offer(
    exchange: &Bound<'_, Exchange>,
    environ: &Bound<'_, PyDict>,
) -> PyResult<Option<Py<WebSocket>>> {
    let this = exchange.try_borrow()?;
    let offered = WebSocket::offered(&this.core, exchange, this.head()?)?;
    if let Some(offered) = &offered {
        environ.set_item(intern!(exchange.py(), "licorne.websocket"), offered)?;
    }
    Ok(offered)
}

/// The application has returned or failed. If it has accepted, the connection is ended, whatever was
/// returned; otherwise `called` comes back, to be answered.
pub(super) fn conclude<'py>(
    exchange: &Bound<'py, Exchange>,
    offered: &Py<WebSocket>,
    called: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = exchange.py();
    let Some(key) = offered.get().leave() else {
        return match called {
            // Its client has gone before it was accepted.
            Err(error) if is_end(py, &error)? => discard(exchange).map(|()| None),
            called => called.map(Some),
        };
    };
    let outcome = called.and_then(|answer| pieces::close(&answer));
    let told = match outcome {
        Ok(()) => Ok(()),
        // It has not looked whether its client is still there, and need not.
        Err(error) if is_end(py, &error)? => Ok(()),
        Err(error) => failed(exchange, key, error),
    };
    let ended = websocket::end(exchange, key);
    told.and(ended).map(|()| None)
}

/// The client learns that the application has failed, and the log why.
fn failed(exchange: &Bound<'_, Exchange>, key: RequestKey, error: PyErr) -> PyResult<()> {
    let py = exchange.py();
    let core = Arc::clone(&exchange.try_borrow()?.core);
    websocket::close_failed(&core, key)?;
    if asks_to_end(&error, py) {
        // The caller tells of it.
        return Err(error);
    }
    failure::tell(exchange, &error)
}

fn not_accepted() -> PyErr {
    PyRuntimeError::new_err("the WebSocket handshake is not accepted: call accept() first")
}

/// `licorne.errors.ConnectionClosed`, or why it cannot be raised.
fn closed(py: Python<'_>, end: Option<End>) -> PyErr {
    let raised = class(py).and_then(|class| match end {
        Some(end) => class.call1(end),
        None => class.call0(),
    });
    match raised {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn is_end(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    Ok(error.matches(py, class(py)?)?)
}

fn class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import(intern!(py, "licorne.errors"))?
        .getattr(intern!(py, "ConnectionClosed"))
}
