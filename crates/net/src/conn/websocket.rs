//! A connection that has become a WebSocket connection.

use super::{Conn, Fed};
use crate::websocket::{Settings, Tools, WebSocket};

impl Conn {
    /// From now on messages come and go.
    pub(crate) fn begin_websocket(&mut self, websocket: WebSocket) {
        self.serving.reports_disconnect = false;
        self.had_last_request = false;
        self.serving.websocket = Some(Box::new(websocket));
    }

    /// The WebSocket connection that it has become.
    pub(crate) fn websocket(&mut self) -> Option<&mut WebSocket> {
        self.serving.websocket.as_deref_mut()
    }

    /// Adds bytes, and takes the messages in them as far as there is room.
    pub(crate) fn feed_messages(
        &mut self,
        bytes: &mut [u8],
        eof: bool,
        settings: &Settings,
        tools: &mut Tools,
        now_ms: u64,
    ) -> Fed {
        let Some(websocket) = &mut self.serving.websocket else {
            return Fed::Wait;
        };
        if !bytes.is_empty() {
            websocket.life.seen(now_ms);
        }
        let fed = if self.start == self.input.len() {
            let fed = websocket.feed(bytes, eof, settings, tools);
            self.input.extend_from_slice(&bytes[fed.used..]);
            fed
        } else {
            self.input.extend_from_slice(bytes);
            let rest = &mut self.input[self.start..];
            let fed = websocket.feed(rest, eof, settings, tools);
            self.start += fed.used;
            if self.start == self.input.len() {
                // An idle connection keeps no buffer.
                self.input = Vec::new();
                self.start = 0;
            } else if self.start >= self.input.len() / 2 {
                self.input.drain(..self.start);
                self.start = 0;
            }
            fed
        };
        if eof {
            self.had_last_request = websocket.is_over();
            // Before its end there are messages without room: it is read again.
            self.readable = !self.had_last_request;
        }
        match fed.reject {
            Some(reject) => Fed::Failing(reject),
            None => Fed::Messages,
        }
    }
}
