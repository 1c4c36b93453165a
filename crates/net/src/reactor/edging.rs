//! Limits on single clients ([`crate::edge`]): connections of an address, and rates.

use proto::protocol::ProxyHeader;

use super::Reactor;
use crate::config::Config;
use crate::conn::Conn;
use crate::edge::{self, Address, Meter};
use crate::exchange::Token;
use crate::notice::Level;
use crate::timer::{Cause, Deadline};

impl Reactor {
    /// Counts a connection by its client, once that is known. False: the client has as many as it may,
    /// and the connection is gone.
    #[inline]
    pub(super) fn count_client(&mut self, token: Token) -> bool {
        self.addresses.is_none() || self.count_address(token)
    }

    #[cold]
    fn count_address(&mut self, token: Token) -> bool {
        let now_ms = self.now_ms();
        let Some(conn) = self.conns.get_mut(token) else {
            return false;
        };
        if conn.watched.counted.is_some() {
            return true;
        }
        let Some(address) = counted_address(conn, &self.config.policy) else {
            return true;
        };
        let Some(addresses) = &mut self.addresses else {
            return true;
        };
        if addresses.add(address) {
            conn.watched.counted = Some(address);
            return true;
        }
        if addresses.tells(now_ms) {
            let text = format!(
                "Closed a connection of {}: it has {} already (connections_per_address)",
                conn.peer, self.config.edge.per_address
            );
            self.notices.push(Level::Warning, text);
        }
        self.remove(token);
        false
    }

    /// A connection is gone.
    #[inline]
    pub(super) fn uncount_client(&mut self, conn: &Conn) {
        if let Some(address) = conn.watched.counted
            && let Some(addresses) = &mut self.addresses
        {
            addresses.take_off(address);
        }
    }

    /// The deadline for more of a body: since its beginning, if none was awaited before.
    pub(super) fn body_deadline(&mut self, token: Token) -> Deadline {
        let (now_ms, rate) = (self.now_ms(), self.config.edge.body_rate);
        let conn = self.conns.get_mut(token).filter(|_| rate != 0);
        let metered = conn.map(|conn| {
            let begins = conn.serving.incoming.is_none() && conn.deadline.cause != Cause::Body;
            let meter = &mut conn.watched.meters().body;
            if begins {
                meter.start(now_ms);
            } else {
                meter.go_on(now_ms);
            }
            (&*meter, rate)
        });
        edge::deadline(Cause::Body, now_ms, self.config.body_timeout_ms, metered)
    }
}

impl Config {
    /// The deadline for a client that does not take its response at once: it has just taken so many
    /// bytes.
    pub(super) fn write_deadline(&self, conn: &mut Conn, taken: u64, now_ms: u64) -> Deadline {
        let rate = self.edge.write_rate;
        let begins = conn.deadline.cause != Cause::Write;
        let metered = (rate != 0).then(|| {
            let meter = &mut conn.watched.meters().write;
            if begins {
                meter.go_on(now_ms);
            } else {
                meter.add(taken);
            }
            (&*meter, rate)
        });
        edge::deadline(Cause::Write, now_ms, self.write_timeout_ms, metered)
    }

    /// The client has taken what there was of a response. The time until there is more is not its own.
    pub(super) fn client_has_taken(&self, conn: &mut Conn, now_ms: u64) {
        if self.edge.write_rate != 0 {
            conn.watched.meters().write.pause(now_ms);
        }
    }

    /// The meters count for one request and its response; output of an earlier one may still wait.
    #[inline]
    pub(super) fn begin_to_meter(&self, conn: &mut Conn) {
        if self.edge.body_rate != 0 {
            // Of a body that flows the first part is still to be asked for.
            conn.watched.meters().body = Meter::default();
        }
        if self.edge.write_rate != 0 && conn.deadline.cause != Cause::Write {
            conn.watched.meters().write = Meter::default();
        }
    }
}

/// Which address a connection counts for. Proxies that may speak for others have as many connections as
/// they like: what their clients do is theirs to see to, or known when they have named them.
fn counted_address(conn: &Conn, policy: &proto::Policy) -> Option<Address> {
    if conn.is_proxied() {
        return conn.peer.ip().map(Address::of);
    }
    let ip = conn.peer.ip()?;
    let served = policy.served;
    let names_others = served.proxy != ProxyHeader::Off && policy.proxies.contains(ip)
        || served.gateway.is_some() && policy.gateways.contains(ip)
        || policy.forwarding.trusted.contains(ip);
    (!names_others).then(|| Address::of(ip))
}

#[cfg(test)]
mod tests;
