//! A response given piece by piece by code that never waits here: an adapter of another loop, whose
//! application has no call that lasts as long as its request. It ends with exactly one of `finish`,
//! `fail` and `abandon`.

use std::sync::Arc;

use net::baton::Room;
use pyo3::exceptions::PyBrokenPipeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::core::thread_number;
use crate::exchange::{Exchange, Paused};
use crate::failure::{self, asks_to_end};
use crate::response;

/// A block, behind the head if that was not sent yet. False: there is no room for more now.
pub(crate) fn send(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<bool> {
    match response::push(exchange, block)? {
        Room::Yes => Ok(true),
        Room::Full => Ok(false),
        Room::Gone => Err(PyBrokenPipeError::new_err(
            "the client has closed the connection",
        )),
    }
}

/// The rest may take long: what the part that was sent has needed is given back.
pub(crate) fn trim(exchange: &Bound<'_, Exchange>) {
    // What has borrowed it is at work with it.
    if let Ok(mut this) = exchange.try_borrow_mut()
        && let Some(net) = &mut this.run.net
    {
        net.trim();
    }
}

/// The last block.
pub(crate) fn finish(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
    let (empty, begun) = {
        let this = exchange.try_borrow()?;
        let begun = this.headers_sent();
        (block.as_bytes().is_empty(), begun)
    };
    if !empty && !begun {
        response::whole(exchange, block)?;
    } else {
        if !empty {
            // Whether there is room: the connection keeps what the client has not read.
            response::push(exchange, block)?;
        }
        response::end(exchange)?;
    }
    conclude(exchange)
}

/// The application has failed.
pub(crate) fn fail(exchange: &Bound<'_, Exchange>, error: PyErr) -> PyResult<()> {
    let ends = asks_to_end(&error, exchange.py());
    let told = failure::fail(exchange, error);
    conclude(exchange)?;
    // The caller has the exception already.
    if ends { Ok(()) } else { told }
}

/// The response will not be completed: the connection ends without the rest of it. Nothing happens when
/// it is complete.
pub(crate) fn abandon(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let paused = {
        let mut this = exchange.try_borrow_mut()?;
        let core = Arc::clone(&this.core);
        let run = &mut this.run;
        let Some(net) = run.leave(false) else {
            return Ok(());
        };
        if run.socket.take().is_some() {
            core.reactor.discard(thread_number(), net);
        } else {
            core.reactor.abandon(thread_number(), net);
        }
        run.paused.take()
    };
    conclude(exchange)?;
    match paused {
        Some(Paused { answer, .. }) => close(answer.bind(exchange.py())),
        None => Ok(()),
    }
}

/// The client has gone before its response was complete.
pub(crate) fn cut_off(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    if !exchange.try_borrow()?.headers_sent() {
        return abandon(exchange);
    }
    response::cut_off(exchange)?;
    conclude(exchange)
}

/// Closes what a WSGI application has returned (PEP 3333).
pub(crate) fn close(answer: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = answer.py();
    match answer.getattr_opt(intern!(py, "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// The request is over, on the scoreboard too.
pub(crate) fn conclude(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if let Some(key) = this.run.reports_disconnect.take() {
        core.disconnects.forget(key);
    }
    let entry = this.run.entry.take();
    core.board.end(core.slot, entry);
    Ok(())
}
