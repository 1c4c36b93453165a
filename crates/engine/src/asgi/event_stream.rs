//! Streams of events (HTML, section 9.2): responses that have no end of their own.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::exchange::Exchange;

/// Whether the response that has begun is one.
pub(super) fn is_event_stream(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    let py = exchange.py();
    let this = exchange.try_borrow()?;
    let headers = this
        .run
        .headers
        .as_ref()
        .map(|headers| headers.bind(py).clone());
    drop(this);
    // Headers that were an iterator have been read, and say nothing any more.
    let Some(Ok(headers)) = headers.map(Bound::cast_into::<PyList>) else {
        return Ok(false);
    };
    for pair in headers.iter() {
        let Ok((name, value)) = pair.extract::<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)>() else {
            continue;
        };
        let events = value.as_bytes().starts_with(b"text/event-stream");
        if events && name.as_bytes().eq_ignore_ascii_case(b"content-type") {
            return Ok(true);
        }
    }
    Ok(false)
}
