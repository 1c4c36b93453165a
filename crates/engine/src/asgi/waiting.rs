//! The awaitable of an event, or of room for more, that has to be waited for.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::awaiting::{self, Awaitable, Step};
use super::done::{thrown, used_up};
use super::request::Request;
use super::stage::Wanted;
use super::waiter::Waiter;

/// It waits for a request. What it waits for is taken when it goes on, so that one that is cancelled
/// takes nothing with it.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Waiting {
    request: Option<Py<Request>>,
    wanted: Wanted,
    /// The future that it waits for now.
    waiter: Option<Py<Waiter>>,
    /// It is suspended once, without a future (as `asyncio.sleep(0)`).
    owes_a_turn: bool,
}

impl Waiting {
    pub(crate) fn new(request: Py<Request>, wanted: Wanted) -> Self {
        Self {
            request: Some(request),
            wanted,
            waiter: None,
            owes_a_turn: false,
        }
    }

    /// Has `await` take its short way with them.
    pub(crate) fn enable(py: Python<'_>) {
        awaiting::enable::<Self>(py);
    }

    /// It waits for the next turn of the loop.
    pub(crate) fn for_a_turn(request: Py<Request>) -> Self {
        Self {
            owes_a_turn: true,
            ..Self::new(request, Wanted::Turn)
        }
    }
}

impl Awaitable for Waiting {
    fn step(&mut self, py: Python<'_>) -> PyResult<Step> {
        if std::mem::take(&mut self.owes_a_turn) {
            return Ok(Step::Waits(py.None()));
        }
        if let Some(waiter) = self.waiter.take()
            && !waiter.get().is_done()
        {
            self.waiter = Some(waiter);
            return Err(PyRuntimeError::new_err("await wasn't used with future"));
        }
        let Some(request) = &self.request else {
            return Err(used_up());
        };
        let request = request.bind(py).clone();
        if let Some(event) = Request::take(&request, self.wanted)? {
            self.request = None;
            return Ok(Step::Ended(event));
        }
        let waiter = Request::wait(&request, self.wanted)?;
        self.waiter = Some(waiter.clone().unbind());
        Ok(Step::Waits(waiter.into_any().unbind()))
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
        self.request = None;
        self.waiter = None;
        Err(thrown(kind, value, traceback)?)
    }

    fn close(&mut self) {
        self.request = None;
        self.waiter = None;
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.request)?;
        visit.call(&self.waiter)
    }

    fn __clear__(&mut self) {
        let parts = (self.request.take(), self.waiter.take());
        drop(parts);
    }
}
