//! From a header block to a request head that looks as any other (RFC 9113, sections 8.2 and 8.3).
//!
//! The decoder writes each field where it stays: into the head's one buffer.

use super::config::Config;
use super::hpack::{Block, Decoder, Line};
use crate::chars;
use crate::head::{RequestHead, Sender, Version};
use crate::known::{Known, KnownMethod};
use crate::limits::Policy;
use crate::parts::{Announced, Entry, RequestLine, Span};
use crate::reject::Reject;
use crate::semantics::{meaning, method, target};

/// What the buffer begins with: the protocol for `SERVER_PROTOCOL`, and the name that `:authority`
/// goes by.
const FRONT: &[u8] = b"HTTP/2 host\r\n";
/// The same for a request that goes on behind its head: the bytes of a head tell it from others.
const FRONT_WITH_BODY: &[u8] = b"HTTP/2 host, body\r\n";
const PROTOCOL: Span = Span::new(0, 6);
const HOST: Span = Span::new(7, 11);
/// What a request line has beside method and target: two spaces, `HTTP/2` and CRLF.
const LINE_OVERHEAD: usize = 10;
/// What a line of HTTP/1 has beside name and value: the limits count it.
const FIELD_OVERHEAD: usize = 4;

/// Bytes that a connection keeps for the fields of the next trailers.
const KEPT: usize = 1024;

/// Fields of an HTTP/1 connection (section 8.2.2).
pub(super) const CONNECTION_SPECIFIC: u128 = Known::Connection.bit()
    | Known::ProxyConnection.bit()
    | Known::KeepAlive.bit()
    | Known::TransferEncoding.bit()
    | Known::Upgrade.bit();

/// A header block is read under these rules.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) policy: &'a Policy,
    pub(super) config: &'a Config,
    pub(super) sender: Sender,
    /// `END_STREAM`: there is no body.
    pub(super) end: bool,
}

/// The pseudo-header fields of a request (section 8.3.1).
#[derive(Clone, Copy, Default)]
struct Pseudo {
    method: Option<Span>,
    scheme: Option<Span>,
    authority: Option<Span>,
    path: Option<Span>,
    protocol: Option<Span>,
}

/// How much of a block was read.
#[derive(Clone, Copy, Default)]
struct Count {
    /// As `SETTINGS_MAX_HEADER_LIST_SIZE` counts.
    list: usize,
    fields: usize,
}

impl Reading<'_> {
    /// Reads the head of a request. What is wrong with the block is a connection error; what is
    /// wrong with the request is the answer: with a code it is malformed, else it is refused. Of a
    /// head that is wrong the method stays, if it was read before what is wrong.
    pub(super) fn request(
        &self,
        decoder: &mut Decoder,
        block: &[u8],
        head: &mut RequestHead,
    ) -> Result<Option<Reject>, Reject> {
        head.clear();
        let front = if self.end { FRONT } else { FRONT_WITH_BODY };
        head.bytes.extend_from_slice(front);
        let mut block = Block::new(block);
        let (mut count, mut pseudo, mut wrong) = (Count::default(), Pseudo::default(), None);
        while let Some(line) = decoder.next(&mut block, &mut head.bytes)? {
            count.list += line.size();
            if wrong.is_none() {
                wrong = self.field(line, &mut count, &mut pseudo, head).err();
                if wrong.is_some() {
                    self.forget(&pseudo, head);
                }
            }
            if wrong.is_some() {
                self.within_cap(&count)?;
                head.bytes.clear();
            }
        }
        if wrong.is_none() {
            wrong = self.complete(pseudo, head).err();
            if wrong.is_some() {
                self.forget(&pseudo, head);
            }
        }
        Ok(wrong)
    }

    /// Of a head that is wrong the method stays.
    #[cold]
    fn forget(&self, pseudo: &Pseudo, head: &mut RequestHead) {
        let method = pseudo.method.map(|method| method.of(&head.bytes));
        let known = method.map(|method| method::recognise(method, &self.policy.permissions));
        head.refused(known.and_then(Result::ok).flatten());
    }

    /// Reads trailers, or a block of which nothing is wanted.
    pub(super) fn trailers(
        &self,
        decoder: &mut Decoder,
        block: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Reject>, Reject> {
        let mut block = Block::new(block);
        let (mut count, mut wrong) = (Count::default(), None);
        scratch.clear();
        while let Some(line) = decoder.next(&mut block, scratch)? {
            count.list += line.size();
            let judged = self.trailer(line, &mut count, scratch);
            wrong = wrong.or(judged.err());
            self.within_cap(&count)?;
            scratch.clear();
        }
        scratch.shrink_to(KEPT);
        Ok(wrong)
    }

    /// One field of a head.
    #[inline]
    fn field(
        &self,
        line: Line,
        count: &mut Count,
        pseudo: &mut Pseudo,
        head: &mut RequestHead,
    ) -> Result<(), Reject> {
        if count.list > self.config.list() {
            return Err(Reject::FieldTooLarge);
        }
        if line.name.of(&head.bytes).starts_with(b":") {
            return pseudo_field(line, count, pseudo, head);
        }
        // A cookie may come in any number of fields, which are one.
        let again = line.known == Some(Known::Cookie) && head.seen & Known::Cookie.bit() != 0;
        count.fields += usize::from(!again);
        self.fits(line, count)?;
        let underscore = check(line, &head.bytes)?;
        if underscore {
            let name = line.name.of(&head.bytes);
            if !self.policy.forwarding.admits(name, self.sender.trusted)? {
                // Its line stays in the buffer, where it can be explained.
                return Ok(());
            }
        }
        match line.known {
            Some(Known::Host) if pseudo.authority.is_some() => same_host(line, pseudo, head),
            Some(Known::Cookie) if join_cookie(line, head) => Ok(()),
            _ => {
                push(line.name, line, head);
                Ok(())
            }
        }
    }

    fn trailer(&self, line: Line, count: &mut Count, bytes: &[u8]) -> Result<(), Reject> {
        if count.list > self.config.list() {
            return Err(Reject::FieldTooLarge);
        }
        count.fields += 1;
        self.fits(line, count)?;
        if line.name.of(bytes).starts_with(b":") {
            return Err(Reject::InvalidPseudoField);
        }
        check(line, bytes).map(|_| ())
    }

    /// Whether a field that is no pseudo-header field is within the limits of HTTP/1.
    #[inline]
    fn fits(&self, line: Line, count: &Count) -> Result<(), Reject> {
        if count.fields > self.policy.limits.fields_or_default() {
            return Err(Reject::TooManyFields);
        }
        let size = line.name.len() + line.value.len() + FIELD_OVERHEAD;
        if size > self.policy.limits.field_size_or_default() {
            return Err(Reject::FieldTooLarge);
        }
        Ok(())
    }

    /// Whether it is worth to decode on, for the sake of the streams behind this one.
    fn within_cap(&self, count: &Count) -> Result<(), Reject> {
        if count.list > self.config.list_cap() {
            return Err(Reject::HeaderBlockTooLarge);
        }
        Ok(())
    }

    /// Understands a head whose fields were read.
    fn complete(&self, pseudo: Pseudo, head: &mut RequestHead) -> Result<(), Reject> {
        head.line = self.request_line(pseudo, head)?;
        if head.repeats(Known::Cookie) {
            join_cookies(head);
        }
        meaning::understand(head, self.policy, self.sender)?;
        let meaning = &mut head.meaning;
        meaning.keep_alive = true;
        meaning.protocol = pseudo.protocol;
        if self.end {
            if !matches!(meaning.body, Announced::UntilEnd | Announced::Length(0)) {
                return Err(Reject::ContentLengthMismatch);
            }
            if meaning.body == Announced::UntilEnd {
                meaning.body = Announced::Nothing;
            }
            meaning.expect_continue = false;
        }
        Ok(())
    }

    /// Which pseudo-header fields belong to which method (section 8.3.1; section 8.5 and RFC 8441,
    /// section 4, for CONNECT).
    fn request_line(&self, pseudo: Pseudo, head: &mut RequestHead) -> Result<RequestLine, Reject> {
        let permissions = &self.policy.permissions;
        let method = pseudo.method.ok_or(Reject::WrongPseudoFields)?;
        if !chars::is_token(method.of(&head.bytes)) {
            return Err(Reject::InvalidMethod);
        }
        let known_method = method::recognise(method.of(&head.bytes), permissions)?;
        if permissions.casefold_http_method {
            method.of_mut(&mut head.bytes).make_ascii_uppercase();
        }
        if pseudo.protocol.is_some()
            && (known_method != Some(KnownMethod::Connect) || !self.config.connect_protocol)
        {
            return Err(Reject::WrongPseudoFields);
        }
        if let Some(protocol) = pseudo.protocol
            && !protocol.of(&head.bytes).eq_ignore_ascii_case(b"websocket")
        {
            return Err(Reject::UnknownProtocol);
        }
        let connect = known_method == Some(KnownMethod::Connect) && pseudo.protocol.is_none();
        let target = match (connect, pseudo.scheme, pseudo.authority, pseudo.path) {
            (true, None, Some(authority), None) => authority,
            (false, Some(_), _, Some(path)) if path.len() > 0 => path,
            _ => return Err(Reject::WrongPseudoFields),
        };
        let text = target.of(&head.bytes);
        let size = method.len() + target.len() + LINE_OVERHEAD;
        if size > self.policy.limits.request_line_with_end() {
            return Err(Reject::RequestLineTooLong);
        }
        if chars::visible(text) != text.len() || !(connect || matches!(text, [b'/', ..] | b"*")) {
            return Err(Reject::InvalidTarget);
        }
        // With extended CONNECT the target is a path as with GET.
        let form = known_method.filter(|_| connect || pseudo.protocol.is_none());
        let parts = target::split(text, target.range().start, form, permissions)?;
        let authority = pseudo.authority.map(|authority| authority.of(&head.bytes));
        if authority.is_some_and(<[u8]>::is_empty) {
            return Err(Reject::InvalidHost);
        }
        Ok(RequestLine {
            method,
            known_method,
            target,
            parts,
            protocol: PROTOCOL,
            version: Version::Http2,
        })
    }
}

/// A pseudo-header field: one of the known ones, once, before all others (section 8.3).
fn pseudo_field(
    line: Line,
    count: &Count,
    pseudo: &mut Pseudo,
    head: &mut RequestHead,
) -> Result<(), Reject> {
    let (name, value) = (line.name.of(&head.bytes), line.value.of(&head.bytes));
    let place = match name {
        b":method" => &mut pseudo.method,
        b":scheme" if target::is_scheme(value) => &mut pseudo.scheme,
        b":authority" => &mut pseudo.authority,
        b":path" => &mut pseudo.path,
        b":protocol" if chars::is_token(value) => &mut pseudo.protocol,
        _ => return Err(Reject::InvalidPseudoField),
    };
    if count.fields > 0 || place.is_some() {
        return Err(Reject::InvalidPseudoField);
    }
    *place = Some(line.value);
    if name == b":authority" {
        let host = Line {
            known: Some(Known::Host),
            ..line
        };
        push(HOST, host, head);
    }
    Ok(())
}

/// A field that is not a pseudo-header field (sections 8.2.1 and 8.2.2). Whether its name contains
/// an underscore.
#[inline]
fn check(line: Line, bytes: &[u8]) -> Result<bool, Reject> {
    let (name, value) = (line.name.of(bytes), line.value.of(bytes));
    let underscore = match line.known {
        Some(known) if name == known.name().as_bytes() => false,
        Some(_) => return Err(Reject::MalformedFieldName),
        None => {
            let (len, underscore) = chars::token(name);
            if name.is_empty() || len < name.len() || name.iter().any(u8::is_ascii_uppercase) {
                return Err(Reject::MalformedFieldName);
            }
            underscore
        }
    };
    if chars::field_text(value) != value.len() || chars::trim(value).len() != value.len() {
        return Err(Reject::MalformedFieldValue);
    }
    if let Some(known) = line.known {
        let odd_te = known == Known::Te && value != b"trailers";
        if CONNECTION_SPECIFIC & known.bit() != 0 || odd_te {
            return Err(Reject::ConnectionSpecificField);
        }
    }
    Ok(underscore)
}

fn push(name: Span, line: Line, head: &mut RequestHead) {
    head.push(Entry {
        name,
        value: line.value,
        known: line.known,
    });
}

/// Host beside `:authority` must say the same; it is not handed on twice.
fn same_host(line: Line, pseudo: &Pseudo, head: &mut RequestHead) -> Result<(), Reject> {
    let authority = pseudo.authority.unwrap_or_default();
    let (host, authority) = (line.value.of(&head.bytes), authority.of(&head.bytes));
    if !host.eq_ignore_ascii_case(authority) {
        return Err(Reject::ContradictoryHost);
    }
    head.bytes.truncate(line.name.range().start);
    Ok(())
}

/// Joins a cookie with the line before it if that is one, too (section 8.2.3).
fn join_cookie(line: Line, head: &mut RequestHead) -> bool {
    let RequestHead { entries, bytes, .. } = head;
    let Some(before) = entries.last_mut() else {
        return false;
    };
    let (end, start) = (before.value.range().end, line.name.range().start);
    if before.known != Some(Known::Cookie) || end + 2 != start {
        return false;
    }
    // What was the end of its line becomes the separator.
    let Some(separator) = bytes.get_mut(end..start) else {
        return false;
    };
    separator.copy_from_slice(b"; ");
    bytes.drain(start..line.value.range().start);
    before.value = Span::new(before.value.range().start, start + line.value.len());
    true
}

/// Joins cookies that other fields stand between, at the place of the first one. Their lines stay in
/// the buffer: no entry leads there.
#[cold]
fn join_cookies(head: &mut RequestHead) {
    let RequestHead { entries, bytes, .. } = head;
    let is_cookie = |entry: &Entry| entry.known == Some(Known::Cookie);
    let values = entries.iter().filter(|entry| is_cookie(entry));
    let values: Vec<&[u8]> = values.map(|entry| entry.value.of(bytes)).collect();
    let joined = values.join(&b"; "[..]);
    bytes.extend_from_slice(b"cookie: ");
    let value = Span::new(bytes.len(), bytes.len() + joined.len());
    bytes.extend_from_slice(&joined);
    bytes.extend_from_slice(b"\r\n");
    let mut first = true;
    entries.retain_mut(|entry| {
        if !is_cookie(entry) {
            return true;
        }
        entry.value = value;
        std::mem::take(&mut first)
    });
    head.repeated &= !Known::Cookie.bit();
}

/// A complete head as HTTP/1.1 would carry it, fields included that `header_map` drops.
pub(crate) fn as_http1(head: &RequestHead) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(head.bytes.len());
    // Extended CONNECT has the target of GET.
    let extended = head.meaning.protocol.is_some();
    let method = if extended { b"GET" } else { head.method() };
    for part in [method, b" ", head.target(), b" HTTP/1.1\r\n"] {
        bytes.extend_from_slice(part);
    }
    for line in head.bytes.split_inclusive(|byte| *byte == b'\n').skip(1) {
        if let Some(authority) = line.strip_prefix(b":authority") {
            bytes.extend_from_slice(b"host");
            bytes.extend_from_slice(authority);
        } else if !line.starts_with(b":") {
            bytes.extend_from_slice(line);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
