//! The awaitable of an event, or of room for more, that has to be waited for.

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi, intern};

use super::done::{thrown, used_up};
use super::request::{Request, Wanted};

/// It waits for a request. What it waits for is taken when it goes on, so that one that is cancelled
/// takes nothing with it.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Waiting {
    request: Option<Py<Request>>,
    wanted: Wanted,
    /// The iterator of the future that it waits for now.
    future: Option<Py<PyAny>>,
    /// It is suspended once, without a future (as `asyncio.sleep(0)`).
    owes_a_turn: bool,
}

impl Waiting {
    pub(crate) fn new(request: Py<Request>, wanted: Wanted) -> Self {
        Self {
            request: Some(request),
            wanted,
            future: None,
            owes_a_turn: false,
        }
    }

    /// It waits for the next turn of the loop.
    pub(crate) fn for_a_turn(request: Py<Request>) -> Self {
        Self {
            owes_a_turn: true,
            ..Self::new(request, Wanted::Turn)
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
        if std::mem::take(&mut self.owes_a_turn) {
            return Ok(py.None());
        }
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
