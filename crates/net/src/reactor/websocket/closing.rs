//! How WebSocket connections end.
//!
//! A connection ends in one of these ways, and the application is told once, behind the messages that
//! it has not taken:
//!
//! | what happens | what the client gets | code for the application |
//! |---|---|---|
//! | its close frame comes | the answer to it | its code; 1005 without one |
//! | the application closes | close frame, then the end when the client has answered, or after 10 s | that of the answer; 1006 without one |
//! | the client breaks a rule | close frame with the code of the rule; behind the answers to messages before, if the header of a frame breaks it | the same code |
//! | the client sends nothing for `ping_timeout` behind a ping | close frame 1011 | 1006 |
//! | its bytes end, or nothing reaches it any more | | 1006 |
//! | its stream is reset, or waits for a window for `write_timeout` (HTTP/2) | the reset | 1006 |
//! | the worker stops | close frame 1001, or 1012 if another worker takes its place; the end after 3 s at the latest | the same code, at once |

use proto::ws::{Misuse, State, close};

use super::tell;
use crate::exchange::RequestKey;
use crate::reactor::Reactor;
use crate::websocket::{Application, Tools, WebSocket};

impl Reactor {
    /// Sends the close frame. What the client has sent before its own one is dropped, and when that
    /// has come, or its time is over, the connection ends. Nothing is done if it is closing already.
    pub(crate) fn close_websocket(
        &mut self,
        key: RequestKey,
        code: u16,
        reason: &str,
    ) -> Result<(), Misuse> {
        let Some(websocket) = self.open_websocket(key) else {
            return close::check(Some(code), reason);
        };
        if websocket.protocol.state() != State::Open {
            return close::check(Some(code), reason);
        }
        self.push_close(key, code, reason)?;
        if let Some(websocket) = self.open_websocket(key) {
            websocket.waiting.drop_messages();
        }
        self.await_close(key);
        Ok(())
    }

    /// The application is done with a connection: it is closed with 1000, unless it is closing or has
    /// ended, and nothing more is told of it.
    pub(crate) fn end_websocket(&mut self, key: RequestKey) {
        self.websockets.ended.remove(&key);
        let Some(websocket) = self.open_websocket(key) else {
            return;
        };
        websocket.application = Application::Left;
        websocket.waiting.drop_messages();
        let open = websocket.protocol.state() == State::Open;
        // A close frame without a reason, and with this code, is always right.
        if open && self.push_close(key, close::NORMAL, "").is_ok() {
            self.await_close(key);
        } else {
            // What had no room is dropped from now on.
            self.read_messages(key);
        }
    }

    /// The worker stops: every client is told, and every application.
    pub(in crate::reactor) fn close_websockets(&mut self) {
        for key in self.all_websockets() {
            self.go_away(key);
        }
    }

    /// The names of all WebSocket connections.
    pub(in crate::reactor) fn all_websockets(&self) -> Vec<RequestKey> {
        let mut keys = Vec::new();
        for (token, conn) in self.conns.iter() {
            let streams = conn.streams.iter().flat_map(|streams| streams.iter());
            let streams = streams.map(|open| &open.serving);
            let all = streams.chain([&conn.serving]);
            let all = all.filter(|serving| serving.websocket.is_some());
            keys.extend(all.map(|serving| serving.key(token)));
        }
        keys
    }

    /// Time is up: what is left of a WebSocket connection ends.
    pub(in crate::reactor) fn end_websocket_now(&mut self, key: RequestKey) {
        self.go_away(key);
        self.finish_websocket(key);
    }

    /// Closes a connection because the worker stops. Its application may take what has come before,
    /// and is told at once.
    pub(super) fn go_away(&mut self, key: RequestKey) {
        let code = if self.board.is_replaced(self.slot) {
            close::SERVICE_RESTART
        } else {
            close::GOING_AWAY
        };
        if self.push_close(key, code, "").is_err() {
            return;
        }
        let conn = self.conns.get_mut(key.connection);
        if let Some(websocket) = conn.and_then(|conn| conn.websocket(key.stream)) {
            websocket.waiting.end(code, "");
            tell(websocket, key, &mut self.news.messages);
        }
        self.await_close(key);
    }

    /// Puts a close frame into the output.
    pub(super) fn push_close(
        &mut self,
        key: RequestKey,
        code: u16,
        reason: &str,
    ) -> Result<(), Misuse> {
        let Self {
            conns, websockets, ..
        } = self;
        let Tools { pool, out } = &mut websockets.tools;
        let Some(conn) = conns.get_mut(key.connection) else {
            return Ok(());
        };
        if let Some(websocket) = conn.websocket(key.stream) {
            websocket.protocol.close(Some(code), reason, pool, out)?;
            conn.put_frames(key.stream, out);
        }
        Ok(())
    }

    /// The close frame is on its way: the client has its time for the answer.
    pub(super) fn await_close(&mut self, key: RequestKey) {
        self.look_for_life(key);
        self.flush(key.connection);
        // What had no room is dropped from now on.
        self.read_messages(key);
    }

    /// The connection is over for the protocol: what is queued is written, then it is closed, by the
    /// server first (RFC 6455, section 7.1.1); a stream has its end behind it (RFC 8441, section 5).
    pub(super) fn finish_websocket(&mut self, key: RequestKey) {
        let conn = self.conns.get_mut(key.connection);
        if let Some(websocket) = conn.and_then(|conn| conn.end_websocket(key.stream)) {
            self.keep_waiting(key, websocket);
            self.flush(key.connection);
        }
    }

    /// A connection has gone or is over: what waits for its application is kept until that takes it.
    pub(in crate::reactor) fn keep_waiting(
        &mut self,
        key: RequestKey,
        mut websocket: Box<WebSocket>,
    ) {
        websocket.waiting.end(close::ABNORMAL, "");
        tell(&mut websocket, key, &mut self.news.messages);
        self.news.room = true;
        if websocket.application != Application::Left && websocket.waiting.has_news() {
            self.websockets.ended.insert(key, websocket.waiting);
        }
    }
}
