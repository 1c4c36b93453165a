//! UTF-8 that comes in pieces (RFC 6455, section 8.1): refused at the first byte that no valid text
//! has at its place, also where a character is cut.

use core::str::from_utf8;

/// What is left of the text so far: the beginning of a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Utf8 {
    begun: [u8; 4],
    len: u8,
}

/// The text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

impl Utf8 {
    /// Looks at the next piece.
    #[inline]
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        while self.len > 0 {
            let Some((first, rest)) = piece.split_first() else {
                return Ok(());
            };
            self.complete(*first)?;
            piece = rest;
        }
        let Err(error) = from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        for byte in piece.get(error.valid_up_to()..).unwrap_or_default() {
            self.keep(*byte);
        }
        Ok(())
    }

    /// The text ends here: no character may be cut.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), NotUtf8> {
        let whole = self.len == 0;
        self.len = 0;
        if whole { Ok(()) } else { Err(NotUtf8) }
    }

    /// One more byte of a character that has begun.
    fn complete(&mut self, byte: u8) -> Result<(), NotUtf8> {
        self.keep(byte);
        let character = self.begun.get(..usize::from(self.len)).unwrap_or_default();
        match from_utf8(character) {
            Ok(_) => self.len = 0,
            Err(error) if error.error_len().is_some() => return Err(NotUtf8),
            Err(_) => {}
        }
        Ok(())
    }

    /// A character has four bytes at most, and less of them are kept before it is whole.
    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.begun.get_mut(usize::from(self.len)) {
            *place = byte;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests;
