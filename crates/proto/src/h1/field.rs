//! One header or trailer line (RFC 9112, section 5).
//!
//! A line that is cut short is an error here too; `lines` finds out whether its end has come.

use crate::chars;
use crate::known::Known;
use crate::reject::Reject;

/// A header line; positions count from its first byte.
pub(super) struct FieldLine {
    pub(super) name_len: usize,
    pub(super) known: Option<Known>,
    /// The name contains `_`.
    pub(super) underscore: bool,
    pub(super) value_start: usize,
    pub(super) value_end: usize,
    /// Bytes of the line, its CRLF included.
    pub(super) len: usize,
}

impl FieldLine {
    /// The name, out of what was parsed.
    pub(super) fn name<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        line.get(..self.name_len).unwrap_or_default()
    }
}

/// Parses the line at the front of `line`, which does not start with white space.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "measured: a third of the time of a line"
)]
pub(super) fn parse(line: &[u8], strip_spaces: bool) -> Result<FieldLine, Reject> {
    let name = match known_name(line) {
        Some(name) => name,
        None => any_name(line, strip_spaces)?,
    };
    let (value_start, value_end, len) = text(line, name.end)?;
    let Name {
        len: name_len,
        known,
        underscore,
        ..
    } = name;
    Ok(FieldLine {
        name_len,
        known,
        underscore,
        value_start,
        value_end,
        len,
    })
}

/// What remains of a line from byte `start` on: where the value starts and ends in it, and how many
/// bytes the line has.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "measured: a third of the time of a line"
)]
pub(super) fn text(line: &[u8], mut start: usize) -> Result<(usize, usize, usize), Reject> {
    while let Some(b' ' | b'\t') = line.get(start) {
        start += 1;
    }
    let (text, rest) = line
        .get(start..)
        .and_then(|rest| rest.split_at_checked(chars::field_text(rest)))
        .unwrap_or_default();
    let [b'\r', b'\n', ..] = rest else {
        return Err(Reject::InvalidHeaderValue);
    };
    let end = start + chars::trim_end(text).len();
    Ok((start, end, start + text.len() + 2))
}

/// A name in front of its colon.
struct Name {
    len: usize,
    known: Option<Known>,
    underscore: bool,
    /// Behind the colon.
    end: usize,
}

/// A known name directly in front of a colon: that it is a token need not be checked any more.
#[inline]
fn known_name(line: &[u8]) -> Option<Name> {
    let len = chars::colon(line)?;
    let known = Known::of(line.get(..len)?)?;
    Some(Name {
        len,
        known: Some(known),
        underscore: false,
        end: len + 1,
    })
}

/// Any other name: a token.
fn any_name(line: &[u8], strip_spaces: bool) -> Result<Name, Reject> {
    let (len, underscore) = chars::token(line);
    let (name, rest) = line.split_at_checked(len).unwrap_or_default();
    let end = match rest {
        [b':', ..] if len > 0 => len + 1,
        _ => len + odd_colon(name, rest, strip_spaces)?,
    };
    // Near the end of the input, and in front of white space, a known name is found only here.
    Ok(Name {
        len,
        known: Known::of(name),
        underscore,
        end,
    })
}

/// The end of the colon, where it does not follow the name directly.
#[cold]
fn odd_colon(name: &[u8], rest: &[u8], strip_spaces: bool) -> Result<usize, Reject> {
    let stop = rest
        .iter()
        .position(|byte| matches!(byte, b':' | b'\r' | b'\n'));
    let (between, after) = rest
        .split_at_checked(stop.unwrap_or(rest.len()))
        .unwrap_or_default();
    if !after.starts_with(b":") {
        return Err(Reject::InvalidHeader);
    }
    let spaces = between.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    match (name.is_empty(), spaces) {
        (false, true) if strip_spaces => Ok(between.len() + 1),
        (false, true) => Err(Reject::SpaceBeforeColon),
        _ => Err(Reject::InvalidHeaderName),
    }
}
