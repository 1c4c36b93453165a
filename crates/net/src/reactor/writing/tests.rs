use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;
use crate::reactor::batch::HELD_BACK_NS;
use crate::reactor::{Block, Room};
use crate::testing::{Bytes, Client, Rig, pass_ms};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
/// More than the kernel takes at once.
const LARGE: usize = 4 * 1024 * 1024;

fn large() -> Vec<u8> {
    b"a pattern whose length is odd"
        .iter()
        .copied()
        .cycle()
        .take(LARGE)
        .collect()
}

/// Turns, and reads what has come, until there are so many bytes.
fn receive(rig: &mut Rig, client: &mut Client<UnixStream>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        bytes.extend(client.receive_some().expect("the response goes on"));
        rig.turn();
    }
    bytes
}

fn request(rig: &mut Rig, client: &mut Client<UnixStream>) -> Box<Exchange> {
    client.send(GET);
    rig.take().unwrap()
}

/// The application is free again at once; what its client does not take waits here.
#[test]
fn a_slow_reader_gets_all_of_it() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let body = large();
    for _ in 0..2 {
        let mut exchange = request(&mut rig, &mut client);
        exchange.out.extend_from_slice(HEAD);
        rig.finish(exchange, Tail::Bytes(Bytes(body.clone())), true);
        let bytes = receive(&mut rig, &mut client, HEAD.len() + LARGE);
        assert_eq!(&bytes[..HEAD.len()], HEAD);
        assert!(bytes[HEAD.len()..] == body);
        assert!(client.is_quiet());
    }
}

#[test]
fn a_part_of_a_file_follows_the_head() {
    let path = std::env::temp_dir().join(format!("licorne-writing-{}", std::process::id()));
    File::create(&path).unwrap().write_all(&large()).unwrap();
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let mut exchange = request(&mut rig, &mut client);
    exchange.out.extend_from_slice(HEAD);
    let part = FilePart {
        file: File::open(&path).unwrap(),
        offset: 5,
        remaining: LARGE as u64 - 9,
    };
    std::fs::remove_file(&path).unwrap();
    rig.finish(exchange, Tail::File(part), true);
    let bytes = receive(&mut rig, &mut client, HEAD.len() + LARGE - 9);
    assert_eq!(&bytes[..HEAD.len()], HEAD);
    assert!(bytes[HEAD.len()..] == large()[5..LARGE - 4]);
}

/// The client may not see a file that has become shorter as a complete response.
#[test]
fn a_file_that_has_shrunk_ends_its_connection() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let mut exchange = request(&mut rig, &mut client);
    exchange.out.extend_from_slice(HEAD);
    let part = FilePart {
        file: File::open("/dev/null").unwrap(),
        offset: 0,
        remaining: 9,
    };
    rig.finish(exchange, Tail::File(part), true);
    assert_eq!(client.receive_all().as_bytes(), HEAD);
    assert_eq!(rig.reactor.conns.len(), 0);
}

#[test]
fn a_client_that_leaves_in_the_middle() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let exchange = request(&mut rig, &mut client);
    let key = exchange.key.unwrap();
    let block = Block::Shared(Bytes(large()));
    assert_eq!(rig.reactor.stream(key, HEAD, block), Room::Full);
    assert!(rig.reactor.room(key).is_none());
    rig.turn();
    drop(client);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
    assert!(
        rig.reactor.news.room,
        "an application that waits for room is told"
    );
    assert_eq!(rig.reactor.room(key), Some(Room::Gone));
    let gone = rig.reactor.stream(key, b"", Block::<Bytes>::Chunk(b"x"));
    assert_eq!(gone, Room::Gone);
    rig.finish(exchange, Tail::None, true);
    assert!(rig.board.read(0).in_flight.is_empty());
}

/// An application that streams has to wait while its client is behind by the high-water mark.
#[test]
fn a_stream_waits_for_its_client() {
    const BLOCK: [u8; 8_000] = [b'x'; 8_000];
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let exchange = request(&mut rig, &mut client);
    let key = exchange.key.unwrap();
    let mut given = 0;
    let mut received = 0;
    for _ in 0..3 {
        loop {
            given += BLOCK.len();
            let block = Block::<Bytes>::Bytes(&BLOCK);
            if rig.reactor.stream(key, b"", block) == Room::Full {
                break;
            }
        }
        assert!(given - received < 512 * 1024);
        while rig.reactor.room(key).is_none() {
            received += client.receive_some().unwrap().len();
            rig.turn();
        }
        assert_eq!(rig.reactor.room(key), Some(Room::Yes));
    }
    rig.finish(exchange, Tail::None, true);
    receive(&mut rig, &mut client, given - received);
    assert!(client.is_quiet());
}

/// Small blocks of one turn leave as one chunk with one write.
#[test]
fn blocks_of_one_turn_are_one_chunk() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let exchange = request(&mut rig, &mut client);
    let key = exchange.key.unwrap();
    rig.reactor.allow_batch(true);
    for block in ["one", "two", "three"] {
        let block = Block::<Bytes>::Chunk(block.as_bytes());
        assert_eq!(rig.reactor.stream(key, b"", block), Room::Yes);
    }
    assert!(rig.reactor.holds_output() && client.is_quiet());
    rig.turn();
    let bytes = String::from_utf8(client.receive_some().unwrap()).unwrap();
    let (length, rest) = bytes.split_once("\r\n").unwrap();
    assert_eq!(usize::from_str_radix(length, 16), Ok(11));
    assert_eq!(rest, "onetwothree\r\n");
    // Without permission to hold it back each one leaves at once.
    rig.reactor.allow_batch(false);
    rig.reactor.stream(key, b"", Block::<Bytes>::Chunk(b"x"));
    assert!(!client.is_quiet());
    drop(exchange);
}

/// Answers of one batch leave together, in time, and have their names until then.
#[test]
fn small_answers_wait_for_their_batch() {
    let mut rig = Rig::new();
    let mut clients = [rig.connect(), rig.connect(), rig.connect()];
    for client in &mut clients {
        client.send(GET);
    }
    rig.turn();
    for _ in 0..20 {
        rig.reactor.batch.pace.took(0);
    }
    rig.reactor.allow_batch(true);
    let first = rig.next().unwrap();
    rig.answer(first, ANSWER, true);
    assert!(clients[0].is_quiet() && rig.reactor.holds_output());
    assert_eq!(rig.board.read(0).in_flight.len(), 3);
    let second = rig.next().unwrap();
    rig.answer(second, ANSWER, true);
    assert!(clients[1].is_quiet());
    // Nothing else is ready: the last one takes the others with it.
    let third = rig.next().unwrap();
    rig.answer(third, ANSWER, true);
    for client in &mut clients {
        client.expect(ANSWER);
    }
    assert!(rig.board.read(0).in_flight.is_empty());
}

/// Requests that have come together are answered together, but not without end before those of others.
#[test]
fn pipelined_requests_come_one_after_the_other() {
    let mut rig = Rig::new();
    let mut clients = [rig.connect(), rig.connect()];
    let mut answered = 0;
    clients[0].send(GET.repeat(20));
    clients[1].send(GET.replacen('/', "/other", 1));
    rig.turn();
    for _ in 0..20 {
        rig.reactor.batch.pace.took(0);
    }
    rig.reactor.allow_batch(true);
    loop {
        let exchange = rig.next().unwrap();
        if exchange.head.path() == b"/other" {
            break;
        }
        rig.answer(exchange, ANSWER, true);
        answered += 1;
        assert!(clients[0].is_quiet());
    }
    assert_eq!(answered, 16);
}

#[test]
fn an_answer_does_not_wait_for_its_batch_for_long() {
    let mut rig = Rig::new();
    let mut clients: [_; 4] = std::array::from_fn(|_| rig.connect());
    for client in &mut clients {
        client.send(GET);
    }
    rig.turn();
    for _ in 0..20 {
        rig.reactor.batch.pace.took(0);
    }
    rig.reactor.allow_batch(true);
    let first = rig.next().unwrap();
    rig.answer(first, ANSWER, true);
    assert!(clients[0].is_quiet());
    let second = rig.next().unwrap();
    pass_ms(2);
    rig.answer(second, ANSWER, true);
    clients[0].expect(ANSWER);
    clients[1].expect(ANSWER);
    // An application that takes longer than an answer may wait: each one leaves at once.
    let third = rig.next().unwrap();
    for _ in 0..20 {
        rig.reactor.batch.pace.took(2 * HELD_BACK_NS);
    }
    rig.answer(third, ANSWER, true);
    clients[2].expect(ANSWER);
}

#[test]
fn an_interim_response_comes_before_the_final_one() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let exchange = request(&mut rig, &mut client);
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    rig.reactor.interim(exchange.key.unwrap(), early);
    client.expect(early);
    rig.answer(exchange, ANSWER, true);
    client.expect(ANSWER);
}

/// The last response, then the end; what the client sends meanwhile is read, so that no reset
/// destroys the response on its way.
#[test]
fn the_last_response_ends_its_connection_gently() {
    let mut rig = Rig::new();
    let mut client = rig.connect_tcp();
    client.send(GET);
    let exchange = rig.take().unwrap();
    client.send(vec![b'x'; 100_000]);
    rig.answer(exchange, ANSWER, false);
    client.send(vec![b'x'; 100_000]);
    rig.turn();
    assert_eq!(client.receive_all().as_bytes(), ANSWER);
    assert_eq!(rig.reactor.conns.len(), 1, "its own end is awaited");
    drop(client);
    for _ in 0..100 {
        rig.turn();
    }
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// A client that has said that this is its last request is not waited for.
#[test]
fn a_last_request_needs_no_waiting() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let exchange = rig.take().unwrap();
    assert!(!exchange.keep_alive);
    rig.answer(exchange, ANSWER, false);
    assert_eq!(rig.reactor.conns.len(), 0);
    assert_eq!(client.receive_all().as_bytes(), ANSWER);
}

/// What was given of a response that is not completed is sent, and must not look complete.
#[test]
fn an_abandoned_response_ends_its_connection() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let exchange = request(&mut rig, &mut client);
    let block = Block::<Bytes>::Chunk(b"x");
    rig.reactor.stream(exchange.key.unwrap(), HEAD, block);
    rig.reactor.abandon(exchange);
    let all = client.receive_all();
    assert!(
        all.ends_with("x\r\n") && !all.contains("0\r\n\r\n"),
        "{all}"
    );
}

#[test]
fn a_socket_that_is_given_away_takes_its_bytes_along() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(format!("{GET}more"));
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    let (_, input, unsent) = rig.reactor.detach(key).unwrap();
    assert_eq!(
        (input.as_slice(), unsent.unwrap()),
        (&b"more"[..], Vec::new())
    );
    assert_eq!(rig.reactor.conns.len(), 0);
    assert!(rig.reactor.detach(key).is_none());
    rig.reactor.discard(exchange);
}
