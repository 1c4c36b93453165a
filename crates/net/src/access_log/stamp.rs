//! The time of a line: the part that changes once a second is made once a second.

use proto::h1::push_padded;

use crate::clock;

/// How long the wall clock is not asked again: meanwhile the monotonic one, which a line with a
/// duration has been given anyway, says how far it went on.
const TRUST_NS: u64 = 10_000_000;

/// `[21/Nov/2026:10:25:00 +0000]` in local time, or `2026-11-21T10:25:00.123Z`.
#[derive(Default)]
pub struct Stamp {
    second: libc::time_t,
    text: Vec<u8>,
    utc_second: u64,
    utc: Vec<u8>,
    /// Time since 1970 when the monotonic clock said `asked_ns`.
    wall_ns: u64,
    asked_ns: u64,
}

impl Stamp {
    /// Local time, now.
    pub(super) fn now(&mut self) -> &[u8] {
        // SAFETY: time(NULL) has no preconditions.
        let second = unsafe { libc::time(std::ptr::null_mut()) };
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = local(second);
        }
        &self.text
    }

    /// Appends the time in UTC, with milliseconds; `now_ns` is monotonic.
    pub(super) fn instant(&mut self, line: &mut Vec<u8>, now_ns: u64) {
        // Wrapping: of two threads the later one may have asked already.
        let since_ns = now_ns.wrapping_sub(self.asked_ns);
        if since_ns >= TRUST_NS || self.utc.is_empty() {
            self.asked_ns = now_ns;
            self.wall_ns = clock::unix_ns();
        }
        let wall_ms = (self.wall_ns + (now_ns - self.asked_ns)) / 1_000_000;
        if wall_ms / 1000 != self.utc_second || self.utc.is_empty() {
            self.utc_second = wall_ms / 1000;
            self.utc = utc(self.utc_second);
        }
        line.extend_from_slice(&self.utc);
        push_padded(line, wall_ms % 1000, 3);
        line.push(b'Z');
    }
}

/// `2026-11-21T10:25:00.` (RFC 3339).
fn utc(second: u64) -> Vec<u8> {
    let time = libc::time_t::try_from(second).unwrap_or(0);
    // SAFETY: an all-zero tm is valid, and gmtime_r writes only to it.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&raw const time, &raw mut tm);
        tm
    };
    let (year, month) = (tm.tm_year + 1900, tm.tm_mon + 1);
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.",
        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec
    )
    .into_bytes()
}

/// `[21/Nov/2026:10:25:00 +0000]`, as Apache writes it.
fn local(time: libc::time_t) -> Vec<u8> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // SAFETY: an all-zero tm is valid, and localtime_r writes only to it.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const time, &raw mut tm);
        tm
    };
    let month = usize::try_from(tm.tm_mon)
        .ok()
        .and_then(|month| MONTHS.get(month));
    let sign = if tm.tm_gmtoff < 0 { '-' } else { '+' };
    let offset = tm.tm_gmtoff.abs() / 60;
    format!(
        "[{:02}/{}/{}:{:02}:{:02}:{:02} {sign}{:02}{:02}]",
        tm.tm_mday,
        month.unwrap_or(&"???"),
        tm.tm_year + 1900,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        offset / 60,
        offset % 60
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_goes_on_with_the_monotonic_one() {
        let mut stamp = Stamp {
            utc: b"old".to_vec(),
            wall_ns: 1_700_000_000_998_000_000,
            asked_ns: 5_000_000_000,
            ..Stamp::default()
        };
        for (later_ns, expected) in [
            (0, "2023-11-14T22:13:20.998Z"),
            (1_999_999, "2023-11-14T22:13:20.999Z"),
            (2_000_000, "2023-11-14T22:13:21.000Z"),
        ] {
            let mut line = Vec::new();
            stamp.instant(&mut line, 5_000_000_000 + later_ns);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }

    #[test]
    fn the_wall_clock_is_asked_again() {
        for now_ns in [5_000_000_000 + TRUST_NS, 4_999_999_999] {
            let mut stamp = Stamp {
                asked_ns: 5_000_000_000,
                ..Stamp::default()
            };
            stamp.utc = utc(0);
            let before = clock::unix_ns();
            stamp.instant(&mut Vec::new(), now_ns);
            assert!(stamp.wall_ns >= before, "{now_ns}");
        }
    }
}
