//! How a connection begins and ends.

use super::peer::*;
use crate::event::StreamId;
use crate::h2::{Config, Connection, ErrorCode, PREFACE};
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::reject::Reject;

const SHUTDOWN: &[u8] = b"shutdown";

/// The response of a stream, complete.
fn respond(peer: &mut Peer, stream: u32) {
    assert!(
        peer.connection
            .headers(StreamId::new(stream), &[], true, &mut Vec::new())
    );
}

#[test]
fn the_server_begins_with_its_settings_and_a_larger_window() {
    let mut connection = Connection::new(&Config::default(), false, false);
    let bytes = std::mem::take(connection.answers());
    let all: Vec<_> = frames(&bytes).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[0].1,
        [
            0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 255, 255, 0, 6, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1
        ]
    );
    assert_eq!(
        bytes[bytes.len() - 4..],
        (1_048_576_u32 - 65_535).to_be_bytes()
    );
    assert!(connection.idle() && !connection.is_over());
}

#[test]
fn a_drain_loses_no_stream() {
    let mut peer = Peer::new();
    peer.send(&get(1));
    peer.connection.go_away();
    peer.connection.go_away();
    assert_eq!(peer.answers(), ["GoAway 0: 2147483647 0", "Ping 0"]);
    // What was on its way is served.
    assert_eq!(peer.send(&get(3)), [Said::Head(3), Said::End(3)]);
    assert_eq!(peer.send(&frame(PING, ACK, 0, b"whatever")), []);
    assert_eq!(peer.answers(), [""; 0]);
    assert_eq!(peer.send(&frame(PING, ACK, 0, SHUTDOWN)), []);
    assert_eq!(peer.answers(), ["GoAway 0: 3 0"]);
    // What comes behind that is ignored, but for the windows and the table of fields.
    assert_eq!(
        peer.send(
            &[
                post(5),
                frame(DATA, NONE, 5, b"x"),
                reset(5),
                window_update(5, 1)
            ]
            .concat()
        ),
        []
    );
    assert!(!peer.connection.is_over());
    respond(&mut peer, 1);
    assert!(!peer.connection.is_over());
    respond(&mut peer, 3);
    assert!(peer.connection.is_over() && peer.connection.idle());
    peer.connection.go_away();
    peer.connection.go_away_now();
    assert_eq!(peer.answers(), [""; 0]);
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let mut peer = Peer::new();
    peer.connection.go_away();
    peer.connection.answers().clear();
    peer.connection.go_away_now();
    assert_eq!(peer.answers(), ["GoAway 0: 0 0"]);
    assert!(peer.connection.is_over());
    // The answer that comes after all changes nothing.
    assert_eq!(peer.send(&frame(PING, ACK, 0, SHUTDOWN)), []);
    assert_eq!(peer.answers(), [""; 0]);
}

#[test]
fn what_the_client_has_begun_is_served_when_it_goes_away() {
    let mut peer = Peer::new();
    peer.send(&get(1));
    let mut payload = vec![0; 8];
    payload.extend(b"bye");
    assert_eq!(peer.send(&frame(GOAWAY, NONE, 0, &payload)), []);
    assert!(!peer.connection.is_over());
    respond(&mut peer, 1);
    assert!(peer.connection.is_over());
}

const SENDER: Sender = Sender {
    trusted: false,
    local: false,
};

#[test]
fn an_upgraded_connection_has_its_first_stream() {
    let policy = Policy::default();
    // An initial window of 7, as base64url.
    let mut connection = Connection::upgraded(&policy.http2, SENDER, b"AAQAAAAH").unwrap();
    let one = StreamId::UPGRADED;
    assert!(!connection.idle() && !connection.in_body(one));
    assert_eq!(connection.capacity(one), 7);
    let mut kept = [PREFACE, &settings(&[]), &get(3)].concat();
    let said = run(
        &mut connection,
        &policy,
        &mut kept,
        false,
        &mut RequestHead::default(),
    );
    assert_eq!(said, [Said::Head(3), Said::End(3)]);
    let mut out = Vec::new();
    assert!(connection.headers(one, &[0x88], false, &mut out));
    assert!(connection.data(one, 7, true, &mut out));
    assert_eq!(connection.open_streams(), 1);
    let wrong = Connection::upgraded(&policy.http2, SENDER, b"????");
    assert_eq!(wrong.err(), Some(Reject::InvalidUpgradeSettings));
    let wrong = Connection::upgraded(&policy.http2, SENDER, b"AAQAAAAHA");
    assert_eq!(wrong.err(), Some(Reject::InvalidUpgradeSettings));
}

#[test]
fn a_response_before_the_end_of_its_request() {
    let mut peer = Peer::new();
    let stream = StreamId::new(1);
    peer.send(&post(1));
    respond(&mut peer, 1);
    assert!(!peer.connection.can_send(stream) && peer.connection.in_body(stream));
    peer.connection.finished(stream);
    // RFC 9113, section 8.1.
    assert_eq!(peer.answers(), ["Reset 1: 0"]);
    assert!(peer.connection.idle());
    peer.connection.finished(stream);
    peer.connection.reset(stream, ErrorCode::Cancel);
    assert_eq!(peer.answers(), [""; 0]);
    // The rest of it may be on its way.
    assert_eq!(peer.send(&frame(DATA, END_STREAM, 1, b"x")), []);
}

#[test]
fn a_stream_that_is_gone_takes_nothing() {
    let mut peer = Peer::new();
    let stream = StreamId::new(1);
    peer.send(&[get(1), reset(1)].concat());
    let mut out = Vec::new();
    assert!(!peer.connection.headers(stream, &[0x88], false, &mut out));
    assert!(!peer.connection.data(stream, 0, true, &mut out));
    assert_eq!((peer.connection.capacity(stream), out.len()), (0, 0));
    peer.connection.consumed(stream, 10);
    peer.connection.reset(stream, ErrorCode::Cancel);
    assert_eq!(peer.answers(), [""; 0]);
}

#[test]
fn an_end_is_not_said_of_a_stream_that_was_reset_meanwhile() {
    let mut peer = Peer::new();
    let bytes = get(1);
    let received = peer
        .connection
        .receive(&peer.policy, &bytes, false, &mut peer.head);
    assert_eq!(received.unwrap().consumed, bytes.len());
    peer.connection
        .reset(StreamId::new(1), ErrorCode::RefusedStream);
    assert_eq!(peer.send(&[]), []);
}
