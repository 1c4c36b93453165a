//! WebSocket connections, from the response that accepts to their end. Everything that the protocol
//! asks for is done here, whenever the reactor turns: the application may be busy.

mod closing;
mod silence;

use std::collections::HashMap;

use proto::StreamId;
use proto::ws::{Agreed, Kind, Reject};

use super::Reactor;
use super::streaming::Room;
use super::writing::{LOW_WATER, busy};
use crate::conn::{Fed, Serving};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::output::{COPY_LIMIT, Shared};
use crate::timer::Deadline;
use crate::websocket::{
    Application, MOST_ANSWERS, Message, Outgoing, Settings, Tools, Waiting, WebSocket,
};

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
        let key = match exchange.head.connect_protocol() {
            Some(_) => self.may_switch_stream(exchange),
            None => self.may_switch(exchange),
        }?;
        self.count(exchange);
        exchange.key = None;
        let token = key.connection;
        let websocket = WebSocket::new(agreed, self.fresh_ms());
        let conn = self.conns.get_mut(token)?;
        if key.stream != StreamId::HTTP1 {
            conn.begin_websocket_on(key.stream, websocket, &exchange.out);
        } else if conn.leave_http(&exchange.head) {
            conn.begin_websocket(websocket);
            conn.output.copy(&exchange.out);
        } else {
            // More of its request is to come after all, and nothing says where that ends.
            self.remove(token);
            return Some(key);
        }
        exchange.out.clear();
        self.look_for_life(key);
        self.feed_more(key);
        self.hold_frames_of(key);
        self.register(token);
        if !self.drain.serving() {
            self.go_away(key);
        }
        Some(key)
    }

    /// What was read before for a WebSocket connection.
    fn feed_more(&mut self, key: RequestKey) {
        if key.stream == StreamId::HTTP1 {
            return self.feed_rest(key.connection);
        }
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return;
        };
        let tools = &mut self.websockets.tools;
        match conn.feed_stream(key.stream, &self.config.websocket, tools) {
            Fed::Messages => self.on_messages(key, None),
            Fed::Failing(reject) => self.on_messages(key, Some(reject)),
            _ => {}
        }
    }

    /// Frames may wait for others until the turn ends.
    fn hold_frames_of(&mut self, key: RequestKey) {
        if key.stream == StreamId::HTTP1 {
            self.hold_or_flush(key.connection);
        } else {
            self.hold_frames(key.connection);
        }
    }

    /// The next message of `key`'s client, or the end.
    pub(crate) fn take_message(&mut self, key: RequestKey) -> Message {
        let Some(conn) = busy(&mut self.conns, key) else {
            return self.take_ended(key);
        };
        let Some(websocket) = conn
            .websocket(key.stream)
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
        if conn.has_more_messages(key.stream) {
            self.read_messages(key);
        }
        if first != Message::Later {
            return first;
        }
        let Some(websocket) = self.open_websocket(key) else {
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

    /// The WebSocket connection of this name, if it has not ended.
    fn open_websocket(&mut self, key: RequestKey) -> Option<&mut WebSocket> {
        busy(&mut self.conns, key)?.websocket(key.stream)
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
        let websocket = conn.websocket(key.stream);
        let Some(websocket) = websocket.filter(|each| !each.broken) else {
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
        conn.put_frames(key.stream, out);
        if let (Ok(true), Outgoing::Shared(shared)) = (announced, message) {
            conn.share_frames(key.stream, Box::new(shared));
        }
        self.hold_frames_of(key);
        let Some(conn) = busy(&mut self.conns, key) else {
            return Room::Gone;
        };
        let is_full = conn.has_much_unsent(key.stream);
        match conn.websocket(key.stream) {
            Some(websocket) if websocket.broken => Room::Gone,
            None => Room::Gone,
            Some(_) if is_full => Room::Full,
            Some(_) => Room::Yes,
        }
    }

    /// Goes on with what was read before, and with what the kernel has.
    pub(super) fn read_messages(&mut self, key: RequestKey) {
        let token = key.connection;
        if key.stream != StreamId::HTTP1 {
            self.feed_more(key);
            // Its window may have grown.
            return self.flush_answers(token);
        }
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
    pub(super) fn on_messages(&mut self, key: RequestKey, reject: Option<Reject>) {
        let Self {
            conns,
            news,
            websockets,
            ..
        } = self;
        let Some(conn) = conns.get_mut(key.connection) else {
            return;
        };
        let peer = conn.peer;
        let queued = conn.unsent(key.stream);
        let Some(websocket) = conn.websocket(key.stream) else {
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
        conn.put_frames(key.stream, out);
        // With streams it is the window that stops the client.
        conn.stalled |= stalls && key.stream == StreamId::HTTP1;
        if let Some(reject) = reject {
            self.notices.websocket_failed(peer, reject);
        }
        if over {
            self.finish_websocket(key);
        } else if answers {
            // Not held back: nothing may come that would take it along.
            self.flush(key.connection);
        }
    }

    /// More has come on a stream that has become a WebSocket connection, or may be read again.
    pub(super) fn on_stream_messages(&mut self, key: RequestKey) {
        let now_ms = self.fresh_ms();
        let conn = self.conns.get_mut(key.connection);
        if let Some(websocket) = conn.and_then(|conn| conn.websocket(key.stream)) {
            websocket.life.seen(now_ms);
            self.feed_more(key);
        }
    }

    /// A request is over before its time, as a WebSocket connection perhaps: what has come of that, its
    /// close frame too, is for the application.
    pub(super) fn lose(&mut self, mut serving: Serving, token: Token) {
        self.news.of_lost(&serving, token);
        let Some(mut websocket) = serving.websocket.take() else {
            return;
        };
        if let Some(incoming) = &mut serving.incoming {
            let tools = &mut self.websockets.tools;
            websocket.feed(incoming.rest(), true, &self.config.websocket, tools);
            tools.out.clear();
        }
        self.keep_waiting(serving.key(token), websocket);
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
        let key = conn.serving.key(token);
        if let Some(websocket) = conn.websocket(key.stream)
            && !std::mem::replace(&mut websocket.broken, true)
        {
            self.read_messages(key);
        }
    }

    /// A client that nothing reaches, and of which everything was read.
    fn end_if_broken(&mut self, token: Token) {
        let settings = &self.config.websocket;
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let emptied = conn.wants_bytes(settings) && !conn.readable;
        let websocket = conn.serving.websocket.as_ref();
        if emptied && websocket.is_some_and(|each| each.broken) {
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

#[cfg(test)]
mod tests;
