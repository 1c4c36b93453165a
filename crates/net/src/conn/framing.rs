//! Between the frames of a connection and its streams: what is received is sorted by stream, what
//! waits to be sent becomes frames, the most urgent ones first.

use proto::h1::continue_record;
use proto::h2::{self, ErrorCode};
use proto::{Event, Policy, Received, Reject, StreamId};

use super::queue::{Beside, Next, Queue};
use super::streams::{ConnectionEnd, RequestStream, StreamPhase, Streams};
use super::{Conn, Fed, Feeding};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::incoming::Incoming;

/// Bytes of frames that wait for the kernel: more are made when it has taken these, so that what
/// becomes urgent meanwhile does not wait behind much.
const AHEAD: u64 = 128 * 1024;

impl Conn {
    /// Goes on with what was received, as far as there is something: `received` is the first step.
    /// What it was is in the news of the streams.
    pub(super) fn parse_streams(
        &mut self,
        input: &[u8],
        mut used: usize,
        mut received: Result<Received, Reject>,
        feeding: &mut Feeding<'_>,
    ) -> (usize, Fed) {
        loop {
            let rest = &input[used..];
            let Received { consumed, event } = match received {
                Ok(received) => received,
                Err(reject) => {
                    self.over(ConnectionEnd::Rejected(reject));
                    return (used, Fed::Streams);
                }
            };
            used += consumed;
            match event {
                Event::NeedMore | Event::Switched => {
                    self.streams.get_or_insert_default();
                    return (used, Fed::Streams);
                }
                Event::Closed => {
                    self.over(ConnectionEnd::Closed);
                    return (used, Fed::Streams);
                }
                Event::Head(stream) => self.open_stream(stream, consumed == rest.len(), feeding),
                Event::Body(stream, range) => self.add_to_body(stream, &rest[range], feeding),
                Event::End(stream) => self.end_request(stream),
                Event::Refused(stream, reject) => self.refuse_stream(stream, reject, feeding),
                Event::Reset(stream, reject) => self.reset_by_peer(stream, reject),
                Event::Room => self.streams.get_or_insert_default().room = true,
                // What other protocols say.
                Event::Proxied | Event::Begun | Event::Answers => {}
            }
            let Some(exchange) = feeding.pool.last_mut() else {
                return (used, Fed::Streams);
            };
            let rest = &input[used..];
            let head = &mut exchange.head;
            received = self.proto.receive(feeding.policy, rest, feeding.eof, head);
        }
    }

    /// The request of `exchange`, which is complete, becomes that of the first of several streams, if
    /// it asks for that and its peer may.
    pub(crate) fn go_on_with_http2(
        &mut self,
        policy: &Policy,
        exchange: &mut Exchange,
    ) -> Result<bool, Reject> {
        let may = self.trusted && self.tls.is_none();
        if !may || !self.proto.upgrade_to_http2(policy, &mut exchange.head)? {
            return Ok(false);
        }
        exchange.trusted = self.trusted;
        exchange.response.make_records();
        let streams = self.streams.get_or_insert_default();
        if let Some(opened) = streams.insert(StreamId::UPGRADED) {
            opened.serving.head_method = exchange.is_head();
        }
        self.output.copy(h2::SWITCHING);
        Ok(true)
    }

    /// What peers may do for nothing is counted for each second of this clock.
    pub(crate) fn count_from(&mut self, second: u64) {
        if let Some(h2) = self.proto.h2() {
            h2.at(second);
        }
    }

    fn over(&mut self, end: ConnectionEnd) {
        self.streams.get_or_insert_default().news.end = Some(end);
    }

    /// The head of a request is complete.
    fn open_stream(&mut self, stream: StreamId, nothing_follows: bool, feeding: &mut Feeding<'_>) {
        let Some(mut exchange) = self.leave_pool(feeding) else {
            return;
        };
        exchange.trusted = self.trusted;
        exchange.response.make_records();
        let streams = self.streams.get_or_insert_default();
        let Some(opened) = streams.insert(stream) else {
            return;
        };
        opened.serving.head_method = exchange.is_head();
        let expects_continue = exchange.head.expect_continue() && nothing_follows;
        if feeding.flowing && exchange.head.has_body() {
            exchange.body = Body::Flowing;
            opened.serving.incoming = Some(Box::new(Incoming::new(expects_continue)));
            streams.news.ready.push((stream, exchange));
            return;
        }
        if let Some(length) = exchange.head.content_length() {
            exchange.body.reserve(length, feeding.store);
        }
        let continues = expects_continue && exchange.head.has_body();
        opened.pending = Some(exchange);
        if continues {
            let mut records = Vec::new();
            continue_record(&mut records);
            streams.queue(stream, |queue| queue.add(&records, Beside::Nothing));
        }
    }

    /// More of a body has come.
    fn add_to_body(&mut self, stream: StreamId, bytes: &[u8], feeding: &mut Feeding<'_>) {
        let streams = self.streams.get_or_insert_default();
        let Some(open) = streams.get_mut(stream) else {
            return self.taken(stream, bytes.len());
        };
        if let Some(incoming) = &mut open.serving.incoming {
            // Its windows grow when the application has taken it.
            incoming.push(bytes);
            streams.news.bodies.push(stream);
            return;
        }
        open.progress = true;
        let kept = match &mut open.pending {
            Some(exchange) => exchange.body.append(bytes, feeding.store),
            None => Ok(()),
        };
        if let Err(error) = kept {
            open.pending = None;
            streams.news.failed.push((stream, error));
        }
        self.taken(stream, bytes.len());
    }

    /// So many bytes of a body have left our hands.
    pub(crate) fn taken(&mut self, stream: StreamId, count: usize) {
        if let Some(h2) = self.proto.h2() {
            h2.consumed(stream, count);
        }
    }

    /// Of what has come on a stream all but so many bytes have left our hands.
    pub(crate) fn taken_but(&mut self, stream: StreamId, kept: usize) {
        if let Some(h2) = self.proto.h2() {
            h2.consumed_but(stream, kept);
        }
    }

    /// A request is complete.
    fn end_request(&mut self, stream: StreamId) {
        let streams = self.streams.get_or_insert_default();
        let Some(open) = streams.get_mut(stream) else {
            return;
        };
        if let Some(incoming) = &mut open.serving.incoming {
            incoming.end();
            streams.news.bodies.push(stream);
        } else if let Some(exchange) = open.pending.take() {
            streams.news.ready.push((stream, exchange));
        }
    }

    /// A request is refused: it gets an answer, and nothing more of it is received.
    fn refuse_stream(&mut self, stream: StreamId, reject: Reject, feeding: &Feeding<'_>) {
        let streams = self.streams.get_or_insert_default();
        if streams.get(stream).is_none()
            && let Some(open) = streams.insert(stream)
        {
            // Of its head the method is left.
            let exchange = feeding.pool.last();
            open.serving.head_method = exchange.is_some_and(|it| it.is_head());
        }
        if let Some(open) = streams.get_mut(stream) {
            open.pending = None;
        }
        streams.news.refused.push((stream, reject));
    }

    /// The peer has given a stream up, or has broken a rule there.
    fn reset_by_peer(&mut self, stream: StreamId, reject: Option<Reject>) {
        let streams = self.streams.get_or_insert_default();
        streams.news.faults.extend(reject);
        match reject {
            None => streams.counts.reset_by_client += 1,
            Some(Reject::TooManyStreams | Reject::HeadsTooLarge) => streams.counts.refused += 1,
            Some(_) => streams.counts.reset_by_server += 1,
        }
        let Some(gone) = streams.remove(stream) else {
            return;
        };
        let news = &mut streams.news;
        news.eased = true;
        news.ready.retain(|(ready, _)| *ready != stream);
        news.failed.retain(|(failed, _)| *failed != stream);
        news.refused.retain(|(refused, _)| *refused != stream);
        if gone.phase == StreamPhase::Busy {
            news.gone.push(gone);
        }
    }

    /// The protocol, and the streams that it carries.
    pub(crate) fn framing(&mut self) -> Option<(&mut h2::Connection, &mut Streams)> {
        Some((self.proto.h2()?, self.streams.as_deref_mut()?))
    }

    /// More frames could be made at once.
    pub(crate) fn has_frames(&mut self) -> bool {
        let room = self.streams.as_ref().is_some_and(|streams| streams.room);
        let h2 = self.proto.h2();
        h2.is_some_and(|h2| room && h2.has_begun() || !h2.answers().is_empty())
    }

    /// No further request comes, and all are answered.
    pub(crate) fn streams_are_over(&mut self) -> bool {
        let open = self.streams.as_ref().map_or(0, |streams| streams.len());
        open == 0 && self.proto.h2().is_some_and(|h2| h2.is_over())
    }

    /// A stream is given up from this side.
    pub(crate) fn reset_stream(&mut self, stream: StreamId) -> Option<RequestStream> {
        let (h2, streams) = self.framing()?;
        h2.reset(stream, ErrorCode::Cancel);
        streams.counts.reset_by_server += 1;
        streams.remove(stream)
    }

    /// The application is done with a request whose response the peer has had before: what may still
    /// come of the request is not wanted (RFC 9113, section 8.1).
    pub(crate) fn finish_stream(&mut self, stream: StreamId) {
        if let Some((h2, streams)) = self.framing() {
            h2.finished(stream);
            streams.remove(stream);
        }
    }

    /// What waits to be sent becomes frames, as far as windows and the kernel leave room. Whether an
    /// application that had to wait for room has some.
    pub(crate) fn make_frames(&mut self) -> bool {
        let Self {
            proto,
            streams,
            output,
            ..
        } = self;
        let (Some(h2), Some(streams)) = (proto.h2(), streams) else {
            return false;
        };
        let answers = h2.answers();
        if !answers.is_empty() {
            output.copy(answers);
            answers.clear();
        }
        let (mut eased, crowded) = (false, streams.crowded());
        // Clients have little room for what follows a 101 until they speak HTTP/2 themselves.
        let begun = h2.has_begun();
        while begun && streams.room && output.queued() < AHEAD {
            let Some(stream) = streams.choose(h2) else {
                streams.room = false;
                break;
            };
            output.append(|out| eased |= streams.send(h2, stream, out));
            streams.progress = true;
        }
        eased |= crowded && !streams.crowded();
        let answers = h2.answers();
        if !answers.is_empty() {
            output.copy(answers);
            answers.clear();
        }
        eased
    }
}

impl Streams {
    /// The stream that may send something and is the most urgent; of equal ones, first those that are
    /// of use only as a whole, in their order, then the others in turns (RFC 9218, section 10).
    fn choose(&self, h2: &h2::Connection) -> Option<StreamId> {
        let ready = self.open.iter().filter(|open| {
            let stream = open.serving.stream;
            match open.queue.next() {
                Next::Nothing => false,
                Next::Data => h2.capacity(stream) > 0,
                Next::Fields { .. } | Next::End | Next::Reset(_) => true,
            }
        });
        let place = |stream: StreamId| {
            let priority = h2.priority(stream);
            // Those behind the last one come before those that had their turn.
            let turn = (priority.incremental, stream.number() <= self.last.number());
            let turn = turn.0.then_some(turn.1);
            (priority.urgency, turn, stream.number())
        };
        let ready = ready.map(|open| open.serving.stream);
        ready.min_by_key(|&stream| place(stream))
    }

    /// One frame of this stream, or two if the first was a head: whether it has room again for an
    /// application that waits.
    fn send(&mut self, h2: &mut h2::Connection, stream: StreamId, out: &mut Vec<u8>) -> bool {
        let sent = self.change(stream, |open| open.send(h2, out));
        let Some(sent) = sent else {
            return false;
        };
        self.last = stream;
        let messages = |open: &RequestStream| open.serving.websocket.is_some();
        if sent.eased && self.get(stream).is_some_and(messages) {
            // It may be read again.
            self.news.bodies.push(stream);
        }
        if sent.over {
            let short = sent.cut_off || h2.can_send(stream);
            self.counts.reset_by_server += u32::from(short);
            if short || !self.goes_on(stream) {
                h2.finished(stream);
                self.end(stream);
            }
        }
        sent.eased
    }
}

/// What was sent of a stream.
struct Sent {
    /// Nothing more can be sent.
    over: bool,
    /// It was reset before its end.
    cut_off: bool,
    /// There is room again for an application that waits.
    eased: bool,
}

impl RequestStream {
    fn send(&mut self, h2: &mut h2::Connection, out: &mut Vec<u8>) -> Sent {
        let (stream, queue) = (self.serving.stream, &mut self.queue);
        let before = queue.queued();
        let mut over = false;
        if let Next::Fields { end } = queue.next() {
            let block = queue.take_fields();
            over = !h2.headers(stream, &block, end, out) || end;
        }
        let cut_off = matches!(queue.next(), Next::Reset(_));
        if !over {
            over = send_data(h2, stream, queue, out);
        }
        self.stalled = None;
        Sent {
            over,
            cut_off,
            eased: before > LOW_WATER && queue.queued() <= LOW_WATER,
        }
    }
}

/// What stands behind a head, as far as the windows leave room for one frame: whether nothing more can
/// be sent.
fn send_data(
    h2: &mut h2::Connection,
    stream: StreamId,
    queue: &mut Queue,
    out: &mut Vec<u8>,
) -> bool {
    let most = h2.capacity(stream);
    match queue.next() {
        Next::Nothing | Next::Fields { .. } => false,
        Next::Data if most == 0 => false,
        Next::Data => match queue.measure(most) {
            Ok((count, end)) if h2.data(stream, count, end, out) => {
                queue.take_data(count, end, out);
                end
            }
            // The stream is gone, or its file has become shorter, or cannot be read.
            Ok(_) | Err(_) => true,
        },
        Next::End => {
            h2.data(stream, 0, true, out);
            true
        }
        Next::Reset(code) => {
            h2.reset(stream, code);
            true
        }
    }
}

/// Bytes in the queue of one stream below which an application that had to wait goes on.
pub(crate) const LOW_WATER: u64 = 64 * 1024;
