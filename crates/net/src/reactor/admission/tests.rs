use std::sync::Mutex;

use super::*;
use crate::path_limits::PathLimits;
use crate::tally::Counts;
use crate::testing::{Client, Rig, pass_ms};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const LIMIT_MS: u64 = 500;

/// With `queue_timeout`, and other limits for paths.
fn rig(paths: &[(&str, u64)]) -> Rig {
    let paths = paths
        .iter()
        .map(|&(prefix, limit_ms)| (prefix.as_bytes().to_vec(), limit_ms))
        .collect();
    Rig::with(|config| {
        config.queue_limits = PathLimits::new(LIMIT_MS, paths);
        config.timed = true;
    })
}

fn counts(rig: &Rig) -> Counts {
    rig.board.counts(0)
}

/// The answer of a server that is busy, kept or not.
fn refused(client: &mut Client<std::os::unix::net::UnixStream>, keep: bool) -> String {
    let bytes = client.receive_some().expect("an answer");
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"),
        "{text}"
    );
    assert_eq!(!text.contains("Connection: close"), keep, "{text}");
    text
}

/// Lines: the target of each request, the bytes sent, and how long it has waited.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<(String, u64, u64)>>,
    python: bool,
}

impl LogUnserved for Log {
    fn render(&self, unserved: &Unserved, _line: &mut Vec<u8>) -> UnservedLine {
        let exchange = &unserved.exchange;
        let target = String::from_utf8_lossy(exchange.head.target()).into_owned();
        let waited_ms = (unserved.at_ns - exchange.ready_ns) / 1_000_000;
        let mut lines = self.lines.lock().unwrap();
        lines.push((target, unserved.sent, waited_ms));
        if self.python {
            UnservedLine::Python
        } else {
            UnservedLine::Rendered
        }
    }
}

/// Time passes in steps as long as the driver would wait.
fn let_pass(rig: &mut Rig, ms: u64) {
    let mut left = ms;
    while left > 0 {
        let step = rig.reactor.wait_ms().clamp(1, left);
        pass_ms(step);
        rig.turn();
        left -= step;
    }
}

#[test]
fn a_request_that_waits_too_long_is_answered_in_time_and_its_connection_goes_on() {
    let mut rig = rig(&[]);
    let log = Arc::new(Log::default());
    rig.reactor.log_unserved(Arc::clone(&log) as _);
    let (mut slow, mut client) = (rig.connect(), rig.connect());
    slow.send(GET);
    let running = rig.take().unwrap();
    client.send("GET /waits HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.turn();
    let_pass(&mut rig, LIMIT_MS);
    assert!(client.is_quiet());
    let waiting = rig.board.read(0);
    assert_eq!(
        (waiting.waiting, waiting.longest_wait_ns),
        (1, LIMIT_MS * 1_000_000)
    );
    let_pass(&mut rig, 10);
    let page = refused(&mut client, true);
    assert!(client.is_quiet());
    let content = page.split_once("\r\n\r\n").unwrap().1.len() as u64;
    let lines = log.lines.lock().unwrap().clone();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].0.as_str(), lines[0].1), ("/waits", content));
    assert!(
        lines[0].2 > LIMIT_MS - 1 && lines[0].2 <= LIMIT_MS + 10,
        "{lines:?}"
    );
    // Nothing of it is left.
    let told = rig.board.read(0);
    assert_eq!(
        (told.waiting, told.longest_wait_ns, told.in_flight.len()),
        (0, 0, 1)
    );
    let counts = counts(&rig);
    assert_eq!(
        (counts.shed, counts.abandoned, counts.requests[4]),
        (1, 0, 1)
    );
    assert_eq!(counts.queue_times.buckets.iter().sum::<u64>(), 1);
    // The application's answers go on, on both connections.
    rig.answer(running, ANSWER, true);
    slow.expect(ANSWER);
    client.send(GET);
    let next = rig.take().unwrap();
    rig.answer(next, ANSWER, true);
    client.expect(ANSWER);
}

#[test]
fn a_thread_that_comes_too_late_does_not_begin_it() {
    let mut rig = rig(&[]);
    let (mut old, mut new) = (rig.connect(), rig.connect());
    old.send(GET);
    rig.turn();
    // No turn is made meanwhile: the thread that asks looks at the clock itself.
    pass_ms(LIMIT_MS);
    new.send(GET);
    let running = rig.take().unwrap();
    rig.answer(running, ANSWER, true);
    old.expect(ANSWER);
    assert!(rig.reactor.inbox.len() == 1);
    pass_ms(LIMIT_MS + 1);
    assert!(rig.next().is_none());
    refused(&mut new, true);
    assert_eq!(counts(&rig).shed, 1);
    rig.turn();
    assert_eq!(rig.board.read(0).in_flight.len(), 0);
}

#[test]
fn paths_have_limits_of_their_own() {
    let mut rig = rig(&[("/never", 0), ("/soon", 50)]);
    let mut clients = Vec::new();
    for path in ["/never/shed", "/soon", "/"] {
        let mut client = rig.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        clients.push(client);
    }
    rig.turn();
    let_pass(&mut rig, 70);
    refused(&mut clients[1], true);
    assert!(clients[0].is_quiet() && clients[2].is_quiet());
    let_pass(&mut rig, LIMIT_MS);
    refused(&mut clients[2], true);
    let_pass(&mut rig, 100 * LIMIT_MS);
    assert!(clients[0].is_quiet());
    assert_eq!(rig.next().unwrap().head.target(), b"/never/shed");
}

#[test]
fn what_kind_of_answer_it_is() {
    for (request, keep, content) in [
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true, false),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            false,
            true,
        ),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            false,
            true,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            true,
            true,
        ),
    ] {
        let mut rig = rig(&[]);
        let mut client = rig.connect();
        client.send(request);
        rig.turn();
        let_pass(&mut rig, LIMIT_MS + 10);
        let page = refused(&mut client, keep);
        assert_eq!(!page.ends_with("\r\n\r\n"), content, "{request}");
        assert_eq!(client.is_quiet(), keep, "{request}");
    }
}

/// What a client has pipelined behind it is not lost.
#[test]
fn the_next_request_of_the_same_client_waits_anew() {
    let mut rig = rig(&[]);
    let mut client = rig.connect();
    client.send(GET.repeat(2));
    rig.turn();
    let_pass(&mut rig, LIMIT_MS + 10);
    refused(&mut client, true);
    let_pass(&mut rig, LIMIT_MS - 10);
    assert!(client.is_quiet());
    let exchange = rig.next().unwrap();
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
}

#[test]
fn nothing_is_shed_without_a_limit() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET);
    rig.turn();
    let_pass(&mut rig, 100_000);
    assert!(client.is_quiet());
    assert!(rig.next().is_some());
    assert_eq!(
        counts(&rig),
        Counts {
            bytes_in: counts(&rig).bytes_in,
            accepted: 1,
            connections: counts(&rig).connections,
            ..Counts::default().plus(&empty())
        }
    );
}

/// What a worker without requests has counted.
fn empty() -> Counts {
    Rig::new().board.counts(0)
}

/// The request of a client that has reset its connection is not begun, whether or not the poller
/// knows the connection.
#[test]
fn a_client_that_resets_has_left() {
    for (kept, registered) in [(false, false), (false, true), (true, true)] {
        let (mut rig, listener) = Rig::listening(|_| {});
        let log = Arc::new(Log::default());
        rig.reactor.log_unserved(Arc::clone(&log) as _);
        let mut client = Client::to(&listener);
        if registered {
            rig.turn();
        }
        if kept {
            client.send(GET);
            let exchange = rig.take().unwrap();
            rig.answer(exchange, ANSWER, true);
            client.expect(ANSWER);
        }
        client.send(GET);
        rig.turn();
        assert_eq!(rig.reactor.inbox.len(), 1);
        client.reset();
        pass_ms(20);
        rig.turn();
        assert!(
            rig.next().is_none(),
            "kept: {kept}, registered: {registered}"
        );
        assert_eq!(counts(&rig).abandoned, 1);
        assert_eq!(rig.reactor.conns.len(), 0);
        assert_eq!(*log.lines.lock().unwrap(), [("/".to_owned(), 0, 20)]);
        rig.turn();
        assert!(rig.board.read(0).in_flight.is_empty());
    }
}

/// One that has ended its side is served as long as it has not waited for long.
#[test]
fn a_client_that_has_ended_its_side_is_told_to_come_again() {
    for (waited_ms, begun) in [(100, true), (101, false)] {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        client.send(GET);
        client.send_end();
        rig.turn();
        pass_ms(waited_ms);
        let next = rig.take();
        assert_eq!(next.is_some(), begun, "after {waited_ms} ms");
        if let Some(exchange) = next {
            rig.answer(exchange, ANSWER, true);
            assert_eq!(client.receive(ANSWER.len()), ANSWER);
        } else {
            refused(&mut client, false);
            assert!(client.has_ended());
            let counts = counts(&rig);
            assert_eq!(
                (counts.shed, counts.abandoned, counts.requests[4]),
                (0, 1, 1)
            );
        }
    }
}

/// The same while all threads are busy: its connection does not stay.
#[test]
fn connections_of_clients_that_have_left_are_closed_meanwhile() {
    let mut rig = Rig::new();
    let mut clients: Vec<_> = (0..3).map(|_| rig.connect_tcp()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    rig.turn();
    drop(clients.pop());
    let_pass(&mut rig, 120);
    assert_eq!((rig.reactor.conns.len(), rig.reactor.inbox.len()), (2, 2));
    // Later too.
    let_pass(&mut rig, 1_000);
    drop(clients.pop());
    let_pass(&mut rig, 120);
    assert_eq!((rig.reactor.conns.len(), rig.reactor.inbox.len()), (1, 1));
    assert_eq!(counts(&rig).abandoned, 2);
}

/// With another request before it, a client has ended well, and waits for both answers.
#[test]
fn pipelined_requests_before_the_end_are_served() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET.repeat(2));
    client.send_end();
    for _ in 0..2 {
        rig.turn();
        let_pass(&mut rig, 1_000);
        let exchange = rig.next().expect("a request to be begun");
        rig.answer(exchange, ANSWER, true);
        assert_eq!(client.receive(ANSWER.len()), ANSWER);
    }
    assert_eq!(counts(&rig).abandoned, 0);
}

/// A driver that finds request after request looks at the sockets, so that it knows what waits.
#[test]
fn reading_is_due_while_requests_may_not_wait_for_ever() {
    for (mut rig, due) in [(rig(&[]), true), (Rig::new(), false)] {
        rig.turn();
        assert!(!rig.reactor.reading_is_due());
        pass_ms(11);
        assert_eq!(rig.reactor.reading_is_due(), due);
        rig.turn();
        assert!(!rig.reactor.reading_is_due());
    }
}

/// Where Python writes the access log, it is told of each request once, with what it needs.
#[test]
fn python_is_told() {
    let mut rig = rig(&[]);
    let log = Log {
        python: true,
        ..Log::default()
    };
    rig.reactor.log_unserved(Arc::new(log));
    let mut client = rig.connect();
    client.send(GET);
    rig.turn();
    let_pass(&mut rig, LIMIT_MS + 10);
    refused(&mut client, true);
    assert!(rig.board.read(0).in_flight.is_empty());
    let [
        crate::notice::Notice::Unserved(unserved),
        crate::notice::Notice::Text(_, text),
    ] = &rig.reactor.notices.take()[..]
    else {
        panic!("not told of");
    };
    assert!(text.starts_with("1 requests answered 503: "), "{text}");
    assert_eq!(unserved.exchange.head.target(), b"/");
    assert_eq!(
        (unserved.exchange.key, unserved.exchange.entry),
        (None, None)
    );
}

/// The error log is told of many at once.
#[test]
fn the_error_log_is_told_from_time_to_time() {
    let mut rig = rig(&[("/", 100)]);
    let mut told = Vec::new();
    for _ in 0..3 {
        let mut clients: Vec<_> = (0..4).map(|_| rig.connect()).collect();
        for client in &mut clients {
            client.send(GET);
        }
        rig.turn();
        let_pass(&mut rig, 4_000);
        told.extend(rig.notices());
    }
    let_pass(&mut rig, 10_000);
    told.extend(rig.notices());
    let counts: Vec<_> = told.iter().map(|text| text.split(' ').next()).collect();
    assert_eq!(counts, [Some("4"), Some("8")], "{told:?}");
}
