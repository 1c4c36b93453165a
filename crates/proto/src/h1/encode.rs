//! Pieces of responses as bytes: chunks, interim responses, lines and numbers.

use super::misuse::Misuse;
use super::owner::{Owner, check_field, status_code};

/// Ends the data of a chunk.
pub(super) const CHUNK_END: &[u8] = b"\r\n";

/// Ends a chunked body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Asks for the body (RFC 9110, section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends the line before a chunk of `len` bytes. `len` must not be 0: that would end the body.
pub(super) fn chunk_start(out: &mut Vec<u8>, len: usize) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = len >> (place * 4) & 0xf;
        out.extend(b"0123456789abcdef".get(digit));
    }
    out.extend_from_slice(b"\r\n");
}

/// Bytes before the data of an open chunk: five digits and the end of their line.
const CHUNK_ROOM: usize = 7;
/// Data of an open chunk at most, so that its length has room.
const OPEN_CHUNK: usize = 0xf_ffff;

/// What stands before and behind `len` bytes of data that are a chunk of their own.
pub fn chunk_bounds(len: usize) -> (Vec<u8>, &'static [u8]) {
    let mut line = Vec::new();
    chunk_start(&mut line, len);
    (line, CHUNK_END)
}

/// Begins a chunk whose data are appended next, piece by piece; [`close_chunk`] ends it.
pub fn open_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0'; CHUNK_ROOM]);
}

/// Ends the chunk that [`open_chunk`] has begun at byte `at`, with less than 1 MiB of data
/// behind it. Without data nothing is left of it.
pub fn close_chunk(out: &mut Vec<u8>, at: usize) {
    let len = out.len().saturating_sub(at + CHUNK_ROOM);
    if len == 0 {
        return out.truncate(at);
    }
    let mut line = Vec::with_capacity(CHUNK_ROOM);
    chunk_start(&mut line, len.min(OPEN_CHUNK));
    // The digits that its length does not need are closed up; the longest chunks have none.
    let from = at + CHUNK_ROOM - line.len();
    if let Some(room) = out.get_mut(from..at + CHUNK_ROOM) {
        room.copy_from_slice(&line);
    }
    out.drain(at..from);
    out.extend_from_slice(CHUNK_END);
}

/// Appends an interim response, `103 Early Hints`, or nothing if something in it is invalid.
/// 101 is none: it is final for HTTP/1.
pub(super) fn interim<'a>(
    out: &mut Vec<u8>,
    status: &[u8],
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    if !matches!(status_code(status)?, 100 | 102..=199) {
        return Err(Misuse::InvalidStatus);
    }
    let before = out.len();
    push_status(out, status);
    for (name, value) in fields {
        if let Err(misuse) = check_field(name, value) {
            out.truncate(before);
            return Err(misuse);
        }
        // An interim response has no framing, and says nothing about the connection.
        if Owner::of(name) == Owner::Application {
            push_line(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends the end of a chunked body with trailer fields; of those that may be no trailers (framing,
/// the connection) nothing is sent (RFC 9110, section 6.5.1).
pub(super) fn last_chunk<'a>(
    out: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in fields {
        check_field(name, value)?;
        if Owner::of(name) == Owner::Application {
            push_line(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a number in decimal digits.
#[inline]
pub fn push_decimal(out: &mut Vec<u8>, number: u64) {
    push_padded(out, number, 1);
}

/// Appends a number in at least so many decimal digits, zeros first.
#[inline]
pub fn push_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let Some(number) = u32::try_from(number)
        .ok()
        .filter(|&number| number < 100_000_000 && width <= 8)
    else {
        return push_long(out, number, width);
    };
    let digits = eight_digits(number);
    let zeros = (digits.trailing_zeros() / 8).min(7) as usize;
    let left_out = zeros.min(8 - width.max(1));
    // What is behind the digits goes away again.
    let end = out.len() + 8 - left_out;
    let text = (digits | 0x3030_3030_3030_3030) >> (8 * left_out);
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(end);
}

/// The digits of a number below 10^8, the first one in the lowest byte: split into halves three
/// times, all halves at once.
#[inline]
const fn eight_digits(number: u32) -> u64 {
    let fours = (number / 10_000) as u64 | ((number % 10_000) as u64) << 32;
    // A hundredth of what is below 10,000, and a tenth of what is below 100, rounded down.
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = (fours - hundreds * 100) << 16 | hundreds;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    (twos - tens * 10) << 8 | tens
}

#[cold]
fn push_long(out: &mut Vec<u8>, mut number: u64, width: usize) {
    // 20 digits are the most that a u64 has.
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = place;
        if number == 0 {
            break;
        }
    }
    let first = first.min(20 - width.min(20));
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Appends a status line, of the server's own version (RFC 9110, section 6.2).
pub(super) fn push_status(out: &mut Vec<u8>, status: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status);
    // The space belongs to the line, also where no reason follows (RFC 9112, section 4).
    if status.len() == 3 {
        out.push(b' ');
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a header line.
pub(super) fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
