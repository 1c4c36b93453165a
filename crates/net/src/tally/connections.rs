//! What a worker counts of connections: which protocol they speak, what becomes of their handshakes
//! of TLS, and of the streams of HTTP/2.

use std::sync::atomic::AtomicU64;

use proto::h2::{BUDGETS, ErrorCode, exceeded};
use proto::protocol::Protocol;
use proto::{Reject, h2};

use super::{add, load};

/// The protocols that are told apart, by the first request of a connection.
pub const PROTOCOLS: [&str; 4] = ["http1", "http2", "uwsgi", "fastcgi"];
/// What becomes of handshakes of TLS.
pub const HANDSHAKES: [&str; 3] = ["full", "resumed", "failed"];
/// What becomes of streams; those that were opened and not closed are open.
pub const STREAMS: [&str; 5] = [
    "opened",
    "closed",
    "refused",
    "reset_by_client",
    "reset_by_server",
];

/// What has become of a handshake: its place in [`HANDSHAKES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Full,
    Resumed,
    Failed,
}

/// What has become of streams since it was last counted, in the order of [`STREAMS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamCounts {
    pub(crate) opened: u32,
    pub(crate) closed: u32,
    pub(crate) refused: u32,
    pub(crate) reset_by_client: u32,
    pub(crate) reset_by_server: u32,
}

/// The counters, in shared memory. All-zero bytes are a valid value.
#[repr(C)]
pub(crate) struct ConnectionTally {
    protocols: [AtomicU64; PROTOCOLS.len()],
    handshakes: [AtomicU64; HANDSHAKES.len()],
    streams: [AtomicU64; STREAMS.len()],
    goaways: [AtomicU64; ErrorCode::NAMES.len()],
    budgets: [AtomicU64; BUDGETS.len()],
}

/// The counters copied out, or added up, each by the names of its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Connections that have sent a request, by [`PROTOCOLS`].
    pub protocols: [u64; PROTOCOLS.len()],
    /// Handshakes of TLS, by [`HANDSHAKES`].
    pub handshakes: [u64; HANDSHAKES.len()],
    /// Streams of HTTP/2, by [`STREAMS`].
    pub streams: [u64; STREAMS.len()],
    /// Connections of HTTP/2 that were told to go away, by [`ErrorCode::NAMES`].
    pub goaways: [u64; ErrorCode::NAMES.len()],
    /// The same because of what their peers made the server do for nothing, by [`BUDGETS`].
    pub budgets: [u64; BUDGETS.len()],
}

impl ConnectionTally {
    /// A connection has sent its first request.
    pub(crate) fn spoke(&self, protocol: Protocol) {
        if let Some(count) = self.protocols.get(place_of(protocol)) {
            add(count, 1);
        }
    }

    /// The same, which another worker has counted as well.
    pub(crate) fn spoke_elsewhere(&self, protocol: Protocol) {
        if let Some(count) = self.protocols.get(place_of(protocol)) {
            super::subtract(count, 1);
        }
    }

    pub(crate) fn handshake(&self, result: Handshake) {
        let [full, resumed, failed] = &self.handshakes;
        let count = match result {
            Handshake::Full => full,
            Handshake::Resumed => resumed,
            Handshake::Failed => failed,
        };
        add(count, 1);
    }

    /// Adds what has become of streams, which is nothing from then on.
    #[inline]
    pub(crate) fn streams(&self, counts: &mut StreamCounts) {
        if *counts == StreamCounts::default() {
            return;
        }
        let new = std::mem::take(counts);
        let new = [
            new.opened,
            new.closed,
            new.refused,
            new.reset_by_client,
            new.reset_by_server,
        ];
        for (count, new) in self.streams.iter().zip(new) {
            add(count, u64::from(new));
        }
    }

    /// Streams that are open.
    pub(crate) fn open_streams(&self) -> u64 {
        let [opened, closed, ..] = &self.streams;
        load(opened).saturating_sub(load(closed))
    }

    /// A connection was told to go away, and not for what its peer has done.
    pub(crate) fn went_away(&self) {
        self.goaway(ErrorCode::NoError);
    }

    /// The same because its peer has broken a rule.
    pub(crate) fn sent_away(&self, reject: Reject) {
        self.goaway(h2::goaway_code(reject));
        let budget = exceeded(reject).and_then(|at| self.budgets.get(at));
        if let Some(count) = budget {
            add(count, 1);
        }
    }

    fn goaway(&self, code: ErrorCode) {
        if let Some(count) = self.goaways.get(code.number() as usize) {
            add(count, 1);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let first = self.protocols.iter().chain(&self.handshakes);
        let last = self.streams.iter().chain(&self.goaways);
        first.chain(last).chain(&self.budgets)
    }

    pub(super) fn read(&self) -> ConnectionCounts {
        ConnectionCounts {
            protocols: self.protocols.each_ref().map(load),
            handshakes: self.handshakes.each_ref().map(load),
            streams: self.streams.each_ref().map(load),
            goaways: self.goaways.each_ref().map(load),
            budgets: self.budgets.each_ref().map(load),
        }
    }
}

impl ConnectionCounts {
    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            protocols: sum(self.protocols, other.protocols),
            handshakes: sum(self.handshakes, other.handshakes),
            streams: sum(self.streams, other.streams),
            goaways: sum(self.goaways, other.goaways),
            budgets: sum(self.budgets, other.budgets),
        }
    }
}

fn sum<const N: usize>(mut ours: [u64; N], theirs: [u64; N]) -> [u64; N] {
    for (mine, theirs) in ours.iter_mut().zip(theirs) {
        *mine += theirs;
    }
    ours
}

/// Its place in [`PROTOCOLS`]; WebSocket connections begin with HTTP/1.
fn place_of(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Http1 | Protocol::WebSocket => 0,
        Protocol::Http2 => 1,
        Protocol::Uwsgi => 2,
        Protocol::FastCgi => 3,
    }
}

#[cfg(test)]
mod tests;
