//! The four forms of a request target (RFC 9112, section 3.2), chosen by target and method.

use memchr::{memchr, memchr2};

use crate::host;
use crate::known::KnownMethod;
use crate::limits::Permissions;
use crate::parts::{Path, Span, Target};
use crate::reject::Reject;

/// Splits a target of visible ASCII that starts at byte `start` of the head.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "measured: HTTP/1 heads cost more where this is a call"
)]
pub(crate) fn split(
    target: &[u8],
    start: usize,
    method: Option<KnownMethod>,
    permissions: &Permissions,
) -> Result<Target, Reject> {
    match (target, method) {
        (_, Some(KnownMethod::Connect)) if !permissions.connect => Err(Reject::ConnectNotPermitted),
        (_, Some(KnownMethod::Connect)) => authority_form(target, start),
        ([b'/', ..], _) => Ok(origin_form(target, start)),
        (b"*", Some(KnownMethod::Options)) => Ok(asterisk_form(start)),
        _ => absolute_form(target, start, method),
    }
}

/// `/path?query`. A fragment is no part of a request, but some clients send it: it is cut off.
#[inline]
fn origin_form(target: &[u8], start: usize) -> Target {
    // One byte is a slash: most requests are for the root.
    let mark = if target.len() > 1 {
        memchr2(b'?', b'#', target)
    } else {
        None
    };
    let path_end = mark.unwrap_or(target.len());
    let query = mark.map_or(Span::default(), |mark| query_after(target, mark, start));
    Target {
        path: Path::Sent(Span::new(start, start + path_end)),
        query,
        ..Target::default()
    }
}

/// What stands between a `?` at `mark` and a fragment.
fn query_after(target: &[u8], mark: usize, start: usize) -> Span {
    match target.get(mark..) {
        Some([b'?', rest @ ..]) => {
            let len = memchr(b'#', rest).unwrap_or(rest.len());
            Span::new(start + mark + 1, start + mark + 1 + len)
        }
        _ => Span::default(),
    }
}

/// `*`: the server as a whole.
fn asterisk_form(start: usize) -> Target {
    Target {
        path: Path::Sent(Span::new(start, start + 1)),
        ..Target::default()
    }
}

/// `host:port`.
#[cold]
fn authority_form(target: &[u8], start: usize) -> Result<Target, Reject> {
    if !host::is_authority_with_port(target) {
        return Err(Reject::InvalidTarget);
    }
    Ok(Target {
        authority: Some(Span::new(start, start + target.len())),
        ..Target::default()
    })
}

/// `scheme://authority/path?query`. An absent path is `/`, or `*` for OPTIONS (section 3.2.4).
#[cold]
fn absolute_form(
    target: &[u8],
    start: usize,
    method: Option<KnownMethod>,
) -> Result<Target, Reject> {
    let colon = memchr(b':', target).ok_or(Reject::InvalidTarget)?;
    let (scheme, rest) = target
        .split_at_checked(colon)
        .ok_or(Reject::InvalidTarget)?;
    let rest = rest.strip_prefix(b"://").ok_or(Reject::InvalidTarget)?;
    let ends = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
    let (authority, rest) = rest
        .split_at_checked(rest.iter().position(ends).unwrap_or(rest.len()))
        .unwrap_or_default();
    if !is_scheme(scheme) || !host::is_authority(authority) {
        return Err(Reject::InvalidTarget);
    }
    let authority_start = start + colon + 3;
    let rest_start = authority_start + authority.len();
    let mut parts = origin_form(rest, rest_start);
    if let [] | [b'#', ..] = rest {
        let server = method == Some(KnownMethod::Options);
        parts.path = Path::Implied(if server { "*" } else { "/" });
    } else if let [b'?', ..] = rest {
        parts = Target {
            path: Path::Implied("/"),
            query: query_after(rest, 0, rest_start),
            ..Target::default()
        };
    }
    parts.authority = Some(Span::new(authority_start, rest_start));
    Ok(parts)
}

/// RFC 3986, section 3.1.
pub(crate) fn is_scheme(scheme: &[u8]) -> bool {
    let rest = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    matches!(scheme, [first, others @ ..] if first.is_ascii_alphabetic() && others.iter().all(rest))
}
