//! Field names and methods that are met every day, recognised without building a string.
//!
//! A recognised name costs one hash of four bytes and one comparison. The numbers are dense, so that
//! the floors above keep what belongs to a name (an interned environ key) in an array.

use crate::chars::eq_lower;

macro_rules! known {
    ($($variant:ident $name:literal,)+) => {
        /// A request field name that is met every day.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Known {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Known {
            /// All of them; the position is [`index`](Self::index).
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The name in lower case.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

// The first rows are those whose meaning this crate knows; the rest is in alphabetical order.
known! {
    Host "host",
    Connection "connection",
    ContentLength "content-length",
    ContentType "content-type",
    TransferEncoding "transfer-encoding",
    Expect "expect",
    Upgrade "upgrade",
    Accept "accept",
    AcceptCharset "accept-charset",
    AcceptEncoding "accept-encoding",
    AcceptLanguage "accept-language",
    Authorization "authorization",
    Baggage "baggage",
    CacheControl "cache-control",
    CdnLoop "cdn-loop",
    CfConnectingIp "cf-connecting-ip",
    CfIpcountry "cf-ipcountry",
    CfRay "cf-ray",
    CfVisitor "cf-visitor",
    ContentDisposition "content-disposition",
    ContentEncoding "content-encoding",
    ContentLanguage "content-language",
    ContentRange "content-range",
    Cookie "cookie",
    Date "date",
    Dnt "dnt",
    Forwarded "forwarded",
    From "from",
    Http2Settings "http2-settings",
    IfMatch "if-match",
    IfModifiedSince "if-modified-since",
    IfNoneMatch "if-none-match",
    IfRange "if-range",
    IfUnmodifiedSince "if-unmodified-since",
    KeepAlive "keep-alive",
    MaxForwards "max-forwards",
    Origin "origin",
    Pragma "pragma",
    Prefer "prefer",
    Priority "priority",
    ProxyAuthorization "proxy-authorization",
    ProxyConnection "proxy-connection",
    Range "range",
    Referer "referer",
    SaveData "save-data",
    SecChUa "sec-ch-ua",
    SecChUaMobile "sec-ch-ua-mobile",
    SecChUaPlatform "sec-ch-ua-platform",
    SecFetchDest "sec-fetch-dest",
    SecFetchMode "sec-fetch-mode",
    SecFetchSite "sec-fetch-site",
    SecFetchUser "sec-fetch-user",
    SecGpc "sec-gpc",
    SecPurpose "sec-purpose",
    SecWebsocketExtensions "sec-websocket-extensions",
    SecWebsocketKey "sec-websocket-key",
    SecWebsocketProtocol "sec-websocket-protocol",
    SecWebsocketVersion "sec-websocket-version",
    Te "te",
    Traceparent "traceparent",
    Tracestate "tracestate",
    Trailer "trailer",
    TrueClientIp "true-client-ip",
    UpgradeInsecureRequests "upgrade-insecure-requests",
    UserAgent "user-agent",
    Via "via",
    XAmznTraceId "x-amzn-trace-id",
    XApiKey "x-api-key",
    XCorrelationId "x-correlation-id",
    XCsrftoken "x-csrftoken",
    XForwardedFor "x-forwarded-for",
    XForwardedHost "x-forwarded-host",
    XForwardedPort "x-forwarded-port",
    XForwardedPrefix "x-forwarded-prefix",
    XForwardedProto "x-forwarded-proto",
    XForwardedProtocol "x-forwarded-protocol",
    XForwardedSsl "x-forwarded-ssl",
    XHttpMethodOverride "x-http-method-override",
    XRealIp "x-real-ip",
    XRequestId "x-request-id",
    XRequestedWith "x-requested-with",
    XScheme "x-scheme",
}

impl Known {
    /// Position in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The bit that stands for this name in a set of names.
    #[inline]
    pub(crate) const fn bit(self) -> u128 {
        1 << (self as u8)
    }

    /// Recognises a field name in any case.
    #[inline]
    pub fn of(name: &[u8]) -> Option<Self> {
        let &[first, .., before, last] = name else {
            return (name.len() == 2 && eq_lower(name, b"te")).then_some(Self::Te);
        };
        let known = slot(name.len(), first, before, last)?;
        eq_lower(name, known.name().as_bytes()).then_some(known)
    }
}

/// A method whose name needs no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KnownMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
}

impl KnownMethod {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Trace,
        Self::Connect,
    ];

    /// Position in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The method as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
        }
    }

    /// Recognises a method; the case matters (RFC 9110, section 9.1).
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "measured: HTTP/1 heads cost more where this is a call"
    )]
    pub fn of(method: &[u8]) -> Option<Self> {
        Some(match method {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => return None,
        })
    }
}

/// The only known name that can have this length and these letters.
#[inline]
fn slot(len: usize, first: u8, before: u8, last: u8) -> Option<Known> {
    SLOTS.get(hash(len, first, before, last)).copied().flatten()
}

/// Eight bits from length and outer letters, the letters in lower case.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low bits of the length are enough"
)]
const fn hash(len: usize, first: u8, before: u8, last: u8) -> usize {
    let key = u32::from_le_bytes([len as u8, first | 0x20, last | 0x20, before | 0x20]);
    (key.wrapping_mul(MULTIPLIER) >> 24) as usize
}

/// Found by trial: no two names of the table above share a slot. `slots` proves it when compiling.
const MULTIPLIER: u32 = 0xd610_8969;

static SLOTS: [Option<Known>; 256] = slots();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler: a collision or an index out of range does not build"
)]
const fn slots() -> [Option<Known>; 256] {
    let mut slots = [None; 256];
    let mut at = 0;
    while at < Known::COUNT {
        let known = Known::ALL[at];
        let name = known.name().as_bytes();
        let len = name.len();
        if len > 2 {
            let slot = hash(len, name[0], name[len - 2], name[len - 1]);
            assert!(
                slots[slot].is_none(),
                "two known names share a slot: choose another MULTIPLIER"
            );
            slots[slot] = Some(known);
        }
        at += 1;
    }
    slots
}

#[cfg(test)]
mod tests;
