//! Listeners in clear text that send their clients on to those with TLS (`redirect_http`). Such a
//! connection is like any other as far as the head of its request, is answered then, and ends: what
//! its client asks for next it asks for elsewhere.

use proto::Policy;
use proto::protocol::Served;

use super::Reactor;
use crate::access_log::unserved::Unserved;
use crate::clock;
use crate::config::Redirects;
use crate::exchange::Exchange;
use crate::peer::Peer;

impl Redirects {
    /// Whether the listener at this place is one of them.
    pub(super) fn is_at(&self, listener: usize) -> bool {
        self.listeners.get(listener) == Some(&true)
    }

    /// What is served to a client of the listener at this place.
    pub(super) fn served(&self, policy: &Policy, listener: usize, peer: Peer) -> Served {
        let served = policy.served_to(peer.ip());
        if !self.is_at(listener) {
            return served;
        }
        Served {
            proxy: served.proxy,
            proxy_barred: served.proxy_barred,
            ..Served::HTTP1
        }
    }
}

impl Reactor {
    /// Sends a client on, whose request has a name and no application.
    #[cold]
    pub(super) fn redirect(&mut self, mut exchange: Box<Exchange>) {
        let mut page = Vec::new();
        let date = clock::coarse_unix_seconds();
        let port = self.config.redirects.port;
        let (status, sent) = proto::h1::redirect_page(&mut page, date, &exchange.head, port);
        self.board.tally(self.slot).refused(status);
        exchange.ready_ns = self.now_ns;
        let unserved = Unserved {
            at_ns: self.now_ns,
            exchange,
            status,
            page,
            sent: sent as u64,
        };
        self.answer_unserved(unserved, true, false);
    }
}

#[cfg(test)]
mod tests;
