//! What the scoreboard says of a worker at one moment.

use std::sync::atomic::Ordering;

use super::{InFlight, Scoreboard};
use crate::clock;

/// What a worker has written, copied out.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Process id, 0 before the worker has claimed its slot.
    pub pid: u32,
    /// The application is loaded.
    pub ready: bool,
    /// Milliseconds since the last sign of life.
    pub beat_age_ms: u64,
    /// Requests finished.
    pub requests: u64,
    /// Connections open.
    pub connections: u64,
    /// Streams of HTTP/2 open on them.
    pub streams: u64,
    /// Complete requests that wait for a thread.
    pub waiting: u64,
    /// How long the first of them has waited, in ns; 0 if there is none.
    pub longest_wait_ns: u64,
    /// Why it asks to be replaced, 0 while it does not.
    pub retire: u64,
    /// Requests read and not finished.
    pub in_flight: Vec<InFlight>,
}

impl Scoreboard {
    /// How many of the workers in the slots before this one have begun, and are not ready.
    pub fn loading_before(&self, slot: usize) -> usize {
        (0..slot)
            .map(|before| self.worker(before))
            .filter(|worker| worker.pid.load(Ordering::Relaxed) != 0)
            .filter(|worker| worker.ready.load(Ordering::Relaxed) == 0)
            .count()
    }

    /// What the slot says now.
    pub fn read(&self, slot: usize) -> Snapshot {
        let worker = self.worker(slot);
        let now_ns = clock::monotonic_ns();
        let (waiting, longest_wait_ns) = worker.queue.read(now_ns);
        Snapshot {
            pid: worker.pid.load(Ordering::Relaxed),
            ready: worker.ready.load(Ordering::Relaxed) != 0,
            beat_age_ms: (now_ns / 1_000_000)
                .saturating_sub(worker.beat_ms.load(Ordering::Relaxed)),
            requests: worker.requests.load(Ordering::Relaxed),
            connections: worker.connections.load(Ordering::Relaxed),
            streams: worker.tally.connections.open_streams(),
            waiting,
            longest_wait_ns,
            retire: worker.retire.load(Ordering::Relaxed),
            in_flight: (0..self.entries)
                .filter_map(|entry| self.entry(slot, entry).read(now_ns))
                .collect(),
        }
    }
}
