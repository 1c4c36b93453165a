mod counting;
mod early;
mod holding;
mod peer;
mod websockets;

use proto::h1::{BodySize, ServerFields};
use proto::record::{self, Record};

use super::*;
use crate::testing::{Bytes, Rig, pass_ms};
use peer::*;

/// The application's answer to a request: a head, and a body of this length.
fn answer(rig: &mut Rig, mut exchange: Box<Exchange>, len: usize) {
    make_answer(&mut exchange, len);
    rig.finish(exchange, Tail::None, true);
}

fn make_answer(exchange: &mut Exchange, len: usize) {
    let facts = exchange.facts();
    let server = ServerFields::new("");
    let Exchange { response, out, .. } = exchange;
    response.draft.start(b"200 OK").unwrap();
    let size = BodySize::Known(len as u64);
    response.head(facts, size, &server, out).unwrap();
    response.rest(&vec![b'x'; len], out).unwrap();
}

fn key(exchange: &Exchange) -> RequestKey {
    exchange.key.unwrap()
}

#[expect(clippy::vec_box, reason = "as they travel")]
fn targets(rig: &mut Rig) -> (Vec<Box<Exchange>>, Vec<String>) {
    rig.turn();
    let exchanges: Vec<_> = std::iter::from_fn(|| rig.next()).collect();
    let targets = exchanges.iter().map(|each| each.head.target());
    let text = |target| String::from_utf8_lossy(target).into_owned();
    let targets = targets.map(text).collect();
    (exchanges, targets)
}

#[test]
fn several_requests_of_one_read_are_answered_in_any_order() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    for (stream, path) in [(1, "/a"), (3, "/b"), (5, "/c")] {
        peer.ask(stream, "GET", path, true);
    }
    let (mut exchanges, paths) = targets(&mut rig);
    assert_eq!(paths, ["/a", "/b", "/c"]);
    let numbers: Vec<_> = exchanges.iter().map(|each| each.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for stream in [5, 3, 1] {
        answer(&mut rig, exchanges.pop().unwrap(), 2);
        let shapes = peer.shapes();
        assert!(
            matches!(shapes[0], (HEADERS, WHOLE, n, _) if n == stream),
            "{shapes:?}"
        );
        assert_eq!(shapes[1..], [(DATA, END, stream, 2)]);
    }
    rig.turn();
    assert!(peer.client.is_quiet());
}

#[test]
fn a_body_comes_whole_and_its_window_is_opened_again() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "POST", "/", false);
    for _ in 0..3 {
        peer.frame(DATA, 0, 1, &[b'x'; 16_000]);
        assert!(rig.take().is_none());
    }
    let updates = peer.frames();
    assert!(
        updates
            .iter()
            .any(|frame| (frame.0, frame.2) == (WINDOW_UPDATE, 1))
    );
    peer.frame(DATA, END, 1, b"end");
    let exchange = rig.take().unwrap();
    assert_eq!(exchange.body.len(), 48_003);
    answer(&mut rig, exchange, 0);
    assert!(matches!(peer.shapes()[..], [(HEADERS, 5, 1, _)]));
}

#[test]
fn responses_wait_for_their_windows() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 100);
    peer.ask(1, "GET", "/", true);
    peer.ask(3, "GET", "/", true);
    let (exchanges, _) = targets(&mut rig);
    for exchange in exchanges {
        answer(&mut rig, exchange, 150);
    }
    let sent: Vec<_> = peer
        .shapes()
        .into_iter()
        .filter(|each| each.0 == DATA)
        .collect();
    assert_eq!(sent, [(DATA, 0, 1, 100), (DATA, 0, 3, 100)]);
    peer.frame(WINDOW_UPDATE, 0, 3, &20u32.to_be_bytes());
    rig.turn();
    assert_eq!(peer.shapes(), [(DATA, 0, 3, 20)]);
    peer.frame(WINDOW_UPDATE, 0, 3, &100u32.to_be_bytes());
    peer.frame(WINDOW_UPDATE, 0, 1, &100u32.to_be_bytes());
    rig.turn();
    assert_eq!(peer.shapes(), [(DATA, END, 1, 50), (DATA, END, 3, 30)]);
}

#[test]
fn what_is_urgent_goes_first_and_what_is_incremental_in_turns() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 1 << 20);
    for (stream, priority) in [
        (1, &b"u=5"[..]),
        (3, b"u=1, i"),
        (5, b"u=1, i"),
        (7, b"u=0"),
    ] {
        peer.ask_with(stream, "GET", "/", true, &[(b"priority", priority)]);
    }
    let (exchanges, _) = targets(&mut rig);
    for exchange in exchanges {
        // Nothing is written before all are there.
        let key = key(&exchange);
        let mut records = Vec::new();
        record::push(&mut records, Record::Fields(&[0x88]));
        record::push(&mut records, Record::Data(&vec![b'x'; 30_000]));
        record::push(&mut records, Record::End);
        let conn = rig.reactor.conns.get_mut(key.connection).unwrap();
        let streams = conn.streams.as_mut().unwrap();
        streams.queue(key.stream, |queue| queue.add(&records, Beside::Nothing));
    }
    let (token, _) = rig.reactor.conns.iter().next().unwrap();
    rig.reactor.flush(token);
    let order: Vec<_> = peer
        .shapes()
        .into_iter()
        .filter_map(|each| (each.0 == DATA).then_some(each.2))
        .collect();
    assert_eq!(order, [7, 7, 3, 5, 3, 5, 1, 1]);
}

#[test]
fn an_application_waits_for_a_slow_reader() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 1_000);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    let key = key(&exchange);
    let mut records = Vec::new();
    record::push(&mut records, Record::Fields(&[0x88]));
    let mut room = Room::Yes;
    let mut given = 0;
    while room == Room::Yes {
        let block = Block::<Bytes>::Bytes(&[b'x'; 16_384]);
        room = rig.reactor.stream(key, &records, block);
        records.clear();
        given += 16_384;
    }
    assert_eq!(room, Room::Full);
    assert!(given < 300_000, "{given}");
    assert_eq!(rig.reactor.room(key), None);
    std::mem::take(&mut rig.reactor.news.room);
    // As often as it is told to go on, and no more.
    peer.frame(WINDOW_UPDATE, 0, 1, &(1u32 << 20).to_be_bytes());
    rig.turn();
    assert!(rig.reactor.news.room);
    assert_eq!(rig.reactor.room(key), Some(Room::Yes));
    // Its response is not completed: the stream is reset, and others go on.
    rig.reactor.abandon(exchange);
    let mut shapes = peer.shapes();
    while shapes.last().unwrap().0 != RESET {
        rig.turn();
        shapes.extend(peer.shapes());
    }
    let sent: usize = shapes
        .iter()
        .filter(|each| each.0 == DATA)
        .map(|each| each.3)
        .sum();
    assert_eq!(sent, given);
    peer.ask(3, "GET", "/", true);
    assert!(rig.take().is_some());
}

#[test]
fn a_stalled_window_costs_its_stream_in_time() {
    let mut rig = rig(|config| config.write_timeout_ms = 5_000);
    let mut peer = Framing::new(&mut rig, 100);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    answer(&mut rig, exchange, 150);
    pass_ms(4_000);
    rig.turn();
    peer.shapes();
    pass_ms(1_100);
    rig.turn();
    assert_eq!(peer.shapes(), [(RESET, 0, 1, 4)]);
    assert!(rig.notices()[0].contains("write_timeout"));
    peer.ask(3, "GET", "/", true);
    assert!(rig.take().is_some());
}

#[test]
fn a_stream_that_is_reset_is_never_begun_or_told() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    // In the read that brings it, while it waits, and while it runs.
    peer.ask(1, "GET", "/one", true);
    peer.frame(RESET, 0, 1, &8u32.to_be_bytes());
    peer.ask(3, "GET", "/two", true);
    rig.turn();
    peer.frame(RESET, 0, 3, &8u32.to_be_bytes());
    peer.ask(5, "GET", "/three", true);
    let (mut exchanges, paths) = targets(&mut rig);
    assert_eq!(paths, ["/three"]);
    let running = exchanges.pop().unwrap();
    rig.reactor.report_disconnect(key(&running));
    peer.frame(RESET, 0, 5, &8u32.to_be_bytes());
    rig.turn();
    assert_eq!(rig.reactor.news.disconnected, [key(&running)]);
    answer(&mut rig, running, 5);
    assert_eq!(peer.shapes(), []);
    peer.ask(7, "GET", "/four", true);
    assert!(rig.take().is_some());
}

#[test]
fn a_connection_that_ends_is_told_to_all_its_requests() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "GET", "/", true);
    peer.ask(3, "GET", "/", true);
    let (exchanges, _) = targets(&mut rig);
    for exchange in &exchanges {
        rig.reactor.report_disconnect(key(exchange));
    }
    drop(peer);
    rig.turn();
    assert_eq!(rig.reactor.news.disconnected.len(), 2);
    assert_eq!(rig.reactor.conns.len(), 0);
    for exchange in exchanges {
        answer(&mut rig, exchange, 5);
    }
}

#[test]
fn a_broken_rule_ends_the_connection_with_a_reason() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    peer.frame(DATA, 0, 9, b"on an idle stream");
    rig.turn();
    let frames = peer.frames();
    assert_eq!(frames.last().unwrap().0, GO_AWAY);
    assert!(rig.notices()[0].contains("ended with ProtocolError"));
    assert!(peer.client.has_ended());
    answer(&mut rig, exchange, 5);
}

#[test]
fn time_for_bodies_and_heads() {
    let mut rig = rig(|config| {
        config.body_timeout_ms = 5_000;
        config.header_timeout_ms = 8_000;
    });
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "POST", "/", false);
    peer.ask(3, "POST", "/", false);
    rig.turn();
    for _ in 0..3 {
        pass_ms(2_000);
        peer.frame(DATA, 0, 3, b"more");
        rig.turn();
    }
    // 408, and nothing more of it is wanted.
    let shapes = peer.shapes();
    assert!(matches!(shapes[0], (HEADERS, WHOLE, 1, _)), "{shapes:?}");
    assert_eq!(shapes.last().unwrap(), &(RESET, 0, 1, 4));
    peer.frame(DATA, END, 3, b"end");
    let exchange = rig.take().unwrap();
    answer(&mut rig, exchange, 1);
    // A head that does not come to its end.
    peer.shapes();
    peer.frame(HEADERS, END, 5, &[0x82]);
    rig.turn();
    pass_ms(8_100);
    rig.turn();
    assert_eq!(peer.shapes()[0].0, GO_AWAY);
    assert!(peer.client.has_ended());
}

#[test]
fn an_idle_connection_ends_in_two_steps() {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    answer(&mut rig, exchange, 1);
    peer.frames();
    pass_ms(2_100);
    rig.turn();
    let frames = peer.frames();
    let kinds: Vec<_> = frames.iter().map(|frame| frame.0).collect();
    assert_eq!(kinds, [GO_AWAY, PING]);
    assert_eq!(frames[0].3[..4], [0x7f, 0xff, 0xff, 0xff]);
    // What has crossed with it is served.
    peer.ask(3, "GET", "/", true);
    peer.frame(PING, 1, 0, &frames[1].3);
    let exchange = rig.take().unwrap();
    let frames = peer.frames();
    assert_eq!(
        (frames[0].0, &frames[0].3[..4]),
        (GO_AWAY, &[0, 0, 0, 3][..])
    );
    peer.ask(5, "GET", "/", true);
    assert!(rig.take().is_none());
    answer(&mut rig, exchange, 1);
    assert!(matches!(
        peer.shapes()[..],
        [(HEADERS, WHOLE, 3, _), (DATA, END, 3, 1)]
    ));
    assert!(peer.client.has_ended());
}

#[test]
fn a_flowing_body_is_credited_when_it_is_taken() {
    let mut rig = rig(|config| config.flowing_bodies = true);
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "POST", "/", false);
    let exchange = rig.take().unwrap();
    for _ in 0..3 {
        peer.frame(DATA, 0, 1, &[b'x'; 16_000]);
    }
    rig.turn();
    let on_stream = |frames: Vec<Frame>| frames.iter().any(|each| (each.0, each.2) == (8, 1));
    assert!(!on_stream(peer.frames()));
    let mut room = Vec::new();
    let part = rig.reactor.read_body(key(&exchange), 48_000, &mut room);
    assert_eq!(part, crate::incoming::BodyPart::Bytes(48_000));
    assert!(on_stream(peer.frames()));
    // The answer comes before the end of the request, which is not wanted any more.
    answer(&mut rig, exchange, 1);
    let shapes = peer.shapes();
    assert!(matches!(
        shapes[..],
        [(HEADERS, WHOLE, 1, _), (DATA, END, 1, 1), (RESET, 0, 1, 4)]
    ));
}

/// A client whose one request is with the application.
fn begun() -> (Rig, Framing, Box<Exchange>) {
    let mut rig = rig(|_| {});
    let mut peer = Framing::new(&mut rig, 65_535);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    peer.frames();
    (rig, peer, exchange)
}

#[test]
fn a_stop_answers_what_was_begun() {
    let (mut rig, mut peer, exchange) = begun();
    let now_ms = rig.reactor.now_ms();
    rig.reactor.stop(now_ms + 30_000);
    assert_eq!(peer.frames().len(), 2);
    // Without an answer to its PING.
    pass_ms(1_100);
    rig.turn();
    assert_eq!(peer.shapes(), [(GO_AWAY, 0, 0, 8)]);
    answer(&mut rig, exchange, 1);
    assert_eq!(peer.shapes().len(), 2);
    assert!(peer.client.has_ended());
}

#[test]
fn a_response_that_comes_after_the_time_of_a_stop_still_leaves() {
    let (mut rig, mut peer, exchange) = begun();
    let now_ms = rig.reactor.now_ms();
    rig.reactor.stop(now_ms);
    rig.turn();
    answer(&mut rig, exchange, 1);
    let shapes = peer.shapes();
    assert!(shapes.contains(&(DATA, END, 1, 1)), "{shapes:?}");
}

#[test]
fn a_preface_that_has_to_come_has_a_second() {
    for demanded in [true, false] {
        for begins in ["", "PRI * HTTP/2.0\r\n"] {
            let mut rig = rig(|config| {
                config.policy.served.http2_demanded = demanded;
                config.header_timeout_ms = 0;
            });
            let mut client = rig.connect();
            client.send(begins);
            pass_ms(999);
            rig.turn();
            assert!(client.is_quiet());
            pass_ms(2);
            rig.turn();
            assert_eq!(client.is_quiet(), !demanded, "{begins}");
        }
    }
    // With it all is well.
    let mut rig = rig(|config| config.policy.served.http2_demanded = true);
    let mut peer = Framing::new(&mut rig, 1 << 20);
    pass_ms(1_100);
    rig.turn();
    peer.ask(1, "GET", "/", true);
    assert!(rig.take().is_some());
}
