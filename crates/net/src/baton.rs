//! The baton: who turns the reactor. One driver at a time.
//!
//! An application thread that wants work takes the baton and turns the reactor itself; the first
//! request that becomes ready is run right there. While the thread is inside the application the
//! baton lies on the table, and an alarm is set, which each request that is taken afterwards puts
//! off. If it goes off, the [`standin`] thread lends a hand, and after some milliseconds it picks
//! the baton up: it goes on accepting, reading, writing and timing out, and puts complete requests
//! into the inbox. The next application thread that wants work takes the baton back. [`driver`] has
//! all of this as a table.
//!
//! The mutex protects the reactor's state and the baton; no thread waits for readiness, or for
//! Python, while holding it.

mod driver;
mod forked;
mod polled;
mod sharing;
mod standin;

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::clock;
use crate::config::Config;
use crate::drain::Drain;
use crate::exchange::{Exchange, Token};
use crate::notice::Notice;
use crate::output::{FilePart, Shared};
use crate::poll::{Alarm, Bell, Events, Poller};
use crate::reactor::{BATCH, Reactor};
pub use crate::reactor::{Block, Room, Tail};
use crate::scoreboard::{RetireCause, Scoreboard};
use driver::{Driver, IDLE_NS, QUIET_NS, SLOW_NS};
pub use polled::Drained;
use sharing::{Load, Sharing};

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

struct State {
    reactor: Reactor,
    driver: Driver,
    /// Grows with each request that is taken and each return from the application.
    steps: u64,
    /// When the alarm goes off; 0: it is not set.
    alarm_ns: u64,
    /// `steps` when the alarm of a loop that polls was set.
    alarm_steps: u64,
    /// The last time that a request was taken while the alarm was set.
    taken_ns: u64,
    /// When the alarm was set, and the processor time that the process had used by then.
    set_ns: u64,
    used_ns: u64,
    /// Requests that application threads have taken.
    taken: u64,
    /// Whether application threads share the requests that are ready.
    sharing: Sharing,
    /// A request that runs alone, to see whether its thread waits.
    watched: Option<Watched>,
    /// Blocks of a response were held back since the stand-in last looked.
    streams: bool,
    /// Application threads that wait for work without driving.
    idle: usize,
    /// Application threads that wait for room without driving.
    waiting_for_room: usize,
    /// An application thread is blocked in the poller.
    polling: bool,
    /// Another loop polls.
    polled: bool,
    /// Requests with the application now.
    running: usize,
    /// Event buffers for the next waits.
    buffers: Vec<Events>,
}

/// What is known of a request that runs alone when it begins.
struct Watched {
    thread: u32,
    /// [`State::taken`] with it: it has grown if the request did not stay alone.
    taken: u64,
    /// How often the thread had waited.
    waits: u64,
}

/// The reactor with its drivers.
pub struct Loop {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    poller: Arc<Poller>,
    /// Calls the stand-in when the application has given no sign for some time.
    alarm: Alarm,
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
                steps: 0,
                alarm_ns: 0,
                alarm_steps: 0,
                taken_ns: 0,
                set_ns: 0,
                used_ns: 0,
                taken: 0,
                sharing: Sharing::default(),
                watched: None,
                streams: false,
                idle: 0,
                waiting_for_room: 0,
                polling: false,
                polled,
                running: 0,
                buffers: Vec::new(),
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            alarm: Alarm::new()?,
            bell: Bell::new()?,
            closing: AtomicBool::new(false),
            draining,
        });
        let handle = standin::spawn(Arc::clone(&looped))?;
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
        if state.driver == Driver::StandIn {
            // Each of its turns costs a hand-over; that of the thread that runs the requests does not.
            self.grab(state, me);
        }
        if self.spares(state, me) {
            return None;
        }
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
        let now_ns = match exchange.started_ns {
            0 => state.reactor.now_ns,
            started_ns => started_ns,
        };
        state.running += 1;
        state.taken += 1;
        if state.reactor.config.threads > 1 {
            self.share_or_watch(state, me, now_ns);
        }
        self.depart(state, me, now_ns);
        Some(exchange)
    }

    /// Thread `me` has taken a request: another thread is called for the next ones if the application
    /// waits; if that is not known, this request may show it.
    fn share_or_watch(&self, state: &mut State, me: u32, now_ns: u64) {
        if !state.sharing.is_off(now_ns) {
            if state.idle > 0 {
                self.work.notify_one();
            }
        } else if state.running == 1
            && !state.reactor.quick()
            && state.sharing.looks_at(state.taken)
        {
            state.watched = Some(Watched {
                thread: me,
                taken: state.taken,
                waits: crate::thread::waits(),
            });
        }
    }

    /// Whether thread `me`, which wants work, is to sleep, because the driver is inside an application
    /// that computes: one thread at a time can, and the driver comes back for what is ready.
    fn spares(&self, state: &mut State, me: u32) -> bool {
        let away = state.driver.is_away() && !state.driver.is(me);
        if !away || !state.reactor.drain.serving() {
            return false;
        }
        let now_ns = clock::monotonic_ns();
        if state.sharing.others_work(now_ns) {
            return false;
        }
        if state.alarm_ns > now_ns + IDLE_NS {
            self.set_alarm(state, now_ns + IDLE_NS, now_ns);
        }
        true
    }

    /// Waits until there may be something to take; false when a signal came.
    fn wait_for_work(&self, me: u32) -> bool {
        let mut state = self.lock();
        loop {
            let reactor = &state.reactor;
            let told = !reactor.notices.is_empty()
                || reactor.interrupted
                || reactor.drain == Drain::Stopped;
            let spared = !told && self.spares(&mut state, me);
            if told || !spared && !state.reactor.inbox.is_empty() {
                // The interpreter lock is still to be had: others may drive meanwhile.
                self.step_back(&mut state, me);
                return true;
            }
            if !spared && self.grab(&mut state, me) {
                let (back, calm) = self.drive_once(state, false);
                state = back;
                if !calm {
                    self.step_back(&mut state, me);
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
                    self.step_back(&mut state, me);
                    return Some(room);
                }
                if self.grab(&mut state, me) {
                    let (back, calm) = self.drive_once(state, true);
                    state = back;
                    if !calm {
                        self.step_back(&mut state, me);
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
        state.reactor.may_hold |= state.polled && state.driver.is(me);
        // First: whoever has an answer can rely on its line, even if this process is killed now.
        if let Some(line) = line {
            state.reactor.log_line(line);
        }
        state.reactor.finish(exchange, tail, keep);
        state.ended(me);
        if state.reactor.room_made {
            self.tell_of_room(&mut state);
        }
    }

    /// A response that nobody can be given: the exchange was taken over or its client has gone.
    pub fn discard(&self, me: u32, exchange: Box<Exchange>) {
        let mut state = self.lock();
        state.reactor.discard(exchange);
        state.ended(me);
    }

    /// A part of a response: the encoded `head`, unless that was given before, then a block.
    pub fn stream<S: Shared + 'static>(
        &self,
        me: u32,
        token: Token,
        head: &[u8],
        block: Block<'_, S>,
    ) -> Room {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        let room = state.reactor.stream(token, head, block);
        self.held_back(&mut state);
        room
    }

    /// An interim response, ahead of the response itself.
    pub fn interim(&self, me: u32, token: Token, bytes: &[u8]) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.interim(token, bytes);
        self.held_back(&mut state);
    }

    /// A part of a file as a part of a response.
    pub fn stream_file(&self, me: u32, token: Token, part: FilePart) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.stream_file(token, part);
        self.held_back(&mut state);
    }

    /// The stand-in must write what was held back in time.
    #[inline]
    fn held_back(&self, state: &mut State) {
        let Some(since_ns) = state.reactor.dirty_since() else {
            return;
        };
        if !std::mem::replace(&mut state.streams, true) && state.alarm_ns > since_ns + QUIET_NS {
            self.set_alarm(state, since_ns + QUIET_NS, since_ns);
        }
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
        notices
    }

    /// Output may be held back only by the driver: it comes back to write it, or the stand-in sees
    /// that it does not. Another driver may be asleep in the poller, and would not know.
    #[inline]
    #[expect(clippy::unused_self, reason = "beside grab and depart")]
    fn let_hold(&self, state: &mut State, me: u32) {
        state.reactor.may_hold = state.driver.is(me) && !state.polled;
    }

    /// Makes `me` the driver unless another application thread is with the reactor.
    #[inline]
    fn grab(&self, state: &mut State, me: u32) -> bool {
        let Some(driver) = state.driver.taken_by(me) else {
            return false;
        };
        if state.driver == Driver::StandIn {
            self.bell.ring();
        }
        state.driver = driver;
        true
    }

    /// Thread `me` goes into the application with a request: if it has the baton, it puts that on
    /// the table. The alarm is set, or put off.
    #[inline]
    fn depart(&self, state: &mut State, me: u32, now_ns: u64) {
        state.driver = state.driver.left_by(me);
        if state.driver.is(me) {
            state.sharing.driver_is_back();
        }
        // A request that another thread takes meanwhile is a sign of the application too, as long as
        // its requests are fast ones: what waits is soon done, and then that thread drives.
        if state.driver.is(me) || state.reactor.fast() {
            state.steps += 1;
            self.put_off(state, now_ns);
        }
    }

    /// The same before it has a request, or when it has had no news.
    fn step_back(&self, state: &mut State, me: u32) {
        if state.driver.is(me) {
            let now_ns = state.reactor.now_ns;
            self.depart(state, me, now_ns);
        }
    }

    /// The application has given a sign: the alarm goes off after some time without another one. It
    /// is set anew only when half of that is over, so that fast requests do not pay for it.
    #[inline]
    fn put_off(&self, state: &mut State, now_ns: u64) {
        if state.polled {
            return self.wake_for_looks(state, now_ns);
        }
        if !state.driver.is_away() {
            return;
        }
        state.taken_ns = now_ns;
        let quiet_ns = if state.idle > 0 && !state.streams {
            IDLE_NS
        } else if state.reactor.may_gather() {
            // Responses may be held back meanwhile.
            QUIET_NS
        } else {
            SLOW_NS
        };
        if state.alarm_ns < now_ns + quiet_ns / 2 {
            self.set_alarm(state, now_ns + quiet_ns, now_ns);
        }
    }

    fn set_alarm(&self, state: &mut State, at_ns: u64, now_ns: u64) {
        if state.reactor.config.threads > 1 {
            state.set_ns = now_ns;
            state.used_ns = clock::processor_ns();
        }
        state.alarm_ns = at_ns;
        self.alarm.set(at_ns, now_ns);
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
        let soon = state.reactor.may_gather() && state.sharing.is_off(state.reactor.now_ns);
        let most = if soon { 1 } else { state.idle };
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

    /// What the process has done since the alarm was set.
    fn load(&self, now_ns: u64) -> Load {
        let used_ns = clock::processor_ns().saturating_sub(self.used_ns);
        Load::of(used_ns, now_ns.saturating_sub(self.set_ns))
    }

    /// The request of thread `me` has ended: if it was watched, and no other one ran beside it, it
    /// tells whether the application waits.
    fn note_wait(&mut self, me: u32) {
        if let Some(watched) = self.watched.take_if(|watched| watched.thread == me)
            && watched.taken == self.taken
        {
            let waited = crate::thread::waits() > watched.waits;
            self.sharing.saw(waited, clock::monotonic_ns());
        }
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
        if exchange.first || reactor.config.timed || !reactor.quick() {
            exchange.started_ns = clock::monotonic_ns();
        }
        Some(exchange)
    }
}
