//! The clocks of the reactor: monotonic time for deadlines, wall time for dates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Monotonic nanoseconds since an arbitrary point; the same for all processes of the machine.
pub fn monotonic_ns() -> u64 {
    #[cfg(test)]
    if let Some(now_ns) = crate::testing::stopped_ns() {
        return now_ns;
    }
    nanoseconds(libc::CLOCK_MONOTONIC)
}

/// Processor time that the threads of this process have used, in ns.
pub(crate) fn processor_ns() -> u64 {
    #[cfg(test)]
    if crate::testing::stopped_ns().is_some() {
        return crate::testing::used_ns();
    }
    nanoseconds(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Monotonic milliseconds: the unit of every deadline.
pub fn monotonic_ms() -> u64 {
    monotonic_ns() / 1_000_000
}

/// Time since 1970 (UTC).
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Nanoseconds since 1970 (UTC); enough for five centuries.
pub fn unix_ns() -> u64 {
    u64::try_from(unix_time().as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds since 1970 (UTC), for `Date` and the access log.
pub fn unix_seconds() -> u64 {
    unix_time().as_secs()
}

/// [`unix_seconds`] from the coarse clock: a few ns, at most some ms behind.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn coarse_unix_seconds() -> u64 {
    read(libc::CLOCK_REALTIME_COARSE).0
}

/// [`unix_seconds`]; this system has no cheaper clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn coarse_unix_seconds() -> u64 {
    unix_seconds()
}

/// [`monotonic_ns`] from the coarse clock: a few ns, at most some ms behind.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn coarse_monotonic_ns() -> u64 {
    #[cfg(test)]
    if let Some(now_ns) = crate::testing::stopped_ns() {
        return now_ns;
    }
    nanoseconds(libc::CLOCK_MONOTONIC_COARSE)
}

/// [`monotonic_ns`]; this system has no cheaper clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn coarse_monotonic_ns() -> u64 {
    monotonic_ns()
}

/// Nanoseconds in seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for 104 days; microseconds do not matter after years"
)]
pub fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[inline]
fn nanoseconds(clock: libc::clockid_t) -> u64 {
    let (seconds, nanos) = read(clock);
    seconds * 1_000_000_000 + nanos
}

/// A clock in seconds and the rest in ns.
#[inline]
fn read(clock: libc::clockid_t) -> (u64, u64) {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid, writable timespec; every system has the clocks that are asked for
    // here, Linux the coarse ones since 2.6.32.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs())
}
