//! WebSocket connections, from the response that accepts to their end. Everything that the protocol
//! asks for is done here, whenever the reactor turns: the application may be busy.
//!
//! A connection ends in one of these ways, and the application is told once, behind the messages that
//! it has not taken:
//!
//! | what happens | what the client gets | code for the application |
//! |---|---|---|
//! | its close frame comes | the answer to it | its code; 1005 without one |
//! | the application closes | close frame, then the end when the client has answered, or after [`CLOSING_MS`] | that of the answer; 1006 without one |
//! | the client breaks a rule | close frame with the code of the [`Reject`] | the same code |
//! | the client sends nothing for `ping_timeout` behind a ping | close frame 1011 | 1006 |
//! | its bytes end, or nothing reaches it any more | | 1006 |
//! | the worker stops | close frame 1001; 1012 if another worker takes its place | the same code, at once |

use std::collections::HashMap;

use proto::ws::{Agreed, Kind, Misuse, Reject, State, close};

use super::Reactor;
use super::streaming::Room;
use super::writing::{LOW_WATER, busy};
use crate::conn::{Conn, Phase};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::output::{COPY_LIMIT, Shared};
use crate::timer::{Cause, Deadline};
use crate::websocket::{Look, Message, Outgoing, Settings, Tools, Waiting, WebSocket};

/// How long a client has for its close frame behind ours, in ms, from when that is written: as long
/// as the `websockets` library waits.
const CLOSING_MS: u64 = 10_000;
/// Bytes of answers to pings that wait for a client above which it is not read: it asks, and does not
/// read.
const MOST_ANSWERS: usize = 64 * 1024;
/// What a client is told that has not answered a ping.
const NO_ANSWER: &str = "keepalive ping timeout";

/// What the WebSocket connections of a reactor share.
pub(super) struct WebSockets {
    pub(super) tools: Tools,
    /// What applications have not taken of connections that have ended.
    ended: HashMap<RequestKey, Waiting>,
}

impl WebSockets {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            tools: Tools::new(settings),
            ended: HashMap::new(),
        }
    }

    /// In a process that the application has forked.
    pub(super) fn forget(&mut self) {
        self.ended.clear();
    }
}

/// The bytes of a message that was compressed, or came by reference.
struct Frames(Vec<u8>);

impl Shared for Frames {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Reactor {
    /// Sends the response that accepts, `exchange.out`, and goes on with a WebSocket connection, to
    /// which belongs what the client has sent behind its request. The exchange has no connection any
    /// more then. `None`, with nothing done: its response does not switch or has begun, its request is
    /// not complete, or its client has gone.
    pub(crate) fn switch_websocket(
        &mut self,
        exchange: &mut Exchange,
        agreed: Option<Agreed>,
    ) -> Option<RequestKey> {
        let key = self.may_switch(exchange)?;
        self.count(exchange);
        exchange.key = None;
        let token = key.connection;
        let now_ms = self.now_ms();
        if let Some(conn) = self.conns.get_mut(token)
            && conn.leave_http(&exchange.head)
        {
            conn.begin_websocket(WebSocket::new(agreed, now_ms));
            conn.output.copy(&exchange.out);
            exchange.out.clear();
            self.look_for_life(token);
            self.feed_rest(token);
            self.hold_or_flush(token);
            self.register(token);
            if !self.drain.serving() {
                self.go_away(token);
            }
        } else {
            // More of its request is to come after all, and nothing says where that ends.
            self.remove(token);
        }
        Some(key)
    }

    /// The next message of `key`'s client, or the end.
    pub(crate) fn take_message(&mut self, key: RequestKey) -> Message {
        let Some(conn) = busy(&mut self.conns, key) else {
            return self.take_ended(key);
        };
        let Some(websocket) = conn.websocket() else {
            return Message::Gone;
        };
        let first = websocket.waiting.take();
        // There is room again for what was read, and for what the kernel has.
        if conn.has_more() {
            self.read_messages(key.connection);
        }
        if first != Message::Later {
            return first;
        }
        let Some(websocket) = busy(&mut self.conns, key).and_then(Conn::websocket) else {
            return self.take_ended(key);
        };
        let second = websocket.waiting.take();
        if second == Message::Later {
            websocket.awaited = true;
            self.register(key.connection);
        }
        second
    }

    /// The same, of a connection that has ended.
    fn take_ended(&mut self, key: RequestKey) -> Message {
        let Some(waiting) = self.websockets.ended.get_mut(&key) else {
            return Message::Gone;
        };
        let message = waiting.take();
        if matches!(message, Message::Closed { .. }) {
            self.websockets.ended.remove(&key);
        }
        message
    }

    /// Sends a message to `key`'s client. [`Room::Gone`]: the connection is closed, or closing.
    pub(crate) fn send_message<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        kind: Kind,
        message: Outgoing<'_, S>,
    ) -> Room {
        let policy = &self.config.websocket.policy;
        let Tools { pool, out } = &mut self.websockets.tools;
        let Some(conn) = busy(&mut self.conns, key) else {
            return Room::Gone;
        };
        let Some(websocket) = conn.serving.websocket.as_mut().filter(|each| !each.broken) else {
            return Room::Gone;
        };
        let protocol = &mut websocket.protocol;
        let len = message.bytes().len();
        let announced = match message {
            Outgoing::Shared(_) if len > COPY_LIMIT => protocol.announce(policy, kind, len, out),
            Outgoing::Shared(_) | Outgoing::Bytes(_) => Ok(false),
        };
        let sent = match announced {
            Ok(false) => protocol.message(policy, pool, kind, message.bytes(), out),
            Ok(true) | Err(_) => announced.map(drop),
        };
        // The one thing that can be wrong here: it is closing.
        if sent.is_err() {
            return Room::Gone;
        }
        queue(conn, out);
        if let (Ok(true), Outgoing::Shared(shared)) = (announced, message) {
            conn.output.share(Box::new(shared), 0);
        }
        self.hold_or_flush(key.connection);
        match busy(&mut self.conns, key) {
            None => Room::Gone,
            Some(conn) => match &conn.serving.websocket {
                Some(websocket) if !websocket.broken && conn.wants_no_more() => Room::Full,
                Some(websocket) if !websocket.broken => Room::Yes,
                Some(_) | None => Room::Gone,
            },
        }
    }

    /// Sends the close frame. What the client has sent before its own one is dropped, and when that
    /// has come, or its time is over, the connection ends. Nothing is done if it is closing already.
    pub(crate) fn close_websocket(
        &mut self,
        key: RequestKey,
        code: u16,
        reason: &str,
    ) -> Result<(), Misuse> {
        let Some(websocket) = busy(&mut self.conns, key).and_then(Conn::websocket) else {
            return close::check(Some(code), reason);
        };
        if websocket.protocol.state() != State::Open {
            return close::check(Some(code), reason);
        }
        self.push_close(key.connection, code, reason)?;
        if let Some(websocket) = busy(&mut self.conns, key).and_then(Conn::websocket) {
            websocket.waiting.drop_messages();
        }
        self.await_close(key.connection);
        Ok(())
    }

    /// The application is done with a connection: it is closed with 1000, unless it is closing or has
    /// ended, and nothing more is told of it.
    pub(crate) fn end_websocket(&mut self, key: RequestKey) {
        self.websockets.ended.remove(&key);
        let Some(websocket) = busy(&mut self.conns, key).and_then(Conn::websocket) else {
            return;
        };
        websocket.left = true;
        websocket.awaited = false;
        websocket.waiting.drop_messages();
        let open = websocket.protocol.state() == State::Open;
        // A close frame without a reason, and with this code, is always right.
        if open && self.push_close(key.connection, close::NORMAL, "").is_ok() {
            self.await_close(key.connection);
        } else {
            // What had no room is dropped from now on.
            self.read_messages(key.connection);
        }
    }

    /// The worker stops: every client is told, and every application.
    pub(super) fn close_websockets(&mut self) {
        let all = self.conns.iter();
        let all = all.filter(|(_, conn)| conn.serving.websocket.is_some());
        let tokens: Vec<_> = all.map(|(token, _)| token).collect();
        for token in tokens {
            self.go_away(token);
        }
    }

    /// Time is up: what is left of a WebSocket connection ends.
    pub(super) fn end_websocket_now(&mut self, token: Token) {
        self.go_away(token);
        self.finish_websocket(token);
    }

    /// Closes a connection because the worker stops. Its application may take what has come before,
    /// and is told at once.
    fn go_away(&mut self, token: Token) {
        let code = if self.board.is_replaced(self.slot) {
            close::SERVICE_RESTART
        } else {
            close::GOING_AWAY
        };
        if self.push_close(token, code, "").is_err() {
            return;
        }
        if let Some(conn) = self.conns.get_mut(token) {
            let key = conn.serving.key(token);
            if let Some(websocket) = conn.websocket() {
                websocket.waiting.end(code, "");
                tell(websocket, key, &mut self.news.messages);
            }
        }
        self.await_close(token);
    }

    /// Puts a close frame into the output.
    fn push_close(&mut self, token: Token, code: u16, reason: &str) -> Result<(), Misuse> {
        let Self {
            conns, websockets, ..
        } = self;
        let Tools { pool, out } = &mut websockets.tools;
        let Some(conn) = conns.get_mut(token) else {
            return Ok(());
        };
        if let Some(websocket) = &mut conn.serving.websocket {
            websocket.protocol.close(Some(code), reason, pool, out)?;
            queue(conn, out);
        }
        Ok(())
    }

    /// The close frame is on its way: the client has its time for the answer.
    fn await_close(&mut self, token: Token) {
        self.look_for_life(token);
        self.flush(token);
        // What had no room is dropped from now on.
        self.read_messages(token);
    }

    /// Goes on with what was read before, and with what the kernel has.
    pub(super) fn read_messages(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.has_input() && conn.wants_bytes(&self.config.websocket) {
            self.feed_rest(token);
        }
        if self.conns.get_mut(token).is_some_and(|conn| conn.readable) {
            self.read(token);
        }
        self.end_if_broken(token);
    }

    /// Bytes were taken: there may be messages, answers of the protocol, and an end.
    pub(super) fn on_messages(&mut self, token: Token, reject: Option<Reject>) {
        let Self {
            conns,
            news,
            websockets,
            ..
        } = self;
        let Some(conn) = conns.get_mut(token) else {
            return;
        };
        let key = conn.serving.key(token);
        let peer = conn.peer;
        let queued = conn.output.queued();
        let Some(websocket) = conn.websocket() else {
            return;
        };
        let out = &mut websockets.tools.out;
        if websocket.broken {
            out.clear();
        }
        if queued <= LOW_WATER {
            websocket.answers = 0;
        }
        websocket.answers += out.len();
        let stalls = websocket.answers > MOST_ANSWERS;
        let over = websocket.is_over();
        tell(websocket, key, &mut news.messages);
        let answers = !out.is_empty();
        queue(conn, out);
        conn.stalled |= stalls;
        if let Some(reject) = reject {
            self.notices.websocket_failed(peer, reject);
        }
        if over {
            self.finish_websocket(token);
        } else if answers {
            self.hold_or_flush(token);
        }
    }

    /// The connection is over for the protocol: what is queued is written, then it is closed, by the
    /// server first (RFC 6455, section 7.1.1).
    fn finish_websocket(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some(websocket) = conn.serving.websocket.take() else {
            return;
        };
        conn.phase = Phase::Closing;
        conn.stalled = false;
        conn.take_input();
        let key = conn.serving.key(token);
        self.keep_waiting(key, websocket);
        self.flush(token);
    }

    /// A connection has gone or is over: what waits for its application is kept until that takes it.
    pub(super) fn keep_waiting(&mut self, key: RequestKey, mut websocket: Box<WebSocket>) {
        websocket.waiting.end(close::ABNORMAL, "");
        tell(&mut websocket, key, &mut self.news.messages);
        self.news.room = true;
        if !websocket.left && websocket.waiting.has_news() {
            self.websockets.ended.insert(key, websocket.waiting);
        }
    }

    /// Nothing can be written to a client: what it has sent before, its close frame perhaps, is read.
    pub(super) fn on_broken_websocket(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        conn.output.clear();
        conn.stalled = false;
        conn.readable = true;
        conn.deadline = Deadline::NONE;
        if let Some(websocket) = conn.websocket()
            && !std::mem::replace(&mut websocket.broken, true)
        {
            self.read_messages(token);
        }
    }

    /// A client that nothing reaches, and of which everything was read.
    fn end_if_broken(&mut self, token: Token) {
        let settings = &self.config.websocket;
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let emptied = conn.wants_bytes(settings) && !conn.readable;
        if emptied && conn.websocket().is_some_and(|each| each.broken) {
            self.remove(token);
        }
    }

    /// Sees to it that the client is still there, or closes in time: the deadline of a WebSocket
    /// connection, unless it has something to read.
    pub(super) fn look_for_life(&mut self, token: Token) {
        let now_ms = self.now_ms();
        let settings = &self.config.websocket;
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let paused = !conn.wants_bytes(settings);
        let Some(websocket) = conn.websocket() else {
            return;
        };
        let life = &mut websocket.life;
        if paused {
            // Its bytes are left with the kernel, and so would be an answer.
            life.seen(now_ms);
        }
        let open = websocket.protocol.state() == State::Open;
        let pings = open && life.look(now_ms, settings) == Look::Ping;
        if pings {
            life.pinged(now_ms, settings);
        }
        let deadline = match life.look(now_ms, settings) {
            _ if !open => Deadline::after(Cause::Closing, now_ms, CLOSING_MS),
            Look::Never => Deadline::NONE,
            Look::At(at_ms) => Deadline::at(Cause::Silence, at_ms),
            Look::Ping | Look::Lost => Deadline::at(Cause::Silence, now_ms),
        };
        conn.deadline = deadline;
        self.scan.note(deadline);
        if pings {
            self.ping(token);
        }
    }

    fn ping(&mut self, token: Token) {
        let Self {
            conns, websockets, ..
        } = self;
        let out = &mut websockets.tools.out;
        if let Some(conn) = conns.get_mut(token)
            && let Some(websocket) = &mut conn.serving.websocket
            && websocket.protocol.ping(&[], out).is_ok()
        {
            queue(conn, out);
            self.flush(token);
        }
    }

    /// A client may have been silent for too long.
    pub(super) fn on_silence(&mut self, token: Token) {
        // More may have come than the poller has told of.
        self.read(token);
        let now_ms = self.now_ms();
        let settings = self.config.websocket;
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let reads = conn.wants_bytes(&settings);
        let Some(websocket) = conn.websocket() else {
            return;
        };
        let open = websocket.protocol.state() == State::Open;
        if !(open && reads && websocket.life.look(now_ms, &settings) == Look::Lost) {
            return self.look_for_life(token);
        }
        websocket.waiting.end(close::ABNORMAL, "");
        // There is no end of the client's to wait for.
        conn.had_last_request = true;
        // A close frame can say that, and the connection is open.
        if self
            .push_close(token, close::INTERNAL_ERROR, NO_ANSWER)
            .is_ok()
        {
            self.finish_websocket(token);
        }
    }

    /// A client has not sent its close frame in time.
    pub(super) fn on_unanswered_close(&mut self, token: Token) {
        self.read(token);
        self.finish_websocket(token);
    }
}

/// Names a connection whose application waits, if there is something for it.
fn tell(websocket: &mut WebSocket, key: RequestKey, news: &mut Vec<RequestKey>) {
    if websocket.awaited && websocket.waiting.has_news() {
        websocket.awaited = false;
        news.push(key);
    }
}

/// Moves frames to the output of a connection. Large ones are not copied.
fn queue(conn: &mut Conn, out: &mut Vec<u8>) {
    if out.len() > COPY_LIMIT {
        let frames = Box::new(Frames(std::mem::take(out)));
        conn.output.share(frames, 0);
    } else {
        conn.output.copy(out);
        out.clear();
    }
}

#[cfg(test)]
mod tests;
