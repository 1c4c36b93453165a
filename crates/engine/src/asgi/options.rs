//! What an asgi worker is told by Python, once, when its driver is made.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// What every scope has, and how requests are treated.
pub(crate) struct Options {
    pub(super) root_path: Py<PyString>,
    pub(super) root_path_bytes: Vec<u8>,
    /// `server` for each listener.
    servers: Vec<Py<PyAny>>,
    pub(super) versions: Py<PyDict>,
    pub(super) extensions: Py<PyDict>,
    /// The state that lifespan start-up has left.
    pub(super) state: Option<Py<PyDict>>,
    /// Seconds that a request has after its client has left.
    pub(super) grace: f64,
}

impl Options {
    /// Reads the attributes of Python's object.
    pub(crate) fn read(options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = options.py();
        let versions = PyDict::new(py);
        versions.set_item(intern!(py, "version"), "3.0")?;
        versions.set_item(intern!(py, "spec_version"), "2.5")?;
        let extensions = PyDict::new(py);
        for name in [
            "http.response.early_hint",
            "http.response.informational",
            "http.response.pathsend",
            "http.response.trailers",
            "http.response.zerocopysend",
        ] {
            extensions.set_item(name, PyDict::new(py))?;
        }
        let root_path: String = options.getattr(intern!(py, "root_path"))?.extract()?;
        Ok(Self {
            root_path: PyString::new(py, &root_path).unbind(),
            root_path_bytes: root_path.into_bytes(),
            servers: options.getattr(intern!(py, "servers"))?.extract()?,
            versions: versions.unbind(),
            extensions: extensions.unbind(),
            state: options.getattr(intern!(py, "state"))?.extract()?,
            grace: options
                .getattr(intern!(py, "disconnect_grace"))?
                .extract()?,
        })
    }

    pub(super) fn server_of(&self, py: Python<'_>, listener: usize) -> Py<PyAny> {
        let server = self.servers.get(listener);
        server.map_or_else(|| py.None(), |server| server.clone_ref(py))
    }
}
