//! The sending half of one request: commands in, bytes out (RFC 9110, section 15; RFC 9112,
//! sections 6 and 7).
//!
//! Each method is one [`Command`], and [`Sending`] alone says which may follow which. The bytes of
//! a body need not come here: what lies elsewhere is announced, and sent behind what was written.

use super::draft::{BodySize, RequestFacts, ResponseDraft};
use super::encode::{self, CHUNK_END, LAST_CHUNK, chunk_start};
use super::error_page::{PageFacts, failure_page};
use super::framing::BodyFraming;
use super::misuse::Misuse;
use super::recorded;
use super::server::ServerFields;
use super::state::{Command, OutOfTurn, Sending};
use crate::head::Version;
use crate::record::{self, Record};

/// One response on its way; reused, it keeps its buffer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// Status and fields, until the head is sent.
    pub draft: ResponseDraft,
    state: Sending,
    framing: BodyFraming,
    /// Bytes that may still be sent, where the length is known.
    remaining: Option<u64>,
    /// The last piece was a chunk whose data the caller sends: its end is still to be written.
    chunk_open: bool,
    /// It becomes records: its connection frames them.
    records: bool,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// It may not follow what was sent before.
    OutOfTurn(OutOfTurn),
    /// What the application gave is no response head.
    Misuse(Misuse),
}

impl From<OutOfTurn> for Unsendable {
    fn from(error: OutOfTurn) -> Self {
        Self::OutOfTurn(error)
    }
}

impl From<Misuse> for Unsendable {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// A piece of a body that the connection writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// So many of the bytes may be sent.
    pub len: usize,
    /// They are data of a chunk.
    pub chunk: bool,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As announced.
    Complete,
    /// Bytes are missing: only the end of the connection tells the peer (RFC 9112, section 8).
    Short,
}

impl Response {
    /// `Interim`: a response before the final one. Nothing for a peer that does not know them (RFC
    /// 9110, section 15.2).
    pub fn interim<'a>(
        &mut self,
        version: Version,
        status: &[u8],
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsendable> {
        self.state = self.state.on(Command::Interim)?;
        if self.records {
            recorded::interim(out, status, fields)?;
        } else if version != Version::Http10 {
            encode::interim(out, status, fields)?;
        }
        Ok(())
    }

    /// `Head`: completes the draft for a body of this size. True: the connection may be kept.
    #[inline]
    pub fn head(
        &mut self,
        request: RequestFacts,
        size: BodySize,
        server: &ServerFields,
        out: &mut Vec<u8>,
    ) -> Result<bool, Unsendable> {
        let next = self.state.on(Command::Head)?;
        if !self.draft.started() {
            return Err(Misuse::NotStarted.into());
        }
        let (framing, keep_alive) = if self.records {
            let framing = self.draft.finish_record(request, size, server, out);
            (framing, true)
        } else {
            let framing = self.draft.finish(request, size, server, out);
            (framing.body, framing.keep_alive)
        };
        self.state = next;
        self.framing = framing;
        self.remaining = match framing {
            BodyFraming::None => Some(0),
            BodyFraming::Length(length) => Some(length),
            BodyFraming::Chunked | BodyFraming::UntilClose => None,
        };
        Ok(keep_alive)
    }

    /// `Body`: bytes of the body, framed. Answers how many were taken: never more than announced.
    #[inline]
    pub fn body(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, OutOfTurn> {
        let piece = self.measure(bytes.len(), out)?;
        let data = bytes.get(..piece.len).unwrap_or_default();
        if self.records {
            if !data.is_empty() {
                record::push(out, Record::Data(data));
            }
        } else if piece.chunk {
            chunk_start(out, data.len());
            out.extend_from_slice(data);
            out.extend_from_slice(CHUNK_END);
        } else {
            out.extend_from_slice(data);
        }
        Ok(piece.len)
    }

    /// `Body` and `End` at once, for a body that is here. Answers how many bytes were taken, too.
    #[inline]
    pub fn rest(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(usize, Ending), OutOfTurn> {
        let done = self.state.on(Command::Body)?.on(Command::End)?;
        if self.remaining == Some(bytes.len() as u64) && !self.records {
            // Most responses: a length, and as many bytes.
            out.extend_from_slice(bytes);
            self.remaining = Some(0);
            self.state = done;
            return Ok((bytes.len(), Ending::Complete));
        }
        let taken = self.body(bytes, out)?;
        Ok((taken, self.end(out)?))
    }

    /// `Body`: bytes that the connection writes behind `out`, framed as the piece says.
    #[inline]
    pub fn piece(&mut self, len: usize, out: &mut Vec<u8>) -> Result<Piece, OutOfTurn> {
        let piece = self.measure(len, out)?;
        if self.records && piece.len > 0 {
            record::push(out, Record::Beside(piece.len as u64));
        }
        Ok(piece)
    }

    #[inline]
    fn measure(&mut self, len: usize, out: &mut Vec<u8>) -> Result<Piece, OutOfTurn> {
        let allowed = self.admit(len as u64, out)?;
        let len = usize::try_from(allowed).map_or(len, |allowed| allowed.min(len));
        Ok(Piece {
            len,
            chunk: self.framing == BodyFraming::Chunked && len > 0,
        })
    }

    /// `Body`: bytes of a file that the caller sends behind `out` as they are. Answers how many of
    /// them may be sent; their framing is completed by the next command.
    pub fn file(&mut self, len: u64, out: &mut Vec<u8>) -> Result<u64, OutOfTurn> {
        let allowed = self.admit(len, out)?;
        if self.framing == BodyFraming::Chunked && allowed > 0 {
            chunk_start(out, usize::try_from(allowed).unwrap_or(usize::MAX));
            self.chunk_open = true;
        }
        if self.records && allowed > 0 {
            record::push(out, Record::Beside(allowed));
        }
        Ok(allowed)
    }

    /// `End`: the body is complete.
    #[inline]
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<Ending, OutOfTurn> {
        self.state = self.state.on(Command::End)?;
        self.close_chunk(out);
        if self.framing == BodyFraming::Chunked {
            out.extend_from_slice(LAST_CHUNK);
        }
        let ending = match self.remaining {
            None | Some(0) => Ending::Complete,
            Some(_) => Ending::Short,
        };
        // Without its end a stream is reset. A head without a body had it.
        if self.records && ending == Ending::Complete && self.framing != BodyFraming::None {
            record::push(out, Record::End);
        }
        Ok(ending)
    }

    /// `End`, with trailer fields (RFC 9110, section 6.5): they are sent behind a chunked body, and
    /// dropped where there is no place for them.
    pub fn end_with<'a>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<Ending, Unsendable> {
        if self.records && self.framing != BodyFraming::None && self.lacks_nothing() {
            let next = self.state.on(Command::End)?;
            recorded::trailers(out, fields)?;
            self.state = next;
            return Ok(Ending::Complete);
        }
        if self.framing != BodyFraming::Chunked {
            return Ok(self.end(out)?);
        }
        let next = self.state.on(Command::End)?;
        let mut last = Vec::new();
        encode::last_chunk(&mut last, fields)?;
        self.state = next;
        self.close_chunk(out);
        out.append(&mut last);
        Ok(Ending::Complete)
    }

    /// `Reset`: the rest will not come. If there was no head yet a later one is refused, too.
    pub fn reset(&mut self) {
        self.state = self.state.on(Command::Reset).unwrap_or(Sending::Closed);
        self.remaining = None;
    }

    /// The application has failed: its client gets the page for it, with the request's id if there
    /// is one; or, if the head was sent, `Reset`. True: it is the page.
    pub fn fail(&mut self, facts: PageFacts<'_>, id: Option<&str>, out: &mut Vec<u8>) -> bool {
        // The page is a head with its body.
        let page = self.state.on(Command::Head);
        let Ok(done) = page.and_then(|state| state.on(Command::End)) else {
            self.reset();
            return false;
        };
        self.draft.clear();
        if self.records {
            let mut page = Vec::new();
            failure_page(&mut page, facts, id);
            recorded::page_records(out, &page);
        } else {
            failure_page(out, facts, id);
        }
        self.state = done;
        true
    }

    /// The head was sent, or will never be.
    #[inline]
    pub fn begun(&self) -> bool {
        self.state != Sending::Head
    }

    /// It becomes [records](crate::record), until it is cleared: its connection frames them.
    pub fn make_records(&mut self) {
        self.records = true;
    }

    /// Nothing is missing that was announced.
    fn lacks_nothing(&self) -> bool {
        matches!(self.remaining, None | Some(0))
    }

    /// So many bytes may be sent, or no body at all.
    pub fn allows(&self, len: usize) -> bool {
        self.remaining.is_none_or(|left| left >= len as u64)
    }

    /// The whole announced body was sent.
    pub fn is_full(&self) -> bool {
        self.remaining == Some(0)
    }

    /// It is complete, with as many bytes as were announced.
    pub fn is_whole(&self) -> bool {
        self.state == Sending::Done && self.lacks_nothing()
    }

    /// The body is sent in chunks; known when the head is sent.
    pub fn chunked(&self) -> bool {
        self.framing == BodyFraming::Chunked
    }

    /// The head was sent, and no body may follow.
    pub fn bodiless(&self) -> bool {
        self.begun() && self.framing == BodyFraming::None
    }

    /// Gives back the buffer of a head that was sent.
    pub fn trim(&mut self) {
        if self.begun() {
            self.draft.trim();
        }
    }

    /// Forgets everything, keeps the buffer.
    pub fn clear(&mut self) {
        self.draft.clear();
        self.state = Sending::Head;
        self.framing = BodyFraming::None;
        self.remaining = None;
        self.chunk_open = false;
        self.records = false;
    }

    /// Counts a part of the body; answers how many bytes of it may be sent.
    #[inline]
    fn admit(&mut self, len: u64, out: &mut Vec<u8>) -> Result<u64, OutOfTurn> {
        self.state = self.state.on(Command::Body)?;
        self.close_chunk(out);
        let Some(remaining) = self.remaining else {
            return Ok(len);
        };
        let allowed = remaining.min(len);
        self.remaining = Some(remaining - allowed);
        Ok(allowed)
    }

    #[inline]
    fn close_chunk(&mut self, out: &mut Vec<u8>) {
        if self.chunk_open {
            self.chunk_open = false;
            out.extend_from_slice(CHUNK_END);
        }
    }
}

#[cfg(test)]
mod tests;
