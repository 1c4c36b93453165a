//! FastCGI, the role of a responder: requests in records, one after the other on a connection.
//!
//! <https://fastcgi-archives.github.io/FastCGI_Specification.html>. `record` knows records, `values`
//! the name-value pairs in them, `reply` what is sent. Requests are not multiplexed: a second one that
//! begins beside the first is turned away (`FCGI_CANT_MPX_CONN`).

mod record;
mod reply;
mod values;

pub use reply::Reply;

use self::record::{Front, Kind, Role};
use self::values::Values;
use crate::event::{Event, Received, StreamId};
use crate::gateway::{self, Framing, Stage, step};
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::parts::Announced;
use crate::reject::Reject;

/// Bytes of the variables of a request at most: what a packet of uwsgi has room for.
const MOST_PARAMS: usize = 64 * 1024;
/// Bytes of answers that may wait for a peer that asks and does not read.
const MOST_ANSWERS: usize = 16 * 1024;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    /// The peer may not speak FastCGI (`fastcgi_allow_ips`).
    barred: bool,
    state: State,
    /// The request in hand.
    id: u16,
    keep: bool,
    /// Content, and padding behind it, that is still to come of the record in hand.
    content: usize,
    padding: usize,
    /// What the content of the record in hand is for.
    part: Part,
    /// Variables so far.
    params: Vec<u8>,
    /// Bytes of the body that are still to come, where its length was announced.
    missing: Option<u64>,
    received: u64,
    answers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between requests.
    Idle,
    /// The variables are to come.
    Params,
    /// The body is to come.
    Body,
    /// The request is complete, and not answered.
    Done,
    /// No other request may come.
    Closed,
    Refused(Reject),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Params,
    Stdin,
    /// Nothing that anything depends on.
    Ignored,
}

impl Connection {
    /// A connection that has seen nothing yet; one of a peer that is `barred` is refused.
    pub(crate) fn new(sender: Sender, barred: bool) -> Self {
        Self {
            sender,
            barred,
            state: State::Idle,
            id: 0,
            keep: false,
            content: 0,
            padding: 0,
            part: Part::Ignored,
            params: Vec::new(),
            missing: None,
            received: 0,
            answers: Vec::new(),
        }
    }

    /// Takes one step: see [`crate::h1::Connection::receive`].
    pub(crate) fn receive(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let mut outcome = self.walk(policy, input, head);
        if eof {
            let stage = match self.state {
                State::Idle => Stage::Before,
                State::Params => Stage::Head,
                State::Body => Stage::Body,
                State::Done | State::Closed | State::Refused(_) => Stage::Over,
            };
            outcome = gateway::at_end(outcome, stage, input.len());
        }
        if let Err(reject) = outcome {
            self.state = State::Refused(reject);
        }
        outcome
    }

    /// What is to be sent beside answers to requests: for its owner to take out.
    pub(crate) fn answers(&mut self) -> &mut Vec<u8> {
        &mut self.answers
    }

    /// How the answer to the request in hand is sent.
    pub(crate) fn reply(&self) -> Reply {
        Reply::new(self.id)
    }

    /// The response is done.
    pub(crate) fn finished(&mut self) {
        self.state = match self.state {
            State::Done if self.keep => State::Idle,
            // Answered before it was read to its end, or the last one.
            _ => State::Closed,
        };
    }

    /// Whether nothing of a request was seen that is not answered.
    pub(crate) fn idle(&self) -> bool {
        self.state == State::Idle && self.content == 0 && self.padding == 0
    }

    fn walk(
        &mut self,
        policy: &Policy,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let mut consumed = 0;
        if matches!(self.state, State::Idle | State::Params) {
            // Of a request that is refused before its variables are there nothing is known.
            head.clear();
        }
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            match self.state {
                State::Done => return step(consumed, Event::NeedMore),
                State::Closed => return step(consumed, Event::Closed),
                State::Refused(reject) => return Err(reject),
                _ if self.barred && !rest.is_empty() => return Err(Reject::ForbiddenFastCgi),
                State::Idle | State::Params | State::Body => {}
            }
            if !self.answers.is_empty() {
                return step(consumed, Event::Answers);
            }
            if self.content > 0 {
                let len = self.content.min(rest.len());
                if len == 0 {
                    return step(consumed, Event::NeedMore);
                }
                self.content -= len;
                consumed += len;
                if let Some(event) = self.take(rest.get(..len).unwrap_or_default(), consumed)? {
                    return step(consumed, event);
                }
            } else if self.padding > 0 {
                let len = self.padding.min(rest.len());
                if len == 0 {
                    return step(consumed, Event::NeedMore);
                }
                self.padding -= len;
                consumed += len;
            } else {
                let Some((len, event)) = self.begin(policy, rest, head)? else {
                    return step(consumed, Event::NeedMore);
                };
                consumed += len;
                if let Some(event) = event {
                    return step(consumed, event);
                }
            }
        }
    }

    /// Content of the record in hand, which ends at byte `end` of the input.
    fn take(&mut self, content: &[u8], end: usize) -> Result<Option<Event>, Reject> {
        match self.part {
            Part::Ignored => Ok(None),
            Part::Params if self.params.len() + content.len() > MOST_PARAMS => {
                Err(Reject::VariablesTooLarge)
            }
            Part::Params => {
                self.params.extend_from_slice(content);
                Ok(None)
            }
            Part::Stdin => {
                let start = end - content.len();
                Ok(Some(Event::Body(StreamId::HTTP1, start..end)))
            }
        }
    }

    /// A record begins: the bytes of it that are used up, and what they mean. `None`: more is needed.
    fn begin(
        &mut self,
        policy: &Policy,
        rest: &[u8],
        head: &mut RequestHead,
    ) -> Result<Option<(usize, Option<Event>)>, Reject> {
        let Some(front) = Front::read(rest)? else {
            return Ok(None);
        };
        let whole = rest.get(record::FRONT..record::FRONT + front.content);
        let own = front.id == self.id && self.state != State::Idle;
        self.part = Part::Ignored;
        let event = match front.kind {
            Kind::BeginRequest | Kind::GetValues => {
                // They are read when they are whole.
                if front.content > record::LONGEST_VALUES {
                    return Err(Reject::InvalidRecord);
                }
                let Some(content) = whole else {
                    return Ok(None);
                };
                self.padding = front.padding;
                let event = if front.kind == Kind::BeginRequest {
                    self.begin_request(front.id, content)?
                } else {
                    values::answer(content, &mut self.answers)?;
                    None
                };
                self.check_answers()?;
                return Ok(Some((record::FRONT + front.content, event)));
            }
            Kind::Unknown(kind) if front.id == 0 => {
                record::unknown_type(kind, &mut self.answers);
                self.check_answers()?;
                None
            }
            Kind::AbortRequest if own => return Err(Reject::AbortedRequest),
            Kind::Params if own && self.state == State::Params && front.content > 0 => {
                self.part = Part::Params;
                None
            }
            Kind::Params if own && self.state == State::Params => {
                self.complete(policy, head)?;
                Some(Event::Head(StreamId::HTTP1))
            }
            Kind::Stdin if own && self.state == State::Body && front.content > 0 => {
                self.admit(policy, front.content as u64)?;
                self.part = Part::Stdin;
                None
            }
            Kind::Stdin if own && self.state == State::Body => {
                if self.missing.is_some_and(|missing| missing > 0) {
                    return Err(Reject::IncompleteBody);
                }
                self.state = State::Done;
                Some(Event::End(StreamId::HTTP1))
            }
            Kind::Params | Kind::Stdin if own => return Err(Reject::InvalidRecord),
            // Of a request that is not, or not any more: to be ignored (section 3.3).
            Kind::Params | Kind::Stdin | Kind::AbortRequest | Kind::Unknown(_) => None,
        };
        self.content = front.content;
        self.padding = front.padding;
        Ok(Some((record::FRONT, event)))
    }

    /// A request begins, or is turned away.
    fn begin_request(&mut self, id: u16, content: &[u8]) -> Result<Option<Event>, Reject> {
        let (role, keep) = record::begin_request(content).ok_or(Reject::InvalidRecord)?;
        if id == 0 {
            return Err(Reject::InvalidRecord);
        }
        if self.state != State::Idle {
            if id == self.id {
                return Err(Reject::InvalidRecord);
            }
            record::cannot_multiplex(id, &mut self.answers);
            return Ok(None);
        }
        if role != Role::Responder {
            record::unknown_role(id, &mut self.answers);
            return Ok(None);
        }
        self.id = id;
        self.keep = keep;
        self.params.clear();
        self.state = State::Params;
        Ok(Some(Event::Begun))
    }

    /// All variables are there.
    fn complete(&mut self, policy: &Policy, head: &mut RequestHead) -> Result<(), Reject> {
        let all = Values(&self.params);
        gateway::check(all.clone())?;
        let framing = Framing::Records { keep: self.keep };
        gateway::complete(all.flatten(), framing, policy, self.sender, head)?;
        self.params = Vec::new();
        self.received = 0;
        self.missing = match head.meaning.body {
            Announced::Nothing => Some(0),
            Announced::Length(length) => Some(length),
            Announced::Chunked | Announced::UntilEnd => None,
        };
        self.state = State::Body;
        Ok(())
    }

    /// So many bytes of the body come in the next record.
    fn admit(&mut self, policy: &Policy, len: u64) -> Result<(), Reject> {
        self.received += len;
        match &mut self.missing {
            Some(missing) => {
                *missing = missing.checked_sub(len).ok_or(Reject::BodyBeyondLength)?;
            }
            None if policy.limits.body.is_some_and(|most| self.received > most) => {
                return Err(Reject::ContentTooLarge);
            }
            None => {}
        }
        Ok(())
    }

    fn check_answers(&self) -> Result<(), Reject> {
        if self.answers.len() > MOST_ANSWERS {
            return Err(Reject::InvalidRecord);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
