//! Code of Python in a context of its own (`contextvars`).

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Runs something in a context, as `Context.run` does.
pub(super) fn within<T>(
    context: &Bound<'_, PyAny>,
    run: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    // SAFETY: a live object, which the call checks to be a context.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::take(context.py())
            .unwrap_or_else(|| PyTypeError::new_err("a context is needed")));
    }
    let result = run();
    // SAFETY: the context that was entered, left in the same thread. An exception that was raised
    // meanwhile is in `result`, not in the thread's state.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(context.py()));
    }
    result
}
