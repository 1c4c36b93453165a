//! Whether a client is still there: a ping after some time without a byte of it, and the end after
//! some time without one behind the ping. Whatever it sends counts, as an answer too.

use super::Settings;

/// When a client has last shown itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Its last bytes, in monotonic ms.
    seen_ms: u64,
    /// The ping that it has not answered, in monotonic ms; 0: there is none.
    pinged_ms: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing, ever.
    Never,
    /// Nothing until then, in monotonic ms.
    At(u64),
    /// A ping now.
    Ping,
    /// It is gone.
    Lost,
}

impl Life {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            seen_ms: now_ms,
            pinged_ms: 0,
        }
    }

    /// Bytes have come.
    #[inline]
    pub(crate) fn seen(&mut self, now_ms: u64) {
        *self = Self::new(now_ms);
    }

    /// A ping leaves.
    pub(crate) fn pinged(&mut self, now_ms: u64, settings: &Settings) {
        if settings.ping_timeout_ms == 0 {
            // It may stay silent: the next ping is due after the interval.
            self.seen(now_ms);
        } else {
            self.pinged_ms = now_ms;
        }
    }

    /// What is due.
    pub(crate) fn look(self, now_ms: u64, settings: &Settings) -> Look {
        let (due_ms, what) = match (settings.ping_interval_ms, self.pinged_ms) {
            (0, _) => return Look::Never,
            (interval_ms, 0) => (self.seen_ms.saturating_add(interval_ms), Look::Ping),
            (_, pinged_ms) => (
                pinged_ms.saturating_add(settings.ping_timeout_ms),
                Look::Lost,
            ),
        };
        if now_ms >= due_ms {
            what
        } else {
            Look::At(due_ms)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(ping_interval_ms: u64, ping_timeout_ms: u64) -> Settings {
        Settings {
            ping_interval_ms,
            ping_timeout_ms,
            ..Settings::default()
        }
    }

    #[test]
    fn a_silent_client_is_pinged_and_then_lost() {
        let settings = settings(20, 5);
        let mut life = Life::new(100);
        assert_eq!(life.look(119, &settings), Look::At(120));
        assert_eq!(life.look(120, &settings), Look::Ping);
        life.pinged(121, &settings);
        assert_eq!(life.look(125, &settings), Look::At(126));
        assert_eq!(life.look(126, &settings), Look::Lost);
        life.seen(125);
        assert_eq!(life.look(126, &settings), Look::At(145));
    }

    #[test]
    fn pings_and_their_time_can_be_off() {
        let mut life = Life::new(100);
        assert_eq!(life.look(u64::MAX, &settings(0, 5)), Look::Never);
        let settings = settings(20, 0);
        assert_eq!(life.look(120, &settings), Look::Ping);
        life.pinged(120, &settings);
        assert_eq!(life.look(139, &settings), Look::At(140));
        assert_eq!(life.look(140, &settings), Look::Ping);
    }
}
