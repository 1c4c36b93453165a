//! Time for WebSocket clients: for a sign of life, and for their close frame.

use proto::StreamId;
use proto::ws::{State, close};

use crate::exchange::RequestKey;
use crate::reactor::Reactor;
use crate::timer::{Cause, Deadline};
use crate::websocket::Look;

/// How long a client has for its close frame behind ours, in ms, from when that is written: as long
/// as the `websockets` library waits.
pub(super) const CLOSING_MS: u64 = 10_000;
/// The same while the worker stops: a client that is there answers at once, and others would keep the
/// worker.
pub(super) const LAST_CLOSING_MS: u64 = 3_000;
/// What a client is told that has not answered a ping.
const NO_ANSWER: &str = "keepalive ping timeout";

impl Reactor {
    /// Sees to it that the client is still there, or closes in time: the deadline of a WebSocket
    /// connection, unless it has something to read.
    pub(in crate::reactor) fn look_for_life(&mut self, key: RequestKey) {
        let now_ms = self.fresh_ms();
        let settings = &self.config.websocket;
        let stopping = !self.drain.serving();
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return;
        };
        let paused = !conn.wants_messages(key.stream, settings);
        let Some(websocket) = conn.websocket(key.stream) else {
            return;
        };
        let life = &mut websocket.life;
        if paused {
            // Its bytes are left where they are, and so would be an answer.
            life.seen(now_ms);
        }
        let open = websocket.protocol.state() == State::Open;
        let pings = open && life.look(now_ms, settings) == Look::Ping;
        if pings {
            life.pinged(now_ms, settings);
        }
        let deadline = match life.look(now_ms, settings) {
            _ if !open && stopping => Deadline::after(Cause::Closing, now_ms, LAST_CLOSING_MS),
            _ if !open => Deadline::after(Cause::Closing, now_ms, CLOSING_MS),
            Look::Never => Deadline::NONE,
            Look::At(at_ms) => Deadline::at(Cause::Silence, at_ms),
            Look::Ping | Look::Lost => Deadline::at(Cause::Silence, now_ms),
        };
        conn.set_websocket_deadline(key.stream, deadline);
        self.scan.note(deadline);
        if pings {
            self.ping(key);
        }
    }

    fn ping(&mut self, key: RequestKey) {
        let Self {
            conns, websockets, ..
        } = self;
        let out = &mut websockets.tools.out;
        if let Some(conn) = conns.get_mut(key.connection)
            && let Some(websocket) = conn.websocket(key.stream)
            && websocket.protocol.ping(&[], out).is_ok()
        {
            conn.put_frames(key.stream, out);
            self.flush(key.connection);
        }
    }

    /// A client may have been silent for too long.
    pub(in crate::reactor) fn on_silence(&mut self, key: RequestKey) {
        // More may have come than the poller has told of.
        self.read(key.connection);
        let now_ms = self.now_ms();
        let settings = self.config.websocket;
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return;
        };
        let reads = conn.wants_messages(key.stream, &settings);
        let Some(websocket) = conn.websocket(key.stream) else {
            return;
        };
        let open = websocket.protocol.state() == State::Open;
        if !(open && reads && websocket.life.look(now_ms, &settings) == Look::Lost) {
            return self.look_for_life(key);
        }
        websocket.waiting.end(close::ABNORMAL, "");
        // There is no end of the client's to wait for.
        conn.had_last_request |= key.stream == StreamId::HTTP1;
        // A close frame can say that, and the connection is open.
        if self
            .push_close(key, close::INTERNAL_ERROR, NO_ANSWER)
            .is_ok()
        {
            self.finish_websocket(key);
        }
    }

    /// A client has not sent its close frame in time.
    pub(in crate::reactor) fn on_unanswered_close(&mut self, key: RequestKey) {
        self.read(key.connection);
        self.finish_websocket(key);
    }
}
