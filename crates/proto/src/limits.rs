//! Sizes and leniencies of the parser, as data. Named after the settings that carry them.

use core::net::IpAddr;

use crate::forwarded::{Forwarding, Trusted};
use crate::h2;
use crate::protocol::{ProxyHeader, Served};

/// Everything that the parser has to know beside the bytes; built once per worker.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How large things may be.
    pub limits: Limits,
    /// Which departures from the grammar are let through.
    pub permissions: Permissions,
    /// What a proxy in front may say.
    pub forwarding: Forwarding,
    /// What HTTP/2 connections announce.
    pub http2: h2::Config,
    /// Which protocols are served.
    pub served: Served,
    /// `proxy_allow_ips`: peers that may send a PROXY header.
    pub proxies: Trusted,
    /// `uwsgi_allow_ips` or `fastcgi_allow_ips`: peers that may speak what is spoken in the place of
    /// HTTP.
    pub gateways: Trusted,
}

impl Policy {
    /// What is served to a peer; one on a unix socket has no address.
    #[inline]
    pub fn served_to(&self, peer: Option<IpAddr>) -> Served {
        let mut served = self.served;
        if served.proxy != ProxyHeader::Off {
            served.proxy_barred = !self.proxies.contains_peer(peer);
        }
        if served.gateway.is_some() {
            served.gateway_barred = !self.gateways.contains_peer(peer);
        }
        served
    }
}

/// How large things may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `limit_request_line`: bytes of the request line without its CRLF; 0 stands for the hard cap.
    pub request_line: usize,
    /// `limit_request_fields`: header lines of one request, and again trailer lines; 0 stands for
    /// the hard cap.
    pub fields: usize,
    /// `limit_request_field_size`: bytes of one field, its name and every CRLF included; 0 stands
    /// for the default.
    pub field_size: usize,
    /// Bytes of one body; more is [`ContentTooLarge`](crate::Reject::ContentTooLarge).
    pub body: Option<u64>,
}

impl Limits {
    /// What a request line may measure when no limit is set: memory is finite all the same.
    pub const REQUEST_LINE_CAP: usize = 1 << 20;

    /// More header lines than this are never accepted.
    pub const FIELDS_CAP: usize = 32_768;

    /// Bytes of one field, unless something else is said.
    pub const FIELD_SIZE: usize = 8190;

    /// Larger fields than this are never accepted.
    pub const FIELD_SIZE_CAP: usize = 1 << 26;

    /// Larger heads than this are never accepted: about what the largest number of fields of the
    /// usual size comes to. It keeps positions in a head within 32 bits.
    pub(crate) const HEAD_CAP: usize = 1 << 28;

    /// Bytes that a request line may take up, CRLF included.
    pub(crate) fn request_line_with_end(&self) -> usize {
        match self.request_line {
            0 => Self::REQUEST_LINE_CAP,
            limit => limit.min(Self::REQUEST_LINE_CAP) + 2,
        }
    }

    /// Header lines that a request may have; gunicorn takes 0 and too many for its maximum.
    #[inline]
    pub(crate) fn fields_or_default(&self) -> usize {
        match self.fields {
            0 => Self::FIELDS_CAP,
            limit => limit.min(Self::FIELDS_CAP),
        }
    }

    /// Bytes that a field may have; gunicorn takes 0 for its default.
    #[inline]
    pub(crate) fn field_size_or_default(&self) -> usize {
        match self.field_size {
            0 => Self::FIELD_SIZE,
            limit => limit.min(Self::FIELD_SIZE_CAP),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 4094,
            fields: 100,
            field_size: 8190,
            body: None,
        }
    }
}

/// Which departures from RFC 9112 are let through. None, unless an operator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch of the same name in the configuration"
)]
pub struct Permissions {
    /// `permit_obsolete_folding`: a field value may go on in a line that starts with white space.
    pub obsolete_folding: bool,
    /// `strip_header_spaces`: white space between field name and colon is dropped.
    pub strip_header_spaces: bool,
    /// `permit_unconventional_http_method`: any token is a method.
    pub unconventional_http_method: bool,
    /// `permit_unconventional_http_version`: any `HTTP/d.d` is a version, not only `HTTP/1.d`.
    pub unconventional_http_version: bool,
    /// `casefold_http_method`: lower case is accepted in a method, and turned into upper case.
    pub casefold_http_method: bool,
    /// `permit_missing_host`: HTTP/1.1 without Host is served.
    pub missing_host: bool,
    /// `permit_connect`: CONNECT is handed to the application.
    pub connect: bool,
}
