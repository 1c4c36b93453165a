//! Clients that disconnect while their request is with the application: reported to an application
//! that waits for something else, such as news that a long poll should bring, and would wait in vain.

use super::Reactor;
use super::writing::busy;
use crate::exchange::Token;

impl Reactor {
    /// Has [`News::disconnected`](super::News) name `token` once its client sends no more.
    pub(crate) fn report_disconnect(&mut self, token: Token) {
        let Some(conn) = busy(&mut self.conns, token) else {
            self.news.disconnected.push(token);
            return;
        };
        conn.reports_disconnect = true;
        // A short connection has not been registered so far.
        self.register(token);
        self.check_for_end(token);
    }

    /// Whether there is nothing left to read before the end that the poller has announced. With
    /// another request before it the client has ended well, and waits for two answers.
    pub(super) fn check_for_end(&mut self, token: Token) {
        let Some(conn) = busy(&mut self.conns, token) else {
            return;
        };
        if conn.reports_disconnect && conn.ended && !conn.has_input() && conn.stream.at_end() {
            conn.reports_disconnect = false;
            self.news.disconnected.push(token);
        }
    }
}
