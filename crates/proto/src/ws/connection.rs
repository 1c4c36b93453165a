//! One WebSocket connection: bytes in any pieces to events, commands to bytes (RFC 6455).

use core::ops::Range;

use super::close;
use super::deflate::{Codecs, Deflating, Inflating};
use super::extension::Agreed;
use super::frame::{Expected, Header, Opcode};
use super::mask::Mask;
use super::message::{Kind, Message, Policy};
use super::misuse::Misuse;
use super::reject::Reject;
use super::state::{Command, Got, State};

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is received is masked, what is sent is not.
    Server,
    /// The other way round. The masks come from this seed, which must not be guessed between the two
    /// sides (RFC 6455, section 10.3).
    Client(u64),
}

/// One step of a connection, and how much of the input it used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes at the front of the input that must not be handed in again.
    pub consumed: usize,
    /// What they meant.
    pub event: Event,
}

/// What the consumed bytes meant. Ranges are of the input, in which they were unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet: keep what was not consumed, call again with more behind it.
    NeedMore,
    /// A message is complete. Text is UTF-8.
    Message(Kind, Payload),
    /// A ping, which was answered.
    Ping(Range<usize>),
    /// A pong.
    Pong(Range<usize>),
    /// The close frame of the peer, with its reason, answered if it was the first one. The code is
    /// [`NO_CODE`](close::NO_CODE) if there was none.
    Close(u16, Range<usize>),
    /// The bytes ended without a close frame: [`ABNORMAL`](close::ABNORMAL).
    Lost,
    /// Nothing follows any more.
    Closed,
}

/// Where the bytes of a message are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the input.
    Input(Range<usize>),
    /// Put together: [`Connection::gathered`] has them until the next step.
    Gathered,
}

/// A WebSocket connection, both halves.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    state: State,
    refused: Option<Reject>,
    /// permessage-deflate was agreed on.
    compression: bool,
    /// The data frame whose payload is coming in.
    frame: Option<Frame>,
    message: Message,
    inflating: Option<Box<Inflating>>,
    deflating: Option<Box<Deflating>>,
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
            role,
            state: State::Open,
            refused: None,
            compression: agreed.is_some(),
            frame: None,
            message: Message::default(),
            inflating: contexts.map(|(receives, _)| Box::new(Inflating::new(receives))),
            deflating: contexts.map(|(_, sends)| Box::new(Deflating::new(sends))),
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
        codecs: &mut Codecs,
        input: &mut [u8],
        eof: bool,
        out: &mut Vec<u8>,
    ) -> Result<Received, Reject> {
        self.message.forget();
        if let Some(reject) = self.refused {
            return Err(reject);
        }
        if self.state == State::Closed {
            return Ok(received(0, Event::Closed));
        }
        match self.step(policy, codecs, input, out) {
            Ok(step) if step.event == Event::NeedMore && eof => {
                self.leave(Got::Eof, codecs);
                Ok(received(input.len(), Event::Lost))
            }
            Ok(step) => {
                if self.state == State::Closed {
                    self.release(codecs);
                }
                Ok(step)
            }
            Err(reject) => {
                self.push_close(Some(reject.code()), reject.message(), out);
                self.leave(Got::Fault, codecs);
                self.refused = Some(reject);
                Err(reject)
            }
        }
    }

    /// The bytes of the message that was given as [`Payload::Gathered`].
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

    /// Bytes of memory that the connection holds beside itself, without the shared states.
    pub fn held(&self) -> usize {
        let inflating = self.inflating.as_ref().map_or(0, |each| each.held());
        let deflating = self.deflating.as_ref().map_or(0, |each| each.held());
        self.message.held() + inflating + deflating
    }

    /// Appends a text message.
    pub fn text(
        &mut self,
        policy: &Policy,
        codecs: &mut Codecs,
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.send(Kind::Text, policy, codecs, text.as_bytes(), out)
    }

    /// Appends a binary message.
    pub fn binary(
        &mut self,
        policy: &Policy,
        codecs: &mut Codecs,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.send(Kind::Binary, policy, codecs, data, out)
    }

    /// Appends the header of a message whose `len` bytes the caller sends behind it, as they are.
    /// False: it would be compressed or masked, and has to be given to the methods above.
    pub fn announce(
        &mut self,
        policy: &Policy,
        kind: Kind,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Misuse> {
        let next = self.state.send(command(kind))?;
        let compresses = self.deflating.is_some() && len >= policy.compress_from;
        if compresses || self.role != Role::Server {
            return Ok(false);
        }
        self.state = next;
        self.header(kind.opcode(), false, len).push(out);
        Ok(true)
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
        codecs: &mut Codecs,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let mut payload = Vec::new();
        close::push(&mut payload, code, reason)?;
        self.control(Command::Close, Opcode::Close, &payload, out)?;
        self.release(codecs);
        Ok(())
    }

    fn step(
        &mut self,
        policy: &Policy,
        codecs: &mut Codecs,
        input: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Reject> {
        let mut at = 0;
        loop {
            let rest = input.get_mut(at..).unwrap_or_default();
            let Some(frame) = &mut self.frame else {
                let Some((header, len)) = Header::read(rest, self.expected())? else {
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
                self.message
                    .push(piece, to_come, inflating, policy, codecs)?;
            }
            if to_come > 0 {
                return Ok(received(at, Event::NeedMore));
            }
            self.frame = None;
            if fin && let Some(event) = self.end_message(kind, policy, codecs)? {
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
                    self.header(Opcode::Pong, false, payload.len())
                        .push_with(payload, out);
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
        codecs: &mut Codecs,
    ) -> Result<Option<Event>, Reject> {
        if self.state != State::Open {
            self.message.skipped();
            return Ok(None);
        }
        let inflating = self.inflating.as_deref_mut();
        self.message.end(inflating, policy, codecs)?;
        Ok(Some(Event::Message(kind, Payload::Gathered)))
    }

    fn send(
        &mut self,
        kind: Kind,
        policy: &Policy,
        codecs: &mut Codecs,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.state = self.state.send(command(kind))?;
        let compressed = match &mut self.deflating {
            Some(deflating) if message.len() >= policy.compress_from => {
                deflating.deflate(codecs, message)
            }
            Some(_) | None => None,
        };
        let payload = compressed.unwrap_or(message);
        self.header(kind.opcode(), compressed.is_some(), payload.len())
            .push_with(payload, out);
        Ok(())
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
        self.header(opcode, false, payload.len())
            .push_with(payload, out);
        Ok(())
    }

    /// Appends a close frame of the protocol's own, unless one was sent.
    fn push_close(&mut self, code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        // A code that was received or stands in the table, and a reason of the table: both fit.
        if self.state == State::Open && close::push(&mut payload, code, reason).is_ok() {
            self.header(Opcode::Close, false, payload.len())
                .push_with(&payload, out);
        }
    }

    fn leave(&mut self, got: Got, codecs: &mut Codecs) {
        self.state = self.state.on(got);
        self.release(codecs);
    }

    /// Frees what belongs to a message that is not wanted any more.
    fn release(&mut self, codecs: &mut Codecs) {
        self.message.discard();
        if let Some(mut inflating) = self.inflating.take() {
            inflating.discard(codecs);
        }
        self.deflating = None;
    }

    fn expected(&self) -> Expected {
        Expected {
            masked: self.role == Role::Server,
            deflate: self.compression,
        }
    }

    /// The header of a frame that is sent.
    fn header(&mut self, opcode: Opcode, compressed: bool, len: usize) -> Header {
        Header {
            fin: true,
            compressed,
            opcode,
            mask: self.role.key(),
            len: len as u64,
        }
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

impl Role {
    /// The key for the next frame: none for a server (section 5.1).
    fn key(&mut self) -> Option<[u8; 4]> {
        let Self::Client(seed) = self else {
            return None;
        };
        // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *seed;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (mixed ^ mixed >> 31).to_le_bytes();
        Some([a, b, c, d])
    }
}

const fn command(kind: Kind) -> Command {
    match kind {
        Kind::Text => Command::Text,
        Kind::Binary => Command::Binary,
    }
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
