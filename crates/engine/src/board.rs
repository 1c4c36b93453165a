//! The scoreboard for the master: reading what workers wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use net::clock::seconds;
use net::overdue::Cause;
use net::scoreboard::{self as board, Snapshot};
use pyo3::exceptions::{PyIndexError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::breakpoint::BreakpointHook;
use crate::counts::Counts;

/// A request that a worker has read and not finished.
#[pyclass(frozen, get_all, module = "licorne._engine")]
pub(crate) struct InFlight {
    id: u64,
    method: String,
    target: String,
    peer: String,
    waiting: bool,
    thread: u32,
    body: u64,
    sent: u64,
    /// Seconds since the application was called, or since it waits for that.
    age: f64,
    overdue: bool,
}

impl InFlight {
    fn new(request: board::InFlight) -> Self {
        Self {
            id: request.id,
            method: request.method,
            target: request.target,
            peer: request.peer.to_string(),
            waiting: request.waiting,
            thread: request.thread,
            body: request.body,
            sent: request.sent,
            age: seconds(request.age_ns),
            overdue: request.overdue,
        }
    }
}

/// A request that was over its time.
#[pyclass(frozen, get_all, module = "licorne._engine")]
pub(crate) struct Overdue {
    number: u64,
    request: Py<InFlight>,
    setting: &'static str,
    limit: f64,
}

/// One worker as the scoreboard sees it, at the moment of reading.
#[pyclass(frozen, get_all, module = "licorne._engine")]
pub(crate) struct WorkerSnapshot {
    pid: u32,
    ready: bool,
    beat_age: f64,
    requests: u64,
    connections: u64,
    /// Streams of HTTP/2 that are open on them.
    streams: u64,
    /// Complete requests that wait for a thread, and how many seconds the first of them has waited.
    waiting: u64,
    longest_wait: f64,
    /// Seconds that its event loop was late lately, if it has one.
    loop_lag: Option<f64>,
    retire: u64,
    in_flight: Py<pyo3::types::PyTuple>,
}

/// Shared anonymous memory, made by the master before it forks: one slot for each worker.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct Scoreboard {
    pub(crate) inner: Arc<board::Scoreboard>,
}

#[pymethods]
impl Scoreboard {
    #[new]
    fn new(slots: usize, threads: usize) -> PyResult<Self> {
        let inner = board::Scoreboard::new(slots, threads)
            .map_err(|error| PyOSError::new_err(format!("Cannot map the scoreboard: {error}")))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Why workers ask to be replaced: the words by their codes.
    #[classattr]
    #[pyo3(name = "RETIRE_CAUSES")]
    fn retire_causes() -> BTreeMap<u64, &'static str> {
        board::RetireCause::ALL
            .into_iter()
            .map(|cause| (cause as u64, cause.word()))
            .collect()
    }

    #[getter]
    fn slots(&self) -> usize {
        self.inner.slots()
    }

    fn reset(&self, slot: usize) -> PyResult<()> {
        self.inner.reset(self.checked(slot)?);
        Ok(())
    }

    fn vacate(&self, slot: usize) -> PyResult<()> {
        self.inner.vacate(self.checked(slot)?);
        Ok(())
    }

    fn claim(&self, slot: usize) -> PyResult<()> {
        self.inner.claim(self.checked(slot)?);
        Ok(())
    }

    fn beat(&self, slot: usize) -> PyResult<()> {
        self.inner
            .beat(self.checked(slot)?, net::clock::monotonic_ms());
        Ok(())
    }

    /// A `sys.breakpointhook` for the worker in `slot`.
    fn breakpoint_hook(
        &self,
        slot: usize,
        tell: Py<PyAny>,
        usual: Py<PyAny>,
    ) -> PyResult<BreakpointHook> {
        Ok(BreakpointHook {
            board: Arc::clone(&self.inner),
            slot: self.checked(slot)?,
            tell,
            usual,
        })
    }

    fn mark_ready(&self, slot: usize) -> PyResult<()> {
        self.inner.mark_ready(self.checked(slot)?);
        Ok(())
    }

    fn retire(&self, slot: usize, code: u64) -> PyResult<()> {
        // A cause that came before stays.
        self.inner.retire(self.checked(slot)?, code);
        Ok(())
    }

    /// The master is about to end the worker in `slot`, and the server goes on without it.
    fn set_replaced(&self, slot: usize) -> PyResult<()> {
        self.inner.set_replaced(self.checked(slot)?);
        Ok(())
    }

    /// The access log lines that a worker which has ended did not write; they are there once.
    fn left_lines<'py>(&self, py: Python<'py>, slot: usize) -> PyResult<Bound<'py, PyBytes>> {
        let slot = self.checked(slot)?;
        let lines = PyBytes::new(py, self.inner.kept_lines(slot));
        self.inner.clear_lines(slot);
        Ok(lines)
    }

    /// The client that a worker which has ended was reading a request from that has no name.
    fn left_reading(&self, slot: usize) -> PyResult<Option<String>> {
        let peer = self.inner.left_reading(self.checked(slot)?);
        Ok(peer.map(|peer| peer.to_string()))
    }

    /// The requests over their time after the first `told` ones.
    fn overdue(&self, py: Python<'_>, slot: usize, told: u64) -> PyResult<Vec<Overdue>> {
        let all = self.inner.overdue(self.checked(slot)?, told);
        all.into_iter()
            .map(|overdue| {
                Ok(Overdue {
                    number: overdue.number,
                    request: Py::new(py, InFlight::new(overdue.request))?,
                    setting: match overdue.cause {
                        Cause::Request => "request_timeout",
                        Cause::Silence => "timeout",
                    },
                    limit: seconds(overdue.limit_ms.saturating_mul(1_000_000)),
                })
            })
            .collect()
    }

    /// Whether the caller is the first that wants to report overdue request `number`.
    fn claim_overdue(&self, slot: usize, number: u64) -> PyResult<bool> {
        Ok(self.inner.claim_overdue(self.checked(slot)?, number))
    }

    /// Asks for the stack of a request; a signal makes the worker look.
    fn ask(&self, slot: usize, request: u64) -> PyResult<()> {
        self.inner.ask(self.checked(slot)?, request);
        Ok(())
    }

    /// The request that was asked about; there is one once.
    fn take_asked(&self, slot: usize) -> PyResult<Option<u64>> {
        Ok(self.inner.take_asked(self.checked(slot)?))
    }

    /// Sends a signal to one thread of the worker, or to its main thread; false if it is gone.
    #[pyo3(signature = (slot, thread, number))]
    fn ask_stack(&self, slot: usize, thread: Option<u32>, number: i32) -> PyResult<bool> {
        Ok(self.inner.signal(self.checked(slot)?, thread, number))
    }

    /// What the worker in `slot` has counted.
    fn counts(&self, slot: usize) -> PyResult<Counts> {
        Ok(Counts::new(self.inner.counts(self.checked(slot)?)))
    }

    /// How many of the workers in the slots before this one load the application.
    fn loading_before(&self, slot: usize) -> PyResult<usize> {
        Ok(self.inner.loading_before(self.checked(slot)?))
    }

    /// The event loop of a worker was so many seconds late lately.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    fn set_loop_lag(&self, slot: usize, lag: f64) -> PyResult<()> {
        let lag_ns = (lag.clamp(0.0, 1e6) * 1e9) as u64;
        self.inner.set_loop_lag(self.checked(slot)?, lag_ns);
        Ok(())
    }

    fn read(&self, py: Python<'_>, slot: usize) -> PyResult<WorkerSnapshot> {
        let Snapshot {
            pid,
            ready,
            beat_age_ms,
            requests,
            connections,
            streams,
            waiting,
            longest_wait_ns,
            retire,
            in_flight,
        } = self.inner.read(self.checked(slot)?);
        let entries: PyResult<Vec<_>> = in_flight
            .into_iter()
            .map(|request| Py::new(py, InFlight::new(request)))
            .collect();
        Ok(WorkerSnapshot {
            pid,
            ready,
            beat_age: seconds(beat_age_ms.saturating_mul(1_000_000)),
            requests,
            connections,
            streams,
            waiting,
            longest_wait: seconds(longest_wait_ns),
            loop_lag: self.inner.loop_lag_ns(slot).map(seconds),
            retire,
            in_flight: pyo3::types::PyTuple::new(py, entries?)?.unbind(),
        })
    }
}

impl Scoreboard {
    pub(crate) fn checked(&self, slot: usize) -> PyResult<usize> {
        let slots = self.inner.slots();
        if slot < slots {
            Ok(slot)
        } else {
            Err(PyIndexError::new_err(format!(
                "slot {slot} of a scoreboard with {slots} slots"
            )))
        }
    }
}
