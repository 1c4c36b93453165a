//! The uwsgi protocol: one request on a connection, its head a packet of variables.
//!
//! <https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>. The answer is one of HTTP/1.0, which
//! the end of the connection ends.

use crate::event::{Event, Received, StreamId};
use crate::gateway::{self, Framing, Stage, Variable, step};
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::reject::Reject;

/// Modifier, size of the variables, second modifier.
const FRONT: usize = 4;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The packet is to come, from a peer that may send one, or not.
    Packet {
        barred: bool,
    },
    /// So many bytes of the body are to come.
    Body(u64),
    /// The request is complete, and not answered.
    Done,
    /// It is answered.
    Closed,
    Refused(Reject),
}

impl Connection {
    /// A connection that has seen nothing yet; a packet of a peer that is `barred` is refused.
    pub(crate) fn new(sender: Sender, barred: bool) -> Self {
        Self {
            sender,
            state: State::Packet { barred },
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
                State::Packet { .. } => Stage::Before,
                State::Body(_) => Stage::Body,
                State::Done | State::Closed | State::Refused(_) => Stage::Over,
            };
            outcome = gateway::at_end(outcome, stage, input.len());
        }
        if let Err(reject) = outcome {
            self.state = State::Refused(reject);
        }
        outcome
    }

    fn walk(
        &mut self,
        policy: &Policy,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        if matches!(self.state, State::Packet { .. }) {
            // Of a packet that is refused nothing is known.
            head.clear();
        }
        match self.state {
            State::Packet { barred: true } if !input.is_empty() => Err(Reject::ForbiddenUwsgi),
            State::Packet { .. } => {
                let Some((variables, consumed)) = packet(input)? else {
                    return step(0, Event::NeedMore);
                };
                let all = Variables(variables);
                gateway::check(all.clone())?;
                gateway::complete(all.flatten(), Framing::Raw, policy, self.sender, head)?;
                self.state = State::Body(head.content_length().unwrap_or(0));
                step(consumed, Event::Head(StreamId::HTTP1))
            }
            State::Body(0) => {
                self.state = State::Done;
                step(0, Event::End(StreamId::HTTP1))
            }
            State::Body(_) if input.is_empty() => step(0, Event::NeedMore),
            State::Body(missing) => {
                let len = usize::try_from(missing).map_or(input.len(), |len| len.min(input.len()));
                self.state = State::Body(missing - len as u64);
                step(len, Event::Body(StreamId::HTTP1, 0..len))
            }
            State::Done => step(0, Event::NeedMore),
            State::Closed => step(0, Event::Closed),
            State::Refused(reject) => Err(reject),
        }
    }

    /// The response is done: there is no other request.
    pub(crate) fn finished(&mut self) {
        self.state = State::Closed;
    }

    /// Whether nothing of a request was seen.
    pub(crate) fn idle(&self) -> bool {
        matches!(self.state, State::Packet { .. })
    }
}

/// The variables of the packet at the front, and its bytes; `None` while it is incomplete.
fn packet(input: &[u8]) -> Result<Option<(&[u8], usize)>, Reject> {
    if input.first().is_some_and(|modifier| *modifier != 0) {
        return Err(Reject::UnsupportedModifier);
    }
    let Some((&[_, low, high, _], rest)) = input.split_first_chunk::<FRONT>() else {
        return Ok(None);
    };
    let size = usize::from(u16::from_le_bytes([low, high]));
    Ok(rest.get(..size).map(|variables| (variables, FRONT + size)))
}

/// Names and values, each behind its length; `None` for the first that is cut, after which there is
/// nothing.
#[derive(Clone, Debug)]
struct Variables<'a>(&'a [u8]);

impl<'a> Iterator for Variables<'a> {
    type Item = Option<Variable<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let variable = text(self.0).and_then(|(name, rest)| {
            let (value, rest) = text(rest)?;
            Some(((name, value), rest))
        });
        self.0 = variable.map_or(&[], |(_, rest)| rest);
        Some(variable.map(|(variable, _)| variable))
    }
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))
}

#[cfg(test)]
mod tests;
