//! What was made of one request's forwarded headers, for people: the answer of `--explain-proxy`
//! and of the debug log. It asks the parser itself and only finds the words.

use core::fmt;
use core::net::IpAddr;

use super::{HeaderMap, SchemeHeader};
use crate::forwarded::Forwarding;
use crate::h1::Connection;
use crate::head::{Field, RequestHead};
use crate::known::Known;
use crate::limits::Policy;
use crate::reject::Reject;

/// What was made of one header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It says that the client used https.
    Https,
    /// It says that the client did not use https: only this value would.
    Http(String),
    /// It was read for the client's address.
    Read,
    /// It would count, but the peer is not trusted.
    Ignored,
    /// It says how the request came, but this setting does not make it count.
    Uninterpreted,
    /// A name with an underscore, from a peer that may send it.
    Admitted,
    /// A name with an underscore, which is let through from any peer.
    Risked,
    /// A name with an underscore, left out.
    Dropped,
    /// A name with an underscore, because of which the request is refused.
    Refused,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "believed: https",
            Self::Http(secure) => {
                return write!(f, "believed: http (https would be {secure:?})");
            }
            Self::Read => "believed: read for the client (client_address)",
            Self::Ignored => "ignored: the peer is not in forwarded_allow_ips",
            Self::Uninterpreted => "handed on to the application, not interpreted",
            Self::Admitted => "handed on: in forwarder_headers, from a trusted peer",
            Self::Risked => "handed on: header_map is dangerous",
            Self::Dropped => {
                "dropped: underscore in the name (header_map, forwarder_headers of a trusted peer)"
            }
            Self::Refused => {
                "refused: underscore in the name (header_map, forwarder_headers of a trusted peer)"
            }
        })
    }
}

/// One header that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its name as it was sent; bytes that are not printable ASCII are escaped.
    pub name: String,
    /// Its value, likewise.
    pub value: String,
    /// What became of it.
    pub made: Made,
}

/// What follows for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The scheme is https.
    pub https: bool,
    /// The client, without a port where none is known; `None` for a peer on a unix socket.
    pub client: Option<IpAddr>,
    /// What replaces the Host header.
    pub host: Option<String>,
}

/// Everything there is to say about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The peer's address; `None` on a unix socket.
    pub peer: Option<IpAddr>,
    /// The peer is believed.
    pub trusted: bool,
    /// `forwarded_allow_ips`.
    pub allowed: String,
    /// The headers that matter, in their order.
    pub heard: Vec<Heard>,
    /// What follows, or why the request is refused.
    pub verdict: Result<Verdict, Reject>,
}

/// Explains a complete request head, as bytes, from `peer`.
pub fn explain(policy: &Policy, peer: Option<IpAddr>, raw: &[u8]) -> Explanation {
    let trusted = policy.forwarding.trusted.contains_peer(peer);
    let local = peer.is_none();
    Explanation {
        peer,
        trusted,
        allowed: policy.forwarding.trusted.to_string(),
        heard: heard(policy, (trusted, local), raw),
        verdict: read(policy, (trusted, local), raw).map(|head| Verdict {
            https: head.https() == Some(true),
            client: head.client().map(|(address, _)| address).or(peer),
            host: head.replaced_host().map(printable),
        }),
    }
}

impl Explanation {
    /// All of it in one line, for the log; `None` if no header matters.
    pub fn line(&self) -> Option<String> {
        if self.heard.is_empty() {
            return None;
        }
        let heard: Vec<_> = self.heard.iter().map(Heard::to_string).collect();
        Some(format!(
            "{}; {}; so {}",
            self.peer(),
            heard.join("; "),
            self.conclusion()
        ))
    }

    fn peer(&self) -> String {
        match (self.peer, self.trusted) {
            (None, _) => "peer on a unix socket, always trusted".to_owned(),
            (Some(peer), true) => {
                format!("peer {peer} is in forwarded_allow_ips ({})", self.allowed)
            }
            (Some(peer), false) => format!(
                "peer {peer} is not in forwarded_allow_ips ({})",
                self.allowed
            ),
        }
    }

    fn conclusion(&self) -> String {
        let verdict = match &self.verdict {
            Ok(verdict) => verdict,
            Err(reject) => {
                return format!(
                    "refused with {}: {} ({})",
                    reject.status(),
                    reject.message(),
                    reject.section()
                );
            }
        };
        let scheme = if verdict.https { "https" } else { "http" };
        let client = match verdict.client {
            Some(client) => format!("client {client}"),
            None => "client unknown".to_owned(),
        };
        match &verdict.host {
            Some(host) => format!("scheme {scheme}, {client}, host {host}"),
            None => format!("scheme {scheme}, {client}"),
        }
    }
}

impl fmt::Display for Explanation {
    /// One line for each finding, and at the end what to do if that is not what was meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.peer())?;
        for heard in &self.heard {
            writeln!(f, "{heard}")?;
        }
        writeln!(f, "so {}", self.conclusion())?;
        let ignored = self.heard.iter().any(|heard| heard.made == Made::Ignored);
        match self.peer {
            Some(peer) if ignored => {
                writeln!(f, "to believe it: {}", advice(&self.allowed, peer))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.name, self.value, self.made)
    }
}

impl Forwarding {
    /// The flag that makes `peer` trusted as well.
    pub fn advice(&self, peer: IpAddr) -> String {
        advice(&self.trusted.to_string(), peer)
    }
}

fn advice(allowed: &str, peer: IpAddr) -> String {
    let comma = if allowed.is_empty() { "" } else { "," };
    format!(
        "--forwarded-allow-ips={allowed}{comma}{}",
        peer.to_canonical()
    )
}

/// The parser's own answer to a peer that is (not) trusted and (not) on a unix socket.
fn read(
    policy: &Policy,
    (trusted, local): (bool, bool),
    raw: &[u8],
) -> Result<RequestHead, Reject> {
    let mut head = RequestHead::default();
    Connection::from_peer(trusted, local).receive(policy, raw, true, &mut head)?;
    Ok(head)
}

/// The headers that matter, those included that were dropped; none if the head cannot be read at
/// all.
fn heard(policy: &Policy, (trusted, local): (bool, bool), raw: &[u8]) -> Vec<Heard> {
    let mut lenient = policy.clone();
    lenient.forwarding.header_map = HeaderMap::Dangerous;
    let Ok(head) = read(&lenient, (false, local), raw) else {
        return Vec::new();
    };
    let telling = head.fields().filter_map(|field| {
        Some(Heard {
            name: printable(field.name),
            value: printable(field.value),
            made: made(&policy.forwarding, trusted, field)?,
        })
    });
    telling.collect()
}

/// What becomes of one field; `None` if it has nothing to do with proxies.
fn made(forwarding: &Forwarding, trusted: bool, field: Field<'_>) -> Option<Made> {
    if field.name.contains(&b'_') {
        let listed = trusted && forwarding.lists(field.name);
        return Some(match forwarding.admits(field.name, trusted) {
            Ok(true) if listed => Made::Admitted,
            Ok(true) => Made::Risked,
            Ok(false) => Made::Dropped,
            Err(_) => Made::Refused,
        });
    }
    let scheme = forwarding.scheme_header(field.name);
    let reads = field.known.is_some() && field.known == forwarding.client_address.header();
    match (scheme, reads, trusted) {
        (Some(_), _, false) | (None, true, false) => Some(Made::Ignored),
        (Some(header), _, true) if header.is_secure(field.value) => Some(Made::Https),
        (Some(header), _, true) => Some(Made::Http(header.secure.clone())),
        (None, true, true) => Some(Made::Read),
        (None, false, _) => {
            let told = field.known.is_some_and(|it| UNINTERPRETED.contains(&it));
            told.then_some(Made::Uninterpreted)
        }
    }
}

impl Forwarding {
    fn scheme_header(&self, name: &[u8]) -> Option<&SchemeHeader> {
        let mut headers = self.secure_scheme_headers.iter();
        headers.find(|header| header.names(name))
    }
}

/// On one line; quotation marks and backslashes, which Forwarded is full of, as they are.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            other => text.extend(other.escape_ascii().map(char::from)),
        }
    }
    text
}

/// What else proxies say of a request's way.
const UNINTERPRETED: [Known; 12] = [
    Known::CfConnectingIp,
    Known::Forwarded,
    Known::TrueClientIp,
    Known::XForwardedFor,
    Known::XForwardedHost,
    Known::XForwardedPort,
    Known::XForwardedPrefix,
    Known::XForwardedProto,
    Known::XForwardedProtocol,
    Known::XForwardedSsl,
    Known::XRealIp,
    Known::XScheme,
];
