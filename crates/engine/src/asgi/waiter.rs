//! A future for one task that waits for news of a turn, as asyncio's tasks know futures: by the
//! attribute `_asyncio_future_blocking` and by the methods here (`asyncio.isfuture`).
//!
//! What completes it in a turn of the engine, outside of all tasks, lets its task go on at once: a
//! future of the loop would do that in the next round, for the price of the whole of a round.

use std::ffi::CStr;
use std::iter::Chain;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{option, vec};

use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::ffi;
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
    callbacks: Callbacks,
}

/// What is called when it is done, and the context of that.
type Callback = (Py<PyAny>, Option<Py<PyAny>>);

/// Mostly there is one, which needs no list.
#[derive(Default)]
struct Callbacks {
    first: Option<Callback>,
    others: Vec<Callback>,
}

impl Callbacks {
    fn push(&mut self, callback: Callback) {
        match &self.first {
            None => self.first = Some(callback),
            Some(_) => self.others.push(callback),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Callback> {
        self.first.iter().chain(&self.others)
    }
}

impl IntoIterator for Callbacks {
    type Item = Callback;
    type IntoIter = Chain<option::IntoIter<Callback>, vec::IntoIter<Callback>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
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
                callbacks: Callbacks::default(),
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
                    let done = if wakes_a_task(callback) {
                        slf.get().shared.finished(py)
                    } else {
                        slf.as_any()
                    };
                    within(context.bind(py), || callback.call1((done,)).map(drop))
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

/// Whether a callback lets a task of asyncio's own go on. It asks what it is called with for its result,
/// which of a future of asyncio's takes a tenth of the time.
fn wakes_a_task(callback: &Bound<'_, PyAny>) -> bool {
    let callback = callback.as_ptr();
    // SAFETY: a live object; a function of C has a definition with a name, and both outlive it.
    unsafe {
        ffi::PyCFunction_CheckExact(callback) != 0
            && CStr::from_ptr((*(*callback.cast::<ffi::PyCFunctionObject>()).m_ml).ml_name)
                == c"task_wakeup"
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
        let mut kept = Callbacks::default();
        let mut removed = 0;
        for (each, context) in callbacks {
            if each.bind(py).eq(callback)? {
                removed += 1;
            } else {
                kept.push((each, context));
            }
        }
        let mut inner = self.inner();
        for callback in kept {
            inner.callbacks.push(callback);
        }
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
        for (callback, context) in inner.callbacks.iter() {
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
