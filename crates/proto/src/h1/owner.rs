//! What an application may put into a response head, and which fields are the server's.

use super::misuse::Misuse;
use crate::chars;

/// `NNN` or `NNN reason`, from 100 on.
pub(super) fn status_code(status: &[u8]) -> Result<u16, Misuse> {
    let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = status else {
        return Err(Misuse::InvalidStatus);
    };
    match rest {
        [] => {}
        [b' ', reason @ ..] if chars::field_text(reason) == reason.len() => {}
        _ => return Err(Misuse::InvalidStatus),
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Ok(100 * digit(a) + 10 * digit(b) + digit(c))
}

/// A name is a token, a value has no control characters (RFC 9110, sections 5.1 and 5.5).
pub(super) fn check_field(name: &[u8], value: &[u8]) -> Result<(), Misuse> {
    if !chars::is_token(name) {
        return Err(Misuse::InvalidFieldName);
    }
    if chars::field_text(value) != value.len() {
        return Err(Misuse::InvalidFieldValue);
    }
    Ok(())
}

/// Which side a response field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Handed on as it is.
    Application,
    /// Written by the server, or meaningful for one hop only (RFC 9110, section 7.6.1).
    Server,
    /// `Connection`: closes or upgrades.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Content-Length`.
    Length,
    /// `Strict-Transport-Security`: handed on as it is, in the place of the server's.
    Hsts,
}

impl Owner {
    #[inline]
    pub(super) fn of(name: &[u8]) -> Self {
        let is = |lower: &[u8]| chars::eq_lower(name, lower);
        match name.len() {
            2 if is(b"te") => Self::Server,
            4 if is(b"date") => Self::Server,
            6 if is(b"server") => Self::Server,
            7 if is(b"trailer") => Self::Server,
            7 if is(b"upgrade") => Self::Upgrade,
            8 if is(b"trailers") => Self::Server,
            10 if is(b"connection") => Self::Connection,
            10 if is(b"keep-alive") => Self::Server,
            14 if is(b"content-length") => Self::Length,
            16 if is(b"proxy-connection") => Self::Server,
            17 if is(b"transfer-encoding") => Self::Server,
            18 if is(b"proxy-authenticate") => Self::Server,
            19 if is(b"proxy-authorization") => Self::Server,
            25 if is(b"strict-transport-security") => Self::Hsts,
            _ => Self::Application,
        }
    }
}
