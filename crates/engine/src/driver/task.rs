//! The task of a relay, and whether its requests have left anything on it.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::exchange::references;

/// A function of one object.
struct Function {
    of: Py<PyAny>,
    /// It is one of C, which is called without what a call needs that Python code might see.
    direct: Option<Direct>,
}

#[derive(Clone, Copy)]
enum Direct {
    /// A method without arguments.
    Method(ffi::PyCFunction),
    /// A function of a module, with one.
    Function(ffi::PyCFunction),
}

impl Function {
    fn new(of: &Bound<'_, PyAny>) -> Self {
        let object = of.as_ptr();
        // SAFETY: a live object, whose class says what it is; its flags say how its function is called.
        let direct = unsafe {
            if ffi::Py_TYPE(object) == &raw mut ffi::PyMethodDescr_Type {
                let method = (*object.cast::<ffi::PyMethodDescrObject>()).d_method;
                let called = (*method).ml_meth.PyCFunction;
                ((*method).ml_flags == ffi::METH_NOARGS).then_some(Direct::Method(called))
            } else if ffi::PyCFunction_CheckExact(object) != 0
                && ffi::PyCFunction_GetFlags(object) == ffi::METH_O
            {
                ffi::PyCFunction_GetFunction(object).map(Direct::Function)
            } else {
                None
            }
        };
        Self {
            of: of.clone().unbind(),
            direct,
        }
    }

    /// Of an object of the class whose method it is, if it is one.
    #[inline]
    fn call<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = object.py();
        // SAFETY: live objects; the result is a new reference or null.
        unsafe {
            let result = match self.direct {
                Some(Direct::Method(method)) => method(object.as_ptr(), std::ptr::null_mut()),
                Some(Direct::Function(function)) => {
                    function(ffi::PyCFunction_GetSelf(self.of.as_ptr()), object.as_ptr())
                }
                None => return self.of.bind(py).call1((object,)),
            };
            Bound::from_owned_ptr_or_err(py, result)
        }
    }
}

/// What relays need of asyncio, looked up once.
pub(super) struct Asyncio {
    task: Py<PyType>,
    /// Of tasks: `get_name`, and the attributes `_callbacks` and `_must_cancel`.
    get_name: Function,
    callbacks: Option<Py<PyAny>>,
    must_cancel: Option<Py<PyAny>>,
    current_task: Py<PyAny>,
    is_coroutine: Py<PyAny>,
    weak_references: Function,
    /// `("context",)`, the keywords of `add_done_callback`.
    keywords: Py<PyTuple>,
}

impl Asyncio {
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let asyncio = py.import(intern!(py, "asyncio"))?;
        let weakref = py.import(intern!(py, "weakref"))?;
        let of = |object: &Bound<'_, PyAny>, name| object.getattr(name).map(Bound::unbind);
        let task = asyncio
            .getattr(intern!(py, "Task"))?
            .cast_into::<PyType>()?;
        let attribute = |name| task.getattr_opt(name).map(|found| found.map(Bound::unbind));
        Ok(Self {
            get_name: Function::new(&task.getattr(intern!(py, "get_name"))?),
            callbacks: attribute(intern!(py, "_callbacks"))?,
            must_cancel: attribute(intern!(py, "_must_cancel"))?,
            task: task.clone().unbind(),
            current_task: of(&asyncio, intern!(py, "current_task"))?,
            is_coroutine: of(&asyncio, intern!(py, "iscoroutine"))?,
            weak_references: Function::new(&weakref.getattr(intern!(py, "getweakrefcount"))?),
            keywords: PyTuple::new(py, [intern!(py, "context")])?.unbind(),
        })
    }

    /// The keywords of `add_done_callback`.
    pub(super) fn keywords<'py>(&self, py: Python<'py>) -> &Bound<'py, PyTuple> {
        self.keywords.bind(py)
    }

    /// What the application has returned is a coroutine, as tasks demand.
    pub(super) fn check_coroutine(&self, given: &Bound<'_, PyAny>) -> PyResult<()> {
        // SAFETY: a live object.
        if unsafe { ffi::PyCoro_CheckExact(given.as_ptr()) } != 0
            || self
                .is_coroutine
                .bind(given.py())
                .call1((given,))?
                .is_truthy()?
        {
            return Ok(());
        }
        Err(PyTypeError::new_err(format!(
            "a coroutine was expected, got {}",
            given.repr()?
        )))
    }
}

/// The task, and how it was before its first request.
pub(super) struct LentTask<'py> {
    task: Bound<'py, PyAny>,
    name: Bound<'py, PyAny>,
    /// Its attributes, if it can have any.
    attributes: Option<Bound<'py, PyDict>>,
    references: isize,
    /// The number as Python has it: small ones are each one object.
    weak_references: Bound<'py, PyAny>,
}

impl<'py> LentTask<'py> {
    /// The one that runs.
    pub(super) fn now(asyncio: &Asyncio, py: Python<'py>) -> PyResult<Self> {
        let task = asyncio.current_task.bind(py).call0()?;
        let name = asyncio.get_name.of.bind(py).call1((&task,))?;
        let weak_references = asyncio.weak_references.call(&task)?;
        // SAFETY: a live object; the result is a new reference or null.
        let attributes = unsafe {
            let found = ffi::PyObject_GenericGetDict(task.as_ptr(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_opt(py, found)
        };
        if attributes.is_none() {
            drop(PyErr::take(py));
        }
        let attributes = attributes.map(Bound::cast_into).transpose()?;
        Ok(Self {
            references: references(&task),
            task,
            name,
            attributes,
            weak_references,
        })
    }

    /// Whether nothing is left on it of the requests that it has had.
    pub(super) fn is_untouched(&self, asyncio: &Asyncio) -> PyResult<bool> {
        let (py, task) = (self.task.py(), &self.task);
        let (Some(callbacks), Some(must_cancel)) = (&asyncio.callbacks, &asyncio.must_cancel)
        else {
            // Tasks of Python code, by a tool that has put them in the place of asyncio's.
            return Ok(false);
        };
        Ok(references(&self.task) == self.references
            && task.get_type().is(&asyncio.task)
            && self.attributes.as_ref().is_none_or(PyDictMethods::is_empty)
            && asyncio
                .weak_references
                .call(task)?
                .is(&self.weak_references)
            && attribute(task, callbacks.bind(py))?.is_none()
            && !attribute(task, must_cancel.bind(py))?.is_truthy()?
            && asyncio.get_name.call(task)?.is(&self.name))
    }
}

/// An attribute of an object, by its descriptor in the class: what looks it up by name takes longer.
fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    descriptor: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, class) = (object.py(), object.get_type());
    // SAFETY: live objects; the slot is null or a function that returns a new reference or null.
    unsafe {
        let get = (*ffi::Py_TYPE(descriptor.as_ptr())).tp_descr_get;
        match get {
            Some(get) => {
                let found = get(descriptor.as_ptr(), object.as_ptr(), class.as_ptr());
                Bound::from_owned_ptr_or_err(py, found)
            }
            None => Ok(descriptor.clone()),
        }
    }
}
