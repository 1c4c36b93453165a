//! New connections: taken in a few at a time, left to wait at the limit or without descriptors, and
//! taken in all together for the last time when a stop begins.

use super::Reactor;
use crate::conn::Conn;
use crate::exchange::Token;
use crate::listener::{Accepted, Listener};
use crate::notice::Level;
use crate::peer::Peer;
use crate::poll::LISTENER;
use crate::stream::Stream;
use crate::timer::{Cause, Deadline};

/// Connections accepted in one go when this process is alone with its listeners.
const ACCEPT_ALONE: usize = 64;
/// The same when sibling processes wait for connections too.
const ACCEPT_SHARED: usize = 4;
/// Connections taken in at most when a stop begins: more than a queue of the kernel holds as it is
/// mostly set up (`net.core.somaxconn`), and an end if they come faster than they are taken in.
const ACCEPT_LAST: usize = 4096;
/// Rest after the descriptors ran out, in ms.
const EXHAUSTED_MS: u64 = 100;

impl Reactor {
    /// Takes in whom the kernel announced.
    pub(super) fn accept(&mut self, index: usize) {
        // The event may be older than the decision to rest or to stop: whoever waits now is for the
        // siblings.
        if self.accepting {
            self.take_in(index);
        }
    }

    /// Takes in a few of those who wait, as far as there is room.
    fn take_in(&mut self, index: usize) {
        let rounds = match (self.config.siblings, self.one_by_one()) {
            (false, _) => ACCEPT_ALONE,
            (true, false) => ACCEPT_SHARED,
            (true, true) => 1,
        };
        for _ in 0..rounds {
            let full = self.config.max_connections;
            if full != 0 && self.conns.len() >= full {
                let somebody_waits = self
                    .listeners
                    .get(index)
                    .is_some_and(Listener::somebody_waits);
                if !somebody_waits {
                    return;
                }
                if !self.make_room() {
                    self.pause_accepting();
                    return;
                }
            }
            if !self.accept_one(index) {
                return;
            }
        }
    }

    /// One application thread, which takes its time: who is taken in together waits for each other.
    fn one_by_one(&self) -> bool {
        !self.config.standin_beats && !self.config.polled && !self.pace.fast()
    }

    /// Beside siblings nobody is taken in while no application thread is free to serve him: a
    /// sibling may have one, and otherwise he is served first by whoever is free first.
    pub(crate) fn mind_the_door(&mut self, free: bool) {
        let open = free || !self.config.siblings;
        if open == self.door_open {
            return;
        }
        self.door_open = open;
        if !open {
            self.served_inside = 0;
            self.pause_accepting();
        } else if self.accept_again_ms == u64::MAX {
            self.resume_accepting();
        }
    }

    /// A thread is free, and goes on with what was read before. Clients that always have a next
    /// request never leave it without one, and it would never open the door; if the siblings fare
    /// alike, nobody else would ever come in. So after each round of those inside a few may.
    #[inline]
    pub(crate) fn mind_those_outside(&mut self) {
        if !self.door_open && !self.inbox.is_empty() {
            self.count_to_a_round();
        }
    }

    #[cold]
    fn count_to_a_round(&mut self) {
        self.served_inside += 1;
        if self.served_inside <= self.inbox.len() {
            return;
        }
        self.served_inside = 0;
        let resting = self.abandoned || self.accept_again_ms != u64::MAX;
        if !resting && self.drain.serving() {
            for index in 0..self.listeners.len() {
                self.take_in(index);
            }
        }
    }

    /// For the last time: whom the kernel has announced to this process it does not announce to the
    /// siblings, so they are taken in whatever the limit; but not more than can be served.
    pub(super) fn accept_last(&mut self, time_ms: u64) {
        self.pause_accepting();
        if self.abandoned {
            // It had left them to the siblings already: nobody here would serve them.
            return;
        }
        let most = if self.config.polled {
            // They do not wait for each other.
            ACCEPT_LAST
        } else {
            let most = self.pace.requests_in(time_ms / 2);
            most.clamp(ACCEPT_ALONE, ACCEPT_LAST)
        };
        for index in 0..self.listeners.len() {
            for _ in 0..most {
                if !self.accept_one(index) {
                    break;
                }
            }
        }
    }

    /// For good: whoever comes from now on goes to a sibling, or is refused and asks elsewhere.
    /// Otherwise the kernel would go on taking clients in for nobody, until the process has ended.
    pub(super) fn close_the_door(&mut self) {
        for listener in self.listeners.drain(..) {
            if let Err(error) = listener.let_go() {
                let text = format!(
                    "Cannot let go of a listening socket: {error}. Clients that connect before \
                     this process has ended may be reset."
                );
                self.notices.push(Level::Warning, text);
            }
        }
    }

    /// Looks whether somebody waits of whom no event told: the process that was to take him in may
    /// have died.
    pub(super) fn look_at_the_door(&mut self) {
        for index in 0..self.listeners.len() {
            self.accept(index);
        }
    }

    /// Takes in one client; false: nobody is waiting, or nobody can be taken in.
    fn accept_one(&mut self, index: usize) -> bool {
        let Some(listener) = self.listeners.get(index) else {
            return false;
        };
        match listener.accept() {
            Accepted::Connection(stream, peer) => self.welcome(stream, peer, index),
            Accepted::Empty => return false,
            Accepted::Exhausted(_) if self.make_room() => {}
            Accepted::Exhausted(error) => {
                self.pause_accepting();
                self.accept_again_ms = self.now_ms() + EXHAUSTED_MS;
                let text = format!(
                    "Cannot accept connections: {error}; {} are open. Raise the limit of open \
                     files (ulimit -n), or lower worker_connections or keepalive.",
                    self.conns.len()
                );
                self.notices.push(Level::Error, text);
                return false;
            }
        }
        true
    }

    /// A connection that was accepted.
    pub(crate) fn welcome(&mut self, stream: Stream, peer: Peer, index: usize) {
        let forwarding = &self.config.policy.forwarding;
        let trusted = forwarding.trusted.contains_peer(peer.ip());
        let mut conn = Conn::new(stream, peer, index, trusted);
        let header_timeout = self.config.header_timeout_ms;
        conn.deadline = Deadline::after(Cause::Header, self.now_ms(), header_timeout);
        self.scan.note(conn.deadline);
        let token = self.conns.insert(conn);
        self.board.set_connections(self.slot, self.conns.len());
        self.tally().accepted();
        // The request has often come with the connection.
        self.read(token);
    }

    /// Closes the connection that can be spared best, for one that wants to come in: idle
    /// clients must not keep others out. False: all are busy.
    fn make_room(&mut self) -> bool {
        while let Some(token) = self.most_dispensable() {
            // It may have become busy without our having looked.
            self.read(token);
            match self.conns.get_mut(token) {
                None => return true,
                Some(conn) if conn.can_be_spared() => {
                    self.remove(token);
                    return true;
                }
                Some(_) => {}
            }
        }
        false
    }

    /// The connection that has been idle for longest. Whoever has never asked comes last: the
    /// request is probably on its way.
    fn most_dispensable(&self) -> Option<Token> {
        let spare = self.conns.iter().filter(|(_, conn)| conn.can_be_spared());
        spare
            .min_by_key(|(_, conn)| (conn.never_asked(), conn.deadline.at_ms()))
            .map(|(token, _)| token)
    }

    /// A connection is gone, or can be spared from now on: who waits at the limit may come in.
    #[inline]
    pub(super) fn let_in(&mut self) {
        if !self.accepting && self.accept_again_ms == u64::MAX {
            self.resume_accepting();
        }
    }

    pub(super) fn pause_accepting(&mut self) {
        if std::mem::take(&mut self.accepting) {
            for listener in &self.listeners {
                if let Err(error) = self.poller.remove(listener.fd()) {
                    self.notices
                        .push(Level::Error, format!("Cannot rest from accepting: {error}"));
                }
            }
        }
    }

    pub(super) fn resume_accepting(&mut self) {
        self.accept_again_ms = u64::MAX;
        let wanted = self.door_open && !self.abandoned && self.drain.serving();
        if self.accepting || !wanted {
            return;
        }
        self.accepting = true;
        for (index, listener) in self.listeners.iter().enumerate() {
            if let Err(error) = self
                .poller
                .add_listener(listener.fd(), LISTENER + index as u64)
            {
                self.notices
                    .push(Level::Error, format!("Cannot watch a listener: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
