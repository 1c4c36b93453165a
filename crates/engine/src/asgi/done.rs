//! What `receive()` and `send()` return: awaitables that are mostly done already, so that nothing is
//! suspended. They are coroutines to everything that asks (`collections.abc.Coroutine`), and may
//! become tasks.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::awaiting::{self, Awaitable, Step};

/// It is done, with nothing to say. One for all.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct Done;

/// Has `await` take its short way with what is here.
pub(crate) fn enable(py: Python<'_>) {
    awaiting::put::<Done>(py, ended, ended_with_none);
    awaiting::enable::<Ready>(py);
}

/// `tp_iternext` of what is done: no item, and no exception.
unsafe extern "C" fn ended(_done: *mut ffi::PyObject) -> *mut ffi::PyObject {
    std::ptr::null_mut()
}

/// `am_send` of what is done: it has returned `None`.
unsafe extern "C" fn ended_with_none(
    _done: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    // SAFETY: the caller has the interpreter lock, and a place for the result, a new reference.
    unsafe { *result = ffi::Py_NewRef(ffi::Py_None()) };
    ffi::PySendResult::PYGEN_RETURN
}

#[pymethods]
impl Done {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The end of an iterator without a value: `None` comes out of `await`.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn send(&self, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Err(thrown(kind, value, traceback)?)
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn close(&self) {}
}

/// It is done, with an event or an exception.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Ready(Option<PyResult<Py<PyAny>>>);

impl Awaitable for Ready {
    fn step(&mut self, _py: Python<'_>) -> PyResult<Step> {
        match self.0.take() {
            Some(Ok(event)) => Ok(Step::Ended(event)),
            Some(Err(error)) => Err(error),
            None => Err(used_up()),
        }
    }
}

impl Ready {
    pub(crate) fn new(outcome: PyResult<Py<PyAny>>) -> Self {
        Self(Some(outcome))
    }
}

#[pymethods]
impl Ready {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.step(py)?.into_item()
    }

    fn send(&mut self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.step(py)?.into_item()
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &mut self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.0 = None;
        Err(thrown(kind, value, traceback)?)
    }

    fn close(&mut self) {
        self.0 = None;
    }
}

/// The exception that `throw` is given, in each of its forms.
pub(crate) fn thrown(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let value = value.filter(|value| !value.is_none());
    let raised = match value {
        Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => value.clone(),
        Some(value) => match value.cast::<PyTuple>() {
            Ok(arguments) => kind.call1(arguments)?,
            Err(_) => kind.call1((value,))?,
        },
        None if kind.is_instance_of::<pyo3::types::PyType>() => kind.call0()?,
        None => kind.clone(),
    };
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
        raised.setattr(intern!(raised.py(), "__traceback__"), traceback)?;
    }
    Ok(PyErr::from_value(raised))
}

pub(crate) fn used_up() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}

/// What a task that is done has come to. That it was cancelled says nothing of where: an exception
/// of its own has no traceback.
pub(crate) fn outcome_of(task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    if task.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
        return Err(CancelledError::new_err(()));
    }
    let error = task.call_method0(intern!(py, "exception"))?;
    if error.is_none() {
        Ok(())
    } else {
        Err(PyErr::from_value(error))
    }
}
