//! Responses as bytes: status line, fields, framing, chunks (RFC 9110, section 15; RFC 9112, 6).
//!
//! What comes from the application is checked here and nowhere else, so that nothing of it can break
//! a line. Connection, framing, Server and Date are the server's: the application's are dropped.

use super::framing::{self, BodyFraming, ResponseFacts};
use super::misuse::Misuse;
use super::server::{Persistence, ServerFields};
use crate::chars;
use crate::head::Version;

/// What the response has to know about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The status line, then the application's fields.
    bytes: Vec<u8>,
    /// Where the fields start.
    fields: usize,
    /// 0 before the start.
    status: u16,
    length: Option<u64>,
    connection: Option<Persistence>,
}

impl ResponseDraft {
    /// Begins a head, forgetting the one before; `status` is `200 OK`.
    pub fn start(&mut self, status: &[u8]) -> Result<(), Misuse> {
        self.clear();
        let code = status_code(status)?;
        // The server's own version, whatever the request's was (RFC 9110, section 6.2).
        self.bytes.extend_from_slice(b"HTTP/1.1 ");
        self.bytes.extend_from_slice(status);
        self.bytes
            .extend_from_slice(if status.len() == 3 { b" \r\n" } else { b"\r\n" });
        self.fields = self.bytes.len();
        self.status = code;
        Ok(())
    }

    /// Adds a header line.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        if self.status == 0 {
            return Err(Misuse::NotStarted);
        }
        check_field(name, value)?;
        match Owner::of(name) {
            Owner::Application => push_line(&mut self.bytes, name, value),
            Owner::Upgrade if chars::trim(value).eq_ignore_ascii_case(b"websocket") => {
                push_line(&mut self.bytes, name, value);
            }
            Owner::Server | Owner::Upgrade => {}
            Owner::Connection => self.connection(value),
            Owner::Length => return self.length(value),
        }
        Ok(())
    }

    /// The status code; 0 before the start.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The length that the application announced.
    pub fn content_length(&self) -> Option<u64> {
        self.length
    }

    /// Whether there is a status.
    pub fn started(&self) -> bool {
        self.status != 0
    }

    /// Forgets everything, keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields = 0;
        self.status = 0;
        self.length = None;
        self.connection = None;
    }

    /// Completes the head and appends it to `out`. The draft must have been started.
    pub fn finish(
        &mut self,
        request: RequestFacts,
        body: BodySize,
        server: &ServerFields,
        out: &mut Vec<u8>,
    ) -> ResponseFraming {
        let length = self.announced(request, body);
        let framing = framing::response(ResponseFacts {
            version: request.version,
            status: self.status,
            head_method: request.head_method,
            connect: request.connect,
            length,
        });
        let persistence = self.persistence(request, framing);

        let (line, fields) = self.bytes.split_at_checked(self.fields).unwrap_or_default();
        let own = server.block(persistence);
        out.reserve(line.len() + own.len() + fields.len() + 64);
        out.extend_from_slice(line);
        out.extend_from_slice(own);
        if let Some(length) = length {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        } else if framing == BodyFraming::Chunked {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        out.extend_from_slice(fields);
        out.extend_from_slice(b"\r\n");
        ResponseFraming {
            body: framing,
            keep_alive: persistence == Persistence::KeepAlive,
        }
    }

    /// The Content-Length to be sent (RFC 9110, section 8.6).
    fn announced(&self, request: RequestFacts, body: BodySize) -> Option<u64> {
        match (self.status, body) {
            (100..=199 | 204, _) => None,
            (200..=299, _) if request.connect => None,
            (_, _) if self.length.is_some() => self.length,
            // What a GET would have had is not known from a body that was left out.
            (304, _) | (_, BodySize::Unknown) => None,
            (_, BodySize::Known(0)) if request.head_method => None,
            (_, BodySize::Known(length)) => Some(length),
        }
    }

    /// Whether another request may follow, as the Connection field says it.
    fn persistence(&self, request: RequestFacts, framing: BodyFraming) -> Persistence {
        match self.connection {
            // The bytes behind the head mean something else (RFC 9110, section 15.2.2).
            _ if self.status == 101 => Persistence::Switch,
            Some(asked) => asked,
            None if !request.keep_alive || framing == BodyFraming::UntilClose => Persistence::Close,
            None => Persistence::KeepAlive,
        }
    }

    /// Of the application's Connection two options count: it may close, and it may upgrade.
    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(chars::trim) {
            if option.eq_ignore_ascii_case(b"upgrade") {
                self.connection = Some(Persistence::Offer);
            } else if option.eq_ignore_ascii_case(b"close") && self.connection.is_none() {
                self.connection = Some(Persistence::Close);
            }
        }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Misuse> {
        let length = chars::decimal(chars::trim(value)).ok_or(Misuse::InvalidContentLength)?;
        match self.length {
            Some(before) if before != length => Err(Misuse::ConflictingContentLength),
            _ => {
                self.length = Some(length);
                Ok(())
            }
        }
    }
}

/// Appends the line before a chunk of `len` bytes. `len` must not be 0: that would end the body.
pub fn chunk_start(out: &mut Vec<u8>, len: usize) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = len >> (place * 4) & 0xf;
        out.extend(b"0123456789abcdef".get(digit));
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends an interim response, `103 Early Hints`, or nothing if something in it is invalid.
/// 101 is none: it is final for HTTP/1.
pub fn interim<'a>(
    out: &mut Vec<u8>,
    status: &[u8],
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    if !matches!(status_code(status)?, 100 | 102..=199) {
        return Err(Misuse::InvalidStatus);
    }
    let before = out.len();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status);
    out.extend_from_slice(if status.len() == 3 { b" \r\n" } else { b"\r\n" });
    for (name, value) in fields {
        if let Err(misuse) = check_field(name, value) {
            out.truncate(before);
            return Err(misuse);
        }
        // An interim response has no framing, and says nothing about the connection.
        if Owner::of(name) == Owner::Application {
            push_line(out, name, value);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a number.
pub(super) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut len = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        len += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - len..).unwrap_or_default());
}

fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// `NNN` or `NNN reason`, from 100 on.
fn status_code(status: &[u8]) -> Result<u16, Misuse> {
    let (digits, reason) = match status {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => (status, &b""[..]),
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', reason @ ..] => (status, reason),
        _ => return Err(Misuse::InvalidStatus),
    };
    if chars::field_text(reason) != reason.len() {
        return Err(Misuse::InvalidStatus);
    }
    Ok(digits
        .iter()
        .take(3)
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

/// A name is a token, a value has no control characters (RFC 9110, sections 5.1 and 5.5).
fn check_field(name: &[u8], value: &[u8]) -> Result<(), Misuse> {
    if !chars::is_token(name) {
        return Err(Misuse::InvalidFieldName);
    }
    if chars::field_text(value) != value.len() {
        return Err(Misuse::InvalidFieldValue);
    }
    Ok(())
}

/// Whose a response field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Application,
    /// Written by the server, or meaningful for one hop only (RFC 9110, section 7.6.1).
    Server,
    Connection,
    Upgrade,
    Length,
}

impl Owner {
    #[inline]
    fn of(name: &[u8]) -> Self {
        let is = |lower: &[u8]| chars::eq_lower(name, lower);
        match name.len() {
            2 if is(b"te") => Self::Server,
            4 if is(b"date") => Self::Server,
            6 if is(b"server") => Self::Server,
            7 if is(b"trailer") => Self::Server,
            7 if is(b"upgrade") => Self::Upgrade,
            8 if is(b"trailers") => Self::Server,
            10 if is(b"connection") => Self::Connection,
            10 if is(b"keep-alive") => Self::Server,
            14 if is(b"content-length") => Self::Length,
            16 if is(b"proxy-connection") => Self::Server,
            17 if is(b"transfer-encoding") => Self::Server,
            18 if is(b"proxy-authenticate") => Self::Server,
            19 if is(b"proxy-authorization") => Self::Server,
            _ => Self::Application,
        }
    }
}

#[cfg(test)]
mod tests;
