//! What is still to be written to a connection: small pieces copied together, large ones by
//! reference, files by descriptor.

mod records;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use proto::{fastcgi, h1};

use crate::stream::{PIECES, Stream, WriteOutcome};

/// Bytes that another part of the process owns (a Python `bytes` object), and that stay where they are.
pub trait Shared: Send {
    /// The bytes; the same ones at each call.
    fn bytes(&self) -> &[u8];
}

/// A part of a file.
#[derive(Debug)]
pub struct FilePart {
    /// A descriptor of our own, so that the application may close its file.
    pub file: File,
    /// Where the part begins.
    pub offset: u64,
    /// How many bytes are still to be sent.
    pub remaining: u64,
}

enum Segment {
    Copied(Vec<u8>),
    Shared(Box<dyn Shared>),
    File(FilePart),
    /// A part of a file that is the content of a record.
    FileRecord(records::FileRecord),
}

/// Pieces below this size are copied next to each other rather than kept apart.
pub const COPY_LIMIT: usize = 16 * 1024;
/// A run of copied pieces is closed at this size.
const RUN_LIMIT: usize = 64 * 1024;
/// File bytes read at once where `sendfile` cannot be used.
const FILE_BLOCK: usize = 64 * 1024;

/// How a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Everything is with the kernel.
    All,
    /// The peer reads slowly: go on when the socket is writable.
    Blocked,
}

/// The queue of one connection.
#[derive(Default)]
pub(crate) struct Output {
    segments: VecDeque<Segment>,
    /// Bytes of the first segment (not of a file) that are written already.
    written: usize,
    queued: u64,
    /// Where the last segment, a run, has a chunk that further blocks are added to.
    open_chunk: Option<usize>,
    /// The answer is sent in records.
    records: Option<Box<fastcgi::Reply>>,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes waiting.
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.records.is_some() {
            return self.copy_in_records(bytes);
        }
        self.end_chunk();
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        self.queued += bytes.len() as u64;
        match self.segments.back_mut() {
            Some(Segment::Copied(run)) if run.len() + bytes.len() <= RUN_LIMIT => {
                run.extend_from_slice(bytes);
            }
            _ => self.segments.push_back(Segment::Copied(bytes.to_vec())),
        }
    }

    /// Has `fill` append to what is copied.
    pub(crate) fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.end_chunk();
        let fits =
            matches!(self.segments.back(), Some(Segment::Copied(run)) if run.len() < RUN_LIMIT);
        if !fits {
            self.segments.push_back(Segment::Copied(Vec::new()));
        }
        let Some(Segment::Copied(run)) = self.segments.back_mut() else {
            return;
        };
        let before = run.len();
        fill(run);
        self.queued += (run.len() - before) as u64;
        if run.is_empty() {
            self.segments.pop_back();
        }
    }

    /// Adds a block of a chunked body. Small blocks that wait together leave as one chunk: the bounds
    /// of chunks mean nothing (RFC 9112 section 7.1), and each costs its reader some work.
    pub(crate) fn chunk(&mut self, block: &[u8]) {
        if block.is_empty() {
            // It would end the body.
            return;
        }
        if self.open_chunk.is_some()
            && let Some(Segment::Copied(run)) = self.segments.back_mut()
            && run.len() + block.len() <= RUN_LIMIT
        {
            self.queued += block.len() as u64;
            return run.extend_from_slice(block);
        }
        self.end_chunk();
        let room = match self.segments.back_mut() {
            Some(Segment::Copied(run)) if run.len() + block.len() < RUN_LIMIT => Some(run),
            _ => None,
        };
        let run = if let Some(run) = room {
            run
        } else {
            self.segments.push_back(Segment::Copied(Vec::new()));
            match self.segments.back_mut() {
                Some(Segment::Copied(run)) => run,
                _ => return,
            }
        };
        let before = run.len();
        h1::open_chunk(run);
        run.extend_from_slice(block);
        self.queued += (run.len() - before) as u64;
        self.open_chunk = Some(before);
    }

    /// The chunk that is open gets its length and its end.
    pub(crate) fn end_chunk(&mut self) {
        let Some(at) = self.open_chunk.take() else {
            return;
        };
        if let Some(Segment::Copied(run)) = self.segments.back_mut() {
            self.queued -= (run.len() - at) as u64;
            h1::close_chunk(run, at);
            self.queued += (run.len() - at) as u64;
        }
    }

    /// Adds a large block of a chunked body, as a chunk of its own.
    pub(crate) fn share_chunk(&mut self, shared: Box<dyn Shared>) {
        let (before, behind) = h1::chunk_bounds(shared.bytes().len());
        self.copy(&before);
        self.share(shared, 0);
        self.copy(behind);
    }

    /// Keeps `shared` from byte `from` on.
    pub(crate) fn share(&mut self, shared: Box<dyn Shared>, from: usize) {
        let length = shared.bytes().len() - from;
        if length == 0 {
            return;
        }
        if self.records.is_some() {
            return self.copy_in_records(shared.bytes().get(from..).unwrap_or_default());
        }
        self.end_chunk();
        if from > 0 && self.segments.is_empty() {
            self.written = from;
            self.queued += length as u64;
            self.segments.push_back(Segment::Shared(shared));
        } else if from > 0 {
            // Only a first segment can be partly written.
            self.copy(&shared.bytes()[from..]);
        } else {
            self.queued += length as u64;
            self.segments.push_back(Segment::Shared(shared));
        }
    }

    pub(crate) fn file(&mut self, part: FilePart) {
        if self.records.is_some() {
            return self.file_in_records(part);
        }
        if part.remaining > 0 {
            self.end_chunk();
            self.queued += part.remaining;
            self.segments.push_back(Segment::File(part));
        }
    }

    pub(crate) fn clear(&mut self) {
        let records = self.records.take();
        *self = Self::default();
        self.records = records;
    }

    /// What is queued, for an application that writes it from now on.
    pub(crate) fn take_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let queue = std::mem::take(self);
        for segment in &queue.segments {
            match segment {
                Segment::Copied(run) => bytes.extend_from_slice(run),
                Segment::Shared(shared) => bytes.extend_from_slice(shared.bytes()),
                Segment::FileRecord(_) => return Err(io::ErrorKind::Unsupported.into()),
                Segment::File(part) => {
                    let length = usize::try_from(part.remaining).unwrap_or(usize::MAX);
                    let start = bytes.len();
                    bytes.resize(start.saturating_add(length), 0);
                    part.file.read_exact_at(&mut bytes[start..], part.offset)?;
                }
            }
        }
        // Of the first one some are with the kernel; of a file `offset` says it.
        bytes.drain(..queue.written);
        Ok(bytes)
    }

    /// Writes as much as the kernel takes.
    pub(crate) fn flush(&mut self, stream: &mut Stream) -> io::Result<Flushed> {
        self.end_chunk();
        while !self.segments.is_empty() {
            let result =
                if let Some(Segment::File(_) | Segment::FileRecord(_)) = self.segments.front() {
                    self.write_file(stream)
                } else {
                    self.write_run(stream)
                };
            if result? == Flushed::Blocked {
                return Ok(Flushed::Blocked);
            }
        }
        if stream.wants_write() && stream.write(&[], false)? == WriteOutcome::WantsWrite {
            return Ok(Flushed::Blocked);
        }
        // An idle connection keeps no buffer.
        self.clear();
        Ok(Flushed::All)
    }

    /// One write of the memory segments at the front.
    fn write_run(&mut self, stream: &mut Stream) -> io::Result<Flushed> {
        let mut pieces: [&[u8]; PIECES] = [&[]; PIECES];
        let mut count = 0;
        let mut more = false;
        for (slot, segment) in pieces.iter_mut().zip(&self.segments) {
            match segment {
                Segment::Copied(run) => *slot = run,
                Segment::Shared(shared) => *slot = shared.bytes(),
                Segment::File(_) | Segment::FileRecord(_) => {
                    more = true;
                    break;
                }
            }
            count += 1;
        }
        pieces[0] = &pieces[0][self.written..];
        let outcome = if let [piece] = pieces[..count] {
            stream.write(piece, more)?
        } else {
            stream.write_pieces(&pieces[..count], more)?
        };
        let WriteOutcome::Bytes(written) = outcome else {
            return Ok(Flushed::Blocked);
        };
        self.advance(written);
        Ok(Flushed::All)
    }

    fn advance(&mut self, written: usize) {
        self.queued -= written as u64;
        let mut position = self.written + written;
        while let Some(front) = self.segments.front() {
            let length = match front {
                Segment::Copied(run) => run.len(),
                Segment::Shared(shared) => shared.bytes().len(),
                Segment::File(_) | Segment::FileRecord(_) => break,
            };
            if position < length {
                break;
            }
            position -= length;
            self.segments.pop_front();
        }
        self.written = position;
    }

    fn write_file(&mut self, stream: &mut Stream) -> io::Result<Flushed> {
        let (file, offset, remaining) = match self.segments.front_mut() {
            Some(Segment::File(part)) => (&part.file, &mut part.offset, &mut part.remaining),
            Some(Segment::FileRecord(part)) => (&*part.file, &mut part.offset, &mut part.remaining),
            _ => return Ok(Flushed::All),
        };
        let outcome = match stream.send_file(file, *offset, *remaining)? {
            Some(outcome) => outcome,
            None => copy_file(stream, file, *offset, *remaining)?,
        };
        let WriteOutcome::Bytes(sent) = outcome else {
            return Ok(Flushed::Blocked);
        };
        if sent == 0 {
            // The file has become shorter than the length announced for it.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *offset += sent as u64;
        *remaining -= sent as u64;
        let done = *remaining == 0;
        self.queued -= sent as u64;
        if done {
            self.segments.pop_front();
        }
        Ok(Flushed::All)
    }
}

fn copy_file(
    stream: &mut Stream,
    file: &File,
    offset: u64,
    remaining: u64,
) -> io::Result<WriteOutcome> {
    let size = usize::try_from(remaining)
        .unwrap_or(usize::MAX)
        .min(FILE_BLOCK);
    let mut block = vec![0; size];
    let count = file.read_at(&mut block, offset)?;
    if count == 0 {
        Ok(WriteOutcome::Bytes(0))
    } else {
        stream.write(&block[..count], false)
    }
}

#[cfg(test)]
mod tests;
