//! Output in the records of FastCGI: what is queued of an answer is framed on its way into the queue.

use std::fs::File;
use std::sync::Arc;

use proto::fastcgi;

use super::{FilePart, Output, Segment};

/// A part of a file that is the content of one record.
pub(super) struct FileRecord {
    /// All records of the file have the same.
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) remaining: u64,
}

impl Output {
    /// A request begins whose answer is sent so; without, as it is.
    #[cold]
    pub(crate) fn begin_records(&mut self, reply: Option<fastcgi::Reply>) {
        self.records = reply.map(Box::new);
    }

    /// Whether answers are sent in records.
    #[inline]
    pub(crate) fn in_records(&self) -> bool {
        self.records.is_some()
    }

    /// The answer is complete: the end of its request follows.
    #[inline]
    pub(crate) fn end_records(&mut self) {
        if self.records.is_some() {
            self.end_request();
        }
    }

    /// The answer is given up: without the end of the request the web server knows that it is not whole.
    #[cold]
    pub(crate) fn cut_records(&mut self) {
        if let Some(reply) = &mut self.records {
            reply.cut();
        }
    }

    #[cold]
    fn end_request(&mut self) {
        if let Some(reply) = self.records.take() {
            let mut end = Vec::new();
            reply.end(&mut end);
            self.add(&end);
        }
    }

    /// Adds bytes that are no part of an answer.
    #[cold]
    pub(crate) fn beside(&mut self, bytes: &[u8]) {
        self.end_chunk();
        self.add(bytes);
    }

    #[cold]
    pub(super) fn copy_in_records(&mut self, bytes: &[u8]) {
        if let Some(reply) = &mut self.records {
            let mut framed = Vec::with_capacity(bytes.len() + 64);
            reply.push(bytes, &mut framed);
            self.add(&framed);
        }
    }

    #[cold]
    pub(super) fn file_in_records(&mut self, part: FilePart) {
        let FilePart {
            file,
            mut offset,
            mut remaining,
        } = part;
        let file = Arc::new(file);
        while remaining > 0 {
            let Some(reply) = &mut self.records else {
                return;
            };
            let mut front = Vec::new();
            let len = reply.announce(remaining, &mut front);
            self.add(&front);
            self.queued += len;
            self.segments.push_back(Segment::FileRecord(FileRecord {
                file: Arc::clone(&file),
                offset,
                remaining: len,
            }));
            offset += len;
            remaining -= len;
        }
    }
}
