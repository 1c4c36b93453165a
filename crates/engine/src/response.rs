//! Responses as any interface to applications gives them: a whole body, pieces, a file, the end.
//! `proto` makes the bytes; where they go is decided here.

use std::sync::Arc;

use net::baton::{Block, Room, Tail};
use net::exchange::{self as net_exchange, RequestKey};
use net::output::{COPY_LIMIT, FilePart};
use proto::Version;
use proto::h1::{BodySize, Ending};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::access::Line;
use crate::core::{Core, thread_number};
use crate::exchange::{Exchange, Run};
use crate::fields::{out_of_turn, unsendable};
use crate::sending::{self, discard, wait_for_room};
use crate::shared::SharedBytes;
use crate::taken;

/// The whole body is one block.
#[inline]
pub(crate) fn whole(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    if this.run.socket.is_some() || this.headers_sent() || !this.run.trailers.is_empty() {
        drop(this);
        return if stream(exchange, block)? {
            end(exchange)
        } else {
            discard(exchange)
        };
    }
    let Exchange { core, run, .. } = &mut *this;
    let bytes = block.as_bytes();
    sending::head(core, py, run, BodySize::Known(bytes.len() as u64))?;
    let net = run.open()?;
    let copied = bytes.len() <= COPY_LIMIT || !net.response.allows(bytes.len());
    let (taken, tail, ending) = if copied {
        let rest = net.response.rest(bytes, &mut net.out);
        let (taken, ending) = rest.map_err(out_of_turn)?;
        (taken, Tail::None, ending)
    } else {
        let piece = net.response.piece(bytes.len(), &mut net.out);
        let taken = piece.map_err(out_of_turn)?.len;
        let ending = net.response.end(&mut net.out).map_err(out_of_turn)?;
        (taken, Tail::Bytes(SharedBytes::new(block)), ending)
    };
    sending::count(core, py, run, bytes.len(), taken)?;
    complete(py, this, tail, ending)
}

/// Everything is encoded: gives the response to the connection and writes the access log.
#[inline]
pub(crate) fn complete(
    py: Python<'_>,
    mut this: PyRefMut<'_, Exchange>,
    tail: Tail<SharedBytes>,
    ending: Ending,
) -> PyResult<()> {
    let Exchange { core, run, .. } = &mut *this;
    run.record(py, core);
    let line = match &core.access {
        Some(access) => run.render(py, access)?,
        None => Line::None,
    };
    let short = ending == Ending::Short;
    let Some(net) = run.leave(line == Line::Python) else {
        return Ok(());
    };
    if short {
        too_short(core, py, &net, run.request_id.as_ref())?;
    }
    let keep = net.keep_alive && !short;
    core.reactor.finish(
        thread_number(),
        net,
        tail,
        keep,
        (line == Line::Native).then_some(&run.last_line.line),
    );
    if line != Line::Python {
        return Ok(());
    }
    let elapsed_ns = net::clock::monotonic_ns() - run.started_ns;
    let core = Arc::clone(core);
    // Python looks at this object while it writes the line.
    let exchange = this.into_pyobject(py)?;
    match &core.access {
        Some(access) => access.write(py, exchange.as_any(), elapsed_ns),
        None => Ok(()),
    }
}

/// Ends a response that was begun, and whose client has gone. It has its line in the access log, with what
/// was given of it.
pub(crate) fn cut_off(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    let Some(net) = &mut this.run.net else {
        return Ok(());
    };
    net.keep_alive = false;
    complete(exchange.py(), this, Tail::None, Ending::Complete)
}

fn too_short(
    core: &Core,
    py: Python<'_>,
    net: &net::exchange::Exchange,
    id: Option<&Py<PyString>>,
) -> PyResult<()> {
    let method = String::from_utf8_lossy(net.head.method());
    let target = String::from_utf8_lossy(net.head.target());
    let ends = match net.head.version() {
        Version::Http2 => "stream is reset",
        Version::Http10 | Version::Http11 => "connection is closed",
    };
    let text =
        format!("{method} {target}: the application sent less than its Content-Length; the {ends}");
    core.log_about(py, "error", &text, id)
}

/// A block of a body whose size is not known. False: the client has gone.
pub(crate) fn stream(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<bool> {
    if block.as_bytes().is_empty() {
        return Ok(true);
    }
    let room = push(exchange, block)?;
    wait_if_full(exchange, room)
}

/// Gives a block to the connection, behind the head if that was not sent yet. Never waits.
pub(crate) fn push(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<Room> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if this.run.socket.is_some() {
        drop(this);
        let sent = taken::stream(exchange, block)?;
        return Ok(if sent { Room::Yes } else { Room::Gone });
    }
    let run = &mut this.run;
    if !run.open()?.response.begun() {
        sending::head(&core, exchange.py(), run, BodySize::Unknown)?;
    }
    give_block(&core, run, block)
}

/// Waits if the connection has no room. False: the client has gone.
#[inline]
pub(crate) fn wait_if_full(exchange: &Bound<'_, Exchange>, room: Room) -> PyResult<bool> {
    if room != Room::Full {
        return Ok(room == Room::Yes);
    }
    let (core, key) = {
        let mut this = exchange.try_borrow_mut()?;
        (Arc::clone(&this.core), this.run.open()?.key)
    };
    match key {
        Some(key) => wait_for_room(exchange.py(), &core, key),
        None => Ok(false),
    }
}

fn give_block(core: &Core, run: &mut Run, block: &Bound<'_, PyBytes>) -> PyResult<Room> {
    let bytes = block.as_bytes();
    let net = run.open()?;
    let piece = net.response.piece(bytes.len(), &mut net.out);
    let piece = piece.map_err(out_of_turn)?;
    sending::count(core, block.py(), run, bytes.len(), piece.len)?;
    core.board.sent(core.slot, run.entry, run.sent);
    let net = run.open()?;
    let Some(key) = net.key else {
        return Ok(Room::Gone);
    };
    let copied = piece.len <= COPY_LIMIT || piece.len < bytes.len();
    let block = match (piece.chunk, copied) {
        (false, true) => Block::Bytes(&bytes[..piece.len]),
        (true, true) => Block::Chunk(&bytes[..piece.len]),
        (false, false) => Block::Shared(SharedBytes::new(block)),
        (true, false) => Block::SharedChunk(SharedBytes::new(block)),
    };
    let room = core.reactor.stream(thread_number(), key, &net.out, block);
    net.out.clear();
    Ok(room)
}

/// The body is complete.
pub(crate) fn end(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if this.run.socket.is_some() {
        drop(this);
        return taken::end(exchange);
    }
    let run = &mut this.run;
    if !run.open()?.response.begun() {
        sending::head(&core, py, run, BodySize::Known(0))?;
    }
    let trailers = std::mem::take(&mut run.trailers);
    let net = run.open()?;
    let ending = if trailers.is_empty() {
        net.response.end(&mut net.out).map_err(out_of_turn)?
    } else {
        let fields = trailers.iter().map(|(name, value)| (&name[..], &value[..]));
        let ended = net.response.end_with(fields, &mut net.out);
        ended.map_err(unsendable)?
    };
    complete(py, this, Tail::None, ending)
}

/// Trailer fields for the end of the body.
pub(crate) fn add_trailers(
    exchange: &Bound<'_, Exchange>,
    fields: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    this.run.trailers.extend(fields);
    Ok(())
}

/// A part of a file as a part of the body, whose end is still to come.
pub(crate) fn push_file(exchange: &Bound<'_, Exchange>, mut part: FilePart) -> PyResult<Room> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    announce_file(&core, exchange.py(), run, BodySize::Unknown, &mut part)?;
    let net = run.open()?;
    let Some(key) = net.key else {
        return Ok(Room::Gone);
    };
    stream_file(&core, net, key, part);
    Ok(core.reactor.room(key).unwrap_or(Room::Full))
}

/// The rest of the body is a part of a file, and its end.
pub(crate) fn send_file(exchange: &Bound<'_, Exchange>, mut part: FilePart) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    let size = BodySize::Known(part.remaining);
    announce_file(&core, py, run, size, &mut part)?;
    let net = run.open()?;
    let tail = if net.response.chunked() {
        // Only after a block was sent. Its chunk ends behind it.
        let Some(key) = net.key else {
            return Ok(());
        };
        stream_file(&core, net, key, part);
        Tail::None
    } else {
        Tail::File(part)
    };
    let ending = net.response.end(&mut net.out).map_err(out_of_turn)?;
    complete(py, this, tail, ending)
}

/// Encodes what stands before a part of a file, the head too if that was not sent yet, for a body of
/// this size, and counts it. It becomes as long as may be sent.
fn announce_file(
    core: &Core,
    py: Python<'_>,
    run: &mut Run,
    size: BodySize,
    part: &mut FilePart,
) -> PyResult<()> {
    if !run.open()?.response.begun() {
        sending::head(core, py, run, size)?;
    }
    let net = run.open()?;
    let given = part.remaining;
    let allowed = net.response.file(given, &mut net.out);
    part.remaining = allowed.map_err(out_of_turn)?;
    sending::count(core, py, run, in_memory(given), in_memory(part.remaining))
}

/// Gives what is encoded to the connection, and the part of a file behind it.
fn stream_file(core: &Core, net: &mut net_exchange::Exchange, key: RequestKey, part: FilePart) {
    let (me, nothing) = (thread_number(), Block::<SharedBytes>::None);
    core.reactor.stream(me, key, &net.out, nothing);
    net.out.clear();
    core.reactor.stream_file(me, key, part);
}

fn in_memory(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
