//! Python `bytes` that the reactor writes from, long after the application has returned. They are
//! released under the interpreter lock, which the reactor does not have: it puts them aside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use net::output::Shared;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Objects to be released by the next thread that has the interpreter lock.
static RELEASED: Mutex<Vec<Py<PyBytes>>> = Mutex::new(Vec::new());
/// There are some; looked at for each request.
static SOME_RELEASED: AtomicBool = AtomicBool::new(false);

/// The bytes of a response body, kept where they are.
pub(crate) struct SharedBytes {
    /// Taken only by `drop`.
    owner: Option<Py<PyBytes>>,
    start: *const u8,
    length: usize,
}

// SAFETY: the bytes are immutable and `owner` keeps them alive; it is never used without the lock.
unsafe impl Send for SharedBytes {}

impl SharedBytes {
    pub(crate) fn new(bytes: &Bound<'_, PyBytes>) -> Self {
        let slice = bytes.as_bytes();
        Self {
            start: slice.as_ptr(),
            length: slice.len(),
            owner: Some(bytes.clone().unbind()),
        }
    }
}

impl Shared for SharedBytes {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the object is immutable and alive as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for SharedBytes {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            RELEASED
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(owner);
            SOME_RELEASED.store(true, Ordering::Release);
        }
    }
}

/// Releases what the reactor has put aside.
#[inline]
pub(crate) fn release(_py: Python<'_>) {
    if SOME_RELEASED.load(Ordering::Acquire) {
        release_some();
    }
}

#[cold]
fn release_some() {
    // Before they are taken: one that is put aside meanwhile is seen the next time.
    SOME_RELEASED.store(false, Ordering::Relaxed);
    let released = std::mem::take(&mut *RELEASED.lock().unwrap_or_else(PoisonError::into_inner));
    // Dropped here, under the interpreter lock and outside of the mutex.
    drop(released);
}

/// Bytes, or what has them (`bytearray`, `memoryview`).
pub(crate) fn bytes_of<'py>(
    given: Bound<'py, PyAny>,
    what: &'static str,
) -> PyResult<Bound<'py, PyBytes>> {
    let given = match given.cast_into::<PyBytes>() {
        Ok(bytes) => return Ok(bytes),
        Err(other) => other.into_inner(),
    };
    let py = given.py();
    // SAFETY: a live object; the result is a new reference, or null with an exception.
    unsafe {
        if ffi::PyObject_CheckBuffer(given.as_ptr()) == 0 {
            let kind = given.get_type();
            let kind = kind.name()?;
            return Err(PyTypeError::new_err(format!(
                "{what} must be bytes, not {kind}"
            )));
        }
        let bytes = ffi::PyBytes_FromObject(given.as_ptr());
        Bound::from_owned_ptr_or_err(py, bytes).map(|bytes| bytes.cast_into_unchecked())
    }
}
