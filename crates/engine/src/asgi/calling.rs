//! Calls of `receive` and `send` without a tuple and a dict for their arguments (PEP 590): `PyO3` has no
//! such classes of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::PyClass;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::failure::panicked;

/// The function that an instance is called by.
pub(super) type Call = ffi::vectorcallfunc;

/// Has instances of a class called by the function whose address is in them; `place` says where. Their
/// `__call__` takes what has keywords.
pub(super) fn enable<T: PyClass>(instance: &Bound<'_, T>, place: *const Call) {
    let class = instance.as_any().get_type().as_type_ptr();
    let offset = (place as isize).wrapping_sub(instance.as_ptr() as isize);
    // SAFETY: a class of ours, which nothing has called yet; `place` is in the instance, and all
    // instances have one layout.
    unsafe {
        (*class).tp_vectorcall_offset = offset;
        (*class).tp_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
        ffi::PyType_Modified(class);
    }
}

/// What is called with `N` arguments.
pub(super) trait Callable<const N: usize>: PyClass {
    fn call<'py>(
        this: &Bound<'py, Self>,
        arguments: [Bound<'py, PyAny>; N],
    ) -> PyResult<Bound<'py, PyAny>>;
}

/// The [`Call`] of the instances of `T`.
///
/// # Safety
/// The interpreter calls it for an instance of `T`, in a thread with the interpreter lock.
pub(super) unsafe extern "C" fn called<T: Callable<N>, const N: usize>(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let called = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: as the caller has promised.
            let (object, count) = unsafe {
                let object = Bound::from_borrowed_ptr(py, object);
                (object, ffi::PyVectorcall_NARGS(count).unsigned_abs())
            };
            let at = |index: usize| {
                // SAFETY: `index` is below the number of arguments and of keywords together.
                unsafe { Bound::from_borrowed_ptr(py, *arguments.add(index)) }
            };
            if count == N && keywords.is_null() {
                // SAFETY: as the caller has promised.
                let object = unsafe { object.cast_unchecked::<T>() };
                return T::call(object, std::array::from_fn(at));
            }
            let positional = PyTuple::new(py, (0..count).map(at))?;
            let given = PyDict::new(py);
            // SAFETY: a tuple of names, or null.
            let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, keywords) };
            if let Some(names) = names {
                for (index, name) in names.cast::<PyTuple>()?.iter().enumerate() {
                    given.set_item(name, at(count + index))?;
                }
            }
            object.call_method("__call__", positional, Some(&given))
        }));
        match called.unwrap_or_else(|_| Err(panicked())) {
            Ok(result) => result.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}
