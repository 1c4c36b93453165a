use std::os::unix::net::UnixStream;

use super::*;
use crate::body::Body;
use crate::incoming::HIGH_WATER;
use crate::reactor::{Block, Tail};
use crate::testing::{Bytes, Client, Rig, pass_ms};

const GET: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const LARGE: usize = 4 << 20;

fn flowing() -> Rig {
    Rig::with(|config| {
        config.flowing_bodies = true;
        config.policy.limits.body = None;
    })
}

fn head(length: usize) -> String {
    format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

/// Writes as much as the kernel takes.
fn push(client: &mut Client<UnixStream>, bytes: &[u8]) -> usize {
    use std::io::Write;
    client.0.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while let Ok(count) = client.0.write(&bytes[sent..]) {
        sent += count;
        if sent == bytes.len() {
            break;
        }
    }
    client.0.set_nonblocking(false).unwrap();
    sent
}

/// What the application gets until there is no more for now.
fn pull(rig: &mut Rig, key: RequestKey) -> (Vec<u8>, BodyPart) {
    let mut bytes = Vec::new();
    loop {
        match rig.reactor.read_body(key, 10_000, &mut bytes) {
            BodyPart::Bytes(count) => assert!(count > 0),
            last => return (bytes, last),
        }
    }
}

#[test]
fn a_request_comes_with_its_head_and_its_body_is_asked_for() {
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(head(8));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    assert!(matches!(exchange.body, Body::Flowing));
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Later));
    client.send("some");
    rig.turn();
    assert_eq!(std::mem::take(&mut rig.reactor.news.bodies), [key]);
    assert_eq!(pull(&mut rig, key), (b"some".to_vec(), BodyPart::Later));
    client.send("more");
    rig.turn();
    assert_eq!(pull(&mut rig, key), (b"more".to_vec(), BodyPart::End));
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
    // One without a body is as ever, and one whose body comes with it needs no waiting.
    client.send(format!("{GET}{}abc", head(3)));
    let exchange = rig.take().unwrap();
    assert!(matches!(exchange.body, Body::Empty));
    rig.answer(exchange, ANSWER, true);
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    assert_eq!(pull(&mut rig, key), (b"abc".to_vec(), BodyPart::End));
}

#[test]
fn chunks_are_joined_wherever_they_are_cut() {
    let all = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
               3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    for cut in 1..all.len() {
        let mut rig = flowing();
        let mut client = rig.connect();
        client.send(&all[..cut]);
        let first = rig.take();
        client.send(&all[cut..]);
        let exchange = first.or_else(|| rig.take()).unwrap();
        rig.turn();
        let whole = (b"abcdefg".to_vec(), BodyPart::End);
        assert_eq!(pull(&mut rig, exchange.key.unwrap()), whole, "{cut}");
    }
}

/// A slow application: what waits for it is bounded, and the client is slowed down.
#[test]
fn memory_is_bounded_while_the_application_is_slow() {
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(head(LARGE));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    let body = vec![b'x'; LARGE];
    let mut sent = 0;
    let mut got = 0;
    while got < LARGE {
        for _ in 0..20 {
            sent += push(&mut client, &body[sent..]);
            rig.turn();
        }
        assert!(
            sent == LARGE || sent - got < 1 << 20,
            "{sent} were taken, {got} wanted"
        );
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        let mut room = Vec::new();
        let waiting = conn
            .serving
            .incoming
            .as_mut()
            .unwrap()
            .take(usize::MAX, &mut room);
        assert!(waiting < 2 * HIGH_WATER);
        got += waiting;
        got += pull(&mut rig, key).0.len();
    }
    assert_eq!(pull(&mut rig, key).1, BodyPart::End);
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
}

/// A slow client: nothing is given up as long as it goes on, and it may not pause for ever.
#[test]
fn a_slow_client_has_its_time_for_each_part() {
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(head(9));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    for _ in 0..3 {
        assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Later));
        pass_ms(15_000);
        client.send("x");
        rig.turn();
        assert_eq!(std::mem::take(&mut rig.reactor.news.bodies), [key]);
        // An application that takes its time does not use up the client's.
        pass_ms(100_000);
        rig.turn();
        assert_eq!(
            rig.reactor.read_body(key, 1, &mut Vec::new()),
            BodyPart::Bytes(1)
        );
    }
    // Asking again gives it no more.
    for _ in 0..3 {
        assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Later));
        pass_ms(6_700);
        rig.turn();
    }
    assert_eq!(rig.reactor.news.bodies, [key]);
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Gone));
    assert!(client.receive_all().starts_with("HTTP/1.1 408 "));
    rig.answer(exchange, ANSWER, true);
}

#[test]
fn a_client_that_leaves_in_the_middle() {
    for begun in [false, true] {
        let mut rig = flowing();
        let mut client = rig.connect();
        client.send(format!("{}abc", head(9)));
        let exchange = rig.take().unwrap();
        let key = exchange.key.unwrap();
        assert_eq!(pull(&mut rig, key), (b"abc".to_vec(), BodyPart::Later));
        if begun {
            let block = Block::<Bytes>::Bytes(b"begun");
            rig.reactor.stream(key, b"", block);
        }
        client.send_end();
        rig.turn();
        assert_eq!(rig.reactor.news.bodies, [key]);
        assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Gone));
        rig.answer(exchange, ANSWER, true);
        let answer = client.receive_all();
        if begun {
            assert_eq!(answer, "begun", "no second response in the middle of one");
        } else {
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}

#[test]
fn a_body_that_breaks_a_rule_is_cut_short() {
    let mut rig = flowing();
    let mut client = rig.connect();
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{head}1\r\na\r\n"));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    assert_eq!(pull(&mut rig, key), (b"a".to_vec(), BodyPart::Later));
    client.send("nonsense\r\n");
    rig.turn();
    assert_eq!(pull(&mut rig, key).1, BodyPart::Gone);
    client.send_end();
    assert!(client.receive_all().starts_with("HTTP/1.1 400 "));
    // With the head in the same bytes the application does not see the request at all.
    let mut client = rig.connect();
    client.send(format!("{head}nonsense\r\n"));
    assert!(rig.take().is_none());
}

/// The client is told to go on when the application asks, and not before.
#[test]
fn continue_is_sent_when_the_body_is_asked_for() {
    let asks = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(asks);
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    assert!(client.is_quiet());
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    client.expect(proto::h1::CONTINUE);
    client.send("ok");
    rig.turn();
    assert_eq!(pull(&mut rig, key), (b"ok".to_vec(), BodyPart::End));
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
    // Refused without a look at the body: the client need not send it.
    client.send(asks);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, false);
    assert_eq!(client.receive_all().as_bytes(), ANSWER);
}

/// A request behind a body that was not read is found when that has come, within bounds.
#[test]
fn a_pipelined_request_behind_a_body_that_was_not_read() {
    for (length, answered) in [(3, true), (100_000, true), (1 << 20, false)] {
        let mut rig = flowing();
        let mut client = rig.connect();
        client.send(head(length));
        let exchange = rig.take().unwrap();
        let all = [vec![b'x'; length], GET.into()].concat();
        let mut sent = push(&mut client, &all[..length / 2]);
        rig.turn();
        rig.answer(exchange, ANSWER, true);
        client.expect(ANSWER);
        let mut next = None;
        for _ in 0..200 {
            sent += push(&mut client, &all[sent..]);
            next = next.or(rig.take());
        }
        let Some(next) = next else {
            assert!(!answered, "{length}");
            assert!(client.has_ended());
            continue;
        };
        assert!(answered, "{length}");
        assert_eq!(next.head.target(), b"/next");
        rig.answer(next, ANSWER, true);
        client.expect(ANSWER);
    }
}

/// A response that is held back for its batch, or streamed, ends as well before the body has come.
#[test]
fn a_streamed_response_overtakes_its_request() {
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(head(4));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    rig.reactor.stream(key, ANSWER, Block::<Bytes>::None);
    rig.finish(exchange, Tail::None, true);
    client.expect(ANSWER);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Gone);
    client.send(format!("body{GET}"));
    let next = rig.take().unwrap();
    assert_eq!((next.head.target(), next.number), (&b"/next"[..], 2));
}

/// A client that does not send the rest behind its response has the time of a body for it.
#[test]
fn the_rest_of_a_body_has_its_time() {
    let mut rig = flowing();
    let mut client = rig.connect();
    client.send(head(4));
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, true);
    pass_ms(20_100);
    rig.turn();
    assert_eq!(client.receive_all().as_bytes(), ANSWER);
    assert_eq!(rig.reactor.conns.len(), 0);
}
