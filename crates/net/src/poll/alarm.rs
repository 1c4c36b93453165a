//! An alarm clock: one thread waits for it, others set it. Setting it anew, before it has gone off,
//! wakes nothing.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Goes off once, at the time it was last set to.
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let fd = create();
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: checked above, fresh from the kernel and owned by nothing else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Readable when the alarm has gone off.
    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn create() -> RawFd {
    // SAFETY: a plain system call.
    unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
        )
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Alarm {
    /// Has it go off at `at_ns` of the monotonic clock, `now_ns` being now; not at an earlier time
    /// that it was set to.
    pub(crate) fn set(&self, at_ns: u64, _now_ns: u64) {
        #[expect(
            clippy::cast_possible_wrap,
            reason = "monotonic time is far below 2^63 ns"
        )]
        let at = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: (at_ns / 1_000_000_000) as libc::time_t,
                tv_nsec: (at_ns % 1_000_000_000) as libc::c_long,
            },
        };
        // SAFETY: a valid descriptor and a valid time: it cannot fail.
        unsafe {
            libc::timerfd_settime(
                self.fd(),
                libc::TFD_TIMER_ABSTIME,
                &raw const at,
                std::ptr::null_mut(),
            )
        };
    }

    /// Acknowledges it: it is not readable until it goes off again.
    pub(crate) fn clear(&self) {
        let mut times = [0u8; 8];
        // SAFETY: eight writable bytes. Nothing to read means that it was set anew meanwhile.
        unsafe { libc::read(self.fd(), times.as_mut_ptr().cast(), times.len()) };
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn create() -> RawFd {
    // SAFETY: a plain system call.
    unsafe { libc::kqueue() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Alarm {
    /// Has it go off at `at_ns` of the monotonic clock, `now_ns` being now; not at an earlier time
    /// that it was set to.
    pub(crate) fn set(&self, at_ns: u64, now_ns: u64) {
        // Whole milliseconds are what every kqueue knows.
        let after_ms = at_ns.saturating_sub(now_ns).div_ceil(1_000_000);
        // SAFETY: an all-zero kevent is a valid one.
        let mut timer: libc::kevent = unsafe { std::mem::zeroed() };
        timer.filter = libc::EVFILT_TIMER;
        timer.flags = libc::EV_ADD | libc::EV_ONESHOT;
        timer.data = after_ms.try_into().unwrap_or_default();
        // SAFETY: one change, no room for events, no wait.
        unsafe {
            libc::kevent(
                self.fd(),
                &raw const timer,
                1,
                std::ptr::null_mut(),
                0,
                std::ptr::null(),
            )
        };
    }

    /// Acknowledges it: it is not readable until it goes off again.
    pub(crate) fn clear(&self) {
        // SAFETY: an all-zero kevent is a valid one.
        let mut event: libc::kevent = unsafe { std::mem::zeroed() };
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: room for one event; no wait.
        unsafe {
            libc::kevent(
                self.fd(),
                std::ptr::null(),
                0,
                &raw mut event,
                1,
                &raw const at_once,
            )
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic_ns;
    use crate::poll::Waker;

    #[test]
    fn set_anew_it_goes_off_at_the_later_time_and_once() {
        let alarm = Alarm::new().unwrap();
        let waker = Waker::new().unwrap();
        let now_ns = monotonic_ns();
        alarm.set(now_ns + 1_000_000_000_000, now_ns);
        let at_ns = now_ns + 20_000_000;
        alarm.set(at_ns, now_ns);
        // Would be for ever, did it not go off.
        waker.wait_beside(alarm.fd(), u64::MAX);
        assert!(monotonic_ns() >= at_ns);
        alarm.clear();
        let mut look = libc::pollfd {
            fd: alarm.fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid entry.
        assert_eq!(unsafe { libc::poll(&raw mut look, 1, 0) }, 0);
    }
}
