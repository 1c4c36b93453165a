//! Workers that are replaced: for a cause of their own, or because the master says so.

use std::sync::atomic::Ordering;

use super::Scoreboard;

/// Why a worker asks to be replaced, as it stands in its slot. `supervisor/causes.py` has the
/// same table; a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetireCause {
    /// It has served as many requests as it may.
    MaxRequests = 1,
    /// A thread was given up with a request that took too long.
    RequestTimeout = 2,
    /// A file of the application has changed; the worker's reloader says so.
    ChangedFile = 3,
}

impl RetireCause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::MaxRequests, Self::RequestTimeout, Self::ChangedFile];

    /// The word for it in logs and on the control socket.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxRequests => "max_requests",
            Self::RequestTimeout => "request_timeout",
            Self::ChangedFile => "changed file",
        }
    }
}

impl Scoreboard {
    /// The worker asks to be replaced. The first cause stays; false if there was one.
    pub fn retire(&self, slot: usize, code: u64) -> bool {
        let retire = &self.worker(slot).retire;
        let relaxed = Ordering::Relaxed;
        retire.compare_exchange(0, code, relaxed, relaxed).is_ok()
    }

    /// The master is about to end the worker, and the server goes on without it.
    pub fn set_replaced(&self, slot: usize) {
        self.worker(slot).replaced.store(1, Ordering::Relaxed);
    }

    /// Whether clients of the worker that come again find another one, as far as it knows.
    pub(crate) fn is_replaced(&self, slot: usize) -> bool {
        let worker = self.worker(slot);
        let words = [&worker.replaced, &worker.retire];
        words.iter().any(|word| word.load(Ordering::Relaxed) != 0)
    }
}
