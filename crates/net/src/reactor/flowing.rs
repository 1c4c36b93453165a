//! Request bodies that flow: the application asks for parts while more comes.

use proto::StreamId;

use super::Reactor;
use super::writing::busy;
use crate::conn::Phase;
use crate::exchange::{RequestKey, Token};
use crate::incoming::BodyPart;
use crate::timer::{Cause, Deadline};

impl Reactor {
    /// Appends at most `most` bytes, at least one, of the body of `key`'s request to `room`.
    pub(crate) fn read_body(
        &mut self,
        key: RequestKey,
        most: usize,
        room: &mut Vec<u8>,
    ) -> BodyPart {
        let first = self.take_part(key, most, room);
        let reads = busy(&mut self.conns, key).is_some_and(|conn| conn.readable);
        if reads {
            // There is room again for what the kernel has.
            self.read(key.connection);
        }
        if key.stream != StreamId::HTTP1 {
            // The window of its stream may have grown.
            self.flush(key.connection);
        }
        let part = match first {
            BodyPart::Later if reads => self.take_part(key, most, room),
            part => part,
        };
        if part == BodyPart::Later {
            self.await_part(key);
        }
        part
    }

    /// Whether all of it has come and was handed out.
    pub(crate) fn body_is_over(&mut self, key: RequestKey) -> bool {
        let conn = self.conns.get_mut(key.connection);
        let serving = conn.and_then(|conn| conn.serving(key.stream));
        serving.is_some_and(|it| it.incoming.as_ref().is_none_or(|body| body.is_over()))
    }

    fn take_part(&mut self, key: RequestKey, most: usize, room: &mut Vec<u8>) -> BodyPart {
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return BodyPart::Gone;
        };
        let Some(serving) = conn.serving(key.stream) else {
            return BodyPart::Gone;
        };
        let Some(incoming) = &mut serving.incoming else {
            return BodyPart::End;
        };
        match incoming.take(most, room) {
            0 if incoming.ended() => BodyPart::End,
            0 => BodyPart::Later,
            count => {
                if key.stream != StreamId::HTTP1 {
                    conn.taken(key.stream, count);
                }
                BodyPart::Bytes(count)
            }
        }
    }

    /// Nothing has come: the client has its time, is told to go on if it waits for that, and its next
    /// bytes are reported.
    fn await_part(&mut self, key: RequestKey) {
        let deadline = Deadline::after(Cause::Body, self.now_ms(), self.config.body_timeout_ms);
        if key.stream != StreamId::HTTP1 {
            return self.await_on_stream(key, deadline);
        }
        let Some(conn) = busy(&mut self.conns, key) else {
            return;
        };
        let Some(incoming) = &mut conn.serving.incoming else {
            return;
        };
        if std::mem::replace(&mut incoming.awaited, true) {
            // Asked again: that gives the client no more time.
            return;
        }
        // After a part of the final response an interim one would be in its middle.
        let continues = incoming.take_expectation() && !conn.serving.begun;
        // Through a tunnel nothing need come.
        if !conn.is_tunnel() {
            conn.deadline = deadline;
            self.scan.note(deadline);
        }
        if continues {
            conn.output.copy(proto::h1::CONTINUE);
            self.flush(key.connection);
        }
        self.register(key.connection);
    }

    /// More of a body has come, or its end.
    pub(super) fn on_body(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let phase = conn.phase;
        let key = conn.serving.key(token);
        let Some(incoming) = &mut conn.serving.incoming else {
            return;
        };
        if phase == Phase::Discarding {
            if incoming.ended() {
                self.end_discarding(token);
            } else if !incoming.wants_bytes() {
                // Too much: the connection is not worth it.
                conn.phase = Phase::Closing;
                self.flush(token);
            }
        } else if std::mem::take(&mut incoming.awaited) {
            if conn.deadline.cause == Cause::Body {
                conn.deadline = Deadline::NONE;
            }
            self.news.bodies.push(key);
        }
    }

    /// The response is complete before the request: the rest of the body is read and dropped, within
    /// bounds, so that the client's next request can be found behind it.
    #[cold]
    pub(super) fn discard_body(&mut self, token: Token) {
        let deadline = Deadline::after(Cause::Body, self.now_ms(), self.config.body_timeout_ms);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some(incoming) = &mut conn.serving.incoming else {
            return;
        };
        incoming.discard();
        conn.phase = Phase::Discarding;
        conn.deadline = deadline;
        self.scan.note(deadline);
        self.flush(token);
        self.read(token);
        self.register(token);
    }

    /// The request has come to its end behind its response.
    fn end_discarding(&mut self, token: Token) {
        let deadline = self.idle_deadline();
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        conn.next_request();
        conn.deadline = deadline;
        self.scan.note(deadline);
        if conn.has_input() && self.reads_on(token) {
            self.feed_rest(token);
            self.flush(token);
        }
    }
}

#[cfg(test)]
mod tests;
