//! A streamed body whose client reads slowly, on a loop without waiters: the iteration is
//! broken off, and resumed by the loop when there is room.

use std::sync::Arc;

use net::baton::Room;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::body::{finish_iteration, send_blocks};
use super::run::settle;
use crate::exchange::{Exchange, Paused};
use crate::response::cut_off;

/// Goes on with the iteration. Errors of the application are dealt with as in its first part.
pub(crate) fn resume(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let (core, entry, paused) = {
        let mut this = exchange.try_borrow_mut()?;
        let paused = this.run.paused.take();
        (Arc::clone(&this.core), this.run.entry, paused)
    };
    let Some(paused) = paused else {
        return Err(PyRuntimeError::new_err("this request is not paused"));
    };
    settle(&core, exchange, entry, |_| go_on(exchange, &paused))
}

fn go_on(exchange: &Bound<'_, Exchange>, paused: &Paused) -> PyResult<()> {
    let py = exchange.py();
    let answer = paused.answer.bind(py);
    let sent = if gone(exchange)? {
        cut_off(exchange).map(|()| true)
    } else {
        send_blocks(exchange, answer, paused.blocks.bind(py).clone())
    };
    finish_iteration(answer, sent)
}

fn gone(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let key = this.run.open()?.key;
    Ok(key.is_none_or(|key| core.reactor.room(key) == Some(Room::Gone)))
}
