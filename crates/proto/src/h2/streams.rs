//! The streams of a connection: those that are open, and how the last ones went.

use std::collections::VecDeque;

use super::priority::Priority;
use super::state::State;
use super::window::{Receiving, Sending};

/// How many streams that were reset are remembered: as many as may be reset within a round trip.
const RESET: usize = 512;
/// How many that have ended are: only to name the mistake of a peer that goes on with one.
const ENDED: usize = 32;
/// Priorities that are kept for streams that are not open yet.
const EARLY: usize = 16;

/// An open stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) state: State,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    /// Bytes of DATA that count against the windows until they have left our hands.
    pub(super) outstanding: u32,
    /// Bytes of the body so far.
    pub(super) received: u64,
    /// What Content-Length says.
    pub(super) announced: Option<u64>,
    pub(super) priority: Priority,
    /// Bytes of its head.
    pub(super) head: usize,
    /// The request was refused: nothing more of it is handed on.
    pub(super) refused: bool,
    /// Extended CONNECT (RFC 8441): what it carries is no body, and has no limit of one.
    pub(super) tunnel: bool,
}

/// All streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By their numbers, which only grow.
    open: Vec<Stream>,
    /// Bytes of the heads of all of them.
    heads: usize,
    /// The highest number that a peer has opened.
    highest: u32,
    /// The highest that is looked at: those above it are none of ours (section 6.8).
    last: Option<u32>,
    reset: VecDeque<(u32, State)>,
    ended: VecDeque<u32>,
    early: Vec<(u32, Priority)>,
}

impl Streams {
    #[inline]
    pub(super) fn get(&self, id: u32) -> Option<&Stream> {
        let at = self.open.binary_search_by_key(&id, |stream| stream.id);
        self.open.get(at.ok()?)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.open.binary_search_by_key(&id, |stream| stream.id);
        self.open.get_mut(at.ok()?)
    }

    /// The state of any stream. Those with even numbers are the server's, which opens none.
    pub(super) fn state(&self, id: u32) -> State {
        if let Some(stream) = self.get(id) {
            return stream.state;
        }
        if self.last.is_some_and(|last| id > last) {
            return State::ResetByUs;
        }
        if id > self.highest || id.is_multiple_of(2) {
            return State::Idle;
        }
        if let Some((_, state)) = self.reset.iter().rev().find(|(each, _)| *each == id) {
            return *state;
        }
        if self.ended.contains(&id) {
            return State::Ended;
        }
        State::Skipped
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Bytes of the heads of all that are open.
    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The highest number that was opened.
    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    /// Streams above the highest one are ignored from now on.
    pub(super) fn close_above(&mut self) -> u32 {
        *self.last.get_or_insert(self.highest)
    }

    /// A number is used up, whether its stream is opened or refused.
    pub(super) fn begin(&mut self, id: u32) {
        self.highest = self.highest.max(id);
        self.early.retain(|(early, _)| *early > id);
    }

    /// Adds a stream, whose number is the highest one.
    pub(super) fn open(&mut self, stream: Stream) {
        self.heads += stream.head;
        self.open.push(stream);
    }

    /// Closes a stream, and remembers how it went.
    pub(super) fn close(&mut self, id: u32, how: State) -> Option<Stream> {
        let at = self.open.binary_search_by_key(&id, |stream| stream.id);
        let stream = at.ok().map(|at| self.open.remove(at));
        self.heads -= stream.as_ref().map_or(0, |stream| stream.head);
        match how {
            State::Ended => {
                keep(&mut self.ended, id, ENDED);
            }
            _ => match self.reset.iter_mut().find(|(each, _)| *each == id) {
                Some((_, state)) => *state = how,
                None => keep(&mut self.reset, (id, how), RESET),
            },
        }
        stream
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.open.iter_mut()
    }

    /// The client says how urgent a stream is (RFC 9218, section 7.1), maybe before it opens it.
    pub(super) fn prioritise(&mut self, id: u32, priority: Priority) {
        if let Some(stream) = self.get_mut(id) {
            stream.priority = priority;
        } else if self.state(id) == State::Idle {
            self.early.retain(|(early, _)| *early != id);
            self.early.truncate(EARLY - 1);
            self.early.insert(0, (id, priority));
        }
    }

    /// What was said of a stream that is not open yet.
    pub(super) fn early(&self, id: u32) -> Option<Priority> {
        let mut early = self.early.iter();
        early.find(|(each, _)| *each == id).map(|(_, it)| *it)
    }
}

/// Adds the newest; the oldest is forgotten when there are too many.
fn keep<T>(ring: &mut VecDeque<T>, newest: T, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(newest);
}
