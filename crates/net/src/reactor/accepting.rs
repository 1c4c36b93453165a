//! New connections: accepted a few at a time, left to wait at the limit or without descriptors, and
//! accepted all together for the last time when a stop begins.

use std::io;
use std::os::fd::RawFd;

use super::Reactor;
use crate::clock;
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
/// Connections accepted at most when a stop begins: more than a queue of the kernel holds as it is
/// mostly set up (`net.core.somaxconn`), and an end if they come faster than they are accepted.
const ACCEPT_LAST: usize = 4096;
/// Rest of a worker that has more connections than a sibling, in ms at most: the kernel tells the
/// sibling of the next ones.
pub(super) const LEFT_MS: u64 = 2;
/// Shortest time between two looks at what waits outside while no thread is free, in ns: the rounds of
/// fast requests take some microseconds, and a look takes one of them.
const LOOK_NS: u64 = 1_000_000;
/// Rest after the descriptors ran out, in ms.
const EXHAUSTED_MS: u64 = 100;
/// Rest at the limit while clients of TLS are arriving, in ms at most.
const ARRIVING_MS: u64 = 500;

/// The listeners of a worker, and whether they are registered with the poller.
pub(super) struct Acceptor {
    listeners: Vec<Listener>,
    state: State,
    /// The application has a thread for a new client, or there are no siblings that might.
    wanted: bool,
    /// Requests taken by threads since new clients are not wanted, or since the last round ended.
    served: usize,
    /// When a few were accepted all the same, in monotonic ns.
    looked_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The listeners are registered.
    Accepting,
    /// They are not: while draining, at the limit of connections, or without a thread.
    Paused,
    /// It is a sibling's turn, until this time, in monotonic ms, at the latest.
    Left(u64),
    /// At the limit, with connections that can be spared if their first request does not come: to be
    /// tried again at this time, in monotonic ms.
    Arriving(u64),
    /// Descriptors ran out: to be tried again at this time, in monotonic ms.
    Resting(u64),
}

impl Acceptor {
    pub(super) fn new(numbers: &[RawFd]) -> io::Result<Self> {
        let copies: io::Result<_> = numbers
            .iter()
            .map(|&number| Listener::copy_of(number))
            .collect();
        Ok(Self {
            listeners: copies?,
            state: State::Paused,
            wanted: true,
            served: 0,
            looked_ns: 0,
        })
    }

    /// How long a rest from accepting still takes, in ms.
    pub(super) fn rest_ms(&self, now_ms: u64) -> Option<u64> {
        match self.state {
            State::Left(until_ms) | State::Arriving(until_ms) | State::Resting(until_ms) => {
                Some(until_ms.saturating_sub(now_ms))
            }
            State::Accepting | State::Paused => None,
        }
    }

    /// In a process that the application has forked: the poller is the parent's.
    pub(super) fn forget(&mut self) {
        self.state = State::Paused;
        self.listeners.clear();
    }
}

impl Reactor {
    /// Accepts the connections that the poller reported.
    pub(super) fn accept(&mut self, index: usize) {
        // The event may be older than the decision to rest or to stop: those that wait now are for
        // the siblings.
        if self.acceptor.state == State::Accepting {
            self.accept_some(index);
        }
    }

    /// Accepts a few of the connections that wait, as far as there is room.
    fn accept_some(&mut self, index: usize) {
        let rounds = match (self.config.siblings, self.one_by_one()) {
            (false, _) => ACCEPT_ALONE,
            (true, false) => ACCEPT_SHARED,
            (true, true) => 1,
        };
        for _ in 0..rounds {
            let full = self.config.max_connections;
            if full != 0 && self.conns.len() >= full {
                let listener = self.acceptor.listeners.get(index);
                if !listener.is_some_and(Listener::has_pending) {
                    return;
                }
                if !self.make_room() {
                    self.pause_accepting();
                    let (now_ms, config) = (self.now_ms(), &self.config);
                    let mut all = self.conns.iter();
                    if all.any(|(_, conn)| conn.is_arriving(now_ms, config)) {
                        self.acceptor.state = State::Arriving(now_ms + ARRIVING_MS);
                    }
                    return;
                }
            }
            if !self.accept_one(index) {
                return;
            }
            if self.config.siblings && self.sibling_has_fewer() {
                self.pause_accepting();
                self.board.set_accepts(self.slot, true);
                self.acceptor.state = State::Left(self.now_ms() + LEFT_MS);
                return;
            }
        }
    }

    /// Accepts connections again, if it rests and the rest is over, or the siblings have no fewer
    /// connections any more.
    pub(super) fn end_rest(&mut self, now_ms: u64) {
        let over = self.acceptor.rest_ms(now_ms) == Some(0);
        let left = matches!(self.acceptor.state, State::Left(_));
        if over || left && !self.sibling_has_fewer() {
            self.resume_accepting();
        }
    }

    /// Accept one at a time while a single thread takes its time: connections accepted together queue
    /// behind each other.
    pub(super) fn one_by_one(&self) -> bool {
        !self.config.standin_beats && !self.config.polled && !self.batch.pace.fast()
    }

    /// Accepts new connections, or leaves them to the siblings: with siblings, only while an
    /// application thread is `free`. A sibling may have one, and otherwise the connection is accepted
    /// by the worker that is free first.
    pub(crate) fn set_accepting(&mut self, free: bool) {
        let wanted = free || !self.config.siblings;
        if wanted == self.acceptor.wanted {
            return;
        }
        self.acceptor.wanted = wanted;
        if !wanted {
            self.acceptor.served = 0;
            self.pause_accepting();
        } else if self.acceptor.state == State::Paused {
            self.resume_accepting();
        }
    }

    /// A thread is free, and goes on with what was read before. Clients that always have a next
    /// request would keep it busy, and the listeners unregistered, for ever; with siblings that fare
    /// alike, new clients would never be accepted. So after a round of the requests that wait a few
    /// connections are, at most once in [`LOOK_NS`].
    #[inline]
    pub(crate) fn accept_between_rounds(&mut self) {
        let told_of_all = self.acceptor.wanted && self.takes_over();
        if !told_of_all && !self.inbox.is_empty() {
            self.count_to_a_round();
        }
    }

    #[cold]
    fn count_to_a_round(&mut self) {
        self.acceptor.served += 1;
        if self.acceptor.served <= self.inbox.len() {
            return;
        }
        self.acceptor.served = 0;
        let now_ns = clock::monotonic_ns();
        if now_ns < self.acceptor.looked_ns + LOOK_NS {
            return;
        }
        self.acceptor.looked_ns = now_ns;
        let rests = matches!(self.acceptor.state, State::Left(_) | State::Resting(_));
        if rests || self.ages.all_threads_lost || !self.drain.serving() {
            return;
        }
        if !self.acceptor.wanted {
            for index in 0..self.acceptor.listeners.len() {
                self.accept_some(index);
            }
        }
        self.take_over();
    }

    /// For the last time: a connection that the kernel has announced to this process it does not
    /// announce to the siblings, so all are accepted whatever the limit; but not more than can be served.
    pub(super) fn accept_last(&mut self, time_ms: u64) {
        self.pause_accepting();
        if self.ages.all_threads_lost {
            // It had left them to the siblings already: no thread here would serve them.
            return;
        }
        let most = if self.config.polled {
            // Its requests do not wait for each other.
            ACCEPT_LAST
        } else {
            let most = self.batch.pace.requests_in(time_ms / 2);
            most.clamp(ACCEPT_ALONE, ACCEPT_LAST)
        };
        for index in 0..self.acceptor.listeners.len() {
            for _ in 0..most {
                if !self.accept_one(index) {
                    break;
                }
            }
        }
    }

    /// For good: connections that come from now on go to a sibling, or are refused and made elsewhere.
    /// Otherwise the kernel would go on accepting for this process until it has ended.
    pub(super) fn close_listeners(&mut self) {
        for listener in self.acceptor.listeners.drain(..) {
            if let Err(error) = listener.stop_listening() {
                let text = format!(
                    "Cannot let go of a listening socket: {error}. Clients that connect before \
                     this process has ended may be reset."
                );
                self.notices.push(Level::Warning, text);
            }
        }
    }

    /// Polls once for connections whose event went to a process that has died.
    pub(super) fn poll_listeners(&mut self) {
        for index in 0..self.acceptor.listeners.len() {
            self.accept(index);
        }
    }

    /// Accepts one connection; false: none is waiting, or none can be accepted.
    fn accept_one(&mut self, index: usize) -> bool {
        let Some(listener) = self.acceptor.listeners.get(index) else {
            return false;
        };
        match listener.accept() {
            Accepted::Connection(socket, peer) => {
                if let Some(stream) = self.transport(socket, index) {
                    self.add_connection(stream, peer, index);
                }
            }
            Accepted::Empty => return false,
            Accepted::Exhausted(_) if self.make_room() => {}
            Accepted::Exhausted(error) => {
                self.out_of_descriptors(&error);
                return false;
            }
        }
        true
    }

    /// No descriptor is left: rest for a moment.
    pub(super) fn out_of_descriptors(&mut self, error: &io::Error) {
        self.pause_accepting();
        self.acceptor.state = State::Resting(self.now_ms() + EXHAUSTED_MS);
        let text = format!(
            "Cannot accept connections: {error}; {} are open. Raise the limit of open files (ulimit \
             -n), or lower worker_connections or keepalive.",
            self.conns.len()
        );
        self.notices.push(Level::Error, text);
    }

    /// A connection that was accepted.
    pub(crate) fn add_connection(&mut self, stream: Stream, peer: Peer, index: usize) {
        let policy = &self.config.policy;
        let trusted = policy.forwarding.trusted.contains_peer(peer.ip());
        let in_handshake = stream.in_handshake();
        let redirects = &self.config.redirects;
        let served = redirects.served(policy, index, peer);
        let mut conn = Conn::new(stream, peer, index, trusted, served);
        conn.redirects = redirects.is_at(index);
        conn.deadline = if in_handshake {
            Deadline::after(
                Cause::Handshake,
                self.now_ms(),
                self.config.header_timeout_ms,
            )
        } else {
            self.config
                .first_deadline(conn.awaits_preface(), self.now_ms())
        };
        self.scan.note(conn.deadline);
        let token = self.conns.insert(conn);
        self.board.set_connections(self.slot, self.conns.len());
        self.tally().accepted();
        if !self.count_client(token) {
            return;
        }
        // The request has often come with the connection.
        self.read(token);
    }

    /// Closes the connection that can be spared best in favour of a new one: idle clients must not
    /// keep others out. False: all are busy.
    pub(super) fn make_room(&mut self) -> bool {
        while let Some(token) = self.longest_idle() {
            // It may have become busy without our having looked.
            self.read(token);
            let now_ms = self.now_ms();
            match self.conns.get_mut(token) {
                None => return true,
                Some(conn) if conn.can_be_spared() && !conn.is_arriving(now_ms, &self.config) => {
                    self.go_away_now(token);
                    self.remove(token);
                    return true;
                }
                Some(_) => {}
            }
        }
        false
    }

    /// The connection that has been idle for longest. One without a request so far comes last: its
    /// request is probably on its way.
    fn longest_idle(&self) -> Option<Token> {
        let (now_ms, config) = (self.now_ms(), &self.config);
        let spare = self.conns.iter().filter(|(_, conn)| conn.can_be_spared());
        spare
            .filter(|(_, conn)| !conn.is_arriving(now_ms, config))
            .min_by_key(|(_, conn)| (conn.had_no_request(), conn.deadline.at_ms()))
            .map(|(token, _)| token)
    }

    /// A connection is gone, or can be spared from now on: one that waits at the limit can be accepted.
    #[inline]
    pub(super) fn connection_is_spare(&mut self) {
        if matches!(self.acceptor.state, State::Paused | State::Arriving(_)) {
            self.resume_accepting();
        }
    }

    pub(super) fn pause_accepting(&mut self) {
        let registered = self.acceptor.state == State::Accepting;
        if !registered && !matches!(self.acceptor.state, State::Left(_)) {
            return;
        }
        self.acceptor.state = State::Paused;
        self.board.set_accepts(self.slot, false);
        if !registered {
            return;
        }
        for listener in &self.acceptor.listeners {
            if let Err(error) = self.poller.remove(listener.fd()) {
                self.notices
                    .push(Level::Error, format!("Cannot rest from accepting: {error}"));
            }
        }
    }

    pub(super) fn resume_accepting(&mut self) {
        if self.acceptor.state == State::Accepting {
            return;
        }
        self.acceptor.state = State::Paused;
        if !self.acceptor.wanted || self.ages.all_threads_lost || !self.drain.serving() {
            return;
        }
        self.acceptor.state = State::Accepting;
        self.board.set_accepts(self.slot, true);
        for (index, listener) in self.acceptor.listeners.iter().enumerate() {
            let data = LISTENER + index as u64;
            if let Err(error) = self.poller.add_listener(listener.fd(), data) {
                self.notices
                    .push(Level::Error, format!("Cannot watch a listener: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
