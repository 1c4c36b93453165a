//! Which methods are let through (RFC 9110, section 9.1).

use crate::known::KnownMethod;
use crate::limits::Permissions;
use crate::reject::Reject;

/// Judges a method that is a token; `None` is one that is not met every day.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "measured: HTTP/1 heads cost more where this is a call"
)]
pub(crate) fn recognise(
    method: &[u8],
    permissions: &Permissions,
) -> Result<Option<KnownMethod>, Reject> {
    match KnownMethod::of(method) {
        Some(known) => Ok(Some(known)),
        None => unusual(method, permissions),
    }
}

/// What gunicorn takes for a method: 3 to 20 characters of a token, neither lower case nor `#`.
/// The permissions open these rules one by one; that it is a token stays.
#[cold]
fn unusual(method: &[u8], permissions: &Permissions) -> Result<Option<KnownMethod>, Reject> {
    let fold = permissions.casefold_http_method;
    let odd = |byte: &u8| *byte == b'#' || (byte.is_ascii_lowercase() && !fold);
    let usual = (3..=20).contains(&method.len()) && !method.iter().any(odd);
    if method.is_empty() || !(usual || permissions.unconventional_http_method) {
        return Err(Reject::InvalidMethod);
    }
    let same = |known: &KnownMethod| fold && method.eq_ignore_ascii_case(known.name().as_bytes());
    Ok(KnownMethod::ALL.into_iter().find(same))
}
