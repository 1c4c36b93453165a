//! Slow clients, and clients that are many, on a clock that the tests move.

use proto::Trusted;
use proto::protocol::ProxyHeader;

use crate::edge::{Edge, GRACE_MS};
use crate::reactor::{Block, Room};
use crate::testing::{Bytes, Client, Rig, pass_ms};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Timeouts that none of these clients comes to.
fn rig(edge: Edge, flowing: bool) -> Rig {
    Rig::with(|config| {
        config.edge = edge;
        config.body_timeout_ms = 60_000;
        config.write_timeout_ms = 60_000;
        config.flowing_bodies = flowing;
    })
}

fn body_rate(rate: u64) -> Edge {
    Edge {
        body_rate: rate,
        ..Edge::default()
    }
}

#[test]
fn a_body_that_comes_too_slowly() {
    // Ten bytes in each second: the rate is kept, or is not.
    for (rate, answered) in [(11, true), (10, false), (0, false)] {
        let mut rig = rig(body_rate(rate), false);
        let mut client = rig.connect();
        client.send(POST);
        rig.turn();
        let mut got = Vec::new();
        for _ in 0..90 {
            pass_ms(1000);
            client.send("0123456789");
            rig.turn();
            got = client.receive_some().unwrap_or_default();
            if !got.is_empty() {
                break;
            }
        }
        assert_eq!(got.starts_with(b"HTTP/1.1 408 "), answered, "{rate}");
        assert_eq!(got.is_empty(), !answered);
    }
}

#[test]
fn a_body_of_which_nothing_comes_has_the_grace() {
    let mut rig = rig(body_rate(1), false);
    let mut client = rig.connect();
    client.send(POST);
    rig.turn();
    pass_ms(GRACE_MS - 100);
    rig.turn();
    assert!(client.is_quiet());
    pass_ms(200);
    rig.turn();
    let got = client.receive_some().unwrap();
    assert!(got.starts_with(b"HTTP/1.1 408 "));
}

#[test]
fn an_answer_that_is_read_too_slowly() {
    for (rate, told) in [
        (50_000, "more slowly than write_min_rate"),
        (0, "nothing of its response for write_timeout"),
    ] {
        let edge = Edge {
            write_rate: rate,
            ..Edge::default()
        };
        let mut rig = rig(edge, false);
        let mut client = rig.connect_narrow();
        client.send(GET);
        let exchange = rig.take().unwrap();
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n".to_vec();
        answer.resize(answer.len() + 4_000_000, b'x');
        rig.answer(exchange, &answer, true);
        // It reads a little in each second, and then nothing.
        for _ in 0..10 {
            pass_ms(1000);
            if client.receive_some().is_none() {
                break;
            }
            rig.turn();
        }
        pass_ms(61_000);
        rig.turn();
        let notices = rig.notices().join("\n");
        assert!(notices.contains(told), "{rate}: {notices}");
    }
}

/// The time of an answer that comes in parts, each of which its client takes whole in the end, is
/// counted together.
#[test]
fn an_answer_in_parts_that_are_read_too_slowly() {
    for (pause_ms, slow) in [(2000, true), (100, false)] {
        let edge = Edge {
            write_rate: 1_000_000,
            ..Edge::default()
        };
        let mut rig = rig(edge, false);
        let mut client = rig.connect_narrow();
        client.send(GET);
        let exchange = rig.take().unwrap();
        let key = exchange.key.unwrap();
        let part = vec![b'x'; 256 * 1024];
        for _ in 0..8 {
            if rig.reactor.stream(key, &[], Block::<Bytes>::Bytes(&part)) == Room::Gone {
                break;
            }
            // Its time begins when the kernel takes no more, and ends with the part.
            pass_ms(pause_ms);
            let mut left = part.len();
            while left > 0 {
                let Some(got) = client.receive_some() else {
                    break;
                };
                left = left.saturating_sub(got.len());
                rig.turn();
            }
            // While the application works, nothing is awaited.
            pass_ms(60_000);
            rig.turn();
        }
        let notices = rig.notices().join("\n");
        let told = notices.contains("more slowly than write_min_rate");
        assert_eq!(told, slow, "{notices}");
    }
}

#[test]
fn the_last_request_of_a_connection() {
    let edge = Edge {
        requests: 2,
        ..Edge::default()
    };
    let mut rig = rig(edge, false);
    let mut client = rig.connect();
    for keeps in [true, false] {
        client.send(GET);
        let exchange = rig.take().unwrap();
        assert_eq!(exchange.keep_alive, keeps);
        rig.answer(exchange, OK, keeps);
        assert_eq!(client.receive(OK.len()), OK);
        assert_eq!(client.is_quiet(), keeps);
    }
}

fn per_address(trusted: &[&str], proxy: ProxyHeader) -> Rig {
    Rig::with(|config| {
        config.edge.per_address = 2;
        config.policy.forwarding.trusted = Trusted::parse(trusted.iter().copied()).unwrap();
        config.policy.served.proxy = proxy;
    })
}

#[test]
fn connections_of_one_address() {
    let mut rig = per_address(&[], ProxyHeader::Off);
    let mut stays = rig.connect_tcp();
    let goes = rig.connect_tcp();
    let mut third = rig.connect_tcp();
    assert!(third.has_ended());
    let notices = rig.notices();
    assert!(notices[0].ends_with("it has 2 already (connections_per_address)"));
    // More of them are told of once in a second.
    assert!(rig.connect_tcp().has_ended());
    assert!(rig.notices().is_empty());
    // Those on a unix socket have no address.
    let mut local = [rig.connect(), rig.connect(), rig.connect()];
    assert!(local.iter_mut().all(Client::is_quiet));
    // One that has gone makes room.
    drop(goes);
    rig.turn();
    assert!(stays.is_quiet() && rig.connect_tcp().is_quiet());
}

#[test]
fn proxies_are_not_counted_but_clients_that_they_name() {
    let mut rig = per_address(&["127.0.0.1"], ProxyHeader::Off);
    let mut many = [rig.connect_tcp(), rig.connect_tcp(), rig.connect_tcp()];
    assert!(many.iter_mut().all(Client::is_quiet));

    let mut rig = per_address(&[], ProxyHeader::V1);
    let mut named = |client: &str| {
        let mut connection = rig.connect_tcp();
        connection.send(format!("PROXY TCP4 {client} 198.51.100.9 1 2\r\n"));
        rig.turn();
        connection
    };
    let mut first = [named("192.0.2.1"), named("192.0.2.1"), named("192.0.2.2")];
    assert!(first.iter_mut().all(Client::is_quiet));
    assert!(named("192.0.2.1").has_ended());
    assert!(named("192.0.2.2").is_quiet());
}
