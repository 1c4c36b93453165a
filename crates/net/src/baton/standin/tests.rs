use super::super::driver::SLOW_NS;
use super::super::taking::Wait;
use super::super::{Loop, Taken};
use super::*;
use crate::testing::{Client, Rig, set_clock_ns, set_used_ns, used_ns};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A request for a thread that has one to take.
fn taken(baton: &Loop, me: u32) -> Box<crate::exchange::Exchange> {
    match baton.take_now(&mut baton.lock(), me) {
        Some(Taken::Exchange(exchange)) => exchange,
        _ => panic!("thread {me} has nothing to take"),
    }
}

/// The stand-in is back from the poller, as slowly as it likes.
fn polled(baton: &Loop) -> Option<u64> {
    let mut events = Events::new();
    baton.poller.wait(&mut events, Some(0)).unwrap();
    let mut state = baton.lock();
    state.reactor.harvest(&mut events);
    turn(baton, &mut state)
}

/// A client that comes when the last free thread has just begun with a request is left to a sibling, also
/// by a stand-in that waits in the poller since a thread was free.
#[test]
fn a_client_that_comes_after_the_last_free_thread_has_gone_is_left_to_siblings() {
    let (rig, listener) = Rig::listening(|config| {
        config.threads = 2;
        config.siblings = true;
    });
    let board = std::sync::Arc::clone(&rig.board);
    let baton = Loop::new(rig.reactor).unwrap();
    let mut clients = [Client::to(&listener), Client::to(&listener)];
    clients[0].send(GET);
    // It accepts both.
    let first = loop {
        let mut state = baton.lock();
        if let Some(Taken::Exchange(exchange)) = baton.take_now(&mut state, 1) {
            break exchange;
        }
        if baton.next_wait(&mut state, 1) == Wait::Over {
            continue;
        }
        let (mut events, _) = Loop::before_wait(&mut state, false);
        baton.poller.wait(&mut events, Some(1000)).unwrap();
        baton.after_wait(&mut state, events, false);
    };
    assert_eq!(board.read(0).connections, 2);
    assert_eq!(baton.next_wait(&mut baton.lock(), 2), Wait::Asleep);
    set_clock_ns(clock::monotonic_ns() + 10 * QUIET_NS);
    assert!(on_alarm(&baton, &mut baton.lock()), "the stand-in drives");
    assert!(turn(&baton, &mut baton.lock()).is_some());
    clients[1].send(GET);
    assert!(polled(&baton).is_some());
    // The second thread wakes, and takes the baton back with the request.
    baton.lock().idle -= 1;
    let second = taken(&baton, 2);
    let _outside = Client::to(&listener);
    assert!(polled(&baton).is_none());
    assert_eq!(board.read(0).connections, 2, "it is accepted by none here");
    drop((first, second));
}

/// How many threads a worker of two says are free, while the stand-in drives beside a request that has
/// used so much processor time in ten milliseconds; and for how long others wait there.
fn free_beside(used_ms: u64) -> (usize, u64) {
    let mut rig = Rig::with(|config| {
        config.threads = 2;
        config.siblings = true;
    });
    let mut client = rig.connect();
    let board = std::sync::Arc::clone(&rig.board);
    let baton = Loop::new(rig.reactor).unwrap();
    client.send(GET);
    let slow = loop {
        let mut state = baton.lock();
        if let Some(Taken::Exchange(exchange)) = baton.take_now(&mut state, 1) {
            break exchange;
        }
        let (mut events, _) = Loop::before_wait(&mut state, false);
        baton.poller.wait(&mut events, Some(1000)).unwrap();
        baton.after_wait(&mut state, events, false);
    };
    assert_eq!(baton.next_wait(&mut baton.lock(), 2), Wait::Asleep);
    set_clock_ns(clock::monotonic_ns() + 10_000_000);
    set_used_ns(used_ns() + used_ms * 1_000_000);
    assert!(on_alarm(&baton, &mut baton.lock()), "the stand-in drives");
    assert!(polled(&baton).is_some());
    let patience_ns = baton.lock().patience_ns(true);
    drop(slow);
    (board.free_threads(0), patience_ns)
}

/// The interpreter runs one thread at a time: an idle one beside another that computes is not free.
#[test]
fn a_thread_beside_one_that_computes_is_not_free() {
    assert_eq!(free_beside(0), (1, SLOW_NS));
    assert_eq!(free_beside(10), (0, 0));
}
