//! What the server sends on a stream (RFC 9113, sections 6.1, 6.2 and 8.1).

use super::budget;
use super::code::ErrorCode;
use super::frame::{self, Header, Kind, flag};
use super::hpack;
use super::state::State;
use super::{Connection, Leaving};
use crate::event::StreamId;

/// A DATA frame is not larger than this even if the peer takes larger ones: others wait behind it.
const DATA: u32 = 16_384;

impl Connection {
    /// How many bytes of DATA may be sent on a stream now, in one frame; 0 also where nothing can be
    /// sent any more.
    #[inline]
    pub fn capacity(&self, stream: StreamId) -> usize {
        let Some(stream) = self.streams.get(stream.number()) else {
            return 0;
        };
        if !stream.state.sends() {
            return 0;
        }
        let window = self.sending.left().min(stream.sending.left());
        window.min(self.peer.frame.min(DATA) as usize)
    }

    /// Whether it is the stream's own window that leaves no room.
    pub fn is_stalled(&self, stream: StreamId) -> bool {
        let stream = self.streams.get(stream.number());
        stream.is_some_and(|stream| stream.state.sends() && stream.sending.left() == 0)
    }

    /// Whether anything can still be sent on a stream.
    pub fn can_send(&self, stream: StreamId) -> bool {
        let stream = self.streams.get(stream.number());
        stream.is_some_and(|stream| stream.state.sends())
    }

    /// Appends HEADERS with this header block, and CONTINUATION as the peer's frames want it; `end`
    /// ends the stream. False, and nothing is written: the stream is gone.
    pub fn headers(
        &mut self,
        stream: StreamId,
        block: &[u8],
        end: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        if !self.can_send(stream) {
            return false;
        }
        let most = self.peer.frame as usize;
        let stream = stream.number();
        // The first block after the peer has made its table smaller says so.
        let mut prefix: &[u8] = &[];
        if std::mem::take(&mut self.peer.smaller_table) {
            prefix = &[hpack::EMPTY_TABLE];
        }
        let first = block.len().min(most - prefix.len());
        let (mut part, mut rest) = block.split_at_checked(first).unwrap_or_default();
        let mut header = Header {
            len: length(prefix.len() + part.len()),
            kind: Kind::Headers,
            flags: if end { flag::END_STREAM } else { 0 },
            stream,
        };
        loop {
            if rest.is_empty() {
                header.flags |= flag::END_HEADERS;
            }
            header.push(out);
            out.extend_from_slice(prefix);
            out.extend_from_slice(part);
            if rest.is_empty() {
                break;
            }
            (part, rest) = rest
                .split_at_checked(rest.len().min(most))
                .unwrap_or_default();
            prefix = &[];
            header = Header {
                len: length(part.len()),
                kind: Kind::Continuation,
                flags: 0,
                stream,
            };
        }
        if end {
            self.sent_end(stream);
        }
        true
    }

    /// Appends the header of a DATA frame, behind which the caller appends `len` bytes: at most
    /// [`capacity`](Self::capacity). `end` ends the stream. False, and nothing is written: the stream
    /// is gone, or that is too much.
    #[inline]
    pub fn data(&mut self, stream: StreamId, len: usize, end: bool, out: &mut Vec<u8>) -> bool {
        if len > self.capacity(stream) || !self.can_send(stream) {
            return false;
        }
        let (number, len) = (stream.number(), length(len));
        let header = Header {
            len,
            kind: Kind::Data,
            flags: if end { flag::END_STREAM } else { 0 },
            stream: number,
        };
        header.push(out);
        self.sending.spend(len);
        if let Some(stream) = self.streams.get_mut(number) {
            stream.sending.spend(len);
        }
        self.budget.sent(len);
        if end {
            self.sent_end(number);
        }
        true
    }

    /// So many bytes of a request's body have left our hands: the peer may send as many more.
    /// `WINDOW_UPDATE` goes to [`answers`](Self::answers).
    #[inline]
    pub fn consumed(&mut self, stream: StreamId, count: usize) {
        let number = stream.number();
        // What an ended stream had outstanding was given back with its end.
        let Some(stream) = self.streams.get_mut(number) else {
            return;
        };
        let count =
            u32::try_from(count).map_or(stream.outstanding, |count| count.min(stream.outstanding));
        stream.outstanding -= count;
        self.give_back(number, count);
    }

    /// Of what was received on a stream all but `kept` bytes has left our hands: see
    /// [`consumed`](Self::consumed).
    pub fn consumed_but(&mut self, stream: StreamId, kept: usize) {
        let outstanding = self.streams.get(stream.number());
        let outstanding = outstanding.map_or(0, |stream| stream.outstanding as usize);
        self.consumed(stream, outstanding.saturating_sub(kept));
    }

    /// A stream ends before its time: `RST_STREAM` goes to [`answers`](Self::answers). Nothing can be
    /// sent on it any more.
    pub fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        let number = stream.number();
        if self.streams.get(number).is_some() {
            frame::push_reset(&mut self.answers, number, code);
            self.close(number, State::ResetByUs);
        }
    }

    /// Our side of a stream is done: it is forgotten. If the rest of its request is still to come,
    /// the peer is asked to keep it (RFC 9113, section 8.1): call this when the end of the response
    /// is in the owner's output, so that `RST_STREAM` in [`answers`](Self::answers) goes behind it.
    pub fn finished(&mut self, stream: StreamId) {
        let Some(open) = self.streams.get(stream.number()) else {
            return;
        };
        let code = if open.state.sends() {
            // The response was not ended.
            ErrorCode::InternalError
        } else {
            self.budget.finished();
            ErrorCode::NoError
        };
        self.reset(stream, code);
    }

    /// `END_STREAM` was written.
    fn sent_end(&mut self, number: u32) {
        let Some(stream) = self.streams.get_mut(number) else {
            return;
        };
        stream.state = stream.state.on_sent_end();
        if stream.state == State::Ended {
            self.close(number, State::Ended);
        }
    }

    /// Bytes of DATA on a stream have left our hands.
    pub(super) fn give_back(&mut self, number: u32, count: u32) {
        if let Some(increment) = self.receiving.give_back(count) {
            frame::push_window_update(&mut self.answers, 0, increment);
        }
        let Some(stream) = self.streams.get_mut(number) else {
            return;
        };
        // Nothing more is wanted behind its end, or of a request that was refused.
        let ending = self.data.is_some_and(|data| data.ends(number));
        if !stream.state.receives() || stream.refused || ending {
            return;
        }
        if let Some(increment) = stream.receiving.give_back(count) {
            frame::push_window_update(&mut self.answers, number, increment);
        }
    }

    /// A stream is closed: what it had outstanding is given back to the connection.
    pub(super) fn close(&mut self, number: u32, how: State) {
        let Some(stream) = self.streams.close(number, how) else {
            return;
        };
        if how == State::Ended {
            self.budget.finished();
        }
        if self.complete == Some(number) {
            self.complete = None;
        }
        if let Some(increment) = self.receiving.give_back(stream.outstanding) {
            frame::push_window_update(&mut self.answers, 0, increment);
        }
    }

    /// Whether the peer makes the server answer without taking the answers.
    pub(super) fn is_unread(&self) -> bool {
        self.answers.len() > budget::ANSWERS
    }

    /// The peer goes away by itself: what it has begun is served.
    pub(super) fn peer_leaves(&mut self) {
        self.leaving = Leaving::Gone;
    }
}

/// Lengths of frames have 24 bits.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or_default()
}
