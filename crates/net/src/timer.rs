//! Deadlines without timers: a connection carries one deadline, named by its cause, and setting it
//! is a store. A scan over the connections finds the expired ones; it is made when the earliest
//! deadline that was ever set may have passed, and not more often than every [`STEP_MS`].

/// Shortest time between two scans, in ms.
pub(crate) const STEP_MS: u64 = 50;

/// Why a connection has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing is awaited from the client.
    None,
    /// Idle between requests.
    KeepAlive,
    /// The rest of a handshake of TLS.
    Handshake,
    /// The rest of a request head.
    Header,
    /// More of a request body.
    Body,
    /// Room to write.
    Write,
    /// The client's own end, after the last response.
    Linger,
    /// Any bytes of a WebSocket client.
    Silence,
    /// The close frame of a WebSocket client.
    Closing,
    /// The answer of an HTTP/2 client that was asked for no more requests.
    Leaving,
}

/// A time in monotonic ms, and what happens when it has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) cause: Cause,
    at_ms: u64,
}

impl Deadline {
    pub(crate) const NONE: Self = Self {
        cause: Cause::None,
        at_ms: u64::MAX,
    };

    /// `after_ms` from now; 0 means never.
    pub(crate) fn after(cause: Cause, now_ms: u64, after_ms: u64) -> Self {
        let at_ms = if after_ms == 0 {
            u64::MAX
        } else {
            now_ms.saturating_add(after_ms)
        };
        Self { cause, at_ms }
    }

    pub(crate) fn at(cause: Cause, at_ms: u64) -> Self {
        Self { cause, at_ms }
    }

    /// Whichever comes first.
    pub(crate) fn sooner(self, other: Self) -> Self {
        if other.at_ms < self.at_ms {
            other
        } else {
            self
        }
    }

    pub(crate) fn at_ms(self) -> u64 {
        self.at_ms
    }

    pub(crate) fn expired(self, now_ms: u64) -> bool {
        self.at_ms <= now_ms
    }
}

/// When to scan next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    next_ms: u64,
    last_ms: u64,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            next_ms: u64::MAX,
            last_ms: 0,
        }
    }

    /// A deadline was set.
    #[inline]
    pub(crate) fn note(&mut self, deadline: Deadline) {
        if deadline.at_ms < self.next_ms {
            self.next_ms = deadline.at_ms.max(self.last_ms + STEP_MS);
        }
    }

    /// Whether to scan now; if so, the caller notes every deadline again.
    pub(crate) fn due(&mut self, now_ms: u64) -> bool {
        if now_ms < self.next_ms {
            return false;
        }
        *self = Self {
            next_ms: u64::MAX,
            last_ms: now_ms,
        };
        true
    }

    /// Milliseconds until the next scan, `None` if there is nothing to wait for.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        (self.next_ms != u64::MAX).then(|| self.next_ms.saturating_sub(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_due_when_the_earliest_deadline_may_have_passed() {
        let mut scan = Scan::new();
        assert!(!scan.due(1_000_000));
        assert_eq!(scan.wait_ms(5), None);
        scan.note(Deadline::after(Cause::KeepAlive, 1000, 500));
        scan.note(Deadline::after(Cause::Header, 1000, 200));
        scan.note(Deadline::after(Cause::Body, 1000, 0));
        assert_eq!(scan.wait_ms(1000), Some(200));
        assert!(!scan.due(1199));
        assert!(scan.due(1200));
        assert!(!scan.due(1200));
        scan.note(Deadline::after(Cause::Header, 1200, 1));
        assert_eq!(scan.wait_ms(1200), Some(STEP_MS));
        assert!(!Deadline::NONE.expired(u64::MAX - 1));
    }
}
