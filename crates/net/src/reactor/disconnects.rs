//! Clients that disconnect while their request is with the application: reported to an application
//! that waits for something else, such as news that a long poll should bring, and would wait in vain.

use super::Reactor;
use super::writing::busy;
use crate::exchange::RequestKey;

impl Reactor {
    /// Has [`News::disconnected`](super::News) name `key` once its client sends no more.
    pub(crate) fn report_disconnect(&mut self, key: RequestKey) {
        let Some(conn) = busy(&mut self.conns, key) else {
            self.news.disconnected.push(key);
            return;
        };
        if let Some(serving) = conn.serving(key.stream) {
            serving.reports_disconnect = true;
        }
        // A short connection has not been registered so far.
        self.register(key.connection);
        self.check_for_end(key);
    }

    /// Whether there is nothing left to read before the end that the poller has announced. With
    /// another request before it the client has ended well, and waits for two answers.
    pub(super) fn check_for_end(&mut self, key: RequestKey) {
        let Some(conn) = busy(&mut self.conns, key) else {
            return;
        };
        // Where several requests share it, the end is found when it is read.
        if conn.serving.reports_disconnect && conn.ended && !conn.has_input() && conn.at_end() {
            conn.serving.reports_disconnect = false;
            self.news.disconnected.push(key);
        }
    }
}
