//! `await` of what `receive()` and `send()` return, without the ways of Python code into Rust and out of
//! it, and mostly without the exception by which an iterator ends: all that takes as long as an event.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::PyClass;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::False;
use pyo3::types::PyDict;

use crate::failure::panicked;

/// What a step of a coroutine has come to.
pub(crate) enum Step {
    /// It waits for this.
    Waits(Py<PyAny>),
    /// It has returned this.
    Ended(Py<PyAny>),
}

impl Step {
    /// As a method of an iterator says it.
    pub(crate) fn into_item(self) -> PyResult<Py<PyAny>> {
        match self {
            Self::Waits(waits) => Ok(waits),
            Self::Ended(value) => Err(PyStopIteration::new_err((value,))),
        }
    }
}

/// An iterator of its own, by its steps.
pub(super) trait Awaitable: PyClass<Frozen = False> {
    fn step(&mut self, py: Python<'_>) -> PyResult<Step>;
}

/// Has `await` call these for instances of `T`, which stands for its own iterator.
pub(super) fn put<T: PyClass>(py: Python<'_>, next: ffi::iternextfunc, send: ffi::sendfunc) {
    let class = py.get_type::<T>().as_type_ptr();
    // SAFETY: a class of ours, made of a specification with `__await__` and `__next__`: its tables are
    // its own, and no other thread looks at them. What takes the places keeps to their protocols.
    unsafe {
        if let Some(methods) = (*class).tp_as_async.as_mut() {
            methods.am_await = Some(ffi::PyObject_SelfIter);
            methods.am_send = Some(send);
        }
        (*class).tp_iter = Some(ffi::PyObject_SelfIter);
        (*class).tp_iternext = Some(next);
        ffi::PyType_Modified(class);
    }
}

/// The same with its steps.
pub(super) fn enable<T: Awaitable>(py: Python<'_>) {
    put::<T>(py, next::<T>, send::<T>);
}

/// # Safety
/// `object` is an instance of `T`.
unsafe fn step<T: Awaitable>(py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<Step> {
    let stepped = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as the caller has promised.
        let object = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<T>() };
        object.try_borrow_mut()?.step(py)
    }));
    stepped.unwrap_or_else(|_| Err(panicked()))
}

/// `tp_iternext`.
///
/// # Safety
/// The interpreter calls it for an instance of `T`, in a thread with the interpreter lock.
unsafe extern "C" fn next<T: Awaitable>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    Python::attach(|py| {
        // SAFETY: as the caller has promised.
        match unsafe { step::<T>(py, object) } {
            Ok(Step::Waits(waits)) => return waits.into_ptr(),
            // Up to Python 3.11 the exception is not made before it is looked at.
            Ok(Step::Ended(event)) if event.bind(py).is_exact_instance_of::<PyDict>() => {
                // SAFETY: live objects.
                unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, event.as_ptr()) };
            }
            Ok(Step::Ended(value)) => PyStopIteration::new_err((value,)).restore(py),
            Err(error) => error.restore(py),
        }
        std::ptr::null_mut()
    })
}

/// `am_send`. What is sent says nothing.
///
/// # Safety
/// The interpreter calls it for an instance of `T`, in a thread with the interpreter lock, with a place
/// for the result.
unsafe extern "C" fn send<T: Awaitable>(
    object: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    Python::attach(|py| {
        // SAFETY: as the caller has promised.
        let (given, kind) = match unsafe { step::<T>(py, object) } {
            Ok(Step::Waits(waits)) => (waits.into_ptr(), ffi::PySendResult::PYGEN_NEXT),
            Ok(Step::Ended(value)) => (value.into_ptr(), ffi::PySendResult::PYGEN_RETURN),
            Err(error) => {
                error.restore(py);
                (std::ptr::null_mut(), ffi::PySendResult::PYGEN_ERROR)
            }
        };
        // SAFETY: as the caller has promised.
        unsafe { *result = given };
        kind
    })
}
