//! Entries of dicts that are copies of one template, and mostly still where the template has them.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// A key, and its index in the template.
pub(crate) struct Key {
    name: Py<PyString>,
    index: Option<ffi::Py_ssize_t>,
}

impl Key {
    pub(crate) fn new(name: &str, template: &Bound<'_, PyDict>) -> Self {
        let name = PyString::intern(template.py(), name);
        Self {
            index: index_of(&name, template),
            name: name.unbind(),
        }
    }

    /// The value that a dict has for this key.
    #[inline]
    pub(crate) fn of<'py>(&self, dict: &Bound<'py, PyDict>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: borrowed from the dict, which is alive and has not been changed since.
        unsafe { Bound::from_borrowed_ptr_or_opt(dict.py(), self.find(dict)) }
    }

    /// Whether that is this very object, or there is none, as said.
    #[inline]
    pub(crate) fn is<T>(&self, dict: &Bound<'_, PyDict>, value: Option<&Py<T>>) -> bool {
        std::ptr::eq(
            self.find(dict),
            value.map_or(std::ptr::null(), |value| value.as_ptr()),
        )
    }

    /// The value, or null. What stands at the key's index is looked at first, at half the price of
    /// a search: a copy has its entries in the order of the template, and one that was changed
    /// has another key there, or none.
    #[inline]
    fn find(&self, dict: &Bound<'_, PyDict>) -> *mut ffi::PyObject {
        if let Some(index) = self.index
            && let Some(entry) = entry_from(dict, index)
            && entry.key == self.name.as_ptr()
        {
            return entry.value;
        }
        // SAFETY: a dict and a str.
        let value = unsafe { ffi::PyDict_GetItemWithError(dict.as_ptr(), self.name.as_ptr()) };
        if value.is_null() {
            tell_failure(dict);
        }
        value
    }
}

/// A key of the application's own kind may have the hash of ours, and fail to be compared with it.
#[inline]
fn tell_failure(dict: &Bound<'_, PyDict>) {
    if PyErr::occurred(dict.py())
        && let Some(error) = PyErr::take(dict.py())
    {
        error.write_unraisable(dict.py(), Some(dict));
    }
}

/// An entry of a dict, its objects borrowed; and the index behind it.
struct Entry {
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    behind: ffi::Py_ssize_t,
}

/// The entry at an index, or the next one behind it.
#[inline]
fn entry_from(dict: &Bound<'_, PyDict>, mut index: ffi::Py_ssize_t) -> Option<Entry> {
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: a dict, and variables to write to. PyDict_Next compares the index with the number of
    // entries, so that one from another dict can at worst be that of another entry.
    let found =
        unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut index, &raw mut key, &raw mut value) };
    (found != 0).then_some(Entry {
        key,
        value,
        behind: index,
    })
}

fn index_of(name: &Bound<'_, PyString>, template: &Bound<'_, PyDict>) -> Option<ffi::Py_ssize_t> {
    let mut index = 0;
    while let Some(entry) = entry_from(template, index) {
        if entry.key == name.as_ptr() {
            return Some(entry.behind - 1);
        }
        index = entry.behind;
    }
    None
}
