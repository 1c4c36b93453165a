//! Byte classes as 256-entry tables, and scans over them.
//!
//! The wide scans look at eight bytes at a time, the first of them in the low bits; of the hits in a
//! word the lowest is used.

/// RFC 9110, section 5.6.2: `tchar`.
const TCHAR: u8 = 1;
/// `_`, which CGI cannot tell from `-`.
const UNDERSCORE: u8 = 2;
/// RFC 3986, section 3.2.2: what a registered name is made of, `%` included. Without the comma: it
/// is what several Host fields look like when a proxy has joined them.
const REG_NAME: u8 = 4;
/// `%`, behind which two hexadecimal digits must stand.
const PERCENT: u8 = 8;

static CLASS: [u8; 256] = classes();

/// How many token characters are at the front, and whether an underscore is among them.
#[inline]
pub(crate) fn token(bytes: &[u8]) -> (usize, bool) {
    let (len, all) = run(bytes, TCHAR);
    (len, all & UNDERSCORE != 0)
}

/// How many characters of a registered name are at the front, and whether a `%` is among them.
#[inline]
pub(crate) fn reg_name(bytes: &[u8]) -> (usize, bool) {
    let (len, all) = run(bytes, REG_NAME);
    (len, all & PERCENT != 0)
}

/// How many bytes at the front are of a class, and all classes that occur among them.
#[inline]
fn run(bytes: &[u8], wanted: u8) -> (usize, u8) {
    let mut all = 0;
    let mut len = 0;
    for &byte in bytes {
        let class = class(byte);
        if class & wanted == 0 {
            break;
        }
        all |= class;
        len += 1;
    }
    (len, all)
}

/// Whether all of it is token characters, and it is not empty.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let common = bytes.iter().fold(TCHAR, |all, &byte| all & class(byte));
    !bytes.is_empty() && common != 0
}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_tchar(byte: u8) -> bool {
    class(byte) & TCHAR != 0
}

/// How many bytes at the front may stand in a field value (RFC 9110, section 5.5): visible ASCII,
/// space, tab and everything from 0x80.
#[inline]
pub(crate) fn field_text(bytes: &[u8]) -> usize {
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let hits = controls(word(chunk));
        if hits != 0 {
            at += lowest(hits);
            return match bytes.get(at..) {
                Some([b'\t', rest @ ..]) => at + 1 + field_text_after_tab(rest),
                _ => at,
            };
        }
        at += 8;
    }
    // The last eight bytes, some of them once more.
    if bytes
        .last_chunk()
        .is_some_and(|last| controls(u64::from_le_bytes(*last)) == 0)
    {
        return bytes.len();
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_end = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    at + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Tabs are rare in values: the fast scan stops at them.
#[cold]
fn field_text_after_tab(bytes: &[u8]) -> usize {
    let is_end = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    bytes.iter().position(is_end).unwrap_or(bytes.len())
}

/// How many bytes at the front are visible ASCII: what a request target is made of.
#[inline]
pub(crate) fn visible(bytes: &[u8]) -> usize {
    let mut at = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = word(chunk);
        let hits = controls(word) | equal(word, b' ') | (word & HIGH);
        if hits != 0 {
            return at + lowest(hits);
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| !byte.is_ascii_graphic())
        .unwrap_or(rest.len())
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

/// Whether `name` is `lower` in any case. `lower` holds letters, digits and `-`; of these only the
/// letters have the bit 0x40, and only they have a second case, which lacks the bit 0x20.
#[inline]
pub(crate) fn eq_lower(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    // The last eight bytes may overlap the first ones, so every length from eight to sixteen is
    // two words; and every length from four to seven is two halves.
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        name.first_chunk(),
        lower.first_chunk(),
        name.last_chunk(),
        lower.last_chunk(),
    ) {
        return eq_lower_word(u64::from_le_bytes(*a), u64::from_le_bytes(*b))
            && eq_lower_word(u64::from_le_bytes(*c), u64::from_le_bytes(*d))
            && (name.len() <= 16 || eq_lower_middle(name, lower));
    }
    if let (Some(a), Some(b), Some(c), Some(d)) = (
        name.first_chunk(),
        lower.first_chunk(),
        name.last_chunk(),
        lower.last_chunk(),
    ) {
        let word = |a, b| u64::from(u32::from_le_bytes(a)) << 32 | u64::from(u32::from_le_bytes(b));
        return eq_lower_word(word(*a, *c), word(*b, *d));
    }
    name.iter()
        .zip(lower)
        .all(|(a, b)| eq_lower_word(u64::from(*a), u64::from(*b)))
}

/// What is neither in the first nor in the last eight bytes of a long name.
fn eq_lower_middle(name: &[u8], lower: &[u8]) -> bool {
    let words = name.chunks_exact(8).zip(lower.chunks_exact(8)).skip(1);
    words
        .into_iter()
        .all(|(a, b)| eq_lower_word(word(a), word(b)))
}

#[inline]
const fn eq_lower_word(name: u64, lower: u64) -> bool {
    name | (lower >> 1 & CASE) == lower
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

/// Where the first colon is, if it is near.
#[inline]
pub(crate) fn colon(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for chunk in bytes.chunks_exact(8).take(4) {
        let hits = equal(word(chunk), b':');
        if hits != 0 {
            return Some(at + lowest(hits));
        }
        at += 8;
    }
    None
}

/// A plain decimal number of at most 19 digits, so that it always fits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const CASE: u64 = 0x2020_2020_2020_2020;

/// The high bit of each byte that is below 0x20 or 0x7f, and of no other. One more, modulo 0x80, is
/// below 0x21; nothing is carried from one byte to the next.
#[inline]
const fn controls(word: u64) -> u64 {
    let next = ((word & !HIGH) + LOW) & !HIGH;
    !((next + 0x5f * LOW) | word) & HIGH
}

/// The high bit of the lowest byte that is `byte`; above it there may be too many.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (LOW * byte as u64);
    differs.wrapping_sub(LOW) & !differs & HIGH
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
        class |= match byte {
            b'_' => UNDERSCORE,
            b'%' => PERCENT,
            _ => 0,
        };
        if byte.is_ascii_alphanumeric() || is_one_of(byte, b"-._~!$&'()*+;=%") {
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
