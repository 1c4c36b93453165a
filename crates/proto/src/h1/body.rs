//! A request body on its way in, of whichever framing its head announced.

use super::chunked::{Chunked, Found};
use super::trailers::{Trailed, Trailers};
use crate::event::{Event, Received, StreamId};
use crate::limits::Policy;
use crate::parts::Announced;
use crate::reject::Reject;

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunks(Chunked),
    /// The lines behind the last chunk.
    Trailers(Trailers),
}

impl Default for Body {
    fn default() -> Self {
        Self::Length(0)
    }
}

impl Body {
    /// The whole body that a head announces.
    pub(super) const fn announced(body: Announced) -> Self {
        match body {
            Announced::Nothing => Self::Length(0),
            Announced::Length(length) => Self::Length(length),
            // No head of HTTP/1 announces the latter.
            Announced::Chunked | Announced::UntilEnd => Self::Chunks(Chunked::new()),
        }
    }

    /// Nothing is to come, not even chunks.
    #[inline]
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Length(0))
    }

    /// Takes one step: some of the body, its end, or a wish for more.
    pub(super) fn receive(&mut self, policy: &Policy, input: &[u8]) -> Result<Received, Reject> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            match self {
                Self::Length(0) => {
                    return Ok(Received {
                        consumed,
                        event: Event::End(StreamId::HTTP1),
                    });
                }
                Self::Length(_) if rest.is_empty() => return Ok(need_more(consumed)),
                Self::Length(remaining) => {
                    let len = usize::try_from(*remaining).map_or(rest.len(), |n| n.min(rest.len()));
                    *remaining -= len as u64;
                    return Ok(data(consumed, consumed + len));
                }
                Self::Chunks(chunked) => match chunked.decode(rest, policy.limits.body)? {
                    Found::Nothing => return Ok(need_more(input.len())),
                    Found::Data(range) => {
                        return Ok(data(consumed + range.start, consumed + range.end));
                    }
                    Found::LastChunk(end) => {
                        consumed += end;
                        *self = Self::Trailers(Trailers::default());
                    }
                },
                Self::Trailers(trailers) => {
                    return Ok(match trailers.read(policy, rest)? {
                        Trailed::Partial(end) => need_more(consumed + end),
                        Trailed::Done(end) => Received {
                            consumed: consumed + end,
                            event: Event::End(StreamId::HTTP1),
                        },
                    });
                }
            }
        }
    }
}

fn need_more(consumed: usize) -> Received {
    Received {
        consumed,
        event: Event::NeedMore,
    }
}

fn data(start: usize, end: usize) -> Received {
    Received {
        consumed: end,
        event: Event::Body(StreamId::HTTP1, start..end),
    }
}
