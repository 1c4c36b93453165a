//! The requests of a connection that carries several at once, each on a stream of its own (HTTP/2).

use std::io;

use proto::{Reject, StreamId};

use super::queue::Queue;
use super::{HIGH_WATER, Serving};
use crate::exchange::Exchange;
use crate::tally::StreamCounts;
use crate::timer::Deadline;

/// What a stream is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamPhase {
    /// Its request is not complete, and no application has it.
    Receiving,
    /// Its request is with the application, or waits for it.
    Busy,
    /// Its response is complete, and on its way out.
    Answered,
}

/// Bytes that wait in all streams of a connection above which one with some in its own queue waits.
const TOGETHER: u64 = 4 * HIGH_WATER;
/// What a stream may have in its queue even then.
const EACH: u64 = 16 * 1024;
/// Requests of a connection that a loop that polls begins in one round, if they are not answered there.
const IN_A_ROUND: usize = 8;
/// Streams of a connection that may be over for the peer while their applications still work.
const WORKING: usize = 100;

/// One stream.
pub(crate) struct RequestStream {
    pub(crate) serving: Serving,
    pub(crate) phase: StreamPhase,
    /// A request whose head is complete and whose body is not.
    pub(super) pending: Option<Box<Exchange>>,
    /// A request that is complete, and not begun as long as its client reads no responses.
    pub(crate) held: Option<Box<Exchange>>,
    /// The round of a loop that polls in which its request was begun; 0 stands for none.
    round: u64,
    /// More of its body has come since the last look.
    pub(crate) progress: bool,
    /// The peer has all of the response, and the application has not said that it is complete: it has
    /// no content (RFC 9110, section 6.4.1). The rest of the request may still come.
    pub(crate) sent: bool,
    pub(crate) queue: Queue,
    /// Until when more of its body must have come.
    pub(crate) deadline: Deadline,
    /// Until when its window must have been opened, where that is what it waits for.
    pub(crate) stalled: Option<Deadline>,
}

/// The streams that are open, and what was received for them and not been seen to.
#[derive(Default)]
pub(crate) struct Streams {
    /// In the order in which they were opened, which is that of their numbers.
    pub(super) open: Vec<RequestStream>,
    /// Bytes in all of their queues, and the memory that these keep.
    pub(super) queued: u64,
    pub(super) kept: u64,
    /// Requests of some are held.
    pub(crate) holds: bool,
    /// The last round of a loop that polls in which requests were begun, and how many at most of these
    /// are not answered.
    round: u64,
    begun: usize,
    /// The stream that was written to last, of those that take turns.
    pub(super) last: StreamId,
    /// Windows have grown, or something else may be sent since the last time.
    pub(crate) room: bool,
    /// Something was sent.
    pub(crate) progress: bool,
    pub(crate) deadlines: Deadlines,
    /// What has become of them since that was last counted.
    pub(crate) counts: StreamCounts,
    pub(crate) news: StreamNews,
}

/// Until when something must have happened on the connection; `None` where nothing is awaited.
#[derive(Default)]
pub(crate) struct Deadlines {
    /// The kernel takes more of what is to be written.
    pub(crate) write: Option<Deadline>,
    /// The rest of the preface has come.
    pub(crate) preface: Option<Deadline>,
    /// The first request, or the rest of a head, has come.
    pub(crate) head: Option<Deadline>,
    /// A request has come.
    pub(crate) idle: Option<Deadline>,
    /// The peer has answered that it was asked for no more requests.
    pub(crate) leaving: Option<Deadline>,
}

/// What was received.
#[derive(Default)]
pub(crate) struct StreamNews {
    /// Requests for the application.
    pub(crate) ready: Vec<(StreamId, Box<Exchange>)>,
    /// Streams with more of a body that flows, or its end; or of a WebSocket connection, which may also
    /// be one that is read again.
    pub(crate) bodies: Vec<StreamId>,
    /// Those whose requests were with the application, or waited for it, and which were reset.
    pub(crate) gone: Vec<RequestStream>,
    /// There may be room for applications that wait for it.
    pub(crate) eased: bool,
    /// Requests that are refused.
    pub(crate) refused: Vec<(StreamId, Reject)>,
    /// Requests whose bodies could not be kept.
    pub(crate) failed: Vec<(StreamId, io::Error)>,
    /// What peers have done whose streams were reset for it.
    pub(crate) faults: Vec<Reject>,
    /// The connection is over.
    pub(crate) end: Option<ConnectionEnd>,
}

/// How a connection ends.
#[derive(Debug)]
pub(crate) enum ConnectionEnd {
    /// The peer has closed it.
    Closed,
    /// The peer broke a rule.
    Rejected(Reject),
}

impl RequestStream {
    fn new(stream: StreamId) -> Self {
        let mut serving = Serving::none();
        serving.stream = stream;
        Self {
            serving,
            phase: StreamPhase::Receiving,
            pending: None,
            held: None,
            round: 0,
            progress: false,
            sent: false,
            queue: Queue::default(),
            deadline: Deadline::NONE,
            stalled: None,
        }
    }

    /// Its request's body is awaited.
    pub(crate) fn awaits_body(&self) -> bool {
        self.phase == StreamPhase::Receiving
            || self.serving.incoming.as_ref().is_some_and(|it| it.awaited)
    }
}

impl Streams {
    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    #[inline]
    fn position(&self, stream: StreamId) -> Result<usize, usize> {
        self.open
            .binary_search_by_key(&stream.number(), |each| each.serving.stream.number())
    }

    /// The stream of this number, if it is open.
    #[inline]
    pub(crate) fn get(&self, stream: StreamId) -> Option<&RequestStream> {
        let index = self.position(stream).ok()?;
        self.open.get(index)
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, stream: StreamId) -> Option<&mut RequestStream> {
        let index = self.position(stream).ok()?;
        self.open.get_mut(index)
    }

    /// A stream is opened.
    pub(super) fn insert(&mut self, stream: StreamId) -> Option<&mut RequestStream> {
        let index = self.position(stream).err()?;
        self.open.insert(index, RequestStream::new(stream));
        self.counts.opened += 1;
        self.open.get_mut(index)
    }

    /// A stream is over.
    pub(crate) fn remove(&mut self, stream: StreamId) -> Option<RequestStream> {
        let index = self.position(stream).ok()?;
        let gone = self.open.remove(index);
        self.counts.closed += 1;
        self.queued -= gone.queue.queued();
        self.kept -= gone.queue.kept();
        Some(gone)
    }

    /// The peer has all of the response of a stream: whether the stream goes on, because its application
    /// is not done.
    pub(super) fn goes_on(&mut self, stream: StreamId) -> bool {
        let works = self.get(stream).is_some_and(|open| {
            open.phase == StreamPhase::Busy && open.serving.websocket.is_none()
        });
        let room = || self.open.iter().filter(|open| open.sent).count() < WORKING;
        if !works || !room() {
            return false;
        }
        self.queue(stream, |queue| *queue = Queue::default());
        if let Some(open) = self.get_mut(stream) {
            open.sent = true;
        }
        true
    }

    /// Nothing more can be sent on a stream. If its application is not done, it is to be told.
    pub(super) fn end(&mut self, stream: StreamId) {
        let gone = self.remove(stream);
        let works = |open: &RequestStream| open.phase == StreamPhase::Busy;
        self.news.gone.extend(gone.filter(works));
    }

    /// There is news of what was sent.
    pub(crate) fn has_news(&self) -> bool {
        !self.news.bodies.is_empty() || !self.news.gone.is_empty()
    }

    /// All of them are over. Those that were over before are among them, if nothing has been told so.
    pub(crate) fn take_all(&mut self) -> Vec<RequestStream> {
        self.queued = 0;
        self.kept = 0;
        let mut all = std::mem::take(&mut self.open);
        self.counts.closed += u32::try_from(all.len()).unwrap_or_default();
        all.append(&mut self.news.gone);
        all
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RequestStream> {
        self.open.iter()
    }

    /// All of them, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut RequestStream> {
        self.open.iter_mut()
    }

    /// Bytes that wait for room.
    #[inline]
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    /// So much waits that nothing more should be made for this stream.
    pub(crate) fn is_full(&self, stream: StreamId) -> bool {
        let own = self.get(stream).map_or(0, |open| open.queue.queued());
        own >= HIGH_WATER || own >= EACH && self.crowded()
    }

    /// So much waits in all of them that each may have little.
    pub(super) fn crowded(&self) -> bool {
        self.queued >= TOGETHER
    }

    /// Responses that wait keep so much memory that no further one should be made. The largest does not
    /// count: a download that its client has paused does not stop the others.
    pub(crate) fn keeps_too_much(&self) -> bool {
        let largest = || self.iter().map(|open| open.queue.kept()).max();
        self.kept >= TOGETHER && self.kept - largest().unwrap_or(0) >= TOGETHER
    }

    /// The request of a stream is begun in this round of a loop that polls.
    pub(crate) fn begin(&mut self, stream: StreamId, round: u64) {
        if self.round != round {
            self.round = round;
            self.begun = 0;
        }
        self.begun += 1;
        if let Some(open) = self.get_mut(stream) {
            open.round = round;
        }
    }

    /// So many requests were begun in this round and not answered that what their responses keep is to
    /// be seen before others begin.
    pub(crate) fn has_its_share(&mut self, round: u64) -> bool {
        if self.round != round || self.begun < IN_A_ROUND {
            return false;
        }
        let begun = |open: &&RequestStream| open.round == round && open.phase == StreamPhase::Busy;
        self.begun = self.iter().filter(begun).count();
        self.begun >= IN_A_ROUND
    }

    /// A stream whose request is to be held, if it waits to be begun.
    pub(crate) fn holdable(&mut self, stream: StreamId) -> Option<&mut RequestStream> {
        let index = self.position(stream).ok()?;
        let open = self.open.get_mut(index)?;
        if open.phase != StreamPhase::Busy {
            return None;
        }
        self.holds = true;
        Some(open)
    }

    /// The next of the requests that are held.
    pub(crate) fn next_held(&mut self) -> Option<Box<Exchange>> {
        let next = self.iter_mut().find_map(|open| open.held.take());
        self.holds = next.is_some();
        next
    }

    /// Changes what a stream has to send.
    #[inline]
    pub(crate) fn queue<R>(
        &mut self,
        stream: StreamId,
        change: impl FnOnce(&mut Queue) -> R,
    ) -> Option<R> {
        let result = self.change(stream, |open| change(&mut open.queue))?;
        self.room = true;
        Some(result)
    }

    /// Changes a stream, and with it the sums of what all of them have to send.
    #[inline]
    pub(super) fn change<R>(
        &mut self,
        stream: StreamId,
        change: impl FnOnce(&mut RequestStream) -> R,
    ) -> Option<R> {
        let index = self.position(stream).ok()?;
        let open = self.open.get_mut(index)?;
        let before = (open.queue.queued(), open.queue.kept());
        let result = change(open);
        self.queued = self.queued + open.queue.queued() - before.0;
        self.kept = self.kept + open.queue.kept() - before.1;
        Some(result)
    }

    /// The request with this number, if the application still owes it a response.
    pub(crate) fn served(&mut self, id: u64) -> Option<&mut Serving> {
        let mut busy = self
            .iter_mut()
            .filter(|each| each.phase == StreamPhase::Busy && each.serving.websocket.is_none());
        let found = busy.find(|each| each.serving.id == id)?;
        Some(&mut found.serving)
    }
}
