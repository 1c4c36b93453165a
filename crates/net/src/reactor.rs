//! The reactor: readiness in, exchanges out. One turn = poll, then for each event accept, read,
//! write; at its end what was held back is written and deadlines are looked at. It never blocks:
//! waiting is the baton's business.

mod accepting;
mod ages;
mod reading;
mod stopping;
mod watching;
mod writing;

pub(crate) use writing::BATCH;
pub use writing::{Block, Room, Tail};
use writing::{Held, Pace, busy};

use std::collections::VecDeque;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock;
use crate::config::Config;
use crate::conn::Conn;
use crate::drain::Drain;
use crate::exchange::{Exchange, Token};
use crate::lines::Lines;
use crate::listener::Listener;
use crate::notice::{Level, Notices};
use crate::overdue::Watch;
use crate::poll::{Events, LISTENER, Poller, Ready, SIGNAL, WAKE};
use crate::scoreboard::{RetireCause, Scoreboard};
use crate::slab::Slab;
use crate::tally::Tally;
use crate::timer::{Cause, Scan};

/// Bytes read at once; one buffer for all connections.
const SCRATCH: usize = 64 * 1024;
/// Time between two looks at the parent process and at the listeners, in ms.
const LOOK_MS: u64 = 1000;
/// Large writes between two looks for requests.
const WRITES: usize = 4;

/// All connections of one worker.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is used"
)]
pub(crate) struct Reactor {
    pub(crate) config: Config,
    poller: Arc<Poller>,
    listeners: Vec<Listener>,
    /// Listeners are watched. They are not while draining, at the limit, without descriptors, or
    /// with the door closed.
    accepting: bool,
    /// Clients may come in: somebody has time for them, or there is nobody else.
    door_open: bool,
    /// Requests taken by threads since the door was closed, or somebody came in all the same.
    served_inside: usize,
    /// When to try again after the descriptors ran out.
    accept_again_ms: u64,
    conns: Slab<Conn>,
    events: Events,
    next_event: usize,
    /// Connections to be read on, after others had their turn.
    again: VecDeque<Token>,
    /// Slow readers that have room again. A few at a time: each may take a large write, and requests
    /// go first.
    writes: VecDeque<Token>,
    /// Connections whose output is held back, and since when.
    dirty: Vec<Token>,
    dirty_since_ns: u64,
    /// Responses that wait for the others of their batch, and buffers for the next ones.
    held: Vec<Held>,
    held_since_ns: u64,
    buffers: Vec<Vec<u8>>,
    pace: Pace,
    /// Who writes now comes back soon: its output may wait for more.
    pub(crate) may_hold: bool,
    /// The next request to be taken has its time taken.
    pub(crate) sample: bool,
    scratch: Box<[u8]>,
    /// Complete requests that no thread has taken.
    pub(crate) inbox: VecDeque<Box<Exchange>>,
    #[expect(clippy::vec_box, reason = "a box travels to the application and back")]
    pool: Vec<Box<Exchange>>,
    scan: Scan,
    /// When to look at the ages of the requests with the application.
    watch: Watch,
    /// All threads of the application are with requests over their time: nobody would serve.
    abandoned: bool,
    /// The number of the last request.
    last_id: u64,
    /// Where to look for a free entry of the scoreboard.
    next_place: usize,
    pub(crate) drain: Drain,
    draining: Arc<AtomicBool>,
    pub(crate) notices: Notices,
    /// It was told that a stranger's forwarded headers were ignored: once is enough.
    told_of_stranger: bool,
    lines: Lines,
    board: Arc<Scoreboard>,
    slot: usize,
    pub(crate) now_ns: u64,
    /// A signal handler has written to the signal pipe.
    pub(crate) interrupted: bool,
    /// When to look at the parent process and the listeners again.
    look_ms: u64,
    /// Somebody may wait for room in an output queue, and there is more now.
    pub(crate) room_made: bool,
    /// Connections whose clients send no more, of those that are watched for it.
    pub(crate) ended: Vec<Token>,
    /// Requests were found over their time.
    pub(crate) late: bool,
}

impl Reactor {
    pub(crate) fn new(
        config: Config,
        listeners: &[RawFd],
        board: Arc<Scoreboard>,
        slot: usize,
    ) -> io::Result<Self> {
        let copies: io::Result<Vec<_>> = listeners
            .iter()
            .map(|&number| Listener::copy_of(number))
            .collect();
        let mut reactor = Self {
            watch: Watch::new(&config.limits),
            config,
            poller: Arc::new(Poller::new()?),
            listeners: copies?,
            accepting: false,
            door_open: true,
            served_inside: 0,
            accept_again_ms: u64::MAX,
            conns: Slab::new(),
            events: Events::new(),
            next_event: 0,
            again: VecDeque::new(),
            writes: VecDeque::new(),
            dirty: Vec::new(),
            dirty_since_ns: 0,
            held: Vec::new(),
            held_since_ns: 0,
            buffers: Vec::new(),
            pace: Pace::unknown(),
            may_hold: false,
            sample: true,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            inbox: VecDeque::new(),
            pool: vec![Box::default()],
            scan: Scan::new(),
            abandoned: false,
            last_id: 0,
            next_place: 0,
            drain: Drain::Serving,
            draining: Arc::default(),
            notices: Notices::default(),
            told_of_stranger: false,
            lines: Lines::new(Arc::clone(&board), slot),
            board,
            slot,
            now_ns: clock::monotonic_ns(),
            interrupted: false,
            look_ms: 0,
            room_made: false,
            ended: Vec::new(),
            late: false,
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

    /// Writes to a few of those who have room again.
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
        if self.lines.due(self.now_ns) {
            self.flush_log();
        }
        let now_ms = self.now_ms();
        if self.scan.due(now_ms) {
            self.expire(now_ms);
        }
        self.look_at_ages();
        if now_ms >= self.look_ms {
            self.look_ms = now_ms + LOOK_MS;
            self.look_at_parent();
            self.look_at_the_door();
            self.config.body.trim();
        }
        if now_ms >= self.accept_again_ms {
            self.resume_accepting();
        }
        if !self.drain.serving() {
            self.look_at_the_end(now_ms);
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
        if let Some(look) = self.watch.wait_ms(now_ms) {
            wait = wait.min(look);
        }
        if let Some(write) = self.lines.wait_ms(self.now_ns) {
            wait = wait.min(write);
        }
        if self.accept_again_ms != u64::MAX {
            wait = wait.min(self.accept_again_ms.saturating_sub(now_ms));
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
        let Some(bell) = self.config.bell else {
            return false;
        };
        if self.board.retire(self.slot, cause as u64) {
            ring(bell);
        }
        true
    }

    /// The flag that says whether a stop was asked for.
    pub(crate) fn draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    /// A worker without its master would serve old code for ever.
    fn look_at_parent(&mut self) {
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
            self.interrupted = true;
            self.on_signals();
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
        conn.readable |= ready.readable;
        conn.ended |= ready.ended;
        if ready.hangup {
            self.remove(token);
            return;
        }
        if ready.writable && conn.wants_write() && !conn.dirty && !conn.write_due {
            conn.write_due = true;
            self.writes.push_back(token);
        }
        let ended = conn.watched && conn.ended;
        if ready.readable {
            self.read(token);
        }
        if ended {
            self.look_for_end(token);
        }
    }

    /// Watches a connection from now on; most short ones end before they need it.
    fn register(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.registered {
            return;
        }
        conn.registered = true;
        if let Err(error) = self.poller.add_stream(conn.stream.fd(), token.to_bits()) {
            self.notices
                .push(Level::Error, format!("Cannot watch a connection: {error}"));
            self.remove(token);
        }
    }

    /// Watches a connection for room to write, from the first time that it has none.
    fn watch_writing(&mut self, token: Token) {
        self.register(token);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if std::mem::replace(&mut conn.watched_for_room, true) {
            return;
        }
        let watched = self.poller.watch_writing(conn.stream.fd(), token.to_bits());
        if let Err(error) = watched {
            self.notices
                .push(Level::Error, format!("Cannot watch a connection: {error}"));
            self.remove(token);
        }
    }

    /// Closes a connection now. A response still to come will find nobody.
    fn remove(&mut self, token: Token) {
        let Some(conn) = self.conns.remove(token) else {
            return;
        };
        if conn.watched {
            self.ended.push(token);
        }
        self.room_made = true;
        self.board.set_connections(self.slot, self.conns.len());
        self.let_in();
    }

    /// Gives the socket away, with the bytes that were read and not consumed, and those that were not
    /// written yet. `None`: the connection has gone, or its transport cannot do without the reactor.
    pub(crate) fn detach(
        &mut self,
        token: Token,
    ) -> Option<(OwnedFd, Vec<u8>, io::Result<Vec<u8>>)> {
        if !busy(&mut self.conns, token)?.stream.can_be_detached() {
            return None;
        }
        let mut conn = self.conns.remove(token)?;
        if conn.registered
            && let Err(error) = self.poller.remove(conn.stream.fd())
        {
            self.notices.push(
                Level::Error,
                format!("Cannot release a connection: {error}"),
            );
        }
        self.board.set_connections(self.slot, self.conns.len());
        self.let_in();
        let input = conn.take_input();
        let unsent = conn.output.take_bytes();
        Some((conn.stream.into_fd(), input, unsent))
    }

    /// Ends what has waited too long.
    fn expire(&mut self, now_ms: u64) {
        let mut expired = Vec::new();
        for (token, conn) in self.conns.iter() {
            if conn.deadline.expired(now_ms) {
                expired.push((token, conn.deadline.cause, conn.idle()));
            } else {
                self.scan.note(conn.deadline);
            }
        }
        for (token, cause, idle) in expired {
            match cause {
                Cause::None => {}
                Cause::Body if self.goes_on(token, now_ms) => {}
                Cause::Header | Cause::Body if !idle => {
                    self.refuse(token, proto::Reject::RequestTimeout);
                }
                Cause::Write => {
                    self.notices.push(
                        Level::Warning,
                        "A client read nothing of its response for write_timeout; closed".into(),
                    );
                    self.remove(token);
                }
                Cause::Header | Cause::Body | Cause::KeepAlive => self.end_idle(token),
                Cause::Linger => self.remove(token),
            }
        }
    }

    /// Whether more of a body has come than the poller has told of (see `Conn::pace_wakes`).
    fn goes_on(&mut self, token: Token, now_ms: u64) -> bool {
        self.read(token);
        let conn = self.conns.get_mut(token);
        conn.is_none_or(|conn| !conn.in_body() || !conn.deadline.expired(now_ms))
    }

    /// Where native access log lines go; `None` nowhere.
    pub(crate) fn set_log(&mut self, fd: Option<RawFd>) {
        self.flush_log();
        let directed = self.lines.direct(fd, self.config.polled);
        self.tell_of_log(directed.err());
    }

    /// Adds a line to the access log.
    #[inline]
    pub(crate) fn log_line(&mut self, line: &[u8]) {
        let error = self.lines.add(line, self.now_ns);
        self.tell_of_log(error);
    }

    pub(crate) fn flush_log(&mut self) {
        let error = self.lines.write();
        self.tell_of_log(error);
    }

    #[inline]
    fn tell_of_log(&mut self, error: Option<io::Error>) {
        if let Some(error) = error {
            let text = format!("Cannot write the access log: {error}");
            self.notices.push(Level::Error, text);
        }
    }

    pub(crate) fn recycle(&mut self, mut exchange: Box<Exchange>) {
        const KEPT: usize = 64;
        let begun = std::mem::take(&mut exchange.begun);
        if let Some(place) = exchange.place.take().filter(|_| !begun) {
            self.board.forget(self.slot, place);
        }
        if self.pool.len() < KEPT {
            exchange.recycle();
            self.pool.push(exchange);
        }
    }
}

/// One byte for the master, which looks at the scoreboard then. A full pipe wakes it as well, and
/// without a master nobody is to be woken.
fn ring(bell: RawFd) {
    // SAFETY: one readable byte; the pipe does not block.
    unsafe { libc::write(bell, [0u8].as_ptr().cast(), 1) };
}

#[cfg(test)]
mod tests;
