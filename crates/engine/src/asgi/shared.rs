//! What all requests of an asgi worker share: its loop, what goes into every scope, and who waits for
//! news from a turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::exchange::RequestKey;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::awaitable::Done;
use super::request::Request;
use crate::core::Core;

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

/// Shared by the driver and the requests that it has begun.
pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) options: Options,
    create_future: Py<PyAny>,
    call_soon: Py<PyAny>,
    call_later: Py<PyAny>,
    /// The result of every event that need not wait.
    pub(crate) done: Py<Done>,
    statuses: Mutex<HashMap<u16, Py<PyString>>>,
    /// Requests that are not over: news of a turn name them.
    known: Mutex<HashMap<RequestKey, Py<Request>>>,
    /// Called at the end of a round of the loop in which there was output.
    round: Mutex<Option<Py<PyAny>>>,
    /// It is asked for, or a turn does it.
    round_due: AtomicBool,
}

impl Shared {
    pub(crate) fn new(core: Arc<Core>, options: Options, of: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = of.py();
        Ok(Self {
            core,
            options,
            create_future: of.getattr(intern!(py, "create_future"))?.unbind(),
            call_soon: of.getattr(intern!(py, "call_soon"))?.unbind(),
            call_later: of.getattr(intern!(py, "call_later"))?.unbind(),
            done: Py::new(py, Done)?,
            statuses: Mutex::default(),
            known: Mutex::default(),
            round: Mutex::default(),
            round_due: AtomicBool::new(false),
        })
    }

    pub(crate) fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.create_future.bind(py).call0()
    }

    pub(crate) fn call_later(
        &self,
        py: Python<'_>,
        seconds: f64,
        call: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.call_later.bind(py).call1((seconds, call)).map(drop)
    }

    /// What is called after a round.
    pub(crate) fn set_round(&self, round: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut *locked(&self.round), round);
        drop(before);
    }

    /// There is output, or a pipelined request may have become ready: it is seen to when the loop has
    /// run what is ready now.
    pub(crate) fn ask_for_round(&self, py: Python<'_>) -> PyResult<()> {
        if self.round_due.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let round = locked(&self.round)
            .as_ref()
            .map(|round| round.clone_ref(py));
        match round {
            Some(round) => self.call_soon.bind(py).call1((round,)).map(drop),
            None => Ok(()),
        }
    }

    /// Whether the round is seen to by the caller from now on.
    pub(crate) fn set_round_due(&self, due: bool) {
        self.round_due.store(due, Ordering::Relaxed);
    }

    /// The status line of a response, `200 OK`.
    pub(crate) fn status(&self, py: Python<'_>, code: u16) -> Py<PyString> {
        if let Some(text) = locked(&self.statuses).get(&code) {
            return text.clone_ref(py);
        }
        let reason = proto::reason_phrase(code).unwrap_or_default();
        let text = PyString::new(py, format!("{code} {reason}").trim_end()).unbind();
        if (100..1000).contains(&code) {
            locked(&self.statuses).insert(code, text.clone_ref(py));
        }
        text
    }

    pub(crate) fn remember(&self, key: RequestKey, request: Py<Request>) {
        let before = locked(&self.known).insert(key, request);
        drop(before);
    }

    pub(crate) fn forget(&self, key: RequestKey) {
        let before = locked(&self.known).remove(&key);
        drop(before);
    }

    pub(crate) fn find(&self, py: Python<'_>, key: RequestKey) -> Option<Py<Request>> {
        locked(&self.known)
            .get(&key)
            .map(|found| found.clone_ref(py))
    }

    /// All requests that are not over.
    pub(crate) fn all(&self, py: Python<'_>) -> Vec<(RequestKey, Py<Request>)> {
        locked(&self.known)
            .iter()
            .map(|(key, request)| (*key, request.clone_ref(py)))
            .collect()
    }
}

/// One thread at a time runs what is here; the mutex is for the compiler, and no Python code runs
/// with it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
