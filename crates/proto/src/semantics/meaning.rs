//! What the fields of a request head say about the message and its connection.
//!
//! The only place where Host, Connection, Upgrade, Expect and the framing fields are understood
//! (RFC 9110, sections 7 and 10.1; RFC 9112, sections 3.2, 6 and 9). Lines were checked before.

use super::framing::{self, Coding};
use crate::chars::{self, trim};
use crate::head::{RequestHead, Sender, Version};
use crate::host;
use crate::known::{Known, KnownMethod};
use crate::limits::Policy;
use crate::parts::{Announced, Meaning};
use crate::reject::Reject;

/// Understands a head whose fields were read. One function for all versions: where the compiler
/// makes two of it, its parts are no longer inlined, and each head costs more instructions.
#[inline(never)]
pub(crate) fn understand(
    head: &mut RequestHead,
    policy: &Policy,
    sender: Sender,
) -> Result<(), Reject> {
    check_host(head, policy, sender)?;
    let said = if head.seen & SPECIAL == 0 {
        Said::default()
    } else {
        Said::by(head)?
    };
    let body = framing::request(head.version(), said.coding, said.length)?;
    match (body, policy.limits.body) {
        (Announced::Length(length), Some(limit)) if length > limit => {
            return Err(Reject::ContentTooLarge);
        }
        _ => {}
    }
    let came = policy.forwarding.of(head, sender.trusted)?;

    let modern = head.version() >= Version::Http11;
    // RFC 9110, section 7.8: Upgrade on HTTP/1.0 is ignored; section 10.1.1: so is 100-continue.
    let upgrade = (modern && said.upgrade && said.wants_upgrade)
        || head.known_method() == Some(KnownMethod::Connect);
    head.meaning = Meaning {
        body,
        keep_alive: (modern || said.keep_alive) && !said.close && !upgrade,
        expect_continue: modern
            && said.expects
            && !matches!(body, Announced::Nothing | Announced::Length(0)),
        upgrade,
        records: false,
        came,
        protocol: None,
    };
    Ok(())
}

/// Fields that are understood here, Host excepted.
const SPECIAL: u128 = Known::Connection.bit()
    | Known::ContentLength.bit()
    | Known::ContentType.bit()
    | Known::TransferEncoding.bit()
    | Known::Expect.bit()
    | Known::Upgrade.bit();

/// RFC 9112, section 3.2: exactly one Host on HTTP/1.1, valid wherever it occurs; on unix sockets,
/// which have no authority of their own, harmless.
#[inline]
fn check_host(head: &RequestHead, policy: &Policy, sender: Sender) -> Result<(), Reject> {
    if head.repeats(Known::Host) {
        return Err(Reject::RepeatedHost);
    }
    match head.get(Known::Host) {
        Some(value) if host::is_host_value(value) => Ok(()),
        Some(value) if sender.local && host::is_harmless(value) => Ok(()),
        Some(_) => Err(Reject::InvalidHost),
        None if head.version() == Version::Http10 || policy.permissions.missing_host => Ok(()),
        None => Err(Reject::MissingHost),
    }
}

/// What the fields say, before it is known what follows from it.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent option that was seen"
)]
struct Said {
    coding: Option<Coding>,
    length: Option<u64>,
    close: bool,
    keep_alive: bool,
    wants_upgrade: bool,
    upgrade: bool,
    expects: bool,
}

impl Said {
    fn by(head: &RequestHead) -> Result<Self, Reject> {
        if head.repeats(Known::ContentLength) {
            return Err(Reject::RepeatedContentLength);
        }
        if head.repeats(Known::ContentType) {
            return Err(Reject::RepeatedContentType);
        }
        let mut said = Self::default();
        for entry in &head.entries {
            // The known names with a meaning come first.
            if let Some(known) = entry.known.filter(|known| *known <= Known::Upgrade) {
                said.hear(known, entry.value.of(&head.bytes))?;
            }
        }
        Ok(said)
    }

    fn hear(&mut self, known: Known, value: &[u8]) -> Result<(), Reject> {
        match known {
            Known::Connection => self.connection(value),
            Known::ContentLength => {
                self.length = Some(chars::decimal(value).ok_or(Reject::InvalidContentLength)?);
            }
            Known::TransferEncoding => {
                let mut coding = self.coding.unwrap_or_default();
                for element in value.split(|byte| *byte == b',') {
                    coding = coding.then(trim(element));
                }
                self.coding = Some(coding);
            }
            Known::Expect => {
                let met = |element| trim(element).eq_ignore_ascii_case(b"100-continue");
                if !value.split(|byte| *byte == b',').all(met) {
                    return Err(Reject::UnsupportedExpectation);
                }
                self.expects = true;
            }
            Known::Upgrade => self.upgrade |= !value.is_empty(),
            _ => {}
        }
        Ok(())
    }

    /// Options in any case, anywhere in the list, in any of several lines.
    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(trim) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.wants_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}
