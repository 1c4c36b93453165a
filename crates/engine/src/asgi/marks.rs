//! Marks by which `receive` and `send` are known as coroutine functions, as `async def` ones are:
//! frameworks choose by it how they call them.

use pyo3::prelude::*;

/// What `inspect.iscoroutinefunction` looks for from Python 3.12 on.
pub(super) fn for_inspect(py: Python<'_>) -> Py<PyAny> {
    mark(py, "inspect", "_is_coroutine_mark")
}

/// What `asyncio.iscoroutinefunction` looks for.
pub(super) fn for_asyncio(py: Python<'_>) -> Py<PyAny> {
    mark(py, "asyncio.coroutines", "_is_coroutine")
}

/// `None`, which is no mark, where this version of Python has another way.
fn mark(py: Python<'_>, module: &str, name: &str) -> Py<PyAny> {
    let found = py.import(module).and_then(|module| module.getattr(name));
    found.map_or_else(|_| py.None(), Bound::unbind)
}
