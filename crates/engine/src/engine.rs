//! `Engine`: the reactor of one worker process, as Python drives it.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use net::baton::{Loop, Taken, Taking, TurnOutcome};
use net::notice::Notice;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::board::Scoreboard;
use crate::chunks;
use crate::config;
use crate::core::{Core, Detached, thread_number};
use crate::exchange::Exchange;
use crate::shared;
use crate::spans::{RecordUnserved, RecordedRequest};
use crate::spare::Spare;
use crate::unserved;
use crate::wsgi;
use crate::wsgi::input::Input;

/// The reactor of one worker process. Made and used after the fork, never before.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct Engine {
    core: Arc<Core>,
    spare: Spare,
    process: u32,
    standin: Mutex<Option<JoinHandle<()>>>,
    late: AtomicBool,
    /// This is a process that the application has forked.
    left: AtomicBool,
}

impl Engine {
    /// The next exchange; `None` when there will be no more. `last` is the one that the thread has
    /// had before.
    #[inline]
    fn next<'py>(
        &self,
        py: Python<'py>,
        last: &mut Option<Bound<'py, Exchange>>,
    ) -> PyResult<Option<Bound<'py, Exchange>>> {
        if self.left.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let me = thread_number();
        // Before the thread waits: what the last request had, its body above all, is let go of.
        let mut again = self.spare.ready_again(last.take());
        self.let_go(py);
        loop {
            shared::release(py);
            match self.core.reactor.take(me, &Detached(py)) {
                Taken::Exchange(net) => {
                    self.core.count(py)?;
                    let exchange = match again.take() {
                        Some(exchange) => exchange,
                        None => self.spare.take(py, &self.core)?,
                    };
                    exchange.try_borrow_mut()?.begin(net);
                    return Ok(Some(exchange));
                }
                Taken::Notices(notices) => self.tell(py, notices)?,
                Taken::Interrupted => py.check_signals()?,
                Taken::Stopped => {
                    *last = again;
                    return Ok(None);
                }
            }
        }
    }
}

#[pymethods]
impl Engine {
    /// Names of the attributes read from the configuration object.
    #[classattr]
    #[expect(non_snake_case, reason = "the Python name of a constant")]
    fn CONFIG_FIELDS(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        Ok(PyTuple::new(py, config::names().collect::<Vec<_>>())?.unbind())
    }

    #[new]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "how arguments arrive from Python"
    )]
    fn new(
        py: Python<'_>,
        config: &Bound<'_, PyAny>,
        listeners: Vec<RawFd>,
        scoreboard: &Scoreboard,
        slot: usize,
        log: Py<PyAny>,
    ) -> PyResult<Self> {
        let (for_reactor, config) = config::read(config)?;
        if config.polled {
            chunks::keep();
        }
        let slot = scoreboard.checked(slot)?;
        let board = Arc::clone(&scoreboard.inner);
        config
            .environ
            .bind(py)
            .set_item("wsgi.input", Input::empty(py)?)?;
        let (reactor, standin) = Loop::start(for_reactor, &listeners, Arc::clone(&board), slot)
            .map_err(|error| PyOSError::new_err(format!("Cannot start the engine: {error}")))?;
        let core = Core::new(py, reactor, (board, slot), config, log)?;
        let mut unserved = None;
        if let Some(access) = &core.access {
            core.reactor.set_log(access.fd(py)?);
            unserved = Some(access.unserved(py, &core.config, core.ids.clone())?);
        }
        match (&core.spans, unserved) {
            (Some(spans), log) => {
                let spans = Arc::clone(spans);
                let recording = RecordUnserved { spans, log };
                core.reactor.log_unserved(Arc::new(recording));
            }
            (None, Some(log)) => core.reactor.log_unserved(Arc::new(log)),
            (None, None) => {}
        }
        Ok(Self {
            core: Arc::new(core),
            spare: Spare::default(),
            process: std::process::id(),
            standin: Mutex::new(Some(standin)),
            late: AtomicBool::new(false),
            left: AtomicBool::new(false),
        })
    }

    /// Readable when there is something to do, for loops that poll the engine.
    fn fileno(&self) -> RawFd {
        self.core.reactor.poll_fd()
    }

    /// The requests that are ready now, and the seconds until the next call at the latest; `None`
    /// when there will be no more. Never waits. `inspected`: hooks look at them afterwards. `most`: no
    /// more of them than that.
    fn turn<'py>(
        &self,
        py: Python<'py>,
        inspected: bool,
        most: Option<usize>,
    ) -> PyResult<Option<(Bound<'py, PyList>, f64)>> {
        let taking = Taking::Now(most.unwrap_or(usize::MAX));
        let Some(turn) = self.net_turn(py, taking) else {
            return Ok(None);
        };
        let requests = PyList::empty(py);
        for net in turn.requests {
            requests.append(self.spare.hand_out(py, &self.core, net, inspected)?)?;
        }
        let woken = if turn.room {
            self.core.parked.wake(py, &self.core.reactor)
        } else {
            Ok(())
        };
        let woken = woken.and(self.core.disconnects.wake(py, &turn.disconnected));
        let woken = woken.and(self.core.receiving.wake_for(py, &turn.messages));
        if let Err(error) = woken {
            // A loop of the user failed: the requests must not be lost for it.
            error.write_unraisable(py, None);
        }
        if turn.stopped && requests.is_empty() {
            return Ok(None);
        }
        let wait = Duration::from_millis(turn.wait_ms).as_secs_f64();
        Ok(Some((requests, wait)))
    }

    /// A request that became complete with the answer before it, such as a pipelined one; `None`:
    /// there is none now. Costs no turn.
    fn take_ready<'py>(
        &self,
        py: Python<'py>,
        inspected: bool,
    ) -> PyResult<Option<Bound<'py, Exchange>>> {
        if self.left.load(Ordering::Relaxed) {
            return Ok(None);
        }
        shared::release(py);
        let Some(net) = self.core.reactor.take_ready(thread_number()) else {
            return Ok(None);
        };
        self.spare
            .hand_out(py, &self.core, net, inspected)
            .map(Some)
    }

    /// Whether `turn` would find something that `fileno` does not tell of: to be asked after each
    /// request.
    #[getter]
    fn pending(&self) -> bool {
        !self.left.load(Ordering::Relaxed) && self.core.reactor.pending()
    }

    /// Whether requests were found over their time since this was last asked.
    fn late(&self) -> bool {
        self.late.swap(false, Ordering::Relaxed)
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.own_process()?;
        Ok(slf)
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, Exchange>>> {
        let next = self.next(py, &mut None)?;
        if let Some(exchange) = &next {
            exchange.try_borrow_mut()?.run.inspected = true;
            // It comes back into use when the caller has let go of it.
            self.spare.put_back(exchange.clone().unbind());
        }
        Ok(next)
    }

    /// `for exchange in self: exchange.run_wsgi(app)`, without a step of Python between.
    fn serve<'py>(&self, py: Python<'py>, app: &Bound<'py, PyAny>) -> PyResult<()> {
        self.own_process()?;
        let mut last = None;
        let ended = self.serve_each(py, app, &mut last);
        if let Some(last) = last {
            self.spare.put_back(last.unbind());
        }
        ended
    }

    /// Stops accepting, answers what was begun, gives up after `grace` seconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    fn stop(&self, grace: f64) {
        if self.left.load(Ordering::Relaxed) {
            return;
        }
        self.core
            .reactor
            .stop((grace.clamp(0.0, 1e9) * 1000.0) as u64);
    }

    /// Takes the first `most` of the requests that were recorded for traces, and says how many were
    /// dropped since the last call, because too many waited.
    fn take_recorded(&self, most: usize) -> (Vec<RecordedRequest>, u64) {
        let spans = self.core.spans.as_ref();
        let (recorded, dropped) = spans.map_or_else(Default::default, |spans| spans.take(most));
        (recorded.into_iter().map(Into::into).collect(), dropped)
    }

    /// Names the calling thread for `top -H`, debuggers and profilers.
    #[staticmethod]
    fn name_thread(name: &str) {
        net::thread::set_name(name);
    }

    /// In a process that the application has forked: closes its copies of the descriptors. Nothing
    /// else may be done with the engine there.
    fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
        self.core.reactor.leave();
    }

    /// Answers 504 for what is with the application: the process is about to end.
    fn abort(&self) {
        if self.left.load(Ordering::Relaxed) {
            return;
        }
        self.core.reactor.abort();
    }

    #[getter]
    fn stopping(&self) -> bool {
        self.core.reactor.stopping()
    }

    /// The access log's file was reopened.
    fn access_log_reopened(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(access) = &self.core.access
            && !self.left.load(Ordering::Relaxed)
        {
            self.core.reactor.set_log(access.fd(py)?);
        }
        Ok(())
    }

    /// Ends the native thread and writes out what is held back. The engine is not used again.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.left.load(Ordering::Relaxed) {
            return Ok(());
        }
        let notices = self.core.reactor.close();
        let standin = self
            .standin
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(standin) = standin {
            // It ends within one turn; its own panic would have nothing to add here.
            py.detach(|| drop(standin.join()));
        }
        py.detach(net::tls::settle);
        self.tell(py, notices)
    }
}

impl Engine {
    /// Serves one request after the other; `last` is the exchange that was used last.
    fn serve_each<'py>(
        &self,
        py: Python<'py>,
        app: &Bound<'py, PyAny>,
        last: &mut Option<Bound<'py, Exchange>>,
    ) -> PyResult<()> {
        while let Some(exchange) = self.next(py, last)? {
            let ended = wsgi::run(&self.core, &exchange, app);
            *last = Some(exchange);
            ended?;
        }
        Ok(())
    }

    /// Lets go of bodies of requests that are over: what has kept one is gone by now, mostly.
    #[inline]
    fn let_go(&self, py: Python<'_>) {
        if self.core.config.bodies.holds_any() {
            self.spare.tidy(py);
        }
    }

    /// A turn whose notices are written; `None` in a process that the application has forked.
    pub(crate) fn net_turn(&self, py: Python<'_>, taking: Taking) -> Option<TurnOutcome> {
        if self.left.load(Ordering::Relaxed) {
            return None;
        }
        shared::release(py);
        self.let_go(py);
        let mut turn = self.core.reactor.turn(thread_number(), taking);
        if turn.late {
            self.late.store(true, Ordering::Relaxed);
        }
        if let Err(error) = self.tell(py, std::mem::take(&mut turn.notices)) {
            // A logger of the user failed: the requests must not be lost for it.
            error.write_unraisable(py, None);
        }
        Some(turn)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Writes what the reactor had to tell.
    fn tell(&self, py: Python<'_>, notices: Vec<Notice>) -> PyResult<()> {
        for notice in notices {
            match notice {
                Notice::Text(level, text) => self.core.tell(py, level, text)?,
                Notice::Unserved(unserved) => {
                    let exchange = self.spare.take(py, &self.core)?;
                    let written = unserved::write(&self.core, &exchange, unserved);
                    self.spare.put_back(exchange.unbind());
                    written?;
                }
            }
        }
        Ok(())
    }

    fn own_process(&self) -> PyResult<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(format!(
            "this engine belongs to process {}; make one in each worker, after the fork",
            self.process
        )))
    }
}
