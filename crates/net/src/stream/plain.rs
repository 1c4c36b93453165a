//! Plain TCP or a unix socket: the system calls, each in a small safe function.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::{PIECES, PeerEnd};

#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: i32 = 0;

/// A non-blocking connected socket.
pub(crate) struct Plain {
    fd: OwnedFd,
}

impl Plain {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Reads what is there; 0 is the end of the stream.
    #[inline]
    pub(super) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        // SAFETY: `room` is writable for its length.
        repeated(|| unsafe { libc::recv(self.fd(), room.as_mut_ptr().cast(), room.len(), 0) })
    }

    /// Whether the peer has ended its side and nothing is left to read before that, and how.
    pub(super) fn peer_end(&self) -> PeerEnd {
        let mut room = [0u8; 1];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        // SAFETY: one writable byte; peeking takes nothing away, and does not wait.
        let result =
            repeated(|| unsafe { libc::recv(self.fd(), room.as_mut_ptr().cast(), 1, flags) });
        match result {
            Ok(0) => PeerEnd::Ordered,
            Ok(_) => PeerEnd::None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => PeerEnd::None,
            Err(_) => PeerEnd::Broken,
        }
    }

    /// Reads into the spare capacity of `buffer`, at most `limit` bytes; 0 is the end.
    pub(super) fn read_spare(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let spare = buffer.spare_capacity_mut();
        let room = spare.len().min(limit);
        // SAFETY: `spare` is writable for `room` bytes.
        let count =
            repeated(|| unsafe { libc::recv(self.fd(), spare.as_mut_ptr().cast(), room, 0) })?;
        // SAFETY: the kernel has just initialised `count` bytes after the old length.
        unsafe { buffer.set_len(buffer.len() + count) };
        Ok(count)
    }

    /// Writes one piece; `more` tells the kernel that the message goes on.
    #[inline]
    pub(super) fn write(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = NO_SIGNAL | if more { MORE } else { 0 };
        // SAFETY: `bytes` is readable for its length.
        repeated(|| unsafe { libc::send(self.fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
    }

    /// Writes several pieces with one call (at most [`PIECES`] of them).
    pub(super) fn write_pieces(&self, pieces: &[&[u8]], more: bool) -> io::Result<usize> {
        let empty = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        let mut vectors = [empty; PIECES];
        let count = pieces.len().min(PIECES);
        for (vector, piece) in vectors.iter_mut().zip(pieces) {
            vector.iov_base = piece.as_ptr().cast_mut().cast();
            vector.iov_len = piece.len();
        }
        // SAFETY: an all-zero msghdr is a valid empty one.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = count as _;
        let flags = NO_SIGNAL | if more { MORE } else { 0 };
        // SAFETY: the vectors point to live slices; sendmsg does not write through them.
        repeated(|| unsafe { libc::sendmsg(self.fd(), &raw const message, flags) })
    }

    /// Sends a piece of a file without copying it through the process (`sendfile(2)`).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn send_file(&self, file: &File, offset: u64, count: u64) -> io::Result<usize> {
        let Ok(mut position) = libc::off_t::try_from(offset) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(1 << 30);
        // SAFETY: both descriptors are open, `position` is writable.
        repeated(|| unsafe {
            libc::sendfile(self.fd(), file.as_raw_fd(), &raw mut position, count)
        })
    }

    /// Systems without Linux's `sendfile` copy through the process.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn send_file(&self, _: &File, _: u64, _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    /// From how many bytes on the poller reports the socket as readable; its end always counts.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn wake_at(&self, bytes: i32) {
        #[expect(clippy::cast_possible_truncation, reason = "four bytes")]
        let length = std::mem::size_of::<i32>() as libc::socklen_t;
        // SAFETY: the value is readable for its length. Without it there are only more wake-ups.
        unsafe {
            libc::setsockopt(
                self.fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVLOWAT,
                (&raw const bytes).cast(),
                length,
            )
        };
    }

    /// Elsewhere a full receive buffer below the mark might never be reported.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn wake_at(&self, _: i32) {}

    /// Says that nothing more will be written.
    pub(super) fn shutdown_write(&self) {
        // SAFETY: a plain call; it can only fail because the peer has gone already.
        unsafe { libc::shutdown(self.fd(), libc::SHUT_WR) };
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE: i32 = libc::MSG_MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE: i32 = 0;

/// Makes a call, and again if a signal interrupted it.
#[inline]
fn repeated(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let count = call();
        if count >= 0 {
            return Ok(count.unsigned_abs());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
