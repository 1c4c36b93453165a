use super::*;
use crate::overdue::{Broken, Cause};

fn named<'a>(id: u64, method: &'a [u8], target: &'a [u8], peer: Peer) -> Named<'a> {
    Named {
        id,
        token: 7,
        body: 3,
        method,
        target,
        peer,
    }
}

#[test]
fn names_what_is_in_flight() {
    let board = Scoreboard::new(2, 2).unwrap();
    board.reset(1);
    board.claim(1);
    let long = vec![b'x'; 500];
    let peer = Peer::Tcp("127.0.0.1".parse().unwrap(), 4000);
    let start = clock::monotonic_ns();
    board.name(1, 0, start, &named(1, b"GET", b"/a?b", peer));
    board.name(1, 3, start, &named(2, b"POST", &long, Peer::Unix));
    board.begin(1, Some(0), start, 99, 50);
    board.sent(1, Some(3), 12);
    let seen = board.read(1);
    assert_eq!(seen.pid, std::process::id());
    assert_eq!(seen.in_flight.len(), 2);
    assert_eq!(seen.in_flight[0].method, "GET");
    assert_eq!(seen.in_flight[0].target, "/a?b");
    assert_eq!(seen.in_flight[0].peer, peer);
    assert_eq!(seen.in_flight[0].thread, 99);
    assert!(!seen.in_flight[0].waiting);
    assert!(seen.in_flight[1].waiting);
    assert!(!seen.in_flight[0].overdue);
    assert_eq!(seen.in_flight[1].target.len(), entry::TEXT - 4);
    assert_eq!((seen.in_flight[1].body, seen.in_flight[1].sent), (3, 12));
    board.end(1, Some(0));
    let seen = board.read(1);
    assert_eq!((seen.requests, seen.in_flight.len()), (1, 1));
    board.forget(1, 3);
    let seen = board.read(1);
    assert_eq!((seen.requests, seen.in_flight.len()), (1, 0));
    assert!(board.read(0).in_flight.is_empty());
}

#[test]
fn a_client_is_told_of_until_its_request_has_a_name() {
    let board = Scoreboard::new(2, 1).unwrap();
    let clients = ["127.0.0.1", "fe80::1"].map(|ip| Peer::Tcp(ip.parse().unwrap(), 4000));
    board.reset(1);
    assert_eq!(board.left_reading(1), None);
    for (peer, id) in clients.into_iter().chain([Peer::Unix]).zip(5..) {
        board.begin_reading(1, id, peer);
        assert_eq!(
            (board.left_reading(0), board.left_reading(1)),
            (None, Some(peer))
        );
        // Another one of the same client has a name, not this one.
        board.name(1, 0, 5, &named(id - 1, b"GET", b"/", peer));
        assert_eq!(board.left_reading(1), Some(peer));
        board.name(1, 1, 5, &named(id, b"GET", b"/", peer));
        assert_eq!(board.left_reading(1), None);
        board.end_reading(1);
        board.end(1, Some(1));
        assert_eq!(board.left_reading(1), None);
    }
    board.begin_reading(1, 9, Peer::Unix);
    board.reset(1);
    assert_eq!(board.left_reading(1), None);
}

#[test]
fn a_response_that_waits_keeps_its_name_until_it_has_left() {
    let board = Scoreboard::new(1, 1).unwrap();
    let is_named = || !board.read(0).in_flight.is_empty();
    // The thread is done before the response has left, or after it.
    for last in ["response", "thread"] {
        board.name(0, 0, 5, &named(1, b"GET", b"/", Peer::Unix));
        board.begin(0, Some(0), 6, 7, 0);
        board.hold_response(0, Some(0));
        if last == "response" {
            board.end(0, Some(0));
            assert!(is_named());
            board.release_response(0, Some(0));
        } else {
            board.release_response(0, Some(0));
            assert!(is_named());
            board.end(0, Some(0));
        }
        assert!(!is_named(), "{last}");
    }
    board.name(0, 0, 5, &named(2, b"GET", b"/", Peer::Unix));
    board.begin(0, Some(0), 6, 7, 0);
    board.end(0, Some(0));
    assert!(!is_named());
}

#[test]
fn wherever_a_worker_is_killed_its_note_is_whole() {
    let board = Scoreboard::new(1, 0).unwrap();
    let clients = ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
        .map(|ip| Peer::Tcp(ip.parse().unwrap(), 4000));
    for _ in 0..12 {
        board.reset(0);
        // SAFETY: the child touches only the map, and ends by a signal.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: no preconditions; it ends although its parent may have been killed.
            unsafe { libc::alarm(60) };
            loop {
                for peer in clients {
                    board.begin_reading(0, 1, peer);
                    board.end_reading(0);
                }
            }
        }
        assert!(child > 0);
        while board.left_reading(0).is_none() {
            std::thread::yield_now();
        }
        // SAFETY: our own child, which is not reaped before.
        let reaped = unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0)
        };
        assert_eq!(reaped, child);
        let left = board.left_reading(0);
        assert!(left.is_none_or(|peer| clients.contains(&peer)), "{left:?}");
    }
}

#[test]
fn a_waiting_request_is_not_overdue_by_its_age() {
    let board = Scoreboard::new(1, 1).unwrap();
    board.reset(0);
    board.name(0, 0, 5, &named(1, b"GET", b"/", Peer::Unix));
    assert!(board.running(0, 0).is_none());
    board.begin(0, Some(0), 9, 99, 50);
    assert_eq!(board.running(0, 0).unwrap().started_ns, 9);
}

#[test]
fn free_entries_are_found_from_anywhere() {
    let board = Scoreboard::new(1, 1).unwrap();
    board.reset(0);
    for entry in 0..=WAITING {
        assert_eq!(board.free_entry(0, entry), Some(entry));
        board.name(0, entry, 5, &named(1, b"GET", b"/", Peer::Unix));
    }
    assert_eq!(board.free_entry(0, 0), None);
    board.forget(0, 3);
    for from in [0, 3, 4, WAITING, WAITING + 1, usize::MAX] {
        assert_eq!(board.free_entry(0, from), Some(3), "{from}");
    }
}

#[test]
fn the_first_cause_to_retire_stays_until_a_reset() {
    let board = Scoreboard::new(2, 0).unwrap();
    assert_eq!(board.read(1).retire, 0);
    assert!(board.retire(1, RetireCause::RequestTimeout as u64));
    assert!(!board.retire(1, RetireCause::MaxRequests as u64));
    assert_eq!((board.read(0).retire, board.read(1).retire), (0, 2));
    board.reset(1);
    assert_eq!(board.read(1).retire, 0);
}

#[test]
fn an_overdue_request_is_told_even_when_it_has_ended() {
    const BROKEN: Broken = Broken {
        cause: Cause::Request,
        limit_ms: 50,
    };
    let board = Scoreboard::new(1, 1).unwrap();
    board.reset(0);
    let begin = |id| {
        let now_ns = clock::monotonic_ns();
        board.name(0, 0, now_ns, &named(id, b"GET", b"/slow", Peer::Unix));
        board.begin(0, Some(0), now_ns, 99, 50);
        board.running(0, 0).unwrap()
    };
    let first = begin(1);
    assert_eq!((first.token, first.limit_ms), (7, 50));
    assert!(board.report_overdue(0, 0, first, BROKEN));
    assert!(board.is_overdue(0, Some(0)));
    assert!(board.running(0, 0).unwrap().overdue);
    assert!(board.read(0).in_flight[0].overdue);
    board.end(0, Some(0));
    let second = begin(2);
    assert!(!board.is_overdue(0, Some(0)));
    // The first has ended: it is too late to mark it.
    assert!(!board.report_overdue(0, 0, first, BROKEN));
    assert!(!second.overdue);
    let told = board.overdue(0, 0);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].number, told[0].request.id), (0, 1));
    assert_eq!(told[0].limit_ms, 50);
    assert_eq!(told[0].request.target, "/slow");
    assert!(board.overdue(0, 1).is_empty());
    board.reset(0);
    assert!(board.overdue(0, 0).is_empty());
}

#[test]
fn what_the_master_does_not_fetch_is_forgotten_in_order() {
    let board = Scoreboard::new(1, 1).unwrap();
    board.reset(0);
    let broken = Broken {
        cause: Cause::Silence,
        limit_ms: 9,
    };
    for id in 1..=40 {
        board.name(0, 0, id, &named(id, b"GET", b"/", Peer::Unix));
        board.begin(0, Some(0), id, 99, 50);
        let running = board.running(0, 0).unwrap();
        assert!(board.report_overdue(0, 0, running, broken));
    }
    let ids: Vec<_> = board.overdue(0, 2).iter().map(|o| o.request.id).collect();
    assert_eq!(ids, (9..=40).collect::<Vec<_>>());
}

#[test]
fn a_question_is_taken_once() {
    let board = Scoreboard::new(2, 0).unwrap();
    board.reset(1);
    assert_eq!(board.take_asked(1), None);
    board.ask(1, 7);
    assert_eq!(board.take_asked(0), None);
    assert_eq!(board.take_asked(1), Some(7));
    assert_eq!(board.take_asked(1), None);
    board.ask(1, 8);
    board.reset(1);
    assert_eq!(board.take_asked(1), None);
}

#[test]
fn readiness_is_forgotten_by_a_reset() {
    let board = Scoreboard::new(1, 0).unwrap();
    board.mark_ready(0);
    assert!(board.read(0).ready);
    board.reset(0);
    assert!(!board.read(0).ready);
}

#[test]
fn a_worker_knows_that_another_one_takes_its_place() {
    let board = Scoreboard::new(2, 1).unwrap();
    assert!(!board.is_replaced(0));
    board.set_replaced(0);
    assert!(board.is_replaced(0) && !board.is_replaced(1));
    board.retire(1, RetireCause::MaxRequests as u64);
    assert!(board.is_replaced(1), "it has asked for it");
    board.reset(0);
    assert!(!board.is_replaced(0));
}
