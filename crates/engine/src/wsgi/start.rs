//! `start_response` and `wsgi.early_hints`: heads are checked and encoded when they are given.

use std::sync::Arc;

use proto::h1::{self, Misuse, Sending};
use pyo3::Borrowed;
use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::core::thread_number;
use crate::exchange::Exchange;
use crate::text::latin1_bytes;

/// `start_response`: checks and encodes status and headers, sends nothing.
#[inline]
pub(crate) fn start(
    exchange: &mut Exchange,
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
    exc_info: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let run = &mut exchange.run;
    let head_sent = run.sending != Sending::Head;
    let draft = &mut run.open()?.draft;
    match exc_info {
        Some(info) if !info.is_none() && head_sent => {
            return Err(PyErr::from_value(info.get_item(1)?));
        }
        Some(info) if !info.is_none() => {}
        _ if draft.started() => {
            return Err(PyAssertionError::new_err("Response headers already set!"));
        }
        _ => {}
    }
    // Starting anew forgets the headers of an earlier call: exc_info replaces them.
    let status_text = status.as_borrowed();
    draft
        .start(latin1_bytes(&status_text, "the status")?)
        .map_err(misuse)?;
    if let Err(error) = fields(draft, headers) {
        draft.clear();
        return Err(error);
    }
    run.status = Some(status.cast::<PyString>()?.clone().unbind());
    run.headers = Some(headers.clone().unbind());
    Ok(())
}

/// Puts the header pairs of an application into a draft.
#[inline]
pub(crate) fn fields(draft: &mut h1::ResponseDraft, headers: &Bound<'_, PyAny>) -> PyResult<()> {
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
fn field(draft: &mut h1::ResponseDraft, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(pair) = pair.cast_exact::<PyTuple>()
        && pair.len() == 2
    {
        let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
        return field_of(draft, name, value);
    }
    // As by `for name, value in headers`: a list of two is a pair, too.
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
    draft: &mut h1::ResponseDraft,
    name: Borrowed<'_, '_, PyAny>,
    value: Borrowed<'_, '_, PyAny>,
) -> PyResult<()> {
    let name = latin1_bytes(&name, "a header name")?;
    draft
        .field(name, latin1_bytes(&value, "a header value")?)
        .map_err(misuse)
}

/// The exception for what an application did wrong.
pub(crate) fn misuse(misuse: Misuse) -> PyErr {
    PyValueError::new_err(misuse.message())
}

/// `wsgi.early_hints`; silent where it would be of no use.
pub(crate) fn early_hints(exchange: &mut Exchange, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    let core = Arc::clone(&exchange.core);
    if exchange.run.sending != Sending::Head || exchange.run.socket.is_some() {
        return Ok(());
    }
    let net = exchange.run.open()?;
    if net.head.version() == proto::Version::Http10 {
        return Ok(());
    }
    let token = net.token;
    let bytes = interim("103 Early Hints", headers)?;
    if let Some(token) = token {
        core.looped.interim(thread_number(), token, &bytes);
    }
    Ok(())
}

/// An interim response with header pairs of an application.
pub(crate) fn interim(status: &str, headers: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for pair in headers.try_iter()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
        pairs.push((
            text_or_bytes(&name, "a header name")?,
            text_or_bytes(&value, "a header value")?,
        ));
    }
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()));
    let mut bytes = Vec::new();
    h1::interim(&mut bytes, status.as_bytes(), pairs).map_err(misuse)?;
    Ok(bytes)
}

/// gunicorn takes both here, whatever PEP 3333 says of header fields.
fn text_or_bytes(given: &Bound<'_, PyAny>, what: &'static str) -> PyResult<Vec<u8>> {
    match given.cast::<PyBytes>() {
        Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
        Err(_) => latin1_bytes(&given.as_borrowed(), what).map(<[u8]>::to_vec),
    }
}
