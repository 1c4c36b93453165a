//! Which protocol a connection speaks: one table of what was agreed on by TLS, of the first bytes,
//! and of a request to go on with another one.
//!
//! Pure decisions, made once for a connection. What is not served never decides anything: the
//! HTTP/1 parser refuses it, with a message of its own.

use core::cmp::Ordering;

use memchr::memchr;

use crate::h2::PREFACE as HTTP2_PREFACE;

/// A protocol that carries requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Requests of a web server in front, by the uwsgi protocol.
    Uwsgi,
    /// Requests of a web server in front, by FastCGI.
    FastCgi,
}

/// What is served beside HTTP/1, or in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches, in any combination"
)]
pub struct Served {
    /// The PROXY header that connections begin with.
    pub proxy: ProxyHeader,
    /// The peer is none that may send one (`proxy_allow_ips`).
    pub proxy_barred: bool,
    /// What a web server in front speaks in the place of HTTP.
    pub gateway: Option<Gateway>,
    /// The peer is none that may speak that (`uwsgi_allow_ips`, `fastcgi_allow_ips`).
    pub gateway_barred: bool,
    /// HTTP/2, where TLS has agreed on it.
    pub http2: bool,
    /// HTTP/2 in clear text, for peers that begin with its preface (prior knowledge).
    pub http2_cleartext: bool,
    /// Such peers have to speak it: HTTP/1 would be a mistake in their configuration.
    pub http2_demanded: bool,
    /// HTTP/2 in clear text, for a request that asks to go on with it.
    pub http2_upgrade: bool,
    /// WebSocket, for a request that asks for it.
    pub websocket: bool,
}

impl Served {
    /// HTTP/1 alone.
    pub const HTTP1: Self = Self {
        proxy: ProxyHeader::Off,
        proxy_barred: false,
        gateway: None,
        gateway_barred: false,
        http2: false,
        http2_cleartext: false,
        http2_demanded: false,
        http2_upgrade: false,
        websocket: false,
    };
}

/// `protocol`, where it is not HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// `uwsgi`.
    Uwsgi,
    /// `fastcgi`.
    FastCgi,
}

/// `proxy_protocol`: the header with which a proxy in front begins each connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// None.
    #[default]
    Off,
    /// One of version 1, which is text, on each connection.
    V1,
    /// One of version 2, which is binary, on each connection.
    V2,
    /// One of either version, or none: as gunicorn has it.
    Auto,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// More of them decide.
    Undecided,
    /// A PROXY header: what stands behind it is asked about again, without `proxy`.
    Proxy,
    /// No PROXY header, where each connection has to begin with one.
    NoProxy,
    /// A request of HTTP/1, where HTTP/2 has to be spoken.
    NoPreface,
    /// This protocol.
    Of(Protocol),
}

/// How a PROXY header of version 1 begins.
const PROXY_V1: &[u8] = b"PROXY ";
/// How one of version 2 begins.
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a connection begins with. `agreed` is the protocol that TLS has agreed on (ALPN, RFC 7301;
/// empty if client and server have none in common), `first` what was received so far.
#[expect(clippy::match_same_arms, reason = "one row for one rule")]
pub fn beginning(served: Served, agreed: Option<&[u8]>, first: &[u8]) -> Beginning {
    use Beginning::{NoProxy, Of, Proxy, Undecided};
    use Match::{None as Other, Part, Whole};
    let demanded = served.http2_cleartext && served.http2_demanded;
    let (v1, v2) = (compare(first, PROXY_V1), compare(first, PROXY_V2));
    let preface = compare(first, HTTP2_PREFACE);
    let header = match served.proxy {
        ProxyHeader::Off => None,
        ProxyHeader::V1 => Some(v1),
        ProxyHeader::V2 => Some(v2),
        // They differ in their first byte.
        ProxyHeader::Auto => Some(if v1 == Other { v2 } else { v1 }),
    };
    match (agreed, header) {
        // The header stands before everything else, a TLS handshake included.
        (None, Some(Whole)) => Proxy,
        (None, Some(Part)) => Undecided,
        (None, Some(Other)) if served.proxy != ProxyHeader::Auto => NoProxy,
        // Neither is told from anything else: they are spoken or they are not.
        _ if served.gateway == Some(Gateway::Uwsgi) => Of(Protocol::Uwsgi),
        _ if served.gateway == Some(Gateway::FastCgi) => Of(Protocol::FastCgi),
        // What was agreed on holds, whatever the bytes look like (RFC 9113, section 3.2).
        (Some(b"h2"), _) if served.http2 => Of(Protocol::Http2),
        (Some(_), _) => Of(Protocol::Http1),
        (None, _) if served.http2_cleartext && preface == Whole => Of(Protocol::Http2),
        (None, _) if served.http2_cleartext && preface == Part => Undecided,
        (None, _) if demanded => without_preface(first),
        (None, _) => Of(Protocol::Http1),
    }
}

/// What has come in the place of a preface. HTTP/1 is answered as such, so that the mistake is
/// found; anything else as HTTP/2.
fn without_preface(first: &[u8]) -> Beginning {
    /// A request line is not looked at further than this.
    const LONGEST: usize = 8 * 1024;
    let front = first.get(..LONGEST).unwrap_or(first);
    let line = match memchr(b'\n', front) {
        None if first.len() < LONGEST => return Beginning::Undecided,
        end => front.get(..end.unwrap_or(LONGEST)).unwrap_or_default(),
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.split(|byte| *byte == b' ').next_back() {
        Some(version) if version.starts_with(b"HTTP/1.") => Beginning::NoPreface,
        _ => Beginning::Of(Protocol::Http2),
    }
}

/// The protocol that a request asks to go on with, the first one that is served: `value` is that of
/// Upgrade, in a request whose Connection names it (RFC 9110, section 7.8). `h2c` is HTTP/2 in clear
/// text (RFC 7540, section 3.2; RFC 9113 has removed it).
pub fn upgrade(served: Served, value: &[u8]) -> Option<Protocol> {
    let mut offers = value.split(|byte| *byte == b',');
    offers.find_map(|offer| {
        let offer = offer.trim_ascii();
        let asks = |name: &[u8]| offer.eq_ignore_ascii_case(name);
        if served.websocket && asks(b"websocket") {
            Some(Protocol::WebSocket)
        } else if served.http2_upgrade && asks(b"h2c") {
            Some(Protocol::Http2)
        } else {
            None
        }
    })
}

/// Whether a response with this status ends HTTP on its stream: 101 to a request that asks for
/// another protocol (RFC 9110, section 15.2.2), success to CONNECT (section 9.3.6).
pub fn switches(asked: bool, connect: bool, status: u16) -> bool {
    match status {
        101 => asked && !connect,
        200..=299 => connect,
        _ => false,
    }
}

/// How far some bytes go along with a fixed beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    /// They have all of it.
    Whole,
    /// They end within it.
    Part,
    /// They differ.
    None,
}

fn compare(bytes: &[u8], beginning: &[u8]) -> Match {
    match bytes.len().cmp(&beginning.len()) {
        Ordering::Less if beginning.starts_with(bytes) => Match::Part,
        Ordering::Equal | Ordering::Greater if bytes.starts_with(beginning) => Match::Whole,
        Ordering::Less | Ordering::Equal | Ordering::Greater => Match::None,
    }
}

#[cfg(test)]
mod tests;
