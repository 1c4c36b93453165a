use proto::h1::{BodySize, ServerFields};
use proto::ws::{Handshake, Kind};

use super::peer::{DATA, END, Framing, HEADERS, WHOLE, WINDOW_UPDATE, rig};
use super::{key, targets};
use crate::exchange::{Exchange, RequestKey};
use crate::reactor::Room;
use crate::testing::{Bytes, Rig, pass_ms};
use crate::websocket::{Message, Outgoing};

const EXTENDED: [(&[u8], &[u8]); 2] = [
    (b":protocol", b"websocket"),
    (b"sec-websocket-version", b"13"),
];
/// A frame of text, whose mask changes nothing.
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

/// A worker that serves them, with this window for each stream.
fn serving(window: u32) -> Rig {
    rig(|config| {
        config.flowing_bodies = true;
        config.policy.http2.connect_protocol = true;
        config.policy.http2.initial_window_size = window;
        // What is read of a body has a limit; a WebSocket has none.
        config.policy.limits.body = Some(20);
        config.websocket.ping_interval_ms = 0;
    })
}

/// One that the application has accepted.
fn open(rig: &mut Rig, peer: &mut Framing, stream: u32) -> RequestKey {
    peer.ask_with(stream, "CONNECT", "/chat", false, &EXTENDED);
    let (mut exchanges, paths) = targets(rig);
    assert_eq!(paths, ["/chat"]);
    let mut exchange = exchanges.pop().unwrap();
    let name = key(&exchange);
    let (facts, server) = (exchange.facts(), ServerFields::new(""));
    let Exchange {
        head,
        response,
        out,
        ..
    } = &mut *exchange;
    let handshake = Handshake::of(head, None).unwrap();
    handshake.accept(None, &mut response.draft).unwrap();
    let size = BodySize::Known(0);
    response.head(facts, size, &server, out).unwrap();
    let switched = rig.reactor.switch_websocket(&mut exchange, None);
    assert_eq!(switched, Some(name));
    let shapes = peer.shapes();
    assert!(
        matches!(shapes[..], [(HEADERS, WHOLE, n, _)] if n == stream),
        "{shapes:?}"
    );
    name
}

fn take(rig: &mut Rig, key: RequestKey) -> Message {
    rig.reactor.take_message(key)
}

#[test]
fn messages_both_ways_and_the_end_of_the_stream_alone() {
    let mut rig = serving(65_535);
    let mut peer = Framing::new(&mut rig, 65_535);
    let (one, two) = (open(&mut rig, &mut peer, 1), open(&mut rig, &mut peer, 3));
    assert_eq!(take(&mut rig, one), Message::Later);
    for _ in 0..9 {
        peer.frame(DATA, 0, 1, HELLO);
        rig.turn();
        assert_eq!(rig.reactor.news.messages, [one]);
        rig.reactor.news.messages.clear();
        assert_eq!(take(&mut rig, one), Message::Text(b"hello".to_vec()));
        assert_eq!(take(&mut rig, one), Message::Later);
    }
    let text = Outgoing::<Bytes>::Bytes(b"hi");
    assert_eq!(rig.reactor.send_message(one, Kind::Text, text), Room::Yes);
    assert_eq!(peer.shapes(), [(DATA, 0, 1, 4)]);
    peer.frame(DATA, 0, 1, CLOSE);
    rig.turn();
    // The answer to it with the end; then the rest of the request is not wanted any more.
    assert_eq!(peer.shapes(), [(DATA, END, 1, 4), (super::RESET, 0, 1, 4)]);
    let (code, reason) = (1000, String::new());
    assert_eq!(take(&mut rig, one), Message::Closed { code, reason });
    assert_eq!(take(&mut rig, one), Message::Gone);
    let text = Outgoing::<Bytes>::Bytes(b"hi");
    assert_eq!(rig.reactor.send_message(one, Kind::Text, text), Room::Gone);
    peer.frame(DATA, 0, 3, HELLO);
    rig.turn();
    assert_eq!(take(&mut rig, two), Message::Text(b"hello".to_vec()));
}

/// The front of a frame is larger than the window: it is not kept against it.
#[test]
fn a_tiny_window_does_not_stop_a_frame() {
    let mut rig = serving(3);
    let mut peer = Framing::new(&mut rig, 65_535);
    let one = open(&mut rig, &mut peer, 1);
    let mut window = 3;
    for byte in HELLO {
        assert!(window > 0);
        peer.frame(DATA, 0, 1, &[*byte]);
        window -= 1;
        rig.turn();
        for frame in peer.frames() {
            if (frame.0, frame.2) == (WINDOW_UPDATE, 1) {
                window += u32::from_be_bytes(frame.3[..].try_into().unwrap());
            }
        }
    }
    assert_eq!(take(&mut rig, one), Message::Text(b"hello".to_vec()));
}

/// The client asks with pings and does not take the answers: its window stays shut until it does.
#[test]
fn a_client_that_pings_and_does_not_read_is_held() {
    let mut rig = serving(1 << 20);
    let mut peer = Framing::new(&mut rig, 0);
    let one = open(&mut rig, &mut peer, 1);
    let mut ping = vec![0x89, 0xfd, 0, 0, 0, 0];
    ping.extend([b'x'; 125]);
    let pings = ping.repeat(100);
    for _ in 0..40 {
        peer.frame(DATA, 0, 1, &pings);
        rig.turn();
    }
    let conn = rig.reactor.conns.get_mut(one.connection).unwrap();
    assert!(conn.unsent(one.stream) < 40 * 100 * 127 / 3);
    assert!(conn.has_more_messages(one.stream));
    peer.frame(WINDOW_UPDATE, 0, 1, &(1u32 << 20).to_be_bytes());
    let mut answered = 0;
    for _ in 0..40 {
        rig.turn();
        let data = peer.frames().into_iter().filter(|frame| frame.0 == DATA);
        answered += data.map(|frame| frame.3.len()).sum::<usize>();
    }
    assert_eq!(answered, 40 * 100 * 127);
}

/// It never reads: its stream is reset, and the others go on.
#[test]
fn a_window_that_stays_shut_ends_its_stream() {
    let mut rig = serving(65_535);
    let mut peer = Framing::new(&mut rig, 10);
    let one = open(&mut rig, &mut peer, 1);
    let text = Outgoing::Bytes::<Bytes>(b"more than ten bytes");
    assert_eq!(rig.reactor.send_message(one, Kind::Text, text), Room::Yes);
    assert_eq!(peer.shapes(), [(DATA, 0, 1, 10)]);
    let write_ms = rig.reactor.config.write_timeout_ms;
    pass_ms(write_ms + 1);
    rig.turn();
    assert_eq!(peer.shapes(), [(super::RESET, 0, 1, 4)]);
    let (code, reason) = (1006, String::new());
    assert_eq!(take(&mut rig, one), Message::Closed { code, reason });
    open(&mut rig, &mut peer, 3);
}

#[test]
fn a_close_frame_that_is_not_answered_has_its_time() {
    let mut rig = serving(65_535);
    let mut peer = Framing::new(&mut rig, 65_535);
    let one = open(&mut rig, &mut peer, 1);
    rig.reactor.close_websocket(one, 4000, "").unwrap();
    assert_eq!(peer.shapes(), [(DATA, 0, 1, 4)]);
    pass_ms(9_999);
    rig.turn();
    assert_eq!(peer.shapes(), []);
    pass_ms(2);
    rig.turn();
    assert_eq!(peer.shapes(), [(DATA, END, 1, 0), (super::RESET, 0, 1, 4)]);
    let (code, reason) = (1006, String::new());
    assert_eq!(take(&mut rig, one), Message::Closed { code, reason });
}
