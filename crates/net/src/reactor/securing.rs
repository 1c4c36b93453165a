//! TLS: which connections begin with a handshake and with what, what it has come to, and what is said
//! when it fails.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use proto::protocol::ProxyHeader;

use super::Reactor;
use crate::config::Config;
use crate::conn::Phase;
use crate::exchange::Token;
use crate::notice::{Level, Notices};
use crate::peer::Peer;
use crate::stream::Stream;
use crate::tally::Handshake;
use crate::timer::Cause;
use crate::tls::{Acceptor, Failure, Listening, Material};

/// Peers whose failures are told of within a second at most; those of others are counted.
const TOLD: usize = 100;
/// What a client is told that speaks HTTP without TLS.
const USE_TLS: &str =
    "This port speaks HTTPS: begin the address with https:// in place of http://.";

/// The TLS of a worker.
pub(super) struct Securing {
    listening: Arc<Listening>,
    acceptor: Acceptor,
    /// The number of the certificates in use.
    number: u64,
    failures: Failures,
}

/// Which failures were told of since when.
#[derive(Default)]
struct Failures {
    since_ms: u64,
    told: HashSet<Option<IpAddr>>,
    untold: u64,
}

impl Failures {
    /// Whether one of this peer's is to be told of: one a second is.
    fn tell(&mut self, ip: Option<IpAddr>, now_ms: u64, notices: &mut Notices) -> bool {
        if now_ms >= self.since_ms + 1000 {
            self.since_ms = now_ms;
            self.told.clear();
            let untold = std::mem::take(&mut self.untold);
            if untold > 0 {
                let text = format!("{untold} more TLS connections have failed meanwhile");
                notices.push(Level::Warning, text);
            }
        }
        let tell = self.told.len() < TOLD && self.told.insert(ip);
        self.untold += u64::from(!tell);
        tell
    }
}

impl Securing {
    /// # Errors
    /// `InvalidInput` with a sentence: the certificates and settings do not work together.
    pub(super) fn of(config: &Config) -> io::Result<Option<Self>> {
        let Some(listening) = &config.tls else {
            return Ok(None);
        };
        let bad = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        let none = || bad("the master has given no certificates".to_string());
        let (number, bytes) = listening.store.read().ok_or_else(none)?;
        let material = Material::unpack(&bytes).ok_or_else(none)?;
        let made = listening.terms.config(&material).map_err(bad)?;
        Ok(Some(Self {
            listening: Arc::clone(listening),
            acceptor: Acceptor::new(made),
            number,
            failures: Failures::default(),
        }))
    }

    /// Takes certificates and ticket keys that the master has renewed, for the handshakes to come.
    fn renew(&mut self, notices: &mut Notices) {
        if self.listening.store.number() == self.number {
            return;
        }
        let Some((number, bytes)) = self.listening.store.read() else {
            // Just being written: the next look finds it.
            return;
        };
        self.number = number;
        let made = Material::unpack(&bytes)
            .ok_or_else(|| "they cannot be read".to_string())
            .and_then(|material| self.listening.terms.config(&material));
        match made {
            Ok(config) => self.acceptor.replace(config),
            Err(error) => notices.push(
                Level::Error,
                format!("Renewed certificates are not used, the old ones go on: {error}"),
            ),
        }
    }
}

impl Reactor {
    /// The transport of a connection that was accepted from the listener at this place.
    pub(crate) fn transport(&mut self, socket: OwnedFd, listener: usize) -> Option<Stream> {
        let redirects = self.config.redirects.is_at(listener);
        let Some(securing) = self.securing.as_ref().filter(|_| !redirects) else {
            return Some(Stream::plain(socket));
        };
        let in_clear = self.config.policy.served.proxy != ProxyHeader::Off;
        match Stream::tls(socket, &securing.acceptor, in_clear) {
            Ok(stream) => Some(stream),
            Err(error) => {
                let text = format!("Cannot begin a TLS connection: {error}");
                self.notices.push(Level::Error, text);
                None
            }
        }
    }

    /// Looks for renewed certificates.
    pub(super) fn renew_certificates(&mut self) {
        if let Some(securing) = &mut self.securing {
            securing.renew(&mut self.notices);
        }
    }

    /// Reading has failed: a connection is gone, or its TLS is.
    pub(super) fn on_broken(&mut self, token: Token) {
        let conn = self.conns.get_mut(token);
        match conn.and_then(|conn| conn.stream.failure()) {
            Some(failure) => self.on_failed_tls(token, &failure),
            None => self.remove(token),
        }
    }

    #[cold]
    fn on_failed_tls(&mut self, token: Token, failure: &Failure) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let (peer, fresh) = (conn.peer, conn.deadline.cause == Cause::Handshake);
        conn.serving.head_method = matches!(failure, Failure::PlainHttp { head: true });
        self.tell_of_failure(peer, failure);
        if fresh {
            self.tally().connections.handshake(Handshake::Failed);
        }
        match failure {
            Failure::PlainHttp { .. } => {
                self.board.tally(self.slot).refused(400);
                self.answer_error(token, 400, "Bad Request", USE_TLS);
            }
            // The alert is on its way, which a reset would destroy.
            _ if fresh => self.linger_after_failure(token),
            _ => self.remove(token),
        }
    }

    fn linger_after_failure(&mut self, token: Token) {
        if let Some(conn) = self.conns.get_mut(token) {
            conn.phase = Phase::Closing;
        }
        self.flush(token);
    }

    /// The handshake has taken too long.
    pub(super) fn on_slow_handshake(&mut self, token: Token) {
        self.read(token);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.deadline.cause != Cause::Handshake {
            return;
        }
        let peer = conn.peer;
        self.tally().connections.handshake(Handshake::Failed);
        if self.drain.serving() {
            self.tell_of_failure(peer, &Failure::Slow);
        }
        self.remove(token);
    }

    /// One WARNING a second for each peer.
    fn tell_of_failure(&mut self, peer: Peer, failure: &Failure) {
        let now_ms = self.now_ms();
        let Some(securing) = &mut self.securing else {
            return;
        };
        if securing.failures.tell(peer.ip(), now_ms, &mut self.notices) {
            self.notices.tls_failed(peer, failure);
        }
    }
}

#[cfg(test)]
mod tests;
