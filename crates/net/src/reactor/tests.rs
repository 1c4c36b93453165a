//! Deadlines, requests over their time, clients that leave.

use super::*;
use crate::overdue::TimeLimits;
use crate::path_limits::PathLimits;
use crate::testing::{Rig, pass_ms};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PUT: &str = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// Turns just before and just after `ms` have passed.
fn around(rig: &mut Rig, ms: u64, mut check: impl FnMut(&mut Rig, bool)) {
    rig.turn();
    pass_ms(ms - 1);
    rig.turn();
    check(rig, false);
    pass_ms(1 + crate::timer::STEP_MS);
    rig.turn();
    check(rig, true);
}

#[test]
fn a_head_has_its_time() {
    for part in ["", &GET[..5]] {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        client.send(part);
        around(&mut rig, 10_000, |_, over| match (over, part) {
            (false, _) => assert!(client.is_quiet()),
            (true, "") => assert!(client.has_ended()),
            (true, _) => assert!(client.receive_all().starts_with("HTTP/1.1 408 ")),
        });
    }
}

/// Bytes that trickle in do not give a head more time.
#[test]
fn a_head_that_trickles_in_has_no_more_time() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    for byte in GET.as_bytes().iter().take(11) {
        client.send([*byte]);
        rig.turn();
        pass_ms(1_000);
    }
    rig.turn();
    assert!(client.receive_all().starts_with("HTTP/1.1 408 "));
}

/// The time of a body is that of a pause in it.
#[test]
fn a_body_may_be_slow_but_not_pause() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(PUT);
    for _ in 0..5 {
        rig.turn();
        pass_ms(15_000);
        client.send("x");
    }
    around(&mut rig, 20_000, |_, over| {
        if over {
            assert!(client.receive_all().starts_with("HTTP/1.1 408 "));
        } else {
            assert!(client.is_quiet());
        }
    });
    assert!(rig.reactor.inbox.is_empty());
}

#[test]
fn an_idle_connection_ends_without_a_word() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET);
    let exchange = rig.take().unwrap();
    // A request with the application has no deadline of the connection.
    pass_ms(100_000);
    rig.turn();
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
    around(&mut rig, 2_000, |_, over| {
        assert!(if over {
            client.has_ended()
        } else {
            client.is_quiet()
        });
    });
    // Its own end is awaited, but not for ever.
    assert_eq!(rig.reactor.conns.len(), 1);
    pass_ms(60_000);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// A request that came with the deadline is served.
#[test]
fn a_request_at_the_last_moment_is_read() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
    rig.turn();
    pass_ms(5_000);
    client.send(GET);
    rig.reactor.now_ns = clock::monotonic_ns();
    rig.reactor.end_turn();
    assert_eq!(rig.reactor.inbox.len(), 1);
}

#[test]
fn a_client_that_reads_nothing_is_given_up() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    client.send(GET);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, &vec![b'x'; 4 << 20], true);
    pass_ms(29_000);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 1);
    // As long as it reads something, it has more time.
    while rig
        .reactor
        .conns
        .iter()
        .all(|(_, conn)| conn.output.queued() > 3 << 20)
    {
        client.receive_some().unwrap();
        rig.turn();
    }
    pass_ms(29_000);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 1);
    pass_ms(2_000);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
    assert!(rig.notices()[0].contains("write_timeout"));
}

/// The clients of requests over their time are answered, whatever the application does later.
#[test]
fn a_request_over_its_time_is_answered_504() {
    let mut rig =
        Rig::with(|config| config.limits = TimeLimits::new(PathLimits::new(3_000, Vec::new()), 0));
    let (mut waiting, mut streaming) = (rig.connect(), rig.connect());
    waiting.send(GET);
    let first = rig.take().unwrap();
    streaming.send(GET);
    let second = rig.take().unwrap();
    for exchange in [&first, &second] {
        let now_ns = clock::monotonic_ns();
        rig.board.begin(0, exchange.entry, now_ns, 1, 3_000);
    }
    let key = second.key.unwrap();
    let block = Block::<crate::testing::Bytes>::Bytes(b"begun");
    rig.reactor.stream(key, b"", block);
    streaming.expect(b"begun");
    rig.turn();
    pass_ms(3_000);
    rig.turn();
    assert!(waiting.is_quiet() && streaming.is_quiet());
    pass_ms(1);
    rig.turn();
    assert!(
        waiting
            .receive_all()
            .starts_with("HTTP/1.1 504 Gateway Timeout\r\n")
    );
    assert!(
        streaming.has_ended(),
        "what is missing of it must not look complete"
    );
    assert_eq!(rig.board.overdue(0, 0).len(), 2);
    rig.answer(first, ANSWER, true);
    rig.answer(second, ANSWER, true);
    assert_eq!(rig.board.counts(0).timeouts, 2);
    assert_eq!(rig.board.counts(0).requests.iter().sum::<u64>(), 2);
}

#[test]
fn the_end_of_a_client_is_told_once_if_it_is_wanted() {
    let mut rig = Rig::new();
    let (mut alone, mut pipelining) = (rig.connect(), rig.connect());
    alone.send(GET);
    let first = rig.take().unwrap();
    pipelining.send(GET.repeat(2));
    let second = rig.take().unwrap();
    let (one, other) = (first.key.unwrap(), second.key.unwrap());
    rig.reactor.report_disconnect(one);
    rig.reactor.report_disconnect(other);
    rig.turn();
    assert!(rig.reactor.news.disconnected.is_empty());
    alone.send_end();
    pipelining.send_end();
    rig.turn();
    // The other one waits for two answers.
    assert_eq!(std::mem::take(&mut rig.reactor.news.disconnected), [one]);
    rig.turn();
    assert!(rig.reactor.news.disconnected.is_empty());
    rig.answer(first, ANSWER, true);
    assert_eq!(alone.receive_all().as_bytes(), ANSWER);
    rig.answer(second, ANSWER, true);
    let third = rig.take().unwrap();
    rig.answer(third, ANSWER, true);
    assert_eq!(pipelining.receive_all().as_bytes(), ANSWER.repeat(2));
}

/// A wait is never longer than to the next deadline.
#[test]
fn a_wait_ends_at_the_next_deadline() {
    let mut rig = Rig::with(|config| config.beat_ms = 100_000);
    assert_eq!(rig.reactor.wait_ms(), 100_000);
    let mut client = rig.connect();
    rig.turn();
    assert_eq!(rig.reactor.wait_ms(), 10_000);
    client.send(GET);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, true);
    assert_eq!(rig.reactor.wait_ms(), 2_000);
    rig.reactor.stop(clock::monotonic_ms() + 500);
    assert_eq!(rig.reactor.wait_ms(), 500);
}
