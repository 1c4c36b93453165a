//! Before Python 3.12 a new task schedules its first step with the loop's `call_soon`. Here that step is
//! run at once: an attribute of the loop itself stands before its `call_soon` while the task is made.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Makes genuine tasks on one loop, and runs their first steps.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct FirstStep {
    task: Py<PyAny>,
    of: Py<PyAny>,
    /// The attributes of the loop.
    attributes: Py<PyDict>,
    /// Tasks take a context (Python 3.11); before, they have a copy of the current one.
    takes_context: bool,
    capture: Py<Capture>,
}

/// Stands before `call_soon`: keeps the first step of one coroutine's task, and passes on the rest.
#[pyclass(frozen, module = "licorne._engine")]
struct Capture {
    call_soon: Py<PyAny>,
    state: Mutex<Captured>,
}

#[derive(Default)]
struct Captured {
    coroutine: Option<Py<PyAny>>,
    step: Option<(Py<PyAny>, Py<PyAny>)>,
}

impl Capture {
    fn state(&self) -> MutexGuard<'_, Captured> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a callback is a step of the task of the coroutine that is awaited.
    fn is_awaited(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(task) = callback.getattr_opt(intern!(py, "__self__"))? else {
            return Ok(false);
        };
        let Some(get_coro) = task.getattr_opt(intern!(py, "get_coro"))? else {
            return Ok(false);
        };
        let coroutine = get_coro.call0()?;
        let state = self.state();
        let awaited = state.coroutine.as_ref();
        Ok(awaited.is_some_and(|awaited| awaited.is(&coroutine)))
    }
}

#[pymethods]
impl Capture {
    #[pyo3(signature = (callback, *arguments, context=None))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        callback: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(context) = context
            && self.is_awaited(py, callback)?
        {
            let step = (callback.clone().unbind(), context.clone().unbind());
            self.state().step = Some(step);
            return Ok(py.None().into_bound(py));
        }
        // A finalizer's, or a signal handler's.
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "context"), context)?;
        let callback = PyTuple::new(py, [callback])?;
        let all = callback.as_sequence().concat(arguments.as_sequence())?;
        self.call_soon
            .bind(py)
            .call(all.to_tuple()?, Some(&keywords))
    }
}

#[pymethods]
impl FirstStep {
    /// For a loop that has room for attributes of its own.
    #[new]
    #[pyo3(signature = (of, /))]
    fn new(py: Python<'_>, of: &Bound<'_, PyAny>) -> PyResult<Self> {
        let asyncio = py.import(intern!(py, "asyncio"))?;
        let capture = Capture {
            call_soon: of.getattr(intern!(py, "call_soon"))?.unbind(),
            state: Mutex::default(),
        };
        Ok(Self {
            task: asyncio.getattr(intern!(py, "Task"))?.unbind(),
            of: of.clone().unbind(),
            attributes: of.getattr(intern!(py, "__dict__"))?.extract()?,
            takes_context: py.version_info() >= (3, 11),
            capture: Py::new(py, capture)?,
        })
    }

    /// Whether something else stands before `call_soon` already: it would miss the step.
    #[getter]
    fn hindered(&self, py: Python<'_>) -> PyResult<bool> {
        self.attributes.bind(py).contains(intern!(py, "call_soon"))
    }

    /// The task of a coroutine, whose first step has been run in `context`. To be called in a callback
    /// of the running loop, outside of all tasks.
    #[pyo3(signature = (coro, *, context))]
    fn __call__<'py>(
        &self,
        coro: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = coro.py();
        let capture = self.capture.get();
        capture.state().coroutine = Some(coro.clone().unbind());
        let attributes = self.attributes.bind(py);
        attributes.set_item(intern!(py, "call_soon"), &self.capture)?;
        let task = self.make(coro, context);
        let removed = attributes.del_item(intern!(py, "call_soon"));
        let Captured { coroutine, step } = std::mem::take(&mut *capture.state());
        drop(coroutine);
        let task = task?;
        removed?;
        if let Some((step, context)) = step {
            within(context.bind(py), || step.bind(py).call0().map(drop))?;
        }
        Ok(task)
    }
}

impl FirstStep {
    fn make<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        let task = self.task.bind(py);
        if self.takes_context {
            let names = (intern!(py, "loop"), intern!(py, "context")).into_pyobject(py)?;
            let arguments = [coroutine.as_ptr(), self.of.as_ptr(), context.as_ptr()];
            // SAFETY: one positional argument, and two for the keywords that the tuple names; the
            // result is a new reference or null.
            return unsafe {
                let made =
                    ffi::PyObject_Vectorcall(task.as_ptr(), arguments.as_ptr(), 1, names.as_ptr());
                Bound::from_owned_ptr_or_err(py, made)
            };
        }
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "loop"), &self.of)?;
        within(context, || task.call((coroutine,), Some(&keywords)))
    }
}

/// Runs something in a context, as `Context.run` does.
fn within<T>(context: &Bound<'_, PyAny>, run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // SAFETY: a live object, which the call checks to be a context.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::take(context.py())
            .unwrap_or_else(|| PyTypeError::new_err("a context is needed")));
    }
    let result = run();
    // SAFETY: the context that was entered, left in the same thread. An exception that was raised
    // meanwhile is in `result`, not in the thread's state.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(context.py()));
    }
    result
}
