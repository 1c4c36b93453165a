use crate::body::Body;
use crate::output::COPY_LIMIT;
use crate::reactor::Tail;
use crate::testing::{Bytes, Rig};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn bytes_in_exchanges_out() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    for byte in GET.bytes() {
        assert!(rig.take().is_none());
        client.send([byte]);
    }
    let exchange = rig.take().unwrap();
    assert_eq!(exchange.head.target(), b"/x");
    assert_eq!(
        (exchange.id, exchange.number, exchange.keep_alive),
        (1, 1, true)
    );
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
    client.send(GET);
    assert_eq!(rig.take().unwrap().number, 2);
}

/// The second request is read with the first one, and begins when the first is answered.
#[test]
fn pipelined_requests_come_one_after_the_other() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET.repeat(3));
    for number in 1..=3 {
        let exchange = rig.take().unwrap();
        assert_eq!(exchange.number, number);
        assert!(rig.take().is_none(), "one of a connection at a time");
        rig.answer(exchange, ANSWER, true);
    }
    assert!(rig.take().is_none());
    client.expect(&ANSWER.repeat(3));
}

/// A client that asks for more than it reads gets no further request in until it has read on.
#[test]
fn pipelining_is_bounded_by_what_its_client_reads() {
    const REQUESTS: usize = 200;
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let block = vec![b'x'; COPY_LIMIT];
    let answered = |rig: &mut Rig| {
        let mut count = 0;
        while let Some(exchange) = rig.take() {
            rig.finish(exchange, Tail::Bytes(Bytes(block.clone())), true);
            count += 1;
        }
        count
    };
    client.send(GET.repeat(REQUESTS));
    let mut served = answered(&mut rig);
    assert!(
        served < 40,
        "{served} were served for a client that reads nothing"
    );
    let mut received = 0;
    while served < REQUESTS || received < REQUESTS * COPY_LIMIT {
        received += client.receive_some().unwrap().len();
        served += answered(&mut rig);
    }
    assert_eq!(served, REQUESTS);
    assert!(client.is_quiet());
}

/// A request that was refused never reaches the application, and nothing after it does.
#[test]
fn a_refused_request_ends_its_connection() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(format!("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n{GET}"));
    assert!(rig.take().is_none());
    assert!(
        client
            .receive_all()
            .starts_with("HTTP/1.1 400 Bad Request\r\n")
    );
    let notices = rig.notices();
    assert!(
        notices[0].starts_with("Invalid request from ip=unix"),
        "{notices:?}"
    );
    client.send(GET);
    assert!(rig.take().is_none());
    client.send_end();
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

#[test]
fn a_body_is_in_memory_or_in_a_file_by_its_size() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    for (length, in_memory) in [(10, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        client.send(format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ));
        let mut body = vec![b'x'; length];
        body[length - 1] = b'.';
        for part in body.chunks(50_000) {
            client.send(part);
            rig.turn();
        }
        let exchange = rig.take().unwrap();
        assert_eq!(
            matches!(exchange.body, Body::Memory(_)),
            in_memory,
            "{length}"
        );
        assert_eq!(exchange.body.len(), length as u64);
        let mut last = [0; 2];
        assert_eq!(
            exchange.body.read_at(&mut last, length as u64 - 2).unwrap(),
            2
        );
        assert_eq!(&last, b"x.");
        rig.answer(exchange, ANSWER, true);
        client.expect(ANSWER);
    }
}

#[test]
fn the_body_is_asked_for_with_100() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert!(rig.take().is_none());
    client.expect(proto::h1::CONTINUE);
    client.send("ok");
    assert!(rig.take().is_some());
}

#[test]
fn a_client_that_leaves_between_requests_is_forgotten() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, true);
    client.send_end();
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
    assert!(rig.notices().is_empty());
}

/// A request that was cut short never reaches the application.
#[test]
fn a_request_that_is_cut_short_is_refused() {
    for part in [
        &GET[..9],
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\no",
    ] {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        client.send(part);
        client.send_end();
        assert!(rig.take().is_none());
        assert!(client.receive_all().starts_with("HTTP/1.1 400 "));
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}

/// A response that comes after a reset meets no connection.
#[test]
fn a_reset_while_the_application_works() {
    let mut rig = Rig::new();
    let mut client = rig.connect_tcp();
    client.send(GET);
    let exchange = rig.take().unwrap();
    // Registered with the poller by the next turn at the latest.
    let key = exchange.key.unwrap();
    rig.reactor.report_disconnect(key);
    client.reset();
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
    assert_eq!(std::mem::take(&mut rig.reactor.news.disconnected), [key]);
    rig.answer(exchange, ANSWER, true);
    assert!(rig.notices().is_empty());
}

#[test]
fn a_reset_in_the_middle_of_a_request() {
    let mut rig = Rig::new();
    let mut client = rig.connect_tcp();
    client.send(&GET[..9]);
    assert!(rig.take().is_none());
    client.reset();
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// One client that sends without an end leaves the others their turn.
#[test]
fn a_fast_sender_does_not_keep_the_others_out() {
    let mut rig = Rig::with(|config| config.policy.limits.body = None);
    let mut fast = rig.connect();
    fast.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig.turn();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fast.0.write_all(chunk.as_bytes()).unwrap();
            }
            fast.send_end();
        });
        let mut other = rig.connect();
        other.send(GET);
        let mut turns = 0;
        let exchange = loop {
            if let Some(exchange) = rig.take() {
                break exchange;
            }
            turns += 1;
            assert!(turns < 1_000);
        };
        assert_eq!(exchange.head.target(), b"/x");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        while rig.reactor.conns.len() > 1 {
            rig.turn();
        }
    });
}

/// What is read is on the scoreboard until it has a name, and then under its name.
#[test]
fn a_request_has_a_name_until_it_is_answered() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET);
    rig.turn();
    assert_eq!(rig.board.left_reading(0), None);
    let waiting = &rig.board.read(0).in_flight[0];
    assert_eq!((waiting.target.as_str(), waiting.waiting), ("/x", true));
    let exchange = rig.next().unwrap();
    assert!(!rig.board.read(0).in_flight[0].waiting);
    rig.answer(exchange, ANSWER, true);
    assert!(rig.board.read(0).in_flight.is_empty());
}
