use std::os::unix::net::UnixStream;
use std::thread;

use super::*;
use crate::baton::sharing::Sharing;
use crate::baton::{Taken, Taking, standin};
use crate::testing::{Bytes, Client, Rig, set_clock_ns};

const UPGRADE: &str =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
/// A text message `a`, a ping, and a close frame without a code, masked with zeros.
const TEXT: &[u8] = b"\x81\x81\0\0\0\0a";
const PING: &[u8] = b"\x89\x80\0\0\0\0";
const CLOSE: &[u8] = b"\x88\x80\0\0\0\0";

/// Waits where it is.
struct Here;

impl Blocking for Here {
    fn block<R: Send>(&self, wait: impl FnOnce() -> R + Send) -> R {
        wait()
    }
}

fn accept(baton: &Loop, mut exchange: Box<Exchange>) -> (RequestKey, Box<Exchange>) {
    let draft = &mut exchange.response.draft;
    draft.start(b"101 Switching Protocols").unwrap();
    exchange.out.extend_from_slice(SWITCHING);
    let key = baton.switch_websocket(1, &mut exchange, None).unwrap();
    (key, exchange)
}

/// A WebSocket that has been accepted, on a loop that is polled.
fn polled() -> (Client<UnixStream>, Loop, RequestKey, Box<Exchange>) {
    let mut rig = Rig::with(|config| config.polled = true);
    let mut client = rig.connect();
    client.send(UPGRADE);
    let baton = Loop::new(rig.reactor).unwrap();
    let exchange = baton.turn(1, Taking::Now(9)).requests.pop().unwrap();
    let (key, exchange) = accept(&baton, exchange);
    (client, baton, key, exchange)
}

/// It is with the application until that says otherwise: its loop may be blocked at any time.
#[test]
fn a_loop_that_is_blocked_has_its_pings_answered() {
    let (mut client, baton, key, exchange) = polled();
    client.expect(SWITCHING);
    assert_eq!(baton.take_message(key), Message::Later);
    {
        let mut state = baton.lock();
        assert_eq!(state.running, 1);
        client.send(PING);
        client.send(TEXT);
        baton.cover_polled(&mut state);
    }
    client.expect(b"\x8a\x00");
    assert!(baton.pending());
    assert_eq!(baton.turn(1, Taking::Now(9)).messages, [key]);
    assert_eq!(baton.take_message(key), Message::Text(b"a".to_vec()));
    let message = Outgoing::<Bytes>::Bytes(b"out");
    let room = baton.send_message(1, key, Kind::Binary, message);
    assert_eq!(room, Room::Yes);
    client.expect(b"\x82\x03out");
    assert!(baton.close_websocket(key, 1, "").is_err());
    assert!(client.is_quiet());
    baton.end_websocket(1, key, Some(exchange), None);
    assert_eq!(baton.lock().running, 0);
    client.expect(b"\x88\x02\x03\xe8");
    assert_eq!(baton.take_message(key), Message::Gone);
}

/// An end that no turn has found wakes the loop.
#[test]
fn a_loop_is_woken_for_an_end() {
    let (_client, baton, key, exchange) = polled();
    baton.recycle(exchange);
    assert_eq!(baton.take_message(key), Message::Later);
    baton.turn(1, Taking::Now(9));
    assert!(!crate::poll::readable(baton.poll_fd()));
    baton.stop(1_000);
    assert!(crate::poll::readable(baton.poll_fd()));
    assert_eq!(baton.turn(1, Taking::Now(9)).messages, [key]);
    let reason = String::new();
    let expected = Message::Closed { code: 1001, reason };
    assert_eq!(baton.take_message(key), expected);
}

/// An application that gives each message back; how many there were, and the end.
fn echo(baton: &Loop, me: u32, key: RequestKey) -> (usize, Message) {
    let mut count = 0;
    loop {
        match baton.wait_for_message(me, key, &Here) {
            None => {}
            Some(Message::Text(text)) => {
                count += 1;
                let message = Outgoing::<Bytes>::Bytes(&text);
                baton.send_message(me, key, Kind::Text, message);
            }
            Some(last) => {
                baton.end_websocket(me, key, None, None);
                return (count, last);
            }
        }
    }
}

/// Two threads wait, one of which drives: each gets its own messages, and its own end.
#[test]
fn threads_wait_for_their_messages() {
    let mut rig = Rig::with(|config| config.threads = 2);
    // The threads have no clock that stands still.
    set_clock_ns(0);
    rig.turn();
    let mut clients = [rig.connect(), rig.connect()];
    for client in &mut clients {
        client.send(UPGRADE);
    }
    let baton = Arc::new(Loop::new(rig.reactor).unwrap());
    let standin = standin::spawn(Arc::clone(&baton)).unwrap();
    baton.lock().sharing = Sharing::until(u64::MAX);
    let accepted = [1, 2].map(|me| {
        let Taken::Exchange(exchange) = baton.take(me, &Here) else {
            panic!("both have sent their requests");
        };
        let (key, exchange) = accept(&baton, exchange);
        baton.recycle(exchange);
        (me, key)
    });
    let talk = |client: &mut Client<UnixStream>| {
        client.send(TEXT);
        assert_eq!(client.receive(3), b"\x81\x01a");
    };
    let shared = &*baton;
    thread::scope(|scope| {
        let threads = accepted.map(|(me, key)| scope.spawn(move || echo(shared, me, key)));
        for client in &mut clients {
            assert_eq!(client.receive(SWITCHING.len()), SWITCHING);
        }
        for _ in 0..20 {
            talk(&mut clients[0]);
            talk(&mut clients[1]);
            talk(&mut clients[1]);
        }
        for client in &mut clients {
            client.send(CLOSE);
        }
        let ends = threads.map(|thread| thread.join().unwrap());
        let (code, reason) = (1005, String::new());
        let end = Message::Closed { code, reason };
        let mut counts = ends.map(|(count, last)| {
            assert_eq!(last, end);
            count
        });
        counts.sort_unstable();
        assert_eq!(counts, [20, 40]);
    });
    assert_eq!(baton.lock().running, 0);
    assert!(baton.lock().waiting_for_message.is_empty());
    drop(baton.close());
    standin.join().unwrap();
}
