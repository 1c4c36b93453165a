//! A scope that an application has left as it was made, and that nothing refers to any more: the next
//! request with the same head is given it, too. To make its dicts and its list, and to release them,
//! would take a fifth of the instructions of a small request.
//!
//! Whether a dict was changed is told by its version, which changes with each change of it and is never
//! that of another one (PEP 509). Python 3.14 has none: there each request has new ones.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::options::Options;
use crate::exchange::references;

/// The first fields of a dict, up to Python 3.13.
#[repr(C)]
struct Fields {
    base: ffi::PyObject,
    used: ffi::Py_ssize_t,
    version: u64,
}

fn version(dict: &Bound<'_, PyDict>) -> u64 {
    // SAFETY: a live dict of a Python that has versions, as `Made::of` has seen.
    unsafe { (*dict.as_ptr().cast::<Fields>()).version }
}

/// A dict, and its version when it was made.
struct Versioned {
    dict: Py<PyDict>,
    version: u64,
}

impl Versioned {
    fn of(dict: &Bound<'_, PyDict>) -> Self {
        Self {
            dict: dict.clone().unbind(),
            version: version(dict),
        }
    }

    /// Whether it has not changed, and so many references to it are left.
    #[inline]
    fn is_left(&self, py: Python<'_>, count: isize) -> bool {
        let dict = self.dict.bind(py);
        references(dict) == count && version(dict) == self.version
    }
}

/// A scope as it was made.
pub(crate) struct Made {
    scope: Versioned,
    /// Its fields, and what they are a copy of.
    fields: (Py<PyList>, Py<PyList>),
    /// Its other parts that no other request has.
    own: [Option<Versioned>; 3],
    /// The version of the state that one of them is a copy of.
    state: Option<u64>,
}

/// Dicts and a list that a scope has for itself.
pub(super) struct Own<'a, 'py> {
    pub(super) fields: &'a Bound<'py, PyList>,
    pub(super) versions: &'a Bound<'py, PyDict>,
    pub(super) extensions: &'a Bound<'py, PyDict>,
    pub(super) state: Option<&'a Bound<'py, PyDict>>,
}

impl Made {
    /// Of a scope that is complete, and whose fields are a copy of `pairs`; `None`: there are no
    /// versions.
    pub(super) fn of(
        options: &Options,
        scope: &Bound<'_, PyDict>,
        own: &Own<'_, '_>,
        pairs: &Py<PyList>,
    ) -> Option<Box<Self>> {
        let py = scope.py();
        let made = || Self {
            scope: Versioned::of(scope),
            fields: (own.fields.clone().unbind(), pairs.clone_ref(py)),
            own: [Some(own.versions), Some(own.extensions), own.state]
                .map(|own| own.map(Versioned::of)),
            state: state_of(py, options),
        };
        (py.version_info() < (3, 14)).then(|| Box::new(made()))
    }

    /// Whether it is as it was made, and nothing else refers to any part of it.
    pub(super) fn is_left(&self, py: Python<'_>) -> bool {
        /// References to a part: of the scope and of this.
        const PART: isize = 2;
        let (fields, pairs) = (self.fields.0.bind(py), self.fields.1.bind(py));
        self.scope.is_left(py, 1)
            && self.own.iter().flatten().all(|own| own.is_left(py, PART))
            && references(fields) == PART
            && fields.len() == pairs.len()
            && fields
                .iter()
                .zip(pairs)
                .all(|(field, pair)| field.is(&pair))
    }

    /// Whether a request would be given the same now, with these pairs.
    pub(super) fn is_current(&self, py: Python<'_>, options: &Options, pairs: &Py<PyList>) -> bool {
        self.fields.1.is(pairs) && self.state == state_of(py, options)
    }

    pub(super) fn scope<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.scope.dict.bind(py)
    }

    /// The scope was changed for another request.
    pub(super) fn renew(&mut self, py: Python<'_>) {
        self.scope.version = version(self.scope(py));
    }
}

fn state_of(py: Python<'_>, options: &Options) -> Option<u64> {
    options.state.as_ref().map(|state| version(state.bind(py)))
}
