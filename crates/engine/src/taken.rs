//! Sockets that the application has taken over (`gunicorn.socket`). It may still go on with a WSGI
//! response: then that is written here, blocking, and the connection ends with it.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use proto::Version;
use proto::h1::BodySize;
use pyo3::exceptions::{PyConnectionError, PyConnectionResetError, PyOSError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::exchange::Exchange;
use crate::fields::out_of_turn;
use crate::sending::{self, discard, wait_for_room};

/// A block for a socket that the application has taken over. False: the client has gone.
pub(crate) fn stream(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<bool> {
    encode(exchange, block)?;
    flush(exchange)
}

/// The end of a response on such a socket.
pub(crate) fn end(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    // Without start_response the application has answered on the socket itself.
    if encode_end(exchange)? {
        flush(exchange)?;
    }
    exchange.try_borrow_mut()?.run.socket = None;
    discard(exchange)
}

/// Takes the connection from the reactor: a copy of its descriptor, and the bytes that were read
/// beyond the request. What is still to be written before is in `net.out`.
pub(crate) fn take_socket(exchange: &mut Exchange) -> PyResult<(OwnedFd, Vec<u8>)> {
    if exchange.run.socket.is_some() {
        return Err(PyRuntimeError::new_err(
            "the connection was taken over already",
        ));
    }
    let core = Arc::clone(&exchange.core);
    let entry = exchange.run.entry;
    let net = exchange.run.open()?;
    if net.head.version() == Version::Http2 {
        return Err(PyRuntimeError::new_err(
            "the connection carries other requests, too: with HTTP/2 its socket cannot be taken over",
        ));
    }
    let key = net.key.take();
    let Some((fd, rest, unsent)) = key.and_then(|key| core.reactor.detach(key)) else {
        return Err(PyConnectionResetError::new_err("the client has gone"));
    };
    net.out.splice(0..0, unsent?);
    // The application talks with its client now, and that may take as long as they like.
    core.board.unlimited(core.slot, entry);
    net.keep_alive = false;
    if let Some(key) = exchange.run.reports_disconnect.take() {
        core.disconnects.forget(key);
    }
    set_blocking(fd.as_raw_fd())?;
    let copy = fd.try_clone()?;
    exchange.run.socket = Some(fd);
    Ok((copy, rest))
}

fn set_blocking(fd: RawFd) -> std::io::Result<()> {
    // SAFETY: plain calls on an open descriptor.
    let result = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags < 0 {
            flags
        } else {
            libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK)
        }
    };
    if result < 0 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Waits until most of what was answered before on this connection is with the kernel, so that what
/// is left is little.
pub(crate) fn make_way(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let (core, key) = {
        let mut this = exchange.try_borrow_mut()?;
        (Arc::clone(&this.core), this.run.open()?.key)
    };
    if let Some(key) = key
        && !core.config.pauses()
        && core.reactor.room(key).is_none()
    {
        // If the client has gone meanwhile, taking the socket says so.
        wait_for_room(exchange.py(), &core, key)?;
    }
    Ok(())
}

/// Writes what was left of the answers before this one.
pub(crate) fn flush_taken(exchange: &Bound<'_, Exchange>) -> PyResult<()> {
    let nothing = exchange.try_borrow_mut()?.run.open()?.out.is_empty();
    if nothing || flush(exchange)? {
        return Ok(());
    }
    Err(PyConnectionResetError::new_err("the client has gone"))
}

/// Puts a block behind what is to be written.
fn encode(exchange: &Bound<'_, Exchange>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    if !run.open()?.response.begun() {
        sending::head(&core, block.py(), run, BodySize::Unknown)?;
    }
    let bytes = block.as_bytes();
    let net = run.open()?;
    let taken = net.response.body(bytes, &mut net.out);
    let taken = taken.map_err(out_of_turn)?;
    sending::count(&core, block.py(), run, bytes.len(), taken)
}

/// The end of the body. False: there is no response to end.
fn encode_end(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let run = &mut this.run;
    let response = &run.open()?.response;
    if !response.draft.started() {
        return Ok(false);
    }
    if !response.begun() {
        sending::head(&core, exchange.py(), run, BodySize::Known(0))?;
    }
    let net = run.open()?;
    // Its connection ends, whatever is missing.
    net.response.end(&mut net.out).map_err(out_of_turn)?;
    Ok(true)
}

/// Writes what is encoded to the taken socket, blocking. False: the client has gone. The exchange is
/// not borrowed meanwhile: others look at it, to see whether it is over its time.
fn flush(exchange: &Bound<'_, Exchange>) -> PyResult<bool> {
    let py = exchange.py();
    let (copy, bytes, polled) = {
        let mut this = exchange.try_borrow_mut()?;
        let polled = this.core.config.polled;
        let Some(socket) = &this.run.socket else {
            return Ok(false);
        };
        let copy = socket.try_clone()?;
        (copy, std::mem::take(&mut this.run.open()?.out), polled)
    };
    if polled {
        return flush_politely(py, copy, &bytes);
    }
    let mut stream = File::from(copy);
    match py.detach(|| stream.write_all(&bytes)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(PyOSError::new_err(error)),
    }
}

/// The same where many requests share the thread: by the socket class of the day, which lets the
/// others run while it waits.
fn flush_politely(py: Python<'_>, copy: OwnedFd, bytes: &[u8]) -> PyResult<bool> {
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "fileno"), copy.into_raw_fd())?;
    let class = py
        .import(intern!(py, "socket"))?
        .getattr(intern!(py, "socket"))?;
    let socket = class.call((), Some(&keywords))?;
    let sent = socket.call_method1(intern!(py, "sendall"), (PyBytes::new(py, bytes),));
    socket.call_method0(intern!(py, "close"))?;
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.is_instance_of::<PyConnectionError>(py) => Ok(false),
        Err(error) => Err(error),
    }
}
