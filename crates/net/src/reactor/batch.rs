//! Output that waits: responses for the others of their batch, parts of responses for the end of the
//! turn.

use super::Reactor;
use super::pace::Pace;
use super::writing::Nothing;
use crate::clock;
use crate::conn::Phase;
use crate::exchange::{Exchange, RequestKey, Token};
use crate::output::COPY_LIMIT;
use crate::reactor::Tail;

/// Output of one connection that is held back in one turn, at most.
const MOST_HELD_BACK: u64 = 64 * 1024;
/// Output is held back for at most this long, in ns.
pub(super) const HELD_BACK_NS: u64 = 1_000_000;

/// Requests read before the first of them goes to the application, and responses sent together
/// afterwards: system calls next to each other leave the caches and branch predictors to each
/// other, and so does the application. That is worth a third of the processor time in user space.
pub(crate) const BATCH: usize = 32;

/// Pipelined requests of one connection that come before those of others, at most.
const IN_A_ROW: u32 = 16;

/// Output that waits.
pub(super) struct Batch {
    /// Complete responses, and since when the first of them waits.
    responses: Vec<Waiting>,
    since_ns: u64,
    /// Buffers for the next ones.
    buffers: Vec<Vec<u8>>,
    /// Connections with parts of responses, and since when the first of them waits.
    parts: Vec<Token>,
    parts_since_ns: u64,
    /// The thread that writes now comes back soon: its output may wait for more.
    pub(super) allowed: bool,
    pub(super) pace: Pace,
    /// Requests that have come before those of others one after the other.
    in_a_row: u32,
}

/// A small complete response. Its connection stays busy, so nothing can overtake it.
struct Waiting {
    key: RequestKey,
    bytes: Vec<u8>,
    keep: bool,
    /// On the scoreboard: until the response has left, its request is in hand.
    entry: Option<usize>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            responses: Vec::new(),
            since_ns: 0,
            buffers: Vec::new(),
            parts: Vec::new(),
            parts_since_ns: 0,
            allowed: false,
            pace: Pace::unknown(),
            in_a_row: 0,
        }
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.responses.clear();
        self.parts.clear();
    }
}

impl Reactor {
    /// Whether a complete response of one piece may wait: others come soon.
    #[inline]
    pub(super) fn may_batch(&self) -> bool {
        self.batch.allowed && self.batch.pace.may_gather() && !self.inbox.is_empty()
    }

    /// The response in `exchange.out` waits for the others of its batch. `now_ns` is 0 if the clock
    /// was not looked at.
    #[inline]
    pub(super) fn hold_response(
        &mut self,
        key: RequestKey,
        exchange: &mut Exchange,
        keep: bool,
        now_ns: u64,
    ) {
        let batch = &mut self.batch;
        let room = batch.buffers.pop().unwrap_or_default();
        let bytes = std::mem::replace(&mut exchange.out, room);
        if batch.responses.is_empty() {
            batch.since_ns = now_ns.max(self.now_ns);
        }
        let entry = exchange.entry;
        self.board.hold_response(self.slot, entry);
        batch.responses.push(Waiting {
            key,
            bytes,
            keep,
            entry,
        });
        if batch.responses.len() >= BATCH || now_ns > batch.since_ns + HELD_BACK_NS {
            self.flush_responses();
        }
    }

    /// Gives a response behind whose request its client has sent more: the next request of it, if that
    /// is complete, comes before those that wait, so that the answers leave together. False, and nothing
    /// is done: there is nothing behind it, or the others would wait for too long.
    #[inline]
    pub(super) fn respond_in_a_row(&mut self, key: RequestKey, bytes: &[u8], keep: bool) -> bool {
        let conn = self.conns.get_mut(key.connection);
        let more = keep && self.batch.pace.fast() && conn.is_some_and(|conn| conn.has_input());
        self.batch.in_a_row += 1;
        if !more || self.batch.in_a_row == IN_A_ROW {
            self.batch.in_a_row = 0;
            return false;
        }
        self.respond(key, bytes, Tail::<Nothing>::None, keep);
        let last = self.inbox.back().and_then(|last| last.key);
        if last.is_some_and(|last| last.connection == key.connection) {
            self.inbox.rotate_right(1);
        }
        true
    }

    /// Sends the responses that waited for the others of their batch.
    pub(crate) fn flush_responses(&mut self) {
        if self.batch.responses.is_empty() {
            return;
        }
        let idle = self.idle_deadline();
        for index in 0..self.batch.responses.len() {
            let Some(waiting) = self.batch.responses.get_mut(index) else {
                break;
            };
            let (key, keep, entry) = (waiting.key, waiting.keep, waiting.entry);
            let mut bytes = std::mem::take(&mut waiting.bytes);
            self.respond_and_idle(key, &bytes, Tail::<Nothing>::None, keep.then_some(idle));
            self.board.release_response(self.slot, entry);
            let buffers = &mut self.batch.buffers;
            if buffers.len() < BATCH && bytes.capacity() <= COPY_LIMIT {
                bytes.clear();
                buffers.push(bytes);
            }
        }
        self.batch.responses.clear();
    }

    /// Holds output back until the turn ends (several answers, one write), within bounds.
    pub(super) fn hold_or_flush(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase == Phase::Reading {
            self.flush(token);
            return self.go_on_reading(token);
        }
        if !self.batch.allowed || conn.output.queued() >= MOST_HELD_BACK {
            conn.held_back = false;
            return self.flush(token);
        }
        if !conn.held_back && !conn.output.is_empty() {
            conn.held_back = true;
            if self.batch.parts.is_empty() {
                self.batch.parts_since_ns = clock::monotonic_ns();
            }
            self.batch.parts.push(token);
        }
        self.flush_overdue();
    }

    /// The same for what waits in the streams of a connection.
    pub(super) fn hold_frames(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let waits = conn.streams.as_ref().map_or(0, |streams| streams.queued());
        if !self.batch.allowed || conn.output.queued() + waits >= MOST_HELD_BACK {
            conn.held_back = false;
            return self.flush(token);
        }
        if !std::mem::replace(&mut conn.held_back, true) {
            if self.batch.parts.is_empty() {
                self.batch.parts_since_ns = clock::monotonic_ns();
            }
            self.batch.parts.push(token);
        }
        self.flush_overdue();
    }

    /// Writes parts of responses that have been held back for too long.
    #[inline]
    pub(crate) fn flush_overdue(&mut self) {
        let batch = &self.batch;
        if !batch.parts.is_empty() && clock::monotonic_ns() - batch.parts_since_ns > HELD_BACK_NS {
            self.flush_parts();
        }
    }

    /// Whether output waits for more.
    pub(crate) fn holds_output(&self) -> bool {
        !self.batch.responses.is_empty() || !self.batch.parts.is_empty()
    }

    /// Since when, in monotonic ns, a part of a response is held back; `None` if none is.
    #[inline]
    pub(crate) fn parts_since(&self) -> Option<u64> {
        let batch = &self.batch;
        (!batch.parts.is_empty()).then_some(batch.parts_since_ns)
    }

    /// Whether output of the thread that writes next may wait for more.
    #[inline]
    pub(crate) fn allow_batch(&mut self, allowed: bool) {
        self.batch.allowed = allowed;
    }

    /// Writes everything that was held back.
    #[inline]
    pub(crate) fn flush_output(&mut self) {
        self.flush_responses();
        self.flush_parts();
    }

    fn flush_parts(&mut self) {
        while let Some(token) = self.batch.parts.pop() {
            if let Some(conn) = self.conns.get_mut(token)
                && std::mem::take(&mut conn.held_back)
            {
                self.flush(token);
            }
        }
    }

    /// Whether the application is so quick that only some of its requests are timed.
    #[inline]
    pub(crate) fn quick(&self) -> bool {
        self.batch.pace.quick()
    }

    /// Whether the application is one that answers at once.
    #[inline]
    pub(crate) fn fast(&self) -> bool {
        self.batch.pace.fast()
    }

    /// Whether responses may wait for others.
    #[inline]
    pub(crate) fn may_gather(&self) -> bool {
        self.batch.pace.may_gather()
    }
}
