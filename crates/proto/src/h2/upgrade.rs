//! From a request of HTTP/1 to an HTTP/2 connection (RFC 7540, section 3.2). RFC 9113 has removed this
//! way; clients that know no other one still take it.

use super::head::{CONNECTION_SPECIFIC, Reading};
use super::priority::Priority;
use super::state::State;
use super::{Config, Connection, hpack, settings};
use crate::chars;
use crate::event::StreamId;
use crate::head::{RequestHead, Sender};
use crate::known::{Known, KnownMethod};
use crate::limits::Policy;
use crate::protocol::{self, Protocol, Served};
use crate::reject::Reject;

/// The response that switches. Frames of the server follow, without waiting for the client's preface.
pub const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// Carries the first settings of the client.
const SETTINGS: &[u8] = b"http2-settings";

/// What a client may ask to go on with. What it prefers comes first.
const OFFERED: Served = Served {
    http2_upgrade: true,
    websocket: true,
    ..Served::HTTP1
};

impl Connection {
    /// The connection that a complete request asks for, and its head as one of HTTP/2 has it: it is
    /// answered on [`StreamId::UPGRADED`], and the peer's preface is what comes next. `None`, and the
    /// head is as it was: the request does not ask for it, or not in the way that it has to; it has a
    /// body, or could not have come by HTTP/2. Then HTTP/1 goes on, as for any offer of a client that
    /// is not taken (RFC 9110, section 7.8).
    ///
    /// # Errors
    /// Settings that are none, or that no peer may have: a mistake of the client, which HTTP/1 as an
    /// answer would hide.
    pub fn by_upgrade(policy: &Policy, head: &mut RequestHead) -> Result<Option<Self>, Reject> {
        let (Some(settings), Some(sender)) = (asks(head), head.complete) else {
            return Ok(None);
        };
        let mut connection = Self::upgraded(&policy.http2, sender, settings)?;
        let Some(request) = connection.read_again(policy, sender, head) else {
            return Ok(None);
        };
        *head = request;
        if let Some(said) = head.get(Known::Priority) {
            let stream = StreamId::UPGRADED.number();
            connection.streams.prioritise(stream, Priority::parse(said));
        }
        Ok(Some(connection))
    }

    /// A connection with the settings that HTTP2-Settings has, and a first stream whose request is
    /// complete.
    pub(super) fn upgraded(
        config: &Config,
        sender: Sender,
        settings: &[u8],
    ) -> Result<Self, Reject> {
        let mut connection = Self::new(config, sender.trusted, sender.local);
        let payload = settings::from_token(settings)?;
        for setting in settings::parse(&payload) {
            let (name, value) = setting?;
            connection.peer.take(name, value);
        }
        let number = StreamId::UPGRADED.number();
        connection.streams.begin(number);
        let stream = connection.stream(number, State::HalfClosedRemote);
        connection.streams.open(stream);
        Ok(connection)
    }

    /// The head as if HTTP/2 had brought it: so it is read by the same rules.
    fn read_again(
        &mut self,
        policy: &Policy,
        sender: Sender,
        head: &RequestHead,
    ) -> Option<RequestHead> {
        let mut block = Vec::new();
        hpack::push_field(&mut block, b":method", head.method());
        hpack::push_field(&mut block, b":scheme", b"http");
        hpack::push_field(&mut block, b":path", head.target());
        if let Some(host) = head.get(Known::Host) {
            hpack::push_field(&mut block, b":authority", host);
        }
        let left_out = CONNECTION_SPECIFIC | Known::Host.bit() | Known::Te.bit();
        for field in head.fields() {
            let known = field.known.map_or(0, Known::bit);
            if known & left_out == 0 && !chars::eq_lower(field.name, SETTINGS) {
                hpack::push_field(&mut block, field.name, field.value);
            }
        }
        let reading = Reading {
            policy,
            config: &self.config,
            sender,
            end: true,
        };
        let mut request = RequestHead::default();
        match reading.request(&mut self.decoder, &block, &mut request) {
            Ok(None) => Some(request),
            Ok(Some(_)) | Err(_) => None,
        }
    }
}

/// The settings of a request that asks to go on with HTTP/2: it names both fields in Connection, and
/// has the second one once (RFC 7540, section 3.2.1).
fn asks(head: &RequestHead) -> Option<&[u8]> {
    let connect = head.known_method() == Some(KnownMethod::Connect);
    let plain = matches!(head.target(), [b'/', ..] | b"*");
    if !head.upgrade() || connect || !plain || head.has_body() {
        return None;
    }
    let mut offers = head.fields_named(b"upgrade");
    let first = offers.find_map(|field| protocol::upgrade(OFFERED, field.value));
    let mut options = head.fields_named(b"connection");
    let named = options.any(|field| {
        let mut options = field.value.split(|byte| *byte == b',');
        options.any(|option| chars::eq_lower(chars::trim(option), SETTINGS))
    });
    let mut settings = head.fields_named(SETTINGS);
    match (first, settings.next(), settings.next()) {
        (Some(Protocol::Http2), Some(settings), None) if named => Some(settings.value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
