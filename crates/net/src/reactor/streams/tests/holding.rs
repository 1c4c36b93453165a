//! Requests of a client that does not read its responses.

use super::*;
use crate::baton::{Loop, Taking};
use crate::poll::readable;

const LARGE: usize = 2 << 20;

/// A client whose streams have room for 100 bytes each has asked for so many, has two large responses
/// in its way, and asks for no byte of them.
fn crowded(rig: &mut Rig, requests: u32) -> Framing {
    let mut peer = Framing::new(rig, 100);
    for index in 0..requests {
        peer.ask(2 * index + 1, "GET", &format!("/{index}"), true);
    }
    rig.turn();
    for _ in 0..2 {
        let exchange = rig.next().unwrap();
        answer(rig, exchange, LARGE);
    }
    peer
}

fn open_window(peer: &mut Framing, stream: u32, more: u32) {
    peer.frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
}

/// Opens the windows of a stream for all of its response, and reads that.
fn read_all(rig: &mut Rig, peer: &mut Framing, stream: u32) {
    open_window(peer, 0, 4 << 20);
    open_window(peer, stream, 4 << 20);
    let mut ended = false;
    while !ended {
        rig.turn();
        let shapes = peer.shapes();
        assert!(!shapes.is_empty());
        ended = shapes.iter().any(|each| each.1 == END && each.2 == stream);
    }
}

#[test]
fn requests_are_held_until_responses_have_left_room() {
    let mut rig = rig(|_| {});
    let mut peer = crowded(&mut rig, 5);
    let mut other = Framing::new(&mut rig, 100);
    assert!(rig.next().is_none());
    assert!(rig.reactor.inbox.is_empty());
    // They do not stand in the way of other clients.
    other.ask(1, "GET", "/other", true);
    let exchange = rig.take().unwrap();
    assert_eq!(exchange.head.target(), b"/other");
    answer(&mut rig, exchange, 2);
    // What comes later waits behind them.
    peer.ask(11, "GET", "/5", true);
    assert!(rig.take().is_none());
    read_all(&mut rig, &mut peer, 1);
    let waited_ns = rig.reactor.now_ns;
    let exchange = rig.next().unwrap();
    assert_eq!(exchange.head.target(), b"/2");
    // Its time in the queue has begun now.
    assert!(exchange.ready_ns >= waited_ns);
    assert!(exchange.entry.is_some());
    answer(&mut rig, exchange, LARGE);
    assert!(rig.next().is_none());
    read_all(&mut rig, &mut peer, 3);
    let (exchanges, paths) = targets(&mut rig);
    assert_eq!(paths, ["/3", "/4", "/5"]);
    for exchange in exchanges {
        answer(&mut rig, exchange, 0);
    }
}

#[test]
fn one_paused_download_does_not_hold_the_others() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 100);
    for stream in [1, 3, 5, 7] {
        peer.ask(stream, "GET", "/", true);
    }
    rig.turn();
    for len in [16 * LARGE, 100_000, 100_000, 100_000] {
        let exchange = rig.next().unwrap();
        answer(&mut rig, exchange, len);
    }
}

#[test]
fn a_held_request_that_is_given_up_is_counted() {
    let mut rig = rig(|_| {});
    let mut peer = crowded(&mut rig, 4);
    assert!(rig.next().is_none());
    peer.frame(RESET, 0, 5, &8u32.to_be_bytes());
    assert!(rig.take().is_none());
    assert_eq!(rig.board.counts(0).abandoned, 1);
    drop(peer);
    assert!(rig.take().is_none());
    assert_eq!(rig.board.counts(0).abandoned, 2);
    assert_eq!(rig.board.read(0).streams, 0);
}

#[test]
fn a_large_response_that_is_given_up_leaves_its_room() {
    let mut rig = rig(|_| {});
    let mut peer = crowded(&mut rig, 3);
    assert!(rig.next().is_none());
    peer.frame(RESET, 0, 3, &8u32.to_be_bytes());
    let exchange = rig.take().unwrap();
    assert_eq!(exchange.head.target(), b"/2");
    answer(&mut rig, exchange, 0);
}

#[test]
fn held_requests_have_their_503_when_time_is_up() {
    let mut rig = rig(|_| {});
    let mut peer = crowded(&mut rig, 4);
    assert!(rig.next().is_none());
    peer.frames();
    rig.reactor.give_up();
    let heads: Vec<_> = peer
        .shapes()
        .into_iter()
        .filter_map(|each| (each.0 == HEADERS).then_some(each.2))
        .collect();
    assert_eq!(heads, [5, 7]);
    let notices = rig.notices();
    assert!(
        notices
            .iter()
            .any(|text| text.starts_with("2 queued requests answered 503")),
        "{notices:?}"
    );
}

/// The answer of an application on a loop that polls.
fn finish(baton: &Loop, mut exchange: Box<Exchange>, len: usize) {
    make_answer(&mut exchange, len);
    baton.finish(1, exchange, Tail::<Bytes>::None, true, None);
}

/// Of those that have come together it has a few at a time, and looks then what their responses keep.
/// As many as it answers at once may follow, and those that wait keep none from beginning.
#[test]
fn a_loop_begins_a_few_requests_of_a_connection_in_each_round() {
    let mut rig = rig(|config| config.polled = true);
    let mut peer = Framing::new(&mut rig, 100);
    let mut other = Framing::new(&mut rig, 100);
    for index in 0..30 {
        peer.ask(2 * index + 1, "GET", "/", true);
    }
    let baton = Loop::new(rig.reactor).unwrap();
    let mut begun = baton.turn(1, Taking::Now(usize::MAX)).requests;
    assert_eq!(begun.len(), 8);
    assert!(readable(baton.poll_fd()), "it is called for the others");
    assert!(baton.take_ready(1).is_none());
    assert!(!baton.pending());
    finish(&baton, begun.remove(0), 10);
    assert!(baton.pending());
    begun.extend(baton.take_ready(1));
    assert_eq!(begun.len(), 8);
    assert!(baton.take_ready(1).is_none());
    other.ask(1, "GET", "/", true);
    for many in [16, 24] {
        begun.extend(baton.turn(1, Taking::Now(usize::MAX)).requests);
        assert_eq!(begun.len(), many);
    }
    // The last ones, and one of another client.
    begun.extend(baton.turn(1, Taking::Now(usize::MAX)).requests);
    assert_eq!(begun.len(), 30);
    assert!(!baton.pending());
}

/// One that was handed out is held, too, if those before it have filled the memory meanwhile.
#[test]
fn a_loop_asks_again_before_it_begins_a_request() {
    let mut rig = rig(|config| config.polled = true);
    let mut peer = Framing::new(&mut rig, 100);
    for index in 0..4 {
        peer.ask(2 * index + 1, "GET", "/", true);
    }
    let baton = Loop::new(rig.reactor).unwrap();
    let mut requests = baton.turn(1, Taking::Now(usize::MAX)).requests.into_iter();
    for exchange in requests.by_ref().take(2) {
        assert!(exchange.needs_admission());
        finish(&baton, baton.admit(1, exchange).unwrap(), LARGE);
    }
    for exchange in requests {
        assert!(baton.admit(1, exchange).is_none());
    }
    peer.frame(WINDOW_UPDATE, 0, 0, &(4u32 << 20).to_be_bytes());
    open_window(&mut peer, 1, 4 << 20);
    let mut released = Vec::new();
    for _ in 0..LARGE / 1_000 {
        released.extend(baton.turn(1, Taking::Now(usize::MAX)).requests);
        peer.frames();
    }
    assert_eq!(released.len(), 2);
}
