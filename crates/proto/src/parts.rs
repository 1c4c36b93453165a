//! What a request head is made of: spans into its bytes, and what was understood of them.
//!
//! Plain values that the parser fills and `RequestHead` reads; no rule of the protocol lives here.

use core::ops::Range;

use crate::forwarded::Came;
use crate::head::Version;
use crate::known::{Known, KnownMethod};

/// A piece of the head's bytes. Heads are far smaller than 4 GiB: `lines` sees to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "no head reaches 4 GiB")]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    #[inline]
    pub(crate) const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Where `part` lies, which must be a piece of `bytes`.
    pub(crate) fn of_part(bytes: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        Self::new(start, start.wrapping_add(part.len()))
    }

    pub(crate) fn of_mut(self, bytes: &mut [u8]) -> &mut [u8] {
        bytes
            .get_mut(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    #[inline]
    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The first `len` bytes of it.
    pub(crate) fn first(self, len: usize) -> Self {
        Self::new(self.start as usize, self.start as usize + len)
    }

    /// From the start of this one to the end of the other; an empty span counts for nothing.
    pub(crate) const fn to(self, other: Self) -> Self {
        match (self.start == self.end, other.start == other.end) {
            (true, _) => other,
            (_, true) => self,
            _ => Self {
                start: self.start,
                end: other.end,
            },
        }
    }
}

/// Where a header line's parts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) known: Option<Known>,
}

/// Where the request line's parts are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RequestLine {
    pub(crate) method: Span,
    pub(crate) known_method: Option<KnownMethod>,
    pub(crate) target: Span,
    pub(crate) parts: Target,
    pub(crate) protocol: Span,
    pub(crate) version: Version,
}

/// The parts of a request target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: Path,
    pub(crate) query: Span,
    pub(crate) authority: Option<Span>,
    /// Where the application is, as a web server has said it in variables.
    pub(crate) script_name: Option<Span>,
}

/// A variable of a web server that is no field and no part of the request line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// A path that was sent, or one that stands for an absent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Sent(Span),
    Implied(&'static str),
}

impl Default for Path {
    fn default() -> Self {
        Self::Implied("")
    }
}

/// What the fields say about the message and its connection.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent option that was understood"
)]
pub(crate) struct Meaning {
    pub(crate) body: Announced,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    pub(crate) upgrade: bool,
    /// Body and answer come in records.
    pub(crate) records: bool,
    pub(crate) came: Came,
    /// What extended CONNECT asks for (RFC 8441).
    pub(crate) protocol: Option<Span>,
}

/// The body that a head announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Neither length nor chunks: there is no body.
    #[default]
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// HTTP/2: what comes until the stream ends.
    UntilEnd,
}
