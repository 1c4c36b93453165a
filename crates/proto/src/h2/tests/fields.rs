//! Fields of requests, and what is made of them.

use super::peer::*;
use crate::forwarded::HeaderMap;
use crate::known::Known;
use crate::limits::Policy;
use crate::reject::Reject;

#[test]
fn host_says_the_same_as_authority() {
    let mut peer = Peer::new();
    let bytes = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &request("GET", &[("x", "1"), ("host", "A"), ("y", "2")]),
    );
    assert_eq!(peer.send(&bytes), [Said::Head(1), Said::End(1)]);
    assert_eq!(
        head_fields(&peer),
        [pair("host", "a"), pair("x", "1"), pair("y", "2")]
    );
    assert_eq!(with(&[("host", "b")]), malformed(Reject::ContradictoryHost));
    let usual = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    let twice = [&usual[..], &[("host", "a"), ("host", "a")]].concat();
    let refused = Said::Refused(1, Reject::RepeatedHost);
    assert_eq!(whole(&mut Peer::new(), &twice), [refused]);
}

#[test]
fn fields_of_http1_connections_are_malformed() {
    for (name, value) in [
        ("connection", "close"),
        ("proxy-connection", "keep-alive"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, deflate"),
    ] {
        let expected = malformed(Reject::ConnectionSpecificField);
        assert_eq!(with(&[(name, value)]), expected, "{name}");
    }
}

#[test]
fn names_and_values_have_their_characters() {
    // As literals that no encoder of ours would write.
    let raw = |name: &[u8], value: &[u8]| {
        let mut block = request("GET", &[]);
        for text in [&[0][..], name] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text);
        }
        block.remove(block.len() - name.len() - 3);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend_from_slice(value);
        Peer::new().send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block))
    };
    assert_eq!(raw(b"ok", b"a\tb \x80"), [Said::Head(1), Said::End(1)]);
    for name in [
        &b""[..],
        b"X-A",
        b"x a",
        b"x:a",
        b"x\0",
        b"Accept",
        b"\xe4",
        b"x\r\n",
    ] {
        assert_eq!(
            raw(name, b"a"),
            malformed(Reject::MalformedFieldName),
            "{name:?}"
        );
    }
    for value in [
        &b" a"[..],
        b"a ",
        b"\ta",
        b"a\0b",
        b"a\rb",
        b"a\nb",
        b"\x7f",
    ] {
        assert_eq!(
            raw(b"x", value),
            malformed(Reject::MalformedFieldValue),
            "{value:?}"
        );
        assert_eq!(
            raw(b"accept", value),
            malformed(Reject::MalformedFieldValue)
        );
    }
}

#[test]
fn cookies_are_joined() {
    let table: [(Pairs<'_>, Pairs<'_>); 4] = [
        (&[("cookie", "a=1")], &[("cookie", "a=1")]),
        (
            &[
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("cookie", ""),
                ("x", "y"),
            ],
            &[("cookie", "a=1; b=2; "), ("x", "y")],
        ),
        (
            &[
                ("x", "1"),
                ("cookie", "a=1"),
                ("y", "2"),
                ("cookie", "b=2"),
                ("cookie", "c=3"),
                ("z", "3"),
            ],
            &[
                ("x", "1"),
                ("cookie", "a=1; b=2; c=3"),
                ("y", "2"),
                ("z", "3"),
            ],
        ),
        (
            &[("cookie", "a"), ("x_dropped", "1"), ("cookie", "b")],
            &[("cookie", "a; b")],
        ),
    ];
    for (sent, expected) in table {
        let mut peer = Peer::new();
        let bytes = frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", sent));
        assert_eq!(peer.send(&bytes), [Said::Head(1), Said::End(1)]);
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| pair(name, value))
            .collect();
        assert_eq!(head_fields(&peer)[1..], expected, "{sent:?}");
        assert!(!peer.head.repeats(Known::Cookie));
    }
}

#[test]
fn underscores_are_for_header_map() {
    let bytes = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &request("GET", &[("x_a", "1"), ("b", "2")]),
    );
    let mut policy = Policy::default();
    let mut dropped = Peer::with(policy.clone());
    dropped.send(&bytes);
    assert_eq!(head_fields(&dropped)[1..], [pair("b", "2")]);
    policy.forwarding.header_map = HeaderMap::Refuse;
    let refused = Said::Refused(1, Reject::AmbiguousHeaderName);
    assert_eq!(Peer::with(policy.clone()).send(&bytes), [refused]);
    policy.forwarding.header_map = HeaderMap::Dangerous;
    let mut kept = Peer::with(policy);
    kept.send(&bytes);
    assert_eq!(head_fields(&kept)[1..], [pair("x_a", "1"), pair("b", "2")]);
}

#[test]
fn trailers_are_dropped_and_checked() {
    let trailers = |fields: &[(&str, &str)]| {
        let mut peer = Peer::new();
        peer.send(&post(1));
        peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields)))
    };
    assert_eq!(trailers(&[("x-checksum", "1"), ("y", "")]), [Said::End(1)]);
    assert_eq!(trailers(&[]), [Said::End(1)]);
    assert_eq!(
        trailers(&[(":method", "GET")]),
        malformed(Reject::InvalidPseudoField)
    );
    assert_eq!(
        trailers(&[("x y", "1")]),
        malformed(Reject::MalformedFieldName)
    );
    assert_eq!(
        trailers(&[("x", " ")]),
        malformed(Reject::MalformedFieldValue)
    );
    assert_eq!(
        trailers(&[("te", "x")]),
        malformed(Reject::ConnectionSpecificField)
    );
}

/// As a head that is: with a status, and not with an error of the protocol.
#[test]
fn trailers_beyond_the_limits_are_refused() {
    let many = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &block(&[("a", "1"), ("b", "2")]),
    );
    let large = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        &block(&[("a", &"x".repeat(400))]),
    );
    for (trailers, reject) in [
        (many, Reject::TooManyFields),
        (large, Reject::FieldTooLarge),
    ] {
        let mut policy = Policy::default();
        policy.limits.fields = 1;
        policy.http2.max_header_list_size = 400;
        let mut peer = Peer::with(policy);
        peer.send(&post(1));
        assert_eq!(peer.send(&trailers), [Said::Refused(1, reject)]);
        assert_eq!(peer.connection.open_streams(), 1, "it waits for its answer");
        assert_eq!(peer.send(&get(3)), [Said::Head(3), Said::End(3)]);
    }
}

#[test]
fn a_head_as_http1_would_carry_it() {
    let as_http1 = |peer: &Peer| String::from_utf8(peer.head.as_http1().into_owned()).unwrap();
    let mut peer = Peer::new();
    let others = [
        ("cookie", "a"),
        ("x_dropped", "1"),
        ("cookie", "b"),
        ("host", "a"),
    ];
    let block = request("GET", &others);
    peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let lines = "host: a\r\ncookie: a\r\nx_dropped: 1\r\ncookie: b\r\ncookie: a; b\r\n";
    assert_eq!(as_http1(&peer), format!("GET / HTTP/1.1\r\n{lines}\r\n"));
    let with_end = peer.head.raw().to_vec();
    peer.send(&frame(HEADERS, END_HEADERS, 3, &block));
    assert_ne!(
        peer.head.raw(),
        with_end,
        "the one has a body, the other has none"
    );
    let text = as_http1(&peer);
    let mut head = crate::RequestHead::default();
    let received =
        crate::h1::Connection::new(false).receive(&peer.policy, text.as_bytes(), false, &mut head);
    assert_eq!(received.map(|it| it.consumed), Ok(text.len()));
}
