//! The baton: who turns the reactor. One driver at a time.
//!
//! An application thread that wants work and finds none takes the baton and turns the reactor
//! itself; the first request that becomes ready is run right there. While it is inside the
//! application the baton lies on the table: `turn` is odd. A [`standin`] thread looks at `turn`
//! now and then; if it is odd and has not changed, it lends a hand, and after some milliseconds it
//! picks the baton up: it goes on accepting, reading, writing and timing out, and puts complete
//! requests into the inbox for other application threads, or for the same one when it comes back.
//!
//! The mutex protects the reactor's state; nobody waits for readiness while holding it, and nobody
//! who holds it ever waits for Python.

mod forked;
mod polled;
mod standin;

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};

use crate::clock;
use crate::config::Config;
use crate::drain::Drain;
use crate::exchange::{Exchange, Token};
use crate::notice::Notice;
use crate::output::{FilePart, Shared};
use crate::poll::{Bell, Events, Poller};
use crate::reactor::{BATCH, Reactor};
pub use crate::reactor::{Room, Tail};
use crate::scoreboard::{RetireCause, Scoreboard};
pub use polled::Drained;

/// How to wait: the engine lets the interpreter lock go meanwhile.
pub trait Blocking {
    /// Runs `wait`, which may take long.
    fn block<R: Send>(&self, wait: impl FnOnce() -> R + Send) -> R;
}

/// What an application thread gets for its asking.
pub enum Taken {
    /// A complete request.
    Exchange(Box<Exchange>),
    /// Something for the error log; ask again after logging it.
    Notices(Vec<Notice>),
    /// A signal came; ask again after seeing to it.
    Interrupted,
    /// There is no more work, ever.
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Nobody,
    Application(u32),
    StandIn,
}

struct State {
    reactor: Reactor,
    driver: Driver,
    /// Application threads that wait for work without driving.
    idle: usize,
    /// Application threads that wait for room without driving.
    waiting_for_room: usize,
    /// An application thread is blocked in the poller.
    polling: bool,
    /// Another loop polls: requests with the application now, and whether it was blocked.
    polled: bool,
    running: usize,
    /// Event buffers for the next waits.
    buffers: Vec<Events>,
}

/// The reactor with its drivers.
pub struct Loop {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    poller: Arc<Poller>,
    /// Odd: the driver is away. Changes with each departure and return.
    turn: AtomicU64,
    standin: OnceLock<Thread>,
    standin_asleep: AtomicBool,
    /// Calls the stand-in back from the poller.
    bell: Bell,
    closing: AtomicBool,
    /// A stop was asked for; read for each response.
    draining: Arc<AtomicBool>,
}

impl Loop {
    /// Makes a reactor on copies of `listeners` (after the fork: it starts the stand-in thread).
    pub fn start(
        config: Config,
        listeners: &[RawFd],
        board: Arc<Scoreboard>,
        slot: usize,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let polled = config.polled;
        let reactor = Reactor::new(config, listeners, board, slot)?;
        let draining = reactor.draining();
        let looped = Arc::new(Self {
            poller: reactor.poller(),
            state: Mutex::new(State {
                reactor,
                driver: Driver::Nobody,
                idle: 0,
                waiting_for_room: 0,
                polling: false,
                polled,
                running: 0,
                buffers: Vec::new(),
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            turn: AtomicU64::new(0),
            standin: OnceLock::new(),
            standin_asleep: AtomicBool::new(false),
            bell: Bell::new()?,
            closing: AtomicBool::new(false),
            draining,
        });
        let handle = standin::spawn(Arc::clone(&looped))?;
        // Set once, here.
        drop(looped.standin.set(handle.thread().clone()));
        Ok((looped, handle))
    }

    /// The next complete request for application thread `me`.
    #[inline]
    pub fn take(&self, me: u32, blocking: &impl Blocking) -> Taken {
        loop {
            let mut state = self.lock();
            if let Some(taken) = self.take_now(&mut state, me) {
                return taken;
            }
            drop(state);
            if !blocking.block(|| self.wait_for_work(me)) {
                return Taken::Interrupted;
            }
        }
    }

    /// What can be had without waiting: from the inbox, or by turning the reactor.
    #[inline]
    fn take_now(&self, state: &mut State, me: u32) -> Option<Taken> {
        if !state.reactor.notices.is_empty() {
            return Some(Taken::Notices(state.reactor.notices.take()));
        }
        if std::mem::take(&mut state.reactor.interrupted) {
            return Some(Taken::Interrupted);
        }
        state.reactor.thread_is_back();
        state.reactor.flush_overdue();
        if let Some(exchange) = self.pop(state, me) {
            return Some(Taken::Exchange(exchange));
        }
        if state.reactor.drain == Drain::Stopped {
            return Some(Taken::Stopped);
        }
        if !self.grab(state, me) {
            return None;
        }
        state.reactor.process(BATCH);
        if let Some(exchange) = self.pop(state, me) {
            return Some(Taken::Exchange(exchange));
        }
        self.end_turn(state, true);
        (state.reactor.drain == Drain::Stopped).then_some(Taken::Stopped)
    }

    /// Takes the oldest complete request, and leaves with it.
    #[inline]
    fn pop(&self, state: &mut State, me: u32) -> Option<Box<Exchange>> {
        state.reactor.mind_those_outside();
        let exchange = state.next_request()?;
        self.depart(state, me);
        self.show_progress(state, me);
        Some(exchange)
    }

    /// Waits until there may be something to take; false when a signal came.
    fn wait_for_work(&self, me: u32) -> bool {
        let mut state = self.lock();
        loop {
            let reactor = &state.reactor;
            if !reactor.inbox.is_empty()
                || !reactor.notices.is_empty()
                || reactor.interrupted
                || reactor.drain == Drain::Stopped
            {
                // The interpreter lock is still to be had: others may drive meanwhile.
                self.depart(&state, me);
                return true;
            }
            if self.grab(&mut state, me) {
                let (back, calm) = self.drive_once(state, false);
                state = back;
                if !calm {
                    self.depart(&state, me);
                    return false;
                }
            } else {
                state.idle += 1;
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    /// Waits until the client of `token` has read on. `None`: a signal came, ask again.
    pub fn wait_for_room(&self, me: u32, token: Token, blocking: &impl Blocking) -> Option<Room> {
        blocking.block(|| {
            let mut state = self.lock();
            loop {
                if let Some(room) = state.reactor.room(token) {
                    self.depart(&state, me);
                    return Some(room);
                }
                if self.grab(&mut state, me) {
                    let (back, calm) = self.drive_once(state, true);
                    state = back;
                    if !calm {
                        self.depart(&state, me);
                        return None;
                    }
                } else {
                    state.waiting_for_room += 1;
                    state = self
                        .room
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                    state.waiting_for_room -= 1;
                }
            }
        })
    }

    /// One turn with a wait in it; false when a signal interrupted the wait.
    fn drive_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        all: bool,
    ) -> (MutexGuard<'a, State>, bool) {
        let mut events = state.buffers.pop().unwrap_or_else(Events::new);
        let free = !all || state.idle > 0;
        state.reactor.mind_the_door(free);
        let wait_ms = if all {
            state.wait_ms()
        } else {
            state.reactor.wait_ms()
        };
        state.polling = true;
        drop(state);
        let waited = self.poller.wait(&mut events, Some(wait_ms));
        let mut state = self.lock();
        state.polling = false;
        state.reactor.harvest(&mut events);
        state.buffers.push(events);
        state.reactor.process(if all { usize::MAX } else { BATCH });
        if all || state.reactor.inbox.is_empty() {
            self.end_turn(&mut state, true);
        }
        if all {
            self.hand_out(&mut state);
        }
        let interrupted =
            matches!(&waited, Err(error) if error.kind() == io::ErrorKind::Interrupted);
        (state, !interrupted)
    }

    /// A response is complete; `line` goes to the access log.
    #[inline]
    pub fn finish<S: Shared + 'static>(
        &self,
        me: u32,
        exchange: Box<Exchange>,
        tail: Tail<S>,
        keep: bool,
        line: Option<&[u8]>,
    ) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        // A loop that polls asks for the next request then, or turns.
        state.reactor.may_hold |= state.polled && state.driver == Driver::Application(me);
        // First: whoever has an answer can rely on its line, even if this process is killed now.
        if let Some(line) = line {
            state.reactor.log_line(line);
        }
        state.reactor.finish(exchange, tail, keep);
        self.ended(&mut state, me);
        if state.reactor.room_made {
            self.tell_of_room(&mut state);
        }
    }

    /// A response that nobody can be given: the exchange was taken over or its client has gone.
    pub fn discard(&self, me: u32, exchange: Box<Exchange>) {
        let mut state = self.lock();
        state.reactor.discard(exchange);
        self.ended(&mut state, me);
    }

    /// A part of a response: encoded `bytes`, then `shared`, then `after`.
    pub fn stream<S: Shared + 'static>(
        &self,
        me: u32,
        token: Token,
        bytes: &[u8],
        shared: Option<S>,
        after: &[u8],
    ) -> Room {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.stream(token, bytes, shared, after)
    }

    /// An interim response, ahead of the response itself.
    pub fn interim(&self, me: u32, token: Token, bytes: &[u8]) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.interim(token, bytes);
    }

    /// A part of a file as a part of a response.
    pub fn stream_file(&self, me: u32, token: Token, part: FilePart) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.stream_file(token, part);
    }

    /// Gives the socket of an exchange away, with the bytes read beyond the request, and those of
    /// earlier responses that the client has not read yet.
    pub fn detach(&self, token: Token) -> Option<(OwnedFd, Vec<u8>, io::Result<Vec<u8>>)> {
        let mut state = self.lock();
        state.reactor.flush_held();
        state.reactor.flush_dirty();
        state.reactor.detach(token)
    }

    /// Where access log lines go from now on.
    pub fn set_log(&self, fd: Option<RawFd>) {
        self.lock().reactor.set_log(fd);
    }

    /// Stops gracefully within `grace_ms`.
    pub fn stop(&self, grace_ms: u64) {
        let mut state = self.lock();
        state
            .reactor
            .stop(clock::monotonic_ms().saturating_add(grace_ms));
        self.work.notify_all();
        self.poller.wake();
        self.bell.ring();
    }

    /// Tells the master why this worker should be replaced; false: there is no master.
    pub fn ask_to_retire(&self, cause: RetireCause) -> bool {
        self.lock().reactor.ask_to_retire(cause)
    }

    /// Answers 504 for every request that is with the application, because the process is about to
    /// end in the middle of them.
    pub fn abort(&self) {
        self.lock().reactor.abort();
    }

    /// Accepts nobody any more, because the process is about to end.
    pub fn rest(&self) {
        self.lock().reactor.rest();
    }

    /// Whether a response must announce the end of its connection.
    #[inline]
    pub fn last_answer(&self, token: Option<Token>) -> bool {
        self.stopping() && token.is_none_or(|token| self.lock().reactor.last_answer(token))
    }

    /// Whether a stop was asked for.
    #[inline]
    pub fn stopping(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends the stand-in thread, writes what is held back and sends requests back that nobody has
    /// begun; the reactor is not used afterwards. What is left to be told comes back.
    pub fn close(&self) -> Vec<Notice> {
        self.closing.store(true, Ordering::SeqCst);
        let mut state = self.lock();
        state.reactor.flush_held();
        state.reactor.flush_dirty();
        state.reactor.flush_log();
        state.reactor.give_up();
        let notices = state.reactor.notices.take();
        drop(state);
        self.bell.ring();
        if let Some(thread) = self.standin.get() {
            thread.unpark();
        }
        notices
    }

    /// Output may be held back only by the driver: it comes back to write it, or the stand-in sees
    /// that it does not. Another driver may be asleep in the poller, and would not know.
    #[inline]
    #[expect(clippy::unused_self, reason = "beside grab and depart")]
    fn let_hold(&self, state: &mut State, me: u32) {
        state.reactor.may_hold = state.driver == Driver::Application(me) && !state.polled;
    }

    /// Makes `me` the driver if the baton is to be had: on the table, or with the stand-in.
    #[inline]
    fn grab(&self, state: &mut State, me: u32) -> bool {
        let turn = self.turn.load(Ordering::Relaxed);
        match state.driver {
            Driver::Application(other) if other != me && !away(turn) => return false,
            Driver::StandIn => self.bell.ring(),
            Driver::Application(_) | Driver::Nobody => {}
        }
        state.driver = Driver::Application(me);
        if away(turn) {
            self.turn.store(turn + 1, Ordering::Release);
        }
        true
    }

    /// Puts the baton on the table if `me` has it.
    #[inline]
    fn depart(&self, state: &State, me: u32) {
        if state.driver != Driver::Application(me) {
            return;
        }
        let turn = self.turn.load(Ordering::Relaxed);
        if away(turn) {
            // With the next request of a batch: a sign that the last one is done.
            self.turn.store(turn + 2, Ordering::Relaxed);
        } else {
            // Ordered before the look at the stand-in, which looks the other way round.
            self.turn.store(turn + 1, Ordering::SeqCst);
            if self.standin_asleep.load(Ordering::SeqCst)
                && let Some(thread) = self.standin.get()
            {
                thread.unpark();
            }
        }
    }

    /// The driver is away, and another thread goes on with what was read: as long as the requests
    /// are fast ones, the stand-in need not wake more threads. What is waiting is soon done, and
    /// then this thread drives.
    #[inline]
    fn show_progress(&self, state: &State, me: u32) {
        let turn = self.turn.load(Ordering::Relaxed);
        if away(turn) && state.driver != Driver::Application(me) && state.reactor.fast() {
            self.turn.store(turn + 2, Ordering::Relaxed);
        }
    }

    fn end_turn(&self, state: &mut State, alive: bool) {
        state.reactor.end_turn();
        if alive {
            state.reactor.beat();
        }
        if state.reactor.room_made {
            self.tell_of_room(state);
        }
        if state.reactor.drain == Drain::Stopped {
            self.work.notify_all();
            if state.polling {
                self.poller.wake();
            }
        }
    }

    /// Wakes application threads for what is in the inbox: one if it will be done with all of it
    /// before the others have had the interpreter lock, and they would only take it from each other.
    fn hand_out(&self, state: &mut State) {
        let ready = state.reactor.inbox.len() + usize::from(!state.reactor.notices.is_empty());
        let most = if state.reactor.fast() { 1 } else { state.idle };
        for _ in 0..ready.min(state.idle).min(most) {
            self.work.notify_one();
        }
        if ready > 0 && (state.polling || state.polled) {
            self.poller.wake();
        }
    }

    fn tell_of_room(&self, state: &mut State) {
        if state.polled {
            // The next `drain` tells of it.
            return;
        }
        state.reactor.room_made = false;
        if state.waiting_for_room > 0 {
            self.room.notify_all();
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere has failed one exchange; the reactor's state is kept consistent by
        // its own steps, so the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long a driver that takes no requests itself may wait, in ms. Whoever was woken for those
    /// that are complete may have come upon a slow one: then another thread is to be woken.
    fn wait_ms(&self) -> u64 {
        if self.idle > 0 && !self.reactor.inbox.is_empty() {
            return 1;
        }
        self.reactor.wait_ms()
    }

    /// The oldest complete request, ready for the application.
    #[inline]
    fn next_request(&mut self) -> Option<Box<Exchange>> {
        let reactor = &mut self.reactor;
        let mut exchange = reactor.inbox.pop_front()?;
        if exchange.place.is_none() {
            // Too many waited when it was read; now there is room.
            reactor.name(&mut exchange);
        }
        exchange.first = std::mem::take(&mut reactor.sample);
        if exchange.first || reactor.config.timed {
            exchange.started_ns = clock::monotonic_ns();
        }
        Some(exchange)
    }
}

fn away(turn: u64) -> bool {
    turn & 1 == 1
}
