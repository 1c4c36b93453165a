//! Requests over their time: how long each may run, and when to look next.
//!
//! Nothing is done for a request but a store in its scoreboard entry. The driver looks at the entries
//! when one of them may be too old: at the earliest deadline known, or, for requests that
//! began since the last look, the shortest limit after it.

/// How long requests may run.
#[derive(Clone, Debug, Default)]
pub struct TimeLimits {
    /// Where no path says otherwise, in ms; 0 for ever.
    all_ms: u64,
    /// Prefixes of paths with their own limits, the longest first.
    paths: Vec<(Vec<u8>, u64)>,
    /// How long the application may keep the thread that gives the signs of life, in ms.
    silence_ms: u64,
}

impl TimeLimits {
    /// `request_timeout`, its exceptions by prefix, and the silence that the master bears; in ms,
    /// and 0 is for ever.
    pub fn new(all_ms: u64, mut paths: Vec<(Vec<u8>, u64)>, silence_ms: u64) -> Self {
        paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self {
            all_ms,
            paths,
            silence_ms,
        }
    }

    /// The limit for a request with this path, in ms; 0 for ever. The longest prefix decides.
    #[inline]
    pub fn of(&self, path: &[u8]) -> u64 {
        let own = self
            .paths
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix));
        own.map_or(self.all_ms, |&(_, limit_ms)| limit_ms)
    }

    /// The shortest of all limits, in ms; `None` when everything may run for ever.
    fn shortest(&self) -> Option<u64> {
        let paths = self.paths.iter().map(|&(_, limit_ms)| limit_ms);
        paths
            .chain([self.all_ms, self.silence_ms])
            .filter(|&limit_ms| limit_ms > 0)
            .min()
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

    #[test]
    fn the_longest_prefix_decides() {
        let paths = vec![
            (b"/a/".to_vec(), 10),
            (b"/a/b/".to_vec(), 0),
            (b"/c".to_vec(), 30),
        ];
        let limits = TimeLimits::new(5, paths, 0);
        for (path, expected) in [
            ("/", 5),
            ("/a", 5),
            ("/a/", 10),
            ("/a/x", 10),
            ("/a/b/x", 0),
            ("/cd", 30),
        ] {
            assert_eq!(limits.of(path.as_bytes()), expected, "{path}");
        }
        assert_eq!(limits.shortest(), Some(5));
    }

    #[test]
    fn without_limits_no_look_is_due() {
        let mut check = AgeCheck::new(&TimeLimits::default());
        assert!(!check.due(u64::MAX));
        assert_eq!(check.wait_ms(7), None);
    }

    #[test]
    fn a_look_is_due_when_a_request_may_be_too_old() {
        let mut check = AgeCheck::new(&TimeLimits::new(100, Vec::new(), 0));
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
        let mut check = AgeCheck::new(&TimeLimits::new(0, Vec::new(), 100));
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
