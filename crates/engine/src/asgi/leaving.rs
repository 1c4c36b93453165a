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

/// Events that are dropped without a turn of the loop between them, at most.
const DROPPED_IN_A_ROW: u32 = 16;

/// The other end of a connection.
///
/// `send()` raises when it has left (ASGI HTTP, 2.4), but not where a `receive()` waited then: another
/// task learns of it there, and ends the one that sends (Django's does). An exception in that one
/// would keep it from closing its response.
#[derive(Debug, Default)]
pub(super) struct Client {
    stage: Stage,
    /// A `receive()` waited when it left.
    listened: bool,
    /// Events that were dropped since.
    dropped: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Here,
    /// It has left, as `send()` or `receive()` has found.
    Gone,
    /// And everything that waited was woken.
    Told,
}

impl Client {
    pub(super) fn is_gone(&self) -> bool {
        self.stage != Stage::Here
    }

    pub(super) fn is_listened_for(&self) -> bool {
        self.listened
    }

    /// `send()` or `receive()` has found that it has left, while a `receive()` waits or none does.
    pub(super) fn found_gone(&mut self, listens: bool) {
        if self.stage != Stage::Told {
            self.listened |= listens;
            self.stage = Stage::Gone;
        }
    }

    /// Everything that waits is about to be woken; true if it was before.
    pub(super) fn tell(&mut self, listens: bool) -> bool {
        let before = self.stage == Stage::Told;
        self.found_gone(listens);
        self.stage = Stage::Told;
        before
    }

    /// An event is dropped; whether the loop is to have a turn before the next one, so that what
    /// sends without end does not keep it from the listener. Mostly not: a task that waits by itself
    /// is to be cancelled there, as with servers whose `send()` never waits.
    pub(super) fn drops_one(&mut self) -> bool {
        self.dropped = self.dropped.wrapping_add(1);
        self.dropped.is_multiple_of(DROPPED_IN_A_ROW)
    }
}

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
