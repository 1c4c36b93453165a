//! The grammar of `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2).

use core::net::Ipv6Addr;
use core::str;

use crate::chars;

/// Whether a Host value is one: empty (a target without authority), or a host with an optional port.
pub(crate) fn is_host_value(value: &[u8]) -> bool {
    value.is_empty() || split(value).is_some()
}

/// Whether a Host value that is no host can do no harm on a unix socket, where no name was looked
/// up: clients send the path of the socket there, or an address with its zone. White space, a list
/// or user information are never harmless.
#[cold]
pub(crate) fn is_harmless(value: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%:/[]".contains(byte);
    value.iter().all(part)
}

/// Whether this can be the authority of an http URI: the host must not be empty, and user
/// information has no place in a request (RFC 9110, sections 4.2.1 and 4.2.4).
pub(crate) fn is_authority(value: &[u8]) -> bool {
    split(value).is_some()
}

/// Whether this is the `host:port` of CONNECT.
pub(crate) fn is_authority_with_port(value: &[u8]) -> bool {
    split(value).is_some_and(|port| !port.is_empty())
}

/// The host of an authority, without its port.
pub(crate) fn name(value: &[u8]) -> Option<&[u8]> {
    let port = split(value)?;
    let name = value.get(..value.len() - port.len())?;
    Some(name.strip_suffix(b":").unwrap_or(name))
}

/// The port of a valid, non-empty host; empty if it has none.
fn split(value: &[u8]) -> Option<&[u8]> {
    let rest = match value {
        [b'[', literal @ ..] => {
            let end = literal.iter().position(|byte| *byte == b']')?;
            let (address, rest) = literal.split_at_checked(end)?;
            str::from_utf8(address).ok()?.parse::<Ipv6Addr>().ok()?;
            rest.get(1..)?
        }
        _ => value.get(registered_name(value)?..)?,
    };
    match rest {
        [] => Some(rest),
        [b':', port @ ..] if is_port(port) => Some(port),
        _ => None,
    }
}

/// The length of the registered name (or IPv4 address) at the front; it must not be empty.
fn registered_name(value: &[u8]) -> Option<usize> {
    let (len, escapes) = chars::reg_name(value);
    (len > 0 && (!escapes || is_well_escaped(value.get(..len)?))).then_some(len)
}

/// Behind each `%` stand two hexadecimal digits.
#[cold]
fn is_well_escaped(name: &[u8]) -> bool {
    let digits = |after: &[u8]| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    name.split(|byte| *byte == b'%').skip(1).all(digits)
}

/// RFC 3986 has any number of digits; TCP has sixteen bits.
fn is_port(port: &[u8]) -> bool {
    let next = |number: u32, digit: &u8| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u32::from(digit - b'0'))
    };
    port.len() <= 5
        && port
            .iter()
            .try_fold(0, next)
            .is_some_and(|port| port <= 0xffff)
}

#[cfg(test)]
mod tests;
