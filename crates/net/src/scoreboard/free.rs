//! Which workers have a thread for a request now, and how many connections. Hints, for choices that are
//! right in any case: a worker may have become busy since, or have died.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Scoreboard;

/// A worker without a sign of life for this long, in ms, is not believed to be free: it was stopped,
/// or killed. A free one gives a sign each second at least.
const SILENT_MS: u64 = 2_500;

/// The other workers that have loaded the application, as one of them knows them.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    /// Changes of the scoreboard that were looked at.
    seen: Option<u64>,
    slots: Vec<usize>,
}

impl Siblings {
    /// Whether there are any.
    #[inline]
    pub(crate) fn exist(&mut self, board: &Scoreboard, slot: usize) -> bool {
        let changes = board.changes().load(Ordering::Relaxed);
        if self.seen != Some(changes) {
            self.seen = Some(changes);
            let ready = |other| board.worker(other).ready.load(Ordering::Relaxed) != 0;
            let others = (0..board.slots).filter(|&other| other != slot && ready(other));
            self.slots = others.collect();
        }
        !self.slots.is_empty()
    }

    /// Whether one has a free thread.
    pub(crate) fn one_is_free(&self, board: &Scoreboard, now_ms: u64) -> bool {
        self.slots.iter().any(|&slot| board.is_free(slot, now_ms))
    }

    /// Whether one with a free thread has fewer connections than so many.
    pub(crate) fn one_is_free_below(
        &self,
        board: &Scoreboard,
        connections: usize,
        now_ms: u64,
    ) -> bool {
        self.slots.iter().any(|&slot| {
            let count = board.worker(slot).connections.load(Ordering::Relaxed);
            count < connections as u64 && board.is_free(slot, now_ms)
        })
    }
}

impl Scoreboard {
    /// The worker in `slot` has ended: it is no sibling of the others any more.
    pub fn vacate(&self, slot: usize) {
        let worker = self.worker(slot);
        worker.ready.store(0, Ordering::Relaxed);
        worker.free.store(0, Ordering::Relaxed);
        self.changes().fetch_add(1, Ordering::Relaxed);
    }

    /// Behind all slots: grows with each worker that comes or goes.
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "all before it is a multiple of 8 bytes"
    )]
    pub(super) fn changes(&self) -> &AtomicU64 {
        // SAFETY: the last 8 bytes of the mapping; everything before is a multiple of 8 bytes.
        unsafe {
            let end = self.base.as_ptr().add(self.size - size_of::<AtomicU64>());
            &*end.cast::<AtomicU64>()
        }
    }

    /// So many threads of the worker would begin with a request at once.
    #[inline]
    pub(crate) fn set_free(&self, slot: usize, threads: usize) {
        let free = &self.worker(slot).free;
        free.store(threads as u64, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn free_threads(&self, slot: usize) -> usize {
        usize::try_from(self.worker(slot).free.load(Ordering::Relaxed)).unwrap()
    }

    fn is_free(&self, slot: usize, now_ms: u64) -> bool {
        let worker = self.worker(slot);
        let beat_ms = worker.beat_ms.load(Ordering::Relaxed);
        worker.free.load(Ordering::Relaxed) > 0 && now_ms.saturating_sub(beat_ms) < SILENT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_are_those_that_say_so_and_live() {
        let board = Scoreboard::new(3, 1).unwrap();
        for slot in 0..3 {
            board.reset(slot);
            board.beat(slot, 10_000);
        }
        let mut siblings = Siblings::default();
        board.set_free(1, 1);
        assert!(!siblings.exist(&board, 0), "it has not loaded yet");
        assert!(!siblings.one_is_free(&board, 10_000));
        board.mark_ready(1);
        assert!(siblings.exist(&board, 0) && !Siblings::default().exist(&board, 1));
        assert!(siblings.one_is_free(&board, 10_000));
        assert!(!siblings.one_is_free(&board, 10_000 + SILENT_MS));
        board.set_free(1, 0);
        assert!(!siblings.one_is_free(&board, 10_000));
        board.mark_ready(2);
        board.set_free(1, 1);
        board.set_connections(1, 7);
        board.set_connections(2, 5);
        assert!(siblings.exist(&board, 0));
        assert!(
            !siblings.one_is_free_below(&board, 7, 10_000),
            "only the other has fewer"
        );
        assert!(siblings.one_is_free_below(&board, 8, 10_000));
        board.vacate(1);
        assert!(siblings.exist(&board, 0) && !siblings.one_is_free(&board, 10_000));
        board.vacate(2);
        assert!(!siblings.exist(&board, 0));
    }
}
