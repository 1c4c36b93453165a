//! What a worker counts for the operator: answers by status class, times, bytes.
//!
//! One thread at a time writes, the one that holds the reactor; so a sum is a load and a store, and
//! no locked instruction. The master reads while they are written: each number stands for itself.

mod connections;

use std::sync::atomic::{AtomicU64, Ordering};

use connections::ConnectionTally;
pub use connections::{ConnectionCounts, HANDSHAKES, PROTOCOLS, STREAMS};
pub(crate) use connections::{Handshake, StreamCounts};

/// Upper bounds of the durations that are told apart, in ms; what takes longer is in one more.
pub const DURATIONS_MS: [u64; 16] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000, 60_000,
];
/// The same for the time between a request's last byte and its thread.
pub const QUEUE_TIMES_MS: [u64; 7] = [1, 5, 25, 100, 500, 2_500, 10_000];

/// Classes of status codes: 1xx to 5xx.
const CLASSES: usize = 5;

/// The counters of one worker, in shared memory. All-zero bytes are a valid value.
#[repr(C)]
pub(crate) struct Tally {
    requests: [AtomicU64; CLASSES],
    durations: Times<{ DURATIONS_MS.len() }>,
    queue_times: Times<{ QUEUE_TIMES_MS.len() }>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    timeouts: AtomicU64,
    sent_back: AtomicU64,
    given: AtomicU64,
    taken: AtomicU64,
    shed: AtomicU64,
    abandoned: AtomicU64,
    /// What is counted of connections.
    pub(crate) connections: ConnectionTally,
}

/// A histogram: one counter for each bound, one for what is above all of them, and the sum.
#[repr(C)]
struct Times<const N: usize> {
    below: [AtomicU64; N],
    above: AtomicU64,
    sum_ns: AtomicU64,
}

/// Counters copied out, or added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers by status class, from 1xx on; those of the engine itself too.
    pub requests: [u64; CLASSES],
    /// Answers of the application by the time it took, for each of [`DURATIONS_MS`] and above.
    pub durations: Histogram,
    /// The same requests, and those that were not begun, by the time they waited, for each of [`QUEUE_TIMES_MS`] and above.
    pub queue_times: Histogram,
    /// Bytes read from clients, as far as they belonged to requests.
    pub bytes_in: u64,
    /// Bytes of answers given to the kernel.
    pub bytes_out: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Requests answered 4xx by the engine, without the application.
    pub refused: u64,
    /// Requests over their time, answered 504 by the engine.
    pub timeouts: u64,
    /// Requests answered 503 because the worker ended before it had begun them.
    pub sent_back: u64,
    /// Requests handed over to another worker, with their connections.
    pub given: u64,
    /// Requests taken over from another worker.
    pub taken: u64,
    /// Requests answered 503 because they had waited for longer than they may.
    pub shed: u64,
    /// Requests that were not begun because their clients had left.
    pub abandoned: u64,
    /// What was counted of connections.
    pub connections: ConnectionCounts,
}

/// How many were within each bound and above the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One number for each bound, and one for what is above all of them.
    pub buckets: Vec<u64>,
    /// All times together, in ns.
    pub sum_ns: u64,
}

impl Tally {
    /// An answer with this status; 0 is that of an application without one, which gets 500.
    #[inline]
    pub(crate) fn answered(&self, status: u16) {
        let class = match status {
            0 | 500.. => 4,
            status => usize::from(status / 100).saturating_sub(1),
        };
        if let Some(count) = self.requests.get(class) {
            add(count, 1);
        }
    }

    /// An answer that the engine gave to a request which no application has seen.
    pub(crate) fn refused(&self, status: u16) {
        self.answered(status);
        if (400..500).contains(&status) {
            add(&self.refused, 1);
        }
    }

    /// An answer that the engine gave in the place of the application.
    pub(crate) fn timed_out(&self) {
        self.answered(504);
        add(&self.timeouts, 1);
    }

    /// A request that was sent back.
    pub(crate) fn sent_back(&self) {
        self.answered(503);
        add(&self.sent_back, 1);
    }

    /// A request that has waited for longer than it may.
    pub(crate) fn shed(&self) {
        self.answered(503);
        add(&self.shed, 1);
    }

    /// A request whose client has left while it waited.
    pub(crate) fn abandoned(&self) {
        self.answered(503);
        add(&self.abandoned, 1);
    }

    /// How long a request waited that was not begun.
    pub(crate) fn waited(&self, queued_ns: u64) {
        self.queue_times.note(&QUEUE_TIMES_MS, queued_ns);
    }

    /// How long a request waited, and how long the application took for it.
    #[inline]
    pub(crate) fn took(&self, queued_ns: u64, duration_ns: u64) {
        self.queue_times.note(&QUEUE_TIMES_MS, queued_ns);
        self.durations.note(&DURATIONS_MS, duration_ns);
    }

    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.bytes_in, bytes as u64);
    }

    #[inline]
    pub(crate) fn written(&self, bytes: u64) {
        add(&self.bytes_out, bytes);
    }

    pub(crate) fn accepted(&self) {
        add(&self.accepted, 1);
    }

    pub(crate) fn given(&self) {
        add(&self.given, 1);
    }

    /// What was counted as given has stayed.
    pub(crate) fn not_given(&self) {
        subtract(&self.given, 1);
    }

    pub(crate) fn taken(&self) {
        add(&self.taken, 1);
    }

    /// Everything back to 0, before a fork.
    pub(crate) fn reset(&self) {
        let single = [
            &self.bytes_in,
            &self.bytes_out,
            &self.accepted,
            &self.refused,
            &self.timeouts,
            &self.sent_back,
            &self.given,
            &self.taken,
            &self.shed,
            &self.abandoned,
        ];
        let all = self.requests.iter().chain(single);
        for count in all.chain(self.connections.all()) {
            count.store(0, Ordering::Relaxed);
        }
        self.durations.reset();
        self.queue_times.reset();
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            requests: self.requests.each_ref().map(load),
            durations: self.durations.read(),
            queue_times: self.queue_times.read(),
            bytes_in: load(&self.bytes_in),
            bytes_out: load(&self.bytes_out),
            accepted: load(&self.accepted),
            refused: load(&self.refused),
            timeouts: load(&self.timeouts),
            sent_back: load(&self.sent_back),
            given: load(&self.given),
            taken: load(&self.taken),
            shed: load(&self.shed),
            abandoned: load(&self.abandoned),
            connections: self.connections.read(),
        }
    }
}

impl<const N: usize> Times<N> {
    #[inline]
    fn note(&self, bounds_ms: &[u64; N], ns: u64) {
        // From the shortest on: most requests are in the first.
        let bucket = bounds_ms
            .iter()
            .position(|&bound_ms| ns <= bound_ms * 1_000_000);
        let count = bucket.and_then(|bucket| self.below.get(bucket));
        add(count.unwrap_or(&self.above), 1);
        add(&self.sum_ns, ns);
    }

    fn reset(&self) {
        for count in self.below.iter().chain([&self.above, &self.sum_ns]) {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Histogram {
        Histogram {
            buckets: self.below.iter().chain([&self.above]).map(load).collect(),
            sum_ns: load(&self.sum_ns),
        }
    }
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut requests = self.requests;
        for (mine, theirs) in requests.iter_mut().zip(other.requests) {
            *mine += theirs;
        }
        Self {
            requests,
            durations: self.durations.plus(&other.durations),
            queue_times: self.queue_times.plus(&other.queue_times),
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            timeouts: self.timeouts + other.timeouts,
            sent_back: self.sent_back + other.sent_back,
            given: self.given + other.given,
            taken: self.taken + other.taken,
            shed: self.shed + other.shed,
            abandoned: self.abandoned + other.abandoned,
            connections: self.connections.plus(&other.connections),
        }
    }
}

impl Histogram {
    /// Both together; one that never counted may be without buckets.
    fn plus(&self, other: &Self) -> Self {
        let length = self.buckets.len().max(other.buckets.len());
        let of = |histogram: &Self, index: usize| histogram.buckets.get(index).copied();
        let sum = |index| of(self, index).unwrap_or(0) + of(other, index).unwrap_or(0);
        Self {
            buckets: (0..length).map(sum).collect(),
            sum_ns: self.sum_ns + other.sum_ns,
        }
    }
}

/// By the only writer: no other addition can be lost.
#[inline]
fn add(count: &AtomicU64, more: u64) {
    count.store(load(count) + more, Ordering::Relaxed);
}

/// Takes back what was added.
fn subtract(count: &AtomicU64, less: u64) {
    count.store(load(count).saturating_sub(less), Ordering::Relaxed);
}

#[inline]
fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        // SAFETY: all-zero bytes are a valid value, as in a fresh map.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn each_status_is_in_its_class() {
        let tally = tally();
        for status in [101, 200, 204, 301, 404, 431, 500, 599, 999, 0] {
            tally.answered(status);
        }
        assert_eq!(tally.read().requests, [1, 2, 1, 2, 4]);
        tally.refused(400);
        tally.refused(500);
        tally.timed_out();
        tally.sent_back();
        tally.shed();
        tally.abandoned();
        let counts = tally.read();
        assert_eq!(counts.requests, [1, 2, 1, 3, 9]);
        assert_eq!((counts.shed, counts.abandoned), (1, 1));
        assert_eq!(
            (counts.refused, counts.timeouts, counts.sent_back),
            (1, 1, 1)
        );
    }

    #[test]
    fn times_are_in_the_first_bucket_that_holds_them() {
        let tally = tally();
        for ns in [0, 1_000_000, 1_000_001, 60_000_000_000, 60_000_000_001] {
            tally.took(0, ns);
        }
        let durations = tally.read().durations;
        let mut expected = vec![0; DURATIONS_MS.len() + 1];
        (expected[0], expected[1], expected[15], expected[16]) = (2, 1, 1, 1);
        assert_eq!(durations.buckets, expected);
        assert_eq!(durations.sum_ns, 120_002_000_002);
        assert_eq!(tally.read().queue_times.buckets[0], 5);
    }

    #[test]
    fn sums_begin_with_nothing_and_a_reset_leaves_nothing() {
        let tally = tally();
        tally.answered(200);
        tally.took(5, 7);
        tally.received(11);
        tally.written(13);
        tally.accepted();
        let once = Counts::default().plus(&tally.read());
        assert_eq!(once, tally.read());
        let twice = once.plus(&once);
        assert_eq!((twice.requests[1], twice.bytes_in), (2, 22));
        assert_eq!((twice.durations.sum_ns, twice.queue_times.sum_ns), (14, 10));
        assert_eq!((twice.durations.buckets[0], twice.accepted), (2, 2));
        tally.reset();
        assert_eq!(tally.read().plus(&twice), twice);
        assert_eq!(tally.read().bytes_out, 0);
    }
}
