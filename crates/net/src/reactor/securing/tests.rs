mod arriving;
mod certificates;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};

use crate::reactor::Tail;
use crate::testing::{Bytes, Client, Rig, pass_ms};
use crate::testing_tls::{Authority, SecureClient, listening, material, terms};
use crate::tls::{Listening, Terms};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn secured(listening: &Arc<Listening>) -> Rig {
    Rig::with(|config| config.tls = Some(Arc::clone(listening)))
}

/// A rig, and a client of it that has not begun.
fn pair(version: &'static rustls::SupportedProtocolVersion) -> (Rig, SecureClient) {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    let mut rig = secured(&listening);
    let client = SecureClient::connect(&mut rig, authority.client(version), "a.example");
    (rig, client)
}

#[test]
fn requests_come_and_answers_go_encrypted() {
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let (mut rig, mut client) = pair(version);
        for _ in 0..3 {
            client.send(REQUEST);
            client.talk(&mut rig).unwrap();
            let exchange = rig.next().unwrap();
            let tls = exchange.tls.as_ref().unwrap();
            assert_eq!(tls.version.0, name);
            assert!(tls.cipher.0.contains("AES_256_GCM") || tls.cipher.0.contains("AES256-GCM"));
            assert!(tls.identity.is_none() && tls.protocol.is_none());
            rig.answer(exchange, ANSWER, true);
            client.talk(&mut rig).unwrap();
            client.expect(ANSWER);
        }
        client.send(REQUEST);
        client.talk(&mut rig).unwrap();
        let exchange = rig.next().unwrap();
        rig.answer(exchange, ANSWER, false);
        client.talk(&mut rig).unwrap();
        client.expect(ANSWER);
        assert!(client.has_goodbye());
        assert!(rig.notices().is_empty());
    }
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let (mut rig, mut client) = pair(&TLS13);
    client.send(REQUEST);
    let mut wire = Vec::new();
    for _ in 0..4 {
        wire.clear();
        while client.session.wants_write() {
            client.session.write_tls(&mut wire).unwrap();
        }
        for byte in &wire {
            client.socket.write_all(&[*byte]).unwrap();
            rig.turn();
        }
        client.step().unwrap();
    }
    assert!(rig.next().is_some());
}

#[test]
fn requests_in_one_record_are_answered_in_turn() {
    let (mut rig, mut client) = pair(&TLS13);
    client.send(&REQUEST.repeat(3));
    client.talk(&mut rig).unwrap();
    for _ in 0..3 {
        let exchange = rig.take().unwrap();
        rig.answer(exchange, ANSWER, true);
    }
    client.talk(&mut rig).unwrap();
    client.expect(&ANSWER.repeat(3));
}

#[test]
fn large_bodies_go_both_ways() {
    for version in [&TLS12, &TLS13] {
        let (mut rig, mut client) = pair(version);
        let body = vec![b'x'; 300_000];
        client.session.set_buffer_limit(None);
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
        client.send(&body);
        for _ in 0..10 {
            client.talk(&mut rig).unwrap();
        }
        let mut exchange = rig.next().unwrap();
        assert_eq!(exchange.body.len(), 300_000);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
        exchange.out.extend_from_slice(head);
        rig.finish(exchange, Tail::Bytes(Bytes(body.clone())), true);
        for _ in 0..10 {
            client.talk(&mut rig).unwrap();
        }
        client.expect(&[&head[..], &body].concat());
    }
}

/// The kernel takes little at a time, and the client reads late.
#[test]
fn a_slow_reader_gets_everything() {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    let mut rig = secured(&listening);
    let (ours, theirs) = UnixStream::pair().unwrap();
    rig.accept_tls(ours, true);
    let config = Arc::new(authority.client(&TLS13));
    let mut client = SecureClient::on(theirs, config, "a.example");
    client.send(REQUEST);
    for _ in 0..10 {
        client.talk(&mut rig).unwrap();
    }
    let mut exchange = rig.next().unwrap();
    let body = vec![b'y'; 200_000];
    exchange
        .out
        .extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    let length = exchange.out.len() + body.len();
    rig.finish(exchange, Tail::Bytes(Bytes(body)), false);
    for _ in 0..400 {
        rig.turn();
        client.step().unwrap();
    }
    assert_eq!(client.received.len(), length);
    assert!(client.has_goodbye());
}

#[test]
fn http_without_tls_is_told_so() {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    let mut rig = secured(&listening);
    let to_head = [b"HEAD", &REQUEST[3..]].concat();
    for request in [REQUEST, &to_head] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let mut client = Client(theirs);
        client.send(request);
        rig.accept_tls(ours, false);
        client.send_end();
        rig.turn();
        let answer = client.receive_all();
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{answer}"
        );
        let told = answer.contains("This port speaks HTTPS");
        assert_eq!(told, request == REQUEST, "{answer}");
    }
    // One of them within the second.
    let told = rig.notices();
    assert_eq!(
        told,
        ["TLS with ip=unix: it sent an HTTP request without TLS (answered 400)"]
    );
    assert_eq!(handshakes(&rig), [0, 0, 2]);
}

#[test]
fn what_is_no_handshake_gets_an_alert() {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    let mut rig = secured(&listening);
    let fail = |rig: &mut Rig| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let mut client = Client(theirs);
        client.send(b"\x80\x2e\x01\x00\x02 this is none");
        rig.accept_tls(ours, false);
        rig.turn();
        // An alert: its type, then the version.
        let alert = client.receive_some().unwrap();
        assert_eq!((alert[0], alert.len()), (21, 7));
        client.send_end();
        rig.turn();
        assert!(client.has_ended());
    };
    for _ in 0..3 {
        fail(&mut rig);
    }
    let text = "TLS with ip=unix: the handshake failed: what it sent is no handshake of TLS";
    assert_eq!(rig.notices(), [text]);
    pass_ms(1100);
    rig.turn();
    fail(&mut rig);
    assert_eq!(
        rig.notices(),
        ["2 more TLS connections have failed meanwhile", text]
    );
    assert_eq!(rig.board.tally(rig.slot).read().accepted, 4);
}

#[test]
fn a_handshake_has_a_deadline_of_its_own() {
    let (mut rig, mut client) = pair(&TLS13);
    client.socket.write_all(b"\x16\x03").unwrap();
    pass_ms(9_900);
    rig.turn();
    assert!(rig.notices().is_empty());
    pass_ms(200);
    rig.turn();
    rig.turn();
    assert_eq!(
        rig.notices(),
        ["TLS with ip=unix: its handshake was not over within header_timeout"]
    );
    assert!(Client(client.socket).has_ended());
    assert_eq!(handshakes(&rig), [0, 0, 1]);
    // One that is over gives the head its whole time.
    let (mut rig, mut client) = {
        let pair = pair(&TLS13);
        client = pair.1;
        (pair.0, client)
    };
    pass_ms(9_000);
    rig.turn();
    client.talk(&mut rig).unwrap();
    pass_ms(9_000);
    rig.turn();
    client.send(REQUEST);
    client.talk(&mut rig).unwrap();
    assert!(rig.next().is_some());
    assert_eq!(handshakes(&rig), [1, 0, 0]);
}

/// Those that were full, resumed, or failed.
fn handshakes(rig: &Rig) -> [u64; 3] {
    rig.board.counts(rig.slot).connections.handshakes
}

/// As `Stream::peer_end` finds it: what has come before the end is not lost.
#[test]
fn a_client_that_leaves_is_noticed() {
    for goodbye in [false, true] {
        let (mut rig, mut client) = pair(&TLS13);
        client.send(REQUEST);
        client.talk(&mut rig).unwrap();
        let exchange = rig.next().unwrap();
        let key = exchange.key.unwrap();
        rig.reactor.report_disconnect(key);
        rig.turn();
        assert!(rig.reactor.news.disconnected.is_empty());
        if goodbye {
            client.session.send_close_notify();
            client.step().unwrap();
        }
        client.socket.shutdown(Shutdown::Write).unwrap();
        rig.turn();
        assert_eq!(std::mem::take(&mut rig.reactor.news.disconnected), [key]);
        rig.answer(exchange, ANSWER, true);
        client.talk(&mut rig).unwrap();
        client.expect(ANSWER);
    }
}

#[test]
fn a_request_behind_one_that_runs_is_kept_while_the_end_is_looked_for() {
    let (mut rig, mut client) = pair(&TLS13);
    client.send(REQUEST);
    client.talk(&mut rig).unwrap();
    let exchange = rig.next().unwrap();
    client.send(REQUEST);
    client.step().unwrap();
    let token = exchange.key.unwrap().connection;
    let conn = rig.reactor.conns.get_mut(token).unwrap();
    assert_eq!(conn.peer_end(), crate::stream::PeerEnd::None);
    assert!(conn.has_more());
    // Told of before the one that was taken from the kernel is read.
    client.send(REQUEST);
    client.step().unwrap();
    rig.turn();
    for exchange in [Some(exchange), None, None] {
        let exchange = exchange.unwrap_or_else(|| rig.take().unwrap());
        rig.answer(exchange, ANSWER, true);
    }
    client.talk(&mut rig).unwrap();
    client.expect(&ANSWER.repeat(3));
}

/// The same with several requests on a connection: the poller does not tell of what the look has taken.
#[test]
fn a_stream_that_is_found_while_the_end_is_looked_for() {
    let authority = Authority::new();
    let mut terms = terms();
    terms.protocols = vec![b"h2".to_vec()];
    let listening = listening(terms, &material(&[authority.pair("a.example")]));
    let mut rig = Rig::with(|config| {
        config.tls = Some(Arc::clone(&listening));
        config.policy.served.http2 = true;
    });
    let mut asks = authority.client(&TLS13);
    asks.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = SecureClient::connect(&mut rig, asks, "a.example");
    let get = |stream: u8| {
        // GET, http, /, and a for the authority.
        let block = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
        [&[0, 0, 6, 1, 5, 0, 0, 0, stream][..], &block].concat()
    };
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    client.send(&[proto::h2::PREFACE, &settings, &get(1)].concat());
    client.talk(&mut rig).unwrap();
    client.send(&get(3));
    client.step().unwrap();
    // The first one has waited for so long that its client is looked for.
    rig.reactor.now_ns += 20_000_000;
    let first = rig.next().unwrap();
    assert_eq!(first.key.unwrap().stream, proto::StreamId::new(1));
    let second = rig.take().unwrap();
    assert_eq!(second.key.unwrap().stream, proto::StreamId::new(3));
}

/// What an application gets that takes over the socket: one for plain bytes.
#[test]
fn an_application_takes_a_socket_for_plain_bytes() {
    for ends_first in ["client", "application"] {
        let (mut rig, mut client) = pair(&TLS13);
        client.send(&[REQUEST, b"behind it"].concat());
        client.talk(&mut rig).unwrap();
        let mut exchange = rig.next().unwrap();
        let key = exchange.key.take().unwrap();
        let (fd, rest, unsent) = rig.reactor.detach(key).unwrap();
        assert_eq!(
            (rest.as_slice(), unsent.unwrap().as_slice()),
            (&b"behind it"[..], &b""[..])
        );
        let mut socket = UnixStream::from(fd);
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let block = vec![b'z'; 100_000];
        socket.write_all(b"hello").unwrap();
        let writing = socket.try_clone().unwrap();
        let body = block.clone();
        let writer = std::thread::spawn(move || (&writing).write_all(&body).unwrap());
        client.wait_for(100_005);
        writer.join().unwrap();
        assert_eq!(client.received, [b"hello".as_slice(), &block].concat());
        client.send(b"and back");
        client.step().unwrap();
        let mut room = [0; 8];
        socket.read_exact(&mut room).unwrap();
        assert_eq!(&room, b"and back");
        if ends_first == "client" {
            client.session.send_close_notify();
            client.step().unwrap();
            assert_eq!(socket.read(&mut room).unwrap(), 0);
            socket.write_all(b"last").unwrap();
        }
        drop(socket);
        client.wait_for_goodbye();
    }
}

/// The proxy's header stands before the handshake, in one piece with it or byte by byte.
#[test]
fn a_proxy_header_stands_before_the_handshake() {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    for whole in [true, false] {
        let mut rig = Rig::with(|config| {
            config.tls = Some(Arc::clone(&listening));
            config.policy.served.proxy = proto::protocol::ProxyHeader::Auto;
        });
        let config = authority.client(&TLS13);
        let mut client = SecureClient::connect(&mut rig, config, "a.example");
        let mut wire = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n".to_vec();
        if whole {
            client.session.write_tls(&mut wire).unwrap();
        }
        for piece in wire.chunks(if whole { wire.len() } else { 1 }) {
            client.socket.write_all(piece).unwrap();
            rig.turn();
        }
        client.send(REQUEST);
        client.talk(&mut rig).unwrap();
        let exchange = rig.next().unwrap();
        assert!(exchange.tls.is_some());
        assert_eq!(exchange.peer.unwrap().to_string(), "192.0.2.7:4711");
        rig.answer(exchange, ANSWER, true);
        client.talk(&mut rig).unwrap();
        client.expect(ANSWER);
    }
}

#[test]
fn a_look_at_a_client_that_waits_loses_nothing_of_its_next_request() {
    let authority = Authority::new();
    let terms = Terms {
        protocols: vec![b"h2".to_vec()],
        ..terms()
    };
    let listening = listening(terms, &material(&[authority.pair("a.example")]));
    let mut rig = Rig::with(|config| {
        config.tls = Some(Arc::clone(&listening));
        config.policy.served.http2 = true;
    });
    let mut config = authority.client(&TLS13);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = SecureClient::connect(&mut rig, config, "a.example");
    client.send(proto::h2::PREFACE);
    client.send(b"\0\0\0\x04\0\0\0\0\0");
    client.talk(&mut rig).unwrap();
    // HEADERS with END_STREAM and END_HEADERS: GET https /, :authority a.
    let ask = |client: &mut SecureClient, stream: u8| {
        client.send(&[0, 0, 6, 1, 5, 0, 0, 0, stream]);
        client.send(b"\x82\x87\x84\x41\x01a");
        client.step().unwrap();
    };
    ask(&mut client, 1);
    rig.turn();
    pass_ms(20);
    rig.turn();
    // It comes before the first one is taken, of whose client the kernel is asked by then.
    ask(&mut client, 3);
    assert!(rig.next().is_some());
    assert_eq!(rig.reactor.wait_ms(), 0, "a turn is due");
    assert!(rig.take().is_some());
}
