//! The coroutine of a task that is handed from request to request: the next one of a round has it, too,
//! as long as each ends in its first step and leaves nothing on it.
//!
//! It is a genuine task, and each request has a context of its own. A request that has to wait for
//! something keeps the task as its own, and so does one of which anything is left on it: a reference, a
//! callback, a name, an attribute, a cancellation. The next request has a new task then, so that none
//! can tell its task from one that was made for it alone. Making a task, having the loop know it and
//! letting it go takes longer than all else of a small request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::exchange as net_exchange;
use pyo3::exceptions::{PyAttributeError, PyStopIteration};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{PyTraverseError, PyVisit};

use super::application::Application;
use super::task::{Asyncio, LentTask};
use crate::asgi::awaiting::Step;
use crate::asgi::done::{thrown, used_up};
use crate::asgi::request::Request;
use crate::asgi::within::within;
use crate::failure::panicked;

/// The application's coroutine of the request that has the task.
struct Running {
    coroutine: Py<PyAny>,
    /// Its context, if that is not the task's own.
    context: Option<Py<PyAny>>,
}

/// The requests of one task.
#[pyclass(frozen, module = "licorne._engine", name = "AsgiRelay")]
pub(crate) struct Relay {
    application: Arc<Application>,
    asyncio: Arc<Asyncio>,
    /// Hooks look at the requests.
    inspected: bool,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The first request, with the context of the task, until it begins.
    first: Option<(Box<net_exchange::Exchange>, Py<PyAny>)>,
    /// Requests that may still begin in this round.
    left: usize,
    /// No other request was ready.
    drained: bool,
    running: Option<Running>,
    /// The request that waits, and its context, until its task is known.
    waiting: Option<(Py<Request>, Py<PyAny>)>,
    /// The task, if it is known before the first step, until then.
    task: Option<Py<PyAny>>,
}

impl Relay {
    /// `context`: what the task will have. At most `most` requests begin.
    pub(super) fn new(
        (application, asyncio): (&Arc<Application>, &Arc<Asyncio>),
        first: Box<net_exchange::Exchange>,
        context: Py<PyAny>,
        (most, inspected): (usize, bool),
    ) -> Self {
        Self {
            application: Arc::clone(application),
            asyncio: Arc::clone(asyncio),
            inspected,
            inner: Mutex::new(Inner {
                first: Some((first, context)),
                left: most,
                drained: false,
                running: None,
                waiting: None,
                task: None,
            }),
        }
    }

    /// Its first request has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.inner().first.is_none()
    }

    /// This is its task, which a request that waits has for itself.
    pub(super) fn set_task(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        let waiting = {
            let mut inner = self.inner();
            if inner.first.is_some() {
                inner.task = Some(task.clone().unbind());
            }
            inner.waiting.take()
        };
        match waiting {
            Some((request, context)) => {
                let (request, context) = (request.bind(py), context.bind(py));
                Request::go_on(request, task, context, self.asyncio.keywords(py))
            }
            None => Ok(()),
        }
    }

    /// The first request, if that has not begun.
    pub(super) fn take_first(&self) -> Option<Box<net_exchange::Exchange>> {
        self.inner().first.take().map(|(first, _)| first)
    }

    /// How many requests may still begin in this round.
    pub(super) fn left(&self) -> usize {
        self.inner().left
    }

    /// No other request was ready.
    pub(super) fn drained(&self) -> bool {
        self.inner().drained
    }

    /// Begins one request after the other. What the last of them waits for, or `None`: all have ended
    /// with their first step, and the task ends.
    fn begin(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        // To look at it takes a while, for nothing where no other request is to have it. What fails here
        // is told to the request by the driver.
        let task = if self.application.has_ready() {
            Some(LentTask::now(&self.asyncio, py)?)
        } else {
            None
        };
        let Some((mut net, context)) = self.inner().first.take() else {
            return Err(used_up());
        };
        let mut context = context.into_bound(py);
        let mut own = true;
        loop {
            self.inner().left -= 1;
            if let Some(waits) = self.begin_one(net, &context, own) {
                return Ok(Some(waits));
            }
            let Some(task) = task.as_ref().filter(|_| self.inner().left > 0) else {
                return Ok(None);
            };
            if !task.is_untouched(&self.asyncio)? {
                return Ok(None);
            }
            context = self.application.context(py)?;
            own = false;
            let Some(another) = self.application.take_ready() else {
                self.inner().drained = true;
                return Ok(None);
            };
            net = another;
        }
    }

    /// Begins a request in its context, which is the task's own or not. What it waits for; `None`: it
    /// has ended.
    fn begin_one(
        &self,
        net: Box<net_exchange::Exchange>,
        context: &Bound<'_, PyAny>,
        own: bool,
    ) -> Option<Py<PyAny>> {
        let py = context.py();
        let begun = if own {
            self.first_step(net, context, own)
        } else {
            within(context, || self.first_step(net, context, own))
        };
        begun.unwrap_or_else(|error| {
            // The request is answered; what has failed is telling of it.
            error.write_unraisable(py, None);
            None
        })
    }

    fn first_step(
        &self,
        net: Box<net_exchange::Exchange>,
        context: &Bound<'_, PyAny>,
        own: bool,
    ) -> PyResult<Option<Py<PyAny>>> {
        let py = context.py();
        let Some(request) = self.application.begin(py, net, self.inspected)? else {
            return Ok(None);
        };
        let request = request.bind(py);
        // A panic is a bug of ours; it costs this request and nothing else.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            let (coroutine, called) = self.application.call(request, self.inspected)?;
            self.asyncio.check_coroutine(&coroutine)?;
            let context = (!own).then(|| context.clone().unbind());
            self.inner().running = Some(Running {
                coroutine: coroutine.clone().unbind(),
                context,
            });
            let stepped = step(&coroutine, None);
            if !matches!(stepped, Ok(Step::Waits(_))) {
                let ended = self.inner().running.take();
                drop((ended, coroutine));
                self.application.keep(py, called);
            }
            stepped
        }));
        match stepped.unwrap_or_else(|_| Err(panicked())) {
            Ok(Step::Ended(_)) => request.get().settle(py, Ok(())).map(|()| None),
            Ok(Step::Waits(waits)) => {
                let task = self.inner().task.take();
                let Some(task) = task else {
                    let waiting = (request.clone().unbind(), context.clone().unbind());
                    self.inner().waiting = Some(waiting);
                    return Ok(Some(waits));
                };
                let keywords = self.asyncio.keywords(py);
                if let Err(error) = Request::go_on(request, task.bind(py), context, keywords) {
                    error.write_unraisable(py, None);
                }
                Ok(Some(waits))
            }
            Err(error) => request.get().settle(py, Err(error)).map(|()| None),
        }
    }

    /// A later step of the request that has the task.
    fn go_on(
        &self,
        py: Python<'_>,
        step: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<Step>,
    ) -> PyResult<Step> {
        let running = self.inner().running.as_ref().map(|running| {
            let context = running
                .context
                .as_ref()
                .map(|context| context.clone_ref(py));
            (running.coroutine.clone_ref(py), context)
        });
        let Some((coroutine, context)) = running else {
            return Err(used_up());
        };
        let coroutine = coroutine.bind(py);
        let stepped = match &context {
            Some(context) => within(context.bind(py), || step(coroutine)),
            None => step(coroutine),
        };
        if !matches!(stepped, Ok(Step::Waits(_))) {
            let ended = self.inner().running.take();
            drop(ended);
        }
        stepped
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn step(coroutine: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<Step> {
    let py = coroutine.py();
    let none = py.None();
    let value = value.map_or(none.as_ptr(), Bound::as_ptr);
    let mut result = std::ptr::null_mut();
    // SAFETY: live objects; `result` is a new reference unless the step has failed.
    let (sent, result) = unsafe {
        let sent = ffi::PyIter_Send(coroutine.as_ptr(), value, &raw mut result);
        (sent, Bound::from_owned_ptr_or_err(py, result)?.unbind())
    };
    Ok(match sent {
        ffi::PySendResult::PYGEN_NEXT => Step::Waits(result),
        _ => Step::Ended(result),
    })
}

#[pymethods]
impl Relay {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if self.inner().first.is_some() {
            return self.begin(py);
        }
        match self.go_on(py, |coroutine| step(coroutine, None))? {
            Step::Ended(result) if result.is_none(py) => Ok(None),
            stepped => stepped.into_item().map(Some),
        }
    }

    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if self.inner().first.is_some() {
            let begun = self.begin(py)?;
            return begun.ok_or_else(|| PyStopIteration::new_err(()));
        }
        self.go_on(py, |coroutine| step(coroutine, Some(value)))?
            .into_item()
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = kind.py();
        let first = self.inner().first.take();
        if let Some((first, _)) = first {
            // Cancelled before its first step.
            let error = thrown(kind, value, traceback)?;
            if let Some(request) = self.application.begin(py, first, self.inspected)? {
                request.get().settle(py, Err(error.clone_ref(py)))?;
            }
            return Err(error);
        }
        let stepped = self.go_on(py, |coroutine| {
            let waits = match (value, traceback) {
                (None, None) => coroutine.call_method1(intern!(py, "throw"), (kind,)),
                _ => coroutine.call_method1(intern!(py, "throw"), (kind, value, traceback)),
            };
            waits.map(|waits| Step::Waits(waits.unbind()))
        });
        stepped?.into_item()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.inner().running.is_none() {
            return Ok(());
        }
        let closed = self.go_on(py, |coroutine| {
            let closed = coroutine.call_method0(intern!(py, "close"))?;
            Ok(Step::Ended(closed.unbind()))
        });
        closed.map(drop)
    }

    /// To what looks at the task it is the application's coroutine: `cr_frame`, `cr_await`,
    /// `__qualname__`.
    fn __getattr__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let running = self
            .inner()
            .running
            .as_ref()
            .map(|it| it.coroutine.clone_ref(py));
        match running {
            Some(coroutine) => coroutine.bind(py).getattr(name),
            None => Err(PyAttributeError::new_err(name.clone().unbind())),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(inner) = self.inner.try_lock() else {
            return Ok(());
        };
        if let Some(running) = &inner.running {
            visit.call(&running.coroutine)?;
            visit.call(running.context.as_ref())?;
        }
        visit.call(inner.task.as_ref())
    }

    fn __clear__(&self) {
        let parts = {
            let mut inner = self.inner();
            (inner.running.take(), inner.task.take())
        };
        drop(parts);
    }
}
