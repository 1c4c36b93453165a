//! How a WebSocket connection ends: by its client, by its application, by a fault, by a stop.

use super::*;
use crate::drain::Drain;
use crate::testing::START_MS;

/// The client closes: its code and reason are told, once, behind its messages.
#[test]
fn the_client_closes() {
    let table = [
        (closing(1000, ""), close_frame(1000, ""), closed(1000, "")),
        (
            closing(4321, "später"),
            close_frame(4321, ""),
            closed(4321, "später"),
        ),
        (frame(CLOSE, b""), vec![0x88, 0], closed(1005, "")),
    ];
    for (sent, answer, expected) in table {
        for asked in [false, true] {
            let (mut rig, mut client, key) = open(|_| {});
            if asked {
                assert_eq!(take(&mut rig, key), Message::Later);
            }
            client.send(frame(TEXT, b"last"));
            client.send(&sent);
            client.send(frame(TEXT, b"too late"));
            rig.turn();
            assert_eq!(rig.reactor.news.messages.len(), usize::from(asked));
            assert_eq!(client.receive(answer.len()), answer);
            assert!(client.has_ended(), "the server ends first");
            assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
            assert_eq!(rig.reactor.room(key), Some(Room::Gone));
            assert_eq!(take(&mut rig, key), text("last"));
            assert_eq!(take(&mut rig, key), expected);
            assert_eq!(take(&mut rig, key), Message::Gone);
            assert!(rig.reactor.websockets.ended.is_empty());
            drop(client);
            rig.turn();
            assert_eq!(rig.reactor.conns.len(), 0);
            assert_eq!(rig.notices(), [""; 0]);
        }
    }
}

/// It closes while the application is away, with no room for its messages: nothing is lost.
#[test]
fn the_client_closes_behind_more_than_there_is_room_for() {
    let (mut rig, mut client, key) = open(|config| config.websocket.queue = 2);
    let words = ["1", "2", "3", "4", "5"];
    for word in words {
        client.send(frame(TEXT, word.as_bytes()));
    }
    client.send(closing(3000, "done"));
    drop(client);
    for _ in 0..3 {
        rig.turn();
    }
    assert_eq!(rig.reactor.conns.len(), 1);
    let mut expected = words.map(text).to_vec();
    expected.push(closed(3000, "done"));
    assert_eq!(take_all(&mut rig, key), expected);
    assert_eq!(rig.reactor.conns.len(), 0);
}

#[test]
fn the_application_closes() {
    let (mut rig, mut client, key) = open(|_| {});
    client.send(frame(TEXT, b"not taken"));
    rig.turn();
    assert_eq!(rig.reactor.close_websocket(key, 4000, "bye"), Ok(()));
    client.expect(&close_frame(4000, "bye"));
    assert_eq!(rig.reactor.close_websocket(key, 1000, ""), Ok(()));
    assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
    // What comes before the answer is dropped, a ping too.
    client.send(frame(TEXT, b"dropped"));
    client.send(frame(PING, b"dropped"));
    rig.turn();
    assert_eq!(take(&mut rig, key), Message::Later);
    assert!(client.is_quiet());
    client.send(closing(4000, "bye"));
    rig.turn();
    assert_eq!(rig.reactor.news.messages, [key]);
    assert!(client.has_ended());
    assert_eq!(take_all(&mut rig, key), [closed(4000, "bye")]);
    drop(client);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

#[test]
fn a_close_that_cannot_be_said_is_refused() {
    let (mut rig, mut client, key) = open(|_| {});
    let long = "x".repeat(124);
    for (code, reason) in [
        (1005, ""),
        (1006, ""),
        (999, ""),
        (5000, ""),
        (1000, &long[..]),
    ] {
        assert!(rig.reactor.close_websocket(key, code, reason).is_err());
    }
    assert!(client.is_quiet());
    assert_eq!(send(&mut rig, key, Kind::Text, b""), Room::Yes);
    rig.reactor
        .close_websocket(key, 1000, &long[..123])
        .unwrap();
    assert!(rig.reactor.close_websocket(key, 1005, "").is_err());
}

/// The client does not answer the close frame: it has its time.
#[test]
fn an_unanswered_close_ends_in_time() {
    for done in [false, true] {
        let (mut rig, mut client, key) = open(|_| {});
        if done {
            rig.reactor.end_websocket(key);
            assert_eq!(take(&mut rig, key), Message::Gone);
        } else {
            rig.reactor.close_websocket(key, 1000, "").unwrap();
            assert_eq!(take(&mut rig, key), Message::Later);
        }
        client.expect(&close_frame(1000, ""));
        pass_ms(CLOSING_MS - 1);
        client.send(frame(TEXT, b"no answer"));
        rig.turn();
        assert!(client.is_quiet());
        pass_ms(1 + crate::timer::STEP_MS);
        rig.turn();
        assert!(client.has_ended());
        let expected = if done {
            Message::Gone
        } else {
            closed(1006, "")
        };
        assert_eq!(take(&mut rig, key), expected);
        assert_eq!(take(&mut rig, key), Message::Gone);
        pass_ms(60_000);
        rig.turn();
        assert_eq!(rig.reactor.conns.len(), 0);
        assert!(rig.reactor.websockets.ended.is_empty());
    }
}

/// The reactor has not turned for long: the time for the answer is not over because of that.
#[test]
fn a_close_after_a_long_time_has_its_time() {
    let (mut rig, mut client, key) = open(|_| {});
    pass_ms(CLOSING_MS + 1_000);
    rig.reactor.close_websocket(key, 1000, "").unwrap();
    rig.turn();
    client.expect(&close_frame(1000, ""));
}

/// The time for the answer begins when the close frame is written.
#[test]
fn a_slow_client_gets_everything_before_the_close() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    let block = vec![b'z'; 500_000];
    assert_eq!(send(&mut rig, key, Kind::Binary, &block), Room::Full);
    rig.reactor.end_websocket(key);
    let mut got = Vec::new();
    loop {
        got.extend(client.receive_some().expect("it is open"));
        if got.len() == block.len() + 10 + 4 {
            break;
        }
        pass_ms(CLOSING_MS / 2);
        rig.turn();
        pass_ms(CLOSING_MS / 2);
        rig.turn();
    }
    assert!(got.ends_with(&close_frame(1000, "")));
    rig.turn();
    assert!(client.is_quiet());
    client.send(closing(1000, ""));
    rig.turn();
    assert!(client.has_ended());
}

/// The application is done: whatever the state, nothing is kept for it.
#[test]
fn the_application_is_done() {
    type Before = fn(&mut Rig, &mut Client<UnixStream>, RequestKey);
    let table: [Before; 4] = [
        |_, _, _| {},
        |rig, client, _| {
            client.send(frame(TEXT, b"not taken"));
            rig.turn();
        },
        |rig, client, _| {
            client.send(closing(1000, ""));
            rig.turn();
        },
        |rig, _, key| rig.reactor.close_websocket(key, 1000, "").unwrap(),
    ];
    for before in table {
        let (mut rig, mut client, key) = open(|_| {});
        before(&mut rig, &mut client, key);
        rig.reactor.end_websocket(key);
        assert_eq!(client.receive(4), close_frame(1000, ""));
        client.send(closing(1000, ""));
        rig.turn();
        assert!(client.has_ended());
        assert_eq!(take(&mut rig, key), Message::Gone);
        assert!(rig.reactor.websockets.ended.is_empty());
        assert!(rig.reactor.news.messages.is_empty());
        drop(client);
        rig.turn();
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}

/// The bytes end without a close frame.
#[test]
fn the_client_is_lost() {
    for closes in [false, true] {
        let (mut rig, mut client, key) = open(|_| {});
        if closes {
            rig.reactor.close_websocket(key, 1000, "").unwrap();
        }
        assert_eq!(take(&mut rig, key), Message::Later);
        client.send(frame(TEXT, b"last"));
        client.send(&frame(TEXT, b"cut")[..4]);
        drop(client);
        rig.turn();
        assert_eq!(rig.reactor.news.messages, [key]);
        let mut got = take_all(&mut rig, key);
        assert_eq!(got.pop(), Some(closed(1006, "")));
        assert_eq!(got.len(), usize::from(!closes));
        assert_eq!(rig.reactor.conns.len(), 0);
        assert!(rig.reactor.websockets.ended.is_empty());
    }
}

#[test]
fn a_reset_is_a_loss() {
    let mut rig = Rig::new();
    let mut client = rig.connect_tcp();
    let key = accepted(&mut rig, &mut client, UPGRADE);
    assert_eq!(take(&mut rig, key), Message::Later);
    client.reset();
    while rig.reactor.news.messages.is_empty() {
        rig.turn();
    }
    assert_eq!(take_all(&mut rig, key), [closed(1006, "")]);
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// The client has closed and gone while the application sends: its messages and its code are read.
#[test]
fn what_a_client_has_sent_before_it_went_is_not_lost() {
    for queue in [1, 32] {
        let (mut rig, mut client, key) = open(|config| config.websocket.queue = queue);
        client.send(frame(TEXT, b"one"));
        client.send(frame(TEXT, b"two"));
        client.send(closing(4001, "gone"));
        drop(client);
        assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
        assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
        rig.turn();
        let expected = [text("one"), text("two"), closed(4001, "gone")];
        assert_eq!(take_all(&mut rig, key), expected);
        assert_eq!(rig.reactor.conns.len(), 0);
    }
    // Without a close frame, and with nothing at all.
    let (mut rig, client, key) = open(|_| {});
    assert_eq!(take(&mut rig, key), Message::Later);
    drop(client);
    assert_eq!(send(&mut rig, key, Kind::Text, b"no"), Room::Gone);
    assert_eq!(rig.reactor.news.messages, [key]);
    assert_eq!(take_all(&mut rig, key), [closed(1006, "")]);
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// A stop tells clients and applications at once; another worker is there for those that come again
/// if this one is replaced.
#[test]
fn a_stop_closes_every_connection() {
    for (replaced, code) in [(false, 1001), (true, 1012)] {
        let mut rig = Rig::new();
        if replaced {
            rig.board.set_replaced(0);
        }
        let (mut quick, mut silent) = (rig.connect(), rig.connect());
        let first = accepted(&mut rig, &mut quick, UPGRADE);
        let second = accepted(&mut rig, &mut silent, UPGRADE);
        quick.send(frame(TEXT, b"before"));
        rig.turn();
        assert_eq!(take(&mut rig, second), Message::Later);
        rig.reactor.stop(START_MS + 5_000);
        quick.expect(&close_frame(code, ""));
        silent.expect(&close_frame(code, ""));
        assert_eq!(rig.reactor.news.messages, [second]);
        let expected = [text("before"), closed(code, "")];
        assert_eq!(take_all(&mut rig, first), expected);
        assert_eq!(take_all(&mut rig, second), [closed(code, "")]);
        assert_eq!(take(&mut rig, second), Message::Gone);
        quick.send(closing(code, ""));
        rig.turn();
        assert!(quick.has_ended());
        drop(quick);
        rig.turn();
        assert_eq!(rig.reactor.conns.len(), 1);
        assert_eq!(rig.reactor.drain, Drain::Draining(START_MS + 5_000));
        rig.reactor.end_websocket(second);
        pass_ms(5_000);
        rig.turn();
        assert_eq!(rig.reactor.drain, Drain::Stopped);
        assert!(silent.has_ended());
        assert!(rig.reactor.websockets.ended.is_empty());
    }
}

/// A client that does not answer does not keep the worker for long.
#[test]
fn a_stop_waits_little_for_clients() {
    let (mut rig, mut client, key) = open(|_| {});
    rig.reactor.stop(START_MS + 30_000);
    rig.reactor.end_websocket(key);
    client.expect(&close_frame(1001, ""));
    pass_ms(LAST_CLOSING_MS - 1);
    rig.turn();
    assert!(client.is_quiet());
    pass_ms(1 + crate::timer::STEP_MS);
    rig.turn();
    assert!(client.has_ended());
    pass_ms(1_000 + crate::timer::STEP_MS);
    rig.turn();
    assert_eq!(rig.reactor.drain, Drain::Stopped);
}

/// Its request was read before the stop, and is accepted afterwards.
#[test]
fn one_that_is_accepted_during_a_stop_is_closed() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(UPGRADE);
    let exchange = rig.take().unwrap();
    rig.reactor.stop(START_MS + 5_000);
    let key = accept(&mut rig, exchange).unwrap();
    let mut expected = SWITCHING.to_vec();
    expected.extend(close_frame(1001, ""));
    client.expect(&expected);
    assert_eq!(take_all(&mut rig, key), [closed(1001, "")]);
    client.send(closing(1001, ""));
    rig.turn();
    assert!(client.has_ended());
}

/// A quick stop has no time for answers, but for the word.
#[test]
fn time_is_up() {
    let (mut rig, mut client, key) = open(|_| {});
    assert_eq!(take(&mut rig, key), Message::Later);
    rig.reactor.give_up();
    assert_eq!(client.receive(4), close_frame(1001, ""));
    assert!(client.has_ended());
    assert_eq!(rig.reactor.news.messages, [key]);
    assert_eq!(take_all(&mut rig, key), [closed(1001, "")]);
}
