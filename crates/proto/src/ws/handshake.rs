//! The opening handshake (RFC 6455, section 4.2; RFC 8441, section 5, over HTTP/2): judges the
//! request, writes the response that accepts it.

use super::extension::{self, Agreed, Compression};
use super::misuse::Misuse;
use super::reject::HandshakeReject;
use crate::chars;
use crate::h1::ResponseDraft;
use crate::head::{RequestHead, Version};
use crate::known::{Known, KnownMethod};

/// What the key is hashed with (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The version of the protocol.
const VERSION: &[u8] = b"13";

/// A valid request to go on with WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    head: &'a RequestHead,
    /// Over HTTP/2 there is none: no cache and no HTTP/1 server could take its frames for others.
    key: Option<&'a [u8]>,
    deflate: Option<Agreed>,
}

impl<'a> Handshake<'a> {
    /// Judges a request. `wanted` is what the server wants of permessage-deflate; `None`: messages
    /// are not compressed.
    pub fn of(head: &'a RequestHead, wanted: Option<Compression>) -> Result<Self, HandshakeReject> {
        let extended = is_extended_connect(head);
        if !extended {
            asks_to_upgrade(head)?;
        }
        // What the stream of extended CONNECT carries are frames, of which no length is known.
        if head.has_body() && !(extended && head.length_unknown()) {
            return Err(HandshakeReject::Body);
        }
        if head.repeats(Known::SecWebsocketVersion) {
            return Err(HandshakeReject::RepeatedVersion);
        }
        if head.get(Known::SecWebsocketVersion) != Some(VERSION) {
            return Err(HandshakeReject::UnsupportedVersion);
        }
        let key = if extended { None } else { Some(key(head)?) };
        check_subprotocols(head)?;
        let lines = head.fields_named(b"sec-websocket-extensions");
        let deflate = extension::negotiate(lines.map(|field| field.value), wanted)
            .map_err(|_| HandshakeReject::InvalidExtensions)?;
        Ok(Self { head, key, deflate })
    }

    /// The subprotocols that the client offers, the preferred one first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a [u8]> {
        elements(self.head, b"sec-websocket-protocol")
    }

    /// What is agreed on for permessage-deflate, once the request is accepted.
    pub fn deflate(&self) -> Option<Agreed> {
        self.deflate
    }

    /// The value of Sec-WebSocket-Accept (section 4.2.2); none over HTTP/2.
    pub fn accept_value(&self) -> Option<[u8; 28]> {
        let mut hash = sha1_smol::Sha1::new();
        hash.update(self.key?);
        hash.update(GUID);
        Some(base64(&hash.digest().bytes()))
    }

    /// The status line of the response that accepts: 101, over HTTP/2 200.
    pub fn status(&self) -> &'static str {
        match self.key {
            Some(_) => "101 Switching Protocols",
            None => "200 OK",
        }
    }

    /// Writes the head of the response that accepts, with the chosen subprotocol if there is one.
    /// Fields of the application may follow.
    pub fn accept(
        &self,
        subprotocol: Option<&[u8]>,
        draft: &mut ResponseDraft,
    ) -> Result<(), Misuse> {
        let offered = |chosen| self.subprotocols().any(|each| each == chosen);
        if !subprotocol.is_none_or(offered) {
            return Err(Misuse::SubprotocolNotOffered);
        }
        draft.start(self.status().as_bytes())?;
        if let Some(value) = self.accept_value() {
            draft.field(b"Upgrade", b"websocket")?;
            draft.field(b"Sec-WebSocket-Accept", &value)?;
        }
        if let Some(chosen) = subprotocol {
            draft.field(b"Sec-WebSocket-Protocol", chosen)?;
        }
        if let Some(agreed) = self.deflate {
            draft.field(b"Sec-WebSocket-Extensions", &agreed.value())?;
        }
        Ok(())
    }
}

/// Whether a request asks for WebSocket over HTTP/2 (RFC 8441, section 5).
pub fn is_extended_connect(head: &RequestHead) -> bool {
    let protocol = head.connect_protocol();
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// The part of the handshake that only HTTP/1 has.
fn asks_to_upgrade(head: &RequestHead) -> Result<(), HandshakeReject> {
    if head.known_method() != Some(KnownMethod::Get) {
        return Err(HandshakeReject::NotGet);
    }
    if head.version() == Version::Http10 {
        return Err(HandshakeReject::OldVersion);
    }
    let mut upgrades = elements(head, b"upgrade");
    if !head.upgrade() || !upgrades.any(|each| each.eq_ignore_ascii_case(b"websocket")) {
        return Err(HandshakeReject::NoUpgrade);
    }
    Ok(())
}

impl HandshakeReject {
    /// Status code and reason of the answer to this request. 426 asks for Upgrade, which HTTP/2 does
    /// not have.
    pub fn answer(self, head: &RequestHead) -> (u16, &'static str) {
        match self.status() {
            426 if is_extended_connect(head) => (400, "Bad Request"),
            status => (status, self.reason()),
        }
    }

    /// What the response has to say beside its status: which version is served (RFC 6455, section
    /// 4.4), and what is to be upgraded to (RFC 9110, section 15.5.22).
    pub const fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self.status() {
            426 => &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
            _ => &[],
        }
    }
}

/// 16 bytes in base64 are 22 characters and two that fill up (section 4.1). Bits that the last
/// character has too many are not looked at: the key is hashed as it stands.
fn key(head: &RequestHead) -> Result<&[u8], HandshakeReject> {
    if head.repeats(Known::SecWebsocketKey) {
        return Err(HandshakeReject::RepeatedKey);
    }
    let key = head.get(Known::SecWebsocketKey);
    let key = key.ok_or(HandshakeReject::MissingKey)?;
    match key {
        [text @ .., b'=', b'='] if text.len() == 22 && text.iter().copied().all(is_base64) => {
            Ok(key)
        }
        _ => Err(HandshakeReject::InvalidKey),
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Tokens, each of them once (section 4.1).
fn check_subprotocols(head: &RequestHead) -> Result<(), HandshakeReject> {
    let mut seen = Vec::new();
    for subprotocol in elements(head, b"sec-websocket-protocol") {
        if !chars::is_token(subprotocol) || seen.contains(&subprotocol) || seen.len() == MAX_OFFERS
        {
            return Err(HandshakeReject::InvalidSubprotocols);
        }
        seen.push(subprotocol);
    }
    Ok(())
}

/// Each subprotocol is compared with those before it, so there may not be any number of them.
const MAX_OFFERS: usize = 100;

/// The elements of a list in all lines of this name, without empty ones (RFC 9110, section 5.6.1).
fn elements<'a>(head: &'a RequestHead, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let lines = head.fields_named(name);
    let elements = lines.flat_map(|field| field.value.split(|byte| *byte == b','));
    elements.map(chars::trim).filter(|each| !each.is_empty())
}

/// RFC 4648, section 4, of a SHA-1: 20 bytes are 27 characters and one that fills up.
fn base64(bytes: &[u8; 20]) -> [u8; 28] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = [b'='; 28];
    for (group, place) in bytes.chunks(3).zip(text.chunks_exact_mut(4)) {
        let byte = |at| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, character) in place.iter_mut().take(group.len() + 1).enumerate() {
            let index = (bits >> (18 - 6 * at) & 0x3f) as usize;
            *character = ALPHABET.get(index).copied().unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests;
