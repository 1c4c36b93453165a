use super::*;

const ALL: Served = Served {
    proxy: ProxyHeader::Auto,
    proxy_barred: false,
    gateway: None,
    gateway_barred: false,
    http2: true,
    http2_cleartext: true,
    http2_demanded: false,
    http2_upgrade: true,
    websocket: true,
};
const HTTP1: Beginning = Beginning::Of(Protocol::Http1);
const HTTP2: Beginning = Beginning::Of(Protocol::Http2);

#[test]
fn http1_alone_is_decided_without_a_byte() {
    let first = [
        &b""[..],
        b"GET / HTTP/1.1\r\n",
        PROXY_V1,
        PROXY_V2,
        HTTP2_PREFACE,
    ];
    // HTTP/2 over TLS alone changes nothing for those in clear text.
    let over_tls = Served {
        http2: true,
        ..Served::HTTP1
    };
    for first in first {
        for agreed in [None, Some(&b"h2"[..]), Some(b"http/1.1"), Some(b"")] {
            assert_eq!(beginning(Served::HTTP1, agreed, first), HTTP1);
        }
        assert_eq!(beginning(over_tls, None, first), HTTP1);
    }
    assert_eq!(Served::HTTP1, Served::default());
}

#[test]
fn every_beginning() {
    use Beginning::{NoProxy, Proxy, Undecided};
    let only = |proxy, http2_cleartext| Served {
        proxy,
        http2_cleartext,
        ..Served::HTTP1
    };
    let served = [
        only(ProxyHeader::Auto, true),
        only(ProxyHeader::V1, false),
        only(ProxyHeader::V2, false),
        only(ProxyHeader::Off, true),
    ];
    //   first bytes                       auto, HTTP/2  v1         v2         HTTP/2
    let table = [
        (&b""[..], [Undecided, Undecided, Undecided, Undecided]),
        (b"GET / HTTP/1.1\r\n", [HTTP1, NoProxy, NoProxy, HTTP1]),
        (b"POST", [HTTP1, NoProxy, NoProxy, HTTP1]),
        (b"P", [Undecided, Undecided, NoProxy, Undecided]),
        (b"PROX", [Undecided, Undecided, NoProxy, HTTP1]),
        (b"PROXY / HTTP/1.1\r\n", [Proxy, Proxy, NoProxy, HTTP1]),
        (b"\r\n\r", [Undecided, NoProxy, Undecided, HTTP1]),
        (PROXY_V2, [Proxy, NoProxy, Proxy, HTTP1]),
        (
            b"PRI * HTTP/2.0\r\n",
            [Undecided, NoProxy, NoProxy, Undecided],
        ),
        (HTTP2_PREFACE, [HTTP2, NoProxy, NoProxy, HTTP2]),
        (b"PRI * HTTP/2.1\r\n", [HTTP1, NoProxy, NoProxy, HTTP1]),
        (b"\x16\x03\x01", [HTTP1, NoProxy, NoProxy, HTTP1]),
    ];
    for (first, expected) in table {
        for (served, expected) in served.into_iter().zip(expected) {
            let said = beginning(served, None, first);
            assert_eq!(said, expected, "{served:?} {}", first.escape_ascii());
        }
    }
}

#[test]
fn what_tls_agreed_on_holds() {
    for first in [&b""[..], PROXY_V1, HTTP2_PREFACE] {
        assert_eq!(beginning(ALL, Some(b"h2"), first), HTTP2);
        assert_eq!(beginning(ALL, Some(b"http/1.1"), first), HTTP1);
        assert_eq!(beginning(ALL, Some(b""), first), HTTP1);
    }
}

#[test]
fn what_a_web_server_speaks_is_no_question() {
    let table = [
        (Gateway::Uwsgi, Protocol::Uwsgi),
        (Gateway::FastCgi, Protocol::FastCgi),
    ];
    for (gateway, protocol) in table {
        let served = Served {
            gateway: Some(gateway),
            ..ALL
        };
        // Behind a PROXY header, if there may be one.
        assert_eq!(beginning(served, None, b""), Beginning::Undecided);
        for first in [&b"GET / HTTP/1.1\r\n"[..], HTTP2_PREFACE, b"\x01"] {
            assert_eq!(beginning(served, None, first), Beginning::Of(protocol));
        }
        for agreed in [&b"h2"[..], b""] {
            let said = beginning(served, Some(agreed), b"");
            assert_eq!(said, Beginning::Of(protocol));
        }
    }
}

#[test]
fn cuts_do_not_matter() {
    let behind_the_header = Served {
        proxy: ProxyHeader::Off,
        ..ALL
    };
    let table = [
        (PROXY_V1, ALL),
        (PROXY_V2, ALL),
        (HTTP2_PREFACE, behind_the_header),
    ];
    for (whole, served) in table {
        for end in 0..whole.len() {
            let part = whole.get(..end).unwrap();
            assert_eq!(beginning(served, None, part), Beginning::Undecided);
        }
        assert_ne!(beginning(served, None, whole), Beginning::Undecided);
    }
}

#[test]
fn upgrades() {
    let (http2, websocket) = (Some(Protocol::Http2), Some(Protocol::WebSocket));
    //           value                both are served, WebSocket alone
    let table = [
        (&b"websocket"[..], websocket, websocket),
        (b"h2c, WebSocket ", http2, websocket),
        (b"websocket, h2c", websocket, websocket),
        (b" H2C", http2, None),
        (b"h2, h2cc", None, None),
        (b"websockets", None, None),
        (b"", None, None),
    ];
    let alone = Served {
        http2_upgrade: false,
        ..ALL
    };
    for (value, both, one) in table {
        assert_eq!(upgrade(ALL, value), both);
        assert_eq!(upgrade(alone, value), one);
        assert_eq!(upgrade(Served::default(), value), None);
    }
}

#[test]
fn responses_that_switch() {
    //           status    ordinary  upgrade  CONNECT
    let table = [
        (100, [false, false, false]),
        (101, [false, true, false]),
        (199, [false, false, false]),
        (200, [false, false, true]),
        (299, [false, false, true]),
        (300, [false, false, false]),
        (407, [false, false, false]),
    ];
    for (status, expected) in table {
        let got = [(false, false), (true, false), (true, true)]
            .map(|(asked, connect)| switches(asked, connect, status));
        assert_eq!(got, expected, "{status}");
    }
}

/// With prior knowledge alone, a trusted peer speaks HTTP/2.
#[test]
fn what_comes_in_the_place_of_a_preface() {
    let served = Served {
        http2_cleartext: true,
        http2_demanded: true,
        ..Served::HTTP1
    };
    for (first, expected) in [
        (&b""[..], Beginning::Undecided),
        (b"PRI * HT", Beginning::Undecided),
        (HTTP2_PREFACE, Beginning::Of(Protocol::Http2)),
        (b"GET / HTTP/1.1", Beginning::Undecided),
        (b"GET / HTTP/1.1\r\n", Beginning::NoPreface),
        (b"GET / HTTP/1.0\nHost", Beginning::NoPreface),
        (
            b"INVALID CONNECTION PREFACE\r\n\r\n",
            Beginning::Of(Protocol::Http2),
        ),
        (&[b'x'; 9_000], Beginning::Of(Protocol::Http2)),
        // A line is read when it is whole, and no further than 8 KiB.
        (b"GET / HTTP/1.1\r", Beginning::Undecided),
        (b"GET /\rx", Beginning::Undecided),
        (
            &[&[b'x'; 8_192], &b" HTTP/1.1\r\n"[..]].concat(),
            Beginning::Of(Protocol::Http2),
        ),
    ] {
        assert_eq!(beginning(served, None, first), expected);
    }
    // Without it HTTP/1 is served beside.
    let beside = Served {
        http2_demanded: false,
        ..served
    };
    let expected = Beginning::Of(Protocol::Http1);
    assert_eq!(beginning(beside, None, b"GET / HTTP/1.1\r\n"), expected);
}
