//! What is still to be written to a connection: small pieces copied together, large ones by
//! reference, files by descriptor.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::stream::{PIECES, Stream, would_block};

/// Bytes that somebody else owns (a Python `bytes` object) and that stay where they are.
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
        self.queued += bytes.len() as u64;
        match self.segments.back_mut() {
            Some(Segment::Copied(run)) if run.len() + bytes.len() <= RUN_LIMIT => {
                run.extend_from_slice(bytes);
            }
            _ => self.segments.push_back(Segment::Copied(bytes.to_vec())),
        }
    }

    /// Keeps `shared` from byte `from` on.
    pub(crate) fn share(&mut self, shared: Box<dyn Shared>, from: usize) {
        let length = shared.bytes().len() - from;
        if length == 0 {
            return;
        }
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
        if part.remaining > 0 {
            self.queued += part.remaining;
            self.segments.push_back(Segment::File(part));
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is queued, for whoever writes it from now on.
    pub(crate) fn take_bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let queue = std::mem::take(self);
        for segment in &queue.segments {
            match segment {
                Segment::Copied(run) => bytes.extend_from_slice(run),
                Segment::Shared(shared) => bytes.extend_from_slice(shared.bytes()),
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
    pub(crate) fn flush(&mut self, stream: &Stream) -> io::Result<Flushed> {
        while !self.segments.is_empty() {
            let result = if let Some(Segment::File(_)) = self.segments.front() {
                self.write_file(stream)
            } else {
                self.write_run(stream)
            };
            match result {
                Ok(()) => {}
                Err(error) if would_block(&error) => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // An idle connection keeps no buffer.
        self.clear();
        Ok(Flushed::All)
    }

    /// One `writev` of the memory segments at the front.
    fn write_run(&mut self, stream: &Stream) -> io::Result<()> {
        let mut pieces: [&[u8]; PIECES] = [&[]; PIECES];
        let mut count = 0;
        let mut more = false;
        for (slot, segment) in pieces.iter_mut().zip(&self.segments) {
            match segment {
                Segment::Copied(run) => *slot = run,
                Segment::Shared(shared) => *slot = shared.bytes(),
                Segment::File(_) => {
                    more = true;
                    break;
                }
            }
            count += 1;
        }
        pieces[0] = &pieces[0][self.written..];
        let written = if let [piece] = pieces[..count] {
            stream.write(piece, more)?
        } else {
            stream.write_pieces(&pieces[..count], more)?
        };
        self.advance(written);
        Ok(())
    }

    fn advance(&mut self, written: usize) {
        self.queued -= written as u64;
        let mut position = self.written + written;
        while let Some(front) = self.segments.front() {
            let length = match front {
                Segment::Copied(run) => run.len(),
                Segment::Shared(shared) => shared.bytes().len(),
                Segment::File(_) => break,
            };
            if position < length {
                break;
            }
            position -= length;
            self.segments.pop_front();
        }
        self.written = position;
    }

    fn write_file(&mut self, stream: &Stream) -> io::Result<()> {
        let Some(Segment::File(part)) = self.segments.front_mut() else {
            return Ok(());
        };
        let sent = match stream.send_file(&part.file, part.offset, part.remaining) {
            // Not every file can be mapped; then its bytes take the long way.
            Err(error)
                if error.raw_os_error() == Some(libc::EINVAL)
                    || error.kind() == io::ErrorKind::InvalidInput
                    || error.raw_os_error() == Some(libc::ENOSYS) =>
            {
                copy_file(stream, part)?
            }
            other => other?,
        };
        if sent == 0 {
            // The file has become shorter than the length announced for it.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        part.offset += sent as u64;
        part.remaining -= sent as u64;
        self.queued -= sent as u64;
        if part.remaining == 0 {
            self.segments.pop_front();
        }
        Ok(())
    }
}

fn copy_file(stream: &Stream, part: &FilePart) -> io::Result<usize> {
    let size = usize::try_from(part.remaining)
        .unwrap_or(usize::MAX)
        .min(FILE_BLOCK);
    let mut block = vec![0; size];
    let count = part.file.read_at(&mut block, part.offset)?;
    if count == 0 {
        Ok(0)
    } else {
        stream.write(&block[..count], false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    struct Bytes(Vec<u8>);

    impl Shared for Bytes {
        fn bytes(&self) -> &[u8] {
            &self.0
        }
    }

    /// A queue of every kind of segment, read slowly, arrives whole and in order.
    #[test]
    fn everything_arrives_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let stream = Stream::new(OwnedFd::from(ours));
        let path = std::env::temp_dir().join(format!("licorne-output-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&vec![b'f'; 100_000]).unwrap();
        let part = FilePart {
            file: File::open(&path).unwrap(),
            offset: 10,
            remaining: 99_990,
        };
        std::fs::remove_file(&path).unwrap();

        let mut output = Output::default();
        let mut expected = Vec::new();
        output.share(Box::new(Bytes(vec![b'0'; 50])), 20);
        expected.extend([b'0'; 30]);
        for (index, size) in [10usize, 70_000, 5, 300_000].into_iter().enumerate() {
            let bytes = vec![b'a' + u8::try_from(index).unwrap(); size];
            expected.extend(&bytes);
            if size > COPY_LIMIT {
                output.share(Box::new(Bytes(bytes)), 0);
            } else {
                output.copy(&bytes);
            }
        }
        output.file(part);
        expected.extend(vec![b'f'; 99_990]);
        output.copy(b"end");
        expected.extend(b"end");
        assert_eq!(output.queued(), expected.len() as u64);

        let mut received = Vec::new();
        let mut room = [0; 4096];
        loop {
            let flushed = output.flush(&stream).unwrap();
            if flushed == Flushed::All {
                break;
            }
            let count = theirs.read(&mut room).unwrap();
            received.extend(&room[..count]);
        }
        assert_eq!(output.queued(), 0);
        drop(stream);
        theirs.read_to_end(&mut received).unwrap();
        assert!(received == expected);
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let stream = Stream::new(OwnedFd::from(ours));
        let mut output = Output::default();
        output.file(FilePart {
            file: File::open("/dev/null").unwrap(),
            offset: 0,
            remaining: 1,
        });
        assert!(output.flush(&stream).is_err());
    }
}
