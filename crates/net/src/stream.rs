//! The transport of one connection: bytes to the peer and back.
//!
//! What the reactor may ask of a transport is here, and what a call has come to is told in words, not
//! guessed from byte counts: a transport that encrypts reads other amounts than it delivers, writes
//! bytes of its own, and cannot do what the kernel does with plain bytes. What one cannot do it
//! declines, and its callers have another way.

mod plain;
pub(crate) mod tls;

use std::fs::File;
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use plain::Plain;
use tls::Tls;

use crate::tls::{Acceptor, Established, Failure};

/// Most pieces handed to one write.
pub(crate) const PIECES: usize = 64;

/// The transport of a connection.
pub(crate) enum Stream {
    /// The bytes as they are.
    Plain(Plain),
    /// Encrypted.
    Tls(Box<Tls>),
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes, at least one. `drained`: nothing is left, and the poller reports what comes.
    Bytes { count: usize, drained: bool },
    /// Nothing is there; the poller reports what comes.
    Empty,
    /// The peer has ended its side in order, and sends no more.
    Closed,
}

/// How the peer has ended its side, with nothing left to read before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerEnd {
    /// It has not, or there is something to read.
    None,
    /// In order: it sends no more, and may wait for what is sent to it.
    Ordered,
    /// With a reset, or another error: nothing reaches it any more.
    Broken,
}

/// What a write has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// So many bytes were taken.
    Bytes(usize),
    /// None: go on when the poller reports room to write.
    WantsWrite,
}

impl Stream {
    /// A connection whose bytes are not encrypted; the socket does not block.
    pub(crate) fn plain(socket: OwnedFd) -> Self {
        Self::Plain(Plain::new(socket))
    }

    /// A connection that begins with a handshake of TLS; the socket does not block. `in_clear`:
    /// something stands before it ([`Self::begin_tls`]).
    pub(crate) fn tls(socket: OwnedFd, acceptor: &Acceptor, in_clear: bool) -> io::Result<Self> {
        let tls = Tls::accept(socket, acceptor, in_clear)?;
        Ok(Self::Tls(Box::new(tls)))
    }

    /// Whether what stands before a handshake is being read.
    pub(crate) fn in_clear(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.in_clear(),
        }
    }

    /// Goes on with the handshake, of which these bytes were read already.
    pub(crate) fn begin_tls(&mut self, read: Vec<u8>) {
        match self {
            Self::Plain(_) => {}
            Self::Tls(tls) => tls.begin(read),
        }
    }

    /// Whether a handshake is still going on, before which nothing can be said.
    #[inline]
    pub(crate) fn in_handshake(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.in_handshake(),
        }
    }

    /// Whether the client has begun with a handshake that is not over yet.
    pub(crate) fn has_begun_handshake(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.begun && tls.in_handshake(),
        }
    }

    /// What the handshake has agreed on, told once, when it is over.
    #[inline]
    pub(crate) fn established(&mut self) -> Option<Established> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.established(),
        }
    }

    /// Why an error has ended a connection, if that is for the log and the client; told once. What is
    /// read and written from then on goes without TLS.
    pub(crate) fn failure(&mut self) -> Option<Failure> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.failure(),
        }
    }

    /// Whether there is something to read of which the poller does not know, because a look at the
    /// peer's end has taken it from the kernel.
    pub(crate) fn holds_input(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.holds_input(),
        }
    }

    /// The descriptor to register with the poller.
    pub(crate) fn fd(&self) -> RawFd {
        match self {
            Self::Plain(plain) => plain.fd(),
            Self::Tls(tls) => tls.fd(),
        }
    }

    /// Reads into `room`, which is not empty. `ended`: the poller has announced the peer's end, so
    /// that an end is to be read behind the bytes, of which it will not tell again. An error ends
    /// the connection.
    #[inline]
    pub(crate) fn read(&mut self, room: &mut [u8], ended: bool) -> io::Result<ReadOutcome> {
        match self {
            Self::Plain(plain) => read_outcome(plain.read(room), room.len(), ended),
            Self::Tls(tls) => tls.read(room, ended),
        }
    }

    /// Whether [`Self::read_spare`] is worth it: bytes come to their place without a copy.
    pub(crate) fn reads_in_place(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(_) => false,
        }
    }

    /// Reads into the spare capacity of `buffer`, at most `limit` bytes.
    pub(crate) fn read_spare(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: usize,
        ended: bool,
    ) -> io::Result<ReadOutcome> {
        match self {
            Self::Plain(plain) => read_outcome(plain.read_spare(buffer, limit), limit, ended),
            Self::Tls(tls) => tls.read_spare(buffer, limit, ended),
        }
    }

    /// How the peer has ended its side, if nothing is left to read before that. A transport that has
    /// to read to know it keeps what it finds ([`Self::holds_input`]).
    pub(crate) fn peer_end(&mut self) -> PeerEnd {
        match self {
            Self::Plain(plain) => plain.peer_end(),
            Self::Tls(tls) => tls.peer_end(),
        }
    }

    /// Writes one piece. `more`: another one follows at once, so that a packet may wait for it.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<WriteOutcome> {
        match self {
            Self::Plain(plain) => write_outcome(plain.write(bytes, more)),
            Self::Tls(tls) => tls.write(&[bytes], more),
        }
    }

    /// Writes several pieces with one call (at most [`PIECES`] of them).
    pub(crate) fn write_pieces(
        &mut self,
        pieces: &[&[u8]],
        more: bool,
    ) -> io::Result<WriteOutcome> {
        match self {
            Self::Plain(plain) => write_outcome(plain.write_pieces(pieces, more)),
            Self::Tls(tls) => tls.write(pieces, more),
        }
    }

    /// Sends a part of a file without copying it through the process. `None`: this transport, or this
    /// file, needs the copy.
    pub(crate) fn send_file(
        &mut self,
        file: &File,
        offset: u64,
        count: u64,
    ) -> io::Result<Option<WriteOutcome>> {
        match self {
            Self::Plain(plain) => match plain.send_file(file, offset, count) {
                Err(error) if needs_copy(&error) => Ok(None),
                result => write_outcome(result).map(Some),
            },
            Self::Tls(_) => Ok(None),
        }
    }

    /// Whether it still has to write, by itself or something that it has taken: the bytes of a
    /// handshake, say, or a record that the kernel took in part. A write does, of nothing too.
    #[inline]
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            // Every byte that it takes is with the kernel.
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.wants_write(),
        }
    }

    /// From how many bytes on the poller should report it as readable; its end always counts. Where
    /// that cannot be said it is reported more often.
    pub(crate) fn wake_at(&self, bytes: i32) {
        match self {
            Self::Plain(plain) => plain.wake_at(bytes),
            // A part of what is missing may have been read as a part of a record.
            Self::Tls(_) => {}
        }
    }

    /// Says that nothing more will be written; the peer may go on sending.
    pub(crate) fn shutdown_write(&mut self) {
        match self {
            Self::Plain(plain) => plain.shutdown_write(),
            Self::Tls(tls) => tls.shutdown_write(),
        }
    }

    /// Whether another process can go on with the bare socket.
    pub(crate) fn can_be_detached(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(_) => false,
        }
    }

    /// A socket for plain bytes: the bare one, or one from which they are carried.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        match self {
            Self::Plain(plain) => Ok(plain.into_fd()),
            Self::Tls(tls) => tls.bridged(),
        }
    }
}

/// What a read of plain bytes, with so much `room`, says. The poller is edge-triggered: a short read
/// has emptied the socket, unless the end is announced.
#[inline]
fn read_outcome(result: io::Result<usize>, room: usize, ended: bool) -> io::Result<ReadOutcome> {
    match result {
        Ok(0) => Ok(ReadOutcome::Closed),
        Ok(count) => Ok(ReadOutcome::Bytes {
            count,
            drained: count < room && !ended,
        }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(ReadOutcome::Empty),
        Err(error) => Err(error),
    }
}

#[inline]
fn write_outcome(result: io::Result<usize>) -> io::Result<WriteOutcome> {
    match result {
        Ok(count) => Ok(WriteOutcome::Bytes(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(WriteOutcome::WantsWrite),
        Err(error) => Err(error),
    }
}

/// Not every file can be sent by the kernel, and not every system can do it.
fn needs_copy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
        || matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (Stream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Stream::plain(OwnedFd::from(ours)), theirs)
    }

    fn bytes(count: usize, drained: bool) -> ReadOutcome {
        ReadOutcome::Bytes { count, drained }
    }

    /// A read that fills its room tells nothing of what is left, nor one after which an end is due.
    #[test]
    fn reads_say_whether_something_is_left() {
        let (mut stream, mut peer) = pair();
        let mut room = [0; 4];
        assert_eq!(stream.read(&mut room, false).unwrap(), ReadOutcome::Empty);
        peer.write_all(b"1234567").unwrap();
        assert_eq!(stream.read(&mut room, false).unwrap(), bytes(4, false));
        assert_eq!(stream.read(&mut room, false).unwrap(), bytes(3, true));
        peer.write_all(b"89").unwrap();
        assert_eq!(stream.peer_end(), PeerEnd::None);
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut room, true).unwrap(), bytes(2, false));
        assert_eq!(stream.peer_end(), PeerEnd::Ordered);
        assert_eq!(stream.read(&mut room, true).unwrap(), ReadOutcome::Closed);
    }

    #[test]
    fn reads_go_behind_what_is_in_a_buffer() {
        let (mut stream, mut peer) = pair();
        let mut buffer = Vec::with_capacity(100);
        buffer.push(b'0');
        peer.write_all(b"12345").unwrap();
        let first = stream.read_spare(&mut buffer, 3, false).unwrap();
        assert_eq!((first, buffer.as_slice()), (bytes(3, false), &b"0123"[..]));
        let second = stream.read_spare(&mut buffer, 3, false).unwrap();
        assert_eq!(
            (second, buffer.as_slice()),
            (bytes(2, true), &b"012345"[..])
        );
    }

    #[test]
    fn writes_end_with_the_room_and_with_the_peer() {
        let (mut stream, mut peer) = pair();
        let block = [b'x'; 10_000];
        let mut written = 0;
        let mut write = || stream.write_pieces(&[&block, &block], false).unwrap();
        while let WriteOutcome::Bytes(count) = write() {
            written += count;
        }
        let full = stream.write(&block, true).unwrap();
        assert_eq!(full, WriteOutcome::WantsWrite);
        let mut room = vec![0; written];
        peer.read_exact(&mut room).unwrap();
        let count = stream.write(b"x", false).unwrap();
        assert_eq!(count, WriteOutcome::Bytes(1));
        drop(peer);
        assert!(stream.write(b"x", false).is_err());
    }

    /// A file that the kernel cannot send is not an error: it is copied.
    #[test]
    fn some_files_need_a_copy() {
        let (mut stream, _peer) = pair();
        let file =
            File::open("/proc/self/stat").unwrap_or_else(|_| File::open("/dev/null").unwrap());
        assert!(stream.send_file(&file, 0, 10).is_ok());
        let directory = File::open("/").unwrap();
        assert_eq!(stream.send_file(&directory, 0, 10).unwrap(), None);
    }
}
