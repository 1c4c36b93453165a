//! Responses that are complete before their application is done, or before their request is.

use super::*;
use crate::incoming::BodyPart;

const NO_ERROR: [u8; 4] = [0; 4];
const NOTHING: Block<'_, Bytes> = Block::None;

/// An application's part of a response that ends with its head, which is sent.
fn send_head(rig: &mut Rig, key: RequestKey) -> Room {
    let mut records = Vec::new();
    record::push(&mut records, Record::LastFields(&[0x88]));
    let room = rig.reactor.stream(key, &records, NOTHING);
    pass_ms(1);
    rig.turn();
    room
}

/// The client has sent the head of its request and the first byte of the body, and has all of the
/// response, with which the application has begun.
fn before_the_body() -> (Rig, Framing, Box<Exchange>) {
    let mut rig = rig(|config| config.flowing_bodies = true);
    let mut peer = Framing::new(&mut rig, 1_000);
    peer.ask(1, "POST", "/", false);
    peer.frame(DATA, 0, 1, b"a");
    let exchange = rig.take().unwrap();
    assert_eq!(send_head(&mut rig, key(&exchange)), Room::Yes);
    assert_eq!(peer.shapes(), [(HEADERS, WHOLE | END, 1, 1)]);
    (rig, peer, exchange)
}

fn read(rig: &mut Rig, key: RequestKey) -> (Vec<u8>, BodyPart) {
    let mut bytes = Vec::new();
    let part = rig.reactor.read_body(key, 10, &mut bytes);
    (bytes, part)
}

fn open_streams(rig: &Rig) -> usize {
    let (_, conn) = rig.reactor.conns.iter().next().unwrap();
    conn.streams.as_ref().unwrap().len()
}

/// The client of a response without content has all of it before the application is done, which is no
/// reason to take it for gone.
#[test]
fn an_application_may_go_on_behind_a_response_without_content() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 1_000);
    peer.ask(1, "HEAD", "/", true);
    let exchange = rig.take().unwrap();
    let key = key(&exchange);
    assert_eq!(send_head(&mut rig, key), Room::Yes);
    assert_eq!(peer.shapes(), [(HEADERS, WHOLE | END, 1, 1)]);
    for _ in 0..2 {
        assert_eq!(rig.reactor.stream(key, &[], NOTHING), Room::Yes);
        assert_eq!(rig.reactor.room(key), Some(Room::Yes));
        rig.turn();
    }
    // Others go on beside it, and the connection is idle when it is done.
    peer.ask(3, "GET", "/", true);
    let other = rig.take().unwrap();
    answer(&mut rig, other, 2);
    rig.finish(exchange, Tail::<Bytes>::None, true);
    rig.turn();
    let shapes = peer.shapes();
    assert!(shapes.iter().all(|shape| shape.2 == 3), "{shapes:?}");
    assert_eq!(open_streams(&rig), 0);
}

/// The rest of its request is there for the application, which has a client as long as it works.
#[test]
fn a_request_may_be_read_behind_its_response() {
    let (mut rig, mut peer, exchange) = before_the_body();
    let key = key(&exchange);
    rig.reactor.report_disconnect(key);
    assert_eq!(read(&mut rig, key), (b"a".to_vec(), BodyPart::Bytes(1)));
    assert_eq!(read(&mut rig, key).1, BodyPart::Later);
    peer.frame(DATA, END, 1, b"b");
    rig.turn();
    assert_eq!(std::mem::take(&mut rig.reactor.news.bodies), [key]);
    assert_eq!(read(&mut rig, key), (b"b".to_vec(), BodyPart::Bytes(1)));
    assert_eq!(read(&mut rig, key).1, BodyPart::End);
    assert!(rig.reactor.news.disconnected.is_empty());
    assert_eq!(rig.reactor.stream(key, &[], NOTHING), Room::Yes);
    rig.finish(exchange, Tail::<Bytes>::None, true);
    rig.turn();
    assert_eq!(peer.shapes(), []);
    assert_eq!(open_streams(&rig), 0);
}

/// What is not wanted of a request need not be sent (RFC 9113, section 8.1).
#[test]
fn the_rest_of_a_request_is_declined_when_its_application_is_done() {
    let (mut rig, mut peer, exchange) = before_the_body();
    rig.finish(exchange, Tail::<Bytes>::None, true);
    rig.turn();
    assert_eq!(peer.frames(), [Frame(RESET, 0, 1, NO_ERROR.to_vec())]);
    assert_eq!(open_streams(&rig), 0);
    // What has crossed with that is dropped, and others go on.
    peer.frame(DATA, END, 1, b"b");
    peer.ask(3, "GET", "/", true);
    let other = rig.take().unwrap();
    answer(&mut rig, other, 0);
    assert!(peer.shapes().iter().all(|shape| shape.2 == 3));
}

/// An application that waits for the rest of a request is told when that will not come.
#[test]
fn a_client_that_leaves_behind_its_response_is_told_of() {
    let (mut rig, mut peer, exchange) = before_the_body();
    let key = key(&exchange);
    rig.reactor.report_disconnect(key);
    peer.frame(RESET, 0, 1, &8u32.to_be_bytes());
    rig.turn();
    assert_eq!(rig.reactor.news.disconnected, [key]);
    assert_eq!(read(&mut rig, key).1, BodyPart::Gone);
    rig.finish(exchange, Tail::<Bytes>::None, true);
}

#[test]
fn the_rest_of_a_request_has_its_time_behind_the_response() {
    let (mut rig, mut peer, exchange) = before_the_body();
    let key = key(&exchange);
    read(&mut rig, key);
    assert_eq!(read(&mut rig, key).1, BodyPart::Later);
    pass_ms(rig.reactor.config.body_timeout_ms + 1);
    rig.turn();
    assert_eq!(peer.frames(), [Frame(RESET, 0, 1, NO_ERROR.to_vec())]);
    assert_eq!(rig.reactor.news.bodies, [key]);
    assert_eq!(read(&mut rig, key).1, BodyPart::Gone);
    rig.finish(exchange, Tail::<Bytes>::None, true);
}

/// A client cannot have more and more applications work by ending streams: above the bound they are
/// told that theirs is over.
#[test]
fn applications_behind_their_responses_are_bounded() {
    let mut rig = rig(|config| config.flowing_bodies = true);
    let mut peer = Framing::new(&mut rig, 1_000);
    let mut working = Vec::new();
    for index in 0..101 {
        peer.ask(2 * index + 1, "HEAD", "/", true);
        let exchange = rig.take().unwrap();
        rig.reactor.report_disconnect(key(&exchange));
        let room = send_head(&mut rig, key(&exchange));
        assert!(room == Room::Yes || index == 100);
        working.push(exchange);
    }
    let last = key(working.last().unwrap());
    assert_eq!(rig.reactor.news.disconnected, [last]);
    assert_eq!(rig.reactor.stream(last, &[], NOTHING), Room::Gone);
    assert_eq!(open_streams(&rig), 100);
    for exchange in working {
        rig.finish(exchange, Tail::<Bytes>::None, true);
    }
    assert_eq!(open_streams(&rig), 0);
}
