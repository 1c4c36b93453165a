use super::*;

const ALL: Served = Served {
    proxy: true,
    http2: true,
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
    for agreed in [None, Some(&b"h2"[..]), Some(b"http/1.1")] {
        for first in first {
            assert_eq!(beginning(Served::default(), agreed, first), HTTP1);
        }
    }
}

#[test]
fn every_beginning() {
    let only = |proxy, http2| Served {
        proxy,
        http2,
        websocket: false,
    };
    let proxy_request = b"PROXY / HTTP/1.1\r\n";
    //           first bytes       all                    PROXY alone            HTTP/2 alone
    let table = [
        (
            &b""[..],
            [
                Beginning::Undecided,
                Beginning::Undecided,
                Beginning::Undecided,
            ],
        ),
        (b"GET / HTTP/1.1\r\n", [HTTP1, HTTP1, HTTP1]),
        (b"POST", [HTTP1, HTTP1, HTTP1]),
        (
            b"P",
            [
                Beginning::Undecided,
                Beginning::Undecided,
                Beginning::Undecided,
            ],
        ),
        (b"PROX", [Beginning::Undecided, Beginning::Undecided, HTTP1]),
        (proxy_request, [Beginning::Proxy, Beginning::Proxy, HTTP1]),
        (PROXY_V2, [Beginning::Proxy, Beginning::Proxy, HTTP1]),
        (
            b"PRI * HTTP/2.0\r\n",
            [Beginning::Undecided, HTTP1, Beginning::Undecided],
        ),
        (HTTP2_PREFACE, [HTTP2, HTTP1, HTTP2]),
        (b"PRI * HTTP/2.1\r\n", [HTTP1, HTTP1, HTTP1]),
        (b"\x16\x03\x01", [HTTP1, HTTP1, HTTP1]),
    ];
    for (first, expected) in table {
        let served = [only(true, true), only(true, false), only(false, true)];
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
    }
}

#[test]
fn cuts_do_not_matter() {
    for whole in [PROXY_V1, PROXY_V2, HTTP2_PREFACE] {
        for end in 0..whole.len() {
            let part = whole.get(..end).unwrap();
            assert_eq!(beginning(ALL, None, part), Beginning::Undecided);
        }
        assert_ne!(beginning(ALL, None, whole), Beginning::Undecided);
    }
}

#[test]
fn upgrades() {
    let table = [
        (&b"websocket"[..], true),
        (b"h2c, WebSocket ", true),
        (b"h2c", false),
        (b"websockets", false),
        (b"", false),
    ];
    for (value, asked) in table {
        let expected = asked.then_some(Protocol::WebSocket);
        assert_eq!(upgrade(ALL, value), expected);
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
