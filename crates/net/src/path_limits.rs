//! A limit of time for requests, with other ones for some paths.

/// A limit, and its exceptions by prefix of the path.
#[derive(Clone, Debug, Default)]
pub struct PathLimits {
    /// Where no path says otherwise, in ms; 0 for ever.
    all_ms: u64,
    /// Prefixes of paths with their own limits, the longest first.
    paths: Vec<(Vec<u8>, u64)>,
}

impl PathLimits {
    /// The limit, and those of paths by their prefix; in ms, and 0 is for ever.
    pub fn new(all_ms: u64, mut paths: Vec<(Vec<u8>, u64)>) -> Self {
        paths.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { all_ms, paths }
    }

    /// Whether no request has a limit.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all_ms == 0 && self.paths.iter().all(|&(_, limit_ms)| limit_ms == 0)
    }

    /// The limit for a request with this path, in ms; 0 for ever. The longest prefix decides.
    #[inline]
    pub fn of(&self, path: &[u8]) -> u64 {
        let own = self
            .paths
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix));
        own.map_or(self.all_ms, |&(_, limit_ms)| limit_ms)
    }

    /// The shortest limit, in ms; `None` when there is none.
    pub(crate) fn shortest(&self) -> Option<u64> {
        let paths = self.paths.iter().map(|&(_, limit_ms)| limit_ms);
        paths
            .chain([self.all_ms])
            .filter(|&limit_ms| limit_ms > 0)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let paths = vec![
            (b"/a/".to_vec(), 10),
            (b"/a/b/".to_vec(), 0),
            (b"/c".to_vec(), 30),
        ];
        let limits = PathLimits::new(5, paths);
        for (path, expected) in [
            ("/", 5),
            ("/a", 5),
            ("/a/", 10),
            ("/a/x", 10),
            ("/a/b/x", 0),
            ("/cd", 30),
        ] {
            assert_eq!(limits.of(path.as_bytes()), expected, "{path}");
        }
        assert_eq!(limits.shortest(), Some(5));
        assert_eq!(PathLimits::default().shortest(), None);
        assert!(PathLimits::default().is_empty());
        assert!(PathLimits::new(0, vec![(b"/".to_vec(), 0)]).is_empty());
        assert!(!PathLimits::new(0, vec![(b"/".to_vec(), 1)]).is_empty());
        assert!(!limits.is_empty());
    }
}
