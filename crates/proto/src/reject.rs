//! Every reason to refuse a peer: one table of variant, status, message and the rule behind it.
//!
//! Messages are for the log and for the error page; they never repeat what the peer sent.

/// Declares a table of reasons: an enum, and what each of its rows says. `$number` is what the peer
/// gets to see of it: a status, a close code.
macro_rules! reject_table {
    (
        $(#[$about:meta])+ $table:ident, $(#[$what:meta])+ $number:ident;
        $($(#[$doc:meta])+ $variant:ident => $value:literal, $message:literal, $section:literal;)+
    ) => {
        $(#[$about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $table {
            $($(#[$doc])+ $variant,)+
        }

        impl $table {
            /// All reasons, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            $(#[$what])+
            pub const fn $number(self) -> u16 {
                match self {
                    $(Self::$variant => $value,)+
                }
            }

            /// One line for the log and for the peer.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)+
                }
            }

            /// The rule that the peer broke.
            pub const fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)+
                }
            }

            /// The variant's name, for tests and for statistics.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }
        }
    };
}

pub(crate) use reject_table;

reject_table! {
    /// Why a peer is refused.
    Reject,
    /// The status code that the peer gets.
    status;

    /// A line ends with LF alone: other recipients might see the boundary elsewhere.
    BareLineFeed => 400, "Line does not end with CRLF", "RFC 9112, 2.2";
    /// A CR that no LF follows.
    BareCarriageReturn => 400, "Carriage return without line feed", "RFC 9112, 2.2";
    /// The first byte of a TLS handshake.
    TlsHandshake => 400, "The client speaks TLS, but this port speaks plain HTTP", "RFC 9112, 2.2";
    /// No PROXY header where each connection has to begin with one.
    MissingProxyHeader => 400, "The connection does not begin with the PROXY header that proxy_protocol demands", "proxy_protocol";
    /// A PROXY header of a peer that may not send one.
    ForbiddenProxyHeader => 403, "A PROXY header from an address that is not in proxy_allow_ips", "proxy_allow_ips";
    /// A PROXY header that is none.
    InvalidProxyHeader => 400, "Invalid PROXY header", "PROXY protocol, 2";
    /// Longer than `limit_request_line`.
    RequestLineTooLong => 414, "Request line is too large", "RFC 9112, 3";
    /// Not method, space, target, space, version.
    InvalidRequestLine => 400, "Invalid HTTP request line", "RFC 9112, 3";
    /// Not a token, or not what methods usually look like.
    InvalidMethod => 400, "Invalid HTTP method", "RFC 9110, 9.1";
    /// CONNECT, while `permit_connect` is not set.
    ConnectNotPermitted => 501, "The method CONNECT is not served", "permit_connect";
    /// Not printable ASCII, or of a form that the method does not have.
    InvalidTarget => 400, "Invalid HTTP request target", "RFC 9112, 3.2";
    /// Not HTTP/1 with a minor version.
    InvalidVersion => 400, "Invalid HTTP version", "RFC 9112, 2.3";
    /// A header line without a colon.
    InvalidHeader => 400, "Invalid HTTP header", "RFC 9112, 5";
    /// The name is empty or not a token.
    InvalidHeaderName => 400, "Invalid HTTP header name", "RFC 9110, 5.1";
    /// A control character in the value.
    InvalidHeaderValue => 400, "Invalid HTTP header value", "RFC 9110, 5.5";
    /// White space between the name and the colon.
    SpaceBeforeColon => 400, "White space before the colon of an HTTP header", "RFC 9112, 5.1";
    /// A header line that starts with white space.
    ObsoleteFolding => 400, "Obsolete line folding in an HTTP header", "RFC 9112, 5.2";
    /// An underscore in a name, while `header_map` is `refuse`.
    AmbiguousHeaderName => 400, "Invalid HTTP header name: underscore", "header_map";
    /// More lines than `limit_request_fields`.
    TooManyFields => 431, "Too many HTTP headers", "RFC 6585, 5";
    /// Larger than `limit_request_field_size`.
    FieldTooLarge => 431, "HTTP header is too large", "RFC 6585, 5";
    /// An HTTP/1.1 request without Host.
    MissingHost => 400, "Missing Host header", "RFC 9112, 3.2";
    /// More than one Host line.
    RepeatedHost => 400, "Repeated Host header", "RFC 9112, 3.2";
    /// Host is not a host with an optional port.
    InvalidHost => 400, "Invalid Host header", "RFC 9110, 7.2";
    /// More than one Content-Type line.
    RepeatedContentType => 400, "Repeated Content-Type header", "RFC 9110, 8.3";
    /// Content-Length is not a plain decimal number of a sane size.
    InvalidContentLength => 400, "Invalid Content-Length header", "RFC 9110, 8.6";
    /// More than one Content-Length line, be they equal.
    RepeatedContentLength => 400, "Repeated Content-Length header", "RFC 9112, 6.3";
    /// Content-Length and Transfer-Encoding together.
    LengthAndTransferEncoding => 400, "Content-Length together with Transfer-Encoding", "RFC 9112, 6.1";
    /// Transfer-Encoding on HTTP/1.0.
    TransferEncodingOnHttp10 => 400, "Transfer-Encoding on HTTP/1.0", "RFC 9112, 6.1";
    /// Transfer-Encoding is not a list of codings that ends with one `chunked`.
    InvalidTransferEncoding => 400, "Invalid Transfer-Encoding header", "RFC 9112, 6.3";
    /// A transfer coding beside `chunked`: none is decoded here.
    UnsupportedTransferCoding => 501, "Unsupported transfer coding", "RFC 9112, 6.1";
    /// An expectation other than `100-continue`.
    UnsupportedExpectation => 417, "Unsupported expectation", "RFC 9110, 10.1.1";
    /// Trusted scheme headers that disagree.
    ContradictoryScheme => 400, "Contradictory scheme headers", "secure_scheme_headers";
    /// A `Forwarded` of a trusted peer that `client_address` reads, and that is not one.
    InvalidForwarded => 400, "Invalid Forwarded header", "RFC 7239, 4";
    /// The body is larger than the limit.
    ContentTooLarge => 413, "Request body is too large", "RFC 9110, 15.5.14";
    /// Not a plain hexadecimal number of a sane size.
    InvalidChunkSize => 400, "Invalid chunk size", "RFC 9112, 7.1";
    /// Not `;name`, `;name=token` or `;name="quoted"`.
    InvalidChunkExtension => 400, "Invalid chunk extension", "RFC 9112, 7.1.1";
    /// More bytes of extensions than there is a use for.
    ChunkExtensionTooLarge => 400, "Chunk extensions are too large", "RFC 9112, 7.1.1";
    /// The data of a chunk is not followed by CRLF.
    InvalidChunkEnd => 400, "Invalid end of chunk data", "RFC 9112, 7.1";
    /// The connection ended inside a request head.
    IncompleteHead => 400, "Connection ended inside the request head", "RFC 9112, 8";
    /// The connection ended inside a request body.
    IncompleteBody => 400, "Connection ended inside the request body", "RFC 9112, 8";
    /// The reactor waited too long for the rest of a request.
    RequestTimeout => 408, "Request took too long to arrive", "RFC 9110, 15.5.9";
}

impl Reject {
    /// The reason phrase of the status.
    pub const fn reason(self) -> &'static str {
        match crate::status::reason_phrase(self.status()) {
            Some(reason) => reason,
            None => "Bad Request",
        }
    }
}

#[cfg(test)]
mod tests;
