//! What `receive()` and `send()` return: awaitables that are mostly done already, so that nothing is
//! suspended. They are coroutines to everything that asks (`collections.abc.Coroutine`), and may
//! become tasks.

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit, ffi};

use super::request::{Request, Wanted};

/// It is done, with nothing to say. One for all.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct Done;

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

    fn __next__(&mut self) -> PyResult<()> {
        match self.0.take() {
            Some(Ok(event)) => Err(PyStopIteration::new_err((event,))),
            Some(Err(error)) => Err(error),
            None => Err(used_up()),
        }
    }

    fn send(&mut self, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.__next__()
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

/// It waits for a request. What it waits for is taken when it goes on, so that one that is cancelled
/// takes nothing with it.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Waiting {
    request: Option<Py<Request>>,
    wanted: Wanted,
    /// The iterator of the future that it waits for now.
    future: Option<Py<PyAny>>,
}

impl Waiting {
    pub(crate) fn new(request: Py<Request>, wanted: Wanted) -> Self {
        Self {
            request: Some(request),
            wanted,
            future: None,
        }
    }

    /// What the future yields, if it still waits.
    fn rest(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some(future) = self.future.take() else {
            return Ok(None);
        };
        match next_of(future.bind(py))? {
            Some(yielded) => {
                self.future = Some(future);
                Ok(Some(yielded))
            }
            None => Ok(None),
        }
    }

    fn go_on(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        loop {
            if let Some(yielded) = self.rest(py)? {
                return Ok(yielded);
            }
            let Some(request) = &self.request else {
                return Err(used_up());
            };
            let request = request.bind(py).clone();
            if let Some(event) = Request::take(&request, self.wanted)? {
                self.request = None;
                return Err(PyStopIteration::new_err((event,)));
            }
            let future = Request::wait(&request, self.wanted)?;
            let iterator = future.call_method0(intern!(py, "__await__"))?;
            self.future = Some(iterator.unbind());
        }
    }
}

#[pymethods]
impl Waiting {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.go_on(py)
    }

    fn send(&mut self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.go_on(py)
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &mut self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.request = None;
        self.future = None;
        Err(thrown(kind, value, traceback)?)
    }

    fn close(&mut self) {
        self.request = None;
        self.future = None;
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.request)?;
        visit.call(&self.future)
    }

    fn __clear__(&mut self) {
        let parts = (self.request.take(), self.future.take());
        drop(parts);
    }
}

/// The next value of an iterator; `None` at its end.
fn next_of(iterator: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    let py = iterator.py();
    // SAFETY: a live object; a future's iterator is one (PyIter_Check is what `cast` looks at). The
    // result is a new reference, or null with an exception or at the end.
    let next = unsafe {
        if ffi::PyIter_Check(iterator.as_ptr()) == 0 {
            return Err(PyRuntimeError::new_err(
                "a future of the loop is no iterator",
            ));
        }
        Bound::from_owned_ptr_or_opt(py, ffi::PyIter_Next(iterator.as_ptr()))
    };
    match next {
        Some(next) => Ok(Some(next.unbind())),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}

/// The exception that `throw` is given, in each of its forms.
fn thrown(
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

fn used_up() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}
