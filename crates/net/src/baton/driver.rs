//! Which thread has the baton, as a table: what becomes of it when a thread asks for it or leaves
//! with a request, and what the stand-in does when its alarm goes off.

/// Which thread turns the reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// No thread has turned it yet.
    Unused,
    /// This application thread, which is with the reactor.
    InReactor(u32),
    /// This application thread, which is inside the application: the baton lies on the table.
    InApplication(u32),
    /// The stand-in.
    StandIn,
}

/// A request that has its thread for this long, in ns, is looked after: the stand-in writes what is
/// held back, reads what has come, and wakes threads for it.
pub(super) const QUIET_NS: u64 = 1_000_000;
/// The same for the first look, with a thread that has nothing to do.
pub(super) const IDLE_NS: u64 = 500_000;
/// A request that takes this long is slow: the stand-in drives, asleep in the poller, until an
/// application thread takes the baton back. For a shorter one that would cost too much.
pub(super) const SLOW_NS: u64 = 3_000_000;

/// What the stand-in does when its alarm has gone off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Nothing, until a request goes to the application.
    Rest,
    /// Nothing yet: the alarm was set later meanwhile.
    Wait,
    /// One turn without waiting, and another look after [`QUIET_NS`].
    Help,
    /// Turn the reactor.
    Drive,
}

impl Driver {
    /// Application thread `me` wants the baton. `None`: another one is with the reactor.
    #[inline]
    pub(super) fn taken_by(self, me: u32) -> Option<Self> {
        match self {
            Self::InReactor(other) if other != me => None,
            Self::Unused | Self::InReactor(_) | Self::InApplication(_) | Self::StandIn => {
                Some(Self::InReactor(me))
            }
        }
    }

    /// Application thread `me` leaves the reactor, with a request or for one.
    #[inline]
    pub(super) fn left_by(self, me: u32) -> Self {
        match self {
            Self::InReactor(driver) | Self::InApplication(driver) if driver == me => {
                Self::InApplication(me)
            }
            other => other,
        }
    }

    /// Application thread `me` has the baton, whether or not it is with the reactor.
    #[inline]
    pub(super) fn is(self, me: u32) -> bool {
        matches!(self, Self::InReactor(driver) | Self::InApplication(driver) if driver == me)
    }

    /// The driver is inside the application.
    #[inline]
    pub(super) fn in_application(self) -> bool {
        matches!(self, Self::InApplication(_))
    }

    /// What the stand-in does `silent_ns` after the last sign of the application, which `streams`
    /// if it has given blocks of a response since the last look. `early`: the alarm is set for later.
    pub(super) fn duty(self, early: bool, silent_ns: u64, streams: bool) -> Duty {
        match self {
            Self::Unused | Self::InReactor(_) | Self::StandIn => Duty::Rest,
            Self::InApplication(_) if early => Duty::Wait,
            // Its blocks can be gathered only as long as the stand-in does not drive.
            Self::InApplication(_) if streams || silent_ns < SLOW_NS => Duty::Help,
            Self::InApplication(_) => Duty::Drive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Driver::{InApplication, InReactor, StandIn, Unused};
    use super::*;

    const ME: u32 = 1;
    const OTHER: u32 = 2;

    /// Every driver with what a thread's asking and leaving make of it.
    #[test]
    fn asking_and_leaving() {
        for (driver, taken, left) in [
            (Unused, Some(InReactor(ME)), Unused),
            (InReactor(ME), Some(InReactor(ME)), InApplication(ME)),
            (InReactor(OTHER), None, InReactor(OTHER)),
            (InApplication(ME), Some(InReactor(ME)), InApplication(ME)),
            (
                InApplication(OTHER),
                Some(InReactor(ME)),
                InApplication(OTHER),
            ),
            (StandIn, Some(InReactor(ME)), StandIn),
        ] {
            assert_eq!(driver.taken_by(ME), taken, "{driver:?} is asked for");
            assert_eq!(driver.left_by(ME), left, "{driver:?} is left");
            assert_eq!(
                driver.is(ME),
                driver == InReactor(ME) || driver == InApplication(ME)
            );
            assert_eq!(driver.in_application(), matches!(driver, InApplication(_)));
        }
    }

    /// Every driver with every kind of look.
    #[test]
    fn duties() {
        for early in [false, true] {
            for streams in [false, true] {
                for silent_ns in [0, SLOW_NS - 1, SLOW_NS, u64::MAX] {
                    let at_home = [Unused, InReactor(ME), StandIn];
                    for driver in at_home {
                        assert_eq!(driver.duty(early, silent_ns, streams), Duty::Rest);
                    }
                    let expected = match (early, streams, silent_ns >= SLOW_NS) {
                        (true, _, _) => Duty::Wait,
                        (false, false, true) => Duty::Drive,
                        (false, _, _) => Duty::Help,
                    };
                    assert_eq!(InApplication(ME).duty(early, silent_ns, streams), expected);
                }
            }
        }
    }
}
