use super::*;
use crate::testing::{Client, Rig};

/// The first listener is one of them.
fn rig() -> Rig {
    Rig::with(|config| {
        config.redirects = Redirects {
            listeners: vec![true],
            port: 8443,
        };
    })
}

fn answer(client: &mut Client<std::os::unix::net::UnixStream>) -> String {
    let bytes = client.receive_some().expect("an answer");
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_request_is_answered_once_and_reaches_no_application() {
    let mut rig = rig();
    let mut client = rig.connect();
    // The second one, which came with it, is not looked at.
    client.send(
        "GET /a?b HTTP/1.1\r\nHost: example.com\r\n\r\nGET /b HTTP/1.1\r\nHost: example.com\r\n\r\n",
    );
    assert!(rig.take().is_none());
    let text = answer(&mut client);
    assert!(
        text.starts_with(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com:8443/a?b\r\n\
             Connection: close\r\n"
        ),
        "{text}"
    );
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert!(rig.next().is_none());
    let counts = rig.board.counts(0);
    assert_eq!((counts.requests[2], counts.refused), (1, 0));
}

#[test]
fn a_body_is_not_waited_for() {
    let mut rig = rig();
    let mut client = rig.connect();
    client.send(
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(rig.take().is_none());
    let text = answer(&mut client);
    assert!(
        text.starts_with("HTTP/1.1 308 Permanent Redirect\r\n"),
        "{text}"
    );
    // What comes of it all the same is dropped: a reset would destroy the answer.
    client.send("x".repeat(100_000));
    assert!(rig.take().is_none());
}

#[test]
fn a_request_without_a_host_is_refused() {
    let mut rig = rig();
    let mut client = rig.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(rig.take().is_none());
    let text = answer(&mut client);
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert_eq!(rig.board.counts(0).refused, 1);
}

#[test]
fn other_listeners_serve_and_such_a_one_speaks_http_1_alone() {
    let redirects = Redirects {
        listeners: vec![false, true],
        port: 443,
    };
    assert!(!redirects.is_at(0) && redirects.is_at(1) && !redirects.is_at(2));
    let mut policy = Policy::default();
    policy.served.http2_cleartext = true;
    policy.served.websocket = true;
    let served = |listener| redirects.served(&policy, listener, Peer::Unix);
    assert!(served(0).http2_cleartext);
    assert_eq!(served(1), Served::HTTP1);
}
