//! Listening sockets: accept without blocking, and rest when descriptors run out.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::peer::Peer;
use crate::stream::Stream;

/// One listening socket of this process. The engine works on a copy of the master's descriptor.
pub(crate) struct Listener {
    fd: OwnedFd,
}

/// What `accept` found.
pub(crate) enum Accepted {
    Connection(Stream, Peer),
    /// Nobody is waiting any more, or a sibling process was faster.
    Empty,
    /// The process or the machine has no descriptor left.
    Exhausted(io::Error),
}

impl Listener {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn accept(&self) -> Accepted {
        // SAFETY: an all-zero sockaddr_storage is valid.
        let mut address: libc::sockaddr_storage = unsafe { zeroed() };
        match accept_into(self.fd(), &mut address) {
            Ok(fd) => Accepted::Connection(Stream::new(fd), Peer::from_sockaddr(&address)),
            Err(error) => match error.raw_os_error() {
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                    Accepted::Exhausted(error)
                }
                // A client that gave up while it waited is as good as none.
                _ => Accepted::Empty,
            },
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the size of a sockaddr_storage is 128"
)]
fn accept_into(listener: RawFd, address: &mut libc::sockaddr_storage) -> io::Result<OwnedFd> {
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `address` is writable for `length` bytes.
    let fd = unsafe { libc::accept4(listener, (&raw mut *address).cast(), &raw mut length, flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fresh from the kernel, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn accept_into(listener: RawFd, address: &mut libc::sockaddr_storage) -> io::Result<OwnedFd> {
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: `address` is writable for `length` bytes.
    let fd = unsafe { libc::accept(listener, (&raw mut *address).cast(), &raw mut length) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fresh from the kernel, owned by nobody else; the fcntl calls take plain integers.
    unsafe {
        let owned = OwnedFd::from_raw_fd(fd);
        libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        if libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(owned)
    }
}
