//! Heads of responses as ASGI gives them: a number, and pairs of bytes.

use proto::h1::ResponseDraft;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::event::{flag, pair_of};
use super::shared::Shared;
use crate::exchange::Exchange;
use crate::fields::misuse;
use crate::text::latin1_bytes;

/// `http.response.start`: checks status and headers, and gives them to the draft; sends nothing.
/// True: trailers are to come.
pub(crate) fn start(
    shared: &Shared,
    exchange: &Bound<'_, Exchange>,
    event: &Bound<'_, PyDict>,
) -> PyResult<bool> {
    let py = event.py();
    let Some(status) = event.get_item(intern!(py, "status"))? else {
        return Err(PyValueError::new_err(
            "the start of a response has no \"status\"",
        ));
    };
    let status: u16 = status
        .extract()
        .map_err(|_| PyTypeError::new_err(format!("\"status\" is no status code: {status:?}")))?;
    let line = shared.status(py, status);
    let headers = event.get_item(intern!(py, "headers"))?;
    // Mostly there is nothing else beside the type, and nothing has to be looked for.
    let others = event.len() > 2 + usize::from(headers.is_some());
    let trailers = others && flag(event, intern!(py, "trailers"))?;
    let mut this = exchange.try_borrow_mut()?;
    let run = &mut this.run;
    let draft = &mut run.open()?.response.draft;
    let text = line.bind(py).as_any().as_borrowed();
    draft
        .start(latin1_bytes(&text, "the status")?)
        .map_err(misuse)?;
    if trailers {
        draft.expect_trailers();
    }
    if let Some(headers) = &headers
        && let Err(error) = add(draft, headers)
    {
        draft.clear();
        return Err(error);
    }
    run.status = Some(line);
    run.headers = headers.map(Bound::unbind);
    Ok(trailers)
}

/// Puts pairs of bytes into a draft.
#[inline]
fn add(draft: &mut ResponseDraft, headers: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(list) = headers.cast_exact::<PyList>() {
        for pair in list.iter() {
            add_pair(draft, &pair)?;
        }
        return Ok(());
    }
    for pair in headers.try_iter()? {
        add_pair(draft, &pair?)?;
    }
    Ok(())
}

#[inline]
fn add_pair(draft: &mut ResponseDraft, pair: &Bound<'_, PyAny>) -> PyResult<()> {
    let (name, value) = pair_of(pair)?;
    draft
        .field(name.as_bytes(), value.as_bytes())
        .map_err(misuse)
}
