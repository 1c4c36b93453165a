//! Whether the application threads share the requests that are ready, or leave them to one thread.
//!
//! The interpreter runs one thread at a time. Threads whose application only computes take its lock
//! from each other: for them one thread runs everything, and the others sleep until a request takes
//! long. Threads whose application waits (for a database, another service) let each other run.
//!
//! Which of the two it is, is seen on requests that run with no other one beside them: their thread
//! has waited if it gave its processor up of its own will (`ru_nvcsw` of `getrusage(2)`).

/// Requests that are looked at before the count begins anew.
const LOOKS: u32 = 64;
/// Of these, so many that waited make the threads share.
const WAITED: u32 = LOOKS / 4;
/// One request in so many is looked at, each one after one that has waited.
const EACH: u64 = 8;
/// After this time, in ns, the threads stop sharing until the application is known again.
const SHARED_NS: u64 = 1_000_000_000;

/// What is known of the application.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    looks: u32,
    waited: u32,
    /// The last request that was looked at has waited.
    dense: bool,
    /// Until then, in monotonic ns, the threads share.
    until_ns: u64,
}

impl Sharing {
    /// The threads share until then, in monotonic ns.
    #[cfg(test)]
    pub(super) fn until(until_ns: u64) -> Self {
        Self {
            until_ns,
            ..Self::default()
        }
    }

    /// One thread runs all requests as long as they are fast.
    #[inline]
    pub(super) fn is_off(&self, now_ns: u64) -> bool {
        now_ns >= self.until_ns
    }

    /// Whether request `number` is to be looked at.
    #[inline]
    pub(super) fn looks_at(&self, number: u64) -> bool {
        self.dense || number.is_multiple_of(EACH)
    }

    /// A request ran alone, and its thread `waited` in it or did not.
    pub(super) fn saw(&mut self, waited: bool, now_ns: u64) {
        self.dense = waited;
        self.looks += 1;
        self.waited += u32::from(waited);
        if self.waited >= WAITED {
            *self = Self {
                until_ns: now_ns + SHARED_NS,
                ..Self::default()
            };
        } else if self.looks >= LOOKS {
            self.looks = 0;
            self.waited = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 5 * SHARED_NS;

    /// What becomes of `Sharing` after requests of which every `one_in`-th waits.
    fn after(requests: u64, one_in: u64) -> Sharing {
        let mut sharing = Sharing::default();
        for number in 0..requests {
            if sharing.is_off(NOW) && sharing.looks_at(number) {
                sharing.saw(number % one_in == 0, NOW);
            }
        }
        sharing
    }

    #[test]
    fn an_application_that_waits_is_known_after_some_requests() {
        let requests = EACH + u64::from(WAITED);
        assert!(!after(requests, 1).is_off(NOW), "each of {requests} waited");
        assert!(after(1, 1).is_off(NOW), "one is not enough");
    }

    #[test]
    fn few_that_wait_do_not_make_it_one() {
        assert!(after(100_000, 20).is_off(NOW), "one in 20 waits");
        assert!(
            after(100_000, u64::MAX).is_off(NOW),
            "only the first one waits"
        );
    }

    #[test]
    fn sharing_ends_and_begins_again() {
        let mut sharing = after(1_000, 1);
        let end = NOW + SHARED_NS;
        assert!(!sharing.is_off(end - 1));
        assert!(sharing.is_off(end));
        for _ in 0..WAITED {
            sharing.saw(true, end);
        }
        assert!(!sharing.is_off(end));
    }

    /// Those of an earlier count are forgotten.
    #[test]
    fn counts_begin_anew() {
        let mut sharing = Sharing::default();
        for _ in 0..10 {
            for number in 0..LOOKS {
                sharing.saw(number < WAITED - 1, NOW);
            }
        }
        assert!(sharing.is_off(NOW));
    }
}
