//! Admission: which complete requests are begun, and which are answered 503 because they have waited
//! for too long, or because their client has left.
//!
//! Nothing is done for a request that is taken at once. One that waits is looked at when a thread
//! takes it, and by whichever thread turns the reactor meanwhile, when [`Watch`] says so.

/// The client of a request that has waited for longer is asked for, with a system call, in ns.
pub(crate) const GLANCE_NS: u64 = 10_000_000;
/// A client that has ended its side, and waits for longer, has left, in ns. A client may end its side
/// and wait for the answer (RFC 9112, section 9.6), and one that has closed the connection looks the
/// same over TCP: which of both it is shows only when something is sent to it.
pub(crate) const ENDED_NS: u64 = 100_000_000;
/// Shortest time between two looks at all requests that wait, in ns.
const STEP_NS: u64 = 10_000_000;

/// What is known of the client of a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Nothing speaks against its being there.
    Present,
    /// It has ended its side, and this request was the last thing that it has sent.
    Ended,
    /// Its connection was reset, or closed from both sides.
    Gone,
}

/// Why a request is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has waited for longer than `queue_timeout`.
    Shed,
    /// The application has as many as `limit_concurrency` lets it have.
    Crowded,
    /// Its client has left.
    Abandoned,
}

/// Whether a request that has waited for so long, and may for so long (0: for ever), is not begun.
pub(crate) fn refusal(waited_ns: u64, limit_ns: u64, client: Client) -> Option<Refusal> {
    match client {
        Client::Gone => Some(Refusal::Abandoned),
        Client::Ended if waited_ns > ENDED_NS => Some(Refusal::Abandoned),
        _ if limit_ns > 0 && waited_ns > limit_ns => Some(Refusal::Shed),
        Client::Present | Client::Ended => None,
    }
}

/// When to look at the requests that wait.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The next look, in monotonic ns; `u64::MAX` without one.
    next_ns: u64,
    last_ns: u64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            next_ns: u64::MAX,
            last_ns: 0,
        }
    }

    /// A request waits since `ready_ns`, and may for so long (0: for ever).
    #[inline]
    pub(crate) fn expect(&mut self, ready_ns: u64, limit_ns: u64) {
        let first_ns = match limit_ns {
            0 => ENDED_NS,
            limit_ns => limit_ns.min(ENDED_NS),
        };
        self.note(ready_ns.saturating_add(first_ns));
    }

    /// The same at a look, which has found it waiting: its time may come before the next one.
    pub(crate) fn expect_again(&mut self, now_ns: u64, ready_ns: u64, limit_ns: u64) {
        let ended_ns = ready_ns.saturating_add(ENDED_NS);
        let ended_ns = if ended_ns < now_ns {
            // Its client may end its side, or leave, at any time.
            now_ns.saturating_add(ENDED_NS)
        } else {
            ended_ns
        };
        let over_ns = match limit_ns {
            0 => u64::MAX,
            limit_ns => ready_ns.saturating_add(limit_ns),
        };
        self.note(ended_ns.min(over_ns));
    }

    #[inline]
    fn note(&mut self, at_ns: u64) {
        // Strictly later than the limit.
        let at_ns = at_ns.saturating_add(1).max(self.last_ns + STEP_NS);
        self.next_ns = self.next_ns.min(at_ns);
    }

    /// Whether to look now. If so the caller tells [`Self::expect_again`] of everything that still
    /// waits.
    #[inline]
    pub(crate) fn due(&mut self, now_ns: u64) -> bool {
        if now_ns < self.next_ns {
            return false;
        }
        *self = Self {
            next_ns: u64::MAX,
            last_ns: now_ns,
        };
        true
    }

    /// Milliseconds until the next look; `None` without one.
    pub(crate) fn wait_ms(&self, now_ns: u64) -> Option<u64> {
        let left_ns = self.next_ns.saturating_sub(now_ns);
        (self.next_ns != u64::MAX).then(|| left_ns.div_ceil(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn which_requests_are_begun() {
        use Client::{Ended, Gone, Present};
        use Refusal::{Abandoned, Shed};
        for (waited_ms, limit_ms, client, expected) in [
            // Without a limit only clients that have left are refused.
            (0, 0, Present, None),
            (1_000_000, 0, Present, None),
            (0, 0, Gone, Some(Abandoned)),
            (100, 0, Ended, None),
            (101, 0, Ended, Some(Abandoned)),
            // The limit itself is within it.
            (500, 500, Present, None),
            (501, 500, Present, Some(Shed)),
            (50, 40, Ended, Some(Shed)),
            (40, 40, Ended, None),
            // Both: nothing is lost with a client that is not there.
            (501, 500, Ended, Some(Abandoned)),
            (501, 500, Gone, Some(Abandoned)),
            (1, 500, Gone, Some(Abandoned)),
        ] {
            assert_eq!(
                refusal(waited_ms * MS, limit_ms * MS, client),
                expected,
                "{client:?} after {waited_ms} of {limit_ms} ms"
            );
        }
    }

    #[test]
    fn looks_are_due_when_a_request_may_be_refused() {
        let mut watch = Watch::new();
        assert_eq!(watch.wait_ms(0), None);
        assert!(!watch.due(u64::MAX - 1));
        let start = 1_000 * MS;
        for (limit_ms, expected_ms) in [(0, 100), (500, 100), (40, 40)] {
            let mut watch = Watch::new();
            watch.expect(start, limit_ms * MS);
            let due = start + expected_ms * MS;
            assert_eq!(watch.wait_ms(start), Some(expected_ms + 1), "{limit_ms}");
            assert!(!watch.due(due), "{limit_ms}");
            assert!(watch.due(due + 1), "{limit_ms}");
            assert_eq!(watch.wait_ms(due + 1), None);
        }
    }

    #[test]
    fn what_still_waits_is_looked_at_again() {
        let start = 1_000 * MS;
        for (waited_ms, limit_ms, expected_ms) in [
            // The client is asked for again and again.
            (30, 0, 70),
            (101, 0, 100),
            (5_000, 0, 100),
            // The limit comes before that.
            (30, 60, 30),
            (450, 500, 50),
            (450, 5_000, 100),
            // Not more often than every few ms.
            (499, 500, 10),
        ] {
            let mut watch = Watch::new();
            let now = start + waited_ms * MS;
            watch.expect(start, 1);
            assert!(watch.due(now));
            watch.expect_again(now, start, limit_ms * MS);
            let wait = watch.wait_ms(now).unwrap();
            assert!(
                wait == expected_ms || wait == expected_ms + 1,
                "{waited_ms} of {limit_ms} ms: {wait}"
            );
        }
    }
}
