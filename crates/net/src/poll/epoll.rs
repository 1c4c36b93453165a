//! epoll (Linux). Connections are edge-triggered and registered once, so that a request costs no
//! `epoll_ctl`; listeners are level-triggered and exclusive between processes.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{EVENTS, Ready, WAKE};

/// An epoll instance with its wake-up.
pub(crate) struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
}

/// [`EVENTS`] as the kernel counts them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a small constant"
)]
const ROOM: i32 = EVENTS as i32;

/// What every connection is watched for. Writing is not in it: nearly no response has to wait, and
/// a fresh connection would report at once that it is writable.
const READING: i32 = libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET;

/// Room for the events of one wait; each driver brings its own.
pub(crate) struct Events(Vec<libc::epoll_event>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(EVENTS))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Ready> {
        const IN: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP) as u32;
        const END: u32 = libc::EPOLLRDHUP as u32;
        const OUT: u32 = libc::EPOLLOUT as u32;
        const HUP: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;
        self.0.get(index).map(|event| Ready {
            data: event.u64,
            readable: event.events & IN != 0,
            writable: event.events & OUT != 0,
            ended: event.events & END != 0,
            hangup: event.events & HUP != 0,
        })
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: plain system calls; the descriptors they return are owned by nothing else.
        let (epoll, wake) = unsafe {
            let epoll = owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
            (
                epoll,
                owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
            )
        };
        let poller = Self { epoll, wake };
        poller.control(
            libc::EPOLL_CTL_ADD,
            poller.wake.as_raw_fd(),
            libc::EPOLLIN,
            WAKE,
        )?;
        Ok(poller)
    }

    /// Watches a connection for reading, edge-triggered.
    pub(crate) fn add_stream(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, READING, data)
    }

    /// Watches a connection for room to write too; says at once if there is some.
    pub(crate) fn add_writing(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, READING | libc::EPOLLOUT, data)
    }

    /// Watches a listener, level-triggered; of several processes only some are woken.
    pub(crate) fn add_listener(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            fd,
            libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
            data,
        )
    }

    /// Watches a pipe for reading, level-triggered.
    pub(crate) fn add_pipe(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, data)
    }

    /// Forgets a descriptor that stays open.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Waits for events: `None` for ever, 0 not at all. Interruption by a signal is an error.
    pub(crate) fn wait(&self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        let timeout = timeout_ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
        events.0.clear();
        // SAFETY: the vector has room for EVENTS entries, of which the kernel writes `count`.
        unsafe {
            let room = events.0.as_mut_ptr();
            let count = libc::epoll_wait(self.epoll.as_raw_fd(), room, ROOM, timeout);
            if count < 0 {
                return Err(io::Error::last_os_error());
            }
            events.0.set_len(count.unsigned_abs() as usize);
        }
        Ok(())
    }

    /// Ends one `wait` of another thread, now or at its next call.
    pub(crate) fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight readable bytes. A full counter means that a wake-up is pending already.
        unsafe { libc::write(self.wake.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// The poller itself can be watched: it is readable when there are events.
    pub(crate) fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Takes the wake-up that `wait` reported.
    pub(crate) fn acknowledge(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes. Nothing to read means that another thread was faster.
        unsafe {
            libc::read(
                self.wake.as_raw_fd(),
                count.as_mut_ptr().cast(),
                count.len(),
            )
        };
    }

    #[expect(
        clippy::cast_sign_loss,
        reason = "event bits are a mask; libc types them as c_int"
    )]
    fn control(&self, operation: i32, fd: RawFd, interest: i32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest as u32,
            u64: data,
        };
        // SAFETY: `event` lives for the call.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

/// # Safety
/// `fd` is fresh from the kernel, or -1.
unsafe fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
