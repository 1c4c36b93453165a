//! Header blocks (RFC 9113, section 4.3): from HEADERS and CONTINUATION to a head or to trailers.

use super::budget;
use super::data::padding;
use super::frame::{self, Header, LAST_STREAM, flag};
use super::priority::Priority;
use super::receiving::{PRIORITY, Step};
use super::state::{Got, State, Verdict};
use super::streams::Stream;
use super::window::{Receiving, Sending};
use super::{Connection, head};
use crate::event::{Event, StreamId};
use crate::head::RequestHead;
use crate::known::Known;
use crate::limits::Policy;
use crate::reject::Reject;

/// A header block that is not complete.
#[derive(Debug)]
pub(super) struct OpenBlock {
    pub(super) stream: u32,
    end: bool,
    /// What HEADERS already did wrong.
    fault: Option<Reject>,
    bytes: Vec<u8>,
    /// CONTINUATION frames so far.
    frames: usize,
}

/// What a complete header block belongs to.
#[derive(Clone, Copy)]
struct Whole<'a> {
    stream: u32,
    /// `END_STREAM`.
    end: bool,
    fault: Option<Reject>,
    bytes: &'a [u8],
}

impl Connection {
    /// HEADERS, all of it (section 6.2).
    pub(super) fn headers_frame(
        &mut self,
        policy: &Policy,
        header: Header,
        rest: &[u8],
        head: &mut RequestHead,
    ) -> Result<Option<Event>, Reject> {
        if header.stream.is_multiple_of(2) {
            return Err(Reject::InvalidStreamId);
        }
        let (start, padding) = padding(header, rest)?.unwrap_or((frame::HEADER, 0));
        let end = frame::HEADER + (header.len - padding) as usize;
        let mut content = rest.get(start..end).ok_or(Reject::InvalidPadding)?;
        let mut fault = None;
        if header.has(flag::PRIORITY) {
            let Some((priority, block)) = content.split_at_checked(PRIORITY) else {
                return Err(Reject::InvalidFrameSize);
            };
            if frame::number(priority) & LAST_STREAM == header.stream {
                fault = Some(Reject::SelfDependency);
            }
            content = block;
        }
        if content.len() > self.config.block() {
            return Err(Reject::HeaderBlockTooLarge);
        }
        let (stream, end) = (header.stream, header.has(flag::END_STREAM));
        if header.has(flag::END_HEADERS) {
            let block = Whole {
                stream,
                end,
                fault,
                bytes: content,
            };
            return self.header_block(policy, block, head);
        }
        self.block = Some(OpenBlock {
            stream,
            end,
            fault,
            bytes: content.to_vec(),
            frames: 0,
        });
        Ok(None)
    }

    /// CONTINUATION of the open block (section 6.10).
    pub(super) fn continuation(
        &mut self,
        policy: &Policy,
        header: Header,
        payload: &[u8],
        head: &mut RequestHead,
    ) -> Result<Option<Event>, Reject> {
        let most = self.config.block();
        let Some(mut block) = self.block.take() else {
            return Err(Reject::UnexpectedContinuation);
        };
        block.frames += 1;
        budget::continuations(block.frames, most)?;
        if block.bytes.len() + payload.len() > most {
            return Err(Reject::HeaderBlockTooLarge);
        }
        block.bytes.extend_from_slice(payload);
        if !header.has(flag::END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        let block = Whole {
            stream: block.stream,
            end: block.end,
            fault: block.fault,
            bytes: &block.bytes,
        };
        self.header_block(policy, block, head)
    }

    /// A complete header block. Whatever becomes of it, it is decoded: those behind it depend on it.
    fn header_block(
        &mut self,
        policy: &Policy,
        block: Whole<'_>,
        head: &mut RequestHead,
    ) -> Result<Option<Event>, Reject> {
        let got = Got::Headers { end: block.end };
        let state = self.streams.state(block.stream);
        match (state, state.on(got)) {
            (_, Verdict::Connection(reject)) => Err(reject),
            (State::Idle, Verdict::Next(next)) => self.request(policy, block, next, head),
            (_, Verdict::Next(_)) => self.trailers(policy, block),
            (_, Verdict::Ignored) => {
                self.drop_block(policy, block.bytes)?;
                self.budget.idle().map(|()| None)
            }
            (_, Verdict::Stream(reject)) => {
                self.drop_block(policy, block.bytes)?;
                self.fault(block.stream, reject)
            }
        }
    }

    /// A request begins.
    fn request(
        &mut self,
        policy: &Policy,
        block: Whole<'_>,
        state: State,
        head: &mut RequestHead,
    ) -> Result<Option<Event>, Reject> {
        let number = block.stream;
        let reading = head::Reading {
            policy,
            config: &self.config,
            sender: self.sender,
            end: block.end,
        };
        let wrong = reading.request(&mut self.decoder, block.bytes, head)?;
        let early = self.streams.early(number);
        self.streams.begin(number);
        let stream = StreamId::new(number);
        let full = self.streams.len() >= self.config.max_concurrent_streams as usize;
        let full = full.then_some(Reject::TooManyStreams);
        let heads = self.streams.heads() + head.bytes.len();
        let heads = (heads > self.config.heads()).then_some(Reject::HeadsTooLarge);
        let wrong = full.or(block.fault).or(wrong).or(heads);
        match wrong {
            Some(reject) if reject.code().is_some() => {
                // Opened, so that it can be reset.
                self.streams.open(self.stream(number, state));
                self.fault(number, reject)
            }
            Some(reject) => {
                self.streams.open(Stream {
                    refused: true,
                    ..self.stream(number, state)
                });
                Ok(Some(Event::Refused(stream, reject)))
            }
            None => {
                let said = head.get(Known::Priority).map(Priority::parse);
                let tunnel = head.connect_protocol().is_some();
                // A stream without an end must not keep others waiting (RFC 9218, section 11).
                let unsaid = Priority {
                    incremental: tunnel,
                    ..Priority::default()
                };
                self.streams.open(Stream {
                    announced: head.content_length(),
                    priority: early.or(said).unwrap_or(unsaid),
                    head: head.bytes.len(),
                    tunnel,
                    ..self.stream(number, state)
                });
                self.complete = block.end.then_some(number);
                Ok(Some(Event::Head(stream)))
            }
        }
    }

    /// Trailers: checked and dropped, as those of HTTP/1 are. The request is complete, or refused if
    /// they are beyond its limits.
    fn trailers(&mut self, policy: &Policy, block: Whole<'_>) -> Result<Option<Event>, Reject> {
        let reading = head::Reading {
            policy,
            config: &self.config,
            sender: self.sender,
            end: true,
        };
        let wrong = reading.trailers(&mut self.decoder, block.bytes, &mut self.scratch)?;
        let stream = self.streams.get(block.stream);
        let refused = stream.is_some_and(|stream| stream.refused);
        let wrong = wrong.or(block.fault).filter(|_| !refused);
        if let Some(reject) = wrong
            && reject.code().is_some()
        {
            return self.fault(block.stream, reject);
        }
        if wrong.is_some() {
            self.refuse_rest(block.stream);
        }
        let got = Got::Headers { end: true };
        let ended = self.end_of_request(block.stream, got, 0)?;
        let refused = wrong.map(|reject| Event::Refused(StreamId::new(block.stream), reject));
        Ok(refused.or(match ended {
            Step::Event(_, event) => Some(event),
            Step::More | Step::Used(_) => None,
        }))
    }

    /// Decodes a block of which nothing is wanted.
    fn drop_block(&mut self, policy: &Policy, bytes: &[u8]) -> Result<(), Reject> {
        let reading = head::Reading {
            policy,
            config: &self.config,
            sender: self.sender,
            end: true,
        };
        let dropped = reading.trailers(&mut self.decoder, bytes, &mut self.scratch);
        dropped.map(|_| ())
    }

    /// A stream that has just begun.
    pub(super) fn stream(&self, id: u32, state: State) -> Stream {
        Stream {
            id,
            state,
            sending: Sending::new(self.peer.window),
            receiving: Receiving::new(self.config.window(), self.window),
            outstanding: 0,
            received: 0,
            announced: None,
            priority: Priority::default(),
            head: 0,
            refused: false,
            tunnel: false,
        }
    }
}
