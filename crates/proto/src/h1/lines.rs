//! Walks over a request head line by line, however its bytes arrive.
//!
//! A line is judged when its end is there, or as soon as it is too long: so the verdict does not
//! depend on how the bytes were cut, and bad lines are refused before the head is complete. Lines
//! that were judged are not looked at again until the head is whole; then it is read in one go.

use memchr::memchr;

use super::{field, request_line};
use crate::head::RequestHead;
use crate::limits::{Limits, Policy};
use crate::parts::{Entry, Span};
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

/// What is read, and under which rules.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) policy: &'a Policy,
    /// The peer is in `forwarded_allow_ips`.
    pub(super) trusted: bool,
    /// From the first byte of the head on.
    pub(super) input: &'a [u8],
}

impl Lines {
    /// Reads on. When the head is whole, `head` holds its lines; until then it is scratch space.
    pub(super) fn read(
        &mut self,
        reading: Reading<'_>,
        head: &mut RequestHead,
    ) -> Result<Progress, Reject> {
        let unsearched = reading.input.get(self.searched..).unwrap_or_default();
        if self.searched > 0 && memchr(b'\n', unsearched).is_none() {
            return self.judge(reading, Reject::InvalidHeader);
        }
        let resumed = self.line > 0;
        let progress = self.walk(reading, head)?;
        if resumed && progress != Progress::Partial {
            *self = Self::default();
            return self.walk(reading, head);
        }
        Ok(progress)
    }

    /// Judges line after line, from the first one that was not judged yet.
    fn walk(&mut self, reading: Reading<'_>, head: &mut RequestHead) -> Result<Progress, Reject> {
        let Reading {
            policy,
            trusted,
            input,
        } = reading;
        let max_size = policy.limits.field_size_or_default();
        let max_count = policy.limits.fields_or_default();
        let mut at = *self;
        let mut keeps = true;
        head.clear();
        if at.line == 0 {
            match request_line::parse(input, &policy.permissions) {
                Ok((line, next)) if next <= policy.limits.request_line_with_end() => {
                    head.line = line;
                    at.line = next;
                }
                outcome => return self.stop(at, reading, outcome),
            }
        }
        loop {
            let rest = input.get(at.line..).unwrap_or_default();
            match rest {
                [b'\r', b'\n', ..] => return Ok(Progress::Whole(at.line + 2)),
                [b' ' | b'\t', ..] => match at.folded_line(reading, keeps, head) {
                    Ok(len) if at.line + len - at.field <= max_size => at.line += len,
                    outcome => return self.stop(at, reading, outcome),
                },
                _ => match field::parse(rest, policy.permissions.strip_header_spaces) {
                    Ok(line) if line.len <= max_size => {
                        if line.underscore {
                            keeps = policy.forwarding.admits(line.name(rest), trusted)?;
                        } else {
                            keeps = true;
                        }
                        if keeps {
                            head.push(at.entry(&line));
                        }
                        at.field = at.line;
                        at.line += line.len;
                        at.count += 1;
                    }
                    outcome => return self.stop(at, reading, outcome),
                },
            }
            if at.count > max_count || at.line > Limits::HEAD_CAP {
                return Err(Reject::TooManyFields);
            }
        }
    }

    fn entry(&self, line: &field::FieldLine) -> Entry {
        Entry {
            name: Span::new(self.line, self.line + line.name_len),
            value: Span::new(self.line + line.value_start, self.line + line.value_end),
            known: line.known,
        }
    }

    /// A line that goes on with the value of the line before it (RFC 9112, section 5.2).
    #[cold]
    fn folded_line(
        self,
        reading: Reading<'_>,
        keeps: bool,
        head: &mut RequestHead,
    ) -> Result<usize, Reject> {
        // Directly after the request line it continues nothing (section 2.2).
        if !reading.policy.permissions.obsolete_folding || self.count == 0 {
            return Err(Reject::ObsoleteFolding);
        }
        let line = reading.input.get(self.line..).unwrap_or_default();
        let (start, end, len) = field::text(line, 0)?;
        if let (true, Some(entry)) = (keeps, head.entries.last_mut()) {
            entry.value = entry
                .value
                .to(Span::new(self.line + start, self.line + end));
        }
        Ok(len)
    }

    /// Stays at a line that could not be read.
    #[cold]
    fn stop<T>(
        &mut self,
        at: Self,
        reading: Reading<'_>,
        outcome: Result<T, Reject>,
    ) -> Result<Progress, Reject> {
        *self = at;
        // What was read without a fault is too long.
        self.judge(reading, outcome.err().unwrap_or(Reject::FieldTooLarge))
    }

    /// The verdict over a line that is incomplete, too long, or wrong because of `fault`.
    fn judge(&mut self, reading: Reading<'_>, fault: Reject) -> Result<Progress, Reject> {
        let limits = &reading.policy.limits;
        let line = reading.input.get(self.line..).unwrap_or_default();
        let folds = matches!(line, [b' ' | b'\t', ..]) && self.count > 0;
        let (limit, too_long) = if self.line == 0 {
            (limits.request_line_with_end(), Reject::RequestLineTooLong)
        } else if folds {
            let before = self.line - self.field;
            (
                limits.field_size_or_default().saturating_sub(before),
                Reject::FieldTooLarge,
            )
        } else {
            (limits.field_size_or_default(), Reject::FieldTooLarge)
        };
        judge(line, limit, too_long, fault)?;
        self.searched = reading.input.len();
        Ok(Progress::Partial)
    }
}

/// Lets pass a line that is merely incomplete. For any other that could not be read, says what is
/// wrong: length comes first, then the line's end, then the fault that was found in it.
pub(super) fn judge(
    line: &[u8],
    limit: usize,
    too_long: Reject,
    fault: Reject,
) -> Result<(), Reject> {
    let end = memchr(b'\n', line);
    if end.map_or(line.len(), |end| end + 1) > limit {
        return Err(too_long);
    }
    let Some(end) = end else {
        return Ok(());
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

#[cfg(test)]
mod tests;
