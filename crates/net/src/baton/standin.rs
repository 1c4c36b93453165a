//! The stand-in: a native thread that looks after the reactor when the application keeps its thread
//! for too long. It never holds the interpreter lock and runs no application code. It sleeps until
//! its alarm goes off, and each request that is taken puts that off: a healthy application never
//! wakes it, however busy, and an idle worker does not either.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::thread::{self, JoinHandle};

use super::driver::{Driver, Duty, QUIET_NS};
use super::{Loop, State};
use crate::clock;
use crate::poll::Events;

/// The first look after a loop that polls, and the longest time between two, in ms.
const POLLED_LOOK_MS: u64 = 5;
pub(super) const POLLED_LOOK_NS: u64 = POLLED_LOOK_MS * 1_000_000;
const POLLED_REST_MS: u64 = 160;

pub(super) fn spawn(looped: Arc<Loop>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("licorne-standin".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            crate::thread::block_signals();
            if looped.lock().polled {
                look_after(&looped);
            } else {
                stand_by(&looped);
            }
        })
}

/// Sleeps until the alarm goes off or the bell rings, or for so long; true unless the worker ends.
fn sleep(looped: &Loop, most_ms: u64) -> bool {
    if looped.closing.load(Ordering::SeqCst) {
        // Its ring may have been heard while driving.
        return false;
    }
    looped.bell.wait_beside(looped.alarm.fd(), most_ms);
    !looped.closing.load(Ordering::SeqCst)
}

fn stand_by(looped: &Loop) {
    while sleep(looped, u64::MAX) {
        let mut state = looped.lock();
        looped.alarm.silence();
        let now_ns = clock::monotonic_ns();
        let early = now_ns < state.alarm_ns;
        let silent_ns = now_ns.saturating_sub(state.taken_ns);
        let duty = state.driver.duty(early, silent_ns, state.streams);
        state.streams = false;
        match duty {
            Duty::Rest => state.alarm_ns = 0,
            // Its time may have come and been heard together with the one before.
            Duty::Wait => looped.alarm.set(state.alarm_ns, now_ns),
            Duty::Help => {
                let load = state.load(now_ns);
                state.sharing.driver_is_away(load, now_ns);
                lend_a_hand(looped, &mut state);
                looped.set_alarm(&mut state, now_ns + QUIET_NS, now_ns);
            }
            Duty::Drive => {
                state.alarm_ns = 0;
                state.driver = Driver::StandIn;
                drive(looped, state);
            }
        }
    }
}

/// Looks whether the loop that polls still comes round, as long as requests are with the
/// application. A quiet loop with requests that wait for something looks the same as a blocked one:
/// so it is woken first, and it is blocked only if it does not come then. The looks get rarer, each
/// twice as long after the one before.
fn look_after(looped: &Loop) {
    let mut last = 0;
    let mut rest_ms = POLLED_LOOK_MS;
    let mut woken = false;
    let mut most_ms = u64::MAX;
    while sleep(looped, most_ms) {
        let mut state = looped.lock();
        looped.alarm.silence();
        let steps = state.steps;
        if most_ms == u64::MAX {
            last = state.alarm_steps;
        }
        most_ms = POLLED_LOOK_MS;
        if !state.driver.is_away() {
            rest_ms = POLLED_LOOK_MS;
            woken = false;
            state.alarm_ns = 0;
            most_ms = u64::MAX;
        } else if steps == last && !woken {
            woken = true;
            looped.poller.wake();
        } else if steps == last {
            looped.cover_polled(&mut state);
            rest_ms = (rest_ms * 2).min(POLLED_REST_MS);
            most_ms = rest_ms;
        } else if std::mem::take(&mut woken) {
            // It has come because it was woken.
            rest_ms = (rest_ms * 2).min(POLLED_REST_MS);
            most_ms = rest_ms;
        } else {
            rest_ms = POLLED_LOOK_MS;
        }
        last = steps;
    }
}

/// One turn without waiting, while the driver is away.
fn lend_a_hand(looped: &Loop, state: &mut State) {
    let mut events = state.buffers.pop().unwrap_or_else(Events::new);
    let free = state.idle > 0;
    state.reactor.mind_the_door(free);
    if looped.poller.wait(&mut events, Some(0)).is_err() {
        events.clear();
    }
    state.reactor.harvest(&mut events);
    state.buffers.push(events);
    turn_once(looped, state);
}

/// What is there to do now, without waiting.
fn turn_once(looped: &Loop, state: &mut State) {
    state.reactor.flush_held();
    state.reactor.process(usize::MAX);
    let alive = state.reactor.config.standin_beats;
    looped.end_turn(state, alive);
    if !state.driver.is_away() || state.sharing.others_work(state.reactor.now_ns) {
        looped.hand_out(state);
    }
}

/// Drives until an application thread takes the baton back.
fn drive<'a>(looped: &'a Loop, mut state: MutexGuard<'a, State>) {
    let mut events = Events::new();
    // What it was rung for before does not count.
    looped.bell.silence();
    loop {
        turn_once(looped, &mut state);
        if state.driver != Driver::StandIn || looped.closing.load(Ordering::SeqCst) {
            return;
        }
        let free = state.idle > 0;
        state.reactor.mind_the_door(free);
        let wait_ms = state.wait_ms();
        drop(state);
        // It rings when the baton is taken back, or the worker is to stop.
        looped.bell.wait_beside(looped.poller.fd(), wait_ms);
        // A wait that fails (it cannot be interrupted: signals are blocked) has no events.
        if looped.poller.wait(&mut events, Some(0)).is_err() {
            events.clear();
        }
        state = looped.lock();
        // They are not announced again, so they are processed above, also if the baton is gone.
        state.reactor.harvest(&mut events);
    }
}
