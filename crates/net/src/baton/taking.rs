//! An application thread asks for work: what it gets at once, and how it waits for more.

use std::io;
use std::sync::{MutexGuard, PoisonError};

use super::driver::{Driver, IDLE_NS};
use super::state::{Probe, State};
use super::{Blocking, Loop, Taken};
use crate::clock;
use crate::drain::Drain;
use crate::exchange::{Exchange, RequestKey};
use crate::poll::Events;
use crate::reactor::{BATCH, Room};

/// How an application thread waits for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all: there may be something to take.
    Over,
    /// In the poller: it drives.
    Polling,
    /// Until it is woken: another thread drives.
    Asleep,
}

/// How an application thread waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoomWait {
    /// In the poller: it drives.
    Polling,
    /// Until it is woken: another thread drives.
    Asleep,
}

impl Loop {
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
    pub(super) fn take_now(&self, state: &mut State, me: u32) -> Option<Taken> {
        if !state.reactor.notices.is_empty() {
            return Some(Taken::Notices(state.reactor.notices.take()));
        }
        if std::mem::take(&mut state.reactor.news.interrupted) {
            return Some(Taken::Interrupted);
        }
        state.reactor.thread_is_back();
        state.reactor.flush_overdue();
        if state.driver == Driver::StandIn {
            // Each of its turns costs a hand-over; that of the thread that runs the requests does not.
            self.grab(state, me);
        }
        if self.leaves_to_driver(state, me) {
            return None;
        }
        if state.reactor.reading_is_due() && self.grab(state, me) {
            self.look(state);
            state.reactor.process(usize::MAX);
            self.end_turn(state, true);
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
        state.reactor.accept_between_rounds();
        let exchange = state.next_request()?;
        let now_ns = match exchange.started_ns {
            0 => state.reactor.now_ns,
            started_ns => started_ns,
        };
        state.running += 1;
        state.taken += 1;
        if state.reactor.config.threads > 1 {
            self.share_or_probe(state, me, now_ns);
        }
        self.depart(state, me, now_ns);
        Some(exchange)
    }

    /// Thread `me` has taken a request: another thread is called for the next ones if the application
    /// waits; if that is not known, this request may show it.
    fn share_or_probe(&self, state: &mut State, me: u32, now_ns: u64) {
        if !state.sharing.is_off(now_ns) {
            if state.idle > 0 {
                self.wake_one();
            }
        } else if state.running == 1
            && !state.reactor.quick()
            && state.sharing.looks_at(state.taken)
        {
            state.probe = Some(Probe {
                thread: me,
                taken: state.taken,
                waits: crate::thread::waits(),
            });
        }
    }

    /// Whether thread `me`, which wants work, is to sleep, because the driver is inside an application
    /// that computes: one thread at a time can, and the driver comes back for what is ready.
    pub(super) fn leaves_to_driver(&self, state: &mut State, me: u32) -> bool {
        let away = state.driver.in_application() && !state.driver.is(me);
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
            match self.next_wait(&mut state, me) {
                Wait::Over => return true,
                Wait::Polling => {
                    let (back, calm) = self.drive_once(state, false);
                    state = back;
                    if !calm {
                        self.step_back(&mut state, me);
                        return false;
                    }
                }
                Wait::Asleep => {
                    state = self
                        .work
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
            }
        }
    }

    /// How thread `me`, which had nothing to take, waits next; asleep, it counts as idle.
    pub(super) fn next_wait(&self, state: &mut State, me: u32) -> Wait {
        let reactor = &state.reactor;
        let news = !reactor.notices.is_empty()
            || reactor.news.interrupted
            || reactor.drain == Drain::Stopped;
        let leaves = !news && self.leaves_to_driver(state, me);
        if news || !leaves && !state.reactor.inbox.is_empty() {
            // The interpreter lock is still to be had: others may drive meanwhile.
            self.step_back(state, me);
            return Wait::Over;
        }
        if !leaves && self.grab(state, me) {
            // What the driver before held back, which is in the application. With its answer out of
            // the way a pipelined request may be complete.
            state.reactor.flush_output();
            if state.reactor.inbox.is_empty() {
                return Wait::Polling;
            }
            self.step_back(state, me);
            return Wait::Over;
        }
        state.idle += 1;
        Wait::Asleep
    }

    /// Waits until the client of `key` has read on. `None`: a signal came, ask again.
    pub fn wait_for_room(
        &self,
        me: u32,
        key: RequestKey,
        blocking: &impl Blocking,
    ) -> Option<Room> {
        blocking.block(|| {
            let mut state = self.lock();
            loop {
                match self.room_or_wait(&mut state, me, key) {
                    Ok(room) => return Some(room),
                    Err(RoomWait::Polling) => {
                        let (back, calm) = self.drive_once(state, true);
                        state = back;
                        if !calm {
                            self.step_back(&mut state, me);
                            return None;
                        }
                    }
                    Err(RoomWait::Asleep) => {
                        state = self
                            .room
                            .wait(state)
                            .unwrap_or_else(PoisonError::into_inner);
                        state.waiting_for_room -= 1;
                    }
                }
            }
        })
    }

    /// Whether the client of `key` has read on, or how thread `me` waits for it.
    pub(super) fn room_or_wait(
        &self,
        state: &mut State,
        me: u32,
        key: RequestKey,
    ) -> Result<Room, RoomWait> {
        if let Some(room) = state.reactor.room(key) {
            self.step_back(state, me);
            Ok(room)
        } else if self.grab(state, me) {
            state.reactor.flush_output();
            Err(RoomWait::Polling)
        } else {
            state.waiting_for_room += 1;
            Err(RoomWait::Asleep)
        }
    }

    /// One turn with a wait in it; false when a signal interrupted the wait. `all`: the thread takes
    /// no request itself.
    pub(super) fn drive_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        all: bool,
    ) -> (MutexGuard<'a, State>, bool) {
        let (mut events, wait_ms) = Self::before_wait(&mut state, all);
        drop(state);
        let waited = self.poller.wait(&mut events, Some(wait_ms));
        let mut state = self.lock();
        self.after_wait(&mut state, events, all);
        let interrupted =
            matches!(&waited, Err(error) if error.kind() == io::ErrorKind::Interrupted);
        (state, !interrupted)
    }

    /// The driver is about to wait in the poller: room for events, and for how long, in ms.
    pub(super) fn before_wait(state: &mut State, all: bool) -> (Events, u64) {
        let events = state.buffers.pop().unwrap_or_else(Events::new);
        state.accept_if_free(!all);
        let free = state.free(state.idle + usize::from(!all));
        state.reactor.set_free(free);
        let wait_ms = if all {
            state.wait_ms()
        } else {
            state.reactor.wait_ms()
        };
        state.polling = true;
        (events, wait_ms)
    }

    /// What the wait has brought is processed.
    pub(super) fn after_wait(&self, state: &mut State, mut events: Events, all: bool) {
        state.polling = false;
        state.accept_if_free(!all);
        let free = state.free(state.idle);
        state.reactor.tell_free(free);
        state.reactor.harvest(&mut events);
        state.buffers.push(events);
        state.reactor.process(if all { usize::MAX } else { BATCH });
        if all || state.reactor.inbox.is_empty() {
            self.end_turn(state, true);
        }
        if all {
            self.wake_for_inbox(state);
            // It may drive for long without taking a request.
            let patience_ns = state.patience_ns(true);
            state.reactor.hand_over_waiting(patience_ns);
        }
    }

    /// Wakes application threads for what is in the inbox: one if it will be done with all of it
    /// before the others have had the interpreter lock, and they would only take it from each other.
    pub(super) fn wake_for_inbox(&self, state: &mut State) {
        let ready = state.reactor.inbox.len() + usize::from(!state.reactor.notices.is_empty());
        let soon = state.reactor.may_gather() && state.sharing.is_off(state.reactor.now_ns);
        let most = if soon { 1 } else { state.idle };
        for _ in 0..ready.min(state.idle).min(most) {
            self.wake_one();
        }
        if ready > 0 && (state.polling || state.polled) {
            self.poller.wake();
        }
    }
}
