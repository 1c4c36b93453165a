//! How values of clients are written, so that none of them ends the field it stands in.

use std::io::Write;

use super::json;

/// The kind of text a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text in a line.
    #[default]
    Text,
    /// The inside of a JSON string.
    Json,
}

impl Style {
    /// Appends latin-1 text.
    #[inline]
    pub fn escape(self, line: &mut Vec<u8>, latin1: &[u8]) {
        if !push_plain(line, latin1) {
            self.escape_each(line, latin1);
        }
    }

    #[cold]
    fn escape_each(self, line: &mut Vec<u8>, latin1: &[u8]) {
        match self {
            Self::Text => escape(line, latin1.iter().map(|&byte| char::from(byte))),
            Self::Json => json::escape(line, latin1),
        }
    }

    /// Appends other text.
    pub fn escape_text(self, line: &mut Vec<u8>, text: &str) {
        match self {
            Self::Text => escape(line, text.chars()),
            Self::Json => json::escape(line, text.as_bytes()),
        }
    }
}

/// Appends text as UTF-8; quotes get a backslash, control characters their number, so that a line
/// stays one line.
fn escape(line: &mut Vec<u8>, text: impl Iterator<Item = char>) {
    for letter in text {
        match letter {
            '"' => line.extend_from_slice(b"\\\""),
            // Vec's writer cannot fail.
            '\0'..='\x1f' | '\x7f' => drop(write!(line, "\\x{:02x}", u32::from(letter))),
            _ => line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Appends what stands for itself in lines of any style; false if something in it does not.
///
/// Most values are short. A copy of at most sixteen bytes is two words that may overlap, cheaper
/// than a call that finds out how long they are.
#[inline]
fn push_plain(line: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let end = line.len() + bytes.len();
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        let word = short_word(bytes);
        if odd(word) {
            return false;
        }
        line.extend_from_slice(&word.to_le_bytes());
        line.truncate(end);
        return true;
    };
    if odd(u64::from_le_bytes(*first)) || odd(u64::from_le_bytes(*last)) {
        return false;
    }
    if bytes.len() > 16 {
        return push_long(line, bytes);
    }
    line.extend_from_slice(first);
    line.truncate(end - 8);
    line.extend_from_slice(last);
    true
}

/// The same of a value whose last eight bytes are known to be plain.
fn push_long(line: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut words = bytes.chunks_exact(8).filter_map(<[u8]>::first_chunk);
    if words.any(|word| odd(u64::from_le_bytes(*word))) {
        return false;
    }
    line.extend_from_slice(bytes);
    true
}

/// Fewer than eight bytes, and spaces behind them.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    const SPACES: u64 = 0x2020_2020_2020_2020;
    let count = bytes.len();
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first))
                | u64::from(u32::from_le_bytes(*last)) << (8 * (count - 4))
        }
        // One to three bytes: the first, the one in the middle, the last.
        _ => match (bytes.first(), bytes.get(count / 2), bytes.last()) {
            (Some(&first), Some(&middle), Some(&last)) => {
                u64::from(first)
                    | u64::from(middle) << (8 * (count / 2))
                    | u64::from(last) << (8 * (count - 1))
            }
            _ => 0,
        },
    };
    word | SPACES << (8 * count)
}

/// Whether a byte of eight is beyond visible ASCII and space, or a quote, or a backslash.
#[inline]
const fn odd(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn has_zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    // From 0x7f on: one more has the high bit, unless the byte has it already.
    let beyond = (word.wrapping_add(ONES) | word) & HIGH;
    let quotes = has_zero(word ^ (ONES * b'"' as u64));
    let backslashes = has_zero(word ^ (ONES * b'\\' as u64));
    controls | beyond | quotes | backslashes != 0
}

/// Appends the part of `all` that begins at `from`, of `count` bytes; a short one as sixteen bytes,
/// of which those behind it go away again, where so many are there.
#[inline]
pub(super) fn push_short(line: &mut Vec<u8>, all: &[u8], (from, count): (usize, usize)) {
    let Some(part) = all.get(from..) else { return };
    if let Some(chunk) = part.first_chunk::<16>().filter(|_| count <= 16) {
        let end = line.len() + count;
        line.extend_from_slice(chunk);
        line.truncate(end);
    } else {
        line.extend_from_slice(part.get(..count).unwrap_or(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(byte: u8) -> bool {
        matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
    }

    #[test]
    fn every_byte_at_every_place_of_every_length() {
        for length in 0..40 {
            for index in 0..length {
                for byte in 0..=255 {
                    let mut value = b"abcdefghijklmnopqrstuvwxyz0123456789 ABC"[..length].to_vec();
                    value[index] = byte;
                    let mut line = b"> ".to_vec();
                    let pushed = push_plain(&mut line, &value);
                    assert_eq!(pushed, plain(byte), "{value:?}");
                    let expected = if pushed { value } else { Vec::new() };
                    assert_eq!(line, [&b"> "[..], &expected].concat());
                }
            }
        }
        let mut line = b"> ".to_vec();
        assert!(push_plain(&mut line, b"") && line == b"> ");
    }

    #[test]
    fn two_odd_bytes_in_a_row() {
        for first in 0..=255 {
            for second in 0..=255 {
                let value = [b'a', first, second, b'b', b'c'];
                let expected = plain(first) && plain(second);
                assert_eq!(push_plain(&mut Vec::new(), &value), expected, "{value:?}");
            }
        }
    }

    #[test]
    fn parts_of_a_text() {
        let all: Vec<u8> = (b'0'..b'Z').collect();
        for from in 0..=all.len() {
            for count in 0..=all.len() - from {
                let mut line = b"> ".to_vec();
                push_short(&mut line, &all, (from, count));
                assert_eq!(line, [b"> ", &all[from..from + count]].concat());
            }
        }
    }
}
