//! Any fields about the way of a request: cuts do not matter, an explanation says what the parser
//! does, elements come back, and what is in front of the last proxy's changes nothing.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use std::net::IpAddr;

use common::run;
use libfuzzer_sys::fuzz_target;
use licorne_proto::forwarded::{Element, Node, Trusted, elements, explain};
use licorne_proto::{ClientAddress, Forwarding, HeaderMap, Policy};
use pieces::Choices;

const MAPS: [HeaderMap; 3] = [HeaderMap::Drop, HeaderMap::Refuse, HeaderMap::Dangerous];

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = Policy {
        forwarding: Forwarding {
            trusted: Trusted::parse(["10.0.0.0/8", "::1"]).unwrap(),
            header_map: MAPS[usize::from(choices.bits & 3).min(2)],
            client_address: choices.one_of(&ClientAddress::NAMES).1,
            ..Forwarding::default()
        },
        ..Policy::default()
    };
    let peer: IpAddr = if choices.bit(7) {
        "10.0.0.1"
    } else {
        "192.0.2.1"
    }
    .parse()
    .unwrap();
    let request = [b"GET / HTTP/1.1\r\nHost: a\r\n", choices.rest, b"\r\n\r\n"].concat();
    let said = explain(&policy, Some(peer), &request);
    let whole = run(&policy, said.trusted, &[&request], false);
    assert_eq!(
        run(&policy, said.trusted, &choices.cut(&request), false),
        whole
    );
    match said.verdict {
        Err(reject) => assert_eq!(Some(reject), whole.reject),
        Ok(verdict) => {
            let seen = &whole.requests[0];
            assert_eq!(verdict.https, seen.https.unwrap_or(false));
            assert_eq!(verdict.client, seen.client.map(|it| it.0).or(Some(peer)));
        }
    }
    for line in choices.rest.split(|byte| *byte == b'\n') {
        comes_back(line);
    }
});

/// A line of elements, written again without what it did not need.
fn comes_back(line: &[u8]) {
    let read: Vec<_> = elements(line).collect();
    let faults = read.iter().filter(|it| it.is_err()).count();
    assert!(faults == 0 || (faults == 1 && read.last().is_some_and(Result::is_err)));
    let Ok(read) = read.into_iter().collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let written: Vec<_> = read.iter().map(text).collect();
    let written = written.join(&b", "[..]);
    let again: Result<Vec<_>, _> = elements(&written).collect();
    // Elements that said nothing leave nothing behind.
    let said: Vec<_> = read
        .into_iter()
        .filter(|it| *it != Element::default())
        .collect();
    assert_eq!(again.unwrap(), said);
}

fn text(element: &Element<'_>) -> Vec<u8> {
    let node = |node: Node| match node {
        Node::Hidden => b"unknown".to_vec(),
        Node::Address(IpAddr::V4(address), None) => address.to_string().into_bytes(),
        Node::Address(IpAddr::V6(address), None) => format!("[{address}]").into_bytes(),
        Node::Address(IpAddr::V4(address), Some(port)) => format!("{address}:{port}").into_bytes(),
        Node::Address(IpAddr::V6(address), Some(port)) => {
            format!("[{address}]:{port}").into_bytes()
        }
    };
    let parameters = [
        ("for", element.node.map(node)),
        ("proto", element.proto.map(<[u8]>::to_vec)),
        ("host", element.host.map(<[u8]>::to_vec)),
        ("by", element.by.map(node)),
    ];
    let parts = parameters
        .into_iter()
        .filter_map(|(name, value)| Some([name.as_bytes(), b"=\"", &value?, b"\""].concat()));
    parts.collect::<Vec<_>>().join(&b";"[..])
}
