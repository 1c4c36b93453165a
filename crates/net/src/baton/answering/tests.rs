use std::os::unix::net::UnixStream;

use super::super::standin;
use super::*;
use crate::baton::Taking;
use crate::clock;
use crate::incoming::BodyPart;
use crate::testing::{Bytes, Client, Rig, pass_ms};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// After a switch the request is over for its thread, and bytes flow by the name that it had.
#[test]
fn a_connection_that_switches_goes_on_under_its_name() {
    let mut rig = Rig::with(|config| config.polled = true);
    let mut client = rig.connect();
    client.send(UPGRADE);
    let baton = Loop::new(rig.reactor).unwrap();
    let mut exchange = baton.turn(1, Taking::Now(9)).requests.pop().unwrap();
    assert_eq!(baton.lock().running, 1);
    exchange.response.draft.start(b"200 OK").unwrap();
    let mut exchange = baton.switch(1, exchange, None).unwrap_err();
    assert_eq!(baton.lock().running, 1, "it is as it was");
    exchange.response.draft.start(b"101 Switching").unwrap();
    exchange.out.extend_from_slice(SWITCHING);
    let key = baton.switch(1, exchange, None).ok().unwrap();
    assert_eq!(baton.lock().running, 0);
    client.expect(SWITCHING);
    let mut room = Vec::new();
    assert_eq!(baton.read_body(key, 9, &mut room), BodyPart::Later);
    client.send("in");
    assert_eq!(baton.turn(1, Taking::Now(9)).bodies, [key]);
    assert_eq!(baton.read_body(key, 9, &mut room), BodyPart::Bytes(2));
    let block = Block::<Bytes>::Bytes(b"out");
    assert_eq!(baton.stream(1, key, b"", block), Room::Yes);
    client.expect(b"out");
    baton.end_tunnel(key);
    assert!(client.has_ended());
    assert_eq!(baton.room(key), Some(Room::Gone));
}

/// A loop that polls, and the request of its client.
fn streaming() -> (std::sync::Arc<Loop>, Client<UnixStream>, RequestKey) {
    let mut rig = Rig::with(|config| config.polled = true);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let baton = std::sync::Arc::new(Loop::new(rig.reactor).unwrap());
    let exchange = baton.turn(1, Taking::Now(9)).requests.pop().unwrap();
    let key = exchange.key.unwrap();
    (baton, client, key)
}

fn give(baton: &Loop, key: RequestKey, bytes: &[u8]) {
    let block = Block::<Bytes>::Bytes(bytes);
    assert_eq!(baton.stream(1, key, b"", block), Room::Yes);
}

/// Whether the loop that polls is called for a turn.
fn is_called(baton: &Loop) -> bool {
    crate::poll::readable(baton.poll_fd())
}

#[test]
fn blocks_that_follow_soon_are_gathered_until_the_next_turn() {
    let (baton, mut client, key) = streaming();
    give(&baton, key, b"one");
    client.expect(b"one");
    assert!(!is_called(&baton));
    give(&baton, key, b"two");
    give(&baton, key, b"three");
    assert!(client.is_quiet());
    assert!(is_called(&baton));
    baton.turn(1, Taking::Now(9));
    client.expect(b"twothree");
    assert!(!is_called(&baton));
    // The application has waited for something.
    give(&baton, key, b"four");
    client.expect(b"four");
    pass_ms(1);
    give(&baton, key, b"five");
    client.expect(b"five");
}

#[test]
fn so_many_bytes_or_so_long_and_no_more_are_held_back() {
    let (baton, mut client, key) = streaming();
    give(&baton, key, b"one");
    client.expect(b"one");
    let large = vec![b'x'; 64 * 1024];
    give(&baton, key, &large);
    client.expect(&large);
    give(&baton, key, b"two");
    assert!(client.is_quiet());
    let mut state = baton.lock();
    let now_ns = clock::monotonic_ns();
    let due_ns = standin::flush_in_time(&mut state, now_ns);
    assert_eq!(due_ns, now_ns + QUIET_NS);
    assert!(client.is_quiet());
    assert_eq!(standin::flush_in_time(&mut state, due_ns), u64::MAX);
    client.expect(b"two");
    assert!(!state.streams, "the next one sets the alarm again");
}

/// A thread of the application that is not the loop's has no turn that would write it.
#[test]
fn blocks_of_another_thread_leave_at_once() {
    let (baton, mut client, key) = streaming();
    for text in ["one", "two"] {
        let block = Block::<Bytes>::Bytes(text.as_bytes());
        assert_eq!(baton.stream(2, key, b"", block), Room::Yes);
        client.expect(text.as_bytes());
    }
}
