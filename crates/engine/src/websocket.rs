//! WebSocket connections as any interface to applications has them: the response that accepts, text,
//! and the end.

use std::sync::Arc;

use net::baton::Room;
use net::exchange::RequestKey;
use net::websocket::Outgoing;
use proto::h1::{BodySize, ResponseDraft};
use proto::ws::{Handshake, Kind, Misuse, close};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::access::Line;
use crate::core::{Core, thread_number};
use crate::exchange::{Exchange, Run};
use crate::fields;
use crate::sending;
use crate::shared::SharedBytes;

/// Accepts a handshake, with the subprotocol that was chosen and fields of the application. `None`: the
/// client has gone.
///
/// # Errors
/// `ValueError` for what cannot be said; the request is as it was.
pub(crate) fn accept<'a>(
    core: &Core,
    py: Python<'_>,
    run: &mut Run,
    subprotocol: Option<&str>,
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> PyResult<Option<RequestKey>> {
    let compression = core.config.websocket.compression;
    let net = run.open()?;
    let mut draft = ResponseDraft::default();
    let (agreed, status) = {
        let handshake = Handshake::of(&net.head, compression)
            .map_err(|reject| PyValueError::new_err(reject.message()))?;
        let chosen = subprotocol.map(str::as_bytes);
        handshake.accept(chosen, &mut draft).map_err(misuse)?;
        (handshake.deflate(), handshake.status())
    };
    for (name, value) in fields {
        draft.field(name, value).map_err(fields::misuse)?;
    }
    net.response.draft = draft;
    run.status = Some(PyString::intern(py, status).unbind());
    sending::head(core, py, run, BodySize::Known(0))?;
    let entry = run.entry;
    let switched = core
        .reactor
        .switch_websocket(thread_number(), run.open()?, agreed);
    if switched.is_some() {
        // It is no request any more, and may take as long as both sides like.
        run.open()?.trim();
        core.board.unlimited(core.slot, entry);
    }
    Ok(switched)
}

/// An accepted connection is over for its application: it is closed, and the access log has its line.
pub(crate) fn end(exchange: &Bound<'_, Exchange>, key: RequestKey) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    run.record(py, &core);
    let line = match &core.access {
        Some(access) => run.render(py, access)?,
        None => Line::None,
    };
    let net = run.leave(line == Line::Python);
    let native = (line == Line::Native).then_some(run.last_line.line.as_slice());
    core.reactor
        .end_websocket(thread_number(), key, net, native);
    let started_ns = run.started_ns;
    drop(this);
    match &core.access {
        Some(access) if line == Line::Python => {
            let elapsed_ns = net::clock::monotonic_ns() - started_ns;
            access.write(py, exchange.as_any(), elapsed_ns)
        }
        _ => Ok(()),
    }
}

/// A message of text.
pub(crate) fn send_text(
    core: &Core,
    key: RequestKey,
    text: &Bound<'_, PyString>,
) -> PyResult<Room> {
    let outgoing = Outgoing::<SharedBytes>::Bytes(text.to_str()?.as_bytes());
    let me = thread_number();
    Ok(core.reactor.send_message(me, key, Kind::Text, outgoing))
}

/// A message of bytes, which may stay where they are.
pub(crate) fn send_binary(core: &Core, key: RequestKey, bytes: &Bound<'_, PyBytes>) -> Room {
    let outgoing = Outgoing::Shared(SharedBytes::new(bytes));
    let me = thread_number();
    core.reactor.send_message(me, key, Kind::Binary, outgoing)
}

/// The client learns that the application has failed, unless the connection is closed already.
pub(crate) fn close_failed(core: &Core, key: RequestKey) -> PyResult<()> {
    let closed = core.reactor.close_websocket(key, close::INTERNAL_ERROR, "");
    closed.map_err(misuse)
}

/// The exception for what an application did wrong.
pub(crate) fn misuse(misuse: Misuse) -> PyErr {
    PyValueError::new_err(misuse.message())
}

/// A str of UTF-8, which the protocol has checked.
pub(crate) fn text<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(text) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(error) => Err(PyValueError::new_err(format!("a text message: {error}"))),
    }
}
