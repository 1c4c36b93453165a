//! Clients that leave before their request is over: what `send()` raises then, and which applications
//! have ended because of it.

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyBaseException, PyOSError};
use pyo3::intern;
use pyo3::prelude::*;

pyo3::create_exception!(
    licorne._engine,
    ClientDisconnected,
    PyOSError,
    "The client has closed the connection: what is sent to it reaches nothing (ASGI HTTP, 2.4)."
);

/// Exceptions looked at behind the one that ended a request.
const DEEPEST: usize = 16;

/// What `send()` raises.
pub(crate) fn left() -> PyErr {
    ClientDisconnected::new_err("the client has closed the connection")
}

/// Whether an application has ended because its client has left: by what `send()` has raised, or by
/// being cancelled.
pub(crate) fn from_leaving(py: Python<'_>, error: &PyErr) -> bool {
    let mut looked_at = 0;
    let mut next = Some(error.value(py).clone());
    while let Some(error) = next {
        if error.is_instance_of::<ClientDisconnected>() || error.is_instance_of::<CancelledError>()
        {
            return true;
        }
        looked_at += 1;
        if looked_at > DEEPEST {
            return false;
        }
        next = behind(&error);
    }
    false
}

/// The exception that led to this one: its cause, the only one of its group, or its context.
fn behind<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyBaseException>> {
    let py = error.py();
    let inside = error.getattr(intern!(py, "exceptions")).ok();
    let only = inside
        .and_then(|all| all.get_item(0).ok())
        .and_then(|only| only.cast_into().ok());
    if only.is_some() {
        return only;
    }
    for name in ["__cause__", "__context__"] {
        if let Ok(other) = error.getattr(name)
            && let Ok(other) = other.cast_into::<PyBaseException>()
        {
            return Some(other);
        }
    }
    None
}
