//! Certificates and ticket keys on their way from the master to the workers: shared anonymous memory,
//! made before the fork. The master alone can read the files (workers have given up its rights), and
//! writes what is new here; workers look at its number once a second.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::shared_memory::SharedMemory;

/// Room for certificates, their keys and the authorities, in bytes.
const SIZE: usize = 4 * 1024 * 1024;
const WORDS: usize = SIZE / 8;
/// Words before the bytes: their number (odd while they change), and their length.
const HEAD: usize = 2;

/// Bytes with one writer and many readers.
pub struct Store {
    base: NonNull<AtomicU64>,
    _memory: SharedMemory,
}

// SAFETY: the memory is mapped as long as the store lives, and holds atomics alone.
unsafe impl Send for Store {}
// SAFETY: the same.
unsafe impl Sync for Store {}

impl Store {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        let memory = SharedMemory::new(SIZE)?;
        Ok(Self {
            base: memory.base().cast(),
            _memory: memory,
        })
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words are mapped, aligned to a page, and any bytes are valid ones.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), WORDS) }
    }

    /// The number of what is there now; 0 before the first.
    pub fn number(&self) -> u64 {
        self.words()[0].load(Ordering::Acquire)
    }

    /// Puts other bytes in the place of those that are there. False: they are too many.
    pub fn publish(&self, bytes: &[u8]) -> bool {
        let words = self.words();
        if bytes.len() > (WORDS - HEAD) * 8 {
            return false;
        }
        let number = words[0].load(Ordering::Relaxed) | 1;
        words[0].store(number, Ordering::Relaxed);
        fence(Ordering::Release);
        words[1].store(bytes.len() as u64, Ordering::Relaxed);
        for (word, chunk) in words[HEAD..].iter().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_le_bytes(whole), Ordering::Relaxed);
        }
        words[0].store(number + 1, Ordering::Release);
        true
    }

    /// What is there, with its number. `None`: nothing, or it is just changing.
    pub fn read(&self) -> Option<(u64, Vec<u8>)> {
        let words = self.words();
        let number = self.number();
        if number == 0 || number % 2 == 1 {
            return None;
        }
        let length = usize::try_from(words[1].load(Ordering::Relaxed)).ok()?;
        let mut bytes = Vec::with_capacity(length.min(SIZE) + 8);
        for word in words[HEAD..].iter().take(length.div_ceil(8)) {
            bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        fence(Ordering::Acquire);
        bytes.truncate(length);
        (words[0].load(Ordering::Relaxed) == number).then_some((number, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_read() {
        let store = Store::new().unwrap();
        assert_eq!((store.number(), store.read()), (0, None));
        assert!(store.publish(b"hello, world"));
        assert_eq!(store.read(), Some((2, b"hello, world".to_vec())));
        assert!(store.publish(b""));
        assert_eq!(store.read(), Some((4, Vec::new())));
        assert!(!store.publish(&vec![1; SIZE]));
        assert_eq!(store.read(), Some((4, Vec::new())));
    }

    #[test]
    fn nothing_is_read_by_halves() {
        let store = Store::new().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for byte in 0..200u8 {
                    assert!(store.publish(&vec![byte; 1000 + usize::from(byte)]));
                }
            });
            while store.number() < 400 {
                if let Some((_, bytes)) = store.read() {
                    let byte = bytes[0];
                    assert!(bytes.iter().all(|&each| each == byte));
                    assert_eq!(bytes.len(), 1000 + usize::from(byte));
                }
            }
        });
    }
}
