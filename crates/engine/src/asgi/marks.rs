//! Marks by which `receive` and `send` are known as coroutine functions, as `async def` ones are:
//! frameworks choose by it how they call them.

use pyo3::prelude::*;

/// What `inspect.iscoroutinefunction` looks for from Python 3.12 on; 3.12 has another name for it.
pub(super) fn for_inspect(py: Python<'_>) -> Py<PyAny> {
    mark(
        py,
        "inspect",
        &["_is_coroutine_mark", "_is_coroutine_marker"],
    )
}

/// What `asyncio.iscoroutinefunction` looks for.
pub(super) fn for_asyncio(py: Python<'_>) -> Py<PyAny> {
    mark(py, "asyncio.coroutines", &["_is_coroutine"])
}

/// `None`, which is no mark, where this version of Python has another way.
fn mark(py: Python<'_>, module: &str, names: &[&str]) -> Py<PyAny> {
    let found = py.import(module).ok().and_then(|module| {
        let mut found = names.iter().map(|name| module.getattr(*name));
        found.find_map(Result::ok)
    });
    found.map_or_else(|| py.None(), Bound::unbind)
}
