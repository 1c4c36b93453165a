//! `start_response` and `wsgi.early_hints`: heads are checked when they are given.

use pyo3::exceptions::{PyAssertionError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::core::thread_number;
use crate::exchange::Exchange;
use crate::fields::{self, misuse};
use crate::text::latin1_bytes;

/// `start_response` of PEP 3333; answers `write()`.
pub(crate) fn start_response(
    py: Python<'_>,
    exchange: &mut Exchange,
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
    exc_info: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    start(exchange, status, headers, exc_info)?;
    match &exchange.bundle {
        Some(bundle) => Ok(bundle.write.clone_ref(py)),
        None => Err(PyRuntimeError::new_err(
            "the response of this request is complete",
        )),
    }
}

/// Checks status and headers, and gives them to the draft; sends nothing.
#[inline]
fn start(
    exchange: &mut Exchange,
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
    exc_info: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let run = &mut exchange.run;
    let response = &mut run.open()?.response;
    let head_sent = response.begun();
    let draft = &mut response.draft;
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
    if let Err(error) = fields::add(draft, headers) {
        draft.clear();
        return Err(error);
    }
    run.status = Some(status.cast::<PyString>()?.clone().unbind());
    run.headers = Some(headers.clone().unbind());
    Ok(())
}

/// `wsgi.early_hints`; silent where it would be of no use.
pub(crate) fn early_hints(exchange: &mut Exchange, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    let run = &mut exchange.run;
    let Some(net) = &mut run.net else {
        return Ok(());
    };
    if run.socket.is_some() {
        return Ok(());
    }
    let version = net.head.version();
    let bytes = fields::interim(&mut net.response, version, "103 Early Hints", headers)?;
    if let Some(key) = net.key
        && !bytes.is_empty()
    {
        exchange.core.reactor.interim(thread_number(), key, &bytes);
    }
    Ok(())
}
