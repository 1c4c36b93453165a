//! One header or trailer line (RFC 9112, section 5).
//!
//! A line that is cut short is an error here too; `lines` finds out whether its end has come.

use crate::chars;
use crate::head::Span;
use crate::reject::Reject;

/// A header line, as it stands in the input.
pub(super) struct FieldLine<'a> {
    pub(super) name: &'a [u8],
    pub(super) name_span: Span,
    pub(super) value: Span,
    /// The name contains `_`.
    pub(super) underscore: bool,
    /// Where the next line starts.
    pub(super) next: usize,
}

/// Parses the line that starts at byte `at` of `input`, and not with white space.
#[inline]
pub(super) fn parse(input: &[u8], at: usize, strip_spaces: bool) -> Result<FieldLine<'_>, Reject> {
    let line = input.get(at..).unwrap_or_default();
    let (name_len, underscore) = chars::token(line);
    let (name, rest) = line.split_at_checked(name_len).unwrap_or_default();
    let rest = match rest {
        [b':', rest @ ..] if name_len > 0 => rest,
        _ => after_odd_name(name, rest, strip_spaces)?,
    };
    let (value, next) = text(input, input.len() - rest.len())?;
    Ok(FieldLine {
        name,
        name_span: Span::new(at, at + name_len),
        value,
        underscore,
        next,
    })
}

/// Parses what a folded line adds to a value: all of the line.
pub(super) fn parse_folded(input: &[u8], at: usize) -> Result<(Span, usize), Reject> {
    text(input, at)
}

/// The value in what remains of a line from byte `start`, and where the next line starts.
#[inline]
fn text(input: &[u8], start: usize) -> Result<(Span, usize), Reject> {
    let rest = input.get(start..).unwrap_or_default();
    let (text, end) = rest
        .split_at_checked(chars::field_text(rest))
        .unwrap_or_default();
    let [b'\r', b'\n', ..] = end else {
        return Err(Reject::InvalidHeaderValue);
    };
    let value = chars::trim_start(text);
    let value_start = start + text.len() - value.len();
    let value_end = value_start + chars::trim_end(value).len();
    Ok((Span::new(value_start, value_end), start + text.len() + 2))
}

/// What follows the colon, where the name was not directly in front of it.
#[cold]
fn after_odd_name<'a>(name: &[u8], rest: &'a [u8], strip_spaces: bool) -> Result<&'a [u8], Reject> {
    let colon = rest
        .iter()
        .position(|byte| *byte == b':' || matches!(byte, b'\r' | b'\n'));
    let (between, after) = rest
        .split_at_checked(colon.unwrap_or(rest.len()))
        .unwrap_or_default();
    let [b':', after @ ..] = after else {
        return Err(Reject::InvalidHeader);
    };
    let spaces = between.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    match (name.is_empty(), spaces) {
        (false, true) if strip_spaces => Ok(after),
        (false, true) => Err(Reject::SpaceBeforeColon),
        _ => Err(Reject::InvalidHeaderName),
    }
}

#[cfg(test)]
mod tests;
