//! What a close frame says: a code and a reason, or nothing (RFC 6455, sections 5.5.1 and 7.4).

use core::str::from_utf8;

use super::misuse::Misuse;
use super::reject::Reject;

/// The end was wanted (section 7.4.1).
pub const NORMAL: u16 = 1000;
/// The server stops.
pub const GOING_AWAY: u16 = 1001;
/// The peer's close frame has no code; never sent.
pub const NO_CODE: u16 = 1005;
/// The connection ended without a close frame; never sent.
pub const ABNORMAL: u16 = 1006;
/// The server failed.
pub const INTERNAL_ERROR: u16 = 1011;
/// The server comes again at once (the IANA registry of close codes).
pub const SERVICE_RESTART: u16 = 1012;

/// The longest payload of a control frame (section 5.5).
pub(super) const MAX_CONTROL: usize = 125;
/// The code takes two bytes of it.
const MAX_REASON: usize = MAX_CONTROL - 2;

/// Whether a close frame may hold this code: those of the protocol that are in the registry and not
/// reserved for what is never sent, those of libraries, and those of applications (section 7.4.2).
pub const fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The code of a close frame; what is behind its two bytes is the reason.
pub(super) fn read(payload: &[u8]) -> Result<u16, Reject> {
    match payload {
        [] => Ok(NO_CODE),
        [_] => Err(Reject::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !is_sendable(code) {
                return Err(Reject::InvalidCloseCode);
            }
            from_utf8(reason).map_err(|_| Reject::InvalidCloseReason)?;
            Ok(code)
        }
    }
}

/// Whether a close frame can say this.
pub fn check(code: Option<u16>, reason: &str) -> Result<(), Misuse> {
    match code {
        None if reason.is_empty() => Ok(()),
        None => Err(Misuse::ReasonWithoutCode),
        Some(code) if !is_sendable(code) => Err(Misuse::InvalidCloseCode),
        Some(_) if reason.len() > MAX_REASON => Err(Misuse::ReasonTooLong),
        Some(_) => Ok(()),
    }
}

/// Appends the payload of a close frame.
pub(super) fn push(out: &mut Vec<u8>, code: Option<u16>, reason: &str) -> Result<(), Misuse> {
    check(code, reason)?;
    if let Some(code) = code {
        out.extend_from_slice(&code.to_be_bytes());
        out.extend_from_slice(reason.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
