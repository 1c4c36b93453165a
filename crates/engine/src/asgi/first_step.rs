//! Before Python 3.12 a new task schedules its first step with the loop's `call_soon`. Here that step is
//! run at once: an attribute of the loop itself stands before its `call_soon` while the task is made.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::within::within;

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
    /// A name for all of them: to make one of a number for each takes longer than all else of a task.
    name: Py<PyString>,
    /// `("loop", "context", "name")`.
    keywords: Py<PyTuple>,
}

/// Stands before `call_soon`: keeps steps of tasks, and passes on the rest.
#[pyclass(frozen, module = "licorne._engine")]
struct Capture {
    call_soon: Py<PyAny>,
    /// Callbacks with their contexts, in the order in which they came.
    steps: Mutex<Vec<(Py<PyAny>, Py<PyAny>)>>,
}

impl Capture {
    fn steps(&self) -> MutexGuard<'_, Vec<(Py<PyAny>, Py<PyAny>)>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on<'py>(
        &self,
        callback: &Bound<'py, PyAny>,
        arguments: Option<&Bound<'py, PyTuple>>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = callback.py();
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "context"), context)?;
        let mut all = vec![callback.clone()];
        all.extend(arguments.into_iter().flatten());
        self.call_soon
            .bind(py)
            .call(PyTuple::new(py, all)?, Some(&keywords))
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
        match context {
            Some(context) if arguments.is_empty() => {
                let step = (callback.clone().unbind(), context.clone().unbind());
                self.steps().push(step);
                Ok(py.None().into_bound(py))
            }
            // A finalizer's, or a signal handler's.
            _ => self.pass_on(callback, Some(arguments), context),
        }
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
            steps: Mutex::default(),
        };
        Ok(Self {
            task: asyncio.getattr(intern!(py, "Task"))?.unbind(),
            of: of.clone().unbind(),
            attributes: of.getattr(intern!(py, "__dict__"))?.extract()?,
            takes_context: py.version_info() >= (3, 11),
            capture: Py::new(py, capture)?,
            name: PyString::new(py, "licorne request").unbind(),
            keywords: PyTuple::new(py, ["loop", "context", "name"])?.unbind(),
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
        let attributes = self.attributes.bind(py);
        attributes.set_item(intern!(py, "call_soon"), &self.capture)?;
        let task = self.make(coro, context);
        let removed = attributes.del_item(intern!(py, "call_soon"));
        let capture = self.capture.get();
        let steps = std::mem::take(&mut *capture.steps());
        let mut first = None;
        for (step, context) in steps {
            let (step, context) = (step.into_bound(py), context.into_bound(py));
            let of = step.getattr_opt(intern!(py, "__self__"))?;
            if let (Ok(task), Some(of)) = (&task, &of)
                && of.is(task)
            {
                first = Some((step, context));
            } else {
                // A finalizer has run meanwhile, and this is its.
                capture.pass_on(&step, None, Some(&context))?;
            }
        }
        let task = task?;
        removed?;
        if let Some((step, context)) = first {
            within(&context, || step.call0().map(drop))?;
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
            let arguments = [
                coroutine.as_ptr(),
                self.of.as_ptr(),
                context.as_ptr(),
                self.name.as_ptr(),
            ];
            // SAFETY: one positional argument, and three for the keywords that the tuple names; the
            // result is a new reference or null.
            return unsafe {
                let made = ffi::PyObject_Vectorcall(
                    task.as_ptr(),
                    arguments.as_ptr(),
                    1,
                    self.keywords.as_ptr(),
                );
                Bound::from_owned_ptr_or_err(py, made)
            };
        }
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "loop"), &self.of)?;
        within(context, || task.call((coroutine,), Some(&keywords)))
    }
}
