use super::*;
use crate::event::Event;
use crate::known::KnownMethod;
use crate::protocol::{Gateway, ProxyHeader};

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n";

fn step(connection: &mut Connection, input: &[u8], eof: bool, head: &mut RequestHead) -> Received {
    let policy = Policy::default();
    connection.receive(&policy, input, eof, head).unwrap()
}

#[test]
fn what_follows_a_switch_is_no_request() {
    let mut connection = Connection::begin(Served::HTTP1, false, false, false);
    let mut head = RequestHead::default();
    let request = [UPGRADE, b"\r\n"].concat();
    let got = step(&mut connection, &request, false, &mut head);
    assert_eq!(got.event, Event::Head(StreamId::HTTP1));
    assert_eq!(
        step(&mut connection, b"", false, &mut head).event,
        Event::End(StreamId::HTTP1)
    );
    assert!(!connection.is_tunnel());
    assert!(connection.switched(StreamId::HTTP1, &head));
    assert!(connection.is_tunnel() && !connection.idle());
    let next = step(&mut connection, &request, false, &mut head);
    assert_eq!(next.event, Event::Body(StreamId::HTTP1, 0..request.len()));
    assert_eq!(next.consumed, request.len());
    connection.finished(StreamId::HTTP1);
    assert!(
        !connection.switched(StreamId::HTTP1, &head),
        "it has already"
    );
    let last = step(&mut connection, b"", true, &mut head);
    assert_eq!(last.event, Event::End(StreamId::HTTP1));
}

#[test]
fn a_request_that_goes_on_does_not_switch() {
    let mut connection = Connection::begin(Served::HTTP1, false, false, false);
    let mut head = RequestHead::default();
    let request = [UPGRADE, b"Content-Length: 3\r\n\r\n"].concat();
    step(&mut connection, &request, false, &mut head);
    assert!(!connection.switched(StreamId::HTTP1, &head));
    assert!(!connection.is_tunnel());
    assert_eq!(
        step(&mut connection, b"abc", false, &mut head).event,
        Event::Closed
    );
}

const EVERYTHING: Served = Served {
    proxy: ProxyHeader::V1,
    proxy_barred: false,
    gateway: None,
    gateway_barred: false,
    http2: true,
    http2_cleartext: true,
    http2_demanded: false,
    http2_upgrade: false,
    websocket: true,
};
const PLAIN: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn undecided(connection: &Connection) -> bool {
    matches!(connection, Connection::Undecided(_))
}

#[test]
fn a_connection_with_one_protocol_begins_as_that() {
    let over_tls = Served {
        http2: true,
        ..Served::HTTP1
    };
    for served in [Served::HTTP1, over_tls] {
        assert!(!undecided(&Connection::begin(served, false, true, false)));
        assert!(undecided(&Connection::begin(served, true, true, false)));
    }
    let cleartext = Served {
        http2_cleartext: true,
        ..Served::HTTP1
    };
    for trusted in [false, true] {
        let connection = Connection::begin(cleartext, false, trusted, false);
        assert_eq!(undecided(&connection), trusted);
    }
}

#[test]
fn the_first_bytes_decide_in_the_same_step() {
    let cleartext = Served {
        http2_cleartext: true,
        ..Served::HTTP1
    };
    let mut connection = Connection::begin(cleartext, false, true, false);
    let mut head = RequestHead::default();
    let request = [b"PRI", PLAIN].concat();
    for end in 0..=3 {
        let got = step(
            &mut connection,
            request.get(..end).unwrap(),
            false,
            &mut head,
        );
        assert_eq!((got.consumed, got.event), (0, Event::NeedMore));
        assert!(undecided(&connection) && connection.idle());
    }
    // No preface after all, but a method of its own.
    let got = step(&mut connection, &request, false, &mut head);
    assert_eq!(got.consumed, request.len());
    assert_eq!(got.event, Event::Head(StreamId::HTTP1));
    assert_eq!(head.method(), b"PRIGET");
    assert!(!undecided(&connection));
}

#[test]
fn tls_decides_before_any_byte() {
    for agreed in [&b"http/1.1"[..], b""] {
        let mut connection = Connection::begin(Served::HTTP1, true, false, false);
        let mut head = RequestHead::default();
        // What comes before it is not HTTP.
        let got = step(&mut connection, PLAIN, false, &mut head);
        assert_eq!((got.consumed, got.event), (0, Event::NeedMore));
        connection.agreed(agreed);
        let got = step(&mut connection, PLAIN, false, &mut head);
        assert_eq!(got.event, Event::Head(StreamId::HTTP1));
        // It is told once.
        connection.agreed(b"h2");
        assert!(!undecided(&connection));
    }
}

#[test]
fn an_end_before_the_decision() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let mut connection = Connection::begin(EVERYTHING, false, true, false);
    let got = step(&mut connection, b"", true, &mut head);
    assert_eq!(got.event, Event::Closed);
    let mut connection = Connection::begin(EVERYTHING, false, true, false);
    for input in [&b"PRO"[..], PLAIN] {
        // The first refusal stays.
        let got = connection.receive(&policy, input, true, &mut head);
        assert_eq!(got, Err(Reject::IncompleteHead));
    }
}

#[test]
fn a_header_that_is_demanded_is_missed() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let mut connection = Connection::begin(EVERYTHING, false, true, false);
    for input in [PLAIN, b"PROXY TCP4"] {
        let got = connection.receive(&policy, input, false, &mut head);
        assert_eq!(got, Err(Reject::MissingProxyHeader));
    }
}

const PROXY: &[u8] = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n";

#[test]
fn a_header_stands_before_what_the_connection_speaks() {
    let input = [PROXY, PLAIN].concat();
    for secure in [false, true] {
        let mut connection = Connection::begin(EVERYTHING, secure, true, false);
        let mut head = RequestHead::default();
        let got = step(&mut connection, &input, false, &mut head);
        assert_eq!((got.consumed, got.event), (PROXY.len(), Event::Proxied));
        let header = connection.proxied().unwrap();
        assert_eq!(header.client(), Some("1.2.3.4:1".parse().unwrap()));
        assert_eq!(connection.proxied(), None);
        assert!(undecided(&connection) && connection.idle());
        if secure {
            // The handshake follows.
            let got = step(&mut connection, PLAIN, false, &mut head);
            assert_eq!((got.consumed, got.event), (0, Event::NeedMore));
            connection.agreed(b"http/1.1");
        }
        let got = step(&mut connection, PLAIN, false, &mut head);
        assert_eq!(got.event, Event::Head(StreamId::HTTP1));
    }
}

#[test]
fn one_header_and_no_other() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let mut connection = Connection::begin(EVERYTHING, false, true, false);
    step(&mut connection, PROXY, false, &mut head);
    let got = connection.receive(&policy, PROXY, false, &mut head);
    assert_eq!(got, Err(Reject::InvalidTarget));
}

#[test]
fn a_header_of_others_is_refused_before_it_is_read() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let barred = Served {
        proxy: ProxyHeader::Auto,
        proxy_barred: true,
        ..Served::HTTP1
    };
    let mut connection = Connection::begin(barred, false, true, false);
    for input in [&b"PROXY "[..], PLAIN] {
        let got = connection.receive(&policy, input, false, &mut head);
        assert_eq!(got, Err(Reject::ForbiddenProxyHeader));
    }
    // Without one they are served, where none is demanded.
    let mut connection = Connection::begin(barred, false, true, false);
    let got = step(&mut connection, PLAIN, false, &mut head);
    assert_eq!(got.event, Event::Head(StreamId::HTTP1));
}

/// The connection is refused; the method that is left of the head.
fn refused(
    mut connection: Connection,
    pieces: &[&[u8]],
    head: &mut RequestHead,
) -> Option<KnownMethod> {
    let policy = Policy::default();
    let mut kept = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let Ok(received) = connection.receive(&policy, &kept, false, head) else {
                return head.known_method();
            };
            kept.drain(..received.consumed);
            if received.event == Event::NeedMore {
                break;
            }
        }
    }
    assert!(connection.receive(&policy, &kept, true, head).is_err());
    head.known_method()
}

#[test]
fn of_a_head_that_is_refused_the_method_is_left() {
    let table = [
        (&b"HEAD / HTTP/1.1\r\n\r\n"[..], Some(KnownMethod::Head)),
        (b"\r\nHEAD / HTTP/1.1\r\n\r\n", Some(KnownMethod::Head)),
        (b"HEAD / HTTP/3.1\r\n", Some(KnownMethod::Head)),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n", Some(KnownMethod::Head)),
        (b"HEAD / HTTP/1.1\r\nA b: c\r\n", Some(KnownMethod::Head)),
        (b"GET / HTTP/1.1\r\n\r\n", Some(KnownMethod::Get)),
        (b"HEAD", None),
        (b"HEAD\r\n", None),
        (b"HEADS / HTTP/1.1\r\n\r\n", None),
        (b"\x16HEAD / ", None),
    ];
    for (input, expected) in table {
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        for pieces in [&[input][..], &bytes] {
            for before in [&b""[..], b"HEAD /before HTTP/1.0\r\n\r\n"] {
                let mut head = RequestHead::default();
                let mut used = Connection::begin(Served::HTTP1, false, false, false);
                step(&mut used, before, false, &mut head);
                let fresh = Connection::begin(Served::HTTP1, false, false, false);
                let left = refused(fresh, pieces, &mut head);
                assert_eq!(left, expected, "{}", input.escape_ascii());
            }
        }
    }
}

#[test]
fn variables_that_are_refused_leave_the_method() {
    const HEAD: &[u8] = b"\x0e\0REQUEST_METHOD\x04\0HEAD\x0e\0CONTENT_LENGTH\x01\0x";
    const PAIRS: &[u8] = b"\x0e\x04REQUEST_METHODHEAD\x0e\x01CONTENT_LENGTHx";
    let packet = [&[0, u8::try_from(HEAD.len()).unwrap(), 0, 0], HEAD].concat();
    let params = [
        &[1, 4, 0, 1, 0, u8::try_from(PAIRS.len()).unwrap(), 0, 0],
        PAIRS,
    ]
    .concat();
    let begin = [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let records = [&begin[..], &params, &[1, 4, 0, 1, 0, 0, 0, 0]].concat();
    let table = [
        (Gateway::Uwsgi, &packet[..], Some(KnownMethod::Head)),
        (Gateway::Uwsgi, b"\x01", None),
        (Gateway::Uwsgi, &packet[..9], None),
        (Gateway::FastCgi, &records, Some(KnownMethod::Head)),
        (Gateway::FastCgi, b"\x02", None),
        (Gateway::FastCgi, &begin, None),
    ];
    for (gateway, input, expected) in table {
        let served = Served {
            gateway: Some(gateway),
            ..Served::HTTP1
        };
        // What a head was used for before is forgotten.
        let mut head = RequestHead::default();
        let mut before = Connection::begin(Served::HTTP1, false, false, false);
        step(&mut before, b"HEAD / HTTP/1.0\r\n\r\n", false, &mut head);
        let connection = Connection::begin(served, false, false, false);
        let left = refused(connection, &[input], &mut head);
        assert_eq!(left, expected, "{gateway:?} {}", input.escape_ascii());
    }
}
