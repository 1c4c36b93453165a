//! Trailer lines behind the last chunk (RFC 9112, section 7.1.2): checked, counted and dropped.
//!
//! They are not merged into the head, so those that may not be trailers (RFC 9110, section 6.5.1) do
//! no harm.

use super::field;
use super::lines::judge;
use crate::limits::Policy;
use crate::reject::Reject;

/// How far the trailers of a body were read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trailers {
    count: u32,
    /// How far no line end was found in what was not consumed.
    searched: u32,
}

/// What was read, up to this byte of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailed {
    /// The last line is incomplete.
    Partial(usize),
    /// The empty line was found.
    Done(usize),
}

impl Trailers {
    /// Reads all lines that are there.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a line is shorter than its limit"
    )]
    pub(super) fn read(&mut self, policy: &Policy, input: &[u8]) -> Result<Trailed, Reject> {
        let unsearched = input.get(self.searched as usize..).unwrap_or_default();
        let has_line = memchr::memchr(b'\n', unsearched).is_some();
        let limit = policy.limits.field_size_or_default();
        let mut at = 0;
        loop {
            let line = input.get(at..).unwrap_or_default();
            if line.starts_with(b"\r\n") {
                return Ok(Trailed::Done(at + 2));
            }
            let outcome = if has_line {
                self.line(policy, line)
            } else {
                Ok(usize::MAX)
            };
            match outcome {
                Ok(len) if len <= limit => at += len,
                outcome => {
                    let fault = outcome.err().unwrap_or(Reject::FieldTooLarge);
                    judge(line, limit, Reject::FieldTooLarge, fault)?;
                    self.searched = line.len() as u32;
                    return Ok(Trailed::Partial(at));
                }
            }
        }
    }

    /// One line; gives its length.
    fn line(&mut self, policy: &Policy, line: &[u8]) -> Result<usize, Reject> {
        if let [b' ' | b'\t', ..] = line {
            return Err(Reject::ObsoleteFolding);
        }
        let field = field::parse(line, false)?;
        self.count += 1;
        if self.count as usize > policy.limits.fields_or_default() {
            return Err(Reject::TooManyFields);
        }
        Ok(field.len)
    }
}
