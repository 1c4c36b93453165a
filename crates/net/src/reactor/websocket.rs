//! WebSocket connections, from the response that accepts to their end. Everything that the protocol
//! asks for is done here, whenever the reactor turns: the application may be busy.

mod closing;
mod silence;

use std::collections::HashMap;

use proto::ws::{Agreed, Kind, Reject};

use super::Reactor;
use super::streaming::Room;
use super::writing::{LOW_WATER, busy};
use crate::conn::Conn;
use crate::exchange::{Exchange, RequestKey, Token};
use crate::output::{COPY_LIMIT, Shared};
use crate::timer::Deadline;
use crate::websocket::{Application, Message, Outgoing, Settings, Tools, Waiting, WebSocket};

/// Bytes of answers to pings that wait for a client above which it is not read: it asks, and does not
/// read.
const MOST_ANSWERS: usize = 64 * 1024;

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
        let now_ms = self.fresh_ms();
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
        let Some(websocket) = conn
            .websocket()
            .filter(|each| each.application != Application::Left)
        else {
            return Message::Gone;
        };
        let first = websocket.waiting.take();
        websocket.application = match first {
            Message::Later => Application::Away,
            _ => Application::Answers,
        };
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
        websocket.application = Application::Answers;
        if second == Message::Later {
            websocket.application = Application::Waits;
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
            // Not held back: nothing may come that would take it along.
            self.flush(token);
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
}

/// Names a connection whose application waits, if there is something for it.
fn tell(websocket: &mut WebSocket, key: RequestKey, news: &mut Vec<RequestKey>) {
    if websocket.application == Application::Waits && websocket.waiting.has_news() {
        websocket.application = Application::Away;
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
