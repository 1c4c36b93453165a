//! Clients that send no more while their request is with the application: told to whoever waits for
//! something else, such as news that a long poll should bring, and would wait in vain.

use super::Reactor;
use super::writing::busy;
use crate::exchange::Token;

impl Reactor {
    /// Watches the client of `token` until it sends no more: then `ended` names it, once.
    pub(crate) fn watch_end(&mut self, token: Token) {
        let Some(conn) = busy(&mut self.conns, token) else {
            self.ended.push(token);
            return;
        };
        conn.watched = true;
        // A short connection has not been watched by the poller so far.
        self.register(token);
        self.look_for_end(token);
    }

    /// Whether there is nothing left to read before the end that the poller has announced. With
    /// another request before it the client has ended well, and waits for two answers.
    pub(super) fn look_for_end(&mut self, token: Token) {
        let Some(conn) = busy(&mut self.conns, token) else {
            return;
        };
        if conn.watched && conn.ended && !conn.has_input() && conn.stream.at_end() {
            conn.watched = false;
            self.ended.push(token);
        }
    }
}
