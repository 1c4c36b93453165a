//! The iterable that a WSGI application returns, block by block (PEP 3333).

use std::sync::Arc;

use net::baton::Room;
use pyo3::exceptions::{PyBrokenPipeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList, PyTuple};

use super::file;
use crate::exchange::{Exchange, Paused};
use crate::pieces::close;
use crate::response::{cut_off, end, push, send_file, stream, wait_if_full, whole};

/// Sends the body that the application has returned, and closes it; or pauses, as `run.paused` says.
#[inline]
pub(crate) fn send(
    py: Python<'_>,
    exchange: &Bound<'_, Exchange>,
    answer: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if let Some(block) = only_block(answer) {
        // A list or a tuple has nothing to close.
        return whole(exchange, &block);
    }
    finish_iteration(answer, send_body(py, exchange, answer))
}

/// Closes what the application has returned, unless it will be iterated further.
pub(super) fn finish_iteration(answer: &Bound<'_, PyAny>, sent: PyResult<bool>) -> PyResult<()> {
    if matches!(sent, Ok(false)) {
        return Ok(());
    }
    let closed = close(answer);
    sent.and(closed)
}

/// The block of `[block]` or `(block,)`.
#[inline]
fn only_block<'py>(answer: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    let item = if let Ok(list) = answer.cast_exact::<PyList>() {
        if list.len() != 1 {
            return None;
        }
        list.get_item(0).ok()?
    } else if let Ok(tuple) = answer.cast_exact::<PyTuple>() {
        if tuple.len() != 1 {
            return None;
        }
        tuple.get_item(0).ok()?
    } else {
        return None;
    };
    item.cast_into_exact::<PyBytes>().ok()
}

/// False: it is paused.
fn send_body(
    py: Python<'_>,
    exchange: &Bound<'_, Exchange>,
    answer: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let (is_file, sendfile, announced) = {
        let this = exchange.try_borrow()?;
        let is_file = answer.get_type().is(this.core.config.file_wrapper.bind(py));
        let sendfile = this.core.config.sendfile && this.run.socket.is_none();
        let net = this.run.net.as_ref();
        let announced = net.and_then(|net| net.response.draft.content_length());
        (is_file, sendfile, announced)
    };
    if is_file
        && sendfile
        && let Some(part) = file::part(answer)?
    {
        return send_file(exchange, part).map(|()| true);
    }
    let blocks = match announced {
        // A block that begins within the length may have to wait for bytes that are beyond it.
        Some(length) if is_file => answer.call_method1(intern!(py, "up_to"), (length,))?,
        _ => answer.clone(),
    };
    send_blocks(exchange, answer, blocks.try_iter()?)
}

/// Sends the blocks that are left, up to the announced length (PEP 3333). False: it is paused, since
/// the client reads slowly.
pub(super) fn send_blocks(
    exchange: &Bound<'_, Exchange>,
    answer: &Bound<'_, PyAny>,
    mut blocks: Bound<'_, PyIterator>,
) -> PyResult<bool> {
    let core = Arc::clone(&exchange.try_borrow()?.core);
    // What these say of their length is true, and they end.
    let listed =
        answer.is_exact_instance_of::<PyList>() || answer.is_exact_instance_of::<PyTuple>();
    let single = listed && answer.len()? == 1;
    while let Some(block) = blocks.next() {
        let block = block?;
        let block = block.cast::<PyBytes>().map_err(|_| not_bytes(&block))?;
        if single && nothing_sent(exchange)? {
            return whole(exchange, block).map(|()| true);
        }
        if block.as_bytes().is_empty() {
            continue;
        }
        let room = push(exchange, block)?;
        if !listed && room != Room::Gone && is_full(exchange)? {
            break;
        }
        if room == Room::Full && core.config.pauses() {
            exchange.try_borrow_mut()?.run.paused = Some(Paused {
                answer: answer.clone().unbind(),
                blocks: blocks.unbind(),
            });
            return Ok(false);
        }
        if !wait_if_full(exchange, room)? {
            return cut_off(exchange).map(|()| true);
        }
    }
    end(exchange).map(|()| true)
}

fn not_bytes(block: &Bound<'_, PyAny>) -> PyErr {
    let kind = block
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("a WSGI body consists of bytes, not of {kind}"))
}

fn nothing_sent(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    Ok(!exchange.try_borrow()?.headers_sent())
}

/// The whole announced body was sent.
fn is_full(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    let this = exchange.try_borrow()?;
    Ok(this
        .run
        .net
        .as_ref()
        .is_some_and(|net| net.response.is_full()))
}

/// `write()`: the block is sent before it returns, or on its way in parallel (PEP 3333).
pub(crate) fn write(exchange: &Bound<'_, Exchange>, data: &Bound<'_, PyAny>) -> PyResult<()> {
    let block = data.cast::<PyBytes>().map_err(|_| not_bytes(data))?;
    if stream(exchange, block)? {
        Ok(())
    } else {
        Err(PyBrokenPipeError::new_err(
            "the client has closed the connection",
        ))
    }
}
