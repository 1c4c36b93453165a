//! `receive()`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::caller::Caller;
use super::calling::{self, Call, Callable};
use super::done::Ready;
use super::marks;
use super::request::Request;
use super::stage::Wanted;
use super::waiting::Waiting;

/// The callable by which an application gets its events.
#[pyclass(
    frozen,
    freelist = 64,
    module = "licorne._engine",
    name = "AsgiReceive"
)]
pub(crate) struct Receive {
    call: Call,
    caller: Arc<Caller>,
}

impl Receive {
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self {
            call: calling::called::<Self, 0>,
            caller,
        }
    }

    /// Has those of the class called without a tuple of their arguments.
    pub(crate) fn enable_calls(py: Python<'_>) -> PyResult<()> {
        let instance = Bound::new(py, Self::new(Arc::default()))?;
        calling::enable(&instance, &raw const instance.get().call);
        Ok(())
    }

    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let request = self.caller.request(py)?;
        match Request::take(&request, Wanted::Event) {
            Ok(None) => {
                let waiting = Waiting::new(request.unbind(), Wanted::Event);
                Ok(Bound::new(py, waiting)?.into_any())
            }
            Ok(Some(event)) => Ok(Bound::new(py, Ready::new(Ok(event)))?.into_any()),
            Err(error) => Ok(Bound::new(py, Ready::new(Err(error)))?.into_any()),
        }
    }
}

impl Callable<0> for Receive {
    fn call<'py>(
        this: &Bound<'py, Self>,
        []: [Bound<'py, PyAny>; 0],
    ) -> PyResult<Bound<'py, PyAny>> {
        this.get().next(this.py())
    }
}

#[pymethods]
impl Receive {
    #[classattr]
    fn _is_coroutine_marker(py: Python<'_>) -> Py<PyAny> {
        marks::for_inspect(py)
    }

    #[classattr]
    fn _is_coroutine(py: Python<'_>) -> Py<PyAny> {
        marks::for_asyncio(py)
    }

    fn __call__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.next(py)
    }
}
