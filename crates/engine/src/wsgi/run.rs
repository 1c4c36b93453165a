//! One request through a WSGI application, whatever the application does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use net::clock;
use proto::Version;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{body, environ, websocket};
use crate::core::{Core, thread_id};
use crate::exchange::{Exchange, is_over};
use crate::failure;

/// Calls `app` and sends what it answers. Its errors are answered and logged; only those that ask
/// the process to end come out.
pub(crate) fn run(
    core: &Core,
    exchange: &Bound<'_, Exchange>,
    app: &Bound<'_, PyAny>,
) -> PyResult<()> {
    settle(core, exchange, None, |entry| {
        answer(core, exchange, app, entry)
    })
}

/// Runs a part of the application for an exchange, and ends it unless it is paused then.
#[inline]
pub(super) fn settle(
    core: &Core,
    exchange: &Bound<'_, Exchange>,
    mut entry: Option<usize>,
    part: impl FnOnce(&mut Option<usize>) -> PyResult<()>,
) -> PyResult<()> {
    // A panic is a bug of ours; it costs this exchange and nothing else.
    let outcome = catch_unwind(AssertUnwindSafe(|| part(&mut entry)));
    let result = match outcome {
        Ok(result) => result,
        Err(_) => Err(failure::panicked()),
    };
    let ended = match result {
        Ok(()) if core.config.pauses() && exchange.try_borrow()?.run.paused.is_some() => {
            core.board.off_thread(core.slot, entry);
            return Ok(());
        }
        Ok(()) => Ok(()),
        Err(error) => failure::fail(exchange, error),
    };
    core.board.end(core.slot, entry);
    ended
}

#[inline]
fn answer(
    core: &Core,
    exchange: &Bound<'_, Exchange>,
    app: &Bound<'_, PyAny>,
    entry: &mut Option<usize>,
) -> PyResult<()> {
    let py = exchange.py();
    // Of many requests on one thread none has it for itself, unless they run one after the other.
    let alone = !core.config.polled || core.config.pauses();
    let thread = if alone { thread_id() } else { 0 };
    let (environ, start_response, upgrade) = prepare(core, exchange, thread, entry)?;
    let offered = if upgrade {
        websocket::offer(exchange, &environ)?
    } else {
        None
    };
    let mut called = call_two(app, environ.as_any(), &start_response);
    drop(environ);
    drop(start_response);
    if let Some(offered) = offered {
        match websocket::conclude(exchange, &offered, called)? {
            Some(answer) => called = Ok(answer),
            None => return Ok(()),
        }
    }
    let answer = called?;
    body::send(py, exchange, &answer)
}

/// Begins with a request whose response will be given piece by piece.
pub(crate) fn begin(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let core = Arc::clone(&exchange.try_borrow()?.core);
    prepare(&core, exchange, 0, &mut None).map(drop)
}

/// Says on the scoreboard that the request begins, and builds its environ. `entry` becomes its
/// entry there. Also whether the request asks to go on with another protocol.
#[inline]
fn prepare<'py>(
    core: &Core,
    exchange: &Bound<'py, Exchange>,
    thread: u32,
    entry: &mut Option<usize>,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyAny>, bool)> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let this = &mut *this;
    *entry = this.run.start(core, thread)?;
    let (Some(net), Some(bundle)) = (&mut this.run.net, &mut this.bundle) else {
        return Err(is_over());
    };
    let (environ, repeated) = environ::build(py, core, &bundle.template, &mut bundle.caches, net)?;
    this.run.repeated = repeated;
    let upgrade = net.head.upgrade();
    if let Some(ids) = &core.ids {
        this.run.request_id = Some(environ::request_id(&environ, core, ids, net)?);
    }
    if let Some(place) = &this.run.place {
        environ.set_item(&core.names.traceparent, place.traceparent())?;
    }
    if net.head.version() == Version::Http2 {
        environ::http2(&environ, &bundle.send_trailers)?;
    }
    if core.config.queue_time
        && let Some(ns) = this.run.queue_ns
    {
        environ.set_item(&core.names.queue_time, clock::seconds(ns))?;
    }
    this.run.environ = Some(environ.clone().unbind());
    Ok((environ, bundle.start_response.bind(py).clone(), upgrade))
}

/// Calls `callable(first, second)` without a tuple.
#[inline]
fn call_two<'py>(
    callable: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    second: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = [first.as_ptr(), second.as_ptr()];
    // SAFETY: live objects in an array of two; the result is a new reference or null.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            arguments.as_ptr(),
            2,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}
