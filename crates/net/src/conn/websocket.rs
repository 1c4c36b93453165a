//! A connection that has become a WebSocket connection, or a stream of one that has (RFC 8441).

use proto::StreamId;

use super::{Beside, Conn, Fed, HIGH_WATER, StreamPhase};
use crate::incoming::Incoming;
use crate::output::Shared;
use crate::timer::Deadline;
use crate::websocket::{MOST_ANSWERS, Settings, Tools, WebSocket};

impl Conn {
    /// From now on messages come and go.
    pub(crate) fn begin_websocket(&mut self, websocket: WebSocket) {
        self.serving.reports_disconnect = false;
        self.had_last_request = false;
        self.serving.websocket = Some(Box::new(websocket));
    }

    /// The same on a stream; `response` are the records of what accepts.
    pub(crate) fn begin_websocket_on(
        &mut self,
        stream: StreamId,
        websocket: WebSocket,
        response: &[u8],
    ) {
        let Some(streams) = &mut self.streams else {
            return;
        };
        if let Some(open) = streams.get_mut(stream) {
            open.serving.begun = true;
            open.serving.reports_disconnect = false;
            open.serving.websocket = Some(Box::new(websocket));
            // Without one the client had nothing to say.
            open.serving.incoming.get_or_insert_with(|| {
                let mut nothing = Incoming::new(false);
                nothing.end();
                Box::new(nothing)
            });
        }
        streams.queue(stream, |queue| queue.add(response, Beside::Nothing));
    }

    /// The WebSocket connection that it, or this stream, has become.
    #[inline]
    pub(crate) fn websocket(&mut self, stream: StreamId) -> Option<&mut WebSocket> {
        let serving = match &mut self.streams {
            None => &mut self.serving,
            Some(streams) => &mut streams.get_mut(stream)?.serving,
        };
        serving.websocket.as_deref_mut()
    }

    /// Takes it out: its application keeps what waits. Nothing is expected of the client any more, and
    /// what is queued is all that it gets.
    pub(crate) fn end_websocket(&mut self, stream: StreamId) -> Option<Box<WebSocket>> {
        let Some(streams) = &mut self.streams else {
            let websocket = self.serving.websocket.take()?;
            self.phase = super::Phase::Closing;
            self.stalled = false;
            self.take_input();
            return Some(websocket);
        };
        let open = streams.get_mut(stream)?;
        let websocket = open.serving.websocket.take()?;
        open.serving.incoming = None;
        open.phase = StreamPhase::Answered;
        open.deadline = Deadline::NONE;
        streams.queue(stream, super::queue::Queue::end);
        self.taken_but(stream, 0);
        Some(websocket)
    }

    /// Puts frames into the output. Large ones are not copied.
    pub(crate) fn put_frames(&mut self, stream: StreamId, frames: &mut Vec<u8>) {
        if frames.is_empty() {
            return;
        }
        if frames.len() > crate::output::COPY_LIMIT {
            return self.share_frames(stream, Box::new(Frames(std::mem::take(frames))));
        }
        match &mut self.streams {
            None => self.output.copy(frames),
            Some(streams) => {
                streams.queue(stream, |queue| queue.add(&[], Beside::Bytes(frames)));
            }
        }
        frames.clear();
    }

    /// The same with bytes that stay where they are.
    pub(crate) fn share_frames(&mut self, stream: StreamId, shared: Box<dyn Shared>) {
        match &mut self.streams {
            None => self.output.share(shared, 0),
            Some(streams) => {
                streams.queue(stream, |queue| queue.add(&[], Beside::Shared(shared)));
            }
        }
    }

    /// Bytes that its client has still to take.
    pub(crate) fn unsent(&self, stream: StreamId) -> u64 {
        match &self.streams {
            None => self.output.queued(),
            Some(streams) => streams.get(stream).map_or(0, |open| open.queue.queued()),
        }
    }

    /// So much of it that its application has to wait.
    pub(crate) fn has_much_unsent(&self, stream: StreamId) -> bool {
        match &self.streams {
            None => self.output.queued() >= HIGH_WATER,
            Some(streams) => streams.is_full(stream),
        }
    }

    /// Sets the time for its client.
    pub(crate) fn set_websocket_deadline(&mut self, stream: StreamId, deadline: Deadline) {
        let Some(streams) = &mut self.streams else {
            self.deadline = deadline;
            return;
        };
        if let Some(open) = streams.get_mut(stream) {
            open.deadline = deadline;
            self.deadline = self.deadline.sooner(deadline);
        }
    }

    /// Its client has sent more than what was taken for messages.
    pub(crate) fn has_more_messages(&self, stream: StreamId) -> bool {
        let Some(streams) = &self.streams else {
            return self.has_more();
        };
        let incoming = streams
            .get(stream)
            .and_then(|open| open.serving.incoming.as_ref());
        incoming.is_some_and(|incoming| incoming.has_some())
    }

    /// What its client sends is wanted.
    pub(crate) fn wants_messages(&self, stream: StreamId, settings: &Settings) -> bool {
        let Some(streams) = &self.streams else {
            return self.wants_bytes(settings);
        };
        let Some(open) = streams.get(stream) else {
            return false;
        };
        let websocket = open.serving.websocket.as_ref();
        websocket.is_some_and(|each| {
            let reads = each.answers <= MOST_ANSWERS || open.queue.queued() <= super::LOW_WATER;
            reads && each.wants_bytes(settings)
        })
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
        fed.into()
    }

    /// Takes the messages in what has come on a stream, as far as there is room. The windows grow by
    /// what is taken, and by what is the front of a frame.
    pub(crate) fn feed_stream(
        &mut self,
        stream: StreamId,
        settings: &Settings,
        tools: &mut Tools,
    ) -> Fed {
        if !self.wants_messages(stream, settings) {
            return Fed::Wait;
        }
        let streams = self.streams.as_mut();
        let Some(open) = streams.and_then(|streams| streams.get_mut(stream)) else {
            return Fed::Wait;
        };
        let (Some(websocket), Some(incoming)) =
            (&mut open.serving.websocket, &mut open.serving.incoming)
        else {
            return Fed::Wait;
        };
        let eof = incoming.ended();
        let fed = websocket.feed(incoming.rest(), eof, settings, tools);
        incoming.drop_first(fed.used);
        let wants = websocket.wants_bytes(settings);
        let kept = if wants { 0 } else { incoming.waiting() };
        self.taken_but(stream, kept);
        fed.into()
    }
}

/// Frames that were made here.
struct Frames(Vec<u8>);

impl Shared for Frames {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<crate::websocket::Fed> for Fed {
    fn from(fed: crate::websocket::Fed) -> Self {
        match fed.reject {
            Some(reject) => Self::Failing(reject),
            None => Self::Messages,
        }
    }
}
