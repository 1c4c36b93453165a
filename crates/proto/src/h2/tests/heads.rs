//! Requests as they are handed on, and those that are not.

use super::peer::*;
use crate::event::{Event, StreamId};
use crate::h2::{Config, Priority};
use crate::head::Version;
use crate::known::Known;
use crate::limits::{Permissions, Policy};
use crate::reject::Reject;

#[test]
fn a_request_looks_as_any_other() {
    let mut peer = Peer::new();
    let said = whole(
        &mut peer,
        &[
            (":method", "POST"),
            (":path", "/a/b?c=d"),
            (":authority", "example.org:8080"),
            (":scheme", "https"),
            ("content-type", "text/plain"),
            ("x-custom", "\u{e4}"),
            ("te", "trailers"),
            ("x-empty", ""),
        ],
    );
    assert_eq!(said, [Said::Head(1), Said::End(1)]);
    let head = &peer.head;
    assert_eq!(
        (head.method(), head.target()),
        (&b"POST"[..], &b"/a/b?c=d"[..])
    );
    assert_eq!((head.path(), head.query()), (&b"/a/b"[..], &b"c=d"[..]));
    assert_eq!(
        (head.version(), head.protocol()),
        (Version::Http2, &b"HTTP/2"[..])
    );
    assert_eq!(head.host(), Some(&b"example.org:8080"[..]));
    assert_eq!((head.authority(), head.replaced_host()), (None, None));
    assert!(head.keep_alive() && !head.upgrade() && !head.expect_continue());
    assert!(!head.has_body() && !head.length_unknown() && !head.chunked());
    let expected = [
        pair("host", "example.org:8080"),
        pair("content-type", "text/plain"),
        pair("x-custom", "\u{e4}"),
        pair("te", "trailers"),
        pair("x-empty", ""),
    ];
    assert_eq!(head_fields(&peer), expected);
    for field in head.fields() {
        assert_eq!(field.known, Known::of(field.name));
    }
}

#[test]
fn the_body_is_what_is_announced_or_what_comes() {
    let mut peer = Peer::new();
    let stream = StreamId::new(1);
    let fields = [("content-length", "5"), ("expect", "100-continue")];
    peer.send(&frame(HEADERS, END_HEADERS, 1, &request("POST", &fields)));
    assert_eq!(peer.head.content_length(), Some(5));
    assert!(peer.head.has_body() && peer.head.expect_continue());
    assert!(peer.connection.in_body(stream));
    let said = peer.send(
        &[
            frame(DATA, NONE, 1, b"he"),
            frame(DATA, END_STREAM, 1, b"llo"),
        ]
        .concat(),
    );
    let body = |text: &[u8]| Said::Body(1, text.to_vec());
    assert_eq!(said, [body(b"he"), body(b"llo"), Said::End(1)]);
    assert!(!peer.connection.in_body(stream));

    peer.send(&post(3));
    assert_eq!(peer.head.content_length(), None);
    assert!(peer.head.has_body() && peer.head.length_unknown() && !peer.head.chunked());
    assert_eq!(peer.send(&frame(DATA, END_STREAM, 3, b"")), [Said::End(3)]);
    // An empty body may be announced.
    let empty = request("POST", &[("content-length", "0")]);
    let said = peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 5, &empty));
    assert_eq!(said, [Said::Head(5), Said::End(5)]);
    assert!(!peer.head.has_body());
}

#[test]
fn data_are_handed_on_as_they_come() {
    let mut peer = Peer::new();
    peer.send(&post(1));
    let bytes = frame(DATA, PADDED | END_STREAM, 1, b"\x03abcdef\0\0\0");
    let mut said = Vec::new();
    for byte in bytes {
        said.extend(peer.send(&[byte]));
    }
    let letters = b"abcdef".map(|letter| Said::Body(1, vec![letter]));
    assert_eq!(said, [&letters[..], &[Said::End(1)]].concat());
}

#[test]
fn content_length_is_compared_with_what_comes() {
    let mismatch = Said::Reset(1, Some(Reject::ContentLengthMismatch));
    let five = frame(
        HEADERS,
        END_HEADERS,
        1,
        &request("POST", &[("content-length", "5")]),
    );
    let table = [
        // More, in one frame or in several.
        vec![frame(DATA, NONE, 1, b"123456")],
        vec![
            frame(DATA, NONE, 1, b"12345"),
            frame(DATA, END_STREAM, 1, b"6"),
        ],
        // Less.
        vec![frame(DATA, END_STREAM, 1, b"1234")],
        vec![frame(DATA, END_STREAM, 1, b"")],
        vec![frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            1,
            &block(&[("x", "y")]),
        )],
    ];
    for frames in table {
        let mut peer = Peer::new();
        peer.send(&five);
        let said = peer.send(&frames.concat());
        assert_eq!(said.last(), Some(&mismatch), "{frames:?}");
        assert!(!said.contains(&Said::End(1)));
        assert_eq!(peer.answers(), ["Reset 1: 1"]);
    }
    assert_eq!(
        with(&[("content-length", "1")]),
        malformed(Reject::ContentLengthMismatch)
    );
}

#[test]
fn pseudo_header_fields_are_there_once_and_first() {
    let invalid = malformed(Reject::InvalidPseudoField);
    let wrong = malformed(Reject::WrongPseudoFields);
    let usual = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
    ];
    for name in [":method", ":scheme", ":path", ":authority"] {
        let value = usual.iter().find(|(each, _)| *each == name).unwrap().1;
        // Twice; behind another field; in upper case.
        let twice = [&usual[..], &[(name, value)]].concat();
        assert_eq!(whole(&mut Peer::new(), &twice), invalid, "{name}");
        let rest = usual.iter().filter(|(each, _)| *each != name);
        let late: Vec<_> = rest.copied().chain([("x", "y"), (name, value)]).collect();
        assert_eq!(whole(&mut Peer::new(), &late), invalid, "{name}");
        // Missing: what else there is may name the host.
        let rest = usual.iter().filter(|(each, _)| *each != name);
        let less: Vec<_> = rest.copied().chain([("host", "a")]).collect();
        let expected = match name {
            ":authority" => vec![Said::Head(1), Said::End(1)],
            _ => wrong.clone(),
        };
        assert_eq!(whole(&mut Peer::new(), &less), expected, "{name}");
    }
    for (name, value) in [
        (":status", "200"),
        (":x", "y"),
        (":", ""),
        (":protocol", "a b"),
    ] {
        let fields = [&usual[..], &[(name, value)]].concat();
        assert_eq!(whole(&mut Peer::new(), &fields), invalid, "{name}");
    }
    let replaced =
        |name, value| usual.map(|(each, it)| (each, if each == name { value } else { it }));
    let head = |name, value| whole(&mut Peer::new(), &replaced(name, value));
    assert_eq!(head(":path", ""), wrong);
    assert_eq!(head(":scheme", ""), invalid);
    assert_eq!(head(":scheme", "h ttp"), invalid);
    let refused = |reject| vec![Said::Refused(1, reject)];
    assert_eq!(head(":path", "x"), refused(Reject::InvalidTarget));
    assert_eq!(head(":path", "*"), refused(Reject::InvalidTarget));
    assert_eq!(head(":path", "http://a/"), refused(Reject::InvalidTarget));
    assert_eq!(head(":path", "/a b"), refused(Reject::InvalidTarget));
    assert_eq!(head(":path", "/\u{e4}"), refused(Reject::InvalidTarget));
    assert_eq!(head(":method", "G T"), refused(Reject::InvalidMethod));
    assert_eq!(head(":method", "get"), refused(Reject::InvalidMethod));
    assert_eq!(head(":method", ""), refused(Reject::InvalidMethod));
    assert_eq!(head(":authority", ""), refused(Reject::InvalidHost));
    assert_eq!(head(":authority", "user@a"), refused(Reject::InvalidHost));
    assert_eq!(
        whole(&mut Peer::new(), &usual[..3]),
        refused(Reject::MissingHost)
    );
}

#[test]
fn connect_has_no_path_but_the_extended_one_has() {
    let plain = [(":method", "CONNECT"), (":authority", "a:443")];
    let refused = Said::Refused(1, Reject::ConnectNotPermitted);
    assert_eq!(whole(&mut Peer::new(), &plain), [refused]);
    let policy = Policy {
        permissions: Permissions {
            connect: true,
            ..Permissions::default()
        },
        ..Policy::default()
    };
    let mut peer = Peer::with(policy.clone());
    assert_eq!(whole(&mut peer, &plain), [Said::Head(1), Said::End(1)]);
    assert_eq!(
        (peer.head.target(), peer.head.path()),
        (&b"a:443"[..], &b""[..])
    );
    assert!(peer.head.upgrade() && peer.head.connect_protocol().is_none());
    let wrong = malformed(Reject::WrongPseudoFields);
    let more = [&plain[..], &[(":path", "/")]].concat();
    assert_eq!(whole(&mut Peer::with(policy), &more), wrong);

    // RFC 8441, section 5.1.
    let extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat?x=y"),
        (":authority", "server.example.com"),
        ("sec-websocket-version", "13"),
    ];
    assert_eq!(
        whole(&mut Peer::new(), &extended),
        wrong,
        "it was not announced"
    );
    let config = Config {
        connect_protocol: true,
        ..Config::default()
    };
    let mut peer = Peer::with_config(config.clone());
    let bytes = frame(HEADERS, END_HEADERS, 1, &block(&extended));
    assert_eq!(peer.send(&bytes), [Said::Head(1)]);
    assert_eq!(peer.head.connect_protocol(), Some(&b"websocket"[..]));
    assert_eq!(
        (peer.head.path(), peer.head.query()),
        (&b"/chat"[..], &b"x=y"[..])
    );
    assert_eq!(peer.head.host(), Some(&b"server.example.com"[..]));
    let with = |changed: &str, to: &'static str| -> Vec<_> {
        let fields = extended.iter();
        let fields =
            fields.map(|(name, value)| (*name, if *name == changed { to } else { *value }));
        fields.collect()
    };
    let get = with(":method", "GET");
    assert_eq!(whole(&mut Peer::with_config(config.clone()), &get), wrong);
    let other = with(":protocol", "connect-udp");
    let refused = Said::Refused(1, Reject::UnknownProtocol);
    assert_eq!(whole(&mut Peer::with_config(config), &other), [refused]);
}

#[test]
fn priorities_of_the_request_and_since() {
    let mut peer = Peer::new();
    let priority = |peer: &Peer, stream| peer.connection.priority(StreamId::new(stream));
    let of = |urgency, incremental| Priority {
        urgency,
        incremental,
    };
    let update = |stream: u32, value: &[u8]| {
        frame(
            PRIORITY_UPDATE,
            NONE,
            0,
            &[&stream.to_be_bytes()[..], value].concat(),
        )
    };
    let bytes = frame(
        HEADERS,
        END_HEADERS,
        1,
        &request("POST", &[("priority", "u=1, i")]),
    );
    peer.send(&bytes);
    assert_eq!(priority(&peer, 1), of(1, true));
    peer.send(&update(1, b"u=5"));
    assert_eq!(priority(&peer, 1), of(5, false));
    // Before its stream is opened; it is above what the request says.
    peer.send(&update(3, b"u=0"));
    peer.send(&update(5, b"u=2, i"));
    peer.send(&frame(
        HEADERS,
        END_HEADERS,
        3,
        &request("GET", &[("priority", "u=7")]),
    ));
    assert_eq!(priority(&peer, 3), of(0, false));
    peer.send(&get(5));
    assert_eq!(priority(&peer, 5), of(2, true));
    for stream in (7..99).step_by(2) {
        peer.send(&update(stream, b"u=6"));
    }
    peer.send(&get(7));
    assert_eq!(priority(&peer, 7), of(3, false), "not all of them are kept");
    assert_eq!(priority(&peer, 1001), of(3, false));
    let failed = Said::Failed(Reject::InvalidPriorityUpdate);
    assert_eq!(peer.send(&update(0, b"")), [failed]);
}

#[test]
fn one_step_says_one_thing() {
    let mut peer = Peer::new();
    let mut bytes = [get(1), get(3)].concat();
    let len = bytes.len() / 2;
    let first = peer
        .connection
        .receive(&peer.policy, &bytes, false, &mut peer.head)
        .unwrap();
    assert_eq!(
        (first.consumed, first.event),
        (len, Event::Head(StreamId::new(1)))
    );
    bytes.drain(..len);
    let end = peer
        .connection
        .receive(&peer.policy, &bytes, false, &mut peer.head)
        .unwrap();
    assert_eq!((end.consumed, end.event), (0, Event::End(StreamId::new(1))));
}
