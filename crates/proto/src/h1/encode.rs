//! Responses as bytes.

use super::server::ServerFields;
use crate::head::Version;

/// What the application did wrong with its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// The status is not three digits with an optional reason phrase.
    InvalidStatus,
    /// A field name is not a token.
    InvalidFieldName,
    /// A field value holds a control character.
    InvalidFieldValue,
    /// Content-Length is not a number.
    InvalidContentLength,
    /// Two different Content-Length.
    ConflictingContentLength,
    /// A field before the status.
    NotStarted,
}

impl Misuse {
    /// One line for the exception. The value is not repeated: it may hold what must not be logged.
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidStatus => "Invalid response status",
            Self::InvalidFieldName => "Invalid response header name",
            Self::InvalidFieldValue => "Invalid response header value",
            Self::InvalidContentLength => "Invalid response Content-Length",
            Self::ConflictingContentLength => "Contradictory response Content-Length",
            Self::NotStarted => "Response header before the status",
        }
    }
}

/// What the response has to know about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three independent facts, named at each use"
)]
pub struct RequestFacts {
    /// The version of the request.
    pub version: Version,
    /// The method is HEAD.
    pub head_method: bool,
    /// The method is CONNECT.
    pub connect: bool,
    /// The request allows another one, and the server wants it.
    pub keep_alive: bool,
}

/// What is known about the body when the head leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySize {
    /// All of it is there.
    Known(u64),
    /// It comes piece by piece.
    Unknown,
}

/// How the body's end is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// No body follows; what the application gives is dropped.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks: [`chunk_start`], data, [`CHUNK_END`], in the end [`LAST_CHUNK`].
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// How a response has to go on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFraming {
    /// How the body is sent.
    pub body: BodyFraming,
    /// Whether the connection stays open after it.
    pub keep_alive: bool,
}

/// Ends the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Asks for the body (RFC 9110, section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A response head under construction; reused, it keeps its buffer.
#[derive(Clone, Debug, Default)]
pub struct ResponseDraft {
    bytes: Vec<u8>,
}

impl ResponseDraft {
    /// Begins a head, forgetting the one before; `status` is `200 OK`.
    pub fn start(&mut self, status: &[u8]) -> Result<(), Misuse> {
        let _ = status;
        Ok(())
    }

    /// Adds a header line.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        let _ = (name, value);
        Ok(())
    }

    /// The status code; 0 before the start.
    pub fn status(&self) -> u16 {
        0
    }

    /// The length that the application announced.
    pub fn content_length(&self) -> Option<u64> {
        None
    }

    /// Whether there is a status.
    pub fn started(&self) -> bool {
        false
    }

    /// Forgets everything, keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Completes the head and appends it to `out`.
    pub fn finish(
        &mut self,
        request: RequestFacts,
        body: BodySize,
        server: &ServerFields,
        out: &mut Vec<u8>,
    ) -> ResponseFraming {
        let _ = (request, body, server, out);
        ResponseFraming {
            body: BodyFraming::None,
            keep_alive: false,
        }
    }
}

/// Appends the line before a chunk of `len` bytes; `len` must not be 0.
pub fn chunk_start(out: &mut Vec<u8>, len: usize) {
    let _ = (out, len);
}

/// Appends an interim response, `103 Early Hints`, or nothing if something in it is invalid.
pub fn interim<'a>(
    out: &mut Vec<u8>,
    status: &[u8],
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    let _ = (out, status, fields.into_iter());
    Ok(())
}
