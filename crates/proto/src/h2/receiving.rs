//! What each frame of the peer does (RFC 9113, section 6).

use super::code::ErrorCode;
use super::config::Config;
use super::frame::{self, Header, Kind, LAST_STREAM, PING, SETTING, flag};
use super::priority::Priority;
use super::state::{Got, State, Verdict};
use super::{Connection, LEAVING, Leaving, PREFACE, Phase, settings};
use crate::event::{Event, Received, StreamId};
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

/// What came of looking at the front of the input.
#[derive(Debug)]
pub(super) enum Step {
    /// More bytes are needed.
    More,
    /// So many bytes were used up, and there is nothing to say.
    Used(usize),
    /// So many bytes were used up, and this is to be said. The range of a body counts from the front.
    Event(usize, Event),
}

/// Bytes that HEADERS may have beside the block: padding with its length, and a priority.
const BESIDE_BLOCK: usize = 256 + PRIORITY;

/// Bytes of SETTINGS that count as one frame: there are fewer settings than would fill them.
const SETTINGS_AT_ONCE: usize = 16 * SETTING;

/// Bytes of the payload of PRIORITY, and of the same in HEADERS (section 6.3).
pub(super) const PRIORITY: usize = 5;

impl Connection {
    /// Takes step after step until there is something to say, or more bytes are needed.
    pub(super) fn steps(
        &mut self,
        policy: &Policy,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let mut consumed = 0;
        loop {
            if self.is_unread() {
                return Err(Reject::UnreadAnswers);
            }
            let rest = input.get(consumed..).unwrap_or_default();
            match self.step(policy, rest, head)? {
                Step::Used(used) => consumed += used,
                Step::More if self.room => {
                    self.room = false;
                    return Ok(Received {
                        consumed,
                        event: Event::Room,
                    });
                }
                Step::More => {
                    return Ok(Received {
                        consumed,
                        event: Event::NeedMore,
                    });
                }
                Step::Event(used, event) => {
                    let event = match event {
                        Event::Body(stream, range) => {
                            Event::Body(stream, range.start + consumed..range.end + consumed)
                        }
                        event => event,
                    };
                    consumed += used;
                    return Ok(Received { consumed, event });
                }
            }
        }
    }

    fn step(
        &mut self,
        policy: &Policy,
        rest: &[u8],
        head: &mut RequestHead,
    ) -> Result<Step, Reject> {
        match self.phase {
            Phase::Refused(reject) => return Err(reject),
            Phase::Closed => return Ok(Step::Event(0, Event::Closed)),
            Phase::Preface => return self.preface(rest),
            Phase::FirstSettings | Phase::Frames => {}
        }
        if let Some(stream) = self.complete.take() {
            return Ok(Step::Event(0, Event::End(StreamId::new(stream))));
        }
        if let Some(data) = self.data {
            return self.go_on_with_data(data, rest);
        }
        if self.skip > 0 {
            let count = u32::try_from(rest.len()).map_or(self.skip, |len| len.min(self.skip));
            self.skip -= count;
            return Ok(match count {
                0 => Step::More,
                count => Step::Used(count as usize),
            });
        }
        let Some(header) = Header::parse(rest) else {
            return Ok(Step::More);
        };
        self.check(header)?;
        match header.kind {
            Kind::Data => return self.begin_data(policy, header, rest),
            Kind::Unknown | Kind::GoAway => {
                if header.kind == Kind::GoAway {
                    self.peer_leaves();
                }
                self.budget.idle()?;
                self.skip = header.len;
                return Ok(Step::Used(frame::HEADER));
            }
            _ => {}
        }
        let used = frame::HEADER + header.len as usize;
        let Some(payload) = rest.get(frame::HEADER..used) else {
            return Ok(Step::More);
        };
        let event = match header.kind {
            Kind::Headers => self.headers_frame(policy, header, rest, head)?,
            Kind::Continuation => self.continuation(policy, header, payload, head)?,
            Kind::Reset => self.reset_frame(header)?,
            Kind::Settings => self.settings_frame(header, payload)?,
            Kind::Ping => self.ping(header, payload)?,
            Kind::WindowUpdate => self.window_update(header, payload)?,
            Kind::Priority => self.priority_frame(header, payload)?,
            Kind::PriorityUpdate => self.priority_update(payload)?,
            Kind::PushPromise | Kind::Data | Kind::GoAway | Kind::Unknown => None,
        };
        Ok(match event {
            Some(event) => Step::Event(used, event),
            None => Step::Used(used),
        })
    }

    /// The client's preface, which SETTINGS follow (section 3.4).
    fn preface(&mut self, rest: &[u8]) -> Result<Step, Reject> {
        let count = rest.len().min(PREFACE.len());
        if rest.get(..count) != PREFACE.get(..count) {
            return Err(Reject::InvalidPreface);
        }
        if count < PREFACE.len() {
            return Ok(Step::More);
        }
        self.phase = Phase::FirstSettings;
        Ok(Step::Used(count))
    }

    /// What is wrong with a frame can often be said before it is there: its size, the stream that it
    /// stands on, its turn.
    fn check(&mut self, header: Header) -> Result<(), Reject> {
        // DATA and what is not looked at need no room; nothing else is large but header blocks.
        let waits = !matches!(header.kind, Kind::Data | Kind::GoAway | Kind::Unknown);
        let block = matches!(header.kind, Kind::Headers | Kind::Continuation);
        if header.len > self.config.frame() || waits && !block && header.len > Config::FRAME {
            return Err(Reject::FrameTooLarge);
        }
        if block && header.len as usize > self.config.block() + BESIDE_BLOCK {
            return Err(Reject::HeaderBlockTooLarge);
        }
        if self.phase == Phase::FirstSettings {
            if header.kind != Kind::Settings || header.has(flag::ACK) {
                return Err(Reject::SettingsExpected);
            }
            self.phase = Phase::Frames;
        }
        match (&self.block, header.kind) {
            (Some(block), Kind::Continuation) if block.stream == header.stream => {}
            (Some(_), _) => return Err(Reject::HeaderBlockInterrupted),
            (None, Kind::Continuation) => return Err(Reject::UnexpectedContinuation),
            (None, _) => {}
        }
        let on_stream = header.stream != 0;
        let belongs = match header.kind {
            Kind::Data | Kind::Headers | Kind::Priority | Kind::Reset | Kind::Continuation => {
                on_stream
            }
            Kind::Settings | Kind::Ping | Kind::GoAway | Kind::PriorityUpdate => !on_stream,
            Kind::PushPromise => return Err(Reject::UnexpectedPush),
            Kind::WindowUpdate | Kind::Unknown => true,
        };
        if !belongs {
            return Err(Reject::FrameOnWrongStream);
        }
        let len = header.len as usize;
        let fits = match header.kind {
            Kind::Reset | Kind::WindowUpdate => len == 4,
            Kind::Ping => len == PING,
            Kind::Settings if header.has(flag::ACK) => len == 0,
            Kind::Settings => len.is_multiple_of(SETTING),
            Kind::GoAway => len >= 8,
            Kind::PriorityUpdate => len >= 4,
            // A wrong size of PRIORITY is a stream error: it is looked at when it is there.
            _ => true,
        };
        if fits {
            Ok(())
        } else {
            Err(Reject::InvalidFrameSize)
        }
    }

    fn reset_frame(&mut self, header: Header) -> Result<Option<Event>, Reject> {
        match self.streams.state(header.stream).on(Got::Reset) {
            Verdict::Connection(reject) | Verdict::Stream(reject) => Err(reject),
            Verdict::Ignored => self.budget.idle().map(|()| None),
            Verdict::Next(how) => {
                self.close(header.stream, how);
                self.budget.reset(self.config.max_concurrent_streams)?;
                Ok(Some(Event::Reset(StreamId::new(header.stream), None)))
            }
        }
    }

    fn settings_frame(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event>, Reject> {
        if header.has(flag::ACK) {
            self.settings_acknowledged();
            return self.budget.idle().map(|()| None);
        }
        // Each setting may concern every stream.
        for _ in 0..=payload.len() / SETTINGS_AT_ONCE {
            self.budget.ping()?;
        }
        for setting in settings::parse(payload) {
            let (name, value) = setting?;
            let change = self.peer.take(name, value);
            if change == 0 {
                continue;
            }
            // Each one counts, in order: what two of them have in common may be too large between
            // them (section 6.5.3).
            for stream in self.streams.all() {
                if !stream.sending.grow(change) {
                    return Err(Reject::WindowOverflow);
                }
            }
            self.room |= change > 0;
        }
        frame::push_settings_ack(&mut self.answers);
        Ok(None)
    }

    /// The peer knows how large the windows of its streams are.
    fn settings_acknowledged(&mut self) {
        let size = self.config.window();
        let assumed = std::mem::replace(&mut self.window, size);
        for stream in self.streams.all() {
            stream.receiving.settle(assumed);
        }
    }

    fn ping(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event>, Reject> {
        let payload = payload.first_chunk().copied().unwrap_or_default();
        if !header.has(flag::ACK) {
            self.budget.ping()?;
            frame::push_ping(&mut self.answers, flag::ACK, payload);
            return Ok(None);
        }
        if self.leaving == Leaving::Announced && payload == LEAVING {
            self.go_away_now();
        }
        self.budget.idle().map(|()| None)
    }

    fn window_update(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event>, Reject> {
        let increment = i64::from(frame::number(payload) & LAST_STREAM);
        self.budget.update()?;
        if header.stream == 0 {
            if increment == 0 {
                return Err(Reject::EmptyWindowUpdate);
            }
            if !self.sending.grow(increment) {
                return Err(Reject::WindowOverflow);
            }
            self.room = true;
            return Ok(None);
        }
        match self.streams.state(header.stream).on(Got::WindowUpdate) {
            Verdict::Connection(reject) | Verdict::Stream(reject) => return Err(reject),
            Verdict::Ignored => return Ok(None),
            Verdict::Next(_) => {}
        }
        if increment == 0 {
            return self.fault(header.stream, Reject::EmptyWindowUpdate);
        }
        let Some(stream) = self.streams.get_mut(header.stream) else {
            return Ok(None);
        };
        if !stream.sending.grow(increment) {
            return self.fault(header.stream, Reject::WindowOverflow);
        }
        self.room = true;
        Ok(None)
    }

    /// Priorities of RFC 7540 do nothing any more; what is wrong with them is an error still.
    fn priority_frame(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event>, Reject> {
        self.budget.idle()?;
        if payload.len() != PRIORITY {
            return self.fault(header.stream, Reject::InvalidFrameSize);
        }
        if frame::number(payload) & LAST_STREAM == header.stream {
            return self.fault(header.stream, Reject::SelfDependency);
        }
        Ok(None)
    }

    /// RFC 9218, section 7.1.
    fn priority_update(&mut self, payload: &[u8]) -> Result<Option<Event>, Reject> {
        self.budget.idle()?;
        let stream = frame::number(payload) & LAST_STREAM;
        if stream.is_multiple_of(2) {
            return Err(Reject::InvalidPriorityUpdate);
        }
        let value = payload.get(4..).unwrap_or_default();
        self.streams.prioritise(stream, Priority::parse(value));
        Ok(None)
    }

    /// The same as [`fail`](Self::fail), for a frame that is used up as a whole.
    pub(super) fn fault(&mut self, stream: u32, reject: Reject) -> Result<Option<Event>, Reject> {
        match self.fail(stream, reject, 0)? {
            Step::Event(_, event) => Ok(Some(event)),
            Step::More | Step::Used(_) => Ok(None),
        }
    }

    /// A stream error (section 5.4.2). One on a stream that was not opened cannot be answered with
    /// `RST_STREAM`: it is a connection error.
    pub(super) fn fail(
        &mut self,
        stream: u32,
        reject: Reject,
        used: usize,
    ) -> Result<Step, Reject> {
        let state = self.streams.state(stream);
        if state == State::Idle {
            return Err(reject);
        }
        if state == State::ResetByUs {
            return Ok(Step::Used(used));
        }
        let code = reject.code().unwrap_or(ErrorCode::ProtocolError);
        frame::push_reset(&mut self.answers, stream, code);
        let known = self.streams.get(stream).is_some();
        self.close(stream, State::ResetByUs);
        self.budget.reset(self.config.max_concurrent_streams)?;
        let reset = Event::Reset(StreamId::new(stream), Some(reject));
        Ok(if known {
            Step::Event(used, reset)
        } else {
            Step::Used(used)
        })
    }
}
