//! Flow control (RFC 9113, section 5.2): what may be sent, and what the peer may send.

/// The largest window (section 6.9.1).
pub(super) const MOST: i64 = 0x7fff_ffff;

/// What may be sent. It can be negative: the peer may take back what it has allowed (section 6.9.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    left: i64,
}

impl Sending {
    pub(super) fn new(size: u32) -> Self {
        Self {
            left: i64::from(size),
        }
    }

    /// Bytes that may be sent now.
    #[inline]
    pub(super) fn left(self) -> usize {
        usize::try_from(self.left).unwrap_or(0)
    }

    /// So many are sent.
    #[inline]
    pub(super) fn spend(&mut self, len: u32) {
        self.left -= i64::from(len);
    }

    /// The peer allows more, or less. False: the window is too large then.
    #[must_use]
    pub(super) fn grow(&mut self, by: i64) -> bool {
        self.left += by;
        self.left <= MOST
    }
}

/// What the peer may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiving {
    /// What it may have in flight, once all is given back.
    size: u32,
    /// What it may send now.
    left: i64,
    /// What has left our hands, and is not given back yet.
    owed: u32,
}

impl Receiving {
    /// A window of `size` bytes, of which `left` may be sent at once.
    pub(super) fn new(size: u32, left: u32) -> Self {
        Self {
            size,
            left: i64::from(left),
            owed: 0,
        }
    }

    /// The peer sends so many bytes, padding included. False: it may not.
    #[inline]
    #[must_use]
    pub(super) fn take(&mut self, len: u32) -> bool {
        self.left -= i64::from(len);
        self.left >= 0
    }

    /// So many bytes have left our hands. Gives the increment of a `WINDOW_UPDATE` when it is time for
    /// one: when half of the window is used up, so that the peer never waits and not every frame is
    /// answered.
    #[inline]
    #[must_use]
    pub(super) fn give_back(&mut self, len: u32) -> Option<u32> {
        self.owed = self.owed.saturating_add(len);
        if self.owed == 0 || self.owed < self.size / 2 {
            return None;
        }
        let increment = self.owed;
        self.left += i64::from(increment);
        self.owed = 0;
        Some(increment)
    }

    /// The peer has taken note of the announced size; until then it could use what holds without.
    pub(super) fn settle(&mut self, assumed: u32) {
        self.left += i64::from(self.size) - i64::from(assumed);
    }
}

#[cfg(test)]
mod tests;
