//! A request head: its bytes in one buffer, everything else as spans into it.

use crate::known::{Known, KnownMethod};

/// The version that a request's rules follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0 (and what claims to be older, where that is permitted).
    Http10,
    /// HTTP/1.1 (and what claims to be newer, where that is permitted).
    #[default]
    Http11,
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
    bytes: Vec<u8>,
}

impl RequestHead {
    /// The method; in upper case if `casefold_http_method` is set.
    pub fn method(&self) -> &[u8] {
        &self.bytes
    }

    /// The method, if it is one of the usual ones.
    pub fn known_method(&self) -> Option<KnownMethod> {
        None
    }

    /// The target exactly as it was sent.
    pub fn target(&self) -> &[u8] {
        &self.bytes
    }

    /// The path, still percent-encoded: empty in authority form, `*` in asterisk form.
    pub fn path(&self) -> &[u8] {
        &self.bytes
    }

    /// What follows the `?`, without a fragment; empty if there is nothing.
    pub fn query(&self) -> &[u8] {
        &self.bytes
    }

    /// The authority of a target in absolute or authority form: it replaces Host
    /// (RFC 9112, section 3.2.2).
    pub fn authority(&self) -> Option<&[u8]> {
        None
    }

    /// The version whose rules the request follows.
    pub fn version(&self) -> Version {
        Version::Http11
    }

    /// The version as it was sent, `HTTP/1.1`: for `SERVER_PROTOCOL`, never for a response.
    pub fn protocol(&self) -> &[u8] {
        &self.bytes
    }

    /// The header lines in the order in which they came, without those that `header_map` drops.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + '_ {
        core::iter::empty::<Field>()
    }

    /// The value of the first line of this name.
    pub fn get(&self, known: Known) -> Option<&[u8]> {
        self.fields()
            .find(|field| field.known == Some(known))
            .map(|field| field.value)
    }

    /// The length that the request announces.
    pub fn content_length(&self) -> Option<u64> {
        None
    }

    /// Whether the body comes in chunks.
    pub fn chunked(&self) -> bool {
        false
    }

    /// Whether a body follows that is not empty by announcement.
    pub fn has_body(&self) -> bool {
        false
    }

    /// Whether the request allows another one after it on the same connection.
    pub fn keep_alive(&self) -> bool {
        false
    }

    /// Whether the peer holds its body back until it gets `100 Continue`.
    pub fn expect_continue(&self) -> bool {
        false
    }

    /// Whether the peer wants to leave HTTP: Upgrade with `Connection: upgrade`, or CONNECT.
    pub fn upgrade(&self) -> bool {
        false
    }

    /// What trusted scheme headers say; `None` if they are silent.
    pub fn https(&self) -> Option<bool> {
        None
    }

    /// Bytes that the head took up, from the method to the empty line.
    pub fn raw_len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the request, keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}
