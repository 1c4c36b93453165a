mod ends;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::incoming::{BodyPart, HIGH_WATER};
use crate::reactor::{Block, Room, SCRATCH};
use crate::testing::{Bytes, Client, Rig, pass_ms};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const CONNECT: &str = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
const STATUS: &[u8] = b"101 Switching Protocols";
const HOUR_MS: u64 = 3_600_000;
const LARGE: usize = 4 << 20;

/// The application's answer switches, if that is possible.
fn answer(
    rig: &mut Rig,
    mut exchange: Box<Exchange>,
    status: &[u8],
) -> Result<RequestKey, Box<Exchange>> {
    exchange.response.draft.start(status).unwrap();
    exchange.out.extend_from_slice(SWITCHING);
    let entry = exchange.entry;
    let key = rig.reactor.switch(exchange, None)?;
    rig.board.end(0, entry);
    Ok(key)
}

/// A client's request is in `sent`, and its connection has switched.
fn switched<S>(rig: &mut Rig, client: &mut Client<S>, sent: impl AsRef<[u8]>) -> RequestKey
where
    S: Read + Write + AsRawFd,
{
    client.send(sent);
    let exchange = rig.take().unwrap();
    let key = exchange.key.unwrap();
    let got = answer(rig, exchange, STATUS);
    assert_eq!(got.map_err(|_| "not switched"), Ok(key));
    client.expect(SWITCHING);
    key
}

/// A request over TCP, which may take its time.
fn arriving(rig: &mut Rig) -> Box<Exchange> {
    loop {
        if let Some(exchange) = rig.take() {
            return exchange;
        }
    }
}

/// What has come through the tunnel so far.
fn pull(rig: &mut Rig, key: RequestKey) -> (Vec<u8>, BodyPart) {
    let mut bytes = Vec::new();
    loop {
        match rig.reactor.read_body(key, 10_000, &mut bytes) {
            BodyPart::Bytes(count) => assert!((1..=10_000).contains(&count)),
            last => return (bytes, last),
        }
    }
}

fn push(rig: &mut Rig, key: RequestKey, bytes: &[u8]) -> Room {
    rig.reactor.stream(key, b"", Block::<Bytes>::Bytes(bytes))
}

fn pattern() -> Vec<u8> {
    let bytes = b"a pattern whose length is odd".iter().copied();
    bytes.cycle().take(LARGE).collect()
}

/// What looks like a request behind the switch is none, wherever it is cut.
#[test]
fn bytes_behind_the_request_are_never_read_as_http() {
    let all = format!("{UPGRADE}{GET}{GET}");
    for cut in UPGRADE.len()..=all.len() {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        let key = switched(&mut rig, &mut client, &all[..cut]);
        let mut got = pull(&mut rig, key).0;
        client.send(&all[cut..]);
        assert!(rig.take().is_none());
        got.extend(pull(&mut rig, key).0);
        assert_eq!(String::from_utf8(got).unwrap(), format!("{GET}{GET}"));
        assert!(client.is_quiet());
        assert_eq!(rig.reactor.conns.len(), 1);
    }
}

#[test]
fn both_sides_speak_as_they_like() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let key = switched(&mut rig, &mut client, UPGRADE);
    assert_eq!(push(&mut rig, key, b"hello"), Room::Yes);
    client.expect(b"hello");
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Later));
    client.send("one");
    rig.turn();
    assert_eq!(std::mem::take(&mut rig.reactor.news.bodies), [key]);
    assert_eq!(pull(&mut rig, key), (b"one".to_vec(), BodyPart::Later));
    // Silence is no fault of a tunnel, and no request is over its time with it.
    pass_ms(HOUR_MS);
    rig.turn();
    rig.reactor.abort();
    assert!(client.is_quiet());
    assert_eq!(rig.notices(), [""; 0]);
    assert!(rig.reactor.detach(key).is_none(), "it is no request's");
    client.send("two");
    rig.turn();
    assert_eq!(pull(&mut rig, key), (b"two".to_vec(), BodyPart::Later));
    rig.reactor.end_tunnel(key);
    assert!(client.has_ended());
    assert_eq!(rig.reactor.conns.len(), 1, "its own end is awaited");
    drop(client);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// Its request has come with the connection, which the poller does not know so far.
#[test]
fn a_new_connection_is_watched() {
    let (mut rig, listener) = Rig::listening(|_| {});
    let mut client = Client::to(&listener);
    client.send(UPGRADE);
    let mut exchange = arriving(&mut rig);
    exchange.response.draft.start(STATUS).unwrap();
    let key = rig.reactor.switch(exchange, None).ok().unwrap();
    client.send("early");
    for _ in 0..1_000 {
        rig.turn();
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        let incoming = conn.serving.incoming.as_mut().unwrap();
        if incoming.take(9, &mut Vec::new()) > 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it is not read");
}

/// Its thread has not yet told the scoreboard that the request is over.
#[test]
fn no_answer_is_owed_after_the_switch() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(UPGRADE);
    let mut exchange = rig.take().unwrap();
    exchange.response.draft.start(STATUS).unwrap();
    let key = rig.reactor.switch(exchange, None).ok().unwrap();
    rig.reactor.abort();
    assert_eq!(rig.reactor.room(key), Some(Room::Yes));
    assert!(client.is_quiet());
}

#[test]
fn success_to_connect_switches() {
    let mut rig = Rig::with(|config| config.policy.permissions.connect = true);
    let mut client = rig.connect();
    client.send(CONNECT);
    let exchange = rig.take().unwrap();
    let key = answer(&mut rig, exchange, b"200 OK").ok().unwrap();
    client.expect(SWITCHING);
    client.send(GET);
    assert!(rig.take().is_none());
    assert_eq!(pull(&mut rig, key).0, GET.as_bytes());
}

#[test]
fn what_does_not_switch_is_left_as_it_is() {
    let mut rig = Rig::with(|config| {
        config.flowing_bodies = true;
        config.policy.permissions.connect = true;
    });
    let body = UPGRADE.replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\n");
    let table: [(&str, &[u8]); 4] = [
        (GET, STATUS),
        (UPGRADE, b"200 OK"),
        (CONNECT, b"403 Forbidden"),
        (&body, STATUS),
    ];
    for (request, status) in table {
        let mut client = rig.connect();
        client.send(request);
        let exchange = rig.take().unwrap();
        let mut exchange = answer(&mut rig, exchange, status).unwrap_err();
        exchange.out.clear();
        rig.answer(exchange, b"HTTP/1.1 200 OK\r\n\r\nas ever", false);
        assert!(client.receive_all().ends_with("\r\n\r\nas ever"));
    }
    // One whose response has begun, and one whose client has gone.
    let mut client = rig.connect();
    client.send(UPGRADE);
    let exchange = rig.take().unwrap();
    push(&mut rig, exchange.key.unwrap(), b"HTTP/1.1 200 OK\r\n\r\n");
    let exchange = answer(&mut rig, exchange, STATUS).unwrap_err();
    rig.reactor.abandon(exchange);
    let mut client = rig.connect();
    client.send(UPGRADE);
    let exchange = rig.take().unwrap();
    rig.reactor.report_disconnect(exchange.key.unwrap());
    drop(client);
    rig.turn();
    assert!(answer(&mut rig, exchange, STATUS).is_err());
}

/// The application is slow: the kernel holds the client back.
#[test]
fn what_waits_for_the_application_is_bounded() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let key = switched(&mut rig, &mut client, UPGRADE);
    let sent = pattern();
    client.0.set_nonblocking(true).unwrap();
    let mut at = 0;
    let mut got = Vec::new();
    while got.len() < LARGE {
        while let Ok(count @ 1..) = client.0.write(&sent[at..]) {
            at += count;
        }
        for _ in 0..3 {
            rig.turn();
        }
        let before = got.len();
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        let incoming = conn.serving.incoming.as_mut().unwrap();
        let waiting = incoming.take(usize::MAX, &mut got);
        assert_eq!(waiting, got.len() - before);
        assert!(waiting < HIGH_WATER + SCRATCH, "{waiting}");
        assert!(!conn.has_input());
        rig.reactor.read_body(key, 1_000, &mut got);
    }
    assert!(got == sent);
    client.0.set_nonblocking(false).unwrap();
    client.send_end();
    rig.turn();
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::End));
}

/// The client is slow: the application is told to wait, and goes on when there is room.
#[test]
fn what_waits_for_the_client_is_bounded() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = switched(&mut rig, &mut client, UPGRADE);
    let (sent, mut got) = (pattern(), Vec::new());
    for block in sent.chunks(50_000) {
        let mut room = push(&mut rig, key, block);
        while room == Room::Full {
            let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
            assert!(conn.output.queued() < 400_000);
            assert_eq!(rig.reactor.room(key), None);
            while rig.reactor.room(key).is_none() {
                got.extend(client.receive_some().expect("the tunnel is open"));
                rig.turn();
            }
            room = rig.reactor.room(key).unwrap();
        }
        assert_eq!(room, Room::Yes);
    }
    while got.len() < LARGE {
        got.extend(client.receive_some().expect("the tunnel is open"));
        rig.turn();
    }
    assert!(got == sent);
    // Everything is written: it has no deadline.
    pass_ms(HOUR_MS);
    rig.turn();
    assert!(client.is_quiet());
}

#[test]
fn a_client_that_reads_nothing_is_given_up() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = switched(&mut rig, &mut client, UPGRADE);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    assert_eq!(push(&mut rig, key, &pattern()), Room::Full);
    pass_ms(rig.reactor.config.write_timeout_ms - 100);
    rig.turn();
    assert_eq!(rig.reactor.room(key), None);
    pass_ms(200);
    rig.turn();
    assert_eq!(rig.reactor.room(key), Some(Room::Gone));
    assert_eq!(rig.reactor.news.bodies, [key]);
    assert!(rig.notices()[0].contains("write_timeout"));
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// What the scoreboard says of a connection is as before: it is one of this worker's.
#[test]
fn it_keeps_its_place() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let key = switched(&mut rig, &mut client, UPGRADE);
    let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
    assert_eq!((conn.requests, conn.listener), (1, 0));
    assert!(!conn.can_be_spared() && !conn.idle());
    // It is read before the application asks.
    client.send("early");
    rig.turn();
    let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
    assert!(!conn.readable);
    let mut got = Vec::new();
    let incoming = conn.serving.incoming.as_mut().unwrap();
    assert_eq!((incoming.take(9, &mut got), &got[..]), (5, &b"early"[..]));
    let seen = rig.board.read(0);
    assert_eq!((seen.connections, seen.requests), (1, 1));
    assert!(seen.in_flight.is_empty());
}
