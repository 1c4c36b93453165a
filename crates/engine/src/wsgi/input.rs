//! `wsgi.input`: a body that is complete, read like a file and never past its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use net::body::Body;
use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};

/// Bytes looked at at once in search of a line's end.
const BLOCK: usize = 8192;

/// The request body of `wsgi.input`.
#[pyclass(frozen, module = "licorne._engine")]
pub(crate) struct Input {
    state: Mutex<State>,
}

struct State {
    body: Body,
    position: u64,
}

impl Input {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            state: Mutex::new(State { body, position: 0 }),
        }
    }

    /// The input that every request without a body gets: it has no state worth an object of its own.
    pub(crate) fn empty(py: Python<'_>) -> PyResult<Py<Self>> {
        Py::new(py, Self::new(Body::Empty))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Input {
    /// At most `size` bytes; all that is left without a size, `b""` at the end.
    #[pyo3(signature = (size=None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let mut state = self.state();
        let count = state.available(size);
        state.take(py, count)
    }

    /// The next line with its end, at most `size` bytes of it.
    #[pyo3(signature = (size=None))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        let mut state = self.state();
        let count = state.line(size)?;
        state.take(py, count)
    }

    /// The lines that are left; with a size, no further line once that many bytes are read.
    #[pyo3(signature = (size=None))]
    fn readlines<'py>(
        &self,
        py: Python<'py>,
        size: Option<i64>,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let mut state = self.state();
        let enough = size
            .filter(|&size| size > 0)
            .map_or(u64::MAX, i64::unsigned_abs);
        let end = state.position.saturating_add(enough);
        let mut lines = Vec::new();
        while state.position < end {
            let count = state.line(None)?;
            if count == 0 {
                break;
            }
            lines.push(state.take(py, count)?);
        }
        Ok(lines)
    }

    /// The same as `read`, by the name that raw streams have for it.
    fn readall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.read(py, None)
    }

    /// The same as `read`, by the name that buffered streams have for a single read.
    #[pyo3(signature = (size=None))]
    fn read1<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyBytes>> {
        self.read(py, size)
    }

    /// Fills a writable buffer as far as the body goes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let bytes = PyMemoryView::from(buffer)?.call_method1(intern!(py, "cast"), ("B",))?;
        let length = bytes.len()?;
        let read = self.read(py, Some(i64::try_from(length).unwrap_or(i64::MAX)))?;
        let count = read.as_bytes().len();
        bytes.set_item(PySlice::new(py, 0, count.cast_signed(), 1), read)?;
        Ok(count)
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn readable(&self) -> bool {
        true
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn writable(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn seekable(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn isatty(&self) -> bool {
        false
    }

    /// Never: `io` wrappers close what they wrap when they go, and the next one may want to read.
    #[getter]
    #[expect(clippy::unused_self, reason = "an attribute of Python")]
    fn closed(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn flush(&self) {}

    /// There is nothing to close: the body goes with the request.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn close(&self) {}

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }
}

impl State {
    /// How much of `size` there is.
    fn available(&self, size: Option<i64>) -> usize {
        let left = self.body.len().saturating_sub(self.position);
        let wanted = size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(u64::MAX);
        usize::try_from(left.min(wanted)).unwrap_or(usize::MAX)
    }

    fn take<'py>(&mut self, py: Python<'py>, count: usize) -> PyResult<Bound<'py, PyBytes>> {
        if count == 0 {
            return Ok(PyBytes::new(py, b""));
        }
        let bytes = PyBytes::new_with(py, count, |room| {
            let read = self.body.read_at(room, self.position)?;
            if read == room.len() {
                Ok(())
            } else {
                Err(PyOSError::new_err(
                    "the spooled request body has become shorter",
                ))
            }
        })?;
        self.position += count as u64;
        Ok(bytes)
    }

    /// Length of the next line with its end, at most `size`.
    fn line(&self, size: Option<i64>) -> PyResult<usize> {
        let available = self.available(size);
        let mut block = [0; BLOCK];
        let mut seen = 0;
        while seen < available {
            let room = &mut block[..BLOCK.min(available - seen)];
            let read = self.body.read_at(room, self.position + seen as u64)?;
            if let Some(end) = room[..read].iter().position(|&byte| byte == b'\n') {
                return Ok(seen + end + 1);
            }
            if read == 0 {
                break;
            }
            seen += read;
        }
        Ok(seen)
    }
}
