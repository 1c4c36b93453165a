//! One WebSocket connection of an ASGI application (ASGI WebSocket, version 2.5): its events, and
//! what may follow what.

use std::sync::{Mutex, MutexGuard, PoisonError};

use net::baton::Room;
use net::exchange::RequestKey;
use net::websocket::Message;
use proto::ws::{close, is_extended_connect};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::event::{headers, part};
use super::leaving::{from_leaving, left};
use super::shared::Shared;
use super::websocket_stage::{Kind as Event, Stage, said};
use crate::exchange::Exchange;
use crate::fields::misuse;
use crate::pieces;
use crate::response;
use crate::shared::bytes_of;
use crate::websocket;

struct State {
    stage: Stage,
    /// `websocket.connect` was handed out.
    connected: bool,
    /// `websocket.disconnect` was handed out.
    told: bool,
    /// The client has left, or has closed the connection.
    gone: bool,
}

/// What is particular to a WebSocket connection.
pub(crate) struct WebSocket {
    state: Mutex<State>,
}

impl WebSocket {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                stage: Stage::Connecting,
                connected: false,
                told: false,
                gone: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_stage(&self, stage: Stage) {
        self.state().stage = stage;
    }

    /// The client has left before the application has decided.
    pub(super) fn client_left(&self) {
        self.state().gone = true;
    }

    /// The next event; `None`: it has to be waited for.
    pub(super) fn next_event(
        &self,
        py: Python<'_>,
        shared: &Shared,
        key: Option<RequestKey>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let (stage, gone) = {
            let mut state = self.state();
            if !std::mem::replace(&mut state.connected, true) {
                drop(state);
                let event = PyDict::new(py);
                event.set_item(intern!(py, "type"), intern!(py, "websocket.connect"))?;
                return Ok(Some(event.into_any().unbind()));
            }
            if state.told {
                return Err(PyRuntimeError::new_err(
                    "receive() after websocket.disconnect: nothing more will come",
                ));
            }
            (state.stage, state.gone)
        };
        match (stage, key) {
            (Stage::Open, Some(key)) => {
                let message = shared.core.reactor.take_message(key);
                self.event_of(py, message)
            }
            (Stage::Connecting | Stage::Denying, _) if !gone => Ok(None),
            _ => self.disconnect(py, close::ABNORMAL, "").map(Some),
        }
    }

    fn event_of(&self, py: Python<'_>, message: Message) -> PyResult<Option<Py<PyAny>>> {
        let event = PyDict::new(py);
        let kind = intern!(py, "type");
        match message {
            Message::Later => return Ok(None),
            Message::Text(text) => {
                event.set_item(kind, intern!(py, "websocket.receive"))?;
                event.set_item(intern!(py, "text"), websocket::text(py, &text)?)?;
            }
            Message::Binary(bytes) => {
                event.set_item(kind, intern!(py, "websocket.receive"))?;
                event.set_item(intern!(py, "bytes"), PyBytes::new(py, &bytes))?;
            }
            Message::Closed { code, reason } => {
                return self.disconnect(py, code, &reason).map(Some);
            }
            Message::Gone => return self.disconnect(py, close::ABNORMAL, "").map(Some),
        }
        Ok(Some(event.into_any().unbind()))
    }

    fn disconnect(&self, py: Python<'_>, code: u16, reason: &str) -> PyResult<Py<PyAny>> {
        {
            let mut state = self.state();
            state.told = true;
            state.gone = true;
        }
        let event = PyDict::new(py);
        event.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
        event.set_item(intern!(py, "code"), code)?;
        event.set_item(intern!(py, "reason"), reason)?;
        Ok(event.into_any().unbind())
    }

    /// Carries an event out. False: the client reads slowly.
    pub(super) fn send(
        &self,
        on: &On<'_, '_>,
        name: &str,
        event: &Bound<'_, PyDict>,
    ) -> PyResult<bool> {
        let Some(kind) = Event::of(name) else {
            return Err(PyValueError::new_err(format!(
                "{name:?} is no event of a WebSocket connection"
            )));
        };
        let (stage, gone) = {
            let state = self.state();
            (state.stage, state.gone)
        };
        if gone {
            return Err(left());
        }
        if !kind.fits(stage) {
            return Err(PyRuntimeError::new_err(format!(
                "unexpected {name}: {}",
                said(stage)
            )));
        }
        match kind {
            Event::Accept => self.accept(on, event).map(|()| true),
            Event::Message => self.message(on, event),
            Event::Close if stage == Stage::Open => Self::close(on, event).map(|()| true),
            Event::Close => self.refuse(on).map(|()| true),
            Event::DenialStart => {
                super::start::start(on.shared, on.exchange, event)?;
                on.check_denial()?;
                self.set_stage(Stage::Denying);
                Ok(true)
            }
            Event::DenialBody => self.deny(on, event),
        }
    }

    fn accept(&self, on: &On<'_, '_>, event: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = event.py();
        let chosen = event.get_item(intern!(py, "subprotocol"))?;
        let chosen: Option<String> = match chosen.filter(|chosen| !chosen.is_none()) {
            Some(chosen) => Some(chosen.extract()?),
            None => None,
        };
        let fields = headers(event)?;
        let fields = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut this = on.exchange.try_borrow_mut()?;
        let core = &on.shared.core;
        let switched = websocket::accept(core, py, &mut this.run, chosen.as_deref(), fields)?;
        drop(this);
        if switched.is_none() {
            self.state().gone = true;
            return Err(left());
        }
        self.set_stage(Stage::Open);
        on.shared.ask_for_round(py)
    }

    fn message(&self, on: &On<'_, '_>, event: &Bound<'_, PyDict>) -> PyResult<bool> {
        let py = event.py();
        let given = |name| -> PyResult<Option<Bound<'_, PyAny>>> {
            Ok(event
                .get_item(name)?
                .filter(|value: &Bound<'_, PyAny>| !value.is_none()))
        };
        let Some(key) = on.key else {
            return Err(left());
        };
        let core = &on.shared.core;
        let room = match (given(intern!(py, "text"))?, given(intern!(py, "bytes"))?) {
            (Some(text), None) => {
                let Ok(text) = text.cast::<PyString>() else {
                    let kind = text.get_type();
                    let kind = kind.name()?;
                    return Err(PyTypeError::new_err(format!(
                        "websocket.send: \"text\" must be str, not {kind}"
                    )));
                };
                websocket::send_text(core, key, text)?
            }
            (None, Some(bytes)) => {
                let bytes = bytes_of(bytes, "websocket.send: \"bytes\"")?;
                websocket::send_binary(core, key, &bytes)
            }
            _ => {
                return Err(PyValueError::new_err(
                    "websocket.send needs either \"text\" or \"bytes\"",
                ));
            }
        };
        match room {
            Room::Yes => on.shared.ask_for_round(py).map(|()| true),
            Room::Full => Ok(false),
            Room::Gone => Err(self.has_left()),
        }
    }

    fn close(on: &On<'_, '_>, event: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = event.py();
        let code: u16 = match event.get_item(intern!(py, "code"))? {
            Some(code) if !code.is_none() => code.extract()?,
            _ => close::NORMAL,
        };
        let reason: String = match event.get_item(intern!(py, "reason"))? {
            Some(reason) if !reason.is_none() => reason.extract()?,
            _ => String::new(),
        };
        if let Some(key) = on.key {
            let closed = on.shared.core.reactor.close_websocket(key, code, &reason);
            closed.map_err(websocket::misuse)?;
        }
        // The client's answer is still to come, and told as the end.
        on.shared.ask_for_round(py)
    }

    /// `websocket.close` before the connection was accepted: 403.
    fn refuse(&self, on: &On<'_, '_>) -> PyResult<()> {
        let py = on.exchange.py();
        self.set_stage(Stage::Closed);
        {
            let mut this = on.exchange.try_borrow_mut()?;
            let run = &mut this.run;
            let status = on.shared.status(py, 403);
            let draft = &mut run.open()?.response.draft;
            draft.start(b"403 Forbidden").map_err(misuse)?;
            run.status = Some(status);
        }
        pieces::finish(on.exchange, &PyBytes::new(py, b""))
    }

    /// What `send()` raises when it finds that the client has left.
    fn has_left(&self) -> PyErr {
        self.state().gone = true;
        left()
    }

    fn deny(&self, on: &On<'_, '_>, event: &Bound<'_, PyDict>) -> PyResult<bool> {
        let (block, more) = part(event, "websocket.http.response.body: \"body\"")?;
        if !more {
            self.set_stage(Stage::Closed);
            return pieces::finish(on.exchange, &block).map(|()| true);
        }
        match response::push(on.exchange, &block)? {
            Room::Yes => on.shared.ask_for_round(on.py()).map(|()| true),
            Room::Full => Ok(false),
            Room::Gone => Err(self.has_left()),
        }
    }

    /// The application has ended: what is open is closed, what was not answered is answered, and the
    /// access log has its line. `left`: its client had left when it waited for room.
    pub(super) fn settle(
        &self,
        on: &On<'_, '_>,
        outcome: PyResult<()>,
        left: bool,
    ) -> PyResult<()> {
        let (stage, gone) = {
            let mut state = self.state();
            (
                std::mem::replace(&mut state.stage, Stage::Closed),
                state.gone || left,
            )
        };
        match stage {
            Stage::Open => {
                let told = match outcome {
                    Ok(()) => Ok(()),
                    Err(error) if gone && from_leaving(on.py(), &error) => Ok(()),
                    Err(error) => Self::failed(on, &error),
                };
                Self::end(on)?;
                told
            }
            Stage::Closed => match outcome {
                Ok(()) => Ok(()),
                Err(error) if from_leaving(on.py(), &error) => Ok(()),
                Err(error) => pieces::fail(on.exchange, error),
            },
            Stage::Connecting | Stage::Denying if gone => pieces::abandon(on.exchange),
            Stage::Connecting | Stage::Denying => {
                let error = outcome.err().unwrap_or_else(|| {
                    PyRuntimeError::new_err(
                        "the application has returned without an answer: the connection was \
                         neither accepted nor refused",
                    )
                });
                pieces::fail(on.exchange, error)
            }
        }
    }

    /// The client learns that the application has failed, and the log why.
    fn failed(on: &On<'_, '_>, error: &PyErr) -> PyResult<()> {
        if let Some(key) = on.key {
            websocket::close_failed(&on.shared.core, key)?;
        }
        crate::failure::tell(on.exchange, error)
    }

    /// An accepted connection is over for its application.
    fn end(on: &On<'_, '_>) -> PyResult<()> {
        if let Some(key) = on.key {
            websocket::end(on.exchange, key)?;
        }
        pieces::conclude(on.exchange)
    }
}

/// What a connection's events are carried out on.
pub(crate) struct On<'a, 'py> {
    pub(super) shared: &'a Shared,
    pub(super) exchange: &'a Bound<'py, Exchange>,
    pub(super) key: Option<RequestKey>,
}

impl<'py> On<'_, 'py> {
    fn py(&self) -> Python<'py> {
        self.exchange.py()
    }

    /// Over HTTP/2 success accepts, whatever comes behind it (RFC 8441, section 5).
    fn check_denial(&self) -> PyResult<()> {
        let mut this = self.exchange.try_borrow_mut()?;
        let net = this.run.open()?;
        let draft = &mut net.response.draft;
        if is_extended_connect(&net.head) && (200..300).contains(&draft.status()) {
            draft.clear();
            return Err(PyValueError::new_err(
                "websocket.http.response.start: over HTTP/2 a status of 2xx does not refuse",
            ));
        }
        Ok(())
    }
}
