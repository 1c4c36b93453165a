//! From what a WSGI application answers to what the connection sends.

use std::sync::Arc;

use net::baton::{Block, Room, Tail};
use net::exchange::Token;
use net::output::{COPY_LIMIT, FilePart};
use proto::h1::{self, BodyFraming, BodySize, CHUNK_END, LAST_CHUNK, Sending, Sent};
use pyo3::exceptions::{PyBrokenPipeError, PyException, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString, PyTuple};

use super::paused::Paused;
use super::run::asks_to_end;
use super::start::misuse;
use super::{file, taken};
use crate::access::Line;
use crate::core::{Core, Detached, thread_number};
use crate::exchange::{Exchange, Run};
use crate::shared::SharedBytes;
use crate::text::latin1_bytes;

/// Sends the body that the application has returned, and closes it; or pauses, as `run.paused` says.
#[inline]
pub(crate) fn body(
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
        let is_file = answer.get_type().is(this.core.face.file_wrapper.bind(py));
        let sendfile = this.core.face.sendfile && this.run.socket.is_none();
        let net = this.run.net.as_ref();
        let announced = net.and_then(|net| net.draft.content_length());
        (is_file, sendfile, announced)
    };
    if is_file
        && sendfile
        && let Some(part) = file::part(answer)?
    {
        return finish_with_file(exchange, part).map(|()| true);
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
        if !listed && room != Room::Gone && exchange.try_borrow()?.run.remaining == Some(0) {
            break;
        }
        if room == Room::Full && core.face.pauses() {
            exchange.try_borrow_mut()?.run.paused = Some(Paused {
                answer: answer.clone().unbind(),
                blocks: blocks.unbind(),
            });
            return Ok(false);
        }
        if !wait_if_full(exchange, room)? {
            return discard(exchange).map(|()| true);
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
    Ok(exchange.try_borrow()?.run.sending == Sending::Head)
}

pub(super) fn close(answer: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = answer.py();
    match answer.getattr_opt(intern!(py, "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// Completes the head for a body of this size, into `net.out`.
pub(super) fn finish_head(
    core: &Core,
    py: Python<'_>,
    run: &mut Run,
    size: BodySize,
) -> PyResult<BodyFraming> {
    run.sending = run
        .sending
        .on(Sent::Head)
        .map_err(|_| PyRuntimeError::new_err("the head of this response was sent already"))?;
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let net = run.open()?;
    if !net.draft.started() {
        run.sending = Sending::Head;
        return Err(PyRuntimeError::new_err(
            "the application returned without calling start_response",
        ));
    }
    if let Some(id) = &id
        && !net.draft.has_field(b"x-request-id")
    {
        let id = id.bind(py).as_any().as_borrowed();
        net.draft
            .field(b"X-Request-ID", latin1_bytes(&id, "the request's id")?)
            .map_err(misuse)?;
    }
    net.keep_alive = net.keep_alive && !core.looped.last_answer(net.token);
    let facts = net.facts();
    let framing = core.with_server(|server| net.draft.finish(facts, size, server, &mut net.out));
    net.keep_alive = framing.keep_alive;
    net.framing = Some(framing.body);
    if core.is_overdue(run.place) {
        // What the client got, whatever the application says so late.
        run.status = Some(core.names.gateway_timeout.clone_ref(py));
    }
    run.remaining = match framing.body {
        BodyFraming::None => Some(0),
        BodyFraming::Length(length) => Some(length),
        BodyFraming::Chunked | BodyFraming::UntilClose => None,
    };
    Ok(framing.body)
}

/// As much of a block as may be sent.
pub(super) fn allowed(
    core: &Core,
    py: Python<'_>,
    run: &mut Run,
    length: usize,
) -> PyResult<usize> {
    let Some(remaining) = run.remaining else {
        return Ok(length);
    };
    let count = usize::try_from(remaining).unwrap_or(usize::MAX).min(length);
    if count < length && !std::mem::replace(&mut run.warned, true) {
        drop_is_told(core, py, run)?;
    }
    run.remaining = Some(remaining - count as u64);
    Ok(count)
}

#[cold]
fn drop_is_told(core: &Core, py: Python<'_>, run: &mut Run) -> PyResult<()> {
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let net = run.open()?;
    let method = String::from_utf8_lossy(net.head.method()).into_owned();
    let target = String::from_utf8_lossy(net.head.target()).into_owned();
    let status = net.draft.status();
    if net.framing != Some(BodyFraming::None) {
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

/// The whole body is one block.
#[inline]
pub(super) fn whole(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    if this.run.socket.is_some() || this.run.sending != Sending::Head {
        drop(this);
        return if stream(exchange, block)? {
            end(exchange)
        } else {
            discard(exchange)
        };
    }
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    let bytes = block.as_bytes();
    let framing = finish_head(&core, py, run, BodySize::Known(bytes.len() as u64))?;
    let count = allowed(&core, py, run, bytes.len())?;
    run.sent = count as u64;
    let net = run.open()?;
    let tail = if count <= COPY_LIMIT || count < bytes.len() {
        if framing == BodyFraming::Chunked && count > 0 {
            h1::chunk_start(&mut net.out, count);
            net.out.extend_from_slice(&bytes[..count]);
            net.out.extend_from_slice(CHUNK_END);
        } else {
            net.out.extend_from_slice(&bytes[..count]);
        }
        Tail::None
    } else {
        Tail::Bytes(SharedBytes::new(block))
    };
    if framing == BodyFraming::Chunked {
        net.out.extend_from_slice(LAST_CHUNK);
    }
    complete(py, this, &core, tail)
}

/// Everything is encoded: gives the response to the connection and writes the access log.
#[inline]
fn complete(
    py: Python<'_>,
    mut this: PyRefMut<'_, Exchange>,
    core: &Core,
    tail: Tail<SharedBytes>,
) -> PyResult<()> {
    let run = &mut this.run;
    let line = match &core.access {
        Some(access) => access.render(py, run)?,
        None => Line::None,
    };
    run.sending = Sending::Done;
    let short = run.remaining.is_some_and(|remaining| remaining > 0);
    let Some(net) = run.leave(line == Line::Python) else {
        return Ok(());
    };
    if short {
        too_short(core, py, &net, run.request_id.as_ref())?;
    }
    let keep = net.keep_alive && !short;
    core.looped.finish(
        thread_number(),
        net,
        tail,
        keep,
        (line == Line::Native).then_some(&run.record.line),
    );
    match &core.access {
        Some(access) if line == Line::Python => {
            let elapsed_ns = net::clock::monotonic_ns() - run.started_ns;
            // Python looks at this object while it writes the line.
            access.write(py, &this.into(), elapsed_ns)
        }
        _ => Ok(()),
    }
}

fn too_short(
    core: &Core,
    py: Python<'_>,
    net: &net::exchange::Exchange,
    id: Option<&Py<PyString>>,
) -> PyResult<()> {
    let method = String::from_utf8_lossy(net.head.method());
    let target = String::from_utf8_lossy(net.head.target());
    let text = format!(
        "{method} {target}: the application sent less than its Content-Length; the connection is \
         closed"
    );
    core.log_about(py, "error", &text, id)
}

/// A block of a body whose size is not known. False: the client has gone.
pub(super) fn stream(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<bool> {
    if block.as_bytes().is_empty() {
        return Ok(true);
    }
    let room = push(exchange, block)?;
    wait_if_full(exchange, room)
}

/// Gives a block to the connection, behind the head if that was not sent yet. Never waits.
pub(super) fn push(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<Room> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if this.run.socket.is_some() {
        drop(this);
        let sent = taken::stream(exchange, block)?;
        return Ok(if sent { Room::Yes } else { Room::Gone });
    }
    let run = &mut this.run;
    if run.sending == Sending::Head {
        finish_head(&core, exchange.py(), run, BodySize::Unknown)?;
    }
    encode_block(&core, run, block)
}

/// False: the client has gone.
#[inline]
fn wait_if_full(exchange: &Bound<'_, Exchange>, room: Room) -> PyResult<bool> {
    if room != Room::Full {
        return Ok(room == Room::Yes);
    }
    let (core, token) = {
        let mut this = exchange.try_borrow_mut()?;
        (Arc::clone(&this.core), this.run.open()?.token)
    };
    match token {
        Some(token) => wait_for_room(exchange.py(), &core, token),
        None => Ok(false),
    }
}

fn encode_block(core: &Core, run: &mut Run, block: &Bound<'_, PyBytes>) -> PyResult<Room> {
    let bytes = block.as_bytes();
    let count = allowed(core, block.py(), run, bytes.len())?;
    run.sent += count as u64;
    core.board.sent(core.slot, run.place, run.sent);
    let net = run.open()?;
    let Some(token) = net.token else {
        return Ok(Room::Gone);
    };
    let chunked = net.framing == Some(BodyFraming::Chunked);
    let copied = count <= COPY_LIMIT || count < bytes.len();
    let block = match (chunked, copied) {
        (false, true) => Block::Bytes(&bytes[..count]),
        (true, true) => Block::Chunk(&bytes[..count]),
        (false, false) => Block::Shared(SharedBytes::new(block)),
        (true, false) => Block::SharedChunk(SharedBytes::new(block)),
    };
    let room = core.looped.stream(thread_number(), token, &net.out, block);
    net.out.clear();
    Ok(room)
}

/// Waits for a slow client without the interpreter lock; signals are seen to meanwhile.
pub(super) fn wait_for_room(py: Python<'_>, core: &Core, token: Token) -> PyResult<bool> {
    if let Some(parking) = &core.face.parking {
        return core.parked.wait_for_room(parking.bind(py), core, token);
    }
    loop {
        match core
            .looped
            .wait_for_room(thread_number(), token, &Detached(py))
        {
            Some(Room::Gone) => return Ok(false),
            Some(_) => return Ok(true),
            None => py.check_signals()?,
        }
    }
}

/// The body is complete.
pub(super) fn end(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    if this.run.socket.is_some() {
        drop(this);
        return taken::end(exchange);
    }
    let run = &mut this.run;
    if run.sending == Sending::Head {
        finish_head(&core, py, run, BodySize::Known(0))?;
    }
    let net = run.open()?;
    if net.framing == Some(BodyFraming::Chunked) {
        net.out.extend_from_slice(LAST_CHUNK);
    }
    complete(py, this, &core, Tail::None)
}

fn finish_with_file(exchange: &Bound<'_, Exchange>, mut part: FilePart) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    if run.sending == Sending::Head {
        finish_head(&core, py, run, BodySize::Known(part.remaining))?;
    }
    let length = usize::try_from(part.remaining).unwrap_or(usize::MAX);
    let count = allowed(&core, py, run, length)?;
    part.remaining = count as u64;
    run.sent += count as u64;
    let net = run.open()?;
    if net.framing == Some(BodyFraming::Chunked) && count > 0 {
        // Only after write() was used: a file of known size is one chunk.
        h1::chunk_start(&mut net.out, count);
        let head = std::mem::take(&mut net.out);
        let Some(token) = net.token else {
            return Ok(());
        };
        core.looped
            .stream(thread_number(), token, &head, Block::<SharedBytes>::None);
        core.looped.stream_file(thread_number(), token, part);
        net.out.extend_from_slice(CHUNK_END);
        net.out.extend_from_slice(LAST_CHUNK);
        return complete(py, this, &core, Tail::None);
    }
    complete(py, this, &core, Tail::File(part))
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

/// Nobody is there to be answered.
pub(super) fn discard(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    this.run.sending = Sending::Closed;
    this.run.remaining = None;
    let core = Arc::clone(&this.core);
    if let Some(net) = this.run.leave(false) {
        core.looped.discard(thread_number(), net);
    }
    Ok(())
}

/// The application failed: 500 if nothing was sent, otherwise the connection is aborted.
#[cold]
pub(super) fn fail(exchange: &Bound<'_, Exchange>, error: PyErr) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let overdue = core.is_overdue(this.run.place);
    let run = &mut this.run;
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let shown = id.as_ref().map(|id| id.bind(py).to_string());
    let taken = run.socket.take().is_some();
    let Some(net) = &mut run.net else {
        let asked = run.environ.as_ref().map(|environ| environ.clone_ref(py));
        drop(this);
        let (method, target) = asked.map_or_else(Default::default, |it| named(it.bind(py)));
        return failed_afterwards(&core, py, (&method, &target), error);
    };
    let (method, target) = told(net, shown.as_deref());
    if taken {
        drop(this);
        return ended_on_socket(exchange, error, &method, &target);
    }
    net.keep_alive = false;
    net.out.clear();
    run.remaining = None;
    if run.sending == Sending::Head {
        // Whatever the application had begun to say: this is what its client gets.
        net.draft.clear();
        let date = net::clock::coarse_unix_seconds();
        h1::failure_page(&mut net.out, date, shown.as_deref());
        run.status = Some(if overdue {
            core.names.gateway_timeout.clone_ref(py)
        } else {
            PyString::new(py, "500 Internal Server Error").unbind()
        });
        run.headers = None;
    }
    if let Err(another) = complete(py, this, &core, Tail::None) {
        failed_afterwards(&core, py, (&method, &target), another)?;
    }
    tell_failure(&core, py, (&method, &target), &error, overdue, id.as_ref())?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}

/// What the log says of an application that failed, or that was ended.
#[cold]
fn tell_failure(
    core: &Core,
    py: Python<'_>,
    (method, target): (&str, &str),
    error: &PyErr,
    overdue: bool,
    id: Option<&Py<PyString>>,
) -> PyResult<()> {
    let about = format!("Error handling request {method} {target}");
    let failure = error.is_instance_of::<PyException>(py);
    if overdue && !failure {
        // It was ended, or the worker was told to abort: the log has this request already.
        return core.log(
            py,
            "info",
            &format!("{about}: aborted, it was over its time"),
        );
    }
    if core.face.polled && core.looped.stopping() && !failure && !asks_to_end(error, py) {
        // Its greenlet was ended with the worker.
        return core.log_about(
            py,
            "warning",
            &format!("{about}: graceful_timeout is over"),
            id,
        );
    }
    core.log_exception(
        py,
        "Error handling request %s %s",
        (method, target),
        error,
        id,
    )
}

/// Method and target as messages name them, with the request's id if it has one.
fn told(net: &net::exchange::Exchange, id: Option<&str>) -> (String, String) {
    let method = String::from_utf8_lossy(net.head.method()).into_owned();
    let target = String::from_utf8_lossy(net.head.target());
    let id = id.map_or_else(String::new, |id| format!(" [{id}]"));
    (method, format!("{target}{id}"))
}

/// The same from the environ, when the request has gone.
fn named(environ: &Bound<'_, PyDict>) -> (String, String) {
    let text = |key| match environ.get_item(key) {
        Ok(Some(value)) => value.to_string(),
        _ => String::new(),
    };
    (text("REQUEST_METHOD"), text("RAW_URI"))
}

/// The response is complete: what failed is `close()` or the access log.
fn failed_afterwards(
    core: &Core,
    py: Python<'_>,
    asked: (&str, &str),
    error: PyErr,
) -> PyResult<()> {
    core.log_exception(py, "Error after the response to %s %s", asked, &error, None)?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}

/// The connection was the application's; it has ended its work with an exception.
fn ended_on_socket(
    exchange: &Bound<'_, Exchange>,
    error: PyErr,
    method: &str,
    target: &str,
) -> PyResult<()> {
    let py = exchange.py();
    let core = Arc::clone(&exchange.try_borrow()?.core);
    core.log(
        py,
        "debug",
        &format!("{method} {target}: ended after taking the socket over: {error}"),
    )?;
    discard(exchange)?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}
