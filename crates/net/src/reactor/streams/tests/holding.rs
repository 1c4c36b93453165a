//! Requests of a client that does not read its responses.

use super::*;

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
