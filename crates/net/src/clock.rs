//! The clocks of the reactor: monotonic time for deadlines, wall time for dates.

use std::time::{SystemTime, UNIX_EPOCH};

/// Monotonic nanoseconds since an arbitrary point; the same for all processes of the machine.
pub fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid, writable timespec; CLOCK_MONOTONIC always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Monotonic milliseconds: the unit of every deadline.
pub fn monotonic_ms() -> u64 {
    monotonic_ns() / 1_000_000
}

/// Seconds since 1970 (UTC), for `Date` and the access log.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
