//! Connections whose requests wait for a thread, handed to the worker that has one free: given by the
//! stand-in of a busy worker, taken like connections that a listener brings.
//!
//! A request is handed over before its application was called, and once at the most. It goes with its
//! connection, so its answer comes from one process; nothing of the connection stays here.

mod arriving;

use std::io;

use proto::StreamId;

use super::Reactor;
use super::accepting::LEFT_MS;
use crate::body::Body;
use crate::exchange::Exchange;
use crate::handover::{FRONT, HandedOver, Handover, LONGEST, Outcome};
use crate::notice::Level;
use crate::peer::Peer;
use crate::poll::HANDOVER;
use crate::scoreboard::Siblings;

/// A connection that is in the queue for so long, in ns, is put behind the others, so that the kernel
/// tells another process: the one that it told may have been stopped, or have died.
const UNTAKEN_NS: u64 = 2_000_000;
/// A request that has waited for so long, in ns, is given if a sibling is free; of others only as many as
/// threads are free: with few processors all wait for milliseconds, and each worker would give all it has.
const LONG_NS: u64 = 10_000_000;
/// Rest of a worker that has no room for a connection that it could serve, in ms.
const FULL_MS: u64 = 100;

/// The queue, as far as this worker uses it.
pub(super) struct Dispatch {
    queue: Handover,
    /// The poller reports it: this worker takes connections.
    taking: bool,
    /// At its limit, without descriptors, or with more connections than others, it takes none before this
    /// time, in monotonic ms.
    rests_until_ms: u64,
    /// The other workers.
    siblings: Siblings,
    /// When a connection was last put into it; 0: nothing of this worker's is in it.
    given_ns: u64,
    /// Requests wait here that a sibling may take as soon as it is free.
    wanted: bool,
}

impl Dispatch {
    pub(super) fn new(queue: Handover) -> Self {
        Self {
            queue,
            taking: false,
            rests_until_ms: 0,
            siblings: Siblings::default(),
            given_ns: 0,
            wanted: false,
        }
    }
}

impl Reactor {
    /// Says how many threads would begin with a request at once.
    #[inline]
    pub(crate) fn tell_free(&self, threads: usize) {
        let threads = if self.drain.serving() { threads } else { 0 };
        self.board.set_free(self.slot, threads);
    }

    /// The same, and from now on connections of siblings are taken, or are not if no thread is free.
    #[inline]
    pub(crate) fn set_free(&mut self, threads: usize) {
        self.tell_free(threads);
        let taking = threads > 0 && self.drain.serving();
        if let Some(dispatch) = &self.dispatch
            && dispatch.taking != taking
            && !(taking && self.taking_rests_ms(self.now_ms()).is_some())
        {
            self.set_taking(taking);
        }
    }

    /// Nothing more is taken for a moment, though a thread is free: the poller would tell of the same
    /// connection again and again.
    #[cold]
    fn rest_from_taking(&mut self, ms: u64) {
        self.set_taking(false);
        let until_ms = self.now_ms() + ms;
        if let Some(dispatch) = &mut self.dispatch {
            dispatch.rests_until_ms = until_ms;
        }
    }

    /// How long such a rest still takes, in ms; `None`: there is none.
    pub(super) fn taking_rests_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.dispatch.as_ref()?.rests_until_ms;
        until_ms.checked_sub(now_ms).filter(|&rest_ms| rest_ms > 0)
    }

    /// What the scoreboard says of this worker.
    #[cfg(test)]
    pub(crate) fn free_threads(&self) -> usize {
        self.board.free_threads(self.slot)
    }

    /// Whether the poller tells of connections in the queue, or there is no queue.
    #[inline]
    pub(super) fn takes_over(&self) -> bool {
        self.dispatch
            .as_ref()
            .is_none_or(|dispatch| dispatch.taking)
    }

    #[cold]
    fn set_taking(&mut self, taking: bool) {
        let Some(dispatch) = &mut self.dispatch else {
            return;
        };
        dispatch.taking = taking;
        let fd = dispatch.queue.fd();
        let result = if taking {
            self.poller.add_listener(fd, HANDOVER)
        } else {
            self.poller.remove(fd)
        };
        if let Err(error) = result {
            let text = format!("Cannot watch what other workers hand over: {error}");
            self.notices.push(Level::Error, text);
        }
    }

    /// In a process that the application has forked: the queue is the parent's.
    pub(super) fn forget_dispatch(&mut self) {
        self.dispatch = None;
    }

    /// Requests wait, or have just been given, so that a look is due each millisecond.
    pub(crate) fn watches_siblings(&self) -> bool {
        self.dispatch
            .as_ref()
            .is_some_and(|dispatch| dispatch.wanted || dispatch.given_ns != 0)
    }

    /// There are other workers, which may take what waits here.
    #[inline]
    pub(crate) fn has_siblings(&mut self) -> bool {
        self.dispatch
            .as_mut()
            .is_some_and(|dispatch| dispatch.siblings.exist(&self.board, self.slot))
    }

    /// How many threads of other workers are free.
    fn free_of_siblings(&self) -> usize {
        let now_ms = self.now_ms();
        let dispatch = self.dispatch.as_ref();
        dispatch.map_or(0, |dispatch| dispatch.siblings.free(&self.board, now_ms))
    }

    /// Whether the next connection is for another worker, which comes to its listeners soon and has clearly
    /// fewer connections than this one.
    pub(super) fn sibling_has_fewer(&mut self) -> bool {
        let (now_ms, more) = (self.now_ms(), self.conns.len().saturating_sub(1));
        let dispatch = self.dispatch.as_mut();
        dispatch.is_some_and(|Dispatch { siblings, .. }| {
            siblings.exist(&self.board, self.slot)
                && siblings.one_accepts_below(&self.board, more, now_ms)
        })
    }

    /// While no thread of this worker is free: hands over connections whose requests have waited for
    /// `least_ns`, if a sibling has a free thread.
    pub(crate) fn hand_over_waiting(&mut self, least_ns: u64) {
        if !self.has_siblings() {
            return;
        }
        let free = self.free_of_siblings();
        self.look_after_given(free > 0);
        let (mut given, mut wanted) = (0, false);
        for _ in 0..self.inbox.len() {
            let Some(exchange) = self.inbox.pop_front() else {
                break;
            };
            let waited_ns = self.now_ns.saturating_sub(exchange.ready_ns);
            // One that shares its connection with others stays, too.
            let own = exchange
                .key
                .is_some_and(|key| key.stream == StreamId::HTTP1);
            let may = own && !exchange.handed_over;
            let due = waited_ns >= least_ns && may;
            if due && may_go(free, given, waited_ns) {
                match self.hand_over(exchange) {
                    Some(exchange) => self.inbox.push_back(exchange),
                    None => given += 1,
                }
            } else {
                wanted |= may;
                self.inbox.push_back(exchange);
            }
        }
        self.one_waits_less();
        if let Some(dispatch) = &mut self.dispatch {
            dispatch.wanted = wanted;
        }
    }

    /// A worker that is about to end takes back what it has given, if no sibling takes it: the siblings
    /// may be about to end too.
    pub(super) fn take_back_given(&mut self) {
        let dispatch = self.dispatch.as_ref();
        let given = dispatch.is_some_and(|dispatch| dispatch.given_ns != 0);
        if given && !(self.has_siblings() && self.free_of_siblings() > 0) {
            while self.has_room_for_one().is_ok() && self.take_next() {}
        }
    }

    /// What this worker has given may still be in the queue: it does not end before a sibling has taken
    /// it, or it takes it back itself. A sibling that was free a moment ago may be about to end, too.
    pub(super) fn has_given(&self) -> bool {
        self.dispatch
            .as_ref()
            .is_some_and(|dispatch| dispatch.given_ns != 0 && dispatch.queue.has_pending())
    }

    /// Whether there are descriptors for a connection, if need be in the place of idle ones.
    fn has_room_for_one(&mut self) -> io::Result<()> {
        loop {
            let room = self
                .dispatch
                .as_ref()
                .map_or(Ok(()), |dispatch| dispatch.queue.has_room());
            if room.is_ok() || !self.make_room() {
                return room;
            }
        }
    }

    /// What was given lies in the queue: another process is told of it.
    fn look_after_given(&mut self, free: bool) {
        let Some(dispatch) = &mut self.dispatch else {
            return;
        };
        if dispatch.given_ns == 0 || self.now_ns < dispatch.given_ns + UNTAKEN_NS {
            return;
        }
        if !dispatch.queue.has_pending() {
            dispatch.given_ns = 0;
        } else if free && dispatch.queue.has_room().is_ok() {
            dispatch.given_ns = self.now_ns;
            // Meanwhile it is in the hands of this process.
            self.board
                .begin_reading(self.slot, self.last_id + 1, Peer::Unix);
            if !dispatch.queue.turn_round(&mut self.scratch) {
                self.lost_on_the_way(None, "it could not be put back into the queue.");
            }
            self.board.end_reading(self.slot);
        }
    }

    /// Puts the connection of a request into the queue. The exchange comes back if it stays here.
    fn hand_over(&mut self, mut exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let key = exchange.key;
        let conn = key.and_then(|key| self.conns.get_mut(key.connection));
        let (Some(key), Some(conn), Some(dispatch)) = (key, conn, &mut self.dispatch) else {
            return Some(exchange);
        };
        if !conn.owes(key.stream) || !conn.can_be_handed_over() {
            return Some(exchange);
        }
        let proxied = conn.proxy_header();
        let inline = FRONT + proxied.len() + exchange.head.raw_len() + conn.input().len();
        let Some(room) = LONGEST.checked_sub(inline) else {
            return Some(exchange);
        };
        let fits = exchange
            .body
            .in_memory()
            .is_some_and(|body| body.len() <= room);
        if !fits && exchange.body.spool(&self.config.body).is_err() {
            // No room for the file: it stays, and is answered here.
            return Some(exchange);
        }
        let (file, body): (_, &[u8]) = match &exchange.body {
            Body::File(file, _) => (Some(file), &[]),
            Body::Flowing => return Some(exchange),
            body => (None, body.in_memory().unwrap_or_default()),
        };
        let waiting = HandedOver {
            peer: conn.socket_peer(),
            listener: conn.listener,
            requests: conn.requests,
            ready_ns: exchange.ready_ns,
            proxied: proxied.len(),
            head: exchange.head.raw_len(),
            body: exchange.body.len(),
        };
        let pieces = [proxied, exchange.head.raw(), body, conn.input()];
        // First: a client with its answer finds it counted.
        let tally = self.board.tally(self.slot);
        tally.given();
        let put = dispatch.queue.put(&waiting, conn.stream.fd(), file, pieces);
        if put.is_err() {
            // The queue is full, or the kernel has no room: it is answered here.
            tally.not_given();
            return Some(exchange);
        }
        dispatch.given_ns = self.now_ns;
        drop(self.release(key.connection));
        exchange.key = None;
        self.recycle(exchange);
        None
    }

    /// Connections are in the queue: takes one, unless the last one still waits here. It may not go to
    /// a third worker, and would wait behind it, though others are free.
    pub(super) fn take_over(&mut self) {
        let full = self.config.max_connections;
        let Some(dispatch) = &self.dispatch else {
            return;
        };
        let waits = self.inbox.front().is_some_and(|first| first.handed_over);
        let rests = self.taking_rests_ms(self.now_ms()).is_some();
        if waits || rests || !self.drain.serving() || !dispatch.queue.has_pending() {
            return;
        }
        if full != 0 && self.conns.len() >= full && !self.make_room() {
            return self.rest_from_taking(FULL_MS);
        }
        if let Err(error) = self.has_room_for_one() {
            self.out_of_descriptors(&error);
            return self.rest_from_taking(FULL_MS);
        }
        self.take_next();
        if self.sibling_has_fewer() {
            self.rest_from_taking(LEFT_MS);
        }
    }

    /// The same, whatever room there is.
    fn take_next(&mut self) -> bool {
        // What is taken is lost if this process dies before it has a name.
        self.board
            .begin_reading(self.slot, self.last_id + 1, Peer::Unix);
        let Self {
            dispatch, scratch, ..
        } = self;
        let outcome = dispatch
            .as_ref()
            .map_or(Outcome::Empty, |dispatch| dispatch.queue.take(scratch));
        let took = match outcome {
            Outcome::Empty => false,
            Outcome::Lost(peer) => {
                let why = "its message came without it, or was cut: raise the limit of open files \
                           (ulimit -n).";
                self.lost_on_the_way(peer, why);
                true
            }
            Outcome::Arrived(arrived) => {
                self.go_on_here(arrived);
                true
            }
        };
        self.board.end_reading(self.slot);
        took
    }

    #[cold]
    fn lost_on_the_way(&mut self, peer: Option<Peer>, why: &str) {
        let peer = peer.map_or_else(|| "unknown".into(), |peer| peer.to_string());
        let text =
            format!("Lost a connection on its way from another worker (client: {peer}): {why}");
        self.notices.push(Level::Error, text);
    }
}

/// Whether a request that has `waited_ns` goes to the siblings, which have `free` threads, after so many
/// others have been `given` to them.
fn may_go(free: usize, given: usize, waited_ns: u64) -> bool {
    free > given || free > 0 && waited_ns >= LONG_NS
}

#[cfg(test)]
mod tests;
