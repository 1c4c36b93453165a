//! What a proxy in front may say: the request's scheme, its client, and names that shadow others.
//!
//! `element` is the grammar, `origin` finds the client in it, `trusted` says which peers are believed, and
//! `explain` tells a person what was made of one request.

mod element;
mod explain;
mod origin;
mod trusted;

pub use element::{Element, Node, elements};
pub use explain::{Explanation, Heard, Made, Verdict, explain};
pub use trusted::Trusted;

use core::net::IpAddr;

use crate::head::RequestHead;
use crate::known::Known;
use crate::parts::{Entry, Span};
use crate::reject::Reject;

/// `header_map`: what happens to a field whose name contains an underscore. CGI turns `-` into `_`,
/// so `X_Forwarded_For` would arrive at the application under the name of `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderMap {
    /// The field is left out.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
    /// The field is handed on.
    Dangerous,
}

/// `client_address`: where the address of the client comes from when the peer is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAddress {
    /// From the connection: the peer is the client.
    #[default]
    Peer,
    /// From `X-Forwarded-For`.
    XForwardedFor,
    /// From `Forwarded` (RFC 7239), and with it the scheme and the host.
    Forwarded,
}

impl ClientAddress {
    /// All of them with the names that the setting has for them.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("peer", Self::Peer),
        ("x-forwarded-for", Self::XForwardedFor),
        ("forwarded", Self::Forwarded),
    ];

    /// The header that is read.
    pub const fn header(self) -> Option<Known> {
        match self {
            Self::Peer => None,
            Self::XForwardedFor => Some(Known::XForwardedFor),
            Self::Forwarded => Some(Known::Forwarded),
        }
    }
}

/// A header by which a trusted peer says that the client used https (`secure_scheme_headers`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemeHeader {
    name: String,
    secure: String,
    known: Option<Known>,
}

impl SchemeHeader {
    /// A header's name, and the value that means https.
    pub fn new(name: &str, secure: &str) -> Self {
        Self {
            known: Known::of(name.as_bytes()),
            name: name.to_owned(),
            secure: secure.to_owned(),
        }
    }

    /// Its lines in a head; most heads have none, which costs one look at a bit.
    fn entries<'a>(&'a self, head: &'a RequestHead) -> impl Iterator<Item = &'a Entry> {
        let absent = self.known.is_some_and(|it| head.seen & it.bit() == 0);
        let entries = if absent { &[][..] } else { &head.entries[..] };
        entries.iter().filter(move |entry| match self.known {
            Some(known) => entry.known == Some(known),
            None => self.names(entry.name.of(&head.bytes)),
        })
    }

    fn names(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name.as_bytes())
    }

    /// Exactly the value that means https; gunicorn takes every other for http.
    fn is_secure(&self, value: &[u8]) -> bool {
        value == self.secure.as_bytes()
    }
}

/// What peers in `forwarded_allow_ips` may say about a request.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// `forwarded_allow_ips`.
    pub trusted: Trusted,
    /// `header_map`.
    pub header_map: HeaderMap,
    /// `forwarder_headers`: names with underscores that a trusted peer may send, in upper case;
    /// `*` stands for every name.
    pub forwarder_headers: Vec<String>,
    /// `secure_scheme_headers`.
    pub secure_scheme_headers: Vec<SchemeHeader>,
    /// `client_address`.
    pub client_address: ClientAddress,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            trusted: Trusted::default(),
            header_map: HeaderMap::Drop,
            forwarder_headers: vec!["SCRIPT_NAME".to_owned(), "PATH_INFO".to_owned()],
            secure_scheme_headers: vec![
                SchemeHeader::new("X-FORWARDED-PROTOCOL", "ssl"),
                SchemeHeader::new("X-FORWARDED-PROTO", "https"),
                SchemeHeader::new("X-FORWARDED-SSL", "on"),
            ],
            client_address: ClientAddress::Peer,
        }
    }
}

/// What a head says of the way it came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    /// The scheme, if a trusted peer says it.
    pub(crate) https: Option<bool>,
    /// The client, if a trusted peer names another than itself; without a port where none was said.
    pub(crate) client: Option<(IpAddr, Option<u16>)>,
    /// The Host that the client sent, if a trusted peer says it.
    pub(crate) host: Option<Span>,
    /// The name of a header that would have counted, had a trusted peer sent it.
    pub(crate) ignored: Option<Span>,
}

impl Forwarding {
    /// Whether a field whose name contains an underscore is handed on.
    #[cold]
    pub(crate) fn admits(&self, name: &[u8], trusted: bool) -> Result<bool, Reject> {
        if trusted && self.lists(name) {
            return Ok(true);
        }
        match self.header_map {
            HeaderMap::Dangerous => Ok(true),
            HeaderMap::Drop => Ok(false),
            HeaderMap::Refuse => Err(Reject::AmbiguousHeaderName),
        }
    }

    /// Whether `forwarder_headers` has this name.
    fn lists(&self, name: &[u8]) -> bool {
        let is_name =
            |allowed: &String| allowed == "*" || allowed.as_bytes().eq_ignore_ascii_case(name);
        self.forwarder_headers.iter().any(is_name)
    }

    /// What is made of everything that the peer says of the request's way.
    #[inline]
    pub(crate) fn of(&self, head: &RequestHead, trusted: bool) -> Result<Came, Reject> {
        if !trusted {
            return Ok(Came {
                ignored: self.ignored(head),
                ..Came::default()
            });
        }
        let https = self.https(head)?;
        let read = self.client_address.header();
        match read {
            Some(header) if head.seen & header.bit() != 0 => self.with_origin(head, https),
            _ => Ok(Came {
                https,
                ..Came::default()
            }),
        }
    }

    /// The same where a header names the client.
    #[cold]
    fn with_origin(&self, head: &RequestHead, https: Option<bool>) -> Result<Came, Reject> {
        let origin = origin::of(head, self.client_address, &self.trusted)?;
        let proto = origin.proto.map(|it| it.eq_ignore_ascii_case(b"https"));
        match (https, proto) {
            (Some(one), Some(other)) if one != other => return Err(Reject::ContradictoryScheme),
            _ => {}
        }
        let client = match origin.node {
            Some(Node::Address(address, port)) => Some((address, port)),
            Some(Node::Hidden) | None => None,
        };
        Ok(Came {
            https: https.or(proto),
            client,
            host: origin.host.map(|host| Span::of_part(&head.bytes, host)),
            ignored: None,
        })
    }

    /// What the scheme headers of a trusted peer say: https if the value is the listed one, http if
    /// it is another, `None` if there is none. Headers that disagree are an attack or a mistake.
    fn https(&self, head: &RequestHead) -> Result<Option<bool>, Reject> {
        let mut said = None;
        for header in &self.secure_scheme_headers {
            for entry in header.entries(head) {
                let https = header.is_secure(entry.value.of(&head.bytes));
                if said.is_some_and(|before| before != https) {
                    return Err(Reject::ContradictoryScheme);
                }
                said = Some(https);
            }
        }
        Ok(said)
    }

    /// The first header that would have counted, had a trusted peer sent it.
    fn ignored(&self, head: &RequestHead) -> Option<Span> {
        let mut schemes = self.secure_scheme_headers.iter();
        let scheme = schemes.find_map(|header| header.entries(head).next());
        let entry = scheme.or_else(|| {
            let read = self.client_address.header()?;
            head.entries.iter().find(|entry| entry.known == Some(read))
        });
        entry.map(|entry| entry.name)
    }
}
