//! How long the application takes for a request: what may wait for it, and how long.

use super::batch::HELD_BACK_NS;

/// How long the application takes, as a moving average of samples.
pub(super) struct Pace {
    ns: u64,
}

impl Pace {
    /// A whole batch of requests of a quicker application is over before a look at the clock between
    /// them would tell anything.
    const QUICK_NS: u64 = 10_000;
    /// Requests of a faster application are soon done, however many wait: another thread would take
    /// longer to wake.
    const FAST_NS: u64 = 40_000;

    pub(super) fn unknown() -> Self {
        Self {
            ns: 2 * Self::FAST_NS,
        }
    }

    pub(super) fn took(&mut self, ns: u64) {
        self.ns = (self.ns * 7 + ns) / 8;
    }

    pub(super) fn quick(&self) -> bool {
        self.ns < Self::QUICK_NS
    }

    pub(super) fn fast(&self) -> bool {
        self.ns < Self::FAST_NS
    }

    /// The next response comes before one that waits for it has waited too long.
    pub(super) fn may_gather(&self) -> bool {
        self.ns < HELD_BACK_NS
    }

    /// How many requests one thread can answer in this time.
    pub(super) fn requests_in(&self, time_ms: u64) -> usize {
        let count = time_ms.saturating_mul(1_000_000) / self.ns.max(1);
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}
