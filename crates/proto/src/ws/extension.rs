//! Extensions that a client offers (RFC 6455, section 9.1), and what comes of permessage-deflate
//! (RFC 7692, section 7.1): the first offer that can be kept to is accepted.

use std::borrow::Cow;

use crate::chars;

/// The largest window of DEFLATE, 32 KiB: what holds when nothing is said.
pub(super) const MAX_BITS: u8 = 15;
/// The smallest one that a parameter may name.
const MIN_BITS: u8 = 8;
/// The smallest one that can be compressed for: zlib has none of 256 bytes.
pub(super) const MIN_OWN_BITS: u8 = 9;

/// What the server wants of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Window of both directions, as the logarithm of its size; 9 to 15. That of the client is larger
    /// where it does not let it be named.
    pub window_bits: u8,
    /// Messages may refer to those before them: better compression, for a window of memory in each
    /// direction and connection.
    pub context_takeover: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            window_bits: 12,
            context_takeover: true,
        }
    }
}

/// How one side compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its window, as the logarithm of its size.
    pub window_bits: u8,
    /// Its messages may refer to those before them.
    pub takeover: bool,
}

/// What was agreed on for permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How the server compresses.
    pub server: Context,
    /// How the client does.
    pub client: Context,
    /// The client asks for the server's window to be named.
    names_server_bits: bool,
    /// The client lets its window be named.
    names_client_bits: bool,
}

/// The value is not a list of extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotExtensions;

/// Reads all lines of Sec-WebSocket-Extensions and answers the offers for permessage-deflate.
pub(super) fn negotiate<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    wanted: Option<Compression>,
) -> Result<Option<Agreed>, NotExtensions> {
    let mut agreed = None;
    for line in lines {
        let mut cursor = Cursor(line);
        while cursor.next_element() {
            let offer = cursor.extension()?;
            if let (Some(offer), Some(wanted)) = (offer, wanted) {
                agreed = agreed.or_else(|| offer.accept(wanted));
            }
        }
    }
    Ok(agreed)
}

impl Agreed {
    /// The value of Sec-WebSocket-Extensions in the response.
    pub(super) fn value(self) -> Vec<u8> {
        let mut value = b"permessage-deflate".to_vec();
        if !self.server.takeover {
            value.extend_from_slice(b"; server_no_context_takeover");
        }
        if !self.client.takeover {
            value.extend_from_slice(b"; client_no_context_takeover");
        }
        let bits = [
            (self.names_server_bits, "server", self.server.window_bits),
            (self.names_client_bits, "client", self.client.window_bits),
        ];
        for (_, side, bits) in bits.into_iter().filter(|(named, _, _)| *named) {
            value.extend_from_slice(format!("; {side}_max_window_bits={bits}").as_bytes());
        }
        value
    }
}

/// The parameters of one offer.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    /// A parameter is unknown, repeated, or has a value that it must not have.
    invalid: bool,
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// Without a value the parameter says that it is understood: then this is the largest window.
    client_bits: Option<u8>,
}

impl Offer {
    /// Section 7.1: a parameter that is not understood, or that occurs twice, declines the offer.
    fn parameter(&mut self, name: &[u8], value: Option<&[u8]>) {
        let bits = value.and_then(window_bits);
        self.invalid |= match name {
            b"server_no_context_takeover" => {
                core::mem::replace(&mut self.server_no_takeover, true) || value.is_some()
            }
            b"client_no_context_takeover" => {
                core::mem::replace(&mut self.client_no_takeover, true) || value.is_some()
            }
            b"server_max_window_bits" => {
                core::mem::replace(&mut self.server_bits, bits).is_some() || bits.is_none()
            }
            b"client_max_window_bits" => {
                let invalid = value.is_some() && bits.is_none();
                self.client_bits.replace(bits.unwrap_or(MAX_BITS)).is_some() || invalid
            }
            _ => true,
        };
    }

    fn accept(self, wanted: Compression) -> Option<Agreed> {
        let own = wanted.window_bits.clamp(MIN_OWN_BITS, MAX_BITS);
        let asked = self.server_bits.unwrap_or(MAX_BITS);
        if self.invalid || asked < MIN_OWN_BITS {
            return None;
        }
        // A client that does not offer the parameter does not understand it (section 7.1.2.2).
        let client_bits = match self.client_bits {
            None => MAX_BITS,
            Some(bits) => own.min(bits),
        };
        Some(Agreed {
            server: Context {
                window_bits: own.min(asked),
                takeover: wanted.context_takeover && !self.server_no_takeover,
            },
            client: Context {
                window_bits: client_bits,
                takeover: wanted.context_takeover && !self.client_no_takeover,
            },
            names_server_bits: self.server_bits.is_some(),
            names_client_bits: self.client_bits.is_some(),
        })
    }
}

/// 8 to 15, without leading zeros (section 7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    let bits = match value {
        [ones @ b'8'..=b'9'] => ones - b'0',
        [b'1', ones @ b'0'..=b'5'] => 10 + ones - b'0',
        _ => return None,
    };
    debug_assert!((MIN_BITS..=MAX_BITS).contains(&bits));
    Some(bits)
}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Goes to the next element of the list, if there is one. Empty ones do not count (RFC 9110,
    /// section 5.6.1.2).
    fn next_element(&mut self) -> bool {
        while self.eat(b',') {}
        !self.0.is_empty()
    }

    /// extension = token *( ";" token [ "=" ( token / quoted-string ) ] ). An offer, if it is
    /// permessage-deflate.
    fn extension(&mut self) -> Result<Option<Offer>, NotExtensions> {
        let name = self.token()?;
        let mut offer = Offer::default();
        while self.eat(b';') {
            let parameter = self.token()?;
            let value = if self.eat(b'=') {
                Some(self.value()?)
            } else {
                None
            };
            offer.parameter(parameter, value.as_deref());
        }
        self.0 = chars::trim_start(self.0);
        if !matches!(self.0, [] | [b',', ..]) {
            return Err(NotExtensions);
        }
        let ours = name.eq_ignore_ascii_case(b"permessage-deflate");
        Ok(ours.then_some(offer))
    }

    /// Whether this byte stands next, behind white space; then it is passed.
    fn eat(&mut self, byte: u8) -> bool {
        self.0 = chars::trim_start(self.0);
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> Result<&'a [u8], NotExtensions> {
        self.0 = chars::trim_start(self.0);
        let (len, _) = chars::token(self.0);
        let (token, rest) = self.0.split_at_checked(len).unwrap_or_default();
        self.0 = rest;
        if token.is_empty() {
            return Err(NotExtensions);
        }
        Ok(token)
    }

    /// A token, or a quoted string that holds one.
    fn value(&mut self) -> Result<Cow<'a, [u8]>, NotExtensions> {
        if !self.eat(b'"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = Vec::new();
        loop {
            let byte = match self.0 {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    break;
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    self.0 = rest;
                    *byte
                }
                [] => return Err(NotExtensions),
            };
            value.push(byte);
        }
        if chars::is_token(&value) {
            Ok(Cow::Owned(value))
        } else {
            Err(NotExtensions)
        }
    }
}

#[cfg(test)]
mod tests;
