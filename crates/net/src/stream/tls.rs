//! TLS over a socket, by rustls: plain bytes here, records there, and never a wait.
//!
//! rustls keeps no bytes: records are read into, and made in, buffers that all connections of a
//! worker share, and a connection keeps only what is left over: a part of a record, or what the kernel
//! did not take. So an idle one has no buffer at all.

mod bridge;

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection as Session;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

use super::plain::Plain;
use super::{PeerEnd, ReadOutcome, WriteOutcome, read_outcome, write_outcome};
use crate::tls::{Acceptor, Buffers, Established, Failure, Tools};

pub(crate) use bridge::settle;

/// Plain bytes encrypted for one write at most: some records of 16 KiB each.
const BLOCK: usize = 64 * 1024;
/// Bytes of records read at once.
const WIRE: usize = 32 * 1024;
/// Bytes kept of what is not complete: a record is shorter (RFC 8446 section 5.2), and so are the
/// messages of a handshake, in whatever pieces they come.
const LONGEST: usize = 96 * 1024;

/// How the peer has ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It goes on.
    None,
    /// With `close_notify`, or with the end of TCP alone, as most clients do: HTTP says itself where
    /// a message ends, so that nothing is cut short unseen.
    Ordered,
}

/// One TLS connection.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is used"
)]
pub(crate) struct Tls {
    socket: Plain,
    session: Session,
    tools: Arc<Tools>,
    /// Bytes of a record that is not complete.
    rest: Vec<u8>,
    /// What was decrypted and not taken yet, from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// Records that the kernel has not taken, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
    /// The last look at the socket has emptied it.
    drained: bool,
    end: End,
    /// The end of the handshake was told of.
    told: bool,
    /// A byte of the peer has come.
    pub(super) begun: bool,
    failure: Option<Failure>,
    /// The end of TCP follows the records that wait.
    closing: bool,
    /// The session has not begun, or has failed: bytes go as they are.
    passes: bool,
}

impl Tls {
    /// The server's side of a connection whose handshake is still to come, `in_clear` behind
    /// something else.
    pub(super) fn accept(socket: OwnedFd, acceptor: &Acceptor, in_clear: bool) -> io::Result<Self> {
        let session = acceptor.session().map_err(io::Error::other)?;
        Ok(Self {
            socket: Plain::new(socket),
            session,
            tools: acceptor.tools(),
            rest: Vec::new(),
            plain: Vec::new(),
            taken: 0,
            unsent: Vec::new(),
            sent: 0,
            drained: false,
            end: End::None,
            told: false,
            begun: false,
            failure: None,
            closing: false,
            passes: in_clear,
        })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.fd()
    }

    /// A socket for plain bytes, from which a thread of its own carries them to the client and back.
    pub(super) fn bridged(self: Box<Self>) -> io::Result<OwnedFd> {
        bridge::open(self)
    }

    /// Whether the handshake has not begun, since something stands before it.
    pub(super) fn in_clear(&self) -> bool {
        self.passes && !self.begun
    }

    /// Begins with the handshake, of which these bytes were read already.
    pub(super) fn begin(&mut self, read: Vec<u8>) {
        self.passes = false;
        self.rest = read;
    }

    /// Whether the handshake is not over yet.
    pub(super) fn in_handshake(&self) -> bool {
        self.session.is_handshaking()
    }

    /// What the handshake has agreed on, told once.
    pub(super) fn established(&mut self) -> Option<Established> {
        if self.told || self.session.is_handshaking() {
            return None;
        }
        self.told = true;
        Some(Established::of(&self.session))
    }

    /// Why this connection cannot go on, told once. What follows passes by the session.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        let failure = self.failure.take();
        self.passes |= failure.is_some();
        failure
    }

    /// Whether there is something to read that the poller does not know of.
    pub(super) fn holds_input(&self) -> bool {
        self.taken < self.plain.len() || self.end != End::None && self.told
    }

    /// Decrypts into `room`; goes on with the handshake meanwhile.
    pub(super) fn read(&mut self, room: &mut [u8], ended: bool) -> io::Result<ReadOutcome> {
        if self.passes {
            return read_outcome(self.socket.read(room), room.len(), ended);
        }
        loop {
            let count = self.take(room);
            if count > 0 {
                let nothing_left = self.plain.is_empty() && self.end == End::None;
                return Ok(ReadOutcome::Bytes {
                    count,
                    drained: nothing_left && self.drained && !ended,
                });
            }
            if self.end != End::None {
                return Ok(ReadOutcome::Closed);
            }
            if !self.receive()? {
                return Ok(ReadOutcome::Empty);
            }
        }
    }

    /// The same, behind what is in `buffer`.
    pub(super) fn read_spare(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: usize,
        ended: bool,
    ) -> io::Result<ReadOutcome> {
        let start = buffer.len();
        let room = limit.min(buffer.capacity() - start);
        buffer.resize(start + room, 0);
        let outcome = self.read(&mut buffer[start..], ended);
        let count = match outcome {
            Ok(ReadOutcome::Bytes { count, .. }) => count,
            _ => 0,
        };
        buffer.truncate(start + count);
        outcome
    }

    /// How the peer has ended its side. What has come before its end is decrypted and kept, one
    /// look's worth at a time.
    pub(super) fn peer_end(&mut self) -> PeerEnd {
        if self.passes {
            return self.socket.peer_end();
        }
        while self.taken == self.plain.len() && self.end == End::None {
            match self.receive() {
                Ok(true) => {}
                Ok(false) => return PeerEnd::None,
                Err(_) => return PeerEnd::Broken,
            }
        }
        if self.taken < self.plain.len() {
            // More may come before this is taken, and the poller tells of that only once.
            self.drained = false;
            return PeerEnd::None;
        }
        match self.socket.peer_end() {
            PeerEnd::Broken => PeerEnd::Broken,
            PeerEnd::None | PeerEnd::Ordered => PeerEnd::Ordered,
        }
    }

    /// Encrypts pieces and writes the records. All that was encrypted counts as written; what the
    /// kernel does not take of it waits here, and nothing more is taken meanwhile.
    pub(super) fn write(&mut self, pieces: &[&[u8]], more: bool) -> io::Result<WriteOutcome> {
        if !self.send(false)? {
            return Ok(WriteOutcome::WantsWrite);
        }
        if self.passes {
            return write_outcome(self.socket.write_pieces(pieces, more));
        }
        let tools = Arc::clone(&self.tools);
        let mut buffers = tools.buffers();
        let Buffers { wire, joined } = &mut *buffers;
        let block = if let [piece] = pieces {
            &piece[..piece.len().min(BLOCK)]
        } else {
            joined.clear();
            for piece in pieces {
                let room = BLOCK - joined.len();
                joined.extend_from_slice(&piece[..piece.len().min(room)]);
            }
            joined.as_slice()
        };
        if block.is_empty() {
            return Ok(WriteOutcome::Bytes(0));
        }
        let length = self.encrypt(block, wire)?;
        let sent = match self.socket.write(&wire[..length], more) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.unsent.extend_from_slice(&wire[sent..length]);
        Ok(WriteOutcome::Bytes(block.len()))
    }

    /// Whether records wait that the kernel has not taken.
    pub(super) fn wants_write(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Says that nothing more will come: `close_notify`, and then the end of TCP (RFC 8446 section
    /// 6.1). While the kernel has no room for it, it wants to write on.
    pub(super) fn shutdown_write(&mut self) {
        if !self.session.is_handshaking() && self.failure.is_none() && !self.passes {
            let tools = Arc::clone(&self.tools);
            let wire = &mut tools.buffers().wire;
            let mut rest = std::mem::take(&mut self.rest);
            let status = self.session.process_tls_records(&mut rest);
            if let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state
                && let Ok(length) = traffic.queue_close_notify(wire)
            {
                self.unsent.extend_from_slice(&wire[..length]);
            }
            // What its peer has left to say is not read any more by this session.
            self.rest = rest;
        }
        self.closing = true;
        if self.send(false).is_err() {
            self.socket.shutdown_write();
        }
    }

    /// Takes what was decrypted.
    fn take(&mut self, room: &mut [u8]) -> usize {
        let left = &self.plain[self.taken..];
        let count = left.len().min(room.len());
        room[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        if self.taken == self.plain.len() {
            self.taken = 0;
            self.plain = Vec::new();
        }
        count
    }

    /// Reads once from the socket and goes on with what has come. False: nothing was there.
    fn receive(&mut self) -> io::Result<bool> {
        let tools = Arc::clone(&self.tools);
        let mut buffers = tools.buffers();
        let wire = &mut buffers.wire;
        let kept = self.rest.len();
        if wire.len() < kept + WIRE {
            wire.resize(kept + WIRE, 0);
        }
        wire[..kept].copy_from_slice(&self.rest);
        let count = match self.socket.read(&mut wire[kept..kept + WIRE]) {
            Ok(0) => {
                self.end = End::Ordered;
                return Ok(true);
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.drained = true;
                if kept == 0 || self.begun {
                    return Ok(false);
                }
                0
            }
            Err(error) => return Err(error),
        };
        self.drained = count < WIRE;
        let bytes = &mut wire[..kept + count];
        if !std::mem::replace(&mut self.begun, true) && is_http(bytes) {
            let head = bytes.starts_with(b"HEAD ");
            self.failure = Some(Failure::PlainHttp { head });
            return Err(io::ErrorKind::InvalidData.into());
        }
        let used = self.process(bytes);
        let left = &bytes[used..];
        if left.is_empty() {
            self.rest = Vec::new();
        } else {
            self.rest.clear();
            self.rest.extend_from_slice(left);
        }
        if left.len() > LONGEST && self.failure.is_none() {
            self.failure = Some(Failure::TooLong);
        }
        let sent = self.send(false);
        if self.failure.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        sent?;
        Ok(true)
    }

    /// Goes on with all records that are complete. Gives the number of bytes that are used up.
    fn process(&mut self, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.session.process_tls_records(&mut bytes[used..]);
            let mut blocked = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        self.plain.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(|room| data.encode(room), &mut self.unsent);
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.end = End::Ordered;
                    blocked = true;
                }
                Err(error) if self.failure.is_none() => {
                    self.failure = Some(Failure::of(&error, self.session.is_handshaking()));
                }
                // More of its bytes are needed, or nothing more is.
                Ok(_) | Err(_) => blocked = true,
            }
            // Once more, for the alert that tells the peer.
            blocked |= self.failure.is_some() && !self.session.wants_write();
            used += discard;
            if blocked {
                return used;
            }
        }
    }

    /// Encrypts a block into `wire`. Gives the number of bytes made.
    fn encrypt(&mut self, block: &[u8], wire: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let UnbufferedStatus { discard, state } =
                self.session.process_tls_records(&mut self.rest);
            let mut made = None;
            match state.map_err(io::Error::other)? {
                ConnectionState::WriteTraffic(mut traffic) => match traffic.encrypt(block, wire) {
                    Ok(length) => made = Some(length),
                    Err(EncryptError::InsufficientSize(InsufficientSizeError {
                        required_size,
                    })) => wire.resize(required_size, 0),
                    Err(error) => return Err(io::Error::other(error)),
                },
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        self.plain.extend_from_slice(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(|room| data.encode(room), &mut self.unsent);
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.end = End::Ordered,
                // The handshake is not over: what could be said would not be encrypted.
                _ => return Err(io::ErrorKind::NotConnected.into()),
            }
            self.rest.drain(..discard);
            if let Some(length) = made {
                return Ok(length);
            }
        }
    }

    /// Writes the records that wait. False: the kernel has no room for all.
    fn send(&mut self, more: bool) -> io::Result<bool> {
        while self.sent < self.unsent.len() {
            match self.socket.write(&self.unsent[self.sent..], more) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.sent > 0 {
            self.sent = 0;
            self.unsent = Vec::new();
        }
        if std::mem::take(&mut self.closing) {
            self.socket.shutdown_write();
        }
        Ok(true)
    }
}

/// Appends a record of a handshake, which says itself how much room it needs.
fn encode(mut record: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut size = 512;
    loop {
        out.resize(start + size, 0);
        match record(&mut out[start..]) {
            Ok(length) => return out.truncate(start + length),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                size = required_size;
            }
            Err(EncodeError::AlreadyEncoded) => return out.truncate(start),
        }
    }
}

/// Whether the first bytes are those of a request without TLS: a method begins with a letter, and
/// the first byte of a handshake is 22 (RFC 8446 section 5.1).
fn is_http(bytes: &[u8]) -> bool {
    bytes.iter().take(3).all(u8::is_ascii_uppercase)
}
