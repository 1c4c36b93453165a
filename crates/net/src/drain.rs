//! Graceful stop as two tables: how far a worker has stopped (Serving → Draining(deadline) →
//! Stopped), and how long each of its connections may stay meanwhile.

/// How far a worker has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Accepting and answering.
    Serving,
    /// No new connection; what was begun is answered until the deadline (monotonic ms).
    Draining(u64),
    /// Nothing is left, or time is up.
    Stopped,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A stop by this time was asked for (monotonic ms).
    Stop(u64),
    /// The clock was looked at, and so many connections were left.
    Look {
        /// Now, in monotonic ms.
        now: u64,
        /// Connections not yet closed.
        open: usize,
    },
}

impl Drain {
    /// The state after `step`.
    #[must_use]
    pub fn on(self, step: Step) -> Self {
        match (self, step) {
            (Self::Serving, Step::Look { .. }) => Self::Serving,
            (Self::Serving, Step::Stop(deadline)) => Self::Draining(deadline),
            (Self::Draining(old), Step::Stop(new)) => Self::Draining(old.min(new)),
            (Self::Draining(deadline), Step::Look { now, open }) => {
                if open == 0 || now >= deadline {
                    Self::Stopped
                } else {
                    self
                }
            }
            (Self::Stopped, _) => Self::Stopped,
        }
    }

    /// Whether a connection may be kept for as long as its client likes.
    pub fn serving(self) -> bool {
        self == Self::Serving
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// A request is being read, run or answered, or the last answer is on its way.
    Busy,
    /// Nothing was ever asked on it.
    Fresh,
    /// Kept after a response, and idle since then (monotonic ms).
    Idle(u64),
}

/// How it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself: its answer says that it is the last.
    AfterResponse,
    /// At this time (monotonic ms), unless a request comes before.
    At(u64),
}

/// Time for the first request of a connection that came just before the stop, in ms. The client
/// could not know better; on a loaded machine its request may be as late as its connection.
pub(crate) const FRESH_MS: u64 = 3_000;
/// An active client sends its next request about now, and would find the connection closed: so
/// long it stays after each response that did not announce its end, in ms. A client that has been
/// idle for longer is as likely to send one now as at any time.
pub(crate) const QUIET_MS: u64 = 800;

/// How long a client's own end is awaited after the server's, in ms: while serving; while stopping,
/// after the last answer; while stopping, on a connection that was idle, where only a request that
/// crosses with the end could meet a reset. A stop ends within a second after the last answers.
const LINGER_MS: [u64; 3] = [2_000, 1_000, 200];

/// The longest wait for a client's own end.
pub(crate) fn linger_ms(stopping: bool, answered: bool) -> u64 {
    LINGER_MS[match (stopping, answered) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 2,
    }]
}

/// How long a connection may stay when its worker stops.
pub(crate) fn ending(activity: Activity, now_ms: u64) -> Ending {
    match activity {
        Activity::Busy => Ending::AfterResponse,
        Activity::Fresh => Ending::At(now_ms.saturating_add(FRESH_MS)),
        Activity::Idle(since_ms) => Ending::At(since_ms.saturating_add(QUIET_MS).max(now_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair() {
        use Drain::{Draining, Serving, Stopped};
        let look = |now, open| Step::Look { now, open };
        for (state, step, expected) in [
            (Serving, look(9, 0), Serving),
            (Serving, look(9, 1), Serving),
            (Serving, Step::Stop(5), Draining(5)),
            (Draining(5), Step::Stop(3), Draining(3)),
            (Draining(5), Step::Stop(9), Draining(5)),
            (Draining(5), look(4, 1), Draining(5)),
            (Draining(5), look(4, 0), Stopped),
            (Draining(5), look(5, 1), Stopped),
            (Stopped, Step::Stop(9), Stopped),
            (Stopped, look(0, 7), Stopped),
        ] {
            assert_eq!(state.on(step), expected, "{state:?} {step:?}");
        }
    }

    #[test]
    fn a_stop_ends_within_a_second_after_the_last_answer() {
        assert!(linger_ms(true, true) <= 1_000);
        assert!(QUIET_MS + linger_ms(true, false) <= 1_000);
        assert_eq!(linger_ms(false, true), linger_ms(false, false));
    }

    #[test]
    fn every_activity() {
        const NOW: u64 = 100_000;
        for (activity, expected) in [
            (Activity::Busy, Ending::AfterResponse),
            (Activity::Fresh, Ending::At(NOW + FRESH_MS)),
            (Activity::Idle(NOW), Ending::At(NOW + QUIET_MS)),
            (Activity::Idle(NOW - 1), Ending::At(NOW - 1 + QUIET_MS)),
            (Activity::Idle(NOW - QUIET_MS), Ending::At(NOW)),
            (Activity::Idle(0), Ending::At(NOW)),
        ] {
            assert_eq!(ending(activity, NOW), expected, "{activity:?}");
        }
    }
}
