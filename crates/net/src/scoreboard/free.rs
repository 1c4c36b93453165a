//! Which workers have a thread for a request now, and how many connections. Hints, for choices that are
//! right in any case: a worker may have become busy since, or have died.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Scoreboard;

/// A worker without a sign of life for this long, in ms, is not believed to be free: it was stopped,
/// or killed. A free one gives a sign each second at least.
const SILENT_MS: u64 = 2_500;
/// A worker that has turned its reactor no longer ago than this, in ms, soon comes to its listeners:
/// under a load that leaves no thread free at any moment, and with more workers than processors.
const LATELY_MS: u64 = 10;

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

    /// How many threads of theirs are free.
    pub(crate) fn free(&self, board: &Scoreboard, now_ms: u64) -> usize {
        let free = self.slots.iter().map(|&slot| board.free(slot, now_ms));
        free.sum()
    }

    /// Whether one that comes to its listeners soon has fewer connections than so many.
    pub(crate) fn one_accepts_below(
        &self,
        board: &Scoreboard,
        connections: usize,
        now_ms: u64,
    ) -> bool {
        self.slots.iter().any(|&slot| {
            board.connections(slot) < connections as u64 && board.accepts_soon(slot, now_ms)
        })
    }
}

/// Whether a worker that `accepts` connections takes the next one soon: one with `free` threads, and one
/// without that gave its last sign of life a moment ago.
fn comes_soon(accepts: bool, free: u64, silent_ms: u64) -> bool {
    accepts && (silent_ms < LATELY_MS || free > 0 && silent_ms < SILENT_MS)
}

impl Scoreboard {
    /// The worker in `slot` has ended: it is no sibling of the others any more.
    pub fn vacate(&self, slot: usize) {
        self.worker(slot).ready.store(0, Ordering::Relaxed);
        self.set_out(slot);
        self.changes().fetch_add(1, Ordering::Relaxed);
    }

    /// The worker has no free thread, and accepts nothing.
    pub(super) fn set_out(&self, slot: usize) {
        self.set_free(slot, 0);
        self.set_accepts(slot, false);
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

    /// The worker accepts new connections, as far as its siblings do not, or it does not.
    pub(crate) fn set_accepts(&self, slot: usize, accepts: bool) {
        let word = &self.worker(slot).accepts;
        word.store(accepts.into(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn free_threads(&self, slot: usize) -> usize {
        usize::try_from(self.worker(slot).free.load(Ordering::Relaxed)).unwrap()
    }

    /// Its free threads, if it lives.
    fn free(&self, slot: usize, now_ms: u64) -> usize {
        if self.silent_ms(slot, now_ms) >= SILENT_MS {
            return 0;
        }
        let free = self.worker(slot).free.load(Ordering::Relaxed);
        usize::try_from(free).unwrap_or(0)
    }

    fn connections(&self, slot: usize) -> u64 {
        self.worker(slot).connections.load(Ordering::Relaxed)
    }

    fn accepts_soon(&self, slot: usize, now_ms: u64) -> bool {
        let worker = self.worker(slot);
        comes_soon(
            worker.accepts.load(Ordering::Relaxed) != 0,
            worker.free.load(Ordering::Relaxed),
            self.silent_ms(slot, now_ms),
        )
    }

    /// Time since the last sign of life of a worker, in ms.
    fn silent_ms(&self, slot: usize, now_ms: u64) -> u64 {
        let beat_ms = self.worker(slot).beat_ms.load(Ordering::Relaxed);
        now_ms.saturating_sub(beat_ms)
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
        assert_eq!(siblings.free(&board, 10_000), 0);
        board.mark_ready(1);
        assert!(siblings.exist(&board, 0) && !Siblings::default().exist(&board, 1));
        assert_eq!(siblings.free(&board, 10_000), 1);
        assert_eq!(siblings.free(&board, 10_000 + SILENT_MS), 0);
        board.set_free(1, 0);
        assert_eq!(siblings.free(&board, 10_000), 0);
        board.mark_ready(2);
        board.set_free(1, 3);
        board.set_free(2, 1);
        assert!(siblings.exist(&board, 0));
        assert_eq!(siblings.free(&board, 10_000), 4);
        board.set_free(2, 0);
        board.vacate(1);
        assert!(siblings.exist(&board, 0));
        assert_eq!(siblings.free(&board, 10_000), 0);
        board.vacate(2);
        assert!(!siblings.exist(&board, 0));
    }

    #[test]
    fn those_accept_soon_that_are_free_or_have_just_turned() {
        for (accepts, free, silent_ms, soon) in [
            (true, 1, 0, true),
            (true, 1, SILENT_MS - 1, true),
            (true, 1, SILENT_MS, false),
            (true, 0, LATELY_MS - 1, true),
            (true, 0, LATELY_MS, false),
            (false, 1, 0, false),
            (false, 0, 0, false),
        ] {
            let found = comes_soon(accepts, free, silent_ms);
            assert_eq!(found, soon, "{accepts}, {free} free, silent {silent_ms} ms");
        }
    }

    #[test]
    fn connections_of_those_that_accept_are_compared() {
        let board = Scoreboard::new(3, 1).unwrap();
        for slot in 0..3 {
            board.reset(slot);
            board.beat(slot, 10_000);
            board.mark_ready(slot);
        }
        let mut siblings = Siblings::default();
        assert!(siblings.exist(&board, 0));
        board.set_connections(1, 7);
        board.set_connections(2, 5);
        board.set_accepts(1, true);
        assert!(
            !siblings.one_accepts_below(&board, 7, 10_000),
            "only the other has fewer"
        );
        assert!(siblings.one_accepts_below(&board, 8, 10_000));
        assert!(!siblings.one_accepts_below(&board, 8, 10_000 + LATELY_MS));
        board.set_accepts(2, true);
        assert!(siblings.one_accepts_below(&board, 7, 10_000));
        board.vacate(2);
        assert!(!siblings.one_accepts_below(&board, 7, 10_000));
    }
}
