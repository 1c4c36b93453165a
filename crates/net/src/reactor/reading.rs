//! Reading: bytes of a connection become requests, refusals or its end.

use std::io;

use proto::{Reject, StreamId};

use super::Reactor;
use crate::conn::{Conn, Fed, Feeding, Phase};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::scoreboard::{Named, WAITING};
use crate::stream::ReadOutcome;
use crate::tally::Handshake;
use crate::timer::{Cause, Deadline};

/// Bytes read from one connection before the others have their turn.
const SHARE: usize = 1024 * 1024;

/// What one `recv` brought.
enum Got {
    Fed(Fed),
    /// Nothing more is there now.
    Dry,
    Gone,
}

impl Reactor {
    /// Reads from a connection that waits for a request, as long as there is something.
    pub(super) fn read(&mut self, token: Token) {
        let mut budget = SHARE;
        loop {
            let Some(conn) = self.conns.get_mut(token) else {
                return;
            };
            match conn.phase {
                Phase::Reading if conn.wants_no_more() => {
                    conn.stalled = true;
                    return;
                }
                Phase::Reading | Phase::Discarding => {}
                Phase::Busy if conn.wants_bytes(&self.config.websocket) => {}
                // What the client goes on sending is not wanted: see whether it has ended.
                Phase::Lingering => return self.linger_on(token),
                Phase::Busy | Phase::Closing => return,
            }
            if budget == 0 {
                self.again.push_back(token);
                return;
            }
            // What is taken from the kernel is lost if this process dies before it has a name.
            let peer = conn.peer;
            self.board.begin_reading(self.slot, self.last_id + 1, peer);
            let (got, count) = self.read_once(token);
            budget = budget.saturating_sub(count.max(1));
            self.tally().received(count);
            if self.config.edge.body_rate != 0
                && let Some(conn) = self.conns.get_mut(token)
            {
                conn.watched.meters().body.add(count as u64);
            }
            match got {
                Got::Fed(fed) => self.on_fed(token, fed, count > 0),
                Got::Dry => {}
                Got::Gone => self.on_broken(token),
            }
            self.board.end_reading(self.slot);
            if !self.count_client(token) {
                return;
            }
            let Some(mut conn) = self.conns.get_mut(token) else {
                return;
            };
            if conn.stream.wants_write() {
                // What was read asks for an answer of the transport itself.
                self.flush(token);
                conn = match self.conns.get_mut(token) {
                    Some(conn) => conn,
                    None => return,
                };
            }
            if !conn.readable {
                if conn.phase == Phase::Reading || conn.wants_bytes(&self.config.websocket) {
                    self.register(token);
                }
                return;
            }
        }
    }

    /// One `recv`, into the scratch buffer or, for a large body, to where it belongs.
    #[inline]
    fn read_once(&mut self, token: Token) -> (Got, usize) {
        let Self {
            conns,
            scratch,
            config,
            pool,
            websockets,
            now_ns,
            scan,
            board,
            slot,
            ..
        } = self;
        let Some(conn) = conns.get_mut(token) else {
            return (Got::Gone, 0);
        };
        let mut feeding = Feeding::of(config, pool);
        if conn.streams.is_some() {
            conn.count_from(*now_ns / 1_000_000_000);
        }
        let ended = conn.ended;
        if let Some((stream, body, missing)) = conn.direct_body() {
            let result = stream.read_spare(body, missing, ended);
            return received(conn, &result, |conn, count| {
                conn.fed_directly(count, &mut feeding)
            });
        }
        let result = conn.stream.read(scratch, ended);
        if let Some(established) = conn.stream.established() {
            let result = if established.resumed {
                Handshake::Resumed
            } else {
                Handshake::Full
            };
            board.tally(*slot).connections.handshake(result);
            conn.secured(established);
            conn.deadline = config.first_deadline(conn.awaits_preface(), *now_ns / 1_000_000);
            scan.note(conn.deadline);
        }
        feeding.eof = matches!(result, Ok(ReadOutcome::Closed));
        if conn.serving.websocket.is_some() {
            let (eof, now_ms) = (feeding.eof, *now_ns / 1_000_000);
            return received(conn, &result, |conn, count| {
                let tools = &mut websockets.tools;
                let bytes = &mut scratch[..count];
                conn.feed_messages(bytes, eof, &config.websocket, tools, now_ms)
            });
        }
        received(conn, &result, |conn, count| {
            conn.feed(&scratch[..count], &mut feeding)
        })
    }

    /// Parses what was read before, after a response has left.
    pub(super) fn feed_rest(&mut self, token: Token) {
        let Self {
            conns,
            config,
            pool,
            websockets,
            now_ns,
            ..
        } = self;
        let Some(conn) = conns.get_mut(token) else {
            return;
        };
        let fed = if conn.serving.websocket.is_some() {
            let (tools, now_ms) = (&mut websockets.tools, *now_ns / 1_000_000);
            conn.feed_messages(&mut [], false, &config.websocket, tools, now_ms)
        } else {
            conn.feed(&[], &mut Feeding::of(config, pool))
        };
        self.on_fed(token, fed, false);
    }

    #[inline]
    pub(super) fn on_fed(&mut self, token: Token, fed: Fed, progress: bool) {
        match fed {
            Fed::Ready(mut exchange) => {
                exchange.pipelined = !progress;
                self.ready(token, exchange, self.now_ns);
            }
            Fed::Wait => self.progressed(token, progress),
            Fed::Rejected(reject) => self.refuse(token, reject),
            Fed::Closed => self.remove(token),
            Fed::Flowed => self.on_body(token),
            Fed::Messages => self.on_messages(own_key(token), None),
            Fed::Failing(reject) => self.on_messages(own_key(token), Some(reject)),
            Fed::Streams => self.on_frames(token, progress),
            Fed::Failed(error) => {
                self.body_is_lost(&error);
                self.answer_error(token, 500, "Internal Server Error", "");
            }
        }
    }

    /// A request is complete since `ready_ns`.
    #[inline]
    pub(super) fn ready(&mut self, token: Token, mut exchange: Box<Exchange>, ready_ns: u64) {
        let last = !exchange.head.keep_alive();
        if last && exchange.head.upgrade() && self.config.policy.served.http2_upgrade {
            match self.go_on_with_http2(token, exchange) {
                Some(back) => exchange = back,
                None => return,
            }
        }
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        self.last_id += 1;
        exchange.id = self.last_id;
        conn.pace_wakes();
        self.config.begin_to_meter(conn);
        conn.requests = conn.requests.saturating_add(1);
        if conn.requests == 1 {
            let tally = self.board.tally(self.slot);
            tally.connections.spoke(conn.protocol());
        }
        exchange.number = conn.requests;
        let stream = conn.serve(exchange.id);
        conn.deadline = Deadline::NONE;
        exchange.key = Some(RequestKey {
            connection: token,
            stream,
        });
        exchange.pipelined &= exchange.number > 1;
        conn.had_last_request = last;
        if conn.redirects {
            return self.redirect(exchange);
        }
        exchange.keep_alive = !conn.had_last_request
            && self.config.keepalive_ms != 0
            && !self.config.edge.is_last(exchange.number)
            && (self.drain.serving() || conn.has_more());
        self.enter_inbox(exchange, ready_ns);
    }

    /// The same, whichever protocol it came by: from now on it waits for a thread.
    #[inline]
    pub(super) fn enter_inbox(&mut self, exchange: Box<Exchange>, ready_ns: u64) {
        if exchange.head.ignored_forwarded_header().is_some()
            && let Some(peer) = exchange.sender()
        {
            let forwarding = &self.config.policy.forwarding;
            self.notices
                .ignored_header(peer, &exchange.head, forwarding);
        }
        self.wait_for_thread(exchange, ready_ns);
    }

    /// It waits for a thread from `ready_ns` on.
    #[inline]
    pub(super) fn wait_for_thread(&mut self, mut exchange: Box<Exchange>, ready_ns: u64) {
        exchange.ready_ns = ready_ns;
        self.begin_waiting(&mut exchange);
        if self.inbox.len() < WAITING {
            self.name(&mut exchange);
        }
        self.inbox.push_back(exchange);
    }

    /// Names a complete request on the scoreboard, so that the master can say that it was lost if
    /// this process dies. It waits there until a thread begins with it.
    #[inline]
    pub(crate) fn name(&mut self, exchange: &mut Exchange) {
        let (Some(peer), Some(key)) = (exchange.client(), exchange.key) else {
            return;
        };
        // Those that wait are next to each other, mostly; those that run at the same time are many.
        let from = if self.inbox.is_empty() && !self.config.polled {
            0
        } else {
            self.next_entry
        };
        let Some(entry) = self.board.free_entry(self.slot, from) else {
            return;
        };
        self.next_entry = entry + 1;
        let named = Named {
            id: exchange.id,
            token: key.connection.to_bits(),
            body: exchange.body.len(),
            method: exchange.head.method(),
            target: exchange.head.target(),
            peer,
        };
        self.board.name(self.slot, entry, exchange.ready_ns, &named);
        exchange.entry = Some(entry);
    }

    /// A request is not complete: the right deadline for what is missing.
    fn progressed(&mut self, token: Token, progress: bool) {
        let now_ms = self.now_ms();
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.begins_tls() {
            return;
        }
        conn.pace_wakes();
        let deadline = if conn.in_body() {
            let fresh = progress || conn.deadline.cause != Cause::Body;
            fresh.then(|| self.body_deadline(token))
        } else if conn.idle() || conn.deadline.cause == Cause::Header {
            None
        } else {
            Some(Deadline::after(
                Cause::Header,
                now_ms,
                self.config.header_timeout_ms,
            ))
        };
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if let Some(deadline) = deadline {
            conn.deadline = deadline;
            self.scan.note(deadline);
        }
        if !conn.output.is_empty() {
            // 100 (Continue): the client waits for it.
            self.flush(token);
        }
    }

    /// Answers a refusal and ends the connection.
    pub(super) fn refuse(&mut self, token: Token, reject: Reject) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        self.notices.rejected(conn.peer, reject);
        if conn.phase == Phase::Discarding || conn.phase == Phase::Busy && conn.serving.begun {
            // It has a response, or a part of one: a second one would be taken for the rest.
            return self.remove(token);
        }
        self.board.tally(self.slot).refused(reject.status());
        if reject == Reject::IncompleteHead || reject == Reject::IncompleteBody {
            // Its end was read: there is nothing to linger for.
            conn.readable = false;
            conn.had_last_request = true;
        }
        self.answer_error(token, reject.status(), reject.reason(), reject.message());
    }

    pub(super) fn answer_error(&mut self, token: Token, status: u16, reason: &str, text: &str) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let mut page = Vec::new();
        let facts = self
            .config
            .page_facts(conn.is_secure(), conn.serving.head_method);
        proto::h1::error_page(&mut page, facts, (status, reason), text);
        conn.output.copy(&page);
        conn.output.end_records();
        let key = conn.serving.key(token);
        if conn
            .serving
            .incoming
            .take()
            .is_some_and(|body| body.awaited)
        {
            self.news.bodies.push(key);
        }
        conn.phase = Phase::Closing;
        self.flush(token);
    }

    /// Discards what a client sends after the last response, until its end.
    fn linger_on(&mut self, token: Token) {
        let Self { conns, scratch, .. } = self;
        let Some(conn) = conns.get_mut(token) else {
            return;
        };
        for _ in 0..SHARE / scratch.len() {
            match conn.stream.read(scratch, conn.ended) {
                Ok(ReadOutcome::Bytes { .. }) => {}
                Ok(ReadOutcome::Empty) => return self.register(token),
                Ok(ReadOutcome::Closed) | Err(_) => return self.remove(token),
            }
        }
        // It sends faster than we discard: an event will not come again, so come back by ourselves.
        self.again.push_back(token);
    }
}

/// The request of a connection that has one at a time.
pub(super) fn own_key(token: Token) -> RequestKey {
    RequestKey {
        connection: token,
        stream: StreamId::HTTP1,
    }
}

#[inline]
fn received(
    conn: &mut Conn,
    result: &io::Result<ReadOutcome>,
    feed: impl FnOnce(&mut Conn, usize) -> Fed,
) -> (Got, usize) {
    match result {
        &Ok(ReadOutcome::Bytes { count, drained }) => {
            conn.readable = !drained;
            (Got::Fed(feed(conn, count)), count)
        }
        Ok(ReadOutcome::Closed) => {
            conn.readable = false;
            (Got::Fed(feed(conn, 0)), 0)
        }
        Ok(ReadOutcome::Empty) => {
            conn.readable = false;
            (Got::Dry, 0)
        }
        Err(_) => (Got::Gone, 0),
    }
}

#[cfg(test)]
mod tests;
