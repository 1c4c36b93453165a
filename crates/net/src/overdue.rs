//! Requests over their time: how long each may run, and when to look next.
//!
//! Nothing is done for a request but a store in its scoreboard entry. The driver looks at the entries
//! when one of them may be too old: at the earliest deadline known, or, for requests that
//! began since the last look, the shortest limit after it.

use crate::path_limits::PathLimits;

/// How long requests may run.
#[derive(Clone, Debug, Default)]
pub struct TimeLimits {
    /// `request_timeout`, and its exceptions.
    requests: PathLimits,
    /// How long the application may keep the thread that gives the signs of life, in ms.
    silence_ms: u64,
}

impl TimeLimits {
    /// `request_timeout` with its exceptions, and the silence that the master bears, in ms; 0 is for
    /// ever.
    pub fn new(requests: PathLimits, silence_ms: u64) -> Self {
        Self {
            requests,
            silence_ms,
        }
    }

    /// The limit for a request with this path, in ms; 0 for ever.
    #[inline]
    pub fn of(&self, path: &[u8]) -> u64 {
        self.requests.of(path)
    }

    /// The shortest of all limits, in ms; `None` when everything may run for ever.
    fn shortest(&self) -> Option<u64> {
        let silence_ms = (self.silence_ms > 0).then_some(self.silence_ms);
        self.requests.shortest().into_iter().chain(silence_ms).min()
    }
}

/// Which limit a request has broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its own: `request_timeout`.
    Request,
    /// That of its worker's silence: `timeout`, where the application runs in the worker's loop.
    Silence,
}

/// A limit that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) cause: Cause,
    pub(crate) limit_ms: u64,
}

/// When to look at the ages.
#[derive(Debug)]
pub(crate) struct AgeCheck {
    /// How long the loop may be silent, in ms; 0 for ever.
    silence: u64,
    /// The shortest limit, in ms.
    shortest: Option<u64>,
    /// When to look, in monotonic ms.
    next: u64,
}

impl AgeCheck {
    pub(crate) fn new(limits: &TimeLimits) -> Self {
        let shortest = limits.shortest();
        Self {
            silence: limits.silence_ms,
            shortest,
            next: if shortest.is_some() { 0 } else { u64::MAX },
        }
    }

    /// Whether to look now. If so, the next look is due for what begins from now on, and the
    /// caller shows every running request to [`Self::judge`].
    pub(crate) fn due(&mut self, now_ms: u64) -> bool {
        let Some(shortest) = self.shortest else {
            return false;
        };
        if now_ms < self.next {
            return false;
        }
        self.next = now_ms.saturating_add(shortest);
        true
    }

    /// The limit that a request has broken, if it has; else the next look is due by its deadline.
    pub(crate) fn judge(
        &mut self,
        now_ms: u64,
        started_ms: u64,
        limit_ms: u64,
        beat_ms: u64,
    ) -> Option<Broken> {
        // Strictly later than the limit: the master compares the same way.
        let deadline = |since: u64, limit_ms: u64| match limit_ms {
            0 => u64::MAX,
            limit_ms => since.saturating_add(limit_ms).saturating_add(1),
        };
        let own = deadline(started_ms, limit_ms);
        let silence = deadline(beat_ms.max(started_ms), self.silence);
        if own <= now_ms {
            return Some(Broken {
                cause: Cause::Request,
                limit_ms,
            });
        }
        if silence <= now_ms {
            return Some(Broken {
                cause: Cause::Silence,
                limit_ms: self.silence,
            });
        }
        self.next = self.next.min(own).min(silence);
        None
    }

    /// Another look is due by then.
    pub(crate) fn expect(&mut self, at_ms: u64) {
        self.next = self.next.min(at_ms);
    }

    /// Milliseconds until the next look; `None` if there is none.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        (self.next != u64::MAX).then(|| self.next.saturating_sub(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(all_ms: u64, silence_ms: u64) -> TimeLimits {
        TimeLimits::new(PathLimits::new(all_ms, Vec::new()), silence_ms)
    }

    #[test]
    fn the_shortest_limit() {
        assert_eq!(limits(5, 0).shortest(), Some(5));
        assert_eq!(limits(5, 3).shortest(), Some(3));
        assert_eq!(limits(0, 3).shortest(), Some(3));
        assert_eq!(limits(0, 0).shortest(), None);
    }

    #[test]
    fn without_limits_no_look_is_due() {
        let mut check = AgeCheck::new(&TimeLimits::default());
        assert!(!check.due(u64::MAX));
        assert_eq!(check.wait_ms(7), None);
    }

    #[test]
    fn a_look_is_due_when_a_request_may_be_too_old() {
        let mut check = AgeCheck::new(&limits(100, 0));
        assert!(check.due(1000));
        // What begins after a look is not overdue before the shortest limit is over.
        assert_eq!(check.wait_ms(1000), Some(100));
        assert_eq!(check.judge(1000, 950, 100, 0), None);
        assert_eq!(check.wait_ms(1000), Some(51));
        assert!(!check.due(1050));
        assert!(check.due(1051));
        let broken = Broken {
            cause: Cause::Request,
            limit_ms: 100,
        };
        assert_eq!(check.judge(1051, 950, 100, 0), Some(broken));
        // No limit of its own.
        assert_eq!(check.judge(1051, 1, 0, 0), None);
        assert_eq!(check.wait_ms(1051), Some(100));
    }

    #[test]
    fn a_sign_of_life_in_the_middle_of_a_request_counts() {
        let mut check = AgeCheck::new(&limits(0, 100));
        assert!(check.due(1000));
        assert_eq!(check.judge(1000, 500, 0, 950), None);
        assert_eq!(check.wait_ms(1000), Some(51));
        let broken = Broken {
            cause: Cause::Silence,
            limit_ms: 100,
        };
        assert_eq!(check.judge(1051, 500, 0, 950), Some(broken));
    }
}
