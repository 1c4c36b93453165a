//! The baton: the right to turn the reactor. One thread has it at a time, the driver.
//!
//! An application thread that wants work takes the baton and turns the reactor itself; the first
//! request that becomes ready is run right there. While the thread is inside the application the
//! baton lies on the table, and an alarm is set, which each request that is taken afterwards puts
//! off. If it goes off, the [`standin`] thread makes a turn, and after some milliseconds it picks
//! the baton up: it goes on accepting, reading, writing and timing out, and puts complete requests
//! into the inbox. The next application thread that wants work takes the baton back. [`driver`] has
//! all of this as a table.
//!
//! The mutex protects the reactor's state and the baton; no thread waits for readiness, or for
//! Python, while holding it.

mod answering;
mod driver;
mod forked;
#[cfg(test)]
mod model;
mod polled;
mod sharing;
mod standin;
mod state;
mod taking;
#[cfg(test)]
mod tests;
mod websocket;

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::access_log::unserved::LogUnserved;
use crate::clock;
use crate::config::Config;
use crate::drain::Drain;
use crate::exchange::Exchange;
use crate::notice::Notice;
use crate::poll::{Alarm, Poller, Waker};
use crate::reactor::Reactor;
pub use crate::reactor::{Block, Room, Tail};
use crate::scoreboard::{RetireCause, Scoreboard};
use driver::{Driver, IDLE_NS, QUIET_NS, SLOW_NS};
pub use polled::{Taking, TurnOutcome};
use state::State;

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

/// The reactor with its drivers.
pub struct Loop {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    poller: Arc<Poller>,
    /// Calls the stand-in when the application has given no sign for some time.
    alarm: Alarm,
    /// Calls the stand-in back from the poller.
    waker: Waker,
    closing: AtomicBool,
    /// A stop was asked for; read for each response.
    draining: Arc<AtomicBool>,
    /// Threads that wait for room were woken, for tests to see.
    #[cfg(test)]
    room_told: AtomicBool,
    /// Threads that were woken for work, for tests to see.
    #[cfg(test)]
    woken: std::sync::atomic::AtomicUsize,
}

impl Loop {
    /// Makes a reactor on copies of `listeners` (after the fork: it starts the stand-in thread).
    pub fn start(
        config: Config,
        listeners: &[RawFd],
        board: Arc<Scoreboard>,
        slot: usize,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let baton = Arc::new(Self::new(Reactor::new(config, listeners, board, slot)?)?);
        let handle = standin::spawn(Arc::clone(&baton))?;
        Ok((baton, handle))
    }

    pub(crate) fn new(reactor: Reactor) -> io::Result<Self> {
        Ok(Self {
            poller: reactor.poller(),
            draining: reactor.draining(),
            state: Mutex::new(State::new(reactor)),
            work: Condvar::new(),
            room: Condvar::new(),
            alarm: Alarm::new()?,
            waker: Waker::new()?,
            closing: AtomicBool::new(false),
            #[cfg(test)]
            room_told: AtomicBool::new(false),
            #[cfg(test)]
            woken: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    /// Where access log lines go from now on.
    pub fn set_log(&self, fd: Option<RawFd>) {
        self.lock().reactor.set_log(fd);
    }

    /// What makes access log lines of requests that are answered without the application.
    pub fn log_unserved(&self, log: Arc<dyn LogUnserved>) {
        self.lock().reactor.log_unserved(log);
    }

    /// Stops gracefully within `grace_ms`.
    pub fn stop(&self, grace_ms: u64) {
        let mut state = self.lock();
        state
            .reactor
            .stop(clock::monotonic_ms().saturating_add(grace_ms));
        self.tell_of_messages(&mut state);
        self.work.notify_all();
        self.poller.wake();
        self.waker.wake();
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

    /// Whether a stop was asked for.
    #[inline]
    pub fn stopping(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends the stand-in thread, writes what is held back and answers requests 503 that no thread has
    /// begun; the reactor is not used afterwards. What is left to be told comes back.
    pub fn close(&self) -> Vec<Notice> {
        self.closing.store(true, Ordering::SeqCst);
        let mut state = self.lock();
        state.reactor.flush_output();
        state.reactor.flush_log();
        state.reactor.give_up();
        self.tell_of_messages(&mut state);
        let notices = state.reactor.notices.take();
        drop(state);
        self.waker.wake();
        notices
    }

    /// Makes `me` the driver unless another application thread is with the reactor.
    #[inline]
    fn grab(&self, state: &mut State, me: u32) -> bool {
        let Some(driver) = state.driver.taken_by(me) else {
            return false;
        };
        if state.driver == Driver::StandIn {
            self.waker.wake();
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
        if !state.driver.in_application() {
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
            state.pulse.begin(now_ns, state.used_ns);
        }
        state.alarm_ns = at_ns;
        self.alarm.set(at_ns, now_ns);
    }

    fn end_turn(&self, state: &mut State, alive: bool) {
        state.reactor.end_turn();
        if alive {
            state.reactor.beat();
        }
        if state.reactor.news.room {
            self.tell_of_room(state);
        }
        if !state.polled && !state.reactor.news.messages.is_empty() {
            self.tell_of_messages(state);
        }
        if state.reactor.drain == Drain::Stopped {
            self.work.notify_all();
            if state.polling {
                self.poller.wake();
            }
        }
    }

    /// Wakes one application thread that waits for work.
    fn wake_one(&self) {
        #[cfg(test)]
        self.woken.fetch_add(1, Ordering::SeqCst);
        self.work.notify_one();
    }

    fn tell_of_room(&self, state: &mut State) {
        if state.polled {
            // The next `turn` tells of it.
            return;
        }
        state.reactor.news.room = false;
        if state.waiting_for_room > 0 {
            #[cfg(test)]
            self.room_told.store(true, Ordering::SeqCst);
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
