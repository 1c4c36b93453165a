//! Which requests get no access line: `access_log_exclude` and `access_log_sample`.
//!
//! `python/licorne/glogging/exclude.py` decides the same for lines that Python writes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The rules of one worker.
#[derive(Debug, Default)]
pub struct Exclude {
    exact: Vec<Vec<u8>>,
    prefixes: Vec<Vec<u8>>,
    /// Codes, and hundreds standing for a class.
    codes: Vec<u16>,
    classes: Vec<u16>,
    /// Of 2^64 requests so many are logged; `None` for all.
    sample: Option<u64>,
    seen: AtomicU64,
}

impl Exclude {
    /// Reads the entries: `/exact`, `/prefix*`, `404`, `2xx`; the entry that is none of these
    /// comes back.
    ///
    /// # Errors
    /// The entry that is not understood.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share between 0 and 1, saturating"
    )]
    pub fn new(entries: &[String], sample: f64) -> Result<Self, String> {
        let mut made = Self::default();
        for entry in entries {
            if let Some(prefix) = entry.strip_suffix('*').filter(|p| p.starts_with('/')) {
                made.prefixes.push(prefix.as_bytes().to_vec());
            } else if entry.starts_with('/') {
                made.exact.push(entry.as_bytes().to_vec());
            } else if let [class @ b'1'..=b'5', b'x', b'x'] = entry.as_bytes() {
                made.classes.push(u16::from(class - b'0'));
            } else if let Some(code) = entry.parse().ok().filter(|code| (100..600).contains(code)) {
                made.codes.push(code);
            } else {
                return Err(entry.clone());
            }
        }
        made.sample = (sample < 1.0).then_some((sample * u64::MAX as f64) as u64);
        Ok(made)
    }

    /// Whether nothing is ever left out.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty()
            && self.prefixes.is_empty()
            && self.codes.is_empty()
            && self.classes.is_empty()
            && self.sample.is_none()
    }

    /// Whether the request with this status and decoded path gets no line.
    pub fn leaves_out(&self, status: u16, path: &[u8]) -> bool {
        self.codes.contains(&status)
            || self.classes.contains(&(status / 100))
            || self.exact.iter().any(|exact| exact == path)
            || self.prefixes.iter().any(|prefix| path.starts_with(prefix))
            || (status < 500 && self.not_sampled())
    }

    fn not_sampled(&self) -> bool {
        let Some(share) = self.sample else {
            return false;
        };
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        mixed(number) >= share
    }
}

/// A number that looks random for each number: the finalizer of splitmix64.
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::Exclude;

    fn made(entries: &[&str], sample: f64) -> Result<Exclude, String> {
        let entries: Vec<_> = entries.iter().map(|&entry| entry.to_owned()).collect();
        Exclude::new(&entries, sample)
    }

    #[test]
    fn entries() {
        let rules = made(&["/healthz", "/static/*", "404", "3xx"], 1.0).unwrap();
        for (status, path, out) in [
            (200, "/healthz", true),
            (200, "/healthz/", false),
            (500, "/static/a.css", true),
            (200, "/static", false),
            (404, "/a", true),
            (405, "/a", false),
            (301, "/a", true),
        ] {
            assert_eq!(rules.leaves_out(status, path.as_bytes()), out, "{path}");
        }
        assert!(!rules.is_empty());
        assert!(made(&[], 1.0).unwrap().is_empty());
        for wrong in ["", "healthz", "6xx", "99", "600", "*"] {
            assert_eq!(made(&[wrong], 1.0).unwrap_err(), wrong);
        }
    }

    #[test]
    fn samples() {
        for (share, low, high) in [(0.0, 0, 0), (0.25, 2300, 2700), (1.0, 10_000, 10_000)] {
            let rules = made(&[], share).unwrap();
            let kept = (0..10_000).filter(|_| !rules.leaves_out(200, b"/")).count();
            assert!((low..=high).contains(&kept), "{share}: {kept}");
            assert!(!rules.leaves_out(500, b"/"));
        }
    }
}
