//! Readiness: the only place that knows which operating system this is.

use std::os::fd::RawFd;

mod alarm;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
mod waker;
pub(crate) use alarm::Alarm;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::{Events, Poller};
pub(crate) use waker::Waker;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kqueue;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use kqueue::{Events, Poller};

/// User data of the wake-up: no connection has it (see `slab`).
pub(crate) const WAKE: u64 = u64::MAX;
/// User data of the signal pipe.
pub(crate) const SIGNAL: u64 = u64::MAX - 1;
/// User data of the queue by which workers hand connections to each other.
pub(crate) const HANDOVER: u64 = u64::MAX - 2;
/// User data of listener `n` is `LISTENER + n`.
pub(crate) const LISTENER: u64 = 0xffff_ffff_0000_0000;
/// Most events that one wait returns: with more the turn grows, and with it the latency.
pub(crate) const EVENTS: usize = 256;

/// Whether there is something to read now.
pub(crate) fn readable(fd: RawFd) -> bool {
    let mut look = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one writable pollfd.
    unsafe { libc::poll(&raw mut look, 1, 0) == 1 }
}

/// One readiness report.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is used"
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// What was registered: a token's bits, `LISTENER + n` or `WAKE`.
    pub(crate) data: u64,
    /// There is something to read, an end of stream included.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
    /// The peer will send nothing more; there may still be something to read before.
    pub(crate) ended: bool,
    /// The connection is dead in both directions.
    pub(crate) hangup: bool,
}
