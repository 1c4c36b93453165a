//! Code of Python in a context of its own (`contextvars`).

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Runs something in a context, as `Context.run` does.
pub(crate) fn within<T>(
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

/// `task.add_done_callback(ended, context=context)`; `keywords` is `("context",)`.
pub(super) fn call_in_its_context(
    task: &Bound<'_, PyAny>,
    ended: &Bound<'_, PyAny>,
    context: &Bound<'_, PyAny>,
    keywords: &Bound<'_, PyTuple>,
) -> PyResult<()> {
    let py = task.py();
    let arguments = [task.as_ptr(), ended.as_ptr(), context.as_ptr()];
    // SAFETY: the object, one positional argument, and one for the keyword that the tuple names; the
    // result is a new reference or null.
    let added = unsafe {
        let result = ffi::PyObject_VectorcallMethod(
            intern!(py, "add_done_callback").as_ptr(),
            arguments.as_ptr(),
            2,
            keywords.as_ptr(),
        );
        Bound::from_owned_ptr_or_err(py, result)
    };
    added.map(drop)
}
