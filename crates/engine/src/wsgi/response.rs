//! What `start_response` is bound to: the response by gunicorn's names, for applications and
//! middleware that look at `start_response.__self__`.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::start::start_response;
use crate::exchange::Exchange;

/// The response to one request.
#[pyclass(frozen, name = "WSGIResponse", module = "licorne._engine")]
pub(crate) struct Response {
    exchange: Py<Exchange>,
}

impl Response {
    pub(crate) fn new(exchange: Py<Exchange>) -> Self {
        Self { exchange }
    }
}

#[pymethods]
impl Response {
    /// `start_response` of PEP 3333.
    #[pyo3(signature = (status, headers, exc_info=None))]
    fn start_response(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let mut exchange = self.exchange.bind(py).try_borrow_mut()?;
        start_response(py, &mut exchange, status, headers, exc_info)
    }

    /// Code and reason; `None` before there is one.
    #[getter]
    fn status(&self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        let exchange = self.exchange.bind(py).try_borrow()?;
        Ok(exchange.run.status.as_ref().map(|it| it.clone_ref(py)))
    }

    /// The code as a number; `None` before there is one.
    #[getter]
    fn status_code(&self, py: Python<'_>) -> PyResult<Option<u16>> {
        let Some(status) = self.status(py)? else {
            return Ok(None);
        };
        let code = status.bind(py).to_str()?.get(..3);
        Ok(code.and_then(|digits| digits.parse().ok()))
    }

    /// The headers of the application; empty before there are any.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.exchange.bind(py).try_borrow()?.response_headers(py)
    }

    #[getter]
    fn headers_sent(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.exchange.bind(py).try_borrow()?.headers_sent())
    }

    /// Bytes of the body given to the connection so far.
    #[getter]
    fn sent(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.exchange.bind(py).try_borrow()?.run.sent)
    }

    /// The length that the application has announced, while its response is not complete.
    #[getter]
    fn response_length(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let exchange = self.exchange.bind(py).try_borrow()?;
        let net = exchange.run.net.as_ref();
        Ok(net.and_then(|net| net.response.draft.content_length()))
    }
}
