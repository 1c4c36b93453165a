//! What one of several streams has still to send: records, until the connection has room for frames
//! of them.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;

use proto::h2::ErrorCode;
use proto::record::{Record, Records};

use crate::output::{COPY_LIMIT, FilePart, Shared};

/// Small blocks that wait together are kept together up to this size.
const RUN_LIMIT: usize = 64 * 1024;
/// Bytes of a file that are read at once.
const FILE_BLOCK: usize = 64 * 1024;

/// Bytes of a body that are given beside the records that announce them.
pub(crate) enum Beside<'a> {
    /// There are none.
    Nothing,
    /// Small ones, which are copied.
    Bytes(&'a [u8]),
    /// Large ones, which stay where they are.
    Shared(Box<dyn Shared>),
    /// A part of a file.
    File(FilePart),
}

enum Item {
    Fields {
        block: Vec<u8>,
        last: bool,
    },
    /// From `at` on.
    Bytes {
        bytes: Vec<u8>,
        at: usize,
    },
    /// The same.
    Shared {
        shared: Box<dyn Shared>,
        at: usize,
    },
    File(FilePart),
    End,
    Reset(ErrorCode),
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing is there.
    Nothing,
    /// A field block; `end`: nothing is behind it.
    Fields { end: bool },
    /// Bytes of a body.
    Data,
    /// The end alone.
    End,
    /// The end before the end.
    Reset(ErrorCode),
}

/// The queue of one stream.
#[derive(Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    queued: u64,
    kept: u64,
}

impl Queue {
    /// Bytes that wait.
    #[inline]
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    /// Bytes of memory that it keeps: all of a block of which a part still waits, nothing of a file.
    #[inline]
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// Takes what an application has given: records, and the bytes beside them. Where none of the
    /// records announces those, they come last.
    pub(crate) fn add(&mut self, records: &[u8], beside: Beside<'_>) {
        let mut beside = Some(beside);
        for record in Records::of(records) {
            match record {
                Record::Fields(block) => self.fields(block, false),
                Record::LastFields(block) => self.fields(block, true),
                Record::Data(bytes) => self.bytes(bytes),
                // What is announced without being here comes with the next call.
                Record::Beside(_) => self.beside(beside.take()),
                Record::End => self.items.push_back(Item::End),
            }
        }
        self.beside(beside);
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) {
        self.items.push_back(Item::End);
    }

    /// Whatever else was to come does not: the stream is reset behind what is here.
    pub(crate) fn cut_off(&mut self, code: ErrorCode) {
        self.items.push_back(Item::Reset(code));
    }

    /// Whether its end is here.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(
            self.items.back(),
            Some(Item::End | Item::Reset(_) | Item::Fields { last: true, .. })
        )
    }

    fn fields(&mut self, block: &[u8], last: bool) {
        self.queued += block.len() as u64;
        self.kept += block.len() as u64;
        let block = block.to_vec();
        self.items.push_back(Item::Fields { block, last });
    }

    fn bytes(&mut self, more: &[u8]) {
        if more.is_empty() {
            return;
        }
        self.queued += more.len() as u64;
        self.kept += more.len() as u64;
        match self.items.back_mut() {
            Some(Item::Bytes { bytes, .. }) if bytes.len() + more.len() <= RUN_LIMIT => {
                bytes.extend_from_slice(more);
            }
            _ => self.items.push_back(Item::Bytes {
                bytes: more.to_vec(),
                at: 0,
            }),
        }
    }

    fn beside(&mut self, beside: Option<Beside<'_>>) {
        match beside {
            Some(Beside::Bytes(bytes)) => self.bytes(bytes),
            Some(Beside::Shared(shared)) if shared.bytes().len() <= COPY_LIMIT => {
                self.bytes(shared.bytes());
            }
            Some(Beside::Shared(shared)) => {
                self.queued += shared.bytes().len() as u64;
                self.kept += shared.bytes().len() as u64;
                self.items.push_back(Item::Shared { shared, at: 0 });
            }
            Some(Beside::File(part)) if part.remaining > 0 => {
                self.queued += part.remaining;
                self.items.push_back(Item::File(part));
            }
            None | Some(Beside::Nothing | Beside::File(_)) => {}
        }
    }

    /// What is to be sent next.
    #[inline]
    pub(crate) fn next(&self) -> Next {
        match self.items.front() {
            None => Next::Nothing,
            Some(Item::Fields { last, .. }) => Next::Fields {
                end: *last || matches!(self.items.get(1), Some(Item::End)),
            },
            Some(Item::Bytes { .. } | Item::Shared { .. } | Item::File(_)) => Next::Data,
            Some(Item::End) => Next::End,
            Some(Item::Reset(code)) => Next::Reset(*code),
        }
    }

    /// The field block at the front, with the end if that is behind it.
    pub(crate) fn take_fields(&mut self) -> Vec<u8> {
        let Some(Item::Fields { block, last }) = self.items.pop_front() else {
            return Vec::new();
        };
        if !last && matches!(self.items.front(), Some(Item::End)) {
            self.items.pop_front();
        }
        self.queued -= block.len() as u64;
        self.kept -= block.len() as u64;
        block
    }

    /// How many of the bytes at the front, at most `most`, go into one frame, and whether the end is
    /// behind them. A part of a file is read for it; what fails is an error of the file, or its having
    /// become shorter.
    pub(crate) fn measure(&mut self, most: usize) -> io::Result<(usize, bool)> {
        self.load()?;
        let mut len = 0;
        for item in &self.items {
            match item {
                Item::Bytes { bytes, at } => len += bytes.len() - at,
                Item::Shared { shared, at } => len += shared.bytes().len() - at,
                Item::End if len <= most => return Ok((len, true)),
                Item::File(_) | Item::Fields { .. } | Item::End | Item::Reset(_) => break,
            }
            if len > most {
                break;
            }
        }
        Ok((len.min(most), false))
    }

    /// Appends the next `count` bytes to `out`, as [`Self::measure`] has counted them, and drops the end
    /// behind them if it has said so.
    pub(crate) fn take_data(&mut self, count: usize, end: bool, out: &mut Vec<u8>) {
        let mut left = count;
        while left > 0 {
            let taken = match self.items.front_mut() {
                Some(Item::Bytes { bytes, at }) => take(bytes, at, left, out),
                Some(Item::Shared { shared, at }) => take(shared.bytes(), at, left, out),
                _ => break,
            };
            left -= taken.count;
            if let Some(size) = taken.all {
                self.items.pop_front();
                self.kept -= size as u64;
            }
        }
        self.queued -= (count - left) as u64;
        if end {
            self.items.pop_front();
        }
    }

    /// A part of a file at the front becomes bytes.
    fn load(&mut self) -> io::Result<()> {
        let Some(Item::File(part)) = self.items.front_mut() else {
            return Ok(());
        };
        let len = usize::try_from(part.remaining).map_or(FILE_BLOCK, |left| left.min(FILE_BLOCK));
        let mut bytes = vec![0; len];
        part.file.read_exact_at(&mut bytes, part.offset)?;
        part.offset += len as u64;
        part.remaining -= len as u64;
        if part.remaining == 0 {
            self.items.pop_front();
        }
        self.items.push_front(Item::Bytes { bytes, at: 0 });
        self.kept += len as u64;
        Ok(())
    }
}

struct TakenPart {
    count: usize,
    /// The size of the block, if nothing of it is left.
    all: Option<usize>,
}

fn take(bytes: &[u8], at: &mut usize, most: usize, out: &mut Vec<u8>) -> TakenPart {
    let rest = &bytes[*at..];
    let count = rest.len().min(most);
    out.extend_from_slice(&rest[..count]);
    *at += count;
    TakenPart {
        count,
        all: (count == rest.len()).then_some(bytes.len()),
    }
}

#[cfg(test)]
mod tests;
