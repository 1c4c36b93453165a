//! The header of a frame, in and out (RFC 6455, section 5.2).

use super::close::MAX_CONTROL;
use super::mask::Mask;
use super::reject::Reject;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a message.
    Continuation = 0x0,
    /// A text message, or its first part.
    Text = 0x1,
    /// A binary message, or its first part.
    Binary = 0x2,
    /// The close frame.
    Close = 0x8,
    /// A ping.
    Ping = 0x9,
    /// A pong.
    Pong = 0xa,
}

impl Opcode {
    /// The opcode with this number, if there is one.
    #[inline]
    pub const fn of(number: u8) -> Option<Self> {
        Some(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is a control frame (section 5.5).
    #[inline]
    pub const fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// What a frame says before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message ends with this frame.
    pub fin: bool,
    /// RSV1: the message that begins with this frame is compressed (RFC 7692, section 6).
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The key that its payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub len: u64,
}

/// What a receiver expects of each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// It is masked: it comes from a client (section 5.1).
    pub masked: bool,
    /// permessage-deflate was agreed on.
    pub deflate: bool,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// The length stands in the next two bytes.
const TWO_BYTES: u8 = 126;
/// The length stands in the next eight bytes.
const EIGHT_BYTES: u8 = 127;

impl Header {
    /// Reads a header and tells how many bytes it takes up; `None`: more of them are needed. What is
    /// wrong is refused at its first byte.
    #[inline]
    pub fn read(bytes: &[u8], expected: Expected) -> Result<Option<(Self, usize)>, Reject> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let opcode = first_byte(*first, expected.deflate)?;
        let Some((second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        match (second & MASKED != 0, expected.masked) {
            (false, true) => return Err(Reject::UnmaskedFrame),
            (true, false) => return Err(Reject::MaskedFrame),
            (true, true) | (false, false) => {}
        }
        if opcode.is_control() && usize::from(second & LENGTH) > MAX_CONTROL {
            return Err(Reject::ControlTooLong);
        }
        let Some((len, rest)) = length(second & LENGTH, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match rest.split_first_chunk() {
            Some((key, rest)) if expected.masked => (Some(*key), rest),
            None if expected.masked => return Ok(None),
            Some(_) | None => (None, rest),
        };
        let header = Self {
            fin: first & FIN != 0,
            compressed: first & RSV1 != 0,
            opcode,
            mask,
            len,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Appends the header, with the shortest length. The payload follows, masked by the caller.
    #[inline]
    pub fn push(&self, out: &mut Vec<u8>) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = bit(self.fin, FIN) | bit(self.compressed, RSV1) | self.opcode as u8;
        let masked = bit(self.mask.is_some(), MASKED);
        match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len), _) if len < TWO_BYTES => out.extend_from_slice(&[first, masked | len]),
            (_, Ok(len)) => {
                let [high, low] = len.to_be_bytes();
                out.extend_from_slice(&[first, masked | TWO_BYTES, high, low]);
            }
            _ => {
                out.extend_from_slice(&[first, masked | EIGHT_BYTES]);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }

    /// Appends the whole frame.
    #[inline]
    pub fn push_with(&self, payload: &[u8], out: &mut Vec<u8>) {
        self.push(out);
        let at = out.len();
        out.extend_from_slice(payload);
        if let (Some(key), Some(payload)) = (self.mask, out.get_mut(at..)) {
            Mask::new(key).apply(payload);
        }
    }
}

/// The opcode, if the first byte of a frame is one that may be.
#[inline]
fn first_byte(byte: u8, deflate: bool) -> Result<Opcode, Reject> {
    if byte & RSV2_AND_RSV3 != 0 || (byte & RSV1 != 0 && !deflate) {
        return Err(Reject::ReservedBits);
    }
    let opcode = Opcode::of(byte & OPCODE).ok_or(Reject::ReservedOpcode)?;
    if opcode.is_control() && byte & FIN == 0 {
        return Err(Reject::FragmentedControl);
    }
    if byte & RSV1 != 0 && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(Reject::MisplacedCompression);
    }
    Ok(opcode)
}

/// The length that `short` stands for, and what is behind it.
#[inline]
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Reject> {
    match short {
        TWO_BYTES => {
            let Some((bytes, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            let len = u64::from(u16::from_be_bytes(*bytes));
            if len < u64::from(TWO_BYTES) {
                return Err(Reject::LongLength);
            }
            Ok(Some((len, rest)))
        }
        EIGHT_BYTES => {
            let Some((bytes, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            match u64::from_be_bytes(*bytes) {
                0..=0xffff => Err(Reject::LongLength),
                len if len >> 63 != 0 => Err(Reject::InvalidLength),
                len => Ok(Some((len, rest))),
            }
        }
        len => Ok(Some((u64::from(len), rest))),
    }
}

#[cfg(test)]
mod tests;
