//! Whether the application threads share the requests that are ready, or leave them to one thread.
//!
//! The interpreter runs one thread at a time. Threads whose application only computes take its lock
//! from each other: for them one thread runs everything, and the others sleep until a request takes
//! long. Threads whose application waits (for a database, another service) let each other run.
//!
//! Which of the two it is, is seen on requests that run with no other one beside them: their thread
//! has waited if it gave its processor up of its own will (`ru_nvcsw` of `getrusage(2)`). Native code
//! that computes without the interpreter's lock is found out by trying: two threads then use more
//! than one processor.

/// Requests that are looked at before the count begins anew.
const LOOKS: u32 = 64;
/// Of these, so many that waited make the threads share.
const WAITED: u32 = LOOKS / 4;
/// One request in so many is looked at, each one after one that has waited.
const EACH: u64 = 8;
/// After this time, in ns, the threads stop sharing until the application is known again.
const SHARED_NS: u64 = 1_000_000_000;

/// While one thread computes for long, another one is called at most this often, in ns, to try.
const TRIAL_NS: u64 = 1_000_000_000;

/// What a process does while its driver is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Its threads wait, or other processes have the processors.
    Waits,
    /// One thread computes.
    Computes,
    /// Several do.
    Parallel,
}

impl Load {
    /// From the processor time that was used in some time, both in ns.
    pub(super) fn of(used_ns: u64, time_ns: u64) -> Self {
        if used_ns > time_ns / 4 * 5 {
            Self::Parallel
        } else if used_ns > time_ns / 4 * 3 {
            Self::Computes
        } else {
            Self::Waits
        }
    }
}

/// Time that a judgement of [`Pulse`] is made of, in ns, at least.
const PULSE_NS: u64 = 1_000_000;

/// Whether the threads of the process compute right now: then one that is idle would begin with a
/// request only when another one gives the interpreter away, which takes milliseconds.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    since_ns: u64,
    used_ns: u64,
    computes: bool,
}

impl Pulse {
    /// Begins anew with this moment, in monotonic ns and processor time of the process.
    #[inline]
    pub(super) fn begin(&mut self, now_ns: u64, used_ns: u64) {
        self.since_ns = now_ns;
        self.used_ns = used_ns;
    }

    /// The judgement, made anew if the last one is old enough. `used_ns` says the processor time of the
    /// process. Half a processor is enough: others may want the same one.
    pub(super) fn computes(&mut self, now_ns: u64, used_ns: impl FnOnce() -> u64) -> bool {
        let time_ns = now_ns.saturating_sub(self.since_ns);
        if time_ns >= PULSE_NS {
            let used_ns = used_ns();
            self.computes = used_ns.saturating_sub(self.used_ns) > time_ns / 2;
            self.begin(now_ns, used_ns);
        }
        self.computes
    }
}

/// What is known of the application.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    looks: u32,
    waited: u32,
    /// The last request that was looked at has waited.
    dense: bool,
    /// The driver has been away for long, and others are called until it is back.
    late: bool,
    /// Until then, in monotonic ns, the threads share.
    until_ns: u64,
    /// When one may be called to try.
    trial_ns: u64,
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
            self.until_ns = now_ns + SHARED_NS;
            self.dense = false;
        } else if self.looks < LOOKS {
            return;
        }
        self.looks = 0;
        self.waited = 0;
    }

    /// The driver has been away for some time, with this load.
    pub(super) fn driver_is_away(&mut self, load: Load, now_ns: u64) {
        self.late = match load {
            Load::Waits => true,
            Load::Parallel => {
                self.until_ns = now_ns + SHARED_NS;
                true
            }
            Load::Computes if now_ns < self.trial_ns => false,
            Load::Computes => {
                self.trial_ns = now_ns + TRIAL_NS;
                true
            }
        }
    }

    /// The driver was back, and has gone with another request.
    #[inline]
    pub(super) fn driver_is_back(&mut self) {
        self.late = false;
    }

    /// Whether threads beside the driver, which is away, take what is ready.
    #[inline]
    pub(super) fn others_work(&self, now_ns: u64) -> bool {
        self.late || !self.is_off(now_ns)
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

    #[test]
    fn loads() {
        for (used_ns, load) in [
            (0, Load::Waits),
            (750, Load::Waits),
            (751, Load::Computes),
            (1250, Load::Computes),
            (1251, Load::Parallel),
            (8000, Load::Parallel),
        ] {
            assert_eq!(Load::of(used_ns, 1000), load, "{used_ns} of 1000 ns");
        }
    }

    #[test]
    fn a_pulse_is_of_the_last_moments() {
        let mut pulse = Pulse::default();
        pulse.begin(NOW, 100);
        let soon = NOW + PULSE_NS - 1;
        assert!(!pulse.computes(soon, || panic!("too early to look")));
        let first = NOW + PULSE_NS;
        assert!(pulse.computes(first, || 101 + PULSE_NS / 2));
        let second = first + PULSE_NS;
        assert!(pulse.computes(second - 1, || panic!("too early to look")));
        assert!(!pulse.computes(second, || 101 + PULSE_NS));
    }

    /// Whether others work, after a look at a driver that is away with this load.
    fn called(sharing: &mut Sharing, load: Load, now_ns: u64) -> bool {
        sharing.driver_is_away(load, now_ns);
        sharing.others_work(now_ns)
    }

    #[test]
    fn a_thread_that_computes_is_left_alone_but_for_a_trial() {
        let mut sharing = Sharing::default();
        let calls: Vec<u64> = (0..3000)
            .filter(|ms| called(&mut sharing, Load::Computes, NOW + ms * 1_000_000))
            .collect();
        assert_eq!(calls, [0, 1000, 2000]);
    }

    #[test]
    fn threads_share_what_computes_without_the_lock() {
        let mut sharing = Sharing::default();
        assert!(called(&mut sharing, Load::Parallel, NOW));
        sharing.driver_is_back();
        assert!(sharing.others_work(NOW));
        assert!(called(&mut sharing, Load::Computes, NOW + 1));
    }

    #[test]
    fn others_work_beside_one_that_waits_until_it_is_back() {
        let mut sharing = Sharing::default();
        assert!(called(&mut sharing, Load::Waits, NOW));
        sharing.driver_is_back();
        assert!(!sharing.others_work(NOW));
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
