//! A connection with TLS for an application that takes over its socket: it gets one end of a pair of
//! sockets, plain and as real as any, and a thread carries the bytes between the other end and the
//! client.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Tls;
use crate::stream::ReadOutcome;
use crate::stream::plain::Plain;
use crate::tls::Tools;

/// Bytes carried at once.
const BLOCK: usize = 16 * 1024;
/// How long a client's own end is awaited when the application has closed.
const LINGER: Duration = Duration::from_secs(5);
/// How long the end of the process waits for bytes that are on their way.
const SETTLE: Duration = Duration::from_secs(1);

/// Bridges that are open in this process.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Gives what an application writes on bridges the time to reach the kernel, before the process ends.
pub(crate) fn settle() {
    let until = Instant::now() + SETTLE;
    while OPEN.load(Ordering::Acquire) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Begins to carry bytes; gives the application's end.
pub(super) fn open(mut tls: Box<Tls>) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // The buffers of the worker are for the thread that turns its reactor.
    tls.tools = Arc::new(Tools::new());
    let mut bridge = Bridge {
        tls,
        pair: Plain::new(ours.into()),
        to_app: Vec::new(),
        app: Side::Open,
        client: Side::Open,
        until: None,
    };
    OPEN.fetch_add(1, Ordering::AcqRel);
    let builder = std::thread::Builder::new().name("licorne-tls".into());
    let started = crate::thread::spawn(builder, move || {
        // Whatever ends it, both ends are closed then, which tells both sides.
        drop(bridge.run());
        drop(bridge);
        OPEN.fetch_sub(1, Ordering::AcqRel);
    });
    match started {
        Ok(_) => Ok(theirs.into()),
        Err(error) => {
            OPEN.fetch_sub(1, Ordering::AcqRel);
            Err(error)
        }
    }
}

/// What may still come from a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Open,
    /// It sends no more, and was told to the other.
    Ended,
    /// It has closed: nothing reaches it.
    Closed,
}

struct Bridge {
    tls: Box<Tls>,
    pair: Plain,
    /// Bytes for which the application has no room.
    to_app: Vec<u8>,
    app: Side,
    client: Side,
    /// Until when the client's end is awaited, after the application has closed.
    until: Option<Instant>,
}

impl Bridge {
    fn run(&mut self) -> io::Result<()> {
        loop {
            self.carry_to_application()?;
            self.carry_to_client()?;
            if self.app != Side::Open && self.client != Side::Open && self.is_empty() {
                return Ok(());
            }
            if !self.wait()? {
                return Ok(());
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.to_app.is_empty() && !self.tls.wants_write()
    }

    fn carry_to_application(&mut self) -> io::Result<()> {
        let mut room = [0; BLOCK];
        loop {
            while !self.to_app.is_empty() {
                match self.pair.write(&self.to_app, false) {
                    Ok(count) => drop(self.to_app.drain(..count)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(_) => {
                        self.to_app.clear();
                        self.app = Side::Closed;
                    }
                }
            }
            if self.client != Side::Open {
                return Ok(());
            }
            match self.tls.read(&mut room, false)? {
                ReadOutcome::Bytes { count, .. } if self.app != Side::Closed => {
                    self.to_app.extend_from_slice(&room[..count]);
                }
                ReadOutcome::Bytes { .. } => {}
                ReadOutcome::Empty => return Ok(()),
                ReadOutcome::Closed => {
                    self.client = Side::Ended;
                    self.pair.shutdown_write();
                }
            }
        }
    }

    fn carry_to_client(&mut self) -> io::Result<()> {
        let mut room = [0; BLOCK];
        self.tls.write(&[], false)?;
        while self.app == Side::Open && !self.tls.wants_write() {
            match self.pair.read(&mut room) {
                Ok(0) => {
                    self.app = Side::Ended;
                    self.tls.shutdown_write();
                }
                Ok(count) => drop(self.tls.write(&[&room[..count]], false)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until something can go on. False: the client's end was awaited for long enough.
    fn wait(&mut self) -> io::Result<bool> {
        let watch = |fd, readable: bool, writable: bool| libc::pollfd {
            fd,
            events: if readable { libc::POLLIN } else { 0 }
                | if writable { libc::POLLOUT } else { 0 },
            revents: 0,
        };
        let reads_client = self.client == Side::Open && self.to_app.is_empty();
        let reads_app = self.app == Side::Open && !self.tls.wants_write();
        let mut fds = [
            watch(self.tls.fd(), reads_client, self.tls.wants_write()),
            watch(self.pair.fd(), reads_app, !self.to_app.is_empty()),
        ];
        // An end is reported whatever is asked, again and again.
        if self.client != Side::Open && !self.tls.wants_write() {
            fds[0].fd = -1;
        }
        let mut limit = -1;
        if self.app == Side::Closed {
            fds[1].fd = -1;
            let until = *self.until.get_or_insert_with(|| Instant::now() + LINGER);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            limit = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
        }
        // SAFETY: two entries, writable.
        if unsafe { libc::poll(fds.as_mut_ptr(), 2, limit) } < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(true)
            } else {
                Err(error)
            };
        }
        if fds[1].revents & libc::POLLHUP != 0 && self.app == Side::Ended {
            self.app = Side::Closed;
        }
        Ok(true)
    }
}
