//! How many complete requests of a worker wait for a thread, and since when; how late its event loop is.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Scoreboard;

/// Written by the thread that holds the reactor. All-zero bytes are a valid value.
#[repr(C)]
pub(super) struct Queue {
    waiting: AtomicU64,
    /// Monotonic ns since when the first of them waits.
    since_ns: AtomicU64,
    /// How late the event loop was, in ns, and one more; 0 without a loop.
    lag_ns: AtomicU64,
}

impl Queue {
    pub(super) fn set(&self, waiting: usize, since_ns: u64) {
        self.since_ns.store(since_ns, Ordering::Relaxed);
        self.waiting.store(waiting as u64, Ordering::Relaxed);
    }

    /// A new worker has no loop yet.
    pub(super) fn forget_loop(&self) {
        self.lag_ns.store(0, Ordering::Relaxed);
    }

    /// How many wait, and how long the first of them has waited at `now_ns`.
    pub(super) fn read(&self, now_ns: u64) -> (u64, u64) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let since_ns = self.since_ns.load(Ordering::Relaxed);
        if waiting == 0 || since_ns == 0 {
            return (waiting, 0);
        }
        (waiting, now_ns.saturating_sub(since_ns))
    }
}

impl Scoreboard {
    /// The event loop of a worker was so late lately, in ns.
    pub fn set_loop_lag(&self, slot: usize, lag_ns: u64) {
        let lag = &self.worker(slot).queue.lag_ns;
        lag.store(lag_ns.saturating_add(1), Ordering::Relaxed);
    }

    /// How late it was; `None`: the worker has no loop, or has not looked yet.
    pub fn loop_lag_ns(&self, slot: usize) -> Option<u64> {
        let lag = &self.worker(slot).queue.lag_ns;
        lag.load(Ordering::Relaxed).checked_sub(1)
    }

    /// So many complete requests wait for a thread, the first of them since `since_ns`.
    pub(crate) fn set_waiting(&self, slot: usize, count: usize, since_ns: u64) {
        self.worker(slot).queue.set(count, since_ns);
    }
}
