//! Signs of life, and what is answered while the application is away.

use super::*;

const STEP_MS: u64 = crate::timer::STEP_MS;

fn step(rig: &mut Rig, ms: u64) {
    pass_ms(ms);
    rig.turn();
}

/// The application does not ask: pings are answered, and the close frame is.
#[test]
fn the_protocol_goes_on_without_the_application() {
    let (mut rig, mut client, _) = open(|_| {});
    client.send(frame(TEXT, b"not taken"));
    client.send(frame(PING, b"are you there"));
    rig.turn();
    client.expect(b"\x8a\x0dare you there");
    client.send(closing(1000, ""));
    rig.turn();
    assert_eq!(client.receive(4), close_frame(1000, ""));
    assert!(client.has_ended());
}

/// A client that asks for ever and reads no answer is not read any more.
#[test]
fn answers_that_are_not_read_are_bounded() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    client.0.set_nonblocking(true).unwrap();
    let pings = frame(PING, &[b'x'; 125]).repeat(1_000);
    let mut at = 0;
    let mut blocked = 0;
    while blocked < 10 {
        match client.0.write(&pings[at..]) {
            Ok(count) => {
                at = (at + count) % pings.len();
                blocked = 0;
            }
            Err(_) => blocked += 1,
        }
        rig.turn();
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        assert!(conn.output.queued() < 400_000, "{}", conn.output.queued());
    }
    let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
    assert!(conn.stalled);
    // It reads on, and is read on.
    while rig.reactor.conns.get_mut(key.connection).unwrap().stalled {
        client.receive_some().unwrap();
        rig.turn();
    }
    assert_eq!(take(&mut rig, key), Message::Later);
}

/// Both sides send much before they read: that is no deadlock, as long as there is room for messages.
#[test]
fn a_client_that_sends_before_it_reads_is_read() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    let block = vec![b'z'; 1_000_000];
    assert_eq!(send(&mut rig, key, Kind::Binary, &block), Room::Full);
    client.0.set_nonblocking(true).unwrap();
    let sent = frame(BINARY, &block);
    let mut at = 0;
    while at < sent.len() {
        if let Ok(count) = client.0.write(&sent[at..]) {
            at += count;
        }
        rig.turn();
    }
    rig.turn();
    assert!(take(&mut rig, key) == Message::Binary(block));
}

#[test]
fn a_silent_client_is_asked_and_given_up() {
    let (mut rig, mut client, key) = open(|config| {
        config.websocket.ping_interval_ms = 20_000;
        config.websocket.ping_timeout_ms = 5_000;
    });
    assert_eq!(take(&mut rig, key), Message::Later);
    step(&mut rig, 19_999);
    assert!(client.is_quiet());
    step(&mut rig, 1 + STEP_MS);
    client.expect(b"\x89\x00");
    // Whatever it sends is a sign of life, and the next question comes later.
    step(&mut rig, 4_000);
    client.send(&frame(TEXT, b"a part")[..5]);
    step(&mut rig, 10);
    step(&mut rig, 5_000);
    assert!(client.is_quiet());
    step(&mut rig, 15_000 + STEP_MS);
    client.expect(b"\x89\x00");
    step(&mut rig, 4_000);
    assert!(client.is_quiet());
    assert!(rig.reactor.news.messages.is_empty());
    step(&mut rig, 1_000 + STEP_MS);
    let word = close_frame(1011, "keepalive ping timeout");
    assert_eq!(client.receive(word.len()), word);
    assert!(client.has_ended());
    assert_eq!(rig.reactor.news.messages, [key]);
    assert_eq!(take_all(&mut rig, key), [closed(1006, "")]);
    assert_eq!(rig.reactor.conns.len(), 0);
    assert_eq!(rig.notices(), [""; 0]);
}

/// An answer that the kernel has is read before a client is given up.
#[test]
fn an_answer_at_the_last_moment_counts() {
    let (mut rig, mut client, _) = open(|_| {});
    step(&mut rig, 20_000 + STEP_MS);
    client.expect(b"\x89\x00");
    pass_ms(20_000 + STEP_MS);
    client.send(frame(0x8a, b""));
    rig.reactor.now_ns = crate::clock::monotonic_ns();
    rig.reactor.end_turn();
    assert!(client.is_quiet());
    assert_eq!(rig.reactor.conns.len(), 1);
}

/// As long as the application has no room for messages, its client cannot be heard.
#[test]
fn a_client_that_is_not_read_is_not_given_up() {
    let (mut rig, mut client, key) = open(|config| config.websocket.queue = 1);
    client.send(frame(TEXT, b"one"));
    client.send(frame(TEXT, b"two"));
    rig.turn();
    for _ in 0..10 {
        step(&mut rig, 20_000 + STEP_MS);
        assert!(client.is_quiet());
    }
    assert_eq!(take_all(&mut rig, key).len(), 2);
    step(&mut rig, 20_000 + STEP_MS);
    client.expect(b"\x89\x00");
}

#[test]
fn a_client_that_reads_nothing_is_given_up() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    assert_eq!(take(&mut rig, key), Message::Later);
    let block = vec![0; 1 << 20];
    assert_eq!(send(&mut rig, key, Kind::Binary, &block), Room::Full);
    let limit_ms = rig.reactor.config.write_timeout_ms;
    step(&mut rig, limit_ms - 100);
    assert_eq!(rig.reactor.room(key), None);
    step(&mut rig, 200);
    assert_eq!(rig.reactor.room(key), Some(Room::Gone));
    assert_eq!(rig.reactor.news.messages, [key]);
    assert_eq!(take_all(&mut rig, key), [closed(1006, "")]);
    assert!(rig.notices()[0].contains("write_timeout"));
    assert_eq!(rig.reactor.conns.len(), 0);
}
