//! `receive()`.

use pyo3::prelude::*;
use pyo3::types::PyAny;

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
pub(crate) struct Receive(Py<Request>);

impl Receive {
    pub(crate) fn new(request: Py<Request>) -> Self {
        Self(request)
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
        match Request::take(self.0.bind(py), Wanted::Event) {
            Ok(None) => {
                let waiting = Waiting::new(self.0.clone_ref(py), Wanted::Event);
                Ok(Bound::new(py, waiting)?.into_any())
            }
            Ok(Some(event)) => Ok(Bound::new(py, Ready::new(Ok(event)))?.into_any()),
            Err(error) => Ok(Bound::new(py, Ready::new(Err(error)))?.into_any()),
        }
    }
}
