//! Frames to messages (RFC 6455, sections 5.4 and 5.6): fragments are put together, text is checked
//! and compressed data inflated as they come.

use super::deflate::Inflating;
use super::frame::{Header, Opcode};
use super::pool::Pool;
use super::reject::Reject;
use super::state::Command;
use super::utf8::{NotUtf8, Utf8};

/// Room for a payload that is made before its bytes are there, at most.
const ROOM: usize = 64 * 1024;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// The opcode of the first frame of such a message.
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }

    /// The command that sends such a message.
    pub(super) const fn command(self) -> Command {
        match self {
            Self::Text => Command::Text,
            Self::Binary => Command::Binary,
        }
    }
}

/// Bounds of what a peer may send, and from where on messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `websocket_max_message_size`: bytes of a message, once it is inflated; 0: any number.
    pub message_size: usize,
    /// Frames of a message.
    pub fragments: u32,
    /// Messages that have fewer bytes are sent as they are.
    pub compress_from: usize,
}

impl Policy {
    pub(super) fn limit(&self) -> usize {
        match self.message_size {
            0 => usize::MAX - 1,
            limit => limit,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            message_size: 16 * 1024 * 1024,
            fragments: 1 << 17,
            compress_from: 64,
        }
    }
}

/// The message that is coming in.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// It has begun, and not ended.
    open: Option<Kind>,
    compressed: bool,
    fragments: u32,
    utf8: Utf8,
    /// What came of it so far, inflated.
    bytes: Vec<u8>,
}

impl Message {
    /// A data frame begins: what its message is, if it may stand here.
    #[inline]
    pub(super) fn frame(&mut self, header: &Header, policy: &Policy) -> Result<Kind, Reject> {
        let kind = next(self.open, header.opcode)?;
        if self.open.is_none() {
            self.compressed = header.compressed;
            self.fragments = 0;
        }
        self.open = Some(kind);
        self.fragments += 1;
        if self.fragments > policy.fragments {
            return Err(Reject::TooManyFragments);
        }
        // What is compressed is measured while it is inflated.
        if !self.compressed {
            let room = policy.limit().saturating_sub(self.bytes.len());
            if header.len > room as u64 {
                return Err(Reject::MessageTooBig);
            }
        }
        Ok(kind)
    }

    /// Whether a frame may stand here, whatever its length (section 5.4).
    pub(super) fn fits(&self, opcode: Opcode) -> bool {
        opcode.is_control() || next(self.open, opcode).is_ok()
    }

    /// Whether the message is in one piece, which is `payload`: then it ends here. Without compression
    /// only.
    #[inline]
    pub(super) fn whole(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Reject> {
        self.open = None;
        match kind {
            Kind::Binary => Ok(()),
            Kind::Text => match core::str::from_utf8(payload) {
                Ok(_) => Ok(()),
                Err(_) => Err(Reject::InvalidText),
            },
        }
    }

    /// More of the payload, unmasked; `to_come` bytes of the frame follow it.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        to_come: u64,
        inflating: Option<&mut Inflating>,
        policy: &Policy,
        pool: &mut Pool,
    ) -> Result<(), Reject> {
        let Self { utf8, bytes, .. } = self;
        let text = self.open == Some(Kind::Text);
        let mut check = |new: &[u8]| check(text, utf8, new);
        if bytes.capacity() == 0 {
            *bytes = pool.room();
        }
        match inflating {
            Some(inflating) if self.compressed => {
                inflating.inflate(pool, piece, policy.limit(), bytes, check)
            }
            Some(_) | None => {
                if bytes.is_empty() {
                    let to_come = usize::try_from(to_come).unwrap_or(ROOM).min(ROOM);
                    bytes.reserve_exact(piece.len() + to_come);
                }
                bytes.extend_from_slice(piece);
                check(piece)
            }
        }
    }

    /// The last frame has ended.
    pub(super) fn end(
        &mut self,
        inflating: Option<&mut Inflating>,
        policy: &Policy,
        pool: &mut Pool,
    ) -> Result<(), Reject> {
        let Self { utf8, bytes, .. } = self;
        let text = self.open == Some(Kind::Text);
        if let Some(inflating) = inflating.filter(|_| self.compressed) {
            let check = |new: &[u8]| check(text, utf8, new);
            inflating.end(pool, policy.limit(), bytes, check)?;
        }
        self.open = None;
        utf8.end().map_err(|NotUtf8| Reject::InvalidText)
    }

    /// The message has ended, and its bytes are not wanted.
    pub(super) fn skipped(&mut self) {
        self.open = None;
    }

    /// Whether a message has begun that is announced as compressed.
    pub(super) fn compressed(&self) -> bool {
        self.compressed
    }

    /// What came of the message.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for good.
    pub(super) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.bytes)
    }

    /// Frees the bytes of a message that has ended.
    #[inline]
    pub(super) fn forget(&mut self, pool: &mut Pool) {
        if self.open.is_none() && self.bytes.capacity() > 0 {
            pool.keep(self.take());
        }
    }

    /// Frees the bytes; which frames may follow is still known.
    pub(super) fn discard(&mut self, pool: &mut Pool) {
        pool.keep(self.take());
        self.utf8 = Utf8::default();
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The message that a data frame belongs to (section 5.4). Control frames are none.
#[inline]
fn next(open: Option<Kind>, opcode: Opcode) -> Result<Kind, Reject> {
    match (open, opcode) {
        (None, Opcode::Text) => Ok(Kind::Text),
        (None, Opcode::Binary) => Ok(Kind::Binary),
        (Some(kind), Opcode::Continuation) => Ok(kind),
        (Some(_), _) => Err(Reject::InterleavedMessage),
        (None, _) => Err(Reject::NothingToContinue),
    }
}

fn check(text: bool, utf8: &mut Utf8, new: &[u8]) -> Result<(), Reject> {
    if text {
        utf8.push(new).map_err(|NotUtf8| Reject::InvalidText)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
