mod ends;
mod faults;
mod life;

use std::io::Write;
use std::os::unix::net::UnixStream;

use proto::ws::{self, Event, Handshake, Payload, Role};

use super::silence::{CLOSING_MS, LAST_CLOSING_MS};
use super::*;
use crate::config::Config;
use crate::conn::Conn;
use crate::testing::{Bytes, Client, Rig, pass_ms};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A frame of a client, whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..0x1_0000 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(0xff);
            bytes.extend(u64::try_from(len).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A close frame of a client.
fn closing(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.as_bytes());
    frame(CLOSE, &payload)
}

/// A close frame of the server.
fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let mut bytes = closing(code, reason);
    bytes.drain(2..6);
    bytes[1] &= 0x7f;
    bytes
}

fn closed(code: u16, reason: &str) -> Message {
    let reason = reason.to_owned();
    Message::Closed { code, reason }
}

fn text(text: &str) -> Message {
    Message::Text(text.as_bytes().to_vec())
}

/// The application's answer accepts.
fn accept(rig: &mut Rig, mut exchange: Box<Exchange>) -> Option<RequestKey> {
    let agreed = Handshake::of(&exchange.head, rig.reactor.config.websocket.compression);
    let agreed = agreed.unwrap().deflate();
    let draft = &mut exchange.response.draft;
    draft.start(b"101 Switching Protocols").unwrap();
    exchange.out.extend_from_slice(SWITCHING);
    let key = rig.reactor.switch_websocket(&mut exchange, agreed);
    rig.board.end(0, exchange.entry);
    rig.reactor.recycle(exchange);
    key
}

/// What a client has sent has its request in front, and is accepted.
fn accepted<S>(rig: &mut Rig, client: &mut Client<S>, sent: impl AsRef<[u8]>) -> RequestKey
where
    S: std::io::Read + Write + std::os::fd::AsRawFd,
{
    client.send(sent);
    let exchange = loop {
        if let Some(exchange) = rig.take() {
            break exchange;
        }
    };
    let key = accept(rig, exchange).unwrap();
    assert_eq!(client.receive(SWITCHING.len()), SWITCHING);
    key
}

fn open(change: impl FnOnce(&mut Config)) -> (Rig, Client<UnixStream>, RequestKey) {
    let mut rig = Rig::with(change);
    let mut client = rig.connect();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    (rig, client, key)
}

fn take(rig: &mut Rig, key: RequestKey) -> Message {
    rig.reactor.take_message(key)
}

/// Every message that is there.
fn take_all(rig: &mut Rig, key: RequestKey) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        match take(rig, key) {
            Message::Later | Message::Gone => return all,
            message => all.push(message),
        }
    }
}

fn send(rig: &mut Rig, key: RequestKey, kind: Kind, bytes: &[u8]) -> Room {
    let message = Outgoing::<Bytes>::Bytes(bytes);
    rig.reactor.send_message(key, kind, message)
}

/// What a client makes of the bytes that it has received.
fn read_as_client(
    connection: &mut ws::Connection,
    received: &mut Vec<u8>,
    eof: bool,
) -> (Vec<(Kind, Vec<u8>)>, Option<Event>) {
    let (policy, mut pool, mut out) = (ws::Policy::default(), ws::Pool::default(), Vec::new());
    let mut messages = Vec::new();
    loop {
        let step = connection.receive(&policy, &mut pool, received, eof, &mut out);
        let ws::Received { consumed, event } = step.unwrap();
        let message = match &event {
            Event::Message(kind, Payload::Input(range)) => {
                Some((*kind, received[range.clone()].to_vec()))
            }
            Event::Message(kind, Payload::Gathered) => {
                Some((*kind, connection.gathered().to_vec()))
            }
            _ => None,
        };
        received.drain(..consumed);
        match (message, event) {
            (Some(message), _) => messages.push(message),
            (None, Event::NeedMore) => return (messages, None),
            (None, event) => return (messages, Some(event)),
        }
    }
}

/// What a client sends may be cut anywhere, also before it was accepted.
#[test]
fn messages_come_however_their_bytes_come() {
    let mut all = UPGRADE.as_bytes().to_vec();
    all.extend(frame(TEXT, "grün".as_bytes()));
    all.extend(frame(0x02, b"fragments, "));
    all.extend(frame(PING, b"?"));
    all.extend(frame(0x80, b"two"));
    all.extend(frame(BINARY, &[7; 200]));
    let expected = [
        text("grün"),
        Message::Binary(b"fragments, two".to_vec()),
        Message::Binary(vec![7; 200]),
    ];
    for cut in UPGRADE.len()..=all.len() {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        let key = accepted(&mut rig, &mut client, &all[..cut]);
        let mut got = take_all(&mut rig, key);
        assert_eq!(take(&mut rig, key), Message::Later);
        client.send(&all[cut..]);
        rig.turn();
        let named = std::mem::take(&mut rig.reactor.news.messages);
        got.extend(take_all(&mut rig, key));
        assert_eq!(got, expected, "{cut}");
        assert_eq!(
            named.is_empty(),
            cut == all.len() || got.is_empty(),
            "{cut}"
        );
        client.expect(b"\x8a\x01?");
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        assert!(!conn.has_input());
    }
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    for byte in &all[UPGRADE.len()..] {
        client.send([*byte]);
        rig.turn();
    }
    assert_eq!(take_all(&mut rig, key), expected);
}

/// It is named once for each time that it was asked in vain.
#[test]
fn the_application_is_told_when_it_waits() {
    let (mut rig, mut client, key) = open(|_| {});
    client.send(frame(TEXT, b"early"));
    rig.turn();
    assert!(rig.reactor.news.messages.is_empty(), "it has not asked");
    assert_eq!(take(&mut rig, key), text("early"));
    assert_eq!(take(&mut rig, key), Message::Later);
    client.send(frame(PING, b""));
    client.send(frame(0x01, b"be"));
    rig.turn();
    assert!(
        rig.reactor.news.messages.is_empty(),
        "there is no message yet"
    );
    client.send(frame(0x80, b"gun"));
    client.send(frame(TEXT, b"next"));
    rig.turn();
    assert_eq!(std::mem::take(&mut rig.reactor.news.messages), [key]);
    rig.turn();
    assert!(rig.reactor.news.messages.is_empty());
    assert_eq!(take_all(&mut rig, key), [text("begun"), text("next")]);
}

/// What the kernel has is read when the application asks.
#[test]
fn what_has_come_without_a_turn_is_there() {
    let (mut rig, mut client, key) = open(|config| config.websocket.queue = 1);
    for word in ["one", "two", "three"] {
        client.send(frame(TEXT, word.as_bytes()));
    }
    rig.turn();
    assert_eq!(
        take_all(&mut rig, key),
        [text("one"), text("two"), text("three")]
    );
}

/// The application is slow: above the bound the kernel holds the client back.
#[test]
fn what_waits_is_bounded() {
    let large = vec![b'x'; 300_000];
    let table: [(&[u8], usize); 3] = [(b"x", 32), (&large[..200_000], 6), (&large, 4)];
    for (payload, most) in table {
        let (mut rig, mut client, key) = open(|_| {});
        client.0.set_nonblocking(true).unwrap();
        let one = frame(BINARY, payload);
        let sent = one.repeat(100);
        let mut at = 0;
        for number in 0..100 {
            for _ in 0..20 {
                match client.0.write(&sent[at..]) {
                    Ok(count) => at += count,
                    Err(_) => rig.turn(),
                }
                rig.turn();
            }
            let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
            assert!(conn.input().len() <= crate::reactor::SCRATCH);
            let websocket = conn.websocket(StreamId::HTTP1).unwrap();
            if number < 50 {
                assert!(websocket.waiting.is_full(32), "{number}");
            }
            let mut waiting = 0;
            if number == 20 {
                while let Message::Binary(bytes) = websocket.waiting.take() {
                    assert!(bytes == payload);
                    waiting += 1;
                }
                assert_eq!(waiting, most);
                rig.reactor.read_messages(key);
                break;
            }
            assert_eq!(take(&mut rig, key), Message::Binary(payload.to_vec()));
        }
    }
}

#[test]
fn messages_go_out_as_they_are_given() {
    let (mut rig, mut client, key) = open(|_| {});
    assert_eq!(send(&mut rig, key, Kind::Text, "hä".as_bytes()), Room::Yes);
    client.expect(b"\x81\x03h\xc3\xa4");
    assert_eq!(send(&mut rig, key, Kind::Binary, b""), Room::Yes);
    client.expect(b"\x82\x00");
    for len in [COPY_LIMIT, COPY_LIMIT + 1, 100_000] {
        for shared in [false, true] {
            let bytes = vec![b'y'; len];
            let message = if shared {
                Outgoing::Shared(Bytes(bytes.clone()))
            } else {
                Outgoing::Bytes(&bytes[..])
            };
            let room = rig.reactor.send_message(key, Kind::Binary, message);
            assert_eq!(room, Room::Yes);
            let mut received = client.receive(if len > 65_535 { 10 } else { 4 } + len);
            let mut peer = ws::Connection::new(Role::Client(1), None);
            let (messages, _) = read_as_client(&mut peer, &mut received, false);
            assert!(messages == [(Kind::Binary, bytes)]);
            assert!(rig.reactor.websockets.tools.out.capacity() <= 2 * COPY_LIMIT);
        }
    }
    assert!(client.is_quiet());
}

/// The client reads slowly: the application is told to wait, and goes on when there is room.
#[test]
fn what_waits_for_the_client_is_bounded() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    let block = vec![b'z'; 50_000];
    let mut sent = 0;
    while send(&mut rig, key, Kind::Binary, &block) == Room::Yes {
        sent += 1;
    }
    assert!((4..8).contains(&sent), "{sent}");
    assert_eq!(rig.reactor.room(key), None);
    let mut got = Vec::new();
    while rig.reactor.room(key).is_none() {
        got.extend(client.receive_some().expect("it is open"));
        rig.turn();
    }
    assert_eq!(rig.reactor.room(key), Some(Room::Yes));
    // A client that is written to need not show itself meanwhile.
    client.send(frame(TEXT, b"still here"));
    rig.turn();
    assert_eq!(take(&mut rig, key), text("still here"));
}

/// A WebSocket with permessage-deflate: its client, its key, and the client's end of it.
fn compressed(rig: &mut Rig) -> (Client<UnixStream>, RequestKey, ws::Connection) {
    let mut client = rig.connect();
    client.send(UPGRADE.trim_end().to_owned() + "\r\n" + DEFLATE);
    let exchange = rig.take().unwrap();
    let agreed = Handshake::of(&exchange.head, rig.reactor.config.websocket.compression);
    let agreed = agreed.unwrap().deflate();
    let key = accept(rig, exchange).unwrap();
    client.receive(SWITCHING.len());
    (client, key, ws::Connection::new(Role::Client(7), agreed))
}

#[test]
fn messages_are_compressed_where_that_is_agreed_on() {
    let mut rig = Rig::new();
    let (mut client, key, mut peer) = compressed(&mut rig);
    let (policy, mut pool, mut out) = (ws::Policy::default(), ws::Pool::default(), Vec::new());
    let words = "the same words again and again; ".repeat(1_000);
    for round in 0..3 {
        peer.text(&policy, &mut pool, &words, &mut out).unwrap();
        assert!(out.len() < 2_000);
        client.send(std::mem::take(&mut out));
        rig.turn();
        assert_eq!(take(&mut rig, key), text(&words), "{round}");
        let shared = Outgoing::Shared(Bytes(words.clone().into_bytes()));
        let room = rig.reactor.send_message(key, Kind::Text, shared);
        assert_eq!(room, Room::Yes);
        let mut received = client.receive_some().unwrap();
        assert!(received.len() < 2_000);
        let (messages, _) = read_as_client(&mut peer, &mut received, false);
        assert!(messages == [(Kind::Text, words.clone().into_bytes())]);
    }
}

/// A message is measured while it is inflated.
#[test]
fn a_bomb_does_not_go_off() {
    let mut rig = Rig::with(|config| config.websocket.policy.message_size = 100_000);
    let (mut client, key, mut peer) = compressed(&mut rig);
    let (policy, mut pool, mut out) = (ws::Policy::default(), ws::Pool::default(), Vec::new());
    peer.binary(&policy, &mut pool, &vec![0; 10 << 20], &mut out)
        .unwrap();
    client.send(out);
    rig.turn();
    let reason = ws::Reject::MessageTooBig.message();
    let word = close_frame(1009, reason);
    assert_eq!(client.receive(word.len()), word);
    assert!(client.has_ended());
    assert_eq!(take(&mut rig, key), closed(1009, reason));
}

#[test]
fn what_does_not_switch_is_left_as_it_is() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(UPGRADE);
    let mut exchange = rig.take().unwrap();
    exchange.response.draft.start(b"403 Forbidden").unwrap();
    assert!(rig.reactor.switch_websocket(&mut exchange, None).is_none());
    let key = exchange.key.unwrap();
    assert_eq!(take(&mut rig, key), Message::Gone);
    assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
    assert_eq!(rig.reactor.close_websocket(key, 1000, ""), Ok(()));
    rig.reactor.end_websocket(key);
    rig.answer(exchange, b"HTTP/1.1 403 Forbidden\r\n\r\nno", false);
    assert!(client.receive_all().ends_with("\r\n\r\nno"));
}

/// It is one of this worker's connections, whatever comes, and no request any more.
#[test]
fn it_keeps_its_place() {
    let (mut rig, mut client, key) = open(|config| {
        config.max_connections = 1;
        config.keepalive_ms = 10;
        config.websocket.ping_interval_ms = 0;
    });
    let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
    assert!(!conn.can_be_spared() && !conn.idle() && !conn.can_be_handed_over());
    assert!(!rig.reactor.make_room());
    assert!(rig.reactor.detach(key).is_none());
    rig.reactor.end_tunnel(key);
    rig.reactor.abort();
    pass_ms(3_600_000);
    rig.turn();
    assert!(client.is_quiet());
    assert_eq!(rig.reactor.conns.len(), 1);
    let seen = rig.board.read(0);
    assert_eq!((seen.connections, seen.requests), (1, 1));
    assert!(seen.in_flight.is_empty());
    assert_eq!(rig.board.counts(0).requests.iter().sum::<u64>(), 1);
}

/// With everything that an idle connection has.
#[test]
fn an_idle_connection_is_small() {
    let (mut rig, mut client, key) = open(|_| {});
    client.send(frame(TEXT, &vec![b'x'; 50_000]));
    client.send(frame(0x01, b"two "));
    client.send(frame(0x80, b"parts"));
    for _ in 0..3 {
        rig.turn();
    }
    assert_eq!(take_all(&mut rig, key).len(), 2);
    send(&mut rig, key, Kind::Text, &vec![b'x'; 50_000]);
    client.receive(50_004);
    let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
    assert!(conn.input().is_empty() && conn.output.is_empty());
    let websocket = conn.websocket(StreamId::HTTP1).unwrap();
    assert_eq!(websocket.protocol.held(), 0);
    assert!(size_of::<Conn>() + size_of::<WebSocket>() <= 768);
}
