//! Writing: responses leave as soon as the kernel takes them; what a slow client leaves over waits
//! here, not in an application thread.

use std::io;

use super::Reactor;
use crate::clock;
use crate::conn::{Conn, Phase};
use crate::exchange::{Exchange, Token};
use crate::output::{COPY_LIMIT, FilePart, Flushed, Shared};
use crate::slab::Slab;
use crate::stream::WriteOutcome;
use crate::timer::{Cause, Deadline};

/// Output held back in one turn, at most.
const HELD: u64 = 64 * 1024;
/// Output is held back for at most this long, in ns.
const HELD_NS: u64 = 1_000_000;

/// A small complete response that waits for the end of its batch. Its connection stays busy, so
/// nothing can overtake it.
pub(super) struct Held {
    token: Token,
    bytes: Vec<u8>,
    keep: bool,
    /// Its entry on the scoreboard: until it has left it is a request in hand.
    place: Option<usize>,
}

/// Requests read before the first of them goes to the application, and responses sent together
/// afterwards: system calls next to each other leave the caches and branch predictors to each
/// other, and so does the application. That is worth a third of the processor time in user space.
pub(crate) const BATCH: usize = 32;

/// How long the application takes, as a moving average of samples.
pub(super) struct Pace {
    ns: u64,
}

impl Pace {
    /// A whole batch of requests of a quicker application is over before a look at the clock between
    /// them would tell anything.
    const QUICK_NS: u64 = 10_000;
    /// Requests of a faster application are soon done, however many wait: another thread would take
    /// longer to wake.
    const FAST_NS: u64 = 40_000;

    pub(super) fn unknown() -> Self {
        Self {
            ns: 2 * Self::FAST_NS,
        }
    }

    fn took(&mut self, ns: u64) {
        self.ns = (self.ns * 7 + ns) / 8;
    }

    fn quick(&self) -> bool {
        self.ns < Self::QUICK_NS
    }

    pub(super) fn fast(&self) -> bool {
        self.ns < Self::FAST_NS
    }

    /// The next response comes before one that waits for it has waited too long.
    fn may_gather(&self) -> bool {
        self.ns < HELD_NS
    }

    /// How many requests one thread can answer in this time.
    pub(super) fn requests_in(&self, time_ms: u64) -> usize {
        let count = time_ms.saturating_mul(1_000_000) / self.ns.max(1);
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

/// Stands for the bytes that a response without a tail does not have.
struct Nothing;

impl Shared for Nothing {
    fn bytes(&self) -> &[u8] {
        &[]
    }
}

/// What follows the encoded bytes of a response.
pub enum Tail<S: Shared> {
    /// Nothing.
    None,
    /// Bytes of the application.
    Bytes(S),
    /// Part of a file.
    File(FilePart),
}

/// A block of a response body whose end is not known; small ones are copied.
pub enum Block<'a, S: Shared> {
    /// Nothing.
    None,
    /// As it is.
    Bytes(&'a [u8]),
    /// As a chunk, or a part of one.
    Chunk(&'a [u8]),
    /// A large one, as it is.
    Shared(S),
    /// A large one as a chunk.
    SharedChunk(S),
}

/// Whether a connection can take more of a streamed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Go on.
    Yes,
    /// The client reads slowly: wait for [`crate::baton::Loop::wait_for_room`].
    Full,
    /// The client has gone.
    Gone,
}

/// Output of one connection below which an application that had to wait goes on.
const LOW_WATER: u64 = 64 * 1024;

impl Reactor {
    /// The response of `exchange` is complete: `exchange.out`, then `tail`.
    pub(crate) fn finish<S: Shared + 'static>(
        &mut self,
        mut exchange: Box<Exchange>,
        tail: Tail<S>,
        keep: bool,
    ) {
        let now_ns = self.count(&exchange);
        if let Some(token) = exchange.token.take() {
            let holds = self.may_hold && self.pace.may_gather() && !self.inbox.is_empty();
            if holds && matches!(tail, Tail::None) {
                let room = self.buffers.pop().unwrap_or_default();
                let bytes = std::mem::replace(&mut exchange.out, room);
                if self.held.is_empty() {
                    self.held_since_ns = now_ns.max(self.now_ns);
                }
                let place = exchange.place;
                self.board.hold_response(self.slot, place);
                self.held.push(Held {
                    token,
                    bytes,
                    keep,
                    place,
                });
                if self.held.len() >= BATCH || now_ns > self.held_since_ns + HELD_NS {
                    self.flush_held();
                }
            } else {
                self.flush_held();
                self.respond(token, &exchange.out, tail, keep);
            }
        }
        self.recycle(exchange);
    }

    /// Whether the application is so quick that only some of its requests are timed.
    #[inline]
    pub(crate) fn quick(&self) -> bool {
        self.pace.quick()
    }

    /// Whether the application is one that answers at once.
    #[inline]
    pub(crate) fn fast(&self) -> bool {
        self.pace.fast()
    }

    /// Whether responses may wait for others.
    #[inline]
    pub(crate) fn may_gather(&self) -> bool {
        self.pace.may_gather()
    }

    /// Since when, in monotonic ns, a part of a response is held back; `None` if none is.
    #[inline]
    pub(crate) fn dirty_since(&self) -> Option<u64> {
        (!self.dirty.is_empty()).then_some(self.dirty_since_ns)
    }

    /// A response that nobody can be given, or that an application wrote to the socket itself.
    pub(crate) fn discard(&mut self, exchange: Box<Exchange>) {
        if exchange.draft.started() {
            self.count(&exchange);
        }
        self.recycle(exchange);
    }

    /// A response that its application will not complete: whatever was given of it is sent, and the
    /// connection ends.
    pub(crate) fn abandon(&mut self, mut exchange: Box<Exchange>) {
        if exchange.draft.started() {
            self.count(&exchange);
        }
        if let Some(token) = exchange.token.take() {
            self.respond(token, &[], Tail::<Nothing>::None, false);
        }
        self.recycle(exchange);
    }

    /// Counts a response, before its client can have it: who asks afterwards sees it counted. The
    /// time, in monotonic ns, if the clock was looked at; otherwise 0.
    #[inline]
    fn count(&mut self, exchange: &Exchange) -> u64 {
        let mut took_ns = 0;
        let mut now_ns = 0;
        if exchange.started_ns != 0 {
            now_ns = clock::monotonic_ns();
            took_ns = now_ns - exchange.started_ns;
            self.pace.took(took_ns);
        }
        if self.answered_already(exchange) {
            return now_ns;
        }
        let tally = self.board.tally(self.slot);
        tally.answered(exchange.draft.status());
        if self.config.timed {
            let queued_ns = exchange.started_ns.saturating_sub(exchange.ready_ns);
            tally.took(queued_ns, took_ns);
        }
        now_ns
    }

    /// It was over its time, or the process is about to end: the client has its 504.
    #[inline]
    fn answered_already(&mut self, exchange: &Exchange) -> bool {
        if self.board.is_overdue(self.slot, exchange.place) {
            return true;
        }
        let conn = exchange.token.and_then(|token| self.conns.get_mut(token));
        conn.is_some_and(|conn| conn.phase != Phase::Busy || conn.serving != exchange.id)
    }

    /// Sends the responses that waited for the others of their batch.
    pub(crate) fn flush_held(&mut self) {
        for index in 0..self.held.len() {
            let Some(held) = self.held.get_mut(index) else {
                break;
            };
            let (token, keep, place) = (held.token, held.keep, held.place);
            let mut bytes = std::mem::take(&mut held.bytes);
            self.respond(token, &bytes, Tail::<Nothing>::None, keep);
            self.board.release_response(self.slot, place);
            if self.buffers.len() < BATCH && bytes.capacity() <= COPY_LIMIT {
                bytes.clear();
                self.buffers.push(bytes);
            }
        }
        self.held.clear();
    }

    #[inline]
    fn respond<S: Shared + 'static>(
        &mut self,
        token: Token,
        bytes: &[u8],
        tail: Tail<S>,
        keep: bool,
    ) {
        let idle_deadline = self.idle_deadline();
        let Some(conn) = busy(&mut self.conns, token) else {
            return;
        };
        if keep && conn.has_input() {
            queue(conn, bytes, tail);
            conn.next_request();
            if self.reads_on(token) {
                self.feed_rest(token);
                self.hold_or_flush(token);
            }
            return;
        }
        if keep {
            conn.next_request();
            conn.deadline = idle_deadline;
            self.scan.note(conn.deadline);
        } else {
            conn.phase = Phase::Closing;
        }
        match write_through(conn, bytes, tail) {
            Ok(written) => {
                let nothing_left = !conn.wants_write();
                self.tally().written(written as u64);
                if nothing_left {
                    self.after_flush(token);
                } else {
                    self.flush(token);
                }
            }
            Err(_) => self.remove(token),
        }
        self.go_on_reading(token);
    }

    /// Whether the client reads its responses, so that it may have another one. Else it would decide
    /// how much waits here; [`Self::flush`] goes on with its requests when it has read on.
    pub(super) fn reads_on(&mut self, token: Token) -> bool {
        let waits = self
            .conns
            .get_mut(token)
            .is_some_and(|conn| conn.wants_no_more());
        if waits {
            self.flush(token);
        }
        let Some(conn) = self.conns.get_mut(token) else {
            return false;
        };
        conn.stalled = conn.wants_no_more();
        !conn.stalled
    }

    /// After a kept response: what the kernel has for us, and the poller for later.
    #[inline]
    fn go_on_reading(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase != Phase::Reading {
            return;
        }
        if conn.readable {
            self.read(token);
        } else if !conn.registered {
            self.register(token);
        }
    }

    /// A part of a response: head and blocks of a body whose end is not known.
    pub(crate) fn stream<S: Shared + 'static>(
        &mut self,
        token: Token,
        head: &[u8],
        block: Block<'_, S>,
    ) -> Room {
        let Some(conn) = busy(&mut self.conns, token) else {
            return Room::Gone;
        };
        conn.begun = true;
        conn.output.copy(head);
        match block {
            Block::None => {}
            Block::Bytes(bytes) => conn.output.copy(bytes),
            Block::Chunk(bytes) => conn.output.chunk(bytes),
            Block::Shared(shared) => conn.output.share(Box::new(shared), 0),
            Block::SharedChunk(shared) => conn.output.share_chunk(Box::new(shared)),
        }
        self.hold_or_flush(token);
        match busy(&mut self.conns, token) {
            None => Room::Gone,
            Some(conn) if conn.wants_no_more() => Room::Full,
            Some(_) => Room::Yes,
        }
    }

    /// An interim response: the final one is still to come.
    pub(crate) fn interim(&mut self, token: Token, bytes: &[u8]) {
        if let Some(conn) = busy(&mut self.conns, token) {
            conn.output.copy(bytes);
            self.hold_or_flush(token);
        }
    }

    /// A part of a response that is in a file.
    pub(crate) fn stream_file(&mut self, token: Token, part: FilePart) {
        if let Some(conn) = busy(&mut self.conns, token) {
            conn.begun = true;
            conn.output.file(part);
            self.hold_or_flush(token);
        }
    }

    /// Whether a streaming application that had to wait may go on.
    pub(crate) fn room(&mut self, token: Token) -> Option<Room> {
        match busy(&mut self.conns, token) {
            None => Some(Room::Gone),
            Some(conn) if conn.output.queued() <= LOW_WATER => Some(Room::Yes),
            Some(_) => None,
        }
    }

    /// Holds output back until the turn ends (several answers, one write), within bounds.
    fn hold_or_flush(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase == Phase::Reading {
            self.flush(token);
            return self.go_on_reading(token);
        }
        if !self.may_hold || conn.output.queued() >= HELD {
            conn.dirty = false;
            return self.flush(token);
        }
        if !conn.dirty && !conn.output.is_empty() {
            conn.dirty = true;
            if self.dirty.is_empty() {
                self.dirty_since_ns = clock::monotonic_ns();
            }
            self.dirty.push(token);
        }
        self.flush_overdue();
    }

    /// Writes what has been held back for too long.
    #[inline]
    pub(crate) fn flush_overdue(&mut self) {
        if !self.dirty.is_empty() && clock::monotonic_ns() - self.dirty_since_ns > HELD_NS {
            self.flush_dirty();
        }
    }

    /// Whether output waits for more.
    pub(crate) fn holds_output(&self) -> bool {
        !self.held.is_empty() || !self.dirty.is_empty()
    }

    /// Writes everything that was held back.
    #[inline]
    pub(crate) fn flush_output(&mut self) {
        self.flush_held();
        self.flush_dirty();
    }

    fn flush_dirty(&mut self) {
        while let Some(token) = self.dirty.pop() {
            if let Some(conn) = self.conns.get_mut(token)
                && std::mem::take(&mut conn.dirty)
            {
                self.flush(token);
            }
        }
    }

    /// Writes what the kernel takes.
    pub(super) fn flush(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        conn.output.end_chunk();
        let before = conn.output.queued();
        let result = conn.output.flush(&mut conn.stream);
        let left = conn.output.queued();
        self.board
            .tally(self.slot)
            .written(before.saturating_sub(left));
        self.room_made |= before > LOW_WATER && left <= LOW_WATER;
        let resumes = left <= LOW_WATER && std::mem::take(&mut conn.stalled);
        match result {
            Ok(Flushed::All) => self.after_flush(token),
            Ok(Flushed::Blocked) => {
                if left < before || conn.deadline.cause != Cause::Write {
                    conn.deadline = Deadline::after(
                        Cause::Write,
                        self.now_ns / 1_000_000,
                        self.config.write_timeout_ms,
                    );
                    self.scan.note(conn.deadline);
                }
                self.watch_writing(token);
            }
            Err(_) => self.remove(token),
        }
        if resumes {
            self.resume(token);
        }
    }

    /// The client has read on: its next request may come, which may have been read already.
    fn resume(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase == Phase::Reading && conn.has_input() {
            self.feed_rest(token);
        }
        self.go_on_reading(token);
    }

    /// Everything is with the kernel.
    #[inline]
    fn after_flush(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let served = conn.phase != Phase::Busy;
        match conn.phase {
            Phase::Reading | Phase::Busy if conn.deadline.cause != Cause::Write => {}
            Phase::Reading | Phase::Busy => {
                let idle = conn.idle();
                let deadline = if idle {
                    self.idle_deadline()
                } else {
                    Deadline::NONE
                };
                if let Some(conn) = self.conns.get_mut(token) {
                    conn.deadline = deadline;
                }
                self.scan.note(deadline);
            }
            Phase::Closing => self.close_gently(token),
            Phase::Lingering => {}
        }
        if served {
            self.let_in();
        }
    }
}

/// The connection, if the application still owes it a response. It does not when the request was
/// over its time and has been answered.
#[inline]
pub(super) fn busy(conns: &mut Slab<Conn>, token: Token) -> Option<&mut Conn> {
    let conn = conns.get_mut(token)?;
    (conn.phase == Phase::Busy).then_some(conn)
}

/// Adds a response to what waits already.
fn queue<S: Shared + 'static>(conn: &mut Conn, bytes: &[u8], tail: Tail<S>) {
    conn.output.copy(bytes);
    match tail {
        Tail::None => {}
        Tail::Bytes(shared) if shared.bytes().len() <= COPY_LIMIT => {
            conn.output.copy(shared.bytes());
        }
        Tail::Bytes(shared) => conn.output.share(Box::new(shared), 0),
        Tail::File(part) => conn.output.file(part),
    }
}

/// Writes a response past an empty queue; what the kernel does not take is queued. Gives the number
/// of bytes that it took.
#[inline]
fn write_through<S: Shared + 'static>(
    conn: &mut Conn,
    bytes: &[u8],
    tail: Tail<S>,
) -> io::Result<usize> {
    if !conn.output.is_empty() {
        queue(conn, bytes, tail);
        return Ok(0);
    }
    let written = match &tail {
        // A stream has ended whose last block is with the kernel.
        Tail::None if bytes.is_empty() => return Ok(0),
        Tail::None => conn.stream.write(bytes, false),
        Tail::Bytes(shared) if bytes.is_empty() => conn.stream.write(shared.bytes(), false),
        Tail::Bytes(shared) => conn.stream.write_pieces(&[bytes, shared.bytes()], false),
        Tail::File(_) => conn.stream.write(bytes, true),
    };
    let written = match written? {
        WriteOutcome::Bytes(written) => written,
        WriteOutcome::WantsWrite => 0,
    };
    if written < bytes.len() {
        queue(conn, &bytes[written..], tail);
        return Ok(written);
    }
    match tail {
        Tail::None => {}
        Tail::Bytes(shared) => conn.output.share(Box::new(shared), written - bytes.len()),
        Tail::File(part) => conn.output.file(part),
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
