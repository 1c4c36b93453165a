//! Graceful stop as a table: Serving → Draining(deadline) → Stopped.

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
    /// Somebody asked to stop by this time (monotonic ms).
    Stop(u64),
    /// The clock was looked at, and so many connections were left.
    Look {
        /// Now, in monotonic ms.
        now: u64,
        /// Connections with something still to do.
        busy: usize,
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
            (Self::Draining(deadline), Step::Look { now, busy }) => {
                if busy == 0 || now >= deadline {
                    Self::Stopped
                } else {
                    self
                }
            }
            (Self::Stopped, _) => Self::Stopped,
        }
    }

    /// Whether a connection may be kept after its response.
    pub fn serving(self) -> bool {
        self == Self::Serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair() {
        use Drain::{Draining, Serving, Stopped};
        let look = |now, busy| Step::Look { now, busy };
        for (state, step, expected) in [
            (Serving, look(9, 0), Serving),
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
}
