//! The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: of codes with the same length the one of the lower byte is lower, and
//! shorter codes come first. So the table of lengths is the whole code, and the rest of the tables
//! is made from it by the compiler.

use crate::reject::Reject;

/// Bits of the code of each byte, and of the end of the string (256).
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
/// Bits of the longest code.
const LONGEST: u32 = 30;
/// Bits that are looked up at once: all but rare bytes have no longer codes.
const SHORT_BITS: u32 = 10;
/// What stands for the end of a string; it must not be in one.
const END: u16 = 256;

/// The code of a symbol.
#[derive(Clone, Copy)]
struct Code {
    bits: u32,
    len: u8,
}

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    /// The lowest of them.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where the symbol of the lowest one is in `SYMBOLS`.
    at: u32,
}

static CODES: [Code; 257] = codes();
static ROWS: [Row; LONGEST as usize + 1] = rows();
static SYMBOLS: [u16; 257] = symbols();
/// What so many bits begin with, if it is a whole code: its length, then its byte. Else 0.
static SHORT: [u16; 1 << SHORT_BITS] = short();

/// Appends what `input` stands for.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
    let start = out.len();
    // No code is shorter than five bits; one place is for the padding.
    out.resize(start + input.len() * 8 / 5 + 1, 0);
    let mut input = input;
    let places = out.get_mut(start..).unwrap_or_default();
    let mut written = start;
    // The bits in hand, the first one at the top; what is below them are bits that follow, or zeros.
    let (mut bits, mut have) = (0_u64, 0_u32);
    for place in places {
        if have < LONGEST {
            refill(&mut input, &mut bits, &mut have);
        }
        let code = short_code(bits);
        let (byte, len) = if code == 0 {
            long_code(bits, have)?
        } else {
            (code.to_le_bytes()[0], u32::from(code >> 8))
        };
        if len > have {
            break;
        }
        *place = byte;
        written += 1;
        bits <<= len;
        have -= len;
    }
    out.truncate(written);
    padding(bits, have)
}

/// Takes as many whole bytes as there is room for.
#[inline]
fn refill(input: &mut &[u8], bits: &mut u64, have: &mut u32) {
    if let Some(chunk) = input.first_chunk::<8>() {
        *bits |= u64::from_be_bytes(*chunk) >> *have;
        let count = (63 - *have) / 8;
        *input = input.get(count as usize..).unwrap_or_default();
        *have += count * 8;
        return;
    }
    while let (Some((byte, rest)), true) = (input.split_first(), *have <= 56) {
        *bits |= u64::from(*byte) << (56 - *have);
        *have += 8;
        *input = rest;
    }
}

/// Fewer than eight bits may be left over, the first ones of the end (section 5.2).
fn padding(bits: u64, have: u32) -> Result<(), Reject> {
    let ones = bits.leading_ones();
    if have < 8 && ones >= have {
        Ok(())
    } else {
        Err(Reject::InvalidHuffman)
    }
}

#[inline]
fn short_code(bits: u64) -> u16 {
    let top = (bits >> (64 - SHORT_BITS)) as usize;
    SHORT.get(top).copied().unwrap_or_default()
}

/// The byte at the top of `bits` whose code is a longer one, and its length. The end is none.
#[cold]
fn long_code(bits: u64, have: u32) -> Result<(u8, u32), Reject> {
    for (row, len) in ROWS.iter().zip(0..).skip(SHORT_BITS as usize + 1) {
        let code = u32::try_from(bits >> (64 - len)).unwrap_or(u32::MAX);
        let above = code.wrapping_sub(row.first);
        if above < row.count {
            let symbol = SYMBOLS.get((row.at + above) as usize).copied();
            return match u8::try_from(symbol.unwrap_or(END)) {
                Ok(byte) => Ok((byte, len)),
                Err(_) if len > have => Ok((0, len)),
                Err(_) => Err(Reject::InvalidHuffman),
            };
        }
    }
    Err(Reject::InvalidHuffman)
}

/// Bytes that `text` takes up when it is encoded.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(code(*byte).len)).sum();
    bits.div_ceil(8)
}

/// Appends the code of `text`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest eight bits are wanted"
)]
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    // The bits in hand are the lowest `have` ones.
    let (mut bits, mut have) = (0_u64, 0_u32);
    for byte in text {
        let code = code(*byte);
        bits = bits << code.len | u64::from(code.bits);
        have += u32::from(code.len);
        while have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    if have > 0 {
        let ones = 0xff_u64 >> have;
        out.push((bits << (8 - have) | ones) as u8);
    }
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is always below 257")]
fn code(byte: u8) -> Code {
    CODES[usize::from(byte)]
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn rows() -> [Row; LONGEST as usize + 1] {
    let empty = Row {
        first: 0,
        count: 0,
        at: 0,
    };
    let mut rows = [empty; LONGEST as usize + 1];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        rows[LENGTHS[symbol] as usize].count += 1;
        symbol += 1;
    }
    let mut len = 1;
    while len < rows.len() {
        let before = rows[len - 1];
        rows[len].first = (before.first + before.count) << 1;
        rows[len].at = before.at + before.count;
        len += 1;
    }
    rows
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler; a symbol is below 257"
)]
const fn symbols() -> [u16; 257] {
    let mut symbols = [0; 257];
    let mut next = rows();
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        let row = &mut next[LENGTHS[symbol] as usize];
        symbols[row.at as usize] = symbol as u16;
        row.at += 1;
        symbol += 1;
    }
    symbols
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn codes() -> [Code; 257] {
    let mut codes = [Code { bits: 0, len: 0 }; 257];
    let mut next = rows();
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        let len = LENGTHS[symbol];
        let row = &mut next[len as usize];
        codes[symbol] = Code {
            bits: row.first,
            len,
        };
        row.first += 1;
        symbol += 1;
    }
    codes
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler; a symbol is below 257"
)]
const fn short() -> [u16; 1 << SHORT_BITS] {
    let mut short = [0; 1 << SHORT_BITS];
    let codes = codes();
    let mut symbol = 0;
    while symbol < 256 {
        let Code { bits, len } = codes[symbol];
        if len as u32 <= SHORT_BITS {
            let spare = SHORT_BITS - len as u32;
            let mut behind = 0;
            while behind < 1 << spare {
                short[(bits << spare) as usize + behind] = (len as u16) << 8 | symbol as u16;
                behind += 1;
            }
        }
        symbol += 1;
    }
    short
}

#[cfg(test)]
mod tests;
