//! Writing: responses leave as soon as the kernel takes them; what a slow client leaves over waits
//! here, not in an application thread.

use std::io;

use proto::StreamId;

use super::Reactor;
use crate::clock;
use crate::conn::{Conn, Phase, Registration};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::output::{COPY_LIMIT, FilePart, Flushed, Shared};
use crate::slab::Slab;
use crate::stream::WriteOutcome;
use crate::timer::{Cause, Deadline};

/// Stands for the bytes that a response without a tail does not have.
pub(super) struct Nothing;

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

/// Output of one connection below which an application that had to wait goes on.
pub(super) const LOW_WATER: u64 = 64 * 1024;

impl Reactor {
    /// The response of `exchange` is complete: `exchange.out`, then `tail`.
    pub(crate) fn finish<S: Shared + 'static>(
        &mut self,
        mut exchange: Box<Exchange>,
        tail: Tail<S>,
        keep: bool,
    ) {
        let now_ns = self.count(&exchange);
        if let Some(key) = exchange.key.take() {
            if exchange.head.in_records() && !exchange.response.is_whole() {
                self.cut_short(key);
            }
            if key.stream != StreamId::HTTP1 {
                let hold = self.may_batch();
                self.respond_on_stream(key, &exchange.out, tail, hold);
            } else if matches!(tail, Tail::None) && self.may_batch() {
                if !self.respond_in_a_row(key, &exchange.out, keep) {
                    self.hold_response(key, &mut exchange, keep, now_ns);
                }
            } else {
                self.flush_responses();
                self.respond(key, &exchange.out, tail, keep);
            }
        }
        self.recycle(exchange);
    }

    /// A response whose client has gone, or that an application wrote to the socket itself.
    pub(crate) fn discard(&mut self, exchange: Box<Exchange>) {
        if exchange.response.draft.started() {
            self.count(&exchange);
        }
        self.recycle(exchange);
    }

    /// A response that its application will not complete: whatever was given of it is sent, and the
    /// connection ends.
    pub(crate) fn abandon(&mut self, mut exchange: Box<Exchange>) {
        if exchange.response.draft.started() {
            self.count(&exchange);
        }
        if let Some(key) = exchange.key.take() {
            self.cut_short(key);
            self.respond(key, &[], Tail::<Nothing>::None, false);
        }
        self.recycle(exchange);
    }

    /// What was given of a response is all of it: where its end can be said, it is not.
    fn cut_short(&mut self, key: RequestKey) {
        if let Some(conn) = busy(&mut self.conns, key) {
            conn.output.cut_records();
        }
    }

    /// Counts a response, before its client can have it: a question asked afterwards sees it counted. The
    /// time, in monotonic ns, if the clock was looked at; otherwise 0.
    #[inline]
    pub(super) fn count(&mut self, exchange: &Exchange) -> u64 {
        let mut took_ns = 0;
        let mut now_ns = 0;
        if exchange.started_ns != 0 {
            now_ns = clock::monotonic_ns();
            took_ns = now_ns - exchange.started_ns;
            self.batch.pace.took(took_ns);
        }
        if self.answered_already(exchange) {
            return now_ns;
        }
        let tally = self.board.tally(self.slot);
        tally.answered(exchange.response.draft.status());
        if self.config.timed {
            let queued_ns = exchange.started_ns.saturating_sub(exchange.ready_ns);
            tally.took(queued_ns, took_ns);
        }
        now_ns
    }

    /// It was over its time, or the process is about to end: the client has its 504.
    #[inline]
    fn answered_already(&mut self, exchange: &Exchange) -> bool {
        if self.board.is_overdue(self.slot, exchange.entry) {
            return true;
        }
        let key = exchange.key;
        let conn = key.and_then(|key| self.conns.get_mut(key.connection));
        conn.is_some_and(|conn| conn.is_answered(exchange.id, key))
    }

    #[inline]
    pub(super) fn respond<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        bytes: &[u8],
        tail: Tail<S>,
        keep: bool,
    ) {
        if key.stream != StreamId::HTTP1 {
            return self.respond_on_stream(key, bytes, tail, false);
        }
        let idle_deadline = self.idle_deadline();
        self.respond_and_idle(key, bytes, tail, keep.then_some(idle_deadline));
    }

    /// The same over HTTP/1. If the connection is kept, it may be idle until then.
    #[inline]
    pub(super) fn respond_and_idle<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        bytes: &[u8],
        tail: Tail<S>,
        idle: Option<Deadline>,
    ) {
        let token = key.connection;
        let Some(conn) = busy(&mut self.conns, key) else {
            return;
        };
        let (bytes, tail) = if conn.output.in_records() {
            queue(conn, bytes, tail);
            conn.output.end_records();
            (&[][..], Tail::None)
        } else {
            (bytes, tail)
        };
        if idle.is_some() && conn.body_is_open() {
            queue(conn, bytes, tail);
            return self.discard_body(token);
        }
        if idle.is_some() && conn.has_input() {
            queue(conn, bytes, tail);
            conn.next_request();
            if self.reads_on(token) {
                self.feed_rest(token);
                self.hold_or_flush(token);
            }
            return;
        }
        if let Some(deadline) = idle {
            conn.next_request();
            conn.deadline = deadline;
            self.scan.note(deadline);
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
    pub(super) fn go_on_reading(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase != Phase::Reading {
            return;
        }
        if conn.readable {
            self.read(token);
        } else if conn.registered == Registration::None {
            self.register(token);
        }
    }

    /// Writes what the kernel takes.
    pub(super) fn flush(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.streams.is_some() {
            return self.flush_frames(token);
        }
        conn.output.end_chunk();
        let before = conn.output.queued();
        let result = conn.output.flush(&mut conn.stream);
        let left = conn.output.queued();
        self.board
            .tally(self.slot)
            .written(before.saturating_sub(left));
        self.news.room |= before > LOW_WATER && left <= LOW_WATER;
        let resumes = left <= LOW_WATER && std::mem::take(&mut conn.stalled);
        match result {
            Ok(Flushed::All) => self.after_flush(token),
            Ok(Flushed::Blocked) => {
                // A handshake, and an end, have their time as a whole.
                let whole =
                    conn.deadline.cause == Cause::Handshake || conn.phase == Phase::Lingering;
                if !whole && (left < before || conn.deadline.cause != Cause::Write) {
                    let written = before.saturating_sub(left);
                    let now_ms = self.now_ns / 1_000_000;
                    conn.deadline = self.config.write_deadline(conn, written, now_ms);
                    self.scan.note(conn.deadline);
                }
                self.register_for_writing(token);
            }
            Err(_) if conn.serving.websocket.is_some() => self.on_broken_websocket(token),
            Err(_) => self.remove(token),
        }
        if resumes {
            self.resume(token);
        }
    }

    /// The same where several responses share the connection: frames are made as long as the kernel
    /// takes them.
    fn flush_frames(&mut self, token: Token) {
        loop {
            let Some(conn) = self.conns.get_mut(token) else {
                return;
            };
            self.news.room |= conn.make_frames();
            let tally = self.board.tally(self.slot);
            if let Some(streams) = &mut conn.streams {
                // A client that has its answer finds it counted.
                tally.connections.streams(&mut streams.counts);
            }
            let before = conn.output.queued();
            let result = conn.output.flush(&mut conn.stream);
            let left = conn.output.queued();
            let written = before.saturating_sub(left);
            tally.written(written);
            if let Some(streams) = &mut conn.streams {
                streams.progress |= written > 0;
            }
            match result {
                Ok(Flushed::All) if conn.has_frames() => {}
                Ok(Flushed::All) => break,
                Ok(Flushed::Blocked) => {
                    self.register_for_writing(token);
                    break;
                }
                Err(_) => return self.remove(token),
            }
        }
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let holds = conn.streams.as_ref().is_some_and(|all| all.holds);
        if conn.streams.as_ref().is_some_and(|all| all.has_news()) {
            return self.after_sending(token);
        }
        if conn.phase == Phase::Reading && conn.streams_are_over() {
            conn.phase = Phase::Closing;
        }
        match conn.phase {
            Phase::Closing if !conn.wants_write() => self.close_gently(token),
            _ => self.set_stream_deadline(token),
        }
        if holds {
            self.release_held(token);
        }
        self.connection_is_spare();
    }

    /// The client has read on: its next request may come, which may have been read already.
    fn resume(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.serving.websocket.is_some() {
            let key = conn.serving.key(token);
            return self.read_messages(key);
        }
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
            Phase::Reading | Phase::Busy | Phase::Discarding
                if conn.deadline.cause != Cause::Write => {}
            Phase::Busy if conn.serving.websocket.is_some() => {
                let key = conn.serving.key(token);
                self.look_for_life(key);
            }
            Phase::Reading | Phase::Busy | Phase::Discarding => {
                let idle = conn.idle();
                let deadline = if idle {
                    self.idle_deadline()
                } else {
                    Deadline::NONE
                };
                let now_ms = self.now_ms();
                if let Some(conn) = self.conns.get_mut(token) {
                    conn.deadline = deadline;
                    self.config.client_has_taken(conn, now_ms);
                }
                self.scan.note(deadline);
            }
            Phase::Closing => self.close_gently(token),
            Phase::Lingering => {}
        }
        if served {
            self.connection_is_spare();
        }
    }
}

/// The connection, if the application still owes it a response. It does not when the request was
/// over its time and has been answered.
#[inline]
pub(super) fn busy(conns: &mut Slab<Conn>, key: RequestKey) -> Option<&mut Conn> {
    let conn = conns.get_mut(key.connection)?;
    conn.owes(key.stream).then_some(conn)
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
