//! Requests that are too large: they are answered, and the others go on.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::Config;
use crate::limits::{Limits, Policy};
use crate::reject::Reject;

/// Sets a limit.
type Set = fn(&mut Limits);

/// A client of a server with such limits.
fn limited(set: impl FnOnce(&mut Limits)) -> Peer {
    let mut policy = Policy::default();
    set(&mut policy.limits);
    Peer::with(policy)
}

#[test]
fn limits_are_those_of_http1_and_the_streams_beside_live_on() {
    let long = "x".repeat(100);
    let table: [(Set, Pairs<'_>, Reject); 3] = [
        (
            |limits| limits.fields = 2,
            &[("a", "1"), ("b", "2"), ("c", "3")],
            Reject::TooManyFields,
        ),
        (
            |limits| limits.field_size = 50,
            &[("a", &long)],
            Reject::FieldTooLarge,
        ),
        (
            |limits| limits.body = Some(5),
            &[("content-length", "6")],
            Reject::ContentTooLarge,
        ),
    ];
    for (set, others, reject) in table {
        let mut peer = limited(set);
        let bytes = frame(HEADERS, END_HEADERS, 1, &request("POST", others));
        assert_eq!(peer.send(&bytes), [Said::Refused(1, reject)]);
        // What it goes on to send is dropped; it can be answered.
        assert_eq!(peer.send(&frame(DATA, NONE, 1, b"123")), []);
        assert_eq!(peer.send(&get(3)), [Said::Head(3), Said::End(3)]);
        assert_eq!(peer.send(&frame(DATA, END_STREAM, 1, b"456")), []);
        assert!(peer.connection.can_send(StreamId::new(1)));
        assert!(
            peer.connection
                .headers(StreamId::new(1), &[], true, &mut Vec::new())
        );
        assert_eq!(peer.connection.open_streams(), 1);
        assert_eq!(peer.answers(), [""; 0]);
    }
}

#[test]
fn a_cookie_is_one_field_however_many_it_comes_in() {
    let mut peer = limited(|limits| limits.fields = 4);
    let cookies = [("cookie", "a=1"); 300];
    let apart: Vec<_> = cookies
        .iter()
        .copied()
        .chain([("x", "y"), ("cookie", "b=2")])
        .collect();
    let bytes = frame(HEADERS, END_HEADERS, 1, &request("GET", &apart));
    assert_eq!(peer.send(&bytes), [Said::Head(1)]);
    assert_eq!(peer.head.fields().count(), 3);
    let more = [&apart[..], &[("y", "z"), ("z", "0"), ("z", "1")]].concat();
    let bytes = frame(HEADERS, END_HEADERS, 3, &request("GET", &more));
    assert_eq!(peer.send(&bytes), [Said::Refused(3, Reject::TooManyFields)]);
}

#[test]
fn the_limit_of_the_request_line_is_for_the_path() {
    let path = format!("/{}", "x".repeat(36));
    let fields = |path| {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
        ]
    };
    // `GET`, the path, `HTTP/2` and two spaces are 48 bytes.
    let bytes = frame(HEADERS, END_HEADERS, 1, &block(&fields(&path)));
    assert_eq!(
        limited(|limits| limits.request_line = 48).send(&bytes),
        [Said::Head(1)]
    );
    let refused = Said::Refused(1, Reject::RequestLineTooLong);
    assert_eq!(
        limited(|limits| limits.request_line = 47).send(&bytes),
        [refused]
    );
}

#[test]
fn a_body_above_the_limit_is_refused_when_it_is() {
    let mut peer = limited(|limits| limits.body = Some(5));
    let said = peer.send(
        &[
            post(1),
            frame(DATA, NONE, 1, b"12345"),
            frame(DATA, NONE, 1, b"6"),
        ]
        .concat(),
    );
    let refused = Said::Refused(1, Reject::ContentTooLarge);
    assert_eq!(
        said,
        [Said::Head(1), Said::Body(1, b"12345".to_vec()), refused]
    );
    assert_eq!(peer.send(&frame(DATA, NONE, 1, &[0; 16_000])), []);
    peer.connection.finished(StreamId::new(1));
    assert_eq!(peer.answers(), ["Reset 1: 2"], "no response was given");
}

#[test]
fn a_header_list_above_its_limit_is_answered_and_one_beyond_all_ends_the_connection() {
    let config = Config {
        max_header_list_size: 2000,
        ..Config::default()
    };
    // A field of the dynamic table that is named again and again, one byte each.
    let bomb = |times| {
        let value = "v".repeat(900);
        let mut block = request("GET", &[]);
        block.extend([0x40, 1, b'a', 0x7f]);
        block.extend([0x80 | 5, 6]);
        block.extend(value.bytes());
        block.extend(std::iter::repeat_n(0xbe, times));
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)
    };
    let mut peer = Peer::with_config(config.clone());
    assert_eq!(
        peer.send(&bomb(10)),
        [Said::Refused(1, Reject::FieldTooLarge)]
    );
    let beside = [&request("GET", &[])[..], &[0xbe]].concat();
    let said = peer.send(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &beside));
    assert_eq!(
        said,
        [Said::Head(3), Said::End(3)],
        "the table is as the client left it"
    );
    let mut peer = Peer::with_config(config);
    let failed = Said::Failed(Reject::HeaderBlockTooLarge);
    assert_eq!(peer.send(&bomb(1000)), [failed]);
    assert_eq!(peer.answers(), ["GoAway 0: 0 11"]);
}
