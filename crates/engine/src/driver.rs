//! `AsgiDriver`: turns the engine for an asyncio loop, and begins the task of each request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use net::baton::TurnOutcome;
use net::exchange::{self as net_exchange, RequestKey};
use proto::protocol::{self, Served};
use proto::ws::{Compression, Handshake, HandshakeReject, is_extended_connect};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::access::Access;
use crate::asgi::done::outcome_of;
use crate::asgi::options::Options;
use crate::asgi::receive::Receive;
use crate::asgi::request::Request;
use crate::asgi::scope::Scopes;
use crate::asgi::send::Send;
use crate::asgi::shared::Shared;
use crate::asgi::within::within;
use crate::core::{Core, thread_number};
use crate::engine::Engine;
use crate::exchange::{Exchange, is_over};
use crate::fields::misuse;
use crate::pieces;
use crate::spare::Spare;
use crate::text;
use crate::wsgi::caches::Caches;
use crate::wsgi::environ;

/// Requests begun in one round of the loop, at most: its timers and tasks have their turn between.
const MOST: usize = 64;

/// What holds for the requests of one round.
struct Round<'py> {
    /// `start(coro, context=context)`: makes a task, and runs its first step.
    start: Bound<'py, PyAny>,
    /// Hooks look at requests.
    inspected: bool,
}

/// The engine of one asgi worker, as its loop drives it.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct AsgiDriver {
    engine: Py<Engine>,
    shared: Arc<Shared>,
    app: Py<PyAny>,
    /// Chooses what makes a task of a coroutine and runs its first step.
    starter: Py<PyAny>,
    /// `("context",)`, the keywords of that call.
    start_keywords: Py<PyTuple>,
    /// What every request has a copy of.
    context: Py<PyAny>,
    /// The worker: its `before` and `after` are called around requests that are inspected.
    worker: Py<PyAny>,
    /// At most so many of them; 0 for any number.
    limit: usize,
    scopes: Mutex<Scopes>,
    /// Strings of the environs that hooks and the access log look at.
    caches: Mutex<Caches>,
    spare: Spare,
    /// Hooks look at requests, as the last turn was told.
    inspected: AtomicBool,
    /// Streams of events were told that the worker stops.
    told_of_stop: AtomicBool,
}

#[pymethods]
impl AsgiDriver {
    /// `options` has the attributes `app`, `loop`, `starter`, `context`, `worker`, `limit`, `root_path`,
    /// `servers`, `state`, `disconnect_grace`.
    #[new]
    fn new(py: Python<'_>, engine: Py<Engine>, options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let core = Arc::clone(engine.get().core());
        let of = options.getattr(intern!(py, "loop"))?;
        let shared = Shared::new(core, Options::read(options)?, &of)?;
        let scopes = Scopes::new(py, &shared.options)?;
        Ok(Self {
            engine,
            shared: Arc::new(shared),
            app: options.getattr(intern!(py, "app"))?.unbind(),
            starter: options.getattr(intern!(py, "starter"))?.unbind(),
            start_keywords: PyTuple::new(py, [intern!(py, "context")])?.unbind(),
            context: options.getattr(intern!(py, "context"))?.unbind(),
            worker: options.getattr(intern!(py, "worker"))?.unbind(),
            limit: options.getattr(intern!(py, "limit"))?.extract()?,
            scopes: Mutex::new(scopes),
            caches: Mutex::new(Caches::new()),
            spare: Spare::bare(),
            inspected: AtomicBool::new(false),
            told_of_stop: AtomicBool::new(false),
        })
    }

    /// Requests that go on after their first step, by their numbers.
    #[getter]
    fn unfinished(&self, py: Python<'_>) -> Py<PyDict> {
        self.shared.unfinished.clone_ref(py)
    }

    /// One turn: begins the requests that are ready, and tells those that wait. Seconds until the
    /// next call at the latest; `None` when there will be no more requests. Never waits.
    fn turn(slf: &Bound<'_, Self>, inspected: bool) -> PyResult<Option<f64>> {
        let py = slf.py();
        let this = slf.get();
        this.inspected.store(inspected, Ordering::Relaxed);
        this.shared.set_round_due(true);
        let turned = this.turn_once(py, inspected);
        this.shared.set_round_due(false);
        let (wait, more) = turned?;
        if more {
            this.shared.ask_for_round(py)?;
        }
        Ok(wait)
    }

    /// What is to be done when the loop has run what was ready: output leaves, and pipelined requests
    /// begin.
    fn round(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let round = this.round_of(py, this.inspected.load(Ordering::Relaxed))?;
        this.shared.set_round_due(true);
        let more = this.begin_ready(&round);
        this.shared.set_round_due(false);
        if more {
            this.shared.ask_for_round(py)?;
        }
        Ok(())
    }

    /// The loop is about to end: nothing refers to it from here any more.
    fn close(&self) {
        self.shared.set_round(None);
    }

    /// Has `round` called after each round of the loop with output.
    fn open(slf: &Bound<'_, Self>) -> PyResult<()> {
        let round = slf.getattr(intern!(slf.py(), "round"))?;
        slf.get().shared.set_round(Some(round.unbind()));
        Ok(())
    }
}

impl AsgiDriver {
    fn round_of<'py>(&self, py: Python<'py>, inspected: bool) -> PyResult<Round<'py>> {
        let start = self.starter.bind(py).call_method0(intern!(py, "choose"))?;
        Ok(Round { start, inspected })
    }

    /// Also whether there is more to be begun.
    fn turn_once(&self, py: Python<'_>, inspected: bool) -> PyResult<(Option<f64>, bool)> {
        // Requests stay where they are until they begin: while this thread is kept, they may go to
        // another worker, and answers leave together as long as others wait.
        let Some(turn) = self.engine.get().net_turn(py, 0) else {
            return Ok((None, false));
        };
        let told = self.tell(py, &turn);
        let round = self.round_of(py, inspected)?;
        let more = self.begin_ready(&round);
        told?;
        if turn.stopped {
            return Ok((None, false));
        }
        let wait = Duration::from_millis(turn.wait_ms).as_secs_f64();
        Ok((Some(wait), more))
    }

    /// Begins requests that need no turn, such as pipelined ones, and writes what was held back. True:
    /// there may be more.
    fn begin_ready(&self, round: &Round<'_>) -> bool {
        let reactor = &self.shared.core.reactor;
        for _ in 0..MOST {
            let Some(net) = reactor.take_ready(thread_number()) else {
                return false;
            };
            if let Err(error) = self.begin(round, net) {
                // The request is answered; what has failed is telling of it.
                error.write_unraisable(round.start.py(), None);
            }
        }
        // Answers wait for those of the next round, which follows soon; the stand-in sees to it that
        // they do not wait for long.
        true
    }

    /// Tells the requests that wait: they go on at once. The first of their failures comes out when all
    /// are told; only what asks the process to end does not stay with its task.
    fn tell(&self, py: Python<'_>, turn: &TurnOutcome) -> PyResult<()> {
        let mut told = Ok(());
        for key in turn.bodies.iter().chain(&turn.messages) {
            if let Some(request) = self.find(py, *key) {
                told = told.and(request.get().look_for_events(py, true));
            }
        }
        for key in &turn.disconnected {
            if let Some(request) = self.find(py, *key) {
                told = told.and(Request::client_left(&request));
            }
        }
        if turn.room {
            for key in self.shared.take_waiting_for_room() {
                if let Some(request) = self.find(py, key) {
                    told = told.and(request.get().look_for_room(py));
                }
            }
        }
        if self.shared.core.reactor.stopping() && !self.told_of_stop.swap(true, Ordering::Relaxed) {
            for request in self.shared.all(py) {
                let request = request.bind(py).cast::<Request>()?;
                told = told.and(Request::worker_stops(request));
            }
        }
        told
    }

    fn find<'py>(&self, py: Python<'py>, key: RequestKey) -> Option<Bound<'py, Request>> {
        self.shared.find(py, key)?.into_bound(py).cast_into().ok()
    }

    fn begin(&self, round: &Round<'_>, net: Box<net_exchange::Exchange>) -> PyResult<()> {
        let py = round.start.py();
        let core = &self.shared.core;
        let full = self.limit != 0 && self.shared.unfinished.bind(py).len() >= self.limit;
        if full {
            core.reactor.shed(thread_number(), net);
            return Ok(());
        }
        let exchange = self.spare.hand_out(py, core, net, round.inspected)?;
        exchange.try_borrow_mut()?.run.start(core, 0)?;
        let handshake = handshake_of(&exchange, core.config.websocket.compression)?;
        if let Some(Err(reject)) = handshake {
            return refuse(core, &exchange, reject);
        }
        let is_websocket = handshake.is_some();
        let request = Request::new(py, Arc::clone(&self.shared), &exchange, is_websocket)?;
        // SAFETY: a context, as `options.context` says; the result is a new reference or null.
        let context = unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(self.context.as_ptr()))?
        };
        // A panic is a bug of ours; it costs this request and nothing else.
        let called = catch_unwind(AssertUnwindSafe(|| {
            self.call(round, &exchange, &request, &context)
        }));
        let called = called.unwrap_or_else(|_| {
            Err(PyRuntimeError::new_err(
                "the engine panicked; this is a bug in licorne",
            ))
        });
        match called {
            Ok(Some(task)) => {
                let keywords = self.start_keywords.bind(py);
                Request::go_on(request.bind(py), &task, &context, keywords)
            }
            Ok(None) => request.get().settle(py, Ok(())),
            // Handlers of the log find what the application has put into its context.
            Err(error) => within(&context, || request.get().settle(py, Err(error))),
        }
    }

    /// Calls the application; its task, if that has not ended with its first step.
    fn call<'py>(
        &self,
        round: &Round<'py>,
        exchange: &Bound<'py, Exchange>,
        request: &Py<Request>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = round.start.py();
        let is_websocket = request.get().is_websocket();
        let scope = self.scope(py, exchange, (round.inspected, is_websocket))?;
        if round.inspected {
            let worker = self.worker.bind(py);
            let seen = worker.call_method1(intern!(py, "before"), (exchange,))?;
            let after = worker.getattr(intern!(py, "after"))?;
            request.get().set_seen(seen.unbind(), after.unbind());
        }
        let receive = Bound::new(py, Receive::new(request.clone_ref(py)))?;
        let send = Bound::new(py, Send::new(request.clone_ref(py)))?;
        let arguments = [scope.as_ptr(), receive.as_ptr(), send.as_ptr()];
        // SAFETY: live objects in an array of three; the result is a new reference or null.
        let coroutine = unsafe {
            let result = ffi::PyObject_Vectorcall(
                self.app.as_ptr(),
                arguments.as_ptr(),
                arguments.len(),
                std::ptr::null_mut(),
            );
            Bound::from_owned_ptr_or_err(py, result)?
        };
        let arguments = [coroutine.as_ptr(), context.as_ptr()];
        // SAFETY: one positional argument, and one for the keyword that the tuple names.
        let task = unsafe {
            let result = ffi::PyObject_Vectorcall(
                round.start.as_ptr(),
                arguments.as_ptr(),
                1,
                self.start_keywords.as_ptr(),
            );
            Bound::from_owned_ptr_or_err(py, result)?
        };
        if task.call_method0(intern!(py, "done"))?.is_truthy()? {
            return outcome_of(&task).map(|()| None);
        }
        Ok(Some(task))
    }

    fn scope<'py>(
        &self,
        py: Python<'py>,
        exchange: &Bound<'py, Exchange>,
        (inspected, is_websocket): (bool, bool),
    ) -> PyResult<Bound<'py, PyDict>> {
        let core = &self.shared.core;
        let mut this = exchange.try_borrow_mut()?;
        let this = &mut *this;
        let Some(net) = &mut this.run.net else {
            return Err(is_over());
        };
        let id = core.ids.as_ref().map(|ids| text::latin1(py, &ids.of(net)));
        let id = id.transpose()?.map(Bound::unbind);
        let traceparent = this.run.place.as_ref().map(|place| place.traceparent());
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let (options, id) = (&self.shared.options, id);
        let scope = if is_websocket {
            scopes.build_websocket(py, core, options, net, id.as_ref())?
        } else {
            scopes.build(py, core, options, net, id.as_ref())?
        };
        drop(scopes);
        if let Some(traceparent) = traceparent {
            Scopes::replace_field(&scope, b"traceparent", traceparent.as_bytes())?;
        }
        if core.config.queue_time
            && let Some(ns) = this.run.queue_ns
        {
            scope.set_item(&core.names.queue_time, crate::queue::seconds(ns))?;
        }
        this.run.request_id = id;
        this.run.environ = None;
        if inspected || core.access.as_ref().is_some_and(Access::writes) {
            // What hooks and the atoms of the access log look at.
            let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
            let template = &core.config.environ;
            let (environ, repeated) = environ::build(py, core, template, &mut caches, net)?;
            this.run.repeated = repeated;
            this.run.environ = Some(environ.unbind());
        }
        Ok(scope)
    }
}

/// What is to be made of a request that asks for WebSocket; `None` if it does not.
fn handshake_of(
    exchange: &Bound<'_, Exchange>,
    compression: Option<Compression>,
) -> PyResult<Option<Result<(), HandshakeReject>>> {
    const SERVED: Served = Served {
        websocket: true,
        ..Served::HTTP1
    };
    let this = exchange.try_borrow()?;
    let head = this.head()?;
    // Extended CONNECT counts as one.
    if !head.upgrade() {
        return Ok(None);
    }
    let mut asked = head.fields_named(b"upgrade");
    let websocket = is_extended_connect(head)
        || asked.any(|field| protocol::upgrade(SERVED, field.value).is_some());
    Ok(websocket.then(|| Handshake::of(head, compression).map(drop)))
}

/// A handshake that is none: the client is told why, and the log.
#[cold]
fn refuse(core: &Core, exchange: &Bound<'_, Exchange>, reject: HandshakeReject) -> PyResult<()> {
    let py = exchange.py();
    let (text, id) = {
        let mut this = exchange.try_borrow_mut()?;
        let run = &mut this.run;
        let net = run.open()?;
        let (status, reason) = reject.answer(&net.head);
        let status = format!("{status} {reason}");
        let client = net
            .client()
            .map_or_else(String::new, |peer| peer.to_string());
        let draft = &mut net.response.draft;
        draft.start(status.as_bytes()).map_err(misuse)?;
        for (name, value) in reject.fields() {
            let field = draft.field(name.as_bytes(), value.as_bytes());
            field.map_err(misuse)?;
        }
        let field = draft.field(b"Content-Type", b"text/plain; charset=utf-8");
        field.map_err(misuse)?;
        net.keep_alive = false;
        run.status = Some(PyString::new(py, &status).unbind());
        let text = format!(
            "Refused a WebSocket handshake of {client}: {}",
            reject.message()
        );
        (text, run.request_id.as_ref().map(|id| id.clone_ref(py)))
    };
    let page = format!("{}\n", reject.message());
    pieces::finish(exchange, &PyBytes::new(py, page.as_bytes()))?;
    core.log_about(py, "warning", &text, id.as_ref())
}
