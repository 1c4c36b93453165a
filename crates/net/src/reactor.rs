//! The reactor: readiness in, exchanges out. One turn = poll, then for each event accept, read,
//! write; at its end what was held back is written and deadlines are looked at. It never blocks:
//! waiting is the baton's business.

mod accepting;
mod admission;
mod ages;
mod batch;
mod deadlines;
mod disconnects;
mod edging;
mod flowing;
mod handover;
mod holding;
mod leaving;
mod logging;
mod pace;
mod patience;
mod reading;
mod redirecting;
mod registering;
mod securing;
mod stopping;
mod streaming;
mod streams;
mod switching;
mod websocket;
mod writing;

use accepting::Acceptor;
use admission::Waiting;
use ages::Ages;
pub(crate) use batch::BATCH;
use batch::Batch;
use handover::Dispatch;
use securing::Securing;
pub use streaming::{Block, Room};
use websocket::WebSockets;
pub use writing::Tail;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::access_log::writer::Writer;
use crate::clock;
use crate::config::Config;
use crate::conn::{Conn, Serving};
use crate::drain::Drain;
use crate::edge::Addresses;
use crate::exchange::{Exchange, RequestKey, Token};
use crate::handover::Handover;
use crate::heap;
use crate::notice::{Level, Notices};
use crate::poll::{Events, HANDOVER, LISTENER, Poller, Ready, SIGNAL, WAKE};
use crate::scoreboard::{RetireCause, Scoreboard};
use crate::slab::Slab;
use crate::tally::Tally;
use crate::timer::Scan;

/// Bytes read at once; one buffer for all connections.
const SCRATCH: usize = 64 * 1024;
/// Time between two looks at the parent process and at the listeners, in ms.
const LOOK_MS: u64 = 1000;
/// Large writes between two looks for requests.
const WRITES: usize = 4;

/// All connections of one worker.
pub(crate) struct Reactor {
    pub(crate) config: Config,
    poller: Arc<Poller>,
    acceptor: Acceptor,
    /// Hands connections to other workers and takes theirs, if there may be some.
    dispatch: Option<Dispatch>,
    /// The listeners speak TLS.
    securing: Option<Securing>,
    conns: Slab<Conn>,
    /// How many there are of each address, where that has a limit.
    addresses: Option<Box<Addresses>>,
    events: Events,
    next_event: usize,
    /// Connections to be read on, after others had their turn.
    again: VecDeque<Token>,
    /// Slow readers that have room again. A few at a time: each may take a large write, and requests
    /// go first.
    writes: VecDeque<Token>,
    batch: Batch,
    /// The next request to be taken has its time taken.
    pub(crate) sample: bool,
    scratch: Box<[u8]>,
    /// Complete requests that no thread has taken.
    pub(crate) inbox: VecDeque<Box<Exchange>>,
    waiting: Waiting,
    /// Rounds of a loop that polls.
    round: u64,
    #[expect(clippy::vec_box, reason = "a box travels to the application and back")]
    pool: Vec<Box<Exchange>>,
    scan: Scan,
    ages: Ages,
    /// The number of the last request.
    last_id: u64,
    /// Where to look for a free entry of the scoreboard.
    next_entry: usize,
    pub(crate) drain: Drain,
    draining: Arc<AtomicBool>,
    pub(crate) notices: Notices,
    log: Writer,
    board: Arc<Scoreboard>,
    slot: usize,
    pub(crate) now_ns: u64,
    /// When to look at the parent process and the listeners again.
    look_ms: u64,
    pub(crate) news: News,
    websockets: WebSockets,
}

/// What has happened that threads of the application want to know.
#[derive(Default)]
pub(crate) struct News {
    /// A signal handler has written to the signal pipe.
    pub(crate) interrupted: bool,
    /// There is more room in an output queue, for which a thread may wait.
    pub(crate) room: bool,
    /// Requests were found over their time.
    pub(crate) late: bool,
    /// Requests whose clients send no more, of those whose disconnect is to be reported.
    pub(crate) disconnected: Vec<RequestKey>,
    /// Requests with more of a body that was asked for in vain, or without a hope of it.
    pub(crate) bodies: Vec<RequestKey>,
    /// WebSocket connections with a message, or an end, that was asked for in vain.
    pub(crate) messages: Vec<RequestKey>,
}

impl News {
    /// A connection has gone: what waits for something of it waits in vain.
    fn of_lost(&mut self, serving: &Serving, token: Token) {
        if serving.reports_disconnect {
            self.disconnected.push(serving.key(token));
        }
        if serving.incoming.as_ref().is_some_and(|body| body.awaited) {
            self.bodies.push(serving.key(token));
        }
    }
}

impl Reactor {
    pub(crate) fn new(
        config: Config,
        listeners: &[RawFd],
        board: Arc<Scoreboard>,
        slot: usize,
    ) -> io::Result<Self> {
        heap::keep_its_top();
        let dispatch = config
            .handover
            .map(|(send, receive)| Handover::copy_of(send, receive))
            .transpose()?;
        let mut reactor = Self {
            ages: Ages::new(&config.limits),
            websockets: WebSockets::new(&config.websocket),
            securing: Securing::of(&config)?,
            addresses: Addresses::new(config.edge.per_address),
            config,
            poller: Arc::new(Poller::new()?),
            acceptor: Acceptor::new(listeners)?,
            dispatch: dispatch.map(Dispatch::new),
            conns: Slab::new(),
            events: Events::new(),
            next_event: 0,
            again: VecDeque::new(),
            writes: VecDeque::new(),
            batch: Batch::new(),
            sample: true,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            inbox: VecDeque::new(),
            waiting: Waiting::new(),
            round: 0,
            pool: vec![Box::default()],
            scan: Scan::new(),
            last_id: 0,
            next_entry: 0,
            drain: Drain::Serving,
            draining: Arc::default(),
            notices: Notices::default(),
            log: Writer::new(Arc::clone(&board), slot),
            board,
            slot,
            now_ns: clock::monotonic_ns(),
            look_ms: 0,
            news: News::default(),
        };
        if let Some(fd) = reactor.config.signal_fd {
            reactor.poller.add_pipe(fd, SIGNAL)?;
        }
        reactor.resume_accepting();
        Ok(reactor)
    }

    pub(crate) fn poller(&self) -> Arc<Poller> {
        Arc::clone(&self.poller)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ns / 1_000_000
    }

    /// The same for what an application asks for: the last wait may be long ago.
    fn fresh_ms(&self) -> u64 {
        self.now_ns.max(clock::coarse_monotonic_ns()) / 1_000_000
    }

    /// Takes over the events of a wait. Those of the last one must be processed.
    pub(crate) fn harvest(&mut self, events: &mut Events) {
        self.now_ns = clock::monotonic_ns();
        self.sample = true;
        if self.next_event >= self.events.len() {
            std::mem::swap(&mut self.events, events);
            self.next_event = 0;
            return;
        }
        // Two drivers changed places: the other's events are dealt with at once.
        for index in 0..events.len() {
            if let Some(ready) = events.get(index) {
                self.on_ready(ready);
            }
        }
        events.clear();
    }

    /// Processes events until so many requests are complete, or no event is left.
    #[inline]
    pub(crate) fn process(&mut self, enough: usize) {
        while let Some(ready) = self.events.get(self.next_event) {
            self.next_event += 1;
            self.on_ready(ready);
            if self.inbox.len() >= enough {
                return;
            }
        }
        for _ in 0..self.again.len() {
            if let Some(token) = self.again.pop_front() {
                self.read(token);
            }
            if self.inbox.len() >= enough {
                return;
            }
        }
        self.go_on_writing();
    }

    /// Writes to a few connections that have room again.
    fn go_on_writing(&mut self) {
        for _ in 0..WRITES {
            let Some(token) = self.writes.pop_front() else {
                return;
            };
            if let Some(conn) = self.conns.get_mut(token) {
                conn.write_due = false;
                self.flush(token);
            }
        }
    }

    /// Nothing is left to process: write what was held back, look at the clock.
    pub(crate) fn end_turn(&mut self) {
        self.flush_output();
        if self.log.due(self.now_ns) {
            self.flush_log();
        }
        let now_ms = self.now_ms();
        if self.scan.due(now_ms) {
            self.expire(now_ms);
        }
        self.check_ages();
        self.check_waiting();
        if now_ms >= self.look_ms {
            self.look_ms = now_ms + LOOK_MS;
            self.check_parent();
            self.poll_listeners();
            self.renew_certificates();
            self.config.body.trim();
        }
        self.end_rest(now_ms);
        if !self.drain.serving() {
            self.check_drained(now_ms);
        }
    }

    /// How long the next wait may be, in ms.
    pub(crate) fn wait_ms(&self) -> u64 {
        if !self.again.is_empty() || !self.writes.is_empty() {
            return 0;
        }
        let now_ms = self.now_ms();
        let mut wait = self
            .scan
            .wait_ms(now_ms)
            .unwrap_or(u64::MAX)
            .min(self.config.beat_ms);
        if let Some(look) = self.ages.check.wait_ms(now_ms) {
            wait = wait.min(look);
        }
        if let Some(look) = self.waiting_ms() {
            wait = wait.min(look);
        }
        if let Some(write) = self.log.wait_ms(self.now_ns) {
            wait = wait.min(write);
        }
        if let Some(rest) = self.acceptor.rest_ms(now_ms) {
            wait = wait.min(rest);
        }
        if let Some(rest) = self.taking_rests_ms(now_ms) {
            wait = wait.min(rest);
        }
        match self.drain {
            Drain::Draining(deadline) => wait.min(deadline.saturating_sub(now_ms)),
            Drain::Serving | Drain::Stopped => wait,
        }
    }

    /// What this worker counts.
    #[inline]
    fn tally(&self) -> &Tally {
        self.board.tally(self.slot)
    }

    /// A sign of life.
    pub(crate) fn beat(&self) {
        self.board.beat(self.slot, self.now_ms());
    }

    /// Tells the master, once, why this worker should be replaced; false: there is no master.
    pub(crate) fn ask_to_retire(&self, cause: RetireCause) -> bool {
        let Some(master_fd) = self.config.master_fd else {
            return false;
        };
        if self.board.retire(self.slot, cause as u64) {
            wake_master(master_fd);
        }
        true
    }

    /// The flag that says whether a stop was asked for.
    pub(crate) fn draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    /// A worker without its master would serve old code for ever.
    fn check_parent(&mut self) {
        // SAFETY: getppid has no preconditions and cannot fail.
        let parent = unsafe { libc::getppid() }.unsigned_abs();
        if self.config.parent != 0 && parent != self.config.parent && self.drain.serving() {
            let text = format!("Parent changed, shutting down: pid {}", std::process::id());
            self.notices.push(Level::Warning, text);
            self.stop(self.now_ms() + self.config.grace_ms);
        }
    }

    fn on_ready(&mut self, ready: Ready) {
        if ready.data == WAKE {
            self.poller.acknowledge();
        } else if ready.data == SIGNAL {
            self.news.interrupted = true;
            self.on_signals();
        } else if ready.data == HANDOVER {
            // It was taken out of the poller, if this event is an older one.
            if self.takes_over() {
                self.take_over();
            }
        } else if ready.data >= LISTENER {
            #[expect(clippy::cast_possible_truncation, reason = "a listener's index")]
            self.accept((ready.data - LISTENER) as usize);
        } else {
            self.on_stream(Token::from_bits(ready.data), ready);
        }
    }

    #[inline]
    fn on_stream(&mut self, token: Token, ready: Ready) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        conn.ended |= ready.ended || ready.hangup;
        if ready.hangup && !conn.is_tunnel() {
            self.remove(token);
            return;
        }
        // Through a tunnel comes what its client has sent before it went.
        let readable = ready.readable || ready.hangup;
        conn.readable |= readable;
        if ready.writable && conn.wants_write() && !conn.held_back && !conn.write_due {
            conn.write_due = true;
            self.writes.push_back(token);
        }
        let ended = conn.serving.reports_disconnect && conn.ended;
        let key = conn.serving.key(token);
        if readable {
            self.read(token);
        }
        if ended {
            self.check_for_end(key);
        }
    }

    pub(crate) fn recycle(&mut self, mut exchange: Box<Exchange>) {
        const KEPT: usize = 64;
        let begun = std::mem::take(&mut exchange.begun);
        if let Some(entry) = exchange.entry.take().filter(|_| !begun) {
            self.board.forget(self.slot, entry);
        }
        if self.pool.len() < KEPT {
            exchange.recycle();
            self.pool.push(exchange);
        }
    }
}

/// One byte for the master, which looks at the scoreboard then. A full pipe wakes it as well, and
/// without a master there is none to be woken.
fn wake_master(master_fd: RawFd) {
    // SAFETY: one readable byte; the pipe does not block.
    unsafe { libc::write(master_fd, [0u8].as_ptr().cast(), 1) };
}

#[cfg(test)]
mod tests;
