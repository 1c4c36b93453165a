//! The stand-in: a native thread that picks the baton up when the application has kept its thread
//! for too long. It never holds the interpreter lock and runs no application code. While nothing
//! is with the application it sleeps for good, so that an idle worker makes no wake-ups.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Driver, Loop, State, away};
use crate::poll::Events;

/// How often the stand-in looks while the application is at work. When the baton has not moved
/// between two looks, it lends a hand: one turn without waiting. The looks at the same request get
/// rarer, each twice as long after the one before.
const LOOK: Duration = Duration::from_micros(200);
/// How often it looks after a while in which nobody waited for its hand: each look costs the hot
/// thread some microseconds, and an application that was fast for so long is probably fast again.
const RARE_LOOK: Duration = Duration::from_micros(1500);
/// Looks without need before they become rare.
const TRUST: u32 = 2000;
/// A request that takes this long is slow: the stand-in picks the baton up and drives, asleep in the
/// poller, until an application thread wants it back. For a shorter one that would cost too much.
const SLOW: Duration = Duration::from_millis(3);
/// The first look after a loop that polls, and the longest time between two.
const POLLED_LOOK: Duration = Duration::from_millis(5);
const POLLED_REST: Duration = Duration::from_millis(160);
/// Looks without any request before it sleeps for good.
const CALM_LOOKS: u32 = 8;

pub(super) fn spawn(looped: Arc<Loop>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("licorne-standin".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            crate::thread::block_signals();
            if looped.lock().polled {
                look_after(&looped);
            } else {
                look_out(&looped);
            }
        })
}

fn look_out(looped: &Loop) {
    let mut last = 0;
    let mut calm = 0;
    let mut moved = 0;
    let mut unmoved = Duration::ZERO;
    while !looped.closing.load(Ordering::SeqCst) {
        let wait = if moved < TRUST { LOOK } else { RARE_LOOK }.max(unmoved);
        thread::park_timeout(wait);
        let turn = looped.turn.load(Ordering::Acquire);
        if turn != last {
            last = turn;
            calm = 0;
            moved += 1;
            unmoved = Duration::ZERO;
        } else if away(turn) {
            unmoved += wait;
            if unmoved >= SLOW {
                moved = 0;
                unmoved = Duration::ZERO;
                cover(looped, turn);
            } else if lend_a_hand(looped, turn) {
                moved = 0;
            }
        } else {
            calm += 1;
        }
        if calm >= CALM_LOOKS {
            sleep(looped, turn);
            calm = 0;
        }
    }
}

/// Looks whether the loop that polls still comes round, as long as requests are with the
/// application. A quiet loop with requests that wait for something looks the same as a blocked one:
/// so it is woken first, and only who does not come then is blocked. Its looks get rarer, each twice
/// as long after the one before.
fn look_after(looped: &Loop) {
    let mut last = 0;
    let mut rest = POLLED_LOOK;
    let mut woken = false;
    while !looped.closing.load(Ordering::SeqCst) {
        let turn = looped.turn.load(Ordering::Acquire);
        let mut wait = POLLED_LOOK;
        if !away(turn) {
            rest = POLLED_LOOK;
            woken = false;
            sleep(looped, turn);
        } else if turn == last && !woken {
            woken = true;
            looped.poller.wake();
        } else if turn == last {
            looped.cover_polled(turn);
            rest = (rest * 2).min(POLLED_REST);
            wait = rest;
        } else if std::mem::take(&mut woken) {
            // It has come because it was woken.
            rest = (rest * 2).min(POLLED_REST);
            wait = rest;
        } else {
            rest = POLLED_LOOK;
        }
        last = turn;
        thread::park_timeout(wait);
    }
}

/// One turn without waiting, while the driver is away. True if that gave work to somebody idle.
fn lend_a_hand(looped: &Loop, turn: u64) -> bool {
    let mut state = looped.lock();
    if looped.turn.load(Ordering::Relaxed) != turn {
        return false;
    }
    let mut events = state.buffers.pop().unwrap_or_else(Events::new);
    let free = state.idle > 0;
    state.reactor.mind_the_door(free);
    if looped.poller.wait(&mut events, Some(0)).is_err() {
        events.clear();
    }
    state.reactor.harvest(&mut events);
    state.buffers.push(events);
    turn_once(looped, &mut state)
}

/// What is there to do now, without waiting. True if it gave work to somebody idle.
fn turn_once(looped: &Loop, state: &mut State) -> bool {
    state.reactor.flush_held();
    state.reactor.process(usize::MAX);
    let alive = state.reactor.config.standin_beats;
    looped.end_turn(state, alive);
    let useful = state.idle > 0 && !state.reactor.inbox.is_empty();
    looped.hand_out(state);
    useful
}

/// Sleeps until a request goes to the application.
fn sleep(looped: &Loop, turn: u64) {
    looped.standin_asleep.store(true, Ordering::SeqCst);
    if looped.turn.load(Ordering::SeqCst) == turn && !looped.closing.load(Ordering::SeqCst) {
        thread::park();
    }
    looped.standin_asleep.store(false, Ordering::SeqCst);
}

/// Drives until an application thread wants the baton back.
fn cover(looped: &Loop, turn: u64) {
    let mut events = Events::new();
    let mut state = looped.lock();
    if looped.turn.load(Ordering::Relaxed) != turn {
        return;
    }
    state.driver = Driver::StandIn;
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
        // The state tells what it has rung for: the baton is wanted back, or the worker is to stop.
        looped.bell.wait_beside(looped.poller.fd(), wait_ms);
        // A wait that fails (it cannot be interrupted: signals are blocked) has no events.
        if looped.poller.wait(&mut events, Some(0)).is_err() {
            events.clear();
        }
        state = looped.lock();
        state.reactor.harvest(&mut events);
    }
}
