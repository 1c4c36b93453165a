//! Header pairs of Python into responses, and what was wrong with them as exceptions.

use proto::Version;
use proto::h1::{Misuse, OutOfTurn, Response, ResponseDraft, Unsendable};
use pyo3::Borrowed;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::text::latin1_bytes;

/// Puts the header pairs of an application into a draft.
#[inline]
pub(crate) fn add(draft: &mut ResponseDraft, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(list) = headers.cast_exact::<PyList>() {
        for pair in list.iter() {
            field(draft, &pair)?;
        }
    } else {
        for pair in headers.try_iter()? {
            field(draft, &pair?)?;
        }
    }
    Ok(())
}

#[inline]
fn field(draft: &mut ResponseDraft, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(pair) = pair.cast_exact::<PyTuple>() {
        let mut items = pair.iter_borrowed();
        if let (Some(name), Some(value), None) = (items.next(), items.next(), items.next()) {
            return field_of(draft, name, value);
        }
    }
    field_of_other(draft, pair)
}

/// As by `for name, value in headers`: a list of two is a pair, too.
#[cold]
fn field_of_other(draft: &mut ResponseDraft, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    let items: Vec<_> = pair.try_iter()?.take(3).collect::<PyResult<_>>()?;
    let [name, value] = items.as_slice() else {
        return Err(PyTypeError::new_err(
            "a response header must be a pair of name and value",
        ));
    };
    field_of(draft, name.as_borrowed(), value.as_borrowed())
}

#[inline]
fn field_of(
    draft: &mut ResponseDraft,
    name: Borrowed<'_, '_, PyAny>,
    value: Borrowed<'_, '_, PyAny>,
) -> PyResult<()> {
    let name = latin1_bytes(&name, "a header name")?;
    draft
        .field(name, latin1_bytes(&value, "a header value")?)
        .map_err(misuse)
}

/// An interim response with header pairs of an application; nothing after the head, or for a peer
/// that does not know interim responses.
pub(crate) fn interim(
    response: &mut Response,
    version: Version,
    status: &str,
    headers: &Bound<'_, PyAny>,
) -> PyResult<Vec<u8>> {
    let mut bytes = Vec::new();
    if response.begun() || version == Version::Http10 {
        return Ok(bytes);
    }
    let pairs = pairs_of(headers)?;
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()));
    response
        .interim(version, status.as_bytes(), pairs, &mut bytes)
        .map_err(unsendable)?;
    Ok(bytes)
}

/// Header pairs of an application, as bytes.
pub(crate) fn pairs_of(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    for pair in headers.try_iter()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        pairs.push((
            text_or_bytes(&name, "a header name")?,
            text_or_bytes(&value, "a header value")?,
        ));
    }
    Ok(pairs)
}

/// gunicorn takes both here, whatever PEP 3333 says of header fields.
fn text_or_bytes(given: &Bound<'_, PyAny>, what: &'static str) -> PyResult<Vec<u8>> {
    match given.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) => latin1_bytes(&given.as_borrowed(), what).map(<[u8]>::to_vec),
    }
}

/// The exception for what an application did wrong.
#[cold]
pub(crate) fn misuse(misuse: Misuse) -> PyErr {
    PyValueError::new_err(misuse.message())
}

/// The exception for a part of a response at the wrong time.
pub(crate) fn out_of_turn(error: OutOfTurn) -> PyErr {
    PyRuntimeError::new_err(format!(
        "{:?} of a response in the state {:?}",
        error.command, error.state
    ))
}

/// The exception for a part of a response that was not sent.
pub(crate) fn unsendable(error: Unsendable) -> PyErr {
    match error {
        Unsendable::OutOfTurn(error) => out_of_turn(error),
        Unsendable::Misuse(error) => misuse(error),
    }
}
