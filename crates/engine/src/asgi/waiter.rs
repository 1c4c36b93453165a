//! A future for one task that waits for news of a turn, as asyncio's tasks know futures: by the
//! attribute `_asyncio_future_blocking` and by the methods here (`asyncio.isfuture`).
//!
//! What completes it in a turn of the engine, outside of all tasks, lets its task go on at once: a
//! future of the loop would do that in the next round, for the price of the whole of a round.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::shared::Shared;
use super::within::within;

/// Why it is done, if it is.
enum State {
    Waiting,
    Done,
    /// With this message, or `None`.
    Cancelled(Option<Py<PyAny>>),
}

struct Inner {
    state: State,
    /// A task has it in hand, and is about to wait for it.
    blocking: bool,
    /// What is called when it is done, each in its context.
    callbacks: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
}

/// The future of one wait.
#[pyclass(frozen, weakref, module = "licorne._engine", name = "AsgiWaiter")]
pub(crate) struct Waiter {
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

impl Waiter {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            inner: Mutex::new(Inner {
                state: State::Waiting,
                blocking: true,
                callbacks: Vec::new(),
            }),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        !matches!(self.inner().state, State::Waiting)
    }

    /// It is worth to ask again. `now`: this is a turn, outside of all tasks, and what waits goes on at
    /// once; otherwise in the next round of the loop.
    pub(super) fn complete(slf: &Bound<'_, Self>, now: bool) -> PyResult<()> {
        {
            let mut inner = slf.get().inner();
            if !matches!(inner.state, State::Waiting) {
                return Ok(());
            }
            inner.state = State::Done;
        }
        Self::call_back(slf, now)
    }

    fn call_back(slf: &Bound<'_, Self>, now: bool) -> PyResult<()> {
        let py = slf.py();
        let callbacks = std::mem::take(&mut slf.get().inner().callbacks);
        let mut told = Ok(());
        for (callback, context) in callbacks {
            let callback = callback.bind(py);
            let called = match &context {
                Some(context) if now => {
                    within(context.bind(py), || callback.call1((slf,)).map(drop))
                }
                context => slf.get().shared.call_soon(callback, slf, context.as_ref()),
            };
            told = told.and(called);
        }
        told
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Waiter {
    /// Set while a task takes it over; what is no task must leave it alone.
    #[getter(_asyncio_future_blocking)]
    fn blocking(&self) -> bool {
        self.inner().blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.inner().blocking = blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.shared.of(py)
    }

    #[pyo3(signature = (callback, /, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let waits = {
            let mut inner = slf.get().inner();
            if inner.callbacks.is_empty() {
                // Mostly there is no other one, and it waits for long.
                inner.callbacks.reserve_exact(1);
            }
            inner.callbacks.push((callback, context));
            matches!(inner.state, State::Waiting)
        };
        if waits {
            Ok(())
        } else {
            Self::call_back(slf, false)
        }
    }

    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        // Comparing runs code of Python: not while they are locked.
        let callbacks = std::mem::take(&mut self.inner().callbacks);
        let mut kept = Vec::new();
        let mut removed = 0;
        for (each, context) in callbacks {
            if each.bind(py).eq(callback)? {
                removed += 1;
            } else {
                kept.push((each, context));
            }
        }
        self.inner().callbacks.extend(kept);
        Ok(removed)
    }

    /// What a task calls that is cancelled while it waits.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        {
            let mut inner = slf.get().inner();
            if !matches!(inner.state, State::Waiting) {
                return Ok(false);
            }
            inner.state = State::Cancelled(msg);
        }
        Self::call_back(slf, false)?;
        Ok(true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.inner().state, State::Cancelled(_))
    }

    fn done(&self) -> bool {
        self.is_done()
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &self.inner().state {
            State::Done => Ok(()),
            State::Waiting => Err(InvalidStateError::new_err("Result is not ready.")),
            State::Cancelled(None) => Err(CancelledError::new_err(())),
            State::Cancelled(Some(message)) => {
                Err(CancelledError::new_err((message.clone_ref(py),)))
            }
        }
    }

    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.result(py).map(|()| None)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(inner) = self.inner.try_lock() else {
            return Ok(());
        };
        for (callback, context) in &inner.callbacks {
            visit.call(callback)?;
            visit.call(context.as_ref())?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let callbacks = std::mem::take(&mut self.inner().callbacks);
        drop(callbacks);
    }
}

impl Shared {
    /// Has the loop call `callback(argument)` in its next round.
    pub(super) fn call_soon(
        &self,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, Waiter>,
        context: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let py = callback.py();
        let keywords = PyDict::new(py);
        if let Some(context) = context {
            keywords.set_item(intern!(py, "context"), context)?;
        }
        self.soon(py)
            .call((callback, argument), Some(&keywords))
            .map(drop)
    }
}
