//! How a tunnel ends: by its client, by its application, by a stop.

use super::*;
use crate::drain::Drain;
use crate::testing::START_MS;

/// Its last bytes arrive, and it still gets what is sent to it.
#[test]
fn the_client_ends_first() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let key = switched(&mut rig, &mut client, UPGRADE);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    client.send("last");
    client.send_end();
    rig.turn();
    assert_eq!(rig.reactor.news.bodies, [key]);
    assert_eq!(pull(&mut rig, key), (b"last".to_vec(), BodyPart::End));
    assert_eq!(push(&mut rig, key, b"bye"), Room::Yes);
    rig.reactor.end_tunnel(key);
    assert_eq!(client.receive_all(), "bye");
    assert_eq!(rig.reactor.conns.len(), 0, "there is no end to wait for");
}

/// What a client has sent before it went is not lost, even if the application is slow.
#[test]
fn the_client_goes() {
    for awaited in [false, true] {
        let mut rig = Rig::new();
        let mut client = rig.connect();
        let key = switched(&mut rig, &mut client, UPGRADE);
        if awaited {
            assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
        }
        let sent = &pattern()[..150_000];
        client.send(sent);
        drop(client);
        rig.turn();
        assert_eq!(rig.reactor.news.bodies.len(), usize::from(awaited));
        let (got, last) = pull(&mut rig, key);
        assert!(got == sent);
        assert_eq!(last, BodyPart::End);
        assert_eq!(push(&mut rig, key, b"too late"), Room::Gone);
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}

/// The end comes with the request.
#[test]
fn the_client_has_ended_before_the_switch() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(format!("{UPGRADE}only this"));
    client.send_end();
    let exchange = rig.take().unwrap();
    let key = answer(&mut rig, exchange, STATUS);
    let key = key.ok().unwrap();
    let whole = (b"only this".to_vec(), BodyPart::End);
    assert_eq!(pull(&mut rig, key), whole);
    rig.reactor.end_tunnel(key);
    assert_eq!(client.receive_all().as_bytes(), SWITCHING);
}

/// Everything that was queued is written first; what the client still sends is dropped.
#[test]
fn the_application_ends_first() {
    let mut rig = Rig::new();
    let mut client = rig.connect_narrow();
    let key = switched(&mut rig, &mut client, UPGRADE);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    let sent = pattern();
    assert_eq!(push(&mut rig, key, &sent), Room::Full);
    rig.reactor.end_tunnel(key);
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Gone));
    assert_eq!(push(&mut rig, key, b"late"), Room::Gone);
    client.send(GET);
    let mut got = Vec::new();
    while let Some(bytes) = client.receive_some() {
        got.extend(bytes);
        rig.turn();
    }
    assert!(got == sent);
    client.send(GET);
    assert!(rig.take().is_none());
    assert_eq!(rig.reactor.conns.len(), 1, "its own end is awaited");
    drop(client);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
}

#[test]
fn a_reset_ends_both_directions() {
    let mut rig = Rig::new();
    let mut client = rig.connect_tcp();
    client.send(UPGRADE);
    let exchange = arriving(&mut rig);
    let key = answer(&mut rig, exchange, STATUS);
    let key = key.ok().unwrap();
    assert_eq!(client.receive(SWITCHING.len()), SWITCHING);
    assert_eq!(pull(&mut rig, key).1, BodyPart::Later);
    client.reset();
    while rig.reactor.news.bodies.is_empty() {
        rig.turn();
    }
    assert_eq!(rig.reactor.news.bodies, [key]);
    assert_eq!(pull(&mut rig, key), (Vec::new(), BodyPart::Gone));
    assert_eq!(rig.reactor.room(key), Some(Room::Gone));
    assert_eq!(rig.reactor.conns.len(), 0);
}

/// A stop waits for tunnels as for requests, and no longer.
#[test]
fn a_stop_ends_idle_tunnels_in_time() {
    let mut rig = Rig::new();
    let mut idle = rig.connect();
    let mut slow = rig.connect_narrow();
    let mut clever: Client<UnixStream> = rig.connect();
    let mut keys = Vec::new();
    for client in [&mut idle, &mut slow, &mut clever] {
        keys.push(switched(&mut rig, client, UPGRADE));
    }
    assert_eq!(pull(&mut rig, keys[0]).1, BodyPart::Later);
    assert_eq!(push(&mut rig, keys[1], &pattern()), Room::Full);
    rig.reactor.stop(START_MS + 5_000);
    rig.turn();
    rig.reactor.end_tunnel(keys[2]);
    assert!(clever.has_ended());
    drop(clever);
    pass_ms(4_900);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 2);
    assert!(idle.is_quiet());
    assert_eq!(rig.reactor.drain, Drain::Draining(START_MS + 5_000));
    idle.send("unread");
    rig.reactor.news.room = false;
    pass_ms(100);
    rig.turn();
    assert_eq!(rig.reactor.drain, Drain::Stopped);
    assert!(idle.has_ended());
    assert_eq!(rig.reactor.news.bodies, [keys[0]]);
    assert!(rig.reactor.news.room, "an application may wait for it");
    for key in keys {
        assert_eq!(pull(&mut rig, key).1, BodyPart::Gone);
        assert_eq!(rig.reactor.room(key), Some(Room::Gone));
    }
    while slow.receive_some().is_some() {}
}
