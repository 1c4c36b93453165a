//! A request head: its bytes in one buffer, everything else as spans into it.
//!
//! Order and repetition of fields are kept. Filled by `h1::request`; its readers need no
//! knowledge of the syntax any more.

use core::net::IpAddr;
use std::borrow::Cow;

use crate::h2;
use crate::known::{Known, KnownMethod};
use crate::parts::{Announced, Entry, Meaning, Param, Path, RequestLine};

/// The version that a request's rules follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0 (and what claims to be older, where that is permitted).
    Http10,
    /// HTTP/1.1 (and what claims to be newer, where that is permitted).
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// As it was sent.
    pub name: &'a [u8],
    /// Without the white space around it.
    pub value: &'a [u8],
    /// The number of a name that is met every day.
    pub known: Option<Known>,
}

/// A request head that owns its bytes. Reused for the next request, it keeps its buffers.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    pub(crate) bytes: Vec<u8>,
    pub(crate) line: RequestLine,
    pub(crate) entries: Vec<Entry>,
    /// Bits of the known names that occur.
    pub(crate) seen: u128,
    /// Bits of the known names that occur more than once.
    pub(crate) repeated: u128,
    pub(crate) meaning: Meaning,
    /// Variables of a web server beside the fields.
    pub(crate) params: Vec<Param>,
    /// Everything above belongs to one complete head, read from such a peer.
    pub(crate) complete: Option<Sender>,
}

/// What decides, besides the bytes, how a head is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The peer is in `forwarded_allow_ips`.
    pub(crate) trusted: bool,
    /// The peer is on a unix socket.
    pub(crate) local: bool,
}

impl RequestHead {
    /// Whether `input` begins with the very bytes that are here already, from an equal peer: then
    /// nothing has to be read again. Clients on a kept connection often repeat themselves.
    #[inline]
    pub(crate) fn begins(&self, input: &[u8], sender: Sender) -> bool {
        self.complete == Some(sender) && input.starts_with(&self.bytes)
    }

    /// The method; in upper case if `casefold_http_method` is set.
    pub fn method(&self) -> &[u8] {
        self.line.method.of(&self.bytes)
    }

    /// The method, if it is one of the usual ones.
    pub fn known_method(&self) -> Option<KnownMethod> {
        self.line.known_method
    }

    /// The target exactly as it was sent.
    pub fn target(&self) -> &[u8] {
        self.line.target.of(&self.bytes)
    }

    /// The path, still percent-encoded: empty in authority form, `*` in asterisk form.
    pub fn path(&self) -> &[u8] {
        match self.line.parts.path {
            Path::Sent(span) => span.of(&self.bytes),
            Path::Implied(path) => path.as_bytes(),
        }
    }

    /// Where the application is (`SCRIPT_NAME`), where a web server says it in variables: the path begins
    /// with it, and is not that of the target if it was rewritten.
    #[inline]
    pub fn script_name(&self) -> Option<&[u8]> {
        self.line.parts.script_name.map(|span| span.of(&self.bytes))
    }

    /// Variables of a web server that are no fields of the client's: name and value.
    pub fn params(&self) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        let bytes = &self.bytes;
        let of = |param: &Param| (param.name.of(bytes), param.value.of(bytes));
        self.params.iter().map(of)
    }

    /// What follows the `?`, without a fragment; empty if there is nothing.
    pub fn query(&self) -> &[u8] {
        self.line.parts.query.of(&self.bytes)
    }

    /// The authority of a target in absolute or authority form: it replaces Host
    /// (RFC 9112, section 3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        self.line.parts.authority.map(|span| span.of(&self.bytes))
    }

    /// The version whose rules the request follows.
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// The version as it was sent, `HTTP/1.1`: for `SERVER_PROTOCOL`, never for a response.
    pub fn protocol(&self) -> &[u8] {
        self.line.protocol.of(&self.bytes)
    }

    /// The header lines in the order in which they came, without those that `header_map` drops.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> + '_ {
        self.entries.iter().map(|entry| self.field(entry))
    }

    /// The header lines of one name, in any case.
    pub fn fields_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = Field<'a>> + 'a {
        let entries = self
            .entries
            .iter()
            .filter(|entry| entry.name.len() == name.len());
        let fields = entries.map(|entry| self.field(entry));
        fields.filter(|field| field.name.eq_ignore_ascii_case(name))
    }

    fn field(&self, entry: &Entry) -> Field<'_> {
        Field {
            name: entry.name.of(&self.bytes),
            value: entry.value.of(&self.bytes),
            known: entry.known,
        }
    }

    /// The value of the first line of this name.
    pub fn get(&self, known: Known) -> Option<&[u8]> {
        if self.seen & known.bit() == 0 {
            return None;
        }
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.known == Some(known))?;
        Some(entry.value.of(&self.bytes))
    }

    /// Whether this name has more than one line.
    #[inline]
    pub fn repeats(&self, known: Known) -> bool {
        self.repeated & known.bit() != 0
    }

    /// The length that the request announces.
    pub fn content_length(&self) -> Option<u64> {
        match self.meaning.body {
            Announced::Length(length) => Some(length),
            Announced::Nothing | Announced::Chunked | Announced::UntilEnd => None,
        }
    }

    /// Whether the body comes in chunks.
    pub fn chunked(&self) -> bool {
        self.meaning.body == Announced::Chunked
    }

    /// Whether only its end says how long the body is: it comes in chunks, or until the stream ends.
    pub fn length_unknown(&self) -> bool {
        matches!(self.meaning.body, Announced::Chunked | Announced::UntilEnd)
    }

    /// Whether a body follows that is not empty by announcement.
    pub fn has_body(&self) -> bool {
        !matches!(self.meaning.body, Announced::Nothing | Announced::Length(0))
    }

    /// Whether the request allows another one after it on the same connection.
    pub fn keep_alive(&self) -> bool {
        self.meaning.keep_alive
    }

    /// Whether the peer holds its body back until it gets `100 Continue`.
    pub fn expect_continue(&self) -> bool {
        self.meaning.expect_continue
    }

    /// Whether the peer wants to leave HTTP: Upgrade with `Connection: upgrade`, or CONNECT.
    pub fn upgrade(&self) -> bool {
        self.meaning.upgrade
    }

    /// The protocol that extended CONNECT asks for (RFC 8441, section 4): then there are a path and a
    /// host as with any request.
    pub fn connect_protocol(&self) -> Option<&[u8]> {
        let protocol = self.meaning.protocol?;
        Some(protocol.of(&self.bytes))
    }

    /// The answer is sent in records, which end it.
    pub fn in_records(&self) -> bool {
        self.meaning.records
    }

    /// What its fields say of where it came from counts (`forwarded_allow_ips`).
    #[inline]
    pub fn trusted(&self) -> bool {
        self.complete.is_some_and(|sender| sender.trusted)
    }

    /// What trusted scheme headers say; `None` if they are silent.
    pub fn https(&self) -> Option<bool> {
        self.meaning.came.https
    }

    /// The client that a trusted peer names, where `client_address` lets it.
    pub fn client(&self) -> Option<(IpAddr, Option<u16>)> {
        self.meaning.came.client
    }

    /// The host that was asked for: of the target (RFC 9112, section 3.2.2), else what a trusted
    /// `Forwarded` says, else Host.
    pub fn host(&self) -> Option<&[u8]> {
        self.replaced_host().or_else(|| self.get(Known::Host))
    }

    /// What replaces Host, if anything does.
    pub fn replaced_host(&self) -> Option<&[u8]> {
        let said = self.meaning.came.host.map(|span| span.of(&self.bytes));
        self.authority().or(said)
    }

    /// The name of a header that would have said how the request came, had a trusted peer sent it.
    #[inline]
    pub fn ignored_forwarded_header(&self) -> Option<&[u8]> {
        let name = self.meaning.came.ignored?;
        Some(name.of(&self.bytes))
    }

    /// The bytes of the head, from the method to the empty line, or what stands for them with HTTP/2:
    /// two requests with the same bytes say the same.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// The head as HTTP/1.1 carries it, or would carry it.
    pub fn as_http1(&self) -> Cow<'_, [u8]> {
        match self.version() {
            Version::Http10 | Version::Http11 => Cow::Borrowed(&self.bytes),
            Version::Http2 => Cow::Owned(h2::head::as_http1(self)),
        }
    }

    /// Bytes that the head took up, from the method to the empty line.
    pub fn raw_len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets a request that is refused, but for its method, if that was read: it decides whether
    /// the page has content (RFC 9110, section 9.3.2).
    #[cold]
    pub(crate) fn refused(&mut self, method: Option<KnownMethod>) {
        self.clear();
        self.line.known_method = method;
    }

    /// Forgets the request, keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.params.clear();
        self.complete = None;
        self.line = RequestLine::default();
        self.meaning = Meaning::default();
        self.seen = 0;
        self.repeated = 0;
    }

    /// Adds a header line.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry) {
        if let Some(known) = entry.known {
            let bit = known.bit();
            self.repeated |= self.seen & bit;
            self.seen |= bit;
        }
        self.entries.push(entry);
    }
}
