//! Byte classes as 256-entry tables, and scans over them.
//!
//! The wide scans look at eight bytes at a time. Their arithmetic may hit too much above the lowest
//! hit, never below it, and only the lowest hit is used.

/// RFC 9110, section 5.6.2: `tchar`.
const TCHAR: u8 = 1;
/// `_`, which CGI cannot tell from `-`.
const UNDERSCORE: u8 = 2;
/// RFC 3986, section 3.2.2: what a registered name is made of, `%` included.
const REG_NAME: u8 = 4;

static CLASS: [u8; 256] = classes();

/// The end of the token characters at the front, and whether an underscore is among them.
#[inline]
pub(crate) fn token(bytes: &[u8]) -> (usize, bool) {
    let mut all = 0;
    let mut len = 0;
    for &byte in bytes {
        let class = class(byte);
        if class & TCHAR == 0 {
            break;
        }
        all |= class;
        len += 1;
    }
    (len, all & UNDERSCORE != 0)
}

/// Whether all of it is token characters, and it is not empty.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token(bytes).0 == bytes.len()
}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_tchar(byte: u8) -> bool {
    class(byte) & TCHAR != 0
}

/// Whether a byte may stand in a registered name (`%` needs two hexadecimal digits behind it).
pub(crate) fn is_reg_name(byte: u8) -> bool {
    class(byte) & REG_NAME != 0
}

/// How many bytes at the front may stand in a field value (RFC 9110, section 5.5): visible ASCII,
/// space, tab and everything from 0x80.
#[inline]
pub(crate) fn field_text(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(word) = rest.first_chunk().map(|chunk| u64::from_le_bytes(*chunk)) else {
            let is_end = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
            return at + rest.iter().position(is_end).unwrap_or(rest.len());
        };
        let hits = below(word, 0x20) | equal(word, 0x7f);
        if hits == 0 {
            at += 8;
            continue;
        }
        at += lowest(hits);
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// How many bytes at the front are visible ASCII: what a request target is made of.
#[inline]
pub(crate) fn visible(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(word) = rest.first_chunk().map(|chunk| u64::from_le_bytes(*chunk)) else {
            return at
                + rest
                    .iter()
                    .position(|byte| !byte.is_ascii_graphic())
                    .unwrap_or(rest.len());
        };
        let hits = below(word, 0x21) | equal(word, 0x7f) | (word & HIGH);
        if hits != 0 {
            return at + lowest(hits);
        }
        at += 8;
    }
}

/// Without the optional white space around it (RFC 9110, section 5.6.3).
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Without the optional white space in front.
#[inline]
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Without the optional white space behind.
#[inline]
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Whether a name of token characters is `lower`, in any case. `lower` holds letters, digits and `-`:
/// for those the bit 0x20 is either set or the only difference between the cases.
#[inline]
pub(crate) fn eq_lower(name: &[u8], lower: &[u8]) -> bool {
    name.len() == lower.len() && name.iter().zip(lower).all(|(a, b)| a | 0x20 == *b)
}

/// A plain decimal number of at most 19 digits, so that it always fits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
    )
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is below `limit` (at most 0x80).
#[inline]
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(LOW * limit as u64) & !word & HIGH
}

/// The high bit of each byte that is `byte`.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (LOW * byte as u64), 1)
}

#[inline]
const fn lowest(hits: u64) -> usize {
    (hits.trailing_zeros() / 8) as usize
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is always below 256")]
const fn class(byte: u8) -> u8 {
    CLASS[byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || is_one_of(byte, b"!#$%&'*+-.^_`|~") {
            class |= TCHAR;
        }
        if byte == b'_' {
            class |= UNDERSCORE;
        }
        if byte.is_ascii_alphanumeric() || is_one_of(byte, b"-._~!$&'()*+,;=%") {
            class |= REG_NAME;
        }
        table[byte as usize] = class;
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests;
