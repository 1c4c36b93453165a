//! The PROXY protocol, versions 1 and 2: where the client of a proxy is that passes on bytes.
//!
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>. The header stands before everything
//! else of a connection, a TLS handshake included. Nothing is guessed: what is not a whole header is
//! refused.

mod tlv;
mod v1;
mod v2;

use core::net::{IpAddr, SocketAddr};
use std::borrow::Cow;

pub use tlv::{Ssl, Tlvs};

use crate::reject::Reject;

/// What a proxy has said of a connection before its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    addresses: Addresses,
    tlvs: Tlvs,
    raw: Box<[u8]>,
}

/// The ends of the connection that the proxy has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The connection is the proxy's own, a health check for example: the socket's addresses hold.
    Local,
    /// The proxy does not know them, under the name that its version has for that.
    Unknown(&'static str),
    /// TCP over IPv4 or IPv6.
    Tcp {
        /// The client.
        source: SocketAddr,
        /// Where it has connected to.
        destination: SocketAddr,
    },
    /// A stream of a unix socket: the paths, which may be empty.
    Unix {
        /// The client.
        source: Vec<u8>,
        /// Where it has connected to.
        destination: Vec<u8>,
    },
}

/// Reads the header at the front of `input`, which begins as one (see [`crate::protocol::beginning`]):
/// with the bytes that it takes up, or `None` while it is incomplete.
///
/// # Errors
/// [`Reject::InvalidProxyHeader`].
pub fn decode(input: &[u8]) -> Result<Option<(Header, usize)>, Reject> {
    let found = if input.starts_with(b"\r") {
        v2::decode(input)
    } else {
        v1::decode(input)
    };
    let Some((addresses, tlvs, len)) = found.map_err(|Invalid| Reject::InvalidProxyHeader)? else {
        return Ok(None);
    };
    let raw = input.get(..len).unwrap_or_default().into();
    Ok(Some((
        Header {
            addresses,
            tlvs,
            raw,
        },
        len,
    )))
}

/// It is not as the specification has it.
#[derive(Debug, PartialEq, Eq)]
struct Invalid;

/// What was found at the front of the input: the parts, and the bytes that they take up; `None` while
/// more is needed.
type Found = Result<Option<(Addresses, Tlvs, usize)>, Invalid>;

impl Header {
    /// The ends of the connection.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What version 2 says beside them.
    pub fn tlvs(&self) -> &Tlvs {
        &self.tlvs
    }

    /// The header as it was received.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The address of a client that has one.
    pub fn client(&self) -> Option<SocketAddr> {
        match self.addresses {
            Addresses::Tcp { source, .. } => Some(source),
            Addresses::Local | Addresses::Unknown(_) | Addresses::Unix { .. } => None,
        }
    }

    /// The client is one on a unix socket of the proxy.
    pub fn client_is_local(&self) -> bool {
        matches!(self.addresses, Addresses::Unix { .. })
    }

    /// The protocol by gunicorn's name (`PROXY_PROTOCOL` of the environ).
    pub fn protocol(&self) -> &'static str {
        match self.addresses {
            Addresses::Local => "LOCAL",
            Addresses::Unknown(name) => name,
            Addresses::Tcp {
                source: SocketAddr::V4(_),
                ..
            } => "TCP4",
            Addresses::Tcp { .. } => "TCP6",
            Addresses::Unix { .. } => "UNIX",
        }
    }

    /// What it says, by names of the environ: gunicorn's three, and one for each TLV.
    pub fn variables(&self) -> Vec<(&'static str, Cow<'_, [u8]>)> {
        let mut all: Vec<(_, Cow<'_, [u8]>)> =
            vec![("PROXY_PROTOCOL", self.protocol().as_bytes().into())];
        match &self.addresses {
            Addresses::Tcp { destination, .. } => {
                all.push(("PROXY_ADDR", text(&destination.ip())));
                all.push(("PROXY_PORT", text(&destination.port())));
            }
            Addresses::Unix { destination, .. } => all.push(("PROXY_ADDR", destination.into())),
            Addresses::Local | Addresses::Unknown(_) => {}
        }
        self.tlvs.variables(&mut all);
        all
    }
}

fn text<'a>(value: &impl ToString) -> Cow<'a, [u8]> {
    value.to_string().into_bytes().into()
}

fn socket(ip: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into(), port)
}

#[cfg(test)]
mod tests;
