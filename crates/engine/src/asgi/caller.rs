//! Whose `receive` and `send` are: they are used again for the next request if nothing has kept them.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use super::request::Request;
use crate::exchange::is_over;

/// The request of the two; none between two requests.
#[derive(Default)]
pub(crate) struct Caller(Mutex<Option<Py<Request>>>);

impl Caller {
    /// They belong to this request from now on, or to none.
    pub(crate) fn assign(&self, request: Option<Py<Request>>) {
        let mut mine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *mine, request);
        drop(mine);
        // Outside of the lock: what is released may run code of Python.
        drop(before);
    }

    pub(super) fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Request>> {
        let mine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = mine.as_ref().map(|request| request.bind(py).clone());
        request.ok_or_else(is_over)
    }
}
