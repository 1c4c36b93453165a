//! One request of an ASGI application: how far it has come, and what waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::baton::Room;
use net::exchange::RequestKey;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::arriving::{Arriving, Part};
use super::done::outcome_of;
use super::event_stream::is_event_stream;
use super::leaving::{Client, from_leaving, left};
use super::shared::Shared;
use super::stage::{Stage, Wanted};
use super::waiter::Waiter;
use super::websocket::{On, WebSocket};
use super::within::call_in_its_context;
use crate::exchange::Exchange;
use crate::pieces;

struct State {
    arriving: Arriving,
    stage: Stage,
    /// Trailers follow the body.
    trailers: bool,
    client: Client,
    /// News of turns are for it.
    attended: bool,
    /// Futures of those that wait.
    waiters: Vec<(Wanted, Py<Waiter>)>,
    /// The task that runs the application, if it has not ended with its first step.
    task: Option<Py<PyAny>>,
    /// What the hooks are called with, and what calls the last of them.
    seen: Option<(Py<PyAny>, Py<PyAny>)>,
}

impl State {
    /// Whether a `receive()` waits.
    fn listens(&self) -> bool {
        self.waiters
            .iter()
            .any(|(wanted, _)| *wanted == Wanted::Event)
    }
}

/// A request with the application.
#[pyclass(
    frozen,
    freelist = 64,
    module = "licorne._engine",
    name = "AsgiRequest"
)]
pub(crate) struct Request {
    pub(crate) exchange: Py<Exchange>,
    pub(super) shared: Arc<Shared>,
    pub(super) key: Option<RequestKey>,
    number: u64,
    state: Mutex<State>,
    /// It is the handshake of a WebSocket connection, and then that.
    pub(super) websocket: Option<Box<WebSocket>>,
}

impl Request {
    /// A request that begins. Its body leaves the exchange.
    pub(crate) fn new(
        py: Python<'_>,
        shared: Arc<Shared>,
        exchange: &Bound<'_, Exchange>,
        is_websocket: bool,
    ) -> PyResult<Py<Self>> {
        let (key, number, body) = {
            let mut this = exchange.try_borrow_mut()?;
            let net = this.run.open()?;
            (net.key, net.id, std::mem::take(&mut net.body))
        };
        Py::new(
            py,
            Self {
                exchange: exchange.clone().unbind(),
                shared,
                key,
                number,
                state: Mutex::new(State {
                    arriving: Arriving::of(body),
                    stage: Stage::Head,
                    trailers: false,
                    client: Client::default(),
                    attended: false,
                    waiters: Vec::new(),
                    task: None,
                    seen: None,
                }),
                websocket: is_websocket.then(|| Box::new(WebSocket::new())),
            },
        )
    }

    /// What the events of a WebSocket connection are carried out on.
    pub(super) fn on<'a, 'py>(&'a self, py: Python<'py>) -> On<'a, 'py> {
        On {
            shared: &self.shared,
            exchange: self.exchange.bind(py),
            key: self.key,
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.websocket.is_some()
    }

    pub(crate) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        self.state().stage = stage;
    }

    pub(crate) fn has_trailers(&self) -> bool {
        self.state().trailers
    }

    pub(crate) fn set_trailers(&self, trailers: bool) {
        self.state().trailers = trailers;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state().client.is_gone()
    }

    /// The task goes on after its first step: the application waits for something.
    /// Its end is told in its own context; `keywords` is `("context",)`.
    pub(crate) fn go_on(
        slf: &Bound<'_, Self>,
        task: &Bound<'_, PyAny>,
        context: &Bound<'_, PyAny>,
        keywords: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.state().task = Some(task.clone().unbind());
        pieces::trim(this.exchange.bind(py));
        this.shared.unfinished.bind(py).set_item(this.number, slf)?;
        Self::attend(slf);
        let ended = slf.getattr(intern!(py, "ended"))?;
        call_in_its_context(task, &ended, context, keywords)
    }

    /// Hooks look at it: `after` is called with `seen` when it has ended.
    pub(crate) fn set_seen(&self, seen: Py<PyAny>, after: Py<PyAny>) {
        self.state().seen = Some((seen, after));
    }

    /// There may be an event for `receive()`; `now` as [`Waiter::complete`] says.
    pub(crate) fn look_for_events(&self, py: Python<'_>, now: bool) -> PyResult<()> {
        self.wake(py, |wanted| wanted == Wanted::Event, now)
    }

    /// The next event, or room for more; `None`: it has to be waited for.
    pub(crate) fn take(slf: &Bound<'_, Self>, wanted: Wanted) -> PyResult<Option<Py<PyAny>>> {
        match wanted {
            Wanted::Event => slf.get().next_event(slf.py()),
            Wanted::Room => slf.get().has_room(slf.py()),
            Wanted::Turn => Ok(Some(slf.py().None())),
        }
    }

    fn has_room(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let room = match self.key {
            Some(key) if !self.is_gone() => self.shared.core.reactor.room(key),
            _ => Some(Room::Gone),
        };
        match room {
            None => Ok(None),
            Some(Room::Gone) => self.left().map(|()| Some(py.None())),
            Some(_) => Ok(Some(py.None())),
        }
    }

    fn next_event(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if let Some(websocket) = &self.websocket {
            return websocket.next_event(py, &self.shared, self.key);
        }
        if let Some(part) = self.next_part()? {
            let (bytes, more) = part;
            let event = PyDict::new(py);
            event.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
            event.set_item(intern!(py, "body"), PyBytes::new(py, &bytes))?;
            event.set_item(intern!(py, "more_body"), more)?;
            return Ok(Some(event.into_any().unbind()));
        }
        let state = self.state();
        if !state.client.is_gone() && state.stage != Stage::Over {
            return Ok(None);
        }
        drop(state);
        let event = PyDict::new(py);
        event.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
        Ok(Some(event.into_any().unbind()))
    }

    /// The next part of the body, and whether more is to come; `None`: there is none now.
    fn next_part(&self) -> PyResult<Option<(Vec<u8>, bool)>> {
        let mut state = self.state();
        let over = state.stage == Stage::Over;
        let key = self.key.filter(|_| !over);
        Ok(match state.arriving.next(&self.shared.core.reactor, key)? {
            Part::Bytes(bytes, more) => Some((bytes, more)),
            Part::Later => None,
            Part::Gone => {
                if !over {
                    let listens = state.listens();
                    state.client.found_gone(listens);
                }
                None
            }
        })
    }

    /// A future that is completed when it is worth to ask again.
    pub(crate) fn wait<'py>(
        slf: &Bound<'py, Self>,
        wanted: Wanted,
    ) -> PyResult<Bound<'py, Waiter>> {
        let this = slf.get();
        let waiter = Bound::new(slf.py(), Waiter::new(Arc::clone(&this.shared)))?;
        let cancelled: Vec<_> = {
            let mut state = this.state();
            let waiters = &mut state.waiters;
            let cancelled = waiters.extract_if(.., |(_, each)| each.get().is_done());
            let cancelled = cancelled.collect();
            if waiters.is_empty() {
                // Mostly there is no other one, and it waits for long.
                waiters.reserve_exact(1);
            }
            waiters.push((wanted, waiter.clone().unbind()));
            cancelled
        };
        // Outside of the lock: what is released may run code of Python.
        drop(cancelled);
        Self::attend(slf);
        if let Some(key) = this.key.filter(|_| wanted == Wanted::Room) {
            this.shared.wait_for_room(key);
        }
        Ok(waiter)
    }

    /// News of a turn are for it, too, and the end of its client is one, from now on.
    pub(crate) fn attend(slf: &Bound<'_, Self>) {
        let this = slf.get();
        let attends = {
            let mut state = this.state();
            state.stage != Stage::Over && !std::mem::replace(&mut state.attended, true)
        };
        if let Some(key) = this.key.filter(|_| attends) {
            this.shared.remember(key, slf.clone().into_any().unbind());
            this.shared.core.reactor.report_disconnect(key);
        }
    }

    /// Completes the futures of those that wait for this; `now` as [`Waiter::complete`] says.
    fn wake(&self, py: Python<'_>, which: impl Fn(Wanted) -> bool, now: bool) -> PyResult<()> {
        let woken: Vec<_> = {
            let mut state = self.state();
            let woken = state.waiters.extract_if(.., |(wanted, _)| which(*wanted));
            woken.collect()
        };
        let mut told = Ok(());
        for (_, waiter) in woken {
            told = told.and(Waiter::complete(waiter.bind(py), now));
        }
        told
    }

    /// There may be room again.
    pub(crate) fn look_for_room(&self, py: Python<'_>) -> PyResult<()> {
        let waits = self
            .state()
            .waiters
            .iter()
            .any(|(wanted, _)| *wanted == Wanted::Room);
        let Some(key) = self.key.filter(|_| waits) else {
            return Ok(());
        };
        if self.shared.core.reactor.room(key).is_some() {
            self.wake(py, |wanted| wanted == Wanted::Room, true)
        } else {
            self.shared.wait_for_room(key);
            Ok(())
        }
    }

    /// The client has left: those that wait are told, and what has not ended in time is cancelled.
    pub(crate) fn client_left(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        {
            let mut state = this.state();
            let listens = state.listens();
            if state.client.tell(listens) {
                return Ok(());
            }
        }
        if let Some(websocket) = &this.websocket {
            websocket.client_left();
        }
        this.wake(py, |_| true, true)?;
        if this.running(py).is_some() {
            let grace = this.shared.options.grace;
            if grace > 0.0 {
                let cancel = slf.getattr(intern!(py, "cancel"))?;
                this.shared.call_later(py, grace, &cancel)?;
            } else {
                this.cancel(py)?;
            }
        }
        Ok(())
    }

    /// The worker stops: a stream of events has no end of its own, so its application is told as if its
    /// client had left. The client comes again by itself (HTML, section 9.2).
    pub(crate) fn worker_stops(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let begun = this.stage() == Stage::Body;
        let events = begun && is_event_stream(this.exchange.bind(slf.py()))?;
        if events {
            Self::client_left(slf)
        } else {
            Ok(())
        }
    }

    /// The response is complete, or will never be.
    pub(crate) fn set_over(&self, py: Python<'_>) -> PyResult<()> {
        let (attended, waits) = {
            let mut state = self.state();
            state.stage = Stage::Over;
            (state.attended, !state.waiters.is_empty())
        };
        if let Some(key) = self.key.filter(|_| attended) {
            self.shared.forget(key);
        }
        if waits {
            self.wake(py, |_| true, false)?;
        }
        self.shared.ask_for_round(py)
    }

    /// The task has ended, or the call that should have begun it: what it owes is settled.
    pub(crate) fn settle(&self, py: Python<'_>, outcome: PyResult<()>) -> PyResult<()> {
        let task = self.state().task.take();
        if task.is_some() {
            self.shared.unfinished.bind(py).del_item(self.number)?;
        }
        drop(task);
        let over = self.stage() == Stage::Over;
        let exchange = self.exchange.bind(py);
        let ended = match (&self.websocket, outcome) {
            (Some(websocket), outcome) => websocket.settle(&self.on(py), outcome, self.is_gone()),
            (None, Ok(())) if over => Ok(()),
            (None, Ok(())) if self.is_gone() => pieces::cut_off(exchange),
            (None, Ok(())) => self.unanswered(py),
            (None, Err(error)) if self.is_gone() && from_leaving(py, &error) => {
                pieces::cut_off(exchange)
            }
            (None, Err(error)) => pieces::fail(exchange, error),
        };
        let seen = self.state().seen.take();
        let told = match seen {
            Some((seen, after)) => after.bind(py).call1((seen,)).map(drop),
            None => Ok(()),
        };
        if !over {
            self.set_over(py)?;
        }
        ended.and(told)
    }

    /// The application has returned, and owes an answer, or a part of it.
    fn unanswered(&self, py: Python<'_>) -> PyResult<()> {
        let said = match self.stage() {
            Stage::Head => "without an answer: no http.response.start was sent",
            _ => "before its response was complete: the last http.response.body is missing",
        };
        let error = PyRuntimeError::new_err(format!("the application has returned {said}"));
        pieces::fail(self.exchange.bind(py), error)
    }

    /// What becomes of an event for a client that has left: the application is told by an exception,
    /// or the event is dropped (see `Client`).
    pub(crate) fn left(&self) -> PyResult<()> {
        let mut state = self.state();
        let listens = state.listens();
        state.client.found_gone(listens);
        if state.client.is_listened_for() {
            Ok(())
        } else {
            Err(left())
        }
    }

    /// Whether the loop is to have a turn after an event that was dropped.
    pub(crate) fn owes_a_turn(&self) -> bool {
        self.state().client.drops_one()
    }

    pub(super) fn running(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().task.as_ref().map(|task| task.clone_ref(py))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Request {
    /// The task that runs the application; `None` when it has ended.
    #[getter]
    fn task(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.running(py)
    }

    #[getter]
    fn exchange(&self, py: Python<'_>) -> Py<Exchange> {
        self.exchange.clone_ref(py)
    }

    /// It is over its time, and its client has been answered.
    #[getter]
    fn overdue(&self, py: Python<'_>) -> PyResult<bool> {
        let this = self.exchange.bind(py).try_borrow()?;
        Ok(this.run.net.is_some() && this.core.is_overdue(this.run.entry))
    }

    /// Cancels its task, if that has not ended.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        match self.running(py) {
            Some(task) => task.bind(py).call_method0(intern!(py, "cancel")).map(drop),
            None => Ok(()),
        }
    }

    /// Called by its task when that has ended.
    fn ended(&self, py: Python<'_>, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.settle(py, outcome_of(task))
    }
}
