//! Frames of a response.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::hpack;

const ONE: StreamId = StreamId::new(1);

fn peer() -> Peer {
    let mut peer = Peer::new();
    peer.send(&get(1));
    peer
}

#[test]
fn a_response_in_frames() {
    let mut peer = peer();
    let mut block = Vec::new();
    hpack::push_status(&mut block, 200);
    hpack::push_field(&mut block, b"Content-Type", b"text/plain");
    let mut out = Vec::new();
    assert!(peer.connection.headers(ONE, &block, false, &mut out));
    assert!(peer.connection.data(ONE, 5, false, &mut out));
    out.extend(b"hello");
    let mut trailers = Vec::new();
    hpack::encode([(&b"x-checksum"[..], &b"1"[..])], &mut trailers);
    assert!(peer.connection.headers(ONE, &trailers, true, &mut out));
    let all: Vec<_> = frames(&out)
        .map(|(header, payload)| (header.kind.number(), header.flags, payload))
        .collect();
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].0, all[0].1), (HEADERS, END_HEADERS));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        fields(all[0].2),
        [pair(":status", "200"), pair("content-type", "text/plain")]
    );
    assert_eq!(all[1], (DATA, NONE, &b"hello"[..]));
    assert_eq!((all[2].0, all[2].1), (HEADERS, END_HEADERS | END_STREAM));
    assert!(peer.connection.idle(), "both sides have ended it");
}

#[test]
fn a_response_without_a_body_ends_with_its_head() {
    let mut peer = peer();
    let mut out = Vec::new();
    assert!(peer.connection.headers(ONE, &[0x89], true, &mut out));
    assert_eq!(
        out,
        [0, 0, 1, HEADERS, END_HEADERS | END_STREAM, 0, 0, 0, 1, 0x89]
    );
    assert!(!peer.connection.headers(ONE, &[0x89], true, &mut out));
    assert_eq!(out.len(), 10);
}

#[test]
fn a_large_head_goes_on_in_continuation() {
    let mut peer = peer();
    for (len, sizes) in [
        (0, &[0][..]),
        (16_384, &[16_384]),
        (16_385, &[16_384, 1]),
        (40_000, &[16_384, 16_384, 7232]),
    ] {
        let mut out = Vec::new();
        let block = vec![0x88; len];
        assert!(peer.connection.headers(ONE, &block, false, &mut out));
        let all: Vec<_> = frames(&out).collect();
        let found: Vec<_> = all.iter().map(|(header, _)| header.len as usize).collect();
        assert_eq!(found, sizes);
        for (at, (header, _)) in all.iter().enumerate() {
            let kind = if at == 0 { HEADERS } else { CONTINUATION };
            let flags = if at + 1 == all.len() {
                END_HEADERS
            } else {
                NONE
            };
            assert_eq!((header.kind.number(), header.flags), (kind, flags));
        }
    }
    // The client takes larger frames.
    peer.send(&settings(&[(5, 20_000)]));
    let mut out = Vec::new();
    assert!(
        peer.connection
            .headers(ONE, &vec![0x88; 20_001], true, &mut out)
    );
    let sizes: Vec<_> = frames(&out)
        .map(|(header, _)| (header.len, header.flags))
        .collect();
    assert_eq!(sizes, [(20_000, END_STREAM), (1, END_HEADERS)]);
}

#[test]
fn a_client_with_a_smaller_table_is_told_once_that_it_is_not_used() {
    let mut peer = peer();
    let first = |peer: &mut Peer| {
        let mut out = Vec::new();
        assert!(peer.connection.headers(ONE, &[0x88], false, &mut out));
        out[9..].to_vec()
    };
    assert_eq!(first(&mut peer), [0x88]);
    peer.send(&settings(&[(1, 100_000)]));
    assert_eq!(first(&mut peer), [0x88]);
    // RFC 7541, section 4.2.
    peer.send(&settings(&[(1, 0), (1, 4096)]));
    assert_eq!(first(&mut peer), [0x20, 0x88]);
    assert_eq!(first(&mut peer), [0x88]);
    peer.send(&settings(&[(1, 0)]));
    let mut out = Vec::new();
    assert!(
        peer.connection
            .headers(ONE, &[0x88; 16_384], true, &mut out)
    );
    let sizes: Vec<_> = frames(&out).map(|(header, _)| header.len).collect();
    assert_eq!(sizes, [16_384, 1]);
    assert_eq!(out[9..11], [0x20, 0x88]);
}

#[test]
fn no_more_than_the_windows_allow() {
    let mut peer = peer();
    let mut out = Vec::new();
    assert!(!peer.connection.data(ONE, 16_385, false, &mut out));
    assert!(out.is_empty());
    assert!(peer.connection.data(ONE, 16_384, false, &mut out));
    assert!(
        peer.connection.data(ONE, 0, true, &mut out),
        "an end needs no window"
    );
}
