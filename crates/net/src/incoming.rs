//! A request body that flows: handed out as it comes, and bounded by how fast it is asked for.
//!
//! The request goes to the application when its head is complete. What comes of the body waits here;
//! above the high-water mark the socket is not read, so that the kernel slows the client down.

/// Bytes that wait above which the socket is not read.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// Bytes of a body that are read and dropped behind a response, so that the connection can be kept.
const DISCARDED: usize = 256 * 1024;

/// What has come of a body that flows, and has not been asked for.
#[derive(Debug)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    /// Of these, so many were handed out.
    start: usize,
    state: Flow,
    /// The client waits for `100 Continue` (RFC 9110 section 10.1.1).
    expects_continue: bool,
    /// The application has asked in vain, and is to be told when there is more.
    pub(crate) awaited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// More is to come.
    Open,
    /// Nothing more: the body is complete.
    Ended,
    /// More is to come and not wanted; so many bytes may still be dropped.
    Discarding(usize),
}

/// What an application gets that asks for more of its request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// So many bytes.
    Bytes(usize),
    /// Nothing has come yet; the connection is named when something has.
    Later,
    /// The body is complete, and all of it was handed out.
    End,
    /// The client has gone, or has broken a rule: there is no more, and no answer is wanted.
    Gone,
}

impl Incoming {
    pub(crate) fn new(expects_continue: bool) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            state: Flow::Open,
            expects_continue,
            awaited: false,
        }
    }

    /// More of the body has come.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.expects_continue = false;
        match &mut self.state {
            Flow::Open | Flow::Ended => {
                if self.start > 0 && self.start >= self.bytes.len() - self.start {
                    self.bytes.drain(..std::mem::take(&mut self.start));
                }
                self.bytes.extend_from_slice(bytes);
            }
            Flow::Discarding(left) => *left = left.saturating_sub(bytes.len()),
        }
    }

    /// The body is complete.
    pub(crate) fn end(&mut self) {
        self.state = Flow::Ended;
    }

    /// Nothing more is to come.
    pub(crate) fn ended(&self) -> bool {
        self.state == Flow::Ended
    }

    /// Nothing more is to come, and nothing waits.
    pub(crate) fn is_over(&self) -> bool {
        self.ended() && self.waiting() == 0
    }

    /// Whether the socket may be read for more.
    pub(crate) fn wants_bytes(&self) -> bool {
        match self.state {
            Flow::Open => self.waiting() < HIGH_WATER,
            Flow::Ended => false,
            Flow::Discarding(left) => left > 0,
        }
    }

    /// The response is complete: nothing more is handed out.
    pub(crate) fn discard(&mut self) {
        if self.state == Flow::Open {
            self.state = Flow::Discarding(DISCARDED.saturating_sub(self.waiting()));
        }
        self.bytes = Vec::new();
        self.start = 0;
    }

    /// Whether `100 Continue` is to be sent now that the body is asked for; once.
    pub(crate) fn take_expectation(&mut self) -> bool {
        std::mem::take(&mut self.expects_continue)
    }

    /// Appends at most `most` bytes of what waits to `room`; their number. All of it changes hands
    /// without a copy.
    pub(crate) fn take(&mut self, most: usize, room: &mut Vec<u8>) -> usize {
        let count = self.waiting().min(most);
        if count == self.bytes.len() && room.is_empty() {
            std::mem::swap(&mut self.bytes, room);
            return count;
        }
        room.extend_from_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        count
    }

    /// Something waits, or the end of it.
    pub(crate) fn has_some(&self) -> bool {
        self.ended() || self.waiting() > 0
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// What waits, to be taken in place: see [`Self::drop_first`].
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// So many bytes of what waits were taken. What is idle keeps no buffer.
    pub(crate) fn drop_first(&mut self, count: usize) {
        self.start += count;
        if self.start == self.bytes.len() {
            self.bytes = Vec::new();
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_until_enough_was_taken() {
        let mut incoming = Incoming::new(false);
        assert!(incoming.wants_bytes());
        incoming.push(&vec![b'x'; HIGH_WATER]);
        assert!(!incoming.wants_bytes());
        let mut room = Vec::new();
        assert_eq!(incoming.take(1, &mut room), 1);
        assert!(incoming.wants_bytes());
        incoming.end();
        assert!(incoming.ended() && !incoming.wants_bytes());
        assert_eq!(incoming.take(usize::MAX, &mut room), HIGH_WATER - 1);
        assert_eq!((incoming.take(9, &mut room), room.len()), (0, HIGH_WATER));
    }

    #[test]
    fn all_of_it_changes_hands() {
        let mut incoming = Incoming::new(false);
        incoming.push(&[b'x'; 100]);
        let place = incoming.bytes.as_ptr();
        let mut room = Vec::new();
        assert_eq!(incoming.take(100, &mut room), 100);
        assert_eq!((room.as_ptr(), room.len()), (place, 100));
        incoming.push(b"more");
        assert_eq!((incoming.take(9, &mut room), room.len()), (4, 104));
    }

    /// What was handed out is not kept, even if something always waits.
    #[test]
    fn its_memory_is_bounded() {
        let mut incoming = Incoming::new(false);
        incoming.push(b"x");
        let mut room = Vec::new();
        for _ in 0..1_000 {
            incoming.push(&[b'x'; 1_000]);
            assert_eq!(incoming.take(1_000, &mut room), 1_000);
        }
        assert_eq!((incoming.waiting(), room.len()), (1, 1_000_000));
        assert!(incoming.bytes.capacity() < 10_000);
    }

    #[test]
    fn the_client_is_told_to_continue_once_and_only_if_it_waits() {
        let mut incoming = Incoming::new(true);
        assert!(incoming.take_expectation() && !incoming.take_expectation());
        let mut incoming = Incoming::new(true);
        incoming.push(b"x");
        assert!(!incoming.take_expectation());
    }

    #[test]
    fn what_is_discarded_is_bounded() {
        let mut incoming = Incoming::new(false);
        incoming.push(&[b'x'; 100]);
        incoming.discard();
        assert_eq!(incoming.take(9, &mut Vec::new()), 0);
        incoming.push(&vec![b'x'; DISCARDED - 101]);
        assert!(incoming.wants_bytes());
        incoming.push(b"x");
        assert!(!incoming.wants_bytes() && !incoming.ended());
    }
}
