use super::*;
use crate::incoming::BodyPart;
use crate::testing::{Bytes, Rig};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// After a switch the request is over for its thread, and bytes flow by the name that it had.
#[test]
fn a_connection_that_switches_goes_on_under_its_name() {
    let mut rig = Rig::with(|config| config.polled = true);
    let mut client = rig.connect();
    client.send(UPGRADE);
    let baton = Loop::new(rig.reactor).unwrap();
    let mut exchange = baton.turn(1, 9).requests.pop().unwrap();
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
    assert_eq!(baton.turn(1, 9).bodies, [key]);
    assert_eq!(baton.read_body(key, 9, &mut room), BodyPart::Bytes(2));
    let block = Block::<Bytes>::Bytes(b"out");
    assert_eq!(baton.stream(1, key, b"", block), Room::Yes);
    client.expect(b"out");
    baton.end_tunnel(key);
    assert!(client.has_ended());
    assert_eq!(baton.room(key), Some(Room::Gone));
}
