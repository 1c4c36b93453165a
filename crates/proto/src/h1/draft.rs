//! A response head under construction (RFC 9110, section 15; RFC 9112, section 6).
//!
//! What comes from the application is checked on its way in, so that nothing of it can break a line.
//! Connection, framing, Server and Date are the server's: the application's are dropped.

use super::encode::{push_decimal, push_line, push_status};
use super::framing::{self, BodyFraming, ResponseFacts};
use super::misuse::Misuse;
use super::owner::{Owner, check_field, status_code};
use super::server::{Persistence, ServerFields};
use crate::chars;
use crate::head::Version;

/// What the response has to know about its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent fact"
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
    /// The response is sent in records: they end it, and Connection says nothing.
    pub records: bool,
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
pub(super) struct ResponseFraming {
    /// How the body is sent.
    pub(super) body: BodyFraming,
    /// Whether the connection stays open after it.
    pub(super) keep_alive: bool,
}

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
    /// Trailers will follow the body: the application may announce which.
    trailers: bool,
    /// The application says Strict-Transport-Security itself.
    hsts: bool,
}

impl ResponseDraft {
    /// Begins a head, forgetting the one before; `status` is `200 OK`.
    pub fn start(&mut self, status: &[u8]) -> Result<(), Misuse> {
        self.clear();
        let code = status_code(status)?;
        push_status(&mut self.bytes, status);
        self.fields = self.bytes.len();
        self.status = code;
        Ok(())
    }

    /// Adds a header line.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        if self.status == 0 {
            return Err(Misuse::NotStarted);
        }
        let owner = Owner::of(name);
        if owner == Owner::Length {
            // A number, which is written anew: nothing of this line is.
            return self.length(value);
        }
        check_field(name, value)?;
        match owner {
            Owner::Application => push_line(&mut self.bytes, name, value),
            Owner::Hsts => {
                self.hsts = true;
                push_line(&mut self.bytes, name, value);
            }
            Owner::Upgrade if chars::trim(value).eq_ignore_ascii_case(b"websocket") => {
                push_line(&mut self.bytes, name, value);
            }
            Owner::Server if self.trailers && name.eq_ignore_ascii_case(b"trailer") => {
                push_line(&mut self.bytes, name, value);
            }
            Owner::Server | Owner::Upgrade | Owner::Length => {}
            Owner::Connection => self.connection(value),
        }
        Ok(())
    }

    /// Trailers will follow the body: a Trailer field is sent (RFC 9110, section 6.6.2).
    pub fn expect_trailers(&mut self) {
        self.trailers = true;
    }

    /// Whether the application has given a field of this name, which is in lower case.
    pub fn has_field(&self, lower: &[u8]) -> bool {
        let lines = self.bytes.get(self.fields..).unwrap_or_default();
        lines.split(|&byte| byte == b'\n').any(|line| {
            let name = line.split(|&byte| byte == b':').next();
            name.is_some_and(|name| chars::eq_lower(name, lower))
        })
    }

    /// The status line and the fields of the application.
    pub(super) fn lines(&self) -> &[u8] {
        &self.bytes
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

    /// Forgets status line and fields, with their buffer.
    pub(super) fn trim(&mut self) {
        self.bytes = Vec::new();
        self.fields = 0;
    }

    /// Forgets everything, keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields = 0;
        self.status = 0;
        self.length = None;
        self.connection = None;
        self.trailers = false;
        self.hsts = false;
    }

    /// Whether the server's own Strict-Transport-Security is left out.
    pub(super) fn has_hsts(&self) -> bool {
        self.hsts
    }

    /// Completes the head and appends it to `out`. The draft must have been started.
    pub(super) fn finish(
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
        let own = server.block(persistence, !self.hsts);
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
            keep_alive: match persistence {
                Persistence::Unsaid => request.keep_alive,
                other => other == Persistence::KeepAlive,
            },
        }
    }

    /// The Content-Length to be sent (RFC 9110, section 8.6).
    pub(super) fn announced(&self, request: RequestFacts, body: BodySize) -> Option<u64> {
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
            _ if request.records => Persistence::Unsaid,
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

#[cfg(test)]
mod tests;
