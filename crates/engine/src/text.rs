//! Bytes of HTTP ↔ Python text, which is latin-1 on this border (PEP 3333).

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{Borrowed, ffi};

/// A new `str` of latin-1 bytes.
#[inline]
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    // SAFETY: the pointer is valid for the length, which is a slice's and so fits; the result is
    // a new reference to a str, or null with an exception set.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(
            bytes.as_ptr().cast(),
            bytes.len().cast_signed(),
            std::ptr::null(),
        );
        Bound::from_owned_ptr_or_err(py, text).map(|text| text.cast_into_unchecked())
    }
}

/// The latin-1 bytes of a `str`, without a copy.
///
/// # Errors
/// `TypeError` for other types and `ValueError` for text beyond latin-1, saying what `what` must be.
#[inline]
pub(crate) fn latin1_bytes<'a>(
    text: &'a Borrowed<'_, '_, PyAny>,
    what: &'static str,
) -> PyResult<&'a [u8]> {
    match latin1_data(text) {
        Some(bytes) => Ok(bytes),
        None => Err(not_latin1(*text, what)),
    }
}

/// The same; `None` for everything else.
#[inline]
fn latin1_data<'a>(text: &'a Borrowed<'_, '_, PyAny>) -> Option<&'a [u8]> {
    let pointer = text.cast::<PyString>().ok()?.as_ptr();
    // SAFETY: `pointer` is a str that the caller keeps alive for 'a; with one byte per character
    // its data is exactly `length` latin-1 bytes.
    unsafe {
        if ffi::PyUnicode_KIND(pointer) != ffi::PyUnicode_1BYTE_KIND {
            return None;
        }
        let length = ffi::PyUnicode_GET_LENGTH(pointer).unsigned_abs();
        Some(std::slice::from_raw_parts(
            ffi::PyUnicode_DATA(pointer).cast(),
            length,
        ))
    }
}

#[cold]
fn not_latin1(given: Borrowed<'_, '_, PyAny>, what: &str) -> PyErr {
    if given.is_instance_of::<PyString>() {
        return PyValueError::new_err(format!("{what} has characters beyond latin-1"));
    }
    match given.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("{what} must be a str, not {kind}")),
        Err(error) => error,
    }
}

/// Percent-decodes a path (RFC 3986 section 2.1); what is not `%XX` stays as it is.
pub(crate) fn percent_decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        if *first == b'%'
            && let [high, low, ..] = *tail
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            decoded.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The environ key of a header: `HTTP_` and the name in upper case with underscores.
pub(crate) fn environ_key(name: &[u8]) -> Vec<u8> {
    let mut key = b"HTTP_".to_vec();
    key.extend(name.iter().map(|&byte| {
        if byte == b'-' {
            b'_'
        } else {
            byte.to_ascii_uppercase()
        }
    }));
    key
}

/// Name and port of a Host: `name`, `name:port`, `[v6]`, `[v6]:port`.
pub(crate) fn split_host(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    let bracket = host
        .iter()
        .rposition(|&byte| byte == b']')
        .map_or(0, |at| at + 1);
    match host[bracket..].iter().position(|&byte| byte == b':') {
        Some(colon) => (&host[..bracket + colon], Some(&host[bracket + colon + 1..])),
        None => (host, None),
    }
}
