//! `AsgiDriver`: turns the engine for an asyncio loop, and begins the task of each request.

mod application;
mod relay;
mod task;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use net::baton::{Taking, TurnOutcome};
use net::exchange::{self as net_exchange, RequestKey};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::application::Application;
use self::relay::Relay;
use self::task::Asyncio;
use crate::asgi::done::outcome_of;
use crate::asgi::options::Options;
use crate::asgi::request::Request;
use crate::asgi::shared::Shared;
use crate::asgi::within::within;
use crate::engine::Engine;
use crate::failure::panicked;

/// Requests begun in one round of the loop, at most: its timers and tasks have their turn between.
const MOST: usize = 64;

/// What holds for the requests of one round.
struct Round<'py> {
    /// `start(coro, context=context)`: makes a task, and runs its first step, mostly.
    start: Bound<'py, PyAny>,
    /// It always does.
    at_once: bool,
    /// Hooks look at requests.
    inspected: bool,
}

/// The engine of one asgi worker, as its loop drives it.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct AsgiDriver {
    engine: Py<Engine>,
    shared: Arc<Shared>,
    application: Arc<Application>,
    asyncio: Arc<Asyncio>,
    /// Chooses what makes a task of a coroutine and runs its first step.
    starter: Py<PyAny>,
    /// What it chooses if that always runs the first step.
    at_once: Py<PyAny>,
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
        let shared = Arc::new(shared);
        let starter = options.getattr(intern!(py, "starter"))?;
        Ok(Self {
            engine,
            application: Arc::new(Application::new(py, Arc::clone(&shared), options)?),
            asyncio: Arc::new(Asyncio::new(py)?),
            shared,
            at_once: starter.getattr(intern!(py, "at_once"))?.unbind(),
            starter: starter.unbind(),
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
        let at_once = start.is(&self.at_once);
        Ok(Round {
            start,
            at_once,
            inspected,
        })
    }

    /// Also whether there is more to be begun.
    fn turn_once(&self, py: Python<'_>, inspected: bool) -> PyResult<(Option<f64>, bool)> {
        // Requests stay where they are until they begin: while this thread is kept, they may go to
        // another worker, and answers leave together as long as others wait.
        let Some(turn) = self.engine.get().net_turn(py, Taking::Later) else {
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
        let mut left = MOST;
        while left > 0 {
            let Some(net) = self.application.take_ready() else {
                return false;
            };
            if round.at_once {
                let (more, drained) = self.relay(round, net, left);
                if drained {
                    return false;
                }
                left = more;
            } else {
                if let Err(error) = self.begin_alone(round, net) {
                    tell_of(round, error);
                }
                left -= 1;
            }
        }
        // Answers wait for those of the next round, which follows soon; the stand-in sees to it that
        // they do not wait for long.
        true
    }

    /// Begins a request, and those after it, as one task; how many may still begin, and whether none is
    /// ready.
    fn relay(
        &self,
        round: &Round<'_>,
        net: Box<net_exchange::Exchange>,
        left: usize,
    ) -> (usize, bool) {
        let py = round.start.py();
        let parts = (&self.application, &self.asyncio);
        let relay = self.application.context(py).and_then(|context| {
            let kept = context.clone().unbind();
            let relay = Relay::new(parts, net, kept, (left, round.inspected));
            Ok((Bound::new(py, relay)?, context))
        });
        let (relay, context) = match relay {
            Ok(made) => made,
            Err(error) => {
                tell_of(round, error);
                return (left - 1, false);
            }
        };
        let started = self.start(round, relay.as_any(), &context);
        if let Err(error) = self.look_after(round, started, relay.get()) {
            tell_of(round, error);
        }
        let relay = relay.get();
        // One at least: its first one may have been put off.
        (relay.left().min(left - 1), relay.drained())
    }

    /// A request that has not begun, and will not, is told why: no task came of it, or one that has
    /// failed at once.
    fn look_after(
        &self,
        round: &Round<'_>,
        started: PyResult<Bound<'_, PyAny>>,
        relay: &Relay,
    ) -> PyResult<()> {
        let py = round.start.py();
        let ended = started.and_then(|task| {
            relay.set_task(&task)?;
            if relay.has_begun() || !task.call_method0(intern!(py, "done"))?.is_truthy()? {
                return Ok(());
            }
            outcome_of(&task)
        });
        let Err(error) = ended else {
            return Ok(());
        };
        let Some(net) = relay.take_first() else {
            return Err(error);
        };
        match self.application.begin(py, net, round.inspected)? {
            Some(request) => request.get().settle(py, Err(error)),
            None => Ok(()),
        }
    }

    /// Begins a request as a task that is made for it as the loop makes tasks: its first step comes
    /// when the loop or the factory of the user wants that.
    fn begin_alone(&self, round: &Round<'_>, net: Box<net_exchange::Exchange>) -> PyResult<()> {
        let py = round.start.py();
        let Some(request) = self.application.begin(py, net, round.inspected)? else {
            return Ok(());
        };
        let request = request.bind(py);
        let context = self.application.context(py)?;
        // A panic is a bug of ours; it costs this request and nothing else.
        let started = catch_unwind(AssertUnwindSafe(|| {
            let (coroutine, _) = self.application.call(request, round.inspected)?;
            let task = self.start(round, &coroutine, &context)?;
            if task.call_method0(intern!(py, "done"))?.is_truthy()? {
                return outcome_of(&task).map(|()| None);
            }
            Ok(Some(task))
        }));
        match started.unwrap_or_else(|_| Err(panicked())) {
            Ok(Some(task)) => Request::go_on(request, &task, &context, self.asyncio.keywords(py)),
            Ok(None) => request.get().settle(py, Ok(())),
            // Handlers of the log find what the application has put into its context.
            Err(error) => within(&context, || request.get().settle(py, Err(error))),
        }
    }

    /// `start(coro, context=context)`.
    fn start<'py>(
        &self,
        round: &Round<'py>,
        coroutine: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = round.start.py();
        let arguments = [coroutine.as_ptr(), context.as_ptr()];
        // SAFETY: one positional argument, and one for the keyword that the tuple names; the result is
        // a new reference or null.
        unsafe {
            let result = ffi::PyObject_Vectorcall(
                round.start.as_ptr(),
                arguments.as_ptr(),
                1,
                self.asyncio.keywords(py).as_ptr(),
            );
            Bound::from_owned_ptr_or_err(py, result)
        }
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
}

/// A request is answered; what has failed is telling of it.
fn tell_of(round: &Round<'_>, error: PyErr) {
    error.write_unraisable(round.start.py(), None);
}
