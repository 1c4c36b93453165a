//! Requests over their time, for the master to report: their names stay when they end.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Scoreboard;
use super::entry::{Entry, InFlight, Running};
use crate::clock;
use crate::overdue::{Broken, Cause};

/// A request that was over its time, for the master to report. It stays when the request ends.
#[repr(C)]
pub(super) struct Late {
    request: Entry,
    cause: AtomicU64,
    limit_ms: AtomicU64,
    age_ns: AtomicU64,
}

/// Requests over their time that are kept for the master; it looks long before there are so many.
pub(super) const LATE: usize = 32;
/// A request that was over its time, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Counts the overdue requests of the worker, from 0.
    pub number: u64,
    /// The request; its age is that at which it was found.
    pub request: InFlight,
    /// Which limit it has broken.
    pub cause: Cause,
    /// The limit, in ms.
    pub limit_ms: u64,
}

impl Scoreboard {
    /// Marks the request of `entry` as overdue, and keeps a copy for the master; false if it has
    /// ended meanwhile. One thread at a time does this: the one that holds the reactor.
    pub(crate) fn report_overdue(
        &self,
        slot: usize,
        entry: usize,
        request: Running,
        broken: Broken,
    ) -> bool {
        let entry = self.entry(slot, entry);
        let count = &self.worker(slot).overdue;
        let told = count.load(Ordering::Relaxed);
        let late = self.late(slot, told);
        late.request.copy(entry);
        if entry.started_ns.load(Ordering::Acquire) != request.started_ns {
            return false;
        }
        entry.overdue.store(request.id, Ordering::Relaxed);
        let cause = match broken.cause {
            Cause::Request => 0,
            Cause::Silence => 1,
        };
        late.cause.store(cause, Ordering::Relaxed);
        late.limit_ms.store(broken.limit_ms, Ordering::Relaxed);
        let age_ns = clock::monotonic_ns().saturating_sub(request.started_ns);
        late.age_ns.store(age_ns, Ordering::Relaxed);
        count.store(told + 1, Ordering::Release);
        true
    }

    /// Whether the caller is the first to report overdue request `number`.
    pub fn claim_overdue(&self, slot: usize, number: u64) -> bool {
        let told = &self.worker(slot).told;
        told.fetch_max(number + 1, Ordering::Relaxed) <= number
    }

    /// The requests over their time after the first `told` ones; older ones may be forgotten.
    pub fn overdue(&self, slot: usize, told: u64) -> Vec<Overdue> {
        let count = self.worker(slot).overdue.load(Ordering::Acquire);
        let kept = told.max(count.saturating_sub(LATE as u64));
        (kept..count)
            .filter_map(|number| {
                let late = self.late(slot, number);
                let age_ns = late.age_ns.load(Ordering::Relaxed);
                let mut request = late.request.read(0)?;
                request.age_ns = age_ns;
                let cause = match late.cause.load(Ordering::Relaxed) {
                    0 => Cause::Request,
                    _ => Cause::Silence,
                };
                let limit_ms = late.limit_ms.load(Ordering::Relaxed);
                Some(Overdue {
                    number,
                    request,
                    cause,
                    limit_ms,
                })
            })
            .collect()
    }
}
