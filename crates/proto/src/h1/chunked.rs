//! The chunked transfer coding (RFC 9112, section 7.1), byte by byte.
//!
//! Every byte of the framing is looked at once and consumed, so nothing has to be kept between two
//! calls. Extensions are checked against the grammar and dropped; trailers are `trailers`' part.

use core::ops::Range;

use crate::chars;
use crate::reject::Reject;

/// Where a chunked body stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    state: State,
    digits: u8,
    extension: u16,
    /// The size being read, then the bytes of the chunk that are still to come.
    remaining: u64,
    /// Bytes of all chunks that were announced.
    announced: u64,
}

/// What the decoder found, and the bytes it used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The input is used up.
    Nothing,
    /// Data, at this range of the input.
    Data(Range<usize>),
    /// The last chunk ended at this byte: trailers follow.
    LastChunk(usize),
}

/// A position in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Before the first digit of a size.
    Size,
    /// After a digit.
    Digit,
    /// White space behind the size, which an extension must follow.
    SizeSpace,
    /// Behind `;`.
    Semicolon,
    /// In the name of an extension.
    Name,
    /// White space behind the name.
    NameSpace,
    /// Behind `=`.
    Equals,
    /// In a value that is a token.
    Value,
    /// In a value that is a quoted string.
    Quoted,
    /// Behind the backslash in a quoted string.
    Escaped,
    /// Behind a value.
    ValueSpace,
    /// Behind the CR of the size line.
    SizeEnd,
    /// In the data.
    Data,
    /// Behind the data.
    DataEnd,
    /// Behind the CR that follows the data.
    DataLineFeed,
}

/// What a byte is to the grammar of a size line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A hexadecimal digit, with its value.
    Hex(u8),
    /// Another token character.
    Token,
    /// Space or tab.
    Space,
    /// `;`
    Semicolon,
    /// `=`
    Equals,
    /// `"`
    Quote,
    /// `\`
    Backslash,
    /// Other characters that a quoted string may hold.
    Text,
    /// CR.
    Return,
    /// LF.
    LineFeed,
    /// Any other control character.
    Control,
}

/// Sizes up to 2^60 are far beyond any body, and cannot overflow.
const MAX_DIGITS: u8 = 15;

/// Extensions have no use here; all chunks of a body together may have this many bytes of them.
const MAX_EXTENSION: u16 = 16 * 1024;

impl Chunked {
    /// Before the first chunk.
    pub(super) const fn new() -> Self {
        Self {
            state: State::Size,
            digits: 0,
            extension: 0,
            remaining: 0,
            announced: 0,
        }
    }

    /// Decodes until there is something to say. `limit` bounds the body's size.
    pub(super) fn decode(&mut self, input: &[u8], limit: Option<u64>) -> Result<Found, Reject> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.state == State::Data {
                return Ok(Found::Data(self.data(at, input.len())));
            }
            at += 1;
            let before = self.state;
            self.state = before.on(Class::of(byte))?;
            match self.state {
                State::Digit => self.digit(byte)?,
                State::Size | State::SizeEnd | State::DataEnd | State::DataLineFeed => {}
                State::Data => {
                    if self.size_known(limit)? {
                        return Ok(Found::LastChunk(at));
                    }
                }
                _ => self.extension_byte()?,
            }
        }
        Ok(Found::Nothing)
    }

    /// The part of the chunk's data that is there, from byte `at` on.
    fn data(&mut self, at: usize, end: usize) -> Range<usize> {
        let there = end - at;
        let len = usize::try_from(self.remaining).map_or(there, |remaining| remaining.min(there));
        self.remaining -= len as u64;
        if self.remaining == 0 {
            self.state = State::DataEnd;
        }
        at..at + len
    }

    fn digit(&mut self, byte: u8) -> Result<(), Reject> {
        if self.digits == MAX_DIGITS {
            return Err(Reject::InvalidChunkSize);
        }
        if let Class::Hex(value) = Class::of(byte) {
            self.digits += 1;
            self.remaining = self.remaining << 4 | u64::from(value);
        }
        Ok(())
    }

    /// The size line is complete: whether this was the last chunk.
    fn size_known(&mut self, limit: Option<u64>) -> Result<bool, Reject> {
        self.digits = 0;
        self.announced = self.announced.saturating_add(self.remaining);
        if limit.is_some_and(|limit| self.announced > limit) {
            return Err(Reject::ContentTooLarge);
        }
        Ok(self.remaining == 0)
    }

    fn extension_byte(&mut self) -> Result<(), Reject> {
        self.extension += 1;
        if self.extension > MAX_EXTENSION {
            return Err(Reject::ChunkExtensionTooLarge);
        }
        Ok(())
    }
}

impl Class {
    pub(super) fn of(byte: u8) -> Self {
        match byte {
            b'0'..=b'9' => Self::Hex(byte - b'0'),
            b'a'..=b'f' => Self::Hex(byte - b'a' + 10),
            b'A'..=b'F' => Self::Hex(byte - b'A' + 10),
            b' ' | b'\t' => Self::Space,
            b';' => Self::Semicolon,
            b'=' => Self::Equals,
            b'"' => Self::Quote,
            b'\\' => Self::Backslash,
            b'\r' => Self::Return,
            b'\n' => Self::LineFeed,
            0x00..=0x1f | 0x7f => Self::Control,
            _ if chars::is_tchar(byte) => Self::Token,
            _ => Self::Text,
        }
    }
}

impl State {
    /// chunk = chunk-size *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) CRLF data
    /// CRLF. The size line ends in [`Data`](Self::Data), also that of the last chunk.
    #[expect(clippy::match_same_arms, reason = "one row for one rule")]
    pub(super) fn on(self, class: Class) -> Result<Self, Reject> {
        use Class as C;
        Ok(match (self, class) {
            (Self::Size | Self::Digit, C::Hex(_)) => Self::Digit,
            (Self::Digit | Self::SizeSpace, C::Space) => Self::SizeSpace,
            (
                Self::Digit
                | Self::SizeSpace
                | Self::Name
                | Self::NameSpace
                | Self::Value
                | Self::ValueSpace,
                C::Semicolon,
            ) => Self::Semicolon,
            (Self::Semicolon, C::Space) => Self::Semicolon,
            (Self::Semicolon | Self::Name, C::Hex(_) | C::Token) => Self::Name,
            (Self::Name | Self::NameSpace, C::Space) => Self::NameSpace,
            (Self::Name | Self::NameSpace, C::Equals) => Self::Equals,
            (Self::Equals, C::Space) => Self::Equals,
            (Self::Equals | Self::Value, C::Hex(_) | C::Token) => Self::Value,
            (Self::Equals, C::Quote) | (Self::Escaped, C::Quote | C::Backslash) => Self::Quoted,
            (Self::Quoted, C::Backslash) => Self::Escaped,
            (Self::Quoted, C::Quote) => Self::ValueSpace,
            (
                Self::Quoted | Self::Escaped,
                C::Hex(_) | C::Token | C::Space | C::Semicolon | C::Equals | C::Text,
            ) => Self::Quoted,
            (Self::Value | Self::ValueSpace, C::Space) => Self::ValueSpace,
            (Self::Digit | Self::Name | Self::Value | Self::ValueSpace, C::Return) => Self::SizeEnd,
            (Self::SizeEnd, C::LineFeed) => Self::Data,
            (Self::DataEnd, C::Return) => Self::DataLineFeed,
            (Self::DataLineFeed, C::LineFeed) => Self::Size,
            (state, class) => return Err(state.refuse(class)),
        })
    }

    /// What is wrong with a byte that the grammar does not have here.
    fn refuse(self, class: Class) -> Reject {
        match (self, class) {
            (Self::DataEnd | Self::DataLineFeed | Self::Data, _) => Reject::InvalidChunkEnd,
            (Self::SizeEnd, _) => Reject::BareCarriageReturn,
            (_, Class::LineFeed) => Reject::BareLineFeed,
            (Self::Size | Self::Digit | Self::SizeSpace, _) => Reject::InvalidChunkSize,
            _ => Reject::InvalidChunkExtension,
        }
    }
}

#[cfg(test)]
mod tests;
