//! Trailer lines behind the last chunk (RFC 9112, section 7.1.2): checked, counted and dropped.
//!
//! They are not merged into the head: nobody decided about the request with them in view.

use super::field;
use super::lines::judge;
use crate::known::Known;
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
        if is_forbidden(field.known, field.name(line)) {
            return Err(Reject::ForbiddenTrailer);
        }
        self.count += 1;
        if self.count as usize > policy.limits.fields_or_default() {
            return Err(Reject::TooManyFields);
        }
        Ok(field.len)
    }
}

/// RFC 9110, section 6.5.1: framing, routing, request modifiers, access, content format.
fn is_forbidden(known: Option<Known>, name: &[u8]) -> bool {
    known.is_some_and(|known| FORBIDDEN.contains(&known))
        || name.eq_ignore_ascii_case(b"set-cookie")
}

const FORBIDDEN: &[Known] = &[
    Known::Host,
    Known::Connection,
    Known::ContentLength,
    Known::ContentType,
    Known::TransferEncoding,
    Known::Expect,
    Known::Upgrade,
    Known::Authorization,
    Known::CacheControl,
    Known::ContentDisposition,
    Known::ContentEncoding,
    Known::ContentLanguage,
    Known::ContentRange,
    Known::Cookie,
    Known::Forwarded,
    Known::IfMatch,
    Known::IfModifiedSince,
    Known::IfNoneMatch,
    Known::IfRange,
    Known::IfUnmodifiedSince,
    Known::KeepAlive,
    Known::MaxForwards,
    Known::Pragma,
    Known::ProxyAuthorization,
    Known::ProxyConnection,
    Known::Range,
    Known::Te,
    Known::Trailer,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedPort,
    Known::XForwardedPrefix,
    Known::XForwardedProto,
    Known::XForwardedProtocol,
    Known::XForwardedSsl,
    Known::XRealIp,
];
