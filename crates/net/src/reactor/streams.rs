//! Connections that carry several requests at once (HTTP/2): what was received for their streams, and
//! responses on their way to the frames that carry them.

use std::io;

use proto::h1::{continue_record, error_page, page_records};
use proto::h2::ErrorCode;
use proto::{Reject, StreamId};

use super::{Block, Reactor, Room, Tail};
use crate::conn::{
    Beside, Conn, ConnectionEnd, LOW_WATER, Phase, StreamNews, StreamPhase, Streams,
};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::notice::Level;
use crate::output::{FilePart, Shared};
use crate::timer::{Cause, Deadline};

impl Reactor {
    /// Frames were received.
    pub(super) fn on_frames(&mut self, token: Token, progress: bool) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some(streams) = &mut conn.streams else {
            return;
        };
        let StreamNews {
            ready,
            bodies,
            gone,
            refused,
            failed,
            faults,
            eased,
            end,
        } = std::mem::take(&mut streams.news);
        for reject in faults {
            self.notices.rejected(conn.peer, reject);
        }
        for open in gone {
            self.lose_stream(open, token);
        }
        self.news.room |= eased;
        for (stream, exchange) in ready {
            self.stream_ready(token, stream, exchange);
        }
        self.on_stream_bodies(token, bodies);
        for (stream, reject) in refused {
            self.refuse_stream(token, stream, reject);
        }
        for (stream, error) in failed {
            self.body_is_lost(&error);
            self.answer_stream_error(token, stream, 500, "Internal Server Error", "");
        }
        match end {
            None => self.after_frames(token, progress),
            Some(ConnectionEnd::Closed) => self.remove(token),
            Some(ConnectionEnd::Rejected(reject)) => {
                self.tally().connections.sent_away(reject);
                self.end_with_error(token, reject);
            }
        }
    }

    /// A request is complete, or goes to the application before its body.
    pub(super) fn stream_ready(
        &mut self,
        token: Token,
        stream: StreamId,
        mut exchange: Box<Exchange>,
    ) {
        self.last_id += 1;
        let (now_ns, serves) = (self.now_ns, self.last_id);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let open = conn.streams.as_mut().and_then(|all| all.get_mut(stream));
        let Some(open) = open else {
            return;
        };
        open.phase = StreamPhase::Busy;
        open.deadline = Deadline::NONE;
        open.serving.begin(stream, serves);
        exchange.id = serves;
        conn.requests = conn.requests.saturating_add(1);
        if conn.requests == 1 {
            let tally = self.board.tally(self.slot);
            tally.connections.spoke(conn.protocol());
        }
        exchange.number = conn.requests;
        exchange.key = Some(RequestKey {
            connection: token,
            stream,
        });
        exchange.pipelined = false;
        exchange.keep_alive = true;
        self.enter_inbox(exchange, now_ns);
    }

    /// What was received is sorted: what it asks for is sent, and the right deadline set.
    fn after_frames(&mut self, token: Token, progress: bool) {
        let now_ms = self.now_ms();
        let body_ms = self.config.body_timeout_ms;
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some(streams) = &mut conn.streams else {
            return;
        };
        for open in streams.iter_mut() {
            let moves = std::mem::take(&mut open.progress) && progress;
            if open.awaits_body() && (moves || open.deadline.cause != Cause::Body) {
                open.deadline = Deadline::after(Cause::Body, now_ms, body_ms);
            }
        }
        self.flush(token);
    }

    /// A connection whose peer has broken a rule of the connection: GOAWAY says so.
    pub(super) fn end_with_error(&mut self, token: Token, reject: Reject) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        self.notices.rejected(conn.peer, reject);
        conn.make_frames();
        if reject == Reject::IncompleteHead || reject == Reject::IncompleteBody {
            conn.readable = false;
            conn.had_last_request = true;
        }
        self.lose_streams(token);
        if let Some(conn) = self.conns.get_mut(token) {
            conn.phase = Phase::Closing;
        }
        self.flush(token);
    }

    /// The applications of all streams are told that their client has gone.
    pub(super) fn lose_streams(&mut self, token: Token) {
        let conn = self.conns.get_mut(token);
        let Some(streams) = conn.and_then(|conn| conn.streams.as_mut()) else {
            return;
        };
        for open in streams.take_all() {
            self.lose_stream(open, token);
        }
        self.news.room = true;
    }

    /// Refuses the request of one stream.
    pub(super) fn refuse_stream(&mut self, token: Token, stream: StreamId, reject: Reject) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        self.notices.rejected(conn.peer, reject);
        self.board.tally(self.slot).refused(reject.status());
        self.answer_stream_error(
            token,
            stream,
            reject.status(),
            reject.reason(),
            reject.message(),
        );
    }

    /// Answers in the place of an application; a response that has begun is cut off.
    pub(super) fn answer_stream_error(
        &mut self,
        token: Token,
        stream: StreamId,
        status: u16,
        reason: &str,
        text: &str,
    ) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let mut page = Vec::new();
        let open = conn.streams.as_mut().and_then(|all| all.get_mut(stream));
        let head = open.is_some_and(|open| open.serving.head_method);
        let facts = self.config.page_facts(conn.is_secure(), head);
        error_page(&mut page, facts, (status, reason), text);
        self.answer_stream(token, stream, &page);
    }

    /// The same with a whole page, which was made for HTTP/1.
    pub(super) fn answer_stream(&mut self, token: Token, stream: StreamId, page: &[u8]) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some(streams) = &mut conn.streams else {
            return;
        };
        let Some(open) = streams.get_mut(stream) else {
            return;
        };
        let (begun, sent) = (open.serving.begun, open.sent);
        open.phase = StreamPhase::Answered;
        open.deadline = Deadline::NONE;
        // Admission finds that it was answered.
        self.inbox.extend(open.held.take());
        if let Some(incoming) = open.serving.incoming.take()
            && incoming.awaited
        {
            self.news.bodies.push(open.serving.key(token));
        }
        if sent {
            conn.finish_stream(stream);
            return self.flush(token);
        }
        streams.queue(stream, |queue| {
            if begun {
                queue.cut_off(ErrorCode::InternalError);
            } else {
                let mut records = Vec::new();
                page_records(&mut records, page);
                queue.add(&records, Beside::Nothing);
            }
        });
        self.flush(token);
    }

    /// The response of a stream is complete: `records`, then `tail`. Without its end it is cut off.
    pub(super) fn respond_on_stream<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        records: &[u8],
        tail: Tail<S>,
        hold: bool,
    ) {
        let Some(streams) = streams_of(self.conns.get_mut(key.connection), key) else {
            return;
        };
        if let Some(open) = streams.get_mut(key.stream) {
            if open.sent {
                return self.finish_stream(key);
            }
            open.phase = StreamPhase::Answered;
            open.deadline = Deadline::NONE;
            open.serving.incoming = None;
            open.serving.reports_disconnect = false;
        }
        let beside = match tail {
            Tail::None => Beside::Nothing,
            Tail::Bytes(shared) => Beside::Shared(Box::new(shared)),
            Tail::File(part) => Beside::File(part),
        };
        streams.queue(key.stream, |queue| {
            queue.add(records, beside);
            if !queue.is_complete() {
                queue.cut_off(ErrorCode::InternalError);
            }
        });
        if hold {
            self.hold_frames(key.connection);
        } else {
            self.flush(key.connection);
        }
    }

    /// The application is done with a request whose response its client has had before.
    fn finish_stream(&mut self, key: RequestKey) {
        if let Some(conn) = self.conns.get_mut(key.connection) {
            conn.finish_stream(key.stream);
        }
        self.flush(key.connection);
    }

    /// A part of a response.
    pub(super) fn stream_on_stream<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        records: &[u8],
        block: Block<'_, S>,
    ) -> Room {
        let beside = match block {
            Block::None => Beside::Nothing,
            Block::Bytes(bytes) | Block::Chunk(bytes) => Beside::Bytes(bytes),
            Block::Shared(shared) | Block::SharedChunk(shared) => Beside::Shared(Box::new(shared)),
        };
        self.give_stream(key, records, beside, true);
        match streams_of(self.conns.get_mut(key.connection), key) {
            None => Room::Gone,
            Some(streams) if streams.is_full(key.stream) => Room::Full,
            Some(_) => Room::Yes,
        }
    }

    /// A part of a response that is in a file.
    pub(super) fn file_on_stream(&mut self, key: RequestKey, part: FilePart) {
        self.give_stream(key, &[], Beside::File(part), true);
    }

    /// Puts something into the queue of a stream; `begins`: it is a part of the final response.
    pub(super) fn give_stream(
        &mut self,
        key: RequestKey,
        records: &[u8],
        beside: Beside<'_>,
        begins: bool,
    ) {
        let Some(streams) = streams_of(self.conns.get_mut(key.connection), key) else {
            return;
        };
        if let Some(open) = streams.get_mut(key.stream) {
            if open.sent {
                return;
            }
            open.serving.begun |= begins;
        }
        streams.queue(key.stream, |queue| queue.add(records, beside));
        self.hold_frames(key.connection);
    }

    /// Whether an application that had to wait for room on its stream may go on.
    pub(super) fn room_on_stream(&mut self, key: RequestKey) -> Option<Room> {
        let Some(streams) = streams_of(self.conns.get_mut(key.connection), key) else {
            return Some(Room::Gone);
        };
        let queued = streams.get(key.stream).map(|open| open.queue.queued());
        let little = queued.is_none_or(|queued| queued <= LOW_WATER);
        (little && !streams.is_full(key.stream)).then_some(Room::Yes)
    }

    /// Nothing of a body has come that an application has asked for.
    pub(super) fn await_on_stream(&mut self, key: RequestKey, deadline: Deadline) {
        let streams = streams_of(self.conns.get_mut(key.connection), key);
        let Some(open) = streams.and_then(|all| all.get_mut(key.stream)) else {
            return;
        };
        let begun = open.serving.begun;
        let Some(incoming) = &mut open.serving.incoming else {
            return;
        };
        if std::mem::replace(&mut incoming.awaited, true) {
            return;
        }
        let continues = incoming.take_expectation() && !begun;
        open.deadline = deadline;
        if continues {
            let mut records = Vec::new();
            continue_record(&mut records);
            self.give_stream(key, &records, Beside::Nothing, false);
        }
        self.flush(key.connection);
        self.register(key.connection);
    }

    /// Frames have left: messages of those that were not read for what waited are read on, and
    /// applications whose streams are over before their time are told.
    pub(super) fn after_sending(&mut self, token: Token) {
        let conn = self.conns.get_mut(token);
        if let Some(streams) = conn.and_then(|conn| conn.streams.as_mut()) {
            let StreamNews { bodies, gone, .. } = &mut streams.news;
            let (bodies, gone) = (std::mem::take(bodies), std::mem::take(gone));
            for open in gone {
                self.lose_stream(open, token);
                self.news.room = true;
                // A loop that polls may be in the midst of its turn.
                self.poller.wake();
            }
            self.on_stream_bodies(token, bodies);
        }
        self.flush(token);
    }

    /// What the protocol has to say does not wait for more.
    pub(super) fn flush_answers(&mut self, token: Token) {
        let conn = self.conns.get_mut(token);
        if conn.is_some_and(|conn| !conn.held_back && conn.has_frames()) {
            self.flush(token);
        }
    }

    fn on_stream_bodies(&mut self, token: Token, streams: Vec<StreamId>) {
        for stream in streams {
            self.on_stream_body(RequestKey {
                connection: token,
                stream,
            });
        }
    }

    /// More of a body has come, or its end.
    fn on_stream_body(&mut self, key: RequestKey) {
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return;
        };
        let open = conn
            .streams
            .as_mut()
            .and_then(|all| all.get_mut(key.stream));
        let Some(open) = open else {
            return;
        };
        if open.serving.websocket.is_some() {
            return self.on_stream_messages(key);
        }
        if let Some(incoming) = &mut open.serving.incoming
            && std::mem::take(&mut incoming.awaited)
        {
            open.deadline = Deadline::NONE;
            self.news.bodies.push(key);
        }
    }

    /// A body could not be kept.
    pub(super) fn body_is_lost(&mut self, error: &io::Error) {
        let directory = self.config.body.directory().display();
        let text =
            format!("Cannot keep a request body in {directory}: {error}. Check tmp_upload_dir.");
        self.notices.push(Level::Error, text);
        self.tally().refused(500);
    }
}

/// The streams of a connection, if the application still owes this request a response.
#[inline]
fn streams_of(conn: Option<&mut Conn>, key: RequestKey) -> Option<&mut Streams> {
    let streams = conn?.streams.as_deref_mut()?;
    let open = streams.get(key.stream)?;
    (open.phase == StreamPhase::Busy).then_some(streams)
}

#[cfg(test)]
mod tests;
