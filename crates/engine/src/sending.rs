//! What a response needs wherever its bytes go: the head with what the server adds, the count of
//! its body, room at the client, and the end without an answer.

use std::sync::Arc;

use net::baton::Room;
use net::exchange::RequestKey;
use proto::h1::BodySize;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::core::{Core, Detached, thread_number};
use crate::exchange::{Exchange, Run};
use crate::fields::{misuse, unsendable};
use crate::text::latin1_bytes;

/// Sends the head for a body of this size, into `net.out`.
pub(crate) fn head(core: &Core, py: Python<'_>, run: &mut Run, size: BodySize) -> PyResult<()> {
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let net = run.open()?;
    if !net.response.draft.started() {
        return Err(PyRuntimeError::new_err(
            "the application returned without calling start_response",
        ));
    }
    if let Some(id) = &id
        && !net.response.draft.has_field(b"x-request-id")
    {
        let id = id.bind(py).as_any().as_borrowed();
        net.response
            .draft
            .field(b"X-Request-ID", latin1_bytes(&id, "the request's id")?)
            .map_err(misuse)?;
    }
    net.keep_alive = net.keep_alive && !core.reactor.last_answer(net.key);
    let facts = net.facts();
    net.keep_alive = core
        .with_server(|server| net.response.head(facts, size, server, &mut net.out))
        .map_err(unsendable)?;
    if core.is_overdue(run.entry) {
        // What the client got, whatever the application says so late.
        run.status = Some(core.names.gateway_timeout.clone_ref(py));
    }
    Ok(())
}

/// Counts a part of the body. Bytes that may not be sent are told of once.
#[inline]
pub(crate) fn count(
    core: &Core,
    py: Python<'_>,
    run: &mut Run,
    given: usize,
    taken: usize,
) -> PyResult<()> {
    run.sent += taken as u64;
    if taken < given && !std::mem::replace(&mut run.warned, true) {
        tell_dropped(core, py, run)?;
    }
    Ok(())
}

#[cold]
fn tell_dropped(core: &Core, py: Python<'_>, run: &mut Run) -> PyResult<()> {
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let net = run.open()?;
    let method = String::from_utf8_lossy(net.head.method()).into_owned();
    let target = String::from_utf8_lossy(net.head.target()).into_owned();
    let status = net.response.draft.status();
    if !net.response.bodiless() {
        let text = format!(
            "{method} {target}: the application sent more than its Content-Length; the rest was \
             dropped"
        );
        core.log_about(py, "warning", &text, id.as_ref())
    } else if method == "HEAD" {
        // Frameworks leave it to the server: nothing to warn of.
        Ok(())
    } else {
        let text = format!("{method} {target}: a {status} response has no body; it was dropped");
        core.log_about(py, "warning", &text, id.as_ref())
    }
}

/// Waits for a slow client without the interpreter lock; signals are seen to meanwhile. False: it
/// has gone.
pub(crate) fn wait_for_room(py: Python<'_>, core: &Core, key: RequestKey) -> PyResult<bool> {
    if let Some(make_waiter) = &core.config.make_waiter {
        return core
            .parked
            .wait_for_room(make_waiter.bind(py), &core.reactor, key);
    }
    loop {
        match core
            .reactor
            .wait_for_room(thread_number(), key, &Detached(py))
        {
            Some(Room::Gone) => return Ok(false),
            Some(_) => return Ok(true),
            None => py.check_signals()?,
        }
    }
}

/// Ends a request whose client cannot be answered.
pub(crate) fn discard(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if let Some(net) = this.run.leave(false) {
        core.reactor.discard(thread_number(), net);
    }
    Ok(())
}
