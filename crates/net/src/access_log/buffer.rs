//! Access log lines of one worker that are not in the file yet. They are here, and not in the
//! worker's own memory, so that the master can write them if the worker dies.
//!
//! Only the worker that has the slot adds and clears, one thread at a time; the master looks when
//! that process is gone.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of lines that wait at most: one write of so many costs hardly more than one of a page.
const ROOM: usize = 32 * 1024;

/// The lines. All-zero bytes are a valid value: there are none.
#[repr(C)]
pub(crate) struct LogBuffer {
    length: AtomicU64,
    bytes: UnsafeCell<[u8; ROOM]>,
}

impl LogBuffer {
    /// Adds a line; false: there is no room for it.
    #[inline]
    pub(crate) fn add(&self, line: &[u8]) -> bool {
        let length = self.len();
        if line.len() > ROOM - length {
            return false;
        }
        // SAFETY: within the buffer, as has just been checked; nothing else reads or writes it now.
        unsafe {
            let end = self.bytes.get().cast::<u8>().add(length);
            std::ptr::copy_nonoverlapping(line.as_ptr(), end, line.len());
        }
        // Released: a reader that finds this length finds the bytes too.
        self.length
            .store((length + line.len()) as u64, Ordering::Release);
        true
    }

    /// What is here.
    pub(crate) fn bytes(&self) -> &[u8] {
        let length = self.len();
        // SAFETY: within the buffer and initialised; nothing writes to it meanwhile.
        unsafe { std::slice::from_raw_parts(self.bytes.get().cast::<u8>(), length) }
    }

    pub(crate) fn clear(&self) {
        self.length.store(0, Ordering::Release);
    }

    #[inline]
    fn len(&self) -> usize {
        let length = self.length.load(Ordering::Acquire);
        usize::try_from(length).unwrap_or(ROOM).min(ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_there_is_room_for() {
        // SAFETY: all-zero bytes are a valid value, as in a fresh map.
        let buffer: Box<LogBuffer> = unsafe { Box::new(std::mem::zeroed()) };
        assert_eq!(buffer.bytes(), b"");
        assert!(buffer.add(b"one\n") && buffer.add(b"two\n"));
        assert_eq!(buffer.bytes(), b"one\ntwo\n");
        assert!(!buffer.add(&vec![b'x'; ROOM - 7]) && buffer.add(&vec![b'x'; ROOM - 8]));
        assert_eq!((buffer.bytes().len(), buffer.add(b"y")), (ROOM, false));
        buffer.clear();
        assert!(buffer.bytes().is_empty() && buffer.add(b"y"));
    }
}
