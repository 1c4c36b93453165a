//! A DATA frame on its way (RFC 9113, section 6.1): handed on as it comes.

use super::Connection;
use super::frame::{self, Header, flag};
use super::receiving::Step;
use super::state::{Got, State, Verdict};
use crate::event::{Event, StreamId};
use crate::limits::Policy;
use crate::reject::Reject;

/// What is still to come of a DATA frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    stream: u32,
    /// Bytes of data, then of padding.
    left: u32,
    padding: u32,
    /// The frame ends its stream.
    end: bool,
}

impl Data {
    /// Whether this frame is the last one of a stream.
    pub(super) fn ends(self, stream: u32) -> bool {
        self.end && self.stream == stream
    }
}

impl Connection {
    /// The front of a DATA frame: judged as a whole before its bytes have come.
    pub(super) fn begin_data(
        &mut self,
        policy: &Policy,
        header: Header,
        rest: &[u8],
    ) -> Result<Step, Reject> {
        let Some((used, padding)) = padding(header, rest)? else {
            return Ok(Step::More);
        };
        let extra = u32::from(header.has(flag::PADDED)) + padding;
        let (number, len) = (header.stream, header.len - extra);
        let end = header.has(flag::END_STREAM);
        let state = self.streams.state(number);
        let fault = match state.on(Got::Data { end }) {
            Verdict::Connection(reject) => return Err(reject),
            Verdict::Next(_) => None,
            Verdict::Ignored => Some(None),
            Verdict::Stream(reject) => Some(Some(reject)),
        };
        if !self.receiving.take(header.len) {
            return Err(Reject::WindowExceeded);
        }
        if len == 0 && !end {
            self.budget.empty()?;
        }
        self.data = Some(Data {
            stream: number,
            left: len,
            padding,
            end,
        });
        if let Some(reject) = fault {
            self.give_back(number, header.len);
            if len == 0 {
                self.budget.idle()?;
            }
            return match reject {
                None => Ok(Step::Used(used)),
                Some(reject) => self.fail(number, reject, used),
            };
        }
        let Some(stream) = self.streams.get_mut(number) else {
            return Ok(Step::Used(used));
        };
        stream.outstanding += len;
        stream.received += u64::from(len);
        let (received, announced) = (stream.received, stream.announced);
        if !stream.receiving.take(header.len) {
            self.give_back(number, extra);
            return self.fail(number, Reject::WindowExceeded, used);
        }
        let (refused, tunnel) = (stream.refused, stream.tunnel);
        self.give_back(number, extra);
        if refused {
            self.consumed(StreamId::new(number), len as usize);
            return Ok(Step::Used(used));
        }
        if announced.is_some_and(|announced| received > announced) {
            return self.fail(number, Reject::ContentLengthMismatch, used);
        }
        if policy.limits.body.is_some_and(|limit| received > limit) && !tunnel {
            self.refuse_rest(number);
            let event = Event::Refused(StreamId::new(number), Reject::ContentTooLarge);
            return Ok(Step::Event(used, event));
        }
        Ok(Step::Used(used))
    }

    /// Some more of a DATA frame.
    pub(super) fn go_on_with_data(&mut self, data: Data, rest: &[u8]) -> Result<Step, Reject> {
        let stream = self.streams.get(data.stream);
        let wanted = stream.is_some_and(|stream| !stream.refused && stream.state.receives());
        let left = if data.left > 0 {
            data.left
        } else {
            data.padding
        };
        let count = u32::try_from(rest.len()).map_or(left, |len| len.min(left));
        if count == 0 && left > 0 {
            return Ok(Step::More);
        }
        let used = count as usize;
        if data.left > 0 {
            self.data = Some(Data {
                left: left - count,
                ..data
            });
            if wanted {
                let body = Event::Body(StreamId::new(data.stream), 0..used);
                return Ok(Step::Event(used, body));
            }
            return Ok(Step::Used(used));
        }
        if count < left {
            self.data = Some(Data {
                padding: left - count,
                ..data
            });
            return Ok(Step::Used(used));
        }
        self.data = None;
        if data.end {
            return self.end_of_request(data.stream, Got::Data { end: true }, used);
        }
        Ok(Step::Used(used))
    }

    /// `END_STREAM` was received: the request is complete, if it is what was announced.
    pub(super) fn end_of_request(
        &mut self,
        number: u32,
        got: Got,
        used: usize,
    ) -> Result<Step, Reject> {
        let Some(stream) = self.streams.get_mut(number) else {
            return Ok(Step::Used(used));
        };
        let Verdict::Next(state) = stream.state.on(got) else {
            return Ok(Step::Used(used));
        };
        let (refused, received) = (stream.refused, stream.received);
        if !refused
            && stream
                .announced
                .is_some_and(|announced| received != announced)
        {
            return self.fail(number, Reject::ContentLengthMismatch, used);
        }
        stream.state = state;
        if state == State::Ended {
            // Answered before it was complete.
            self.close(number, State::Ended);
        }
        if refused {
            return Ok(Step::Used(used));
        }
        Ok(Step::Event(used, Event::End(StreamId::new(number))))
    }

    /// Nothing more of this request is handed on, and what is here counts as taken.
    pub(super) fn refuse_rest(&mut self, number: u32) {
        let Some(stream) = self.streams.get_mut(number) else {
            return;
        };
        stream.refused = true;
        let outstanding = std::mem::take(&mut stream.outstanding);
        self.give_back(number, outstanding);
    }
}

/// The padding of a frame that may have some: where its content starts in `rest`, and how many bytes
/// of padding stand behind. `None`: that is not there yet.
pub(super) fn padding(header: Header, rest: &[u8]) -> Result<Option<(usize, u32)>, Reject> {
    if !header.has(flag::PADDED) {
        return Ok(Some((frame::HEADER, 0)));
    }
    if header.len == 0 {
        return Err(Reject::InvalidFrameSize);
    }
    let Some(padding) = rest.get(frame::HEADER) else {
        return Ok(None);
    };
    let padding = u32::from(*padding);
    if padding >= header.len {
        return Err(Reject::InvalidPadding);
    }
    Ok(Some((frame::HEADER + 1, padding)))
}
