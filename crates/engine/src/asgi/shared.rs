//! What all requests of an asgi worker share: its loop, what goes into every scope, and the requests
//! that wait for news of a turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::attended::Attended;
use net::exchange::RequestKey;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::done::Done;
use super::options::Options;
use crate::core::Core;

/// Shared by the driver and the requests that it has begun.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) options: Options,
    of: Py<PyAny>,
    call_soon: Py<PyAny>,
    call_later: Py<PyAny>,
    /// A future that is done, with nothing to say.
    finished: Py<PyAny>,
    /// The result of every event that need not wait.
    pub(crate) done: Py<Done>,
    statuses: Mutex<Vec<Option<Py<PyString>>>>,
    /// Requests that go on after their first step, by their numbers.
    pub(crate) unfinished: Py<PyDict>,
    /// Requests that are not over: news of a turn name them.
    attended: Mutex<Attended<Py<PyAny>>>,
    waiting_for_room: Mutex<Vec<RequestKey>>,
    /// Called at the end of a round of the loop in which there was output.
    round: Mutex<Option<Py<PyAny>>>,
    /// It is asked for, or a turn does it.
    round_due: AtomicBool,
}

impl Shared {
    pub(crate) fn new(core: Arc<Core>, options: Options, of: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = of.py();
        Ok(Self {
            core,
            options,
            of: of.clone().unbind(),
            call_soon: of.getattr(intern!(py, "call_soon"))?.unbind(),
            call_later: of.getattr(intern!(py, "call_later"))?.unbind(),
            finished: finished(of)?,
            done: Py::new(py, Done)?,
            statuses: Mutex::default(),
            unfinished: PyDict::new(py).unbind(),
            attended: Mutex::default(),
            waiting_for_room: Mutex::default(),
            round: Mutex::default(),
            round_due: AtomicBool::new(false),
        })
    }

    /// The loop.
    pub(super) fn of(&self, py: Python<'_>) -> Py<PyAny> {
        self.of.clone_ref(py)
    }

    /// A future of it that is done, with `None`.
    pub(super) fn finished<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.finished.bind(py)
    }

    /// Its `call_soon`.
    pub(super) fn soon<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.call_soon.bind(py)
    }

    pub(crate) fn call_later(
        &self,
        py: Python<'_>,
        seconds: f64,
        call: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.call_later.bind(py).call1((seconds, call)).map(drop)
    }

    /// What is called after a round.
    pub(crate) fn set_round(&self, round: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut *locked(&self.round), round);
        drop(before);
    }

    /// There is output, or a pipelined request may have become ready: it is seen to when the loop has
    /// run what is ready now.
    pub(crate) fn ask_for_round(&self, py: Python<'_>) -> PyResult<()> {
        if self.round_due.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let round = locked(&self.round)
            .as_ref()
            .map(|round| round.clone_ref(py));
        match round {
            Some(round) => self.call_soon.bind(py).call1((round,)).map(drop),
            None => Ok(()),
        }
    }

    /// Whether the round is seen to by the caller from now on.
    pub(crate) fn set_round_due(&self, due: bool) {
        self.round_due.store(due, Ordering::Relaxed);
    }

    /// The status line of a response, `200 OK`.
    pub(crate) fn status(&self, py: Python<'_>, code: u16) -> Py<PyString> {
        let index = usize::from(code);
        if let Some(Some(text)) = locked(&self.statuses).get(index) {
            return text.clone_ref(py);
        }
        let reason = proto::reason_phrase(code).unwrap_or_default();
        let text = PyString::new(py, format!("{code} {reason}").trim_end()).unbind();
        if (100..1000).contains(&code) {
            let mut statuses = locked(&self.statuses);
            if statuses.len() <= index {
                statuses.resize_with(index + 1, || None);
            }
            statuses[index] = Some(text.clone_ref(py));
        }
        text
    }

    pub(crate) fn remember(&self, key: RequestKey, request: Py<PyAny>) {
        let before = locked(&self.attended).insert(key, request);
        drop(before);
    }

    pub(crate) fn forget(&self, key: RequestKey) {
        let before = locked(&self.attended).remove(key);
        drop(before);
    }

    pub(crate) fn find(&self, py: Python<'_>, key: RequestKey) -> Option<Py<PyAny>> {
        locked(&self.attended)
            .get(key)
            .map(|found| found.clone_ref(py))
    }

    /// All requests that are not over.
    pub(crate) fn all(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        locked(&self.attended)
            .values()
            .map(|request| request.clone_ref(py))
            .collect()
    }

    /// A request waits for room: it is looked at when a turn says that there is some.
    pub(crate) fn wait_for_room(&self, key: RequestKey) {
        locked(&self.waiting_for_room).push(key);
    }

    /// Those that wait; they say so again if they still do.
    pub(crate) fn take_waiting_for_room(&self) -> Vec<RequestKey> {
        std::mem::take(&mut *locked(&self.waiting_for_room))
    }
}

fn finished(of: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = of.py();
    let future = py.import(intern!(py, "asyncio"))?;
    let future = future.getattr(intern!(py, "Future"))?;
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "loop"), of)?;
    let future = future.call((), Some(&keywords))?;
    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    Ok(future.unbind())
}

/// One thread at a time runs what is here; the mutex is for the compiler, and no Python code runs
/// with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
