//! `RequestHead`: a request head as Python sees it, without a connection. `Exchange` says the same of
//! its own head in the same way.

use proto::{RequestHead as Head, Version};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::text::latin1;

/// A head that [`RequestReader`](crate::reader::RequestReader) has read.
#[pyclass(module = "licorne._engine", frozen)]
pub(crate) struct RequestHead {
    head: Head,
}

impl RequestHead {
    pub(crate) fn new(head: Head) -> Self {
        Self { head }
    }
}

#[pymethods]
impl RequestHead {
    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.head.method())
    }

    #[getter]
    fn uri<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.head.target())
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.head.path())
    }

    #[getter]
    fn query<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.head.query())
    }

    #[getter]
    fn version(&self) -> (u8, u8) {
        version(&self.head)
    }

    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        latin1(py, self.head.protocol())
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        headers(py, &self.head)
    }

    #[getter]
    fn scheme(&self) -> &'static str {
        scheme(&self.head)
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        host(py, &self.head)
    }

    /// The client that a trusted peer names; a port of 0 was not told.
    #[getter]
    fn client(&self) -> Option<(String, u16)> {
        let (ip, port) = self.head.client()?;
        Some((ip.to_string(), port.unwrap_or(0)))
    }

    #[getter]
    fn keep_alive(&self) -> bool {
        self.head.keep_alive()
    }

    #[getter]
    fn expect_continue(&self) -> bool {
        self.head.expect_continue()
    }

    /// The values of a field, as one list (RFC 9110, section 5.3); empty without the field.
    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        let fields = self.head.fields_named(name.as_bytes());
        let values: Vec<&[u8]> = fields.map(|field| field.value).collect();
        latin1(py, &values.join(&b", "[..]))
    }
}

/// The version whose rules the request follows.
pub(crate) fn version(head: &Head) -> (u8, u8) {
    match head.version() {
        Version::Http10 => (1, 0),
        Version::Http11 => (1, 1),
        Version::Http2 => (2, 0),
    }
}

/// Names in upper case with their values, in the order received.
pub(crate) fn headers<'py>(py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyList>> {
    let headers = PyList::empty(py);
    for field in head.fields() {
        let name = latin1(py, &field.name.to_ascii_uppercase())?;
        headers.append((name, latin1(py, field.value)?))?;
    }
    Ok(headers)
}

/// What a trusted peer says; without one it is plain.
pub(crate) fn scheme(head: &Head) -> &'static str {
    if head.https() == Some(true) {
        "https"
    } else {
        "http"
    }
}

/// The host that was asked for, wherever it was said.
pub(crate) fn host<'py>(py: Python<'py>, head: &Head) -> PyResult<Option<Bound<'py, PyString>>> {
    head.host().map(|host| latin1(py, host)).transpose()
}
