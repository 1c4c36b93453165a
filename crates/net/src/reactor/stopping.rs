//! A stop that loses no request: connections that were announced are accepted, requests that were
//! read are answered, and no connection ends in a way that could cut a response or meet a request on
//! its way.

use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use proto::StreamId;
use proto::h1::PageFacts;

use super::Reactor;
use super::writing::busy;
use crate::clock;
use crate::conn::{Conn, Phase};
use crate::drain::{Drain, Ending, QUIET_MS, Step, ending, linger_ms};
use crate::exchange::{RequestKey, Token};
use crate::notice::Level;
use crate::slab::Slab;
use crate::stream::ReadOutcome;
use crate::tally::Tally;
use crate::timer::{Cause, Deadline};

/// Reads from one client that is told to come again, so that a close does not turn into a reset.
const LAST_READS: usize = 16;

impl Reactor {
    /// Begins a graceful stop: no new connection but those announced already, and what was begun is
    /// answered until the deadline.
    pub(crate) fn stop(&mut self, deadline_ms: u64) {
        let first = self.drain.serving();
        self.drain = self.drain.on(Step::Stop(deadline_ms));
        if !first {
            return;
        }
        self.draining.store(true, Ordering::Relaxed);
        self.now_ns = clock::monotonic_ns();
        let now_ms = self.now_ms();
        self.set_free(0);
        self.accept_last(deadline_ms.saturating_sub(now_ms));
        self.close_listeners();
        self.stop_streams();
        for conn in self.conns.iter_mut().filter(|conn| conn.streams.is_none()) {
            let activity = conn.activity(self.config.keepalive_ms);
            if let Ending::At(at_ms) = ending(activity, now_ms) {
                conn.deadline = Deadline::at(conn.deadline.cause, at_ms);
                self.scan.note(conn.deadline);
            } else if conn.phase == Phase::Lingering {
                let at_ms = conn.deadline.at_ms().min(now_ms + linger_ms(true, true));
                conn.deadline = Deadline::at(Cause::Linger, at_ms);
                self.scan.note(conn.deadline);
            }
        }
        self.close_websockets();
    }

    /// The process is about to end: a connection that was accepted now would be lost.
    fn rest(&mut self) {
        self.draining.store(true, Ordering::Relaxed);
        self.drain = self.drain.on(Step::Stop(self.now_ms()));
        self.set_free(0);
        self.pause_accepting();
        self.close_listeners();
    }

    /// In a process that the application has forked. Nothing is said to the clients or to the poller:
    /// both belong to the parent.
    pub(crate) fn leave(&mut self) {
        self.draining.store(true, Ordering::Relaxed);
        self.drain = Drain::Stopped;
        self.conns = Slab::new();
        self.acceptor.forget();
        self.forget_dispatch();
        self.inbox.clear();
        self.again.clear();
        self.writes.clear();
        self.batch.clear();
        self.websockets.forget();
    }

    /// Does at once what signals ask for: the application may keep the interpreter, where their
    /// handlers are, for long, and meanwhile no connection should be accepted.
    pub(super) fn on_signals(&mut self) {
        let Some(fd) = self.config.signal_fd else {
            return;
        };
        let numbers = read_signals(fd);
        if let Some(relay) = self.config.signal_relay_fd {
            // SAFETY: readable for its length. The pipe does not block; a full one wakes as well.
            unsafe { libc::write(relay, numbers.as_ptr().cast(), numbers.len()) };
        }
        for number in numbers {
            match i32::from(number) {
                libc::SIGTERM => self.stop(self.now_ms() + self.config.grace_ms),
                libc::SIGINT | libc::SIGQUIT | libc::SIGABRT => self.rest(),
                _ => {}
            }
        }
    }

    /// While draining: is it over?
    pub(super) fn check_drained(&mut self, now_ms: u64) {
        if self.drain == Drain::Stopped {
            return;
        }
        self.take_back_given();
        let open = self.conns.len() + usize::from(self.has_given());
        self.drain = self.drain.on(Step::Look { now: now_ms, open });
        if self.drain == Drain::Stopped {
            self.give_up();
        }
    }

    /// Whether the answer to this connection's request must be its last one: while draining, unless
    /// its client has sent more.
    pub(crate) fn last_answer(&mut self, key: RequestKey) -> bool {
        let more = self
            .conns
            .get_mut(key.connection)
            .is_some_and(|c| c.has_more());
        !self.drain.serving() && !more
    }

    /// How long a connection may be idle from now on.
    pub(super) fn idle_deadline(&self) -> Deadline {
        let now_ms = self.fresh_ms();
        let keepalive_ms = self.config.keepalive_ms;
        if self.drain.serving() {
            return Deadline::after(Cause::KeepAlive, now_ms, keepalive_ms);
        }
        Deadline::after(Cause::KeepAlive, now_ms, QUIET_MS.min(keepalive_ms))
    }

    /// Ends an idle connection, unless a request has come that no event has told of yet.
    pub(super) fn end_idle(&mut self, token: Token) {
        self.read(token);
        if self.conns.get_mut(token).is_some_and(|conn| conn.idle()) {
            self.linger(token, false);
        }
    }

    /// Closes after the last response. With bytes unread, or still to come, a plain close would send
    /// a reset that can destroy the response on its way (RFC 9112 section 9.6). A client that has
    /// said that it will send no more, and has sent no more, is not waited for.
    pub(super) fn close_gently(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.sends_no_more() {
            // A process that the application has forked may have a copy of the descriptor.
            conn.stream.shutdown_write();
            if !conn.stream.wants_write() {
                return self.remove(token);
            }
        }
        self.linger(token, true);
    }

    /// Says that nothing more will come, and reads and drops what comes until the client's own end.
    fn linger(&mut self, token: Token, answered: bool) {
        let longest_ms = linger_ms(!self.drain.serving(), answered);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        conn.stream.shutdown_write();
        conn.phase = Phase::Lingering;
        conn.deadline = Deadline::after(Cause::Linger, self.now_ns / 1_000_000, longest_ms);
        self.scan.note(conn.deadline);
        conn.take_input();
        if conn.stream.wants_write() {
            self.register_for_writing(token);
        }
        self.read(token);
    }

    /// Time is up. Requests that no application has seen are answered 503: their clients may repeat them.
    pub(crate) fn give_up(&mut self) {
        self.tell_of_shed();
        self.release_all();
        let count = self.inbox.len();
        while let Some(mut exchange) = self.inbox.pop_front() {
            if let Some(key) = exchange.key.take() {
                self.send_back(key);
            }
            self.recycle(exchange);
        }
        self.end_tunnels();
        self.give_up_streams();
        for conn in self.conns.iter_mut() {
            if conn.phase == Phase::Reading && conn.streams.is_none() && !conn.idle() {
                let head = conn.serving.head_method;
                let facts = self.config.page_facts(conn.is_secure(), head);
                answer_503(conn, facts, self.board.tally(self.slot));
            }
            if !conn.owes_any() {
                conn.stream.shutdown_write();
                discard(conn, &mut self.scratch);
            }
        }
        if count > 0 {
            let text = format!(
                "{count} queued requests answered 503: graceful_timeout was over before a thread was \
                 free"
            );
            self.notices.push(Level::Warning, text);
        }
    }

    /// A request that no application has seen is answered 503.
    fn send_back(&mut self, key: RequestKey) {
        let Some(conn) = busy(&mut self.conns, key) else {
            return;
        };
        let Some(head) = conn.serving(key.stream).map(|it| it.head_method) else {
            return;
        };
        let facts = self.config.page_facts(conn.is_secure(), head);
        if key.stream == StreamId::HTTP1 {
            return answer_503(conn, facts, self.board.tally(self.slot));
        }
        let mut page = Vec::new();
        proto::h1::unavailable_page(&mut page, facts);
        self.tally().sent_back();
        self.answer_stream(key.connection, key.stream, &page);
    }
}

/// Asks a client to send its request again, to another server.
fn answer_503(conn: &mut Conn, facts: PageFacts<'_>, tally: &Tally) {
    let mut page = Vec::new();
    proto::h1::unavailable_page(&mut page, facts);
    conn.output.copy(&page);
    conn.output.end_records();
    conn.phase = Phase::Closing;
    tally.sent_back();
    let before = conn.output.queued();
    // Whatever becomes of it: there is no time to try again.
    drop(conn.output.flush(&mut conn.stream));
    tally.written(before.saturating_sub(conn.output.queued()));
}

/// Reads away what has come.
fn discard(conn: &mut Conn, room: &mut [u8]) {
    for _ in 0..LAST_READS {
        if !matches!(conn.stream.read(room, true), Ok(ReadOutcome::Bytes { .. })) {
            return;
        }
    }
}

/// The numbers that signal handlers wrote.
fn read_signals(fd: RawFd) -> Vec<u8> {
    let mut room = [0u8; 512];
    let mut numbers = Vec::new();
    loop {
        // SAFETY: `room` is writable for its length. The pipe does not block: at its end this ends.
        let count = unsafe { libc::read(fd, room.as_mut_ptr().cast(), room.len()) };
        match usize::try_from(count) {
            Ok(count) if count > 0 => numbers.extend_from_slice(&room[..count]),
            _ => return numbers,
        }
    }
}

#[cfg(test)]
mod tests;
