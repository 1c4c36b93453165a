//! The client that is being read from: what was taken from the kernel and not named yet would
//! otherwise be lost without a trace.
//!
//! Only the thread that holds the reactor writes; the master looks when that process is gone. The
//! number is the last thing written and the first cleared, so a reader that finds one finds its client.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::peer::Peer;

/// The note. All-zero bytes are a valid value: nothing is being read.
#[repr(C)]
pub(super) struct Reading {
    /// The number that the request will have if it is complete; 0 while nothing is being read.
    id: AtomicU64,
    peer: [AtomicU64; 3],
}

impl Reading {
    /// The request with the number `id` may come from `peer`, with the bytes that are read next.
    #[inline]
    pub(super) fn begin(&self, id: u64, peer: Peer) {
        // The client may not change before the number of the last one is gone.
        fence(Ordering::Release);
        for (word, part) in self.peer.iter().zip(peer.to_words()) {
            word.store(part, Ordering::Relaxed);
        }
        self.id.store(id, Ordering::Release);
    }

    /// What was read is named, answered, or no complete request.
    #[inline]
    pub(super) fn end(&self) {
        // Released: a reader that misses the note finds the name.
        self.id.store(0, Ordering::Release);
    }

    /// The number of the request and its client; of a process that has ended.
    pub(super) fn left(&self) -> Option<(u64, Peer)> {
        let id = self.id.load(Ordering::Acquire);
        let [kind, high, low] = &self.peer;
        let words = [kind, high, low].map(|word| word.load(Ordering::Relaxed));
        (id != 0).then(|| (id, Peer::from_words(words)))
    }
}
