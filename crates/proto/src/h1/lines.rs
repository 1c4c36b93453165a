//! Walks over a request head line by line, however its bytes arrive.
//!
//! A line is judged when its end is there, or as soon as it is too long: so the verdict does not
//! depend on how the bytes were cut, and bad lines are refused before the head is complete. Lines
//! that were judged are not looked at again until the head is whole; then it is read in one go.

use memchr::memchr;

use super::{field, request_line};
use crate::head::{Entry, RequestHead};
use crate::known::Known;
use crate::limits::{Limits, Policy};
use crate::reject::Reject;

/// How far the lines of an incomplete head were judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lines {
    /// Where the first line starts that was not judged.
    line: usize,
    /// Where the last field starts: folded lines count towards its size.
    field: usize,
    /// How far no line end was found.
    searched: usize,
    /// How many header lines were judged.
    count: usize,
}

/// Whether a head is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    Partial,
    /// The head is whole and has this many bytes.
    Whole(usize),
}

impl Lines {
    /// Reads on. When the head is whole, `head` holds its lines; until then it is scratch space.
    pub(super) fn read(
        &mut self,
        policy: &Policy,
        trusted: bool,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Progress, Reject> {
        let unsearched = input.get(self.searched..).unwrap_or_default();
        if self.searched > 0 && memchr(b'\n', unsearched).is_none() {
            return self.judge_end(policy, input, Reject::InvalidHeader);
        }
        let resumed = self.line > 0;
        let progress = self.walk(policy, trusted, input, head)?;
        if resumed && progress != Progress::Partial {
            *self = Self::default();
            return self.walk(policy, trusted, input, head);
        }
        Ok(progress)
    }

    /// Judges line after line, from the first one that was not judged yet.
    fn walk(
        &mut self,
        policy: &Policy,
        trusted: bool,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Progress, Reject> {
        head.clear();
        if self.line == 0 {
            match request_line::parse(input, &policy.permissions) {
                Ok((line, next)) if next <= policy.limits.request_line_with_end() => {
                    head.line = line;
                    self.line = next;
                }
                outcome => return self.judge_end(policy, input, fault(outcome)),
            }
        }
        let mut keeps = true;
        loop {
            let outcome = match input.get(self.line..).unwrap_or_default() {
                [b'\r', b'\n', ..] => return Ok(Progress::Whole(self.line + 2)),
                [b' ' | b'\t', ..] => self.folded_line(policy, input, keeps, head),
                _ => self.field_line(policy, trusted, input, &mut keeps, head),
            };
            match outcome {
                Ok(next) if next - self.field <= policy.limits.field_size_or_default() => {
                    self.line = next;
                }
                outcome => return self.judge_end(policy, input, fault(outcome)),
            }
            if self.count > policy.limits.fields_or_default() || self.line > Limits::HEAD_CAP {
                return Err(Reject::TooManyFields);
            }
        }
    }

    /// One header line; gives the start of the next one.
    #[inline]
    fn field_line(
        &mut self,
        policy: &Policy,
        trusted: bool,
        input: &[u8],
        keeps: &mut bool,
        head: &mut RequestHead,
    ) -> Result<usize, Reject> {
        self.field = self.line;
        let line = field::parse(input, self.line, policy.permissions.strip_header_spaces)?;
        self.count += 1;
        *keeps = !line.underscore || policy.forwarding.admits(line.name, trusted)?;
        if *keeps {
            let known = Known::of(line.name);
            head.push(Entry {
                name: line.name_span,
                value: line.value,
                known,
            });
        }
        Ok(line.next)
    }

    /// A line that goes on with the value of the line before it (RFC 9112, section 5.2).
    #[cold]
    fn folded_line(
        &mut self,
        policy: &Policy,
        input: &[u8],
        keeps: bool,
        head: &mut RequestHead,
    ) -> Result<usize, Reject> {
        // Directly after the request line it continues nothing (section 2.2).
        if !policy.permissions.obsolete_folding || self.count == 0 {
            return Err(Reject::ObsoleteFolding);
        }
        let (more, next) = field::parse_folded(input, self.line)?;
        if let (true, Some(entry)) = (keeps, head.entries.last_mut()) {
            entry.value = entry.value.to(more);
        }
        Ok(next)
    }

    /// The verdict over a line that is incomplete, too long, or wrong because of `fault`.
    #[cold]
    fn judge_end(
        &mut self,
        policy: &Policy,
        input: &[u8],
        fault: Reject,
    ) -> Result<Progress, Reject> {
        let line = input.get(self.line..).unwrap_or_default();
        let first = self.line == 0;
        let (limit, too_long) = if first {
            (
                policy.limits.request_line_with_end(),
                Reject::RequestLineTooLong,
            )
        } else {
            (policy.limits.field_size_or_default(), Reject::FieldTooLarge)
        };
        let folds = matches!(line, [b' ' | b'\t', ..]) && self.count > 0;
        let earlier = if folds { self.line - self.field } else { 0 };
        if judge(line, limit.saturating_sub(earlier), too_long, fault)? {
            self.searched = input.len();
        }
        Ok(Progress::Partial)
    }
}

/// Whether a line that could not be read is merely incomplete; if not, what is wrong with it.
/// Length comes first, then the line's end, then the fault that was found in it.
pub(super) fn judge(
    line: &[u8],
    limit: usize,
    too_long: Reject,
    fault: Reject,
) -> Result<bool, Reject> {
    let end = memchr(b'\n', line);
    if end.map_or(line.len(), |end| end + 1) > limit {
        return Err(too_long);
    }
    let Some(end) = end else {
        return Ok(true);
    };
    let Some([text @ .., b'\r']) = line.get(..end) else {
        return Err(Reject::BareLineFeed);
    };
    Err(if text.contains(&b'\r') {
        Reject::BareCarriageReturn
    } else {
        fault
    })
}

/// The fault of an outcome that was not accepted; what was read without one is too long.
fn fault<T>(outcome: Result<T, Reject>) -> Reject {
    outcome.err().unwrap_or(Reject::FieldTooLarge)
}

#[cfg(test)]
mod tests;
