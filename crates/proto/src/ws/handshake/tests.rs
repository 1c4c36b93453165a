use super::*;
use crate::h1::{self, BodySize, RequestFacts, Response, ServerFields};
use crate::protocol::Served;
use crate::{Connection, Event, Policy, StreamId, h2};

const GOOD: [&str; 5] = [
    "Host: a",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

fn head(line: &str, fields: &[&str]) -> RequestHead {
    let request = format!("{line}\r\n{}\r\n\r\n", fields.join("\r\n"));
    let mut head = RequestHead::default();
    let mut connection = Connection::begin(Served::HTTP1, false, false, false);
    let policy = Policy::default();
    connection
        .receive(&policy, request.as_bytes(), false, &mut head)
        .unwrap();
    head
}

/// The good request, with the field of the same name replaced, or with one more.
fn with(field: &str, more: bool) -> RequestHead {
    let name = field.split(':').next().unwrap();
    let mut fields: Vec<_> = GOOD.to_vec();
    if !more {
        fields.retain(|each| !each.starts_with(name));
    }
    if field.contains(':') {
        fields.push(field);
    }
    head("GET /chat HTTP/1.1", &fields)
}

fn refused(head: &RequestHead) -> Option<HandshakeReject> {
    Handshake::of(head, None).err()
}

#[test]
fn request_lines() {
    let table = [
        ("GET / HTTP/1.1", None),
        ("POST / HTTP/1.1", Some(HandshakeReject::NotGet)),
        ("HEAD / HTTP/1.1", Some(HandshakeReject::NotGet)),
        ("GET / HTTP/1.0", Some(HandshakeReject::OldVersion)),
    ];
    for (line, expected) in table {
        assert_eq!(refused(&head(line, &GOOD)), expected, "{line}");
    }
}

/// A field of the request, whether it is one more instead of another one, and the answer.
type Row = (&'static str, bool, Option<HandshakeReject>);

fn check(table: &[Row]) {
    for (field, more, expected) in table {
        assert_eq!(refused(&with(field, *more)), *expected, "{field} {more}");
    }
}

#[test]
fn fields_of_the_upgrade() {
    use HandshakeReject::{Body, NoUpgrade};
    check(&[
        ("Upgrade", false, Some(NoUpgrade)),
        ("Upgrade: h2c", false, Some(NoUpgrade)),
        ("Upgrade: h2c, WebSocket", false, None),
        ("Upgrade: h2c", true, None),
        ("Upgrade: websocket/13", false, Some(NoUpgrade)),
        ("Connection", false, Some(NoUpgrade)),
        ("Connection: close", false, Some(NoUpgrade)),
        ("Connection: close", true, None),
        ("Content-Length: 0", true, None),
        ("Content-Length: 3", true, Some(Body)),
        ("Transfer-Encoding: chunked", true, Some(Body)),
    ]);
}

#[test]
fn versions_and_keys() {
    use HandshakeReject::{
        InvalidKey, MissingKey, RepeatedKey, RepeatedVersion, UnsupportedVersion,
    };
    check(&[
        ("Sec-WebSocket-Version", false, Some(UnsupportedVersion)),
        ("Sec-WebSocket-Version: 8", false, Some(UnsupportedVersion)),
        (
            "Sec-WebSocket-Version: 013",
            false,
            Some(UnsupportedVersion),
        ),
        (
            "Sec-WebSocket-Version: 13, 8",
            false,
            Some(UnsupportedVersion),
        ),
        ("Sec-WebSocket-Version: 13", true, Some(RepeatedVersion)),
        ("Sec-WebSocket-Key", false, Some(MissingKey)),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            true,
            Some(RepeatedKey),
        ),
        ("Sec-WebSocket-Key:", false, Some(InvalidKey)),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ",
            false,
            Some(InvalidKey),
        ),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQE=",
            false,
            Some(InvalidKey),
        ),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEy",
            false,
            Some(InvalidKey),
        ),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZS-ub25jZQ==",
            false,
            Some(InvalidKey),
        ),
        ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA+/==", false, None),
    ]);
}

#[test]
fn subprotocols_and_extensions() {
    use HandshakeReject::{InvalidExtensions, InvalidSubprotocols};
    check(&[
        ("Sec-WebSocket-Protocol: chat, v2.chat", true, None),
        ("Sec-WebSocket-Protocol: , chat,", true, None),
        (
            "Sec-WebSocket-Protocol: a b",
            true,
            Some(InvalidSubprotocols),
        ),
        (
            "Sec-WebSocket-Protocol: a, b, a",
            true,
            Some(InvalidSubprotocols),
        ),
        ("Sec-WebSocket-Extensions: foo", true, None),
        (
            "Sec-WebSocket-Extensions: foo bar",
            true,
            Some(InvalidExtensions),
        ),
    ]);
}

#[test]
fn offers_are_bounded() {
    let list = |count: usize| {
        let names: Vec<_> = (0..count).map(|each| format!("p{each}")).collect();
        format!("Sec-WebSocket-Protocol: {}", names.join(","))
    };
    assert_eq!(refused(&with(&list(100), true)), None);
    let expected = Some(HandshakeReject::InvalidSubprotocols);
    assert_eq!(refused(&with(&list(101), true)), expected);
}

#[test]
fn a_version_that_is_not_served_is_told_which_is() {
    for reject in HandshakeReject::ALL {
        let told = reject.fields().contains(&("Sec-WebSocket-Version", "13"));
        assert_eq!(told, *reject == HandshakeReject::UnsupportedVersion);
    }
}

#[test]
fn the_response() {
    let head = head(
        "GET /chat HTTP/1.1",
        &[
            &GOOD[..],
            &[
                "Sec-WebSocket-Protocol: chat, superchat",
                "Sec-WebSocket-Protocol: v3",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            ],
        ]
        .concat(),
    );
    let handshake = Handshake::of(&head, Some(Compression::default())).unwrap();
    let offered: Vec<_> = handshake.subprotocols().collect();
    assert_eq!(offered, [&b"chat"[..], b"superchat", b"v3"]);
    assert_eq!(handshake.deflate().unwrap().client.window_bits, 12);

    let mut response = Response::default();
    let misuse = handshake.accept(Some(b"Chat"), &mut response.draft);
    assert_eq!(misuse, Err(Misuse::SubprotocolNotOffered));
    assert!(!response.draft.started());

    handshake
        .accept(Some(b"superchat"), &mut response.draft)
        .unwrap();
    response.draft.field(b"X-App", b"1").unwrap();
    let facts = RequestFacts {
        version: Version::Http11,
        head_method: false,
        connect: false,
        keep_alive: head.keep_alive(),
        records: false,
    };
    let mut out = Vec::new();
    let server = ServerFields::new("");
    response
        .head(facts, BodySize::Unknown, &server, &mut out)
        .unwrap();
    // The example of RFC 6455, section 1.3.
    let expected = "HTTP/1.1 101 Switching Protocols\r\n\
        Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n\
        X-App: 1\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn without_a_wish_nothing_is_said_of_extensions() {
    let head = with("Sec-WebSocket-Extensions: permessage-deflate", true);
    let handshake = Handshake::of(&head, None).unwrap();
    assert_eq!(handshake.deflate(), None);
    let mut draft = h1::ResponseDraft::default();
    handshake.accept(None, &mut draft).unwrap();
    assert!(!draft.has_field(b"sec-websocket-extensions"));
    assert!(!draft.has_field(b"sec-websocket-protocol"));
}

/// A request of HTTP/2 for this (RFC 8441, section 5), with more fields.
fn extended(more: &[(&str, &str)]) -> RequestHead {
    let pseudo = [
        (":method", "CONNECT"),
        (":protocol", "WebSocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a"),
    ];
    let fields = pseudo.iter().chain(more);
    let mut block = Vec::new();
    h2::hpack::encode(
        fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        &mut block,
    );
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let headers = [0, 0, u8::try_from(block.len()).unwrap(), 1, 4, 0, 0, 0, 1];
    let bytes = [h2::PREFACE, &settings, &headers, &block].concat();
    let config = h2::Config {
        connect_protocol: true,
        ..h2::Config::default()
    };
    let mut head = RequestHead::default();
    let mut connection = h2::Connection::new(&config, false, false);
    let received = connection.receive(&Policy::default(), &bytes, false, &mut head);
    assert_eq!(received.unwrap().event, Event::Head(StreamId::new(1)));
    head
}

#[test]
fn over_http2_there_is_no_key() {
    let version = ("sec-websocket-version", "13");
    let offers = ("sec-websocket-protocol", "one, two");
    let deflate = ("sec-websocket-extensions", "permessage-deflate");
    let head = extended(&[version, offers, deflate]);
    let handshake = Handshake::of(&head, Some(Compression::default())).unwrap();
    let mut draft = ResponseDraft::default();
    handshake.accept(Some(b"two"), &mut draft).unwrap();
    assert_eq!((draft.status(), handshake.status()), (200, "200 OK"));
    assert!(draft.has_field(b"sec-websocket-protocol"));
    assert!(draft.has_field(b"sec-websocket-extensions") && handshake.deflate().is_some());
    assert!(!draft.has_field(b"upgrade") && !draft.has_field(b"sec-websocket-accept"));

    let table = [
        (&[][..], Some(HandshakeReject::UnsupportedVersion)),
        (
            &[version, ("content-length", "5")],
            Some(HandshakeReject::Body),
        ),
        (&[version, ("sec-websocket-key", "of no use")], None),
    ];
    for (fields, expected) in table {
        let head = extended(fields);
        assert_eq!(refused(&head), expected, "{fields:?}");
        let answer = expected.map(|reject| reject.answer(&head).0);
        assert!(
            matches!(answer, None | Some(400)),
            "426 would ask for Upgrade"
        );
    }
}
