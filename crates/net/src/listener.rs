//! Listening sockets: accept without blocking, rest when descriptors run out, and let go before the
//! process ends.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use crate::peer::Peer;
use crate::poll;

/// One listening socket of this process, as a copy of a descriptor that Python owns.
pub(crate) struct Listener {
    fd: OwnedFd,
    /// Python's own.
    number: RawFd,
}

/// What `accept` found.
pub(crate) enum Accepted {
    Connection(OwnedFd, Peer),
    /// None is waiting any more, or a sibling process was faster.
    Empty,
    /// One is waiting, and the process or the machine has no descriptor left.
    Exhausted(io::Error),
}

impl Listener {
    pub(crate) fn copy_of(number: RawFd) -> io::Result<Self> {
        // SAFETY: Python holds `number` open for the duration of the call.
        let fd = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()?;
        Ok(Self { fd, number })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(crate) fn accept(&self) -> Accepted {
        // SAFETY: an all-zero sockaddr_storage is valid.
        let mut address: libc::sockaddr_storage = unsafe { zeroed() };
        match accept_into(self.fd(), &mut address) {
            Ok(fd) => Accepted::Connection(fd, Peer::from_sockaddr(&address)),
            Err(error) => match error.raw_os_error() {
                // The kernel looks for a descriptor first, and only then for a connection.
                Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
                    if self.has_pending() =>
                {
                    Accepted::Exhausted(error)
                }
                // A client that gave up while it waited is as good as none.
                _ => Accepted::Empty,
            },
        }
    }

    /// Whether a connection waits.
    pub(crate) fn has_pending(&self) -> bool {
        poll::readable(self.fd())
    }

    /// Stops listening in this process: as long as a process has the socket open, the kernel accepts
    /// connections for it. Python's number stays taken, by a socket that is not connected to anything.
    pub(crate) fn stop_listening(self) -> io::Result<()> {
        let listens = same_file(self.fd(), self.number);
        let number = self.number;
        drop(self);
        if !listens {
            // Closed in Python already: the number may be another socket's.
            return Ok(());
        }
        replace(number, &UnixDatagram::unbound()?)
    }
}

/// Whether two descriptors are of the same socket.
fn same_file(one: RawFd, other: RawFd) -> bool {
    matches!((identity(one), identity(other)), (Some(a), Some(b)) if a == b)
}

fn identity(fd: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    // SAFETY: an all-zero stat is valid, and writable for the call.
    unsafe {
        let mut stat: libc::stat = zeroed();
        (libc::fstat(fd, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

/// Makes `number` a copy of `socket`, in one step: it is free at no time.
fn replace(number: RawFd, socket: &UnixDatagram) -> io::Result<()> {
    // SAFETY: plain integers; the caller knows what `number` was.
    let result = unsafe {
        match libc::dup2(socket.as_raw_fd(), number) {
            -1 => -1,
            _ => libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC),
        }
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
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
    // SAFETY: fresh from the kernel, owned by nothing else.
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
    // SAFETY: fresh from the kernel, owned by nothing else; the fcntl calls take plain integers.
    unsafe {
        let owned = OwnedFd::from_raw_fd(fd);
        libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        if libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(owned)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn a_listener_that_stops_keeps_its_number() {
        let python = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = python.local_addr().unwrap();
        let listener = Listener::copy_of(python.as_raw_fd()).unwrap();
        assert!(!listener.has_pending());
        let client = TcpStream::connect(address).unwrap();
        assert!(listener.has_pending());
        listener.stop_listening().unwrap();
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // Still open, so that the number is not used again.
        assert!(identity(python.as_raw_fd()).is_some());
        drop(client);
    }

    #[test]
    fn a_number_that_has_become_another_socket_is_left_alone() {
        let python = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = python.local_addr().unwrap();
        let number = python.into_raw_fd();
        let listener = Listener::copy_of(number).unwrap();
        let other = UnixDatagram::unbound().unwrap();
        let before = identity(other.as_raw_fd());
        replace(number, &other).unwrap();
        listener.stop_listening().unwrap();
        assert_eq!(identity(number), before);
        assert!(TcpStream::connect(address).is_err());
        // SAFETY: this test's own descriptor, closed once.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }
}
