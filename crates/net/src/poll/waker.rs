//! A wake-up for one thread: unlike the poller's, no other driver can take it away.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// Wakes the thread that waits with it.
pub(crate) struct Waker {
    reader: UnixStream,
    writer: UnixStream,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer })
    }

    /// Ends the wait of that thread, now or at its next call.
    pub(crate) fn wake(&self) {
        // A full socket means that a wake-up is pending already.
        drop((&self.writer).write(&[0]));
    }

    /// Readable when a wake-up is pending.
    #[cfg(test)]
    pub(crate) fn fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// Forgets pending wake-ups.
    pub(crate) fn clear(&self) {
        let mut room = [0; 64];
        while matches!((&self.reader).read(&mut room), Ok(count) if count > 0) {}
    }

    /// Waits until `fd` is readable, or for a wake-up, or until the time is over. True after a
    /// wake-up: it ends one wait, whatever it was for.
    pub(crate) fn wait_beside(&self, fd: RawFd, timeout_ms: u64) -> bool {
        let entry = |fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        let mut entries = [entry(fd), entry(self.reader.as_raw_fd())];
        let timeout = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
        // SAFETY: two valid entries; a failed wait is as good as a short one.
        unsafe { libc::poll(entries.as_mut_ptr(), 2, timeout) };
        let woken = entries[1].revents != 0;
        if woken {
            self.clear();
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_before_the_wait_counts() {
        let waker = Waker::new().unwrap();
        let quiet = Waker::new().unwrap();
        for _ in 0..100_000 {
            waker.wake();
        }
        // Would be for ever, were it lost.
        assert!(waker.wait_beside(quiet.reader.as_raw_fd(), u64::MAX));
    }

    /// Else a stop would keep the stand-in busy for as long as the last request takes.
    #[test]
    fn a_wake_up_ends_one_wait() {
        let waker = Waker::new().unwrap();
        let quiet = Waker::new().unwrap();
        waker.wake();
        assert!(waker.wait_beside(quiet.reader.as_raw_fd(), u64::MAX));
        assert!(!waker.wait_beside(quiet.reader.as_raw_fd(), 0));
    }
}
