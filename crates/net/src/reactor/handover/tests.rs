//! Two workers over one queue: what goes over, what stays, and that each request has one answer.

use super::*;
use crate::drain::Drain;
use crate::testing::{Rig, pass_ms};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// Both say so: the first is busy, the second has a free thread.
fn busy_and_free() -> [Rig; 2] {
    let [mut busy, mut free] = Rig::siblings(|_| {});
    busy.reactor.set_free(0);
    busy.board.set_accepts(0, false);
    free.reactor.set_free(1);
    [busy, free]
}

fn body(exchange: &Exchange) -> Vec<u8> {
    let mut room = vec![0; 1 << 20];
    let count = exchange.body.read_at(&mut room, 0).unwrap();
    room.truncate(count);
    room
}

#[test]
fn a_request_that_waits_goes_over_with_its_connection() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect_tcp();
    let address = client.0.local_addr().unwrap();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert!(busy.reactor.inbox.is_empty());
    assert_eq!(busy.board.read(0).connections, 0);
    assert!(busy.board.read(0).in_flight.is_empty());
    let exchange = free.take().unwrap();
    assert_eq!(exchange.head.target(), b"/a");
    assert_eq!(exchange.peer, Some(Peer::Tcp(address.ip(), address.port())));
    assert_eq!(exchange.number, 1);
    assert!(exchange.handed_over && exchange.keep_alive);
    assert_eq!(free.board.read(1).connections, 1);
    free.answer(exchange, ANSWER, true);
    free.turn();
    client.expect(ANSWER);
    // The next request is read where the connection is now, and may go over again.
    client.send(GET);
    let exchange = free.take().unwrap();
    assert_eq!((exchange.number, exchange.handed_over), (2, false));
    assert_eq!(
        (busy.board.counts(0).given, busy.board.counts(1).taken),
        (1, 1)
    );
}

#[test]
fn it_stays_while_it_has_not_waited_and_while_no_sibling_is_free() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(1_000_000);
    assert_eq!(busy.reactor.inbox.len(), 1);
    assert!(busy.reactor.watches_siblings());
    pass_ms(1);
    busy.turn();
    free.reactor.set_free(0);
    busy.reactor.hand_over_waiting(1_000_000);
    assert_eq!(busy.reactor.inbox.len(), 1);
    free.reactor.set_free(1);
    busy.reactor.hand_over_waiting(1_000_000);
    assert!(busy.reactor.inbox.is_empty());
    assert!(free.take().is_some());
}

#[test]
fn a_request_goes_over_once() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    free.turn();
    assert_eq!(free.reactor.inbox.len(), 1);
    // Now the other one is busy, too.
    free.reactor.set_free(0);
    busy.reactor.set_free(1);
    free.reactor.hand_over_waiting(0);
    assert_eq!(free.reactor.inbox.len(), 1);
    assert!(!free.reactor.watches_siblings());
}

/// It cannot go on from here, however long those take that came to this worker itself; nor could a
/// second one, which is left to others.
#[test]
fn a_request_that_was_taken_is_the_next_one_and_the_only_one() {
    let [mut busy, mut free] = busy_and_free();
    let mut own = free.connect();
    own.send("GET /own HTTP/1.1\r\nHost: a\r\n\r\n");
    free.turn();
    assert_eq!(free.reactor.inbox.len(), 1);
    let mut clients = [busy.connect(), busy.connect()];
    for client in &mut clients {
        client.send(GET);
    }
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert_eq!(busy.reactor.inbox.len(), 1, "one thread is free");
    busy.reactor.hand_over_waiting(0);
    free.reactor.take_over();
    free.reactor.take_over();
    let pending = |rig: &Rig| rig.reactor.dispatch.as_ref().unwrap().queue.has_pending();
    assert!(pending(&free));
    let taken = free.reactor.inbox.pop_front().unwrap();
    assert_eq!(taken.head.target(), b"/a");
    free.reactor.take_over();
    assert!(!pending(&free));
    let waiting: Vec<_> = free
        .reactor
        .inbox
        .iter()
        .map(|each| each.head.target())
        .collect();
    assert_eq!(waiting, [b"/a".as_slice(), b"/own"]);
}

/// Every kind of body comes over whole, and what was sent behind it is the next request.
#[test]
fn bodies_go_over() {
    let large = "x".repeat(100_000);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";
    let expects = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    for (rest, expected) in [
        ("Content-Length: 4\r\n\r\nabcd".to_owned(), "abcd"),
        ("Content-Length: 0\r\n\r\n".to_owned(), ""),
        (
            format!("Content-Length: 100000\r\n\r\n{large}"),
            large.as_str(),
        ),
        (chunked.to_owned(), "wxyz!"),
        (expects.to_owned(), "abc"),
    ] {
        let [mut busy, mut free] = busy_and_free();
        let mut client = busy.connect_tcp();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}"));
        client.send(GET);
        while busy.reactor.inbox.is_empty() {
            busy.turn();
        }
        busy.reactor.hand_over_waiting(0);
        assert!(busy.reactor.inbox.is_empty());
        let exchange = free.take().unwrap();
        assert_eq!(exchange.head.method(), b"POST");
        assert_eq!(body(&exchange), expected.as_bytes());
        free.answer(exchange, ANSWER, true);
        let next = free.take().unwrap();
        assert_eq!((next.head.target(), next.number), (&b"/a"[..], 2));
        free.answer(next, ANSWER, true);
        free.turn();
        client.expect(&[ANSWER, ANSWER].concat());
    }
}

/// 100 (Continue) was sent by the worker that has read the head.
#[test]
fn continue_is_not_said_again() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    busy.turn();
    client.expect(b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hi");
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    let exchange = free.take().unwrap();
    assert_eq!(body(&exchange), b"hi");
    assert!(client.is_quiet());
}

/// An answer that the client has not read yet keeps the connection where it is.
#[test]
fn a_connection_with_output_stays() {
    let [mut busy, free] = busy_and_free();
    let mut client = busy.connect_narrow();
    client.send(GET);
    client.send(GET);
    let exchange = busy.take().unwrap();
    let long = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n",
        vec![b'x'; 200_000].as_slice(),
    ]
    .concat();
    busy.answer(exchange, &long, true);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert_eq!(busy.reactor.inbox.len(), 1);
    assert!(!free.reactor.dispatch.as_ref().unwrap().queue.has_pending());
}

#[test]
fn what_is_not_taken_is_told_to_another_and_comes_back_at_the_end() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert!(busy.reactor.watches_siblings());
    pass_ms(3);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert!(busy.reactor.dispatch.as_ref().unwrap().queue.has_pending());
    // Both are told to stop, before the free one has looked.
    let deadline_ms = busy.reactor.now_ms() + 1_000;
    free.reactor.stop(deadline_ms);
    busy.reactor.stop(deadline_ms);
    assert!(free.take().is_none());
    let exchange = busy.take().unwrap();
    busy.answer(exchange, ANSWER, false);
    busy.turn();
    assert_eq!(client.receive(ANSWER.len()), ANSWER);
    assert!(client.has_ended());
}

/// The other one is told to stop a moment later: it has not taken the connection, and will not.
#[test]
fn a_worker_does_not_end_before_what_it_has_given_is_taken() {
    let [mut busy, mut free] = busy_and_free();
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    let deadline_ms = busy.reactor.now_ms() + 1_000;
    busy.reactor.stop(deadline_ms);
    busy.turn();
    assert!(busy.reactor.drain != Drain::Stopped);
    free.reactor.stop(deadline_ms);
    let exchange = busy.take().unwrap();
    busy.answer(exchange, ANSWER, false);
    busy.turn();
    assert_eq!(client.receive(ANSWER.len()), ANSWER);
    assert!(client.has_ended());
}

/// It is not told of connections any more, and says that it has no free thread.
#[test]
fn a_worker_that_stops_takes_nothing() {
    let [mut busy, mut free] = busy_and_free();
    free.reactor.stop(free.reactor.now_ms() + 1_000);
    free.reactor.set_free(1);
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    assert_eq!(busy.reactor.inbox.len(), 1);
}

#[test]
fn a_full_worker_leaves_it_to_others() {
    let [mut busy, mut free] = Rig::siblings(|config| config.max_connections = 1);
    free.reactor.set_free(1);
    let mut idle = free.connect();
    idle.send(GET);
    let kept = free.take().unwrap();
    let mut client = busy.connect();
    client.send(GET);
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    free.turn();
    assert!(free.reactor.inbox.is_empty(), "its only connection is busy");
    // It is not told again and again, and looks when it may have room.
    free.reactor.set_free(1);
    assert!(!free.reactor.takes_over());
    assert_eq!(free.reactor.wait_ms(), FULL_MS);
    pass_ms(FULL_MS);
    free.turn();
    free.reactor.set_free(1);
    assert!(free.reactor.takes_over());
    // The giver takes what it finds when it is free again.
    busy.reactor.set_free(1);
    assert!(busy.take().is_some());
    free.answer(kept, ANSWER, true);
}

#[test]
fn a_message_that_is_cut_short_is_told() {
    let [_, mut free] = busy_and_free();
    let queue = &free.reactor.dispatch.as_ref().unwrap().queue;
    let waiting = HandedOver {
        peer: Peer::Unix,
        listener: 0,
        requests: 1,
        ready_ns: 0,
        proxied: 0,
        head: 500,
        body: 0,
    };
    queue
        .put(&waiting, queue.fd(), None, [b"", b"short", b"", b""])
        .unwrap();
    free.turn();
    assert!(free.notices()[0].starts_with("Lost a connection on its way"));
    assert_eq!(free.board.read(1).connections, 0);
}

#[test]
fn as_many_go_as_threads_are_free_and_all_that_have_waited_for_long() {
    for (free, given, waited_ns, goes) in [
        (0, 0, 0, false),
        (0, 0, LONG_NS, false),
        (2, 0, 0, true),
        (2, 1, 0, true),
        (2, 2, LONG_NS - 1, false),
        (2, 2, LONG_NS, true),
    ] {
        let found = may_go(free, given, waited_ns);
        assert_eq!(found, goes, "{free} free, {given} given, {waited_ns} ns");
    }
}

/// The connections of a worker that gives go to those with the fewest.
#[test]
fn one_with_more_connections_rests_after_taking() {
    let [mut busy, mut free] = busy_and_free();
    let _own: Vec<_> = (0..3).map(|_| free.connect()).collect();
    let mut clients = [busy.connect(), busy.connect()];
    for client in &mut clients {
        client.send(GET);
    }
    busy.turn();
    busy.reactor.hand_over_waiting(0);
    // The other one comes to its listeners: it has clearly fewer.
    busy.board.set_accepts(0, true);
    busy.reactor.beat();
    free.reactor.take_over();
    assert_eq!(free.reactor.inbox.len(), 1);
    assert!(!free.reactor.takes_over());
    free.reactor.set_free(1);
    assert!(!free.reactor.takes_over(), "for a moment");
    pass_ms(LEFT_MS);
    free.turn();
    free.reactor.set_free(1);
    assert!(free.reactor.takes_over());
}
