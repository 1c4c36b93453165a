//! `breakpoint()` in an application: a thread that waits at a prompt is not stuck.
//!
//! Compiled, so that it leaves no frame: a debugger stops in the frame that called `breakpoint()`.

use std::sync::Arc;

use net::scoreboard::Scoreboard;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A `sys.breakpointhook` that suspends `timeout` for its worker, and then calls the usual one.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct BreakpointHook {
    pub(crate) board: Arc<Scoreboard>,
    pub(crate) slot: usize,
    pub(crate) tell: Py<PyAny>,
    pub(crate) usual: Py<PyAny>,
}

#[pymethods]
impl BreakpointHook {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        self.board.hold(self.slot);
        self.tell.call0(py)?;
        self.usual.call(py, args, kwargs)
    }
}
