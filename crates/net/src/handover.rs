//! The queue by which workers hand connections to each other: a pair of sockets that the master has
//! made and all its workers share. A worker whose threads are busy puts a connection into it whose
//! request waits there, with the bytes that were read; the first worker with a free thread takes it
//! out, as it accepts a new connection from a listener. What is in the queue belongs to no process:
//! the death of one loses nothing of it. Each message is taken by exactly one process.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::peer::Peer;
use crate::poll;

/// The longest message: what a worker can take in with one call.
pub(crate) const LONGEST: usize = 64 * 1024;
/// Numbers in front of a message.
const WORDS: usize = 9;
/// Their bytes.
pub(crate) const FRONT: usize = WORDS * size_of::<u64>();
/// Descriptors of a message: the connection, and a body that is in a file.
const MOST_FDS: usize = 2;
/// Bytes for so many descriptors beside a message; `CMSG_SPACE` of them is less.
const CONTROL: usize = 64;

#[cfg(any(target_os = "linux", target_os = "android"))]
const TAKE: i32 = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const TAKE: i32 = libc::MSG_DONTWAIT;

/// Both ends of the queue.
pub(crate) struct Handover {
    send: OwnedFd,
    receive: OwnedFd,
}

/// What is said of a connection and of its request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandedOver {
    /// The peer of the socket.
    pub(crate) peer: Peer,
    /// The listener that it came through, in the order that all workers have.
    pub(crate) listener: usize,
    /// Requests of the connection, this one included.
    pub(crate) requests: u32,
    /// Monotonic ns, the same for all processes, at which the request was complete.
    pub(crate) ready_ns: u64,
    /// Bytes of the PROXY header that the connection has begun with: they come first.
    pub(crate) proxied: usize,
    /// Bytes of its head, which come next.
    pub(crate) head: usize,
    /// Bytes of its body: they follow the head, unless they are in a file.
    pub(crate) body: u64,
}

/// A connection that was taken out of the queue.
pub(crate) struct Arrived {
    pub(crate) waiting: HandedOver,
    pub(crate) socket: OwnedFd,
    /// The body, if it is in a file.
    pub(crate) file: Option<File>,
    /// Bytes of the whole message in the room that was given.
    pub(crate) length: usize,
}

/// What taking has come to.
pub(crate) enum Outcome {
    Arrived(Arrived),
    /// Nothing is in the queue, or a sibling was faster.
    Empty,
    /// Out came something that cannot be served: a connection is lost.
    Lost(Option<Peer>),
}

impl Handover {
    /// Copies of the ends, which Python owns.
    pub(crate) fn copy_of(send: RawFd, receive: RawFd) -> io::Result<Self> {
        // SAFETY: Python holds both open for the duration of the calls.
        let [send, receive] = unsafe { [send, receive].map(|fd| BorrowedFd::borrow_raw(fd)) };
        Ok(Self {
            send: send.try_clone_to_owned()?,
            receive: receive.try_clone_to_owned()?,
        })
    }

    /// The end to be watched.
    pub(crate) fn fd(&self) -> RawFd {
        self.receive.as_raw_fd()
    }

    /// Whether a connection is in the queue.
    pub(crate) fn has_pending(&self) -> bool {
        poll::readable(self.fd())
    }

    /// Whether this process has room for the descriptors of a message: without, they would be lost.
    pub(crate) fn has_room(&self) -> io::Result<()> {
        let probes: io::Result<Vec<OwnedFd>> =
            (0..MOST_FDS).map(|_| self.receive.try_clone()).collect();
        probes.map(drop)
    }

    /// Puts a connection into the queue: all of it, or nothing (the queue is full).
    pub(crate) fn put(
        &self,
        waiting: &HandedOver,
        socket: RawFd,
        file: Option<&File>,
        pieces: [&[u8]; 4],
    ) -> io::Result<()> {
        let front = waiting.to_bytes();
        let [proxied, head, body, rest] = pieces;
        let parts = [&front, proxied, head, body, rest].map(IoSlice::new);
        let mut fds = [socket, -1];
        let mut count = 1;
        if let Some(file) = file {
            fds[1] = file.as_raw_fd();
            count = 2;
        }
        self.send(&parts, &fds[..count])
    }

    #[expect(clippy::cast_ptr_alignment, reason = "it is written unaligned")]
    fn send(&self, parts: &[IoSlice<'_>], fds: &[RawFd]) -> io::Result<()> {
        let mut control = Control::new();
        // SAFETY: an all-zero msghdr is valid; the pieces and `control` live for the call, and are
        // not written through; the control message has room for the descriptors (`CONTROL`).
        let sent = unsafe {
            let mut message: libc::msghdr = zeroed();
            message.msg_iov = parts.as_ptr().cast_mut().cast();
            message.msg_iovlen = parts.len() as _;
            message.msg_control = control.0.as_mut_ptr().cast();
            #[expect(clippy::cast_possible_truncation, reason = "a few descriptors")]
            let bytes = size_of_val(fds) as u32;
            message.msg_controllen = libc::CMSG_SPACE(bytes) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes) as _;
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            for (index, &fd) in fds.iter().enumerate() {
                data.add(index).write_unaligned(fd);
            }
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            libc::sendmsg(self.send.as_raw_fd(), &raw const message, flags)
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Takes a connection out; its message is in `room`, which has [`LONGEST`] bytes.
    pub(crate) fn take(&self, room: &mut [u8]) -> Outcome {
        let Some((length, fds)) = self.receive(room) else {
            return Outcome::Empty;
        };
        let waiting = room.get(..length).and_then(HandedOver::from_bytes);
        let mut fds = fds.into_iter().flatten();
        match (waiting, fds.next()) {
            (Some(waiting), Some(socket)) => Outcome::Arrived(Arrived {
                waiting,
                socket,
                file: fds.next().map(File::from),
                length,
            }),
            (waiting, _) => Outcome::Lost(waiting.map(|waiting| waiting.peer)),
        }
    }

    /// Puts the oldest connection behind the others: another process is told of it then. False: it
    /// could not be put back, and is lost; true also if there is none.
    pub(crate) fn turn_round(&self, room: &mut [u8]) -> bool {
        let Some((length, fds)) = self.receive(room) else {
            return true;
        };
        let numbers: Vec<RawFd> = fds.iter().flatten().map(AsRawFd::as_raw_fd).collect();
        let Some(message) = room.get(..length) else {
            return false;
        };
        // It has just left its room, which only a sibling can have taken meanwhile.
        self.send(&[IoSlice::new(message)], &numbers).is_ok()
    }

    #[expect(clippy::cast_ptr_alignment, reason = "it is read unaligned")]
    fn receive(&self, room: &mut [u8]) -> Option<(usize, [Option<OwnedFd>; MOST_FDS])> {
        let mut control = Control::new();
        let mut fds = [const { None }; MOST_FDS];
        let mut parts = [IoSliceMut::new(room)];
        // SAFETY: an all-zero msghdr is valid; the room and `control` are writable for the call. The
        // descriptors in the control message are fresh from the kernel, owned by nothing else.
        let length = unsafe {
            let mut message: libc::msghdr = zeroed();
            message.msg_iov = parts.as_mut_ptr().cast();
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = control.0.len() as _;
            let length = libc::recvmsg(self.receive.as_raw_fd(), &raw mut message, TAKE);
            let mut header = libc::CMSG_FIRSTHDR(&raw const message);
            while length >= 0 && !header.is_null() {
                if (*header).cmsg_level == libc::SOL_SOCKET
                    && (*header).cmsg_type == libc::SCM_RIGHTS
                {
                    let data = libc::CMSG_DATA(header).cast::<RawFd>();
                    let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                    for index in 0..bytes / size_of::<RawFd>() {
                        let fd = OwnedFd::from_raw_fd(data.add(index).read_unaligned());
                        if let Some(place) = fds.get_mut(index) {
                            *place = Some(fd);
                        }
                    }
                }
                header = libc::CMSG_NXTHDR(&raw const message, header);
            }
            length
        };
        // Nothing is there, or (0) no process could ever put something in.
        let length = usize::try_from(length).ok().filter(|&length| length > 0)?;
        Some((length, fds))
    }
}

/// Room beside a message, aligned as its headers must be.
#[repr(align(8))]
struct Control([u8; CONTROL]);

impl Control {
    const fn new() -> Self {
        Self([0; CONTROL])
    }
}

impl HandedOver {
    fn to_bytes(self) -> [u8; FRONT] {
        let [kind, high, low] = self.peer.to_words();
        let words = [
            kind,
            high,
            low,
            self.listener as u64,
            u64::from(self.requests),
            self.ready_ns,
            self.proxied as u64,
            self.head as u64,
            self.body,
        ];
        let mut bytes = [0; FRONT];
        for (place, word) in bytes.chunks_exact_mut(size_of::<u64>()).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut words = [0; WORDS];
        let front = bytes.get(..FRONT)?;
        for (word, place) in words.iter_mut().zip(front.chunks_exact(size_of::<u64>())) {
            *word = u64::from_ne_bytes(place.try_into().ok()?);
        }
        let [
            kind,
            high,
            low,
            listener,
            requests,
            ready_ns,
            proxied,
            head,
            body,
        ] = words;
        Some(Self {
            peer: Peer::from_words([kind, high, low]),
            listener: usize::try_from(listener).ok()?,
            requests: u32::try_from(requests).ok()?,
            ready_ns,
            proxied: usize::try_from(proxied).ok()?,
            head: usize::try_from(head).ok()?,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn queue() -> Handover {
        let (send, receive) = crate::testing::queue_ends();
        Handover { send, receive }
    }

    fn waiting(head: usize, body: u64) -> HandedOver {
        HandedOver {
            peer: Peer::Tcp("10.1.2.3".parse().unwrap(), 77),
            listener: 3,
            requests: 9,
            ready_ns: 123_456_789_012,
            proxied: 2,
            head,
            body,
        }
    }

    #[test]
    fn a_connection_goes_through_with_what_was_read() {
        let queue = queue();
        assert!(!queue.has_pending());
        let mut room = vec![0; LONGEST];
        assert!(matches!(queue.take(&mut room), Outcome::Empty));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let said = waiting(4, 5);
        queue
            .put(
                &said,
                accepted.as_raw_fd(),
                None,
                [b"by", b"head", b"body!", b"rest"],
            )
            .unwrap();
        // The sender's copy is not needed any more.
        drop(accepted);
        assert!(queue.has_pending());
        let Outcome::Arrived(arrived) = queue.take(&mut room) else {
            panic!("nothing was taken");
        };
        assert_eq!(arrived.waiting, said);
        assert!(arrived.file.is_none());
        assert_eq!(&room[FRONT..arrived.length], b"byheadbody!rest");
        let mut stream = TcpStream::from(arrived.socket);
        stream.write_all(b"x").unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        assert!(!queue.has_pending());
    }

    #[test]
    fn a_file_goes_with_it_and_each_is_turned_round_whole() {
        let queue = queue();
        let file = File::open("/dev/null").unwrap();
        for listener in 0..3 {
            let said = HandedOver {
                listener,
                ..waiting(1, 7)
            };
            queue
                .put(&said, queue.fd(), Some(&file), [b"", b"h", b"", b""])
                .unwrap();
        }
        let mut room = vec![0; LONGEST];
        assert!(queue.turn_round(&mut room));
        for expected in [1, 2, 0] {
            let Outcome::Arrived(arrived) = queue.take(&mut room) else {
                panic!("nothing was taken");
            };
            assert_eq!(arrived.waiting.listener, expected);
            assert!(arrived.file.is_some());
            assert_eq!(&room[FRONT..arrived.length], b"h");
        }
        assert!(queue.turn_round(&mut room));
        assert!(!queue.has_pending());
    }

    #[test]
    fn a_full_queue_takes_nothing_more() {
        let queue = queue();
        let piece = vec![b'x'; 16 * 1024];
        let said = waiting(piece.len(), 0);
        let mut count = 0;
        while let Ok(()) = queue.put(&said, queue.fd(), None, [b"", &piece, b"", b""]) {
            count += 1;
            assert!(count < 10_000, "the queue has no end");
        }
        let mut room = vec![0; LONGEST];
        for _ in 0..count {
            assert!(matches!(queue.take(&mut room), Outcome::Arrived(_)));
        }
        assert!(matches!(queue.take(&mut room), Outcome::Empty));
    }

    #[test]
    fn what_cannot_be_understood_is_a_loss_that_is_told() {
        let queue = queue();
        let mut room = vec![0; LONGEST];
        queue
            .send(&[IoSlice::new(b"short")], &[queue.fd()])
            .unwrap();
        assert!(matches!(queue.take(&mut room), Outcome::Lost(None)));
        let front = waiting(0, 0).to_bytes();
        // SAFETY: readable for its length.
        let sent = unsafe {
            libc::send(
                queue.send.as_raw_fd(),
                front.as_ptr().cast(),
                front.len(),
                0,
            )
        };
        assert_eq!(usize::try_from(sent).unwrap(), FRONT);
        let Outcome::Lost(Some(peer)) = queue.take(&mut room) else {
            panic!("a message without a descriptor was taken");
        };
        assert_eq!(peer, waiting(0, 0).peer);
    }
}
