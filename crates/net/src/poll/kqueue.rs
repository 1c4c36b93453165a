//! kqueue (macOS, BSD), behind the interface of epoll: connections edge-triggered (EV_CLEAR) and
//! registered once for both directions, listeners level-triggered, the wake-up a user event.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::{EVENTS, Ready, WAKE};

/// A kqueue with its wake-up.
pub(crate) struct Poller {
    queue: OwnedFd,
}

/// Room for the events of one wait; each driver brings its own.
pub(crate) struct Events(Vec<libc::kevent>);

// SAFETY: `udata` of an event is a number here, never dereferenced.
unsafe impl Send for Events {}

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
        self.0.get(index).map(|event| Ready {
            data: if event.filter == libc::EVFILT_USER {
                WAKE
            } else {
                event.udata as u64
            },
            readable: event.filter == libc::EVFILT_READ,
            writable: event.filter == libc::EVFILT_WRITE,
            ended: event.filter == libc::EVFILT_READ && event.flags & libc::EV_EOF != 0,
            // An error of the socket comes with its end.
            hangup: event.flags & libc::EV_EOF != 0 && event.fflags != 0,
        })
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a plain system call; the descriptor is owned by nothing else.
        let queue = unsafe { libc::kqueue() };
        if queue < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: checked above, fresh from the kernel.
        let poller = Self {
            queue: unsafe { OwnedFd::from_raw_fd(queue) },
        };
        poller.change(&[change(
            0,
            libc::EVFILT_USER,
            libc::EV_ADD | libc::EV_CLEAR,
            0,
            WAKE,
        )])?;
        Ok(poller)
    }

    pub(crate) fn add_stream(&self, fd: RawFd, data: u64) -> io::Result<()> {
        let flags = libc::EV_ADD | libc::EV_CLEAR;
        self.change(&[change(fd, libc::EVFILT_READ, flags, 0, data)])
    }

    pub(crate) fn add_writing(&self, fd: RawFd, data: u64) -> io::Result<()> {
        let flags = libc::EV_ADD | libc::EV_CLEAR;
        self.change(&[change(fd, libc::EVFILT_WRITE, flags, 0, data)])
    }

    pub(crate) fn add_listener(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.change(&[change(fd, libc::EVFILT_READ, libc::EV_ADD, 0, data)])
    }

    /// Watches a pipe for reading, level-triggered.
    pub(crate) fn add_pipe(&self, fd: RawFd, data: u64) -> io::Result<()> {
        self.add_listener(fd, data)
    }

    /// Forgets a descriptor that stays open.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        let read = self.change(&[change(fd, libc::EVFILT_READ, libc::EV_DELETE, 0, 0)]);
        match self.change(&[change(fd, libc::EVFILT_WRITE, libc::EV_DELETE, 0, 0)]) {
            // Most are never registered for writing.
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
            _ => read,
        }
    }

    pub(crate) fn wait(&self, events: &mut Events, timeout_ms: Option<u64>) -> io::Result<()> {
        let limit = timeout_ms.map(|ms| libc::timespec {
            tv_sec: (ms / 1000) as libc::time_t,
            tv_nsec: (ms % 1000 * 1_000_000) as libc::c_long,
        });
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        events.0.clear();
        // SAFETY: the vector has room for EVENTS entries, of which the kernel writes `count`.
        unsafe {
            let room = events.0.as_mut_ptr();
            let count = libc::kevent(
                self.queue.as_raw_fd(),
                ptr::null(),
                0,
                room,
                EVENTS as i32,
                limit,
            );
            if count < 0 {
                return Err(io::Error::last_os_error());
            }
            events.0.set_len(count.unsigned_abs() as usize);
        }
        Ok(())
    }

    /// Ends one `wait` of another thread, now or at its next call.
    pub(crate) fn wake(&self) {
        // The only failure is a full kernel, where waits end by themselves.
        drop(self.change(&[change(0, libc::EVFILT_USER, 0, libc::NOTE_TRIGGER, WAKE)]));
    }

    /// The poller itself can be watched: it is readable when there are events.
    pub(crate) fn fd(&self) -> RawFd {
        self.queue.as_raw_fd()
    }

    /// User events with EV_CLEAR acknowledge themselves.
    #[expect(clippy::unused_self, reason = "the interface of epoll")]
    pub(crate) fn acknowledge(&self) {}

    fn change(&self, changes: &[libc::kevent]) -> io::Result<()> {
        // SAFETY: `changes` is valid for the call and no events are asked for.
        let result = unsafe {
            libc::kevent(
                self.queue.as_raw_fd(),
                changes.as_ptr(),
                changes.len() as i32,
                ptr::null_mut(),
                0,
                ptr::null(),
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

fn change(fd: RawFd, filter: i16, flags: u16, fflags: u32, data: u64) -> libc::kevent {
    libc::kevent {
        ident: fd as usize,
        filter,
        flags,
        fflags,
        data: 0,
        udata: data as *mut libc::c_void,
    }
}
