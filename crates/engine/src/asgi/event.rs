//! What events of an application have in common: flags, blocks of bodies, header fields.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::shared::bytes_of;

/// Name and value of a header field.
pub(super) type Pair<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// A key that is false where it is missing.
pub(super) fn flag(event: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    match event.get_item(name)? {
        Some(value) => value.is_truthy(),
        None => Ok(false),
    }
}

/// Its `body`, which `what` names in messages, empty where it is missing; and whether more is to come.
pub(super) fn part<'py>(
    event: &Bound<'py, PyDict>,
    what: &'static str,
) -> PyResult<(Bound<'py, PyBytes>, bool)> {
    let py = event.py();
    let body = event.get_item(intern!(py, "body"))?;
    // Mostly there is nothing else beside the type, and nothing has to be looked for.
    let others = event.len() > 1 + usize::from(body.is_some());
    let more = others && flag(event, intern!(py, "more_body"))?;
    let block = match body {
        Some(body) => bytes_of(body, what)?,
        None => PyBytes::new(py, b""),
    };
    Ok((block, more))
}

/// Its `headers`.
pub(super) fn headers<'py>(event: &Bound<'py, PyDict>) -> PyResult<Vec<Pair<'py>>> {
    match event.get_item(intern!(event.py(), "headers"))? {
        Some(given) => given.try_iter()?.map(|pair| pair_of(&pair?)).collect(),
        None => Ok(Vec::new()),
    }
}

/// Name and value of one of them.
pub(super) fn pair_of<'py>(pair: &Bound<'py, PyAny>) -> PyResult<Pair<'py>> {
    if let Ok(pair) = pair.cast::<PyTuple>()
        && pair.len() == 2
    {
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        return pair_of_items(name, value);
    }
    let not_a_pair = || PyTypeError::new_err("a response header must be a pair of name and value");
    if pair.len().map_err(|_| not_a_pair())? != 2 {
        return Err(not_a_pair());
    }
    pair_of_items(pair.get_item(0)?, pair.get_item(1)?)
}

#[inline]
fn pair_of_items<'py>(name: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> PyResult<Pair<'py>> {
    Ok((
        bytes_of(name, "a header name")?,
        bytes_of(value, "a header value")?,
    ))
}
