//! The stand-in: a native thread that turns the reactor when the application keeps its thread for
//! too long. It never holds the interpreter lock and runs no application code. It sleeps until
//! its alarm goes off, and each request that is taken puts that off: a healthy application never
//! wakes it, however busy, and an idle worker does not either.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::thread::{Builder, JoinHandle};

use super::Loop;
use super::driver::{Driver, Duty, QUIET_NS};
use super::state::State;
use crate::clock;
use crate::poll::Events;
use crate::thread;

/// When to look first whether a loop that polls turns, and the longest time between two looks, in ms.
const POLLED_LOOK_MS: u64 = 5;
pub(super) const POLLED_LOOK_NS: u64 = POLLED_LOOK_MS * 1_000_000;
const POLLED_REST_MS: u64 = 160;

pub(super) fn spawn(baton: Arc<Loop>) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new()
        .name("licorne-standin".into())
        .stack_size(256 * 1024);
    thread::spawn(builder, move || {
        // What it does is wanted while the application computes, and it does little.
        thread::wake_soon();
        if baton.lock().polled {
            supervise(&baton);
        } else {
            run(&baton);
        }
    })
}

/// Sleeps until the alarm goes off, or it is woken, or for so long; true unless the worker ends.
fn sleep(baton: &Loop, most_ms: u64) -> bool {
    if baton.closing.load(Ordering::SeqCst) {
        // The wake-up for it may have been taken while driving.
        return false;
    }
    baton.waker.wait_beside(baton.alarm.fd(), most_ms);
    !baton.closing.load(Ordering::SeqCst)
}

/// Acts each time that the alarm goes off.
fn run(baton: &Loop) {
    while sleep(baton, u64::MAX) {
        let mut state = baton.lock();
        if on_alarm(baton, &mut state) {
            drive(baton, state);
        }
    }
}

/// The alarm has gone off, or the stand-in was woken. True if the stand-in has the baton from now on.
pub(super) fn on_alarm(baton: &Loop, state: &mut State) -> bool {
    baton.alarm.clear();
    let now_ns = clock::monotonic_ns();
    let early = now_ns < state.alarm_ns;
    let silent_ns = now_ns.saturating_sub(state.taken_ns);
    let duty = state.driver.duty(early, silent_ns, state.streams);
    state.streams = false;
    match duty {
        Duty::Rest => state.alarm_ns = 0,
        // Its time may have come, and been acknowledged, together with the one before.
        Duty::Wait => baton.alarm.set(state.alarm_ns, now_ns),
        Duty::Help => {
            if state.reactor.config.threads > 1 {
                let load = state.load(now_ns);
                state.sharing.driver_is_away(load, now_ns);
            }
            help_once(baton, state);
            baton.set_alarm(state, now_ns + QUIET_NS, now_ns);
        }
        Duty::Drive => {
            state.alarm_ns = 0;
            state.driver = Driver::StandIn;
        }
    }
    duty == Duty::Drive
}

/// Looks whether the loop that polls still turns the reactor, as long as requests are with the
/// application. A quiet loop with requests that wait for something looks the same as a blocked one:
/// so it is woken first, and it is blocked only if it does not turn then. The looks get rarer, each
/// twice as long after the one before.
fn supervise(baton: &Loop) {
    let mut last = 0;
    let mut rest_ms = POLLED_LOOK_MS;
    let mut woken = false;
    // When the next look is due, in monotonic ns: none before requests are with the application.
    let mut look_ns = u64::MAX;
    let mut sleep_ms = u64::MAX;
    while sleep(baton, sleep_ms) {
        let mut state = baton.lock();
        baton.alarm.clear();
        let now_ns = clock::monotonic_ns();
        let steps = state.steps;
        if look_ns == u64::MAX && state.alarm_ns != 0 {
            look_ns = state.alarm_ns;
            last = state.alarm_steps;
        }
        let flush_ns = flush_in_time(&mut state, now_ns);
        if now_ns < look_ns {
            sleep_ms = ms_until(look_ns.min(flush_ns), now_ns);
            continue;
        }
        let mut most_ms = POLLED_LOOK_MS;
        if !state.driver.in_application() {
            rest_ms = POLLED_LOOK_MS;
            woken = false;
            state.alarm_ns = 0;
            most_ms = u64::MAX;
        } else if steps == last && !woken {
            woken = true;
            baton.poller.wake();
        } else if steps == last {
            baton.cover_polled(&mut state);
            // With siblings, what comes meanwhile need not wait for this loop.
            if !state.reactor.has_siblings() {
                rest_ms = (rest_ms * 2).min(POLLED_REST_MS);
            }
            most_ms = state.reactor.rest_ms(rest_ms);
        } else if std::mem::take(&mut woken) {
            // It has turned because it was woken.
            rest_ms = (rest_ms * 2).min(POLLED_REST_MS);
            most_ms = state.reactor.rest_ms(rest_ms);
        } else {
            rest_ms = POLLED_LOOK_MS;
        }
        last = steps;
        look_ns = now_ns.saturating_add(most_ms.saturating_mul(1_000_000));
        sleep_ms = ms_until(look_ns.min(flush_ns), now_ns);
    }
}

/// Writes the blocks that a loop which polls has held back for too long: its application does not wait
/// for anything, and gives no more. When to look again, in monotonic ns; `u64::MAX`: when more is held back.
pub(super) fn flush_in_time(state: &mut State, now_ns: u64) -> u64 {
    let since_ns = state.reactor.parts_since();
    let due_ns = since_ns.map_or(0, |since_ns| since_ns + QUIET_NS);
    if due_ns > now_ns {
        return due_ns;
    }
    state.reactor.flush_output();
    state.streams = false;
    u64::MAX
}

/// From `now_ns` to then, in ms, rounded up.
fn ms_until(at_ns: u64, now_ns: u64) -> u64 {
    match at_ns {
        u64::MAX => u64::MAX,
        at_ns => at_ns.saturating_sub(now_ns).div_ceil(1_000_000),
    }
}

/// One turn without waiting, while the driver is away.
fn help_once(baton: &Loop, state: &mut State) {
    let mut events = state.buffers.pop().unwrap_or_else(Events::new);
    state.accept_if_free(false);
    if baton.poller.wait(&mut events, Some(0)).is_err() {
        events.clear();
    }
    state.reactor.harvest(&mut events);
    state.buffers.push(events);
    turn_once(baton, state);
}

/// What is there to do now, without waiting.
fn turn_once(baton: &Loop, state: &mut State) {
    state.reactor.flush_responses();
    state.reactor.process(usize::MAX);
    let alive = state.reactor.config.standin_beats;
    baton.end_turn(state, alive);
    let now_ns = state.reactor.now_ns;
    let others_work = !state.driver.in_application() || state.sharing.others_work(now_ns);
    if !matches!(state.driver, Driver::InReactor(_)) {
        // A thread that has taken the baton back says itself that it is free.
        let free = if others_work {
            state.free(state.idle)
        } else {
            0
        };
        state.reactor.set_free(free);
    }
    let patience_ns = state.patience_ns(others_work);
    state.reactor.hand_over_waiting(patience_ns);
    if others_work {
        baton.wake_for_inbox(state);
    }
}

/// Drives until an application thread takes the baton back.
fn drive<'a>(baton: &'a Loop, mut state: MutexGuard<'a, State>) {
    let mut events = Events::new();
    // Wake-ups from before do not count.
    baton.waker.clear();
    while let Some(wait_ms) = turn(baton, &mut state) {
        drop(state);
        // It is woken when the baton is taken back, or the worker is to stop.
        baton.waker.wait_beside(baton.poller.fd(), wait_ms);
        // A wait that fails (it cannot be interrupted: signals are blocked) has no events.
        if baton.poller.wait(&mut events, Some(0)).is_err() {
            events.clear();
        }
        state = baton.lock();
        // They are not announced again, so they are processed above, also if the baton is gone.
        state.reactor.harvest(&mut events);
    }
}

/// A turn of the stand-in as the driver: how long it may wait afterwards, in ms; `None` if it does
/// not have the baton any more.
pub(super) fn turn(baton: &Loop, state: &mut State) -> Option<u64> {
    if !matches!(state.driver, Driver::InReactor(_)) {
        // The last free thread may have begun with a request since the wait did, and the events of the
        // wait tell of a new client.
        state.accept_if_free(false);
    }
    turn_once(baton, state);
    if state.driver != Driver::StandIn || baton.closing.load(Ordering::SeqCst) {
        return None;
    }
    state.accept_if_free(false);
    Some(state.wait_ms())
}

#[cfg(test)]
mod tests;
