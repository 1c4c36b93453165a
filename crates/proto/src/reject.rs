//! Every reason to refuse a peer: one table of variant, status, message and the rule behind it.
//!
//! Messages are for the log and for the error page; they never repeat what the peer sent.

use crate::h2::{ErrorCode, code};

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
    /// A packet of uwsgi of a peer that may not send one.
    ForbiddenUwsgi => 403, "uwsgi spoken by an address that is not in uwsgi_allow_ips", "uwsgi_allow_ips";
    /// A packet for another kind of request than WSGI's, or no packet of uwsgi.
    UnsupportedModifier => 501, "Not a uwsgi packet with modifier1 0, which is for WSGI requests", "uwsgi protocol";
    /// A record of FastCGI of a peer that may not send one.
    ForbiddenFastCgi => 403, "FastCGI spoken by an address that is not in fastcgi_allow_ips", "fastcgi_allow_ips";
    /// No record of FastCGI, or one that may not come now.
    InvalidRecord => 400, "Invalid FastCGI record", "FastCGI, 3.3";
    /// The web server has given the request up.
    AbortedRequest => 400, "The request was aborted by the web server", "FastCGI, 5.4";
    /// Variables that are cut, or are no request.
    InvalidVariables => 400, "Invalid request variables", "RFC 3875, 4.1";
    /// More of them than there is a use for.
    TooManyVariables => 400, "Too many request variables", "RFC 3875, 4.1";
    /// More bytes of them than there is a use for.
    VariablesTooLarge => 431, "Request variables are too large", "RFC 6585, 5";
    /// More of a body than `CONTENT_LENGTH` has announced.
    BodyBeyondLength => 400, "Request body is longer than CONTENT_LENGTH", "RFC 3875, 4.1.2";
    /// Longer than `limit_request_line`.
    RequestLineTooLong => 414, "Request line is too large", "RFC 9112, 3";
    /// Not method, space, target, space, version.
    InvalidRequestLine => 400, "Invalid HTTP request line", "RFC 9112, 3";
    /// Not a token, or not what methods usually look like.
    InvalidMethod => 400, "Invalid HTTP method", "RFC 9110, 9.1";
    /// CONNECT, while `permit_connect` is not set.
    ConnectNotPermitted => 501, "The method CONNECT is not served", "permit_connect";
    /// Extended CONNECT for something that is not served.
    UnknownProtocol => 501, "CONNECT with a :protocol other than websocket is not served", "RFC 8441, 4";
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

    // What only HTTP/2 has. The status is what the access log gets to see: the peer gets the code.

    /// Not what a client of HTTP/2 sends first.
    InvalidPreface => 400, "Invalid HTTP/2 connection preface", "RFC 9113, 3.4";
    /// HTTP/1, where `http2_cleartext` wants HTTP/2.
    MissingPreface => 400, "HTTP/1 was sent where HTTP/2 is expected", "http2_cleartext";
    /// The value of HTTP2-Settings is not base64url of settings.
    InvalidUpgradeSettings => 400, "Invalid HTTP2-Settings header", "RFC 7540, 3.2.1";
    /// The first frame is another one.
    SettingsExpected => 400, "HTTP/2 connection does not begin with SETTINGS", "RFC 9113, 3.4";
    /// Larger than `http2_max_frame_size`.
    FrameTooLarge => 400, "HTTP/2 frame is too large", "RFC 9113, 4.2";
    /// A length that this type of frame does not have.
    InvalidFrameSize => 400, "HTTP/2 frame has a wrong length", "RFC 9113, 4.2";
    /// As much padding as there are bytes in the frame, or more.
    InvalidPadding => 400, "Invalid padding of an HTTP/2 frame", "RFC 9113, 6.1";
    /// Stream 0 where there must be another one, or the other way round.
    FrameOnWrongStream => 400, "HTTP/2 frame on a stream of the wrong kind", "RFC 9113, 5.1.1";
    /// A stream with an even number, or with one that is not above those before.
    InvalidStreamId => 400, "Invalid HTTP/2 stream identifier", "RFC 9113, 5.1.1";
    /// Something other than HEADERS on a stream that was not opened.
    FrameOnIdleStream => 400, "HTTP/2 frame on an idle stream", "RFC 9113, 5.1";
    /// HEADERS or DATA behind the end of a stream.
    FrameOnClosedStream => 400, "HTTP/2 frame on a closed stream", "RFC 9113, 5.1";
    /// `PUSH_PROMISE` of a client.
    UnexpectedPush => 400, "A client of HTTP/2 cannot push", "RFC 9113, 8.4";
    /// Another frame between HEADERS and the last CONTINUATION.
    HeaderBlockInterrupted => 400, "HTTP/2 header block is interrupted", "RFC 9113, 6.10";
    /// CONTINUATION where no header block is open.
    UnexpectedContinuation => 400, "CONTINUATION without a header block", "RFC 9113, 6.10";
    /// A priority that depends on its own stream.
    SelfDependency => 400, "HTTP/2 stream depends on itself", "RFC 7540, 5.3.1";
    /// A priority of RFC 9218 for a stream that no client opens, or for none.
    InvalidPriorityUpdate => 400, "Invalid PRIORITY_UPDATE", "RFC 9218, 7.1";
    /// A setting with a value that it does not have.
    InvalidSetting => 400, "Invalid value of an HTTP/2 setting", "RFC 9113, 6.5.2";
    /// An initial window that is too large.
    InvalidInitialWindow => 400, "HTTP/2 initial window is too large", "RFC 9113, 6.5.2";
    /// A window that grows by nothing.
    EmptyWindowUpdate => 400, "WINDOW_UPDATE of 0", "RFC 9113, 6.9";
    /// A window that grows beyond 2^31 - 1.
    WindowOverflow => 400, "HTTP/2 flow-control window is too large", "RFC 9113, 6.9.1";
    /// More data than the window allows.
    WindowExceeded => 400, "More HTTP/2 data than the window allows", "RFC 9113, 6.9.1";
    /// A header block ends within a field.
    HeaderBlockCutShort => 400, "HTTP/2 header block is cut short", "RFC 7541, 5";
    /// No field has this index.
    InvalidHeaderIndex => 400, "Invalid index in an HTTP/2 header block", "RFC 7541, 2.3.3";
    /// An integer that nothing could need.
    HeaderIntegerTooLarge => 400, "Integer in an HTTP/2 header block is too large", "RFC 7541, 5.1";
    /// Padding of a string that is too long or not of ones, or the end within the string.
    InvalidHuffman => 400, "Invalid Huffman code in an HTTP/2 header block", "RFC 7541, 5.2";
    /// A table that is larger than was agreed on, or that changes behind a field.
    InvalidTableSize => 400, "Invalid dynamic table size in an HTTP/2 header block", "RFC 7541, 4.2";
    /// A name that is no token in lower case.
    MalformedFieldName => 400, "Malformed HTTP/2 field name", "RFC 9113, 8.2.1";
    /// A control character in a value, or white space around it.
    MalformedFieldValue => 400, "Malformed HTTP/2 field value", "RFC 9113, 8.2.1";
    /// Connection, or another field of HTTP/1 connections.
    ConnectionSpecificField => 400, "Connection-specific field in HTTP/2", "RFC 9113, 8.2.2";
    /// A pseudo-header field that is unknown, repeated, or behind others.
    InvalidPseudoField => 400, "Invalid HTTP/2 pseudo-header field", "RFC 9113, 8.3";
    /// A pseudo-header field that the request must have or must not have is missing or there.
    WrongPseudoFields => 400, "HTTP/2 request with the wrong pseudo-header fields", "RFC 9113, 8.3.1";
    /// Host names another one than `:authority`.
    ContradictoryHost => 400, "Host differs from :authority", "RFC 9113, 8.3.1";
    /// HEADERS behind the body that do not end the stream.
    TrailersWithoutEnd => 400, "HTTP/2 trailers do not end the stream", "RFC 9113, 8.1";
    /// More or less data than Content-Length says.
    ContentLengthMismatch => 400, "HTTP/2 data differ from Content-Length", "RFC 9113, 8.1.1";
    /// More streams at a time than `http2_max_concurrent_streams`.
    TooManyStreams => 400, "Too many HTTP/2 streams at a time", "RFC 9113, 5.1.2";
    /// A request beside others, whose heads would keep much memory together.
    HeadsTooLarge => 400, "Heads of HTTP/2 requests are too large together", "RFC 9113, 10.5.1";
    /// A header block that is beyond all limits.
    HeaderBlockTooLarge => 400, "HTTP/2 header block is too large", "RFC 9113, 10.5.1";
    /// A header block in more pieces than there is a use for.
    TooManyContinuations => 400, "Too many CONTINUATION frames", "RFC 9113, 10.5";
    /// Streams that are given up again and again.
    TooManyResets => 400, "Too many HTTP/2 streams were reset", "RFC 9113, 10.5";
    /// PING and SETTINGS, each of which is answered.
    TooManyPings => 400, "Too many PING or SETTINGS frames", "RFC 9113, 10.5";
    /// DATA without data.
    TooManyEmptyFrames => 400, "Too many empty DATA frames", "RFC 9113, 10.5";
    /// PRIORITY, unknown and late frames, which do nothing.
    TooManyIdleFrames => 400, "Too many HTTP/2 frames without effect", "RFC 9113, 10.5";
    /// Far more of them than there was data.
    TooManyWindowUpdates => 400, "Too many WINDOW_UPDATE frames", "RFC 9113, 10.5";
    /// The peer makes the server answer and does not read.
    UnreadAnswers => 400, "The client does not read answers to HTTP/2 frames", "RFC 9113, 10.5";
}

impl Reject {
    /// The error code that the peer gets if only HTTP/2 has this reason; else the status is for the
    /// peer, with HTTP/2 as with HTTP/1.
    pub const fn code(self) -> Option<ErrorCode> {
        code::of(self)
    }

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
