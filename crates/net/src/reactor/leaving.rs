//! How a connection that carries several requests ends without losing one (RFC 9113, section 6.8): the
//! first GOAWAY says that no more should come, the second one, after those that have crossed with it,
//! which of them were the last.

use super::Reactor;
use crate::conn::Phase;
use crate::exchange::Token;
use crate::timer::{Cause, Deadline};

/// How long the peer has to answer the first GOAWAY, in ms.
const LEAVE_MS: u64 = 1_000;

impl Reactor {
    /// Asks the peer for no more requests.
    pub(super) fn go_away_soon(&mut self, token: Token) {
        let leaving = Deadline::after(Cause::Leaving, self.fresh_ms(), LEAVE_MS);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some((h2, streams)) = conn.framing() else {
            return;
        };
        if streams.deadlines.leaving.is_none() {
            streams.deadlines.leaving = Some(leaving);
            h2.go_away();
            self.board.tally(self.slot).connections.went_away();
        }
        self.flush(token);
    }

    /// Takes no further request. The connection ends when those that were taken are answered.
    pub(super) fn go_away_now(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some((h2, streams)) = conn.framing() else {
            return;
        };
        if streams.deadlines.leaving.replace(Deadline::NONE).is_none() {
            self.board.tally(self.slot).connections.went_away();
        }
        h2.go_away_now();
        self.flush(token);
    }

    /// A stop was asked for: the peers of all such connections are told.
    pub(super) fn stop_streams(&mut self) {
        for token in self.with_streams() {
            self.go_away_soon(token);
        }
    }

    /// Time is up: requests that no application has begun with were answered, the others are cut off.
    pub(super) fn give_up_streams(&mut self) {
        for token in self.with_streams() {
            self.go_away_now(token);
        }
    }

    fn with_streams(&self) -> Vec<Token> {
        let open = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.streams.is_some() && conn.phase == Phase::Reading);
        open.map(|(token, _)| token).collect()
    }
}
