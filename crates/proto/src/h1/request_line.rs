//! The request line: method, target, version (RFC 9112, section 3).
//!
//! A line that is cut short is an error here too; `lines` finds out whether its end has come.

use crate::chars;
use crate::head::Version;
use crate::known::KnownMethod;
use crate::limits::Permissions;
use crate::parts::{RequestLine, Span};
use crate::reject::Reject;
use crate::semantics::{method, target};

/// Parses the line at the front of `input`: its parts, and how many bytes it took up.
#[inline]
pub(super) fn parse(
    input: &[u8],
    permissions: &Permissions,
) -> Result<(RequestLine, usize), Reject> {
    let (method_end, _) = chars::token(input);
    let (method, rest) = input.split_at_checked(method_end).unwrap_or_default();
    let [b' ', rest @ ..] = rest else {
        return Err(Reject::InvalidRequestLine);
    };
    let known_method = method::recognise(method, permissions)?;

    let target_start = method_end + 1;
    let (target, rest) = rest
        .split_at_checked(chars::visible(rest))
        .unwrap_or_default();
    let target_end = target_start + target.len();
    let [b' ', rest @ ..] = rest else {
        return Err(if rest.starts_with(b"\r") {
            Reject::InvalidRequestLine
        } else {
            Reject::InvalidTarget
        });
    };
    let target_span = Span::new(target_start, target_end);
    let parts = target::split(target, target_start, known_method, permissions)?;

    let (version, len) = version(rest, permissions)?;
    let protocol_start = target_end + 1;
    let line = RequestLine {
        method: Span::new(0, method_end),
        known_method,
        target: target_span,
        parts,
        protocol: Span::new(protocol_start, protocol_start + len),
        version,
    };
    Ok((line, protocol_start + len + 2))
}

/// The method that a line begins with, whatever follows it.
#[cold]
pub(super) fn known_method(input: &[u8], permissions: &Permissions) -> Option<KnownMethod> {
    let (method, rest) = input.split_at_checked(chars::token(input).0)?;
    let named = rest.starts_with(b" ");
    let known = method::recognise(method, permissions).ok().flatten();
    known.filter(|_| named)
}

/// The version at the front of `rest`, which the line's CRLF must follow, and its length.
#[inline]
fn version(rest: &[u8], permissions: &Permissions) -> Result<(Version, usize), Reject> {
    match rest.first_chunk::<10>() {
        Some(b"HTTP/1.1\r\n") => Ok((Version::Http11, 8)),
        Some(b"HTTP/1.0\r\n") => Ok((Version::Http10, 8)),
        _ => unusual_version(rest, permissions),
    }
}

/// A higher minor version is HTTP/1.1 to a server that knows no higher one (RFC 9110, section 2.5).
#[cold]
fn unusual_version(rest: &[u8], permissions: &Permissions) -> Result<(Version, usize), Reject> {
    let text = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match rest.first_chunk() {
        Some(
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                major,
                b'.',
                minor,
                b'\r',
                b'\n',
            ],
        ) if (*major == b'1' || permissions.unconventional_http_version)
            && major.is_ascii_digit()
            && minor.is_ascii_digit() =>
        {
            let old = (*major, *minor) < (b'1', b'1');
            Ok((
                if old {
                    Version::Http10
                } else {
                    Version::Http11
                },
                8,
            ))
        }
        _ if text.contains(&b' ') => Err(Reject::InvalidRequestLine),
        _ => Err(Reject::InvalidVersion),
    }
}
