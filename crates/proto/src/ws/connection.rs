//! One WebSocket connection: bytes in any pieces to events, commands to bytes (RFC 6455).

use core::ops::Range;

use super::close;
use super::deflate::Inflating;
use super::event::{Event, Payload, Received};
use super::extension::Agreed;
use super::frame::{Expected, Header, Opcode};
use super::mask::Mask;
use super::message::{Kind, Message, Policy};
use super::misuse::Misuse;
use super::pool::Pool;
use super::reject::Reject;
use super::role::Role;
use super::sending::Sending;
use super::state::{Command, Got, State};

/// A WebSocket connection, both halves.
#[derive(Debug)]
pub struct Connection {
    state: State,
    refused: Option<Reject>,
    /// What every frame must be.
    expected: Expected,
    /// The data frame whose payload is coming in.
    frame: Option<Frame>,
    message: Message,
    inflating: Option<Box<Inflating>>,
    sending: Sending,
}

const _: () = assert!(
    size_of::<Connection>() <= 136,
    "there is one for each idle connection"
);

/// A data frame that has begun.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    /// Bytes of its payload that are still to come.
    remaining: u64,
    mask: Mask,
    fin: bool,
}

impl Connection {
    /// A connection whose handshake is done; `agreed` is what came of permessage-deflate.
    pub fn new(role: Role, agreed: Option<Agreed>) -> Self {
        let contexts = agreed.map(|agreed| match role {
            Role::Server => (agreed.client, agreed.server),
            Role::Client(_) => (agreed.server, agreed.client),
        });
        Self {
            state: State::Open,
            refused: None,
            expected: Expected {
                masked: role == Role::Server,
                deflate: agreed.is_some(),
            },
            frame: None,
            message: Message::default(),
            inflating: contexts.map(|(receives, _)| Box::new(Inflating::new(receives))),
            sending: Sending::new(role, contexts.map(|(_, sends)| sends)),
        }
    }

    /// Takes one step.
    ///
    /// `input` holds all bytes that were received and not consumed; `eof` says that no more will
    /// come. What the protocol itself answers (pongs, the close frame) is appended to `out`, to be
    /// sent also if the peer is refused. After a refusal every further call gives the same refusal.
    pub fn receive(
        &mut self,
        policy: &Policy,
        pool: &mut Pool,
        input: &mut [u8],
        eof: bool,
        out: &mut Vec<u8>,
    ) -> Result<Received, Reject> {
        self.message.forget(pool);
        if let Some(reject) = self.refused {
            return Err(reject);
        }
        if self.state == State::Closed {
            return Ok(received(0, Event::Closed));
        }
        match self.step(policy, pool, input, out) {
            Ok(step) if step.event == Event::NeedMore && eof => {
                self.leave(Got::Eof, pool);
                Ok(received(input.len(), Event::Lost))
            }
            Ok(step) => {
                if self.state == State::Closed {
                    self.release(pool);
                }
                Ok(step)
            }
            Err(reject) => {
                self.push_close(Some(reject.code()), reject.message(), out);
                self.leave(Got::Fault, pool);
                self.refused = Some(reject);
                Err(reject)
            }
        }
    }

    /// Whether the frame that begins with `input` will be refused, as far as its header says.
    pub fn will_refuse(&self, input: &[u8]) -> bool {
        if self.state != State::Open || self.frame.is_some() {
            return false;
        }
        match Header::read(input, self.expected) {
            Ok(Some((header, _))) => !self.message.fits(header.opcode),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// The bytes of the message that was given as [`Payload::Gathered`], until the next step or
    /// [`close`](Self::close).
    pub fn gathered(&self) -> &[u8] {
        self.message.bytes()
    }

    /// The same, for good.
    pub fn take_gathered(&mut self) -> Vec<u8> {
        self.message.take()
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Bytes of memory that the connection holds beside itself, without what it shares.
    pub fn held(&self) -> usize {
        let inflating = self.inflating.as_ref().map_or(0, |each| each.held());
        self.message.held() + inflating + self.sending.held()
    }

    /// Appends a text message.
    pub fn text(
        &mut self,
        policy: &Policy,
        pool: &mut Pool,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.message(policy, pool, Kind::Text, text.as_bytes(), out)
    }

    /// Appends a binary message.
    pub fn binary(
        &mut self,
        policy: &Policy,
        pool: &mut Pool,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.message(policy, pool, Kind::Binary, data, out)
    }

    /// Appends a message. Text has to be UTF-8.
    pub fn message(
        &mut self,
        policy: &Policy,
        pool: &mut Pool,
        kind: Kind,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.state = self.state.send(kind.command())?;
        self.sending.message(kind, policy, pool, message, out);
        Ok(())
    }

    /// Appends the header of a message whose `len` bytes the caller sends behind it, as they are. Text
    /// has to be UTF-8.
    /// False: it would be compressed or masked, and has to be given to the methods above.
    pub fn announce(
        &mut self,
        policy: &Policy,
        kind: Kind,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Misuse> {
        self.state = self.state.send(kind.command())?;
        Ok(self.sending.announce(kind, policy, len, out))
    }

    /// Appends a ping.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control(Command::Ping, Opcode::Ping, payload, out)
    }

    /// Appends a pong that no ping has asked for (RFC 6455, section 5.5.3).
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control(Command::Pong, Opcode::Pong, payload, out)
    }

    /// Appends the close frame. Of what the peer sends only its close frame counts from now on.
    pub fn close(
        &mut self,
        code: Option<u16>,
        reason: &str,
        pool: &mut Pool,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let mut payload = Vec::new();
        close::push(&mut payload, code, reason)?;
        self.control(Command::Close, Opcode::Close, &payload, out)?;
        self.release(pool);
        Ok(())
    }

    fn step(
        &mut self,
        policy: &Policy,
        pool: &mut Pool,
        input: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Reject> {
        let mut at = 0;
        loop {
            let rest = input.get_mut(at..).unwrap_or_default();
            let Some(frame) = &mut self.frame else {
                let Some((header, len)) = Header::read(rest, self.expected)? else {
                    return Ok(received(at, Event::NeedMore));
                };
                let step = if header.opcode.is_control() {
                    self.receive_control(header, at + len, input, out)?
                } else {
                    self.begin_frame(policy, header, at + len, input)?
                };
                match step {
                    Step::Event(step) => return Ok(step),
                    Step::NeedMore => return Ok(received(at, Event::NeedMore)),
                    Step::Payload => at += len,
                }
                continue;
            };
            let len = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
            let piece = rest.split_at_mut(len.min(rest.len())).0;
            frame.mask.apply(piece);
            frame.remaining -= piece.len() as u64;
            at += piece.len();
            let Frame { kind, fin, .. } = *frame;
            let to_come = frame.remaining;
            if self.state == State::Open {
                let inflating = self.inflating.as_deref_mut();
                self.message.push(piece, to_come, inflating, policy, pool)?;
            }
            if to_come > 0 {
                return Ok(received(at, Event::NeedMore));
            }
            self.frame = None;
            if fin && let Some(event) = self.end_message(kind, policy, pool)? {
                return Ok(received(at, event));
            }
        }
    }

    /// A data frame begins, and its payload at byte `at`. What is a whole message, and all of it
    /// there, stays where it is.
    fn begin_frame(
        &mut self,
        policy: &Policy,
        header: Header,
        at: usize,
        input: &mut [u8],
    ) -> Result<Step, Reject> {
        let kind = self.message.frame(&header, policy)?;
        let mut mask = Mask::new(header.mask.unwrap_or_default());
        let single = header.fin && header.opcode != Opcode::Continuation;
        if single && !self.message.compressed() && self.state == State::Open {
            let range = range(at, header.len);
            if let Some(payload) = input.get_mut(range.clone()) {
                mask.apply(payload);
                self.message.whole(kind, payload)?;
                let event = Event::Message(kind, Payload::Input(range.clone()));
                return Ok(Step::Event(received(range.end, event)));
            }
        }
        self.frame = Some(Frame {
            kind,
            remaining: header.len,
            mask,
            fin: header.fin,
        });
        Ok(Step::Payload)
    }

    /// A control frame, whose payload begins at byte `at`: it is taken as a whole.
    fn receive_control(
        &mut self,
        header: Header,
        at: usize,
        input: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Step, Reject> {
        let range = range(at, header.len);
        let Some(payload) = input.get_mut(range.clone()) else {
            return Ok(Step::NeedMore);
        };
        Mask::new(header.mask.unwrap_or_default()).apply(payload);
        let end = range.end;
        let event = match header.opcode {
            Opcode::Ping => {
                if self.state == State::Open {
                    self.sending.control(Opcode::Pong, payload, out);
                }
                Event::Ping(range)
            }
            Opcode::Pong => Event::Pong(range),
            _ => {
                let code = close::read(payload)?;
                let answer = (code != close::NO_CODE).then_some(code);
                self.push_close(answer, "", out);
                self.state = self.state.on(Got::Close);
                Event::Close(code, (at + 2).min(end)..end)
            }
        };
        Ok(Step::Event(received(end, event)))
    }

    /// The last frame of a message is complete.
    fn end_message(
        &mut self,
        kind: Kind,
        policy: &Policy,
        pool: &mut Pool,
    ) -> Result<Option<Event>, Reject> {
        if self.state != State::Open {
            self.message.skipped();
            return Ok(None);
        }
        let inflating = self.inflating.as_deref_mut();
        self.message.end(inflating, policy, pool)?;
        Ok(Some(Event::Message(kind, Payload::Gathered)))
    }

    fn control(
        &mut self,
        command: Command,
        opcode: Opcode,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        if payload.len() > close::MAX_CONTROL {
            return Err(Misuse::ControlTooLong);
        }
        self.state = self.state.send(command)?;
        self.sending.control(opcode, payload, out);
        Ok(())
    }

    /// Appends a close frame of the protocol's own, unless one was sent.
    fn push_close(&mut self, code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        // A code that was received or stands in the table, and a reason of the table: both fit.
        if self.state == State::Open && close::push(&mut payload, code, reason).is_ok() {
            self.sending.control(Opcode::Close, &payload, out);
        }
    }

    fn leave(&mut self, got: Got, pool: &mut Pool) {
        self.state = self.state.on(got);
        self.release(pool);
    }

    /// Frees what belongs to a message that is not wanted any more.
    fn release(&mut self, pool: &mut Pool) {
        self.message.discard(pool);
        if let Some(mut inflating) = self.inflating.take() {
            inflating.discard(pool);
        }
        self.sending.release();
    }
}

/// What has to be done after a header.
enum Step {
    /// Tell the caller.
    Event(Received),
    /// Wait for the rest of a control frame.
    NeedMore,
    /// Take the payload.
    Payload,
}

/// `len` bytes from `at` on; what does not fit into memory is in no input.
fn range(at: usize, len: u64) -> Range<usize> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    at..at.saturating_add(len)
}

const fn received(consumed: usize, event: Event) -> Received {
    Received { consumed, event }
}

#[cfg(test)]
mod tests;
