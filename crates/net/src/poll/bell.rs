//! A bell for one thread: unlike the poller's wake-up, no other driver can take it away.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// Rung by others, heard by the thread that waits with it.
pub(crate) struct Bell {
    hear: UnixStream,
    ring: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let (hear, ring) = UnixStream::pair()?;
        hear.set_nonblocking(true)?;
        ring.set_nonblocking(true)?;
        Ok(Self { hear, ring })
    }

    /// Ends the wait of the listener, now or at its next call.
    pub(crate) fn ring(&self) {
        // A full socket means that it is ringing already.
        drop((&self.ring).write(&[0]));
    }

    /// Readable when it has rung.
    #[cfg(test)]
    pub(crate) fn fd(&self) -> RawFd {
        self.hear.as_raw_fd()
    }

    /// Forgets what was rung.
    pub(crate) fn silence(&self) {
        let mut room = [0; 64];
        while matches!((&self.hear).read(&mut room), Ok(count) if count > 0) {}
    }

    /// Waits until `fd` is readable or the bell rings, or the time is over. True if it has rung: that
    /// is heard once, whatever it was rung for.
    pub(crate) fn wait_beside(&self, fd: RawFd, timeout_ms: u64) -> bool {
        let watch = |fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        let mut watched = [watch(fd), watch(self.hear.as_raw_fd())];
        let timeout = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
        // SAFETY: two valid entries; a failed wait is as good as a short one.
        unsafe { libc::poll(watched.as_mut_ptr(), 2, timeout) };
        let rung = watched[1].revents != 0;
        if rung {
            self.silence();
        }
        rung
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_heard() {
        let bell = Bell::new().unwrap();
        let quiet = Bell::new().unwrap();
        for _ in 0..100_000 {
            bell.ring();
        }
        // Would be for ever, were it not heard.
        assert!(bell.wait_beside(quiet.hear.as_raw_fd(), u64::MAX));
    }

    /// Else a stop would keep the stand-in busy for as long as the last request takes.
    #[test]
    fn a_ring_is_heard_once() {
        let bell = Bell::new().unwrap();
        let quiet = Bell::new().unwrap();
        bell.ring();
        assert!(bell.wait_beside(quiet.hear.as_raw_fd(), u64::MAX));
        assert!(!bell.wait_beside(quiet.hear.as_raw_fd(), 0));
    }
}
