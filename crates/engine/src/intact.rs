//! Whether loggers and their parts are as licorne has set them up: their dicts are compared with what
//! they had then, entry by entry.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::lookup::Key;

/// The methods of the logger that make access lines, and what they use.
pub(crate) struct MethodSnapshot {
    class: Py<PyDict>,
    as_made: Vec<(Key, Py<PyAny>)>,
    own: Py<PyDict>,
    /// Attributes of the logger itself that are to be these very objects.
    same: Vec<(Key, Py<PyAny>)>,
    /// Attributes that it may not have itself.
    absent: Vec<Key>,
    /// How many it had when none of those was among them.
    entries: AtomicUsize,
}

/// What a logger or a handler of the standard library says of itself, and where in its dict.
pub(crate) struct Snapshot {
    dict: Py<PyDict>,
    /// Attributes that are to be these very objects.
    same: [(Key, Py<PyAny>); 2],
    /// Attributes that are to be false.
    off: Vec<Key>,
    filters: Py<PyList>,
}

impl MethodSnapshot {
    /// `object` names the logger, what its class has (`as_made`) and what it has itself (`same`).
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let log = object.getattr(intern!(py, "log"))?;
        let class = dict_of_class(&log)?;
        let own: Bound<'_, PyDict> = log.getattr(intern!(py, "__dict__"))?.extract()?;
        let as_made: Bound<'_, PyDict> = object.getattr(intern!(py, "as_made"))?.extract()?;
        let same: Bound<'_, PyDict> = object.getattr(intern!(py, "same"))?.extract()?;
        let absent = as_made.keys().iter().map(|name| name.extract::<String>());
        Ok(Self {
            absent: absent
                .map(|name| Ok(Key::new(&name?, &own)))
                .collect::<PyResult<_>>()?,
            as_made: entries(&as_made, &class)?,
            same: entries(&same, &own)?,
            class: class.unbind(),
            own: own.unbind(),
            entries: AtomicUsize::new(usize::MAX),
        })
    }

    /// An attribute of its own hides that of its class; it is looked for only when there are more
    /// or fewer of them than before.
    #[inline]
    pub(crate) fn untouched(&self, py: Python<'_>) -> bool {
        let (class, own) = (self.class.bind(py), self.own.bind(py));
        let all_are = |pairs: &[(Key, Py<PyAny>)], dict| {
            pairs.iter().all(|(key, value)| key.is(dict, Some(value)))
        };
        if !all_are(&self.as_made, class) || !all_are(&self.same, own) {
            return false;
        }
        if own.len() == self.entries.load(Ordering::Relaxed) {
            return true;
        }
        if !self.absent.iter().all(|key| key.is::<PyAny>(own, None)) {
            return false;
        }
        self.entries.store(own.len(), Ordering::Relaxed);
        true
    }
}

/// The names and values of `given`, with the places of the names in `dict`.
fn entries(given: &Bound<'_, PyDict>, dict: &Bound<'_, PyDict>) -> PyResult<Vec<(Key, Py<PyAny>)>> {
    let pair = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        Ok((Key::new(&name.extract::<String>()?, dict), value.unbind()))
    };
    given.iter().map(pair).collect()
}

/// The dict behind the read-only `__dict__` of an object's class.
fn dict_of_class<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let class = object.get_type();
    // SAFETY: a class made by a `class` statement has its dict for as long as it lives, and the
    // interpreter lock is held; null would become an error.
    let dict = unsafe {
        let dict = (*class.as_type_ptr()).tp_dict;
        Bound::from_borrowed_ptr_or_err(object.py(), dict)?
    };
    Ok(dict.cast_into()?)
}

impl Snapshot {
    /// `same` is an attribute and what it is to be.
    pub(crate) fn new(
        of: &Bound<'_, PyAny>,
        (name, same): (&str, Bound<'_, PyAny>),
        off: &[&str],
    ) -> PyResult<Self> {
        let py = of.py();
        let dict: Bound<'_, PyDict> = of.getattr(intern!(py, "__dict__"))?.extract()?;
        let filters = of.getattr(intern!(py, "filters"))?;
        Ok(Self {
            same: [
                (Key::new(name, &dict), same.unbind()),
                (Key::new("filters", &dict), filters.clone().unbind()),
            ],
            off: off.iter().map(|name| Key::new(name, &dict)).collect(),
            filters: filters.extract()?,
            dict: dict.unbind(),
        })
    }

    #[inline]
    pub(crate) fn untouched(&self, py: Python<'_>) -> PyResult<bool> {
        let dict = self.dict.bind(py);
        if !self.filters.bind(py).is_empty()
            || !self
                .same
                .iter()
                .all(|(key, value)| key.is(dict, Some(value)))
        {
            return Ok(false);
        }
        for key in &self.off {
            if let Some(value) = key.of(dict)
                && value.is_truthy()?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
