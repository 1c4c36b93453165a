//! Any bytes as the beginning of a connection that may speak several protocols: once it is decided
//! what they are nothing changes that, and cuts do not matter, whatever is spoken then.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::any::{Said, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::Policy;
use licorne_proto::protocol::{Beginning, Gateway, Protocol, ProxyHeader, Served, beginning};
use pieces::Choices;

const HEADERS: [ProxyHeader; 4] = [
    ProxyHeader::Off,
    ProxyHeader::V1,
    ProxyHeader::V2,
    ProxyHeader::Auto,
];
const GATEWAYS: [Option<Gateway>; 4] = [None, None, Some(Gateway::Uwsgi), Some(Gateway::FastCgi)];
const AGREED: [Option<&[u8]>; 4] = [None, Some(b"h2"), Some(b"http/1.1"), Some(b"")];
const FRONTS: [&[u8]; 4] = [
    b"",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let which = |shift: u8| usize::from(choices.which >> shift & 3);
    let served = Served {
        proxy: HEADERS[which(0)],
        proxy_barred: choices.bit(0),
        gateway: GATEWAYS[which(2)],
        gateway_barred: choices.bit(1),
        http2: choices.bit(2),
        http2_cleartext: choices.bit(3),
        http2_demanded: choices.bit(4),
        http2_upgrade: choices.bit(6),
        websocket: choices.bit(5),
    };
    let agreed = AGREED[which(4)];
    let input = [FRONTS[which(6)], choices.rest].concat();
    is_decided_once(served, agreed, &input);
    let eof = choices.bit(7);
    let policy = Policy::default();
    let in_pieces = |pieces: &[&[u8]]| run(&policy, served, agreed, pieces, eof);
    let whole = in_pieces(&[&input]);
    let refused = matches!(whole.0.last(), Some(Said::Failed(_)));
    if refused {
        // Of a body that is refused more or less was handed on before.
        let (said, _) = in_pieces(&choices.cut(&input));
        assert_eq!(without_bodies(said), without_bodies(whole.0), "in pieces");
    } else {
        assert_eq!(in_pieces(&choices.cut(&input)), whole, "in pieces");
    }
});

fn without_bodies(mut said: Vec<Said>) -> Vec<Said> {
    said.retain(|each| !matches!(each, Said::Body(..)));
    said
}

/// What a beginning is holds for all that it may go on with.
fn is_decided_once(served: Served, agreed: Option<&[u8]>, input: &[u8]) {
    let whole = beginning(served, agreed, input);
    let mut decided = false;
    for end in 0..input.len() {
        match beginning(served, agreed, &input[..end]) {
            Beginning::Undecided => assert!(!decided),
            said => {
                decided = true;
                assert_eq!(said, whole, "at {end}");
            }
        }
    }
    match whole {
        Beginning::Of(Protocol::Http2) => assert!(served.http2 || served.http2_cleartext),
        Beginning::Of(Protocol::Uwsgi) => assert_eq!(served.gateway, Some(Gateway::Uwsgi)),
        Beginning::Of(Protocol::FastCgi) => assert_eq!(served.gateway, Some(Gateway::FastCgi)),
        Beginning::Of(Protocol::WebSocket) => panic!("a request asks for it"),
        Beginning::Proxy | Beginning::NoProxy => {
            assert!(served.proxy != ProxyHeader::Off && agreed.is_none());
        }
        Beginning::NoPreface => assert!(served.http2_cleartext && served.http2_demanded),
        Beginning::Of(Protocol::Http1) | Beginning::Undecided => {}
    }
}
