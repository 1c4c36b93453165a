use super::*;
use crate::limits::Limits;

/// All events of some bytes, handed in at once; bodies are given as bytes.
fn events(input: &[u8], eof: bool) -> (Vec<String>, Option<Reject>) {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let mut said = Vec::new();
    let mut at = 0;
    loop {
        let rest = &input[at..];
        let received = match connection.receive(&policy, rest, eof, &mut head) {
            Ok(received) => received,
            Err(reject) => return (said, Some(reject)),
        };
        at += received.consumed;
        match received.event {
            Event::NeedMore => return (said, None),
            Event::Head(_) => said.push(String::from_utf8_lossy(head.target()).into_owned()),
            Event::Body(_, range) => said.push(String::from_utf8_lossy(&rest[range]).into_owned()),
            Event::End(_) => {
                said.push("END".to_owned());
                connection.next_request();
            }
            Event::Closed => {
                said.push("CLOSED".to_owned());
                return (said, None);
            }
            other => unreachable!("{other:?}"),
        }
    }
}

#[test]
fn pipelined_requests_come_one_after_the_other() {
    let input = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let (said, reject) = events(input, true);
    assert_eq!(said, ["/a", "abc", "END", "/b", "END", "CLOSED"]);
    assert_eq!(reject, None);
}

#[test]
fn nothing_follows_the_last_request() {
    let input = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(events(input, false).0, ["/a", "END", "CLOSED"]);
}

#[test]
fn a_request_that_was_not_read_to_its_end_is_the_last_one() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    let received = connection
        .receive(&policy, input, false, &mut head)
        .unwrap();
    assert_eq!(
        received,
        Received {
            consumed: input.len(),
            event: Event::Head(StreamId::HTTP1)
        }
    );
    assert!(connection.in_body());
    connection.next_request();
    let received = connection.receive(&policy, b"GET / HTTP/1.1", false, &mut head);
    assert_eq!(
        received,
        Ok(Received {
            consumed: 0,
            event: Event::Closed
        })
    );
}

/// Only a body of which nothing is to come ends with its head, and only once.
#[test]
fn a_request_without_a_body_ends_with_its_head() {
    let policy = Policy::default();
    for (fields, ends) in [
        ("", true),
        ("Content-Length: 0\r\n", true),
        ("Content-Length: 1\r\n", false),
        ("Transfer-Encoding: chunked\r\n", false),
    ] {
        let mut connection = Connection::new(false);
        let mut head = RequestHead::default();
        assert!(!connection.ends_with_head());
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let received = connection.receive(&policy, input.as_bytes(), false, &mut head);
        assert_eq!(received.unwrap().event, Event::Head(StreamId::HTTP1));
        assert_eq!(connection.ends_with_head(), ends, "{fields}");
        assert!(!connection.ends_with_head());
        assert_eq!(connection.in_body(), !ends, "{fields}");
    }
}

#[test]
fn a_refusal_is_final() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for input in [&b"GET / HTTP/1.1\n\r\n"[..], good, b""] {
        assert_eq!(
            connection.receive(&policy, input, true, &mut head),
            Err(Reject::BareLineFeed)
        );
        connection.next_request();
    }
}

#[test]
fn a_finished_request_waits() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    connection.receive(&policy, good, false, &mut head).unwrap();
    let end = connection.receive(&policy, good, false, &mut head).unwrap();
    assert_eq!(
        end,
        Received {
            consumed: 0,
            event: Event::End(StreamId::HTTP1)
        }
    );
    for _ in 0..2 {
        let wait = connection.receive(&policy, good, true, &mut head).unwrap();
        assert_eq!(
            wait,
            Received {
                consumed: 0,
                event: Event::NeedMore
            }
        );
    }
    assert!(!connection.idle());
    connection.next_request();
    assert!(connection.idle());
}

#[test]
fn an_empty_line_keeps_the_connection_idle() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let received = connection
        .receive(&policy, b"\r\n", false, &mut head)
        .unwrap();
    assert_eq!(
        received,
        Received {
            consumed: 2,
            event: Event::NeedMore
        }
    );
    assert!(connection.idle());
    let received = connection.receive(&policy, b"G", false, &mut head).unwrap();
    assert_eq!(
        received,
        Received {
            consumed: 0,
            event: Event::NeedMore
        }
    );
    assert!(!connection.idle());
}

#[test]
fn the_end_of_the_connection_is_clean_only_between_requests() {
    assert_eq!(events(b"", true).0, ["CLOSED"]);
    assert_eq!(events(b"\r\n", true).0, ["CLOSED"]);
    assert_eq!(events(b"\r", true).1, Some(Reject::IncompleteHead));
    assert_eq!(
        events(b"GET / HTTP/1.1\r\nHost: a\r\n", true).1,
        Some(Reject::IncompleteHead)
    );
    let length = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na";
    assert_eq!(events(length, true).1, Some(Reject::IncompleteBody));
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    assert_eq!(events(chunked, true).1, Some(Reject::IncompleteBody));
}

#[test]
fn bytes_of_other_protocols_are_refused_at_once() {
    assert_eq!(events(b"\x16", false).1, Some(Reject::TlsHandshake));
    assert_eq!(events(b"\0", false).1, Some(Reject::InvalidRequestLine));
    assert_eq!(events(b"\n", false).1, Some(Reject::BareLineFeed));
}

#[test]
fn a_body_larger_than_the_limit_is_refused_before_it_comes() {
    let limits = Limits {
        body: Some(5),
        ..Limits::default()
    };
    let policy = Policy {
        limits,
        ..Policy::default()
    };
    let mut head = RequestHead::default();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n";
    let outcome = Connection::new(false).receive(&policy, input, false, &mut head);
    assert_eq!(outcome, Err(Reject::ContentTooLarge));

    let mut connection = Connection::new(false);
    let input =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\n";
    let mut at = 0;
    let outcome = loop {
        match connection.receive(&policy, &input[at..], false, &mut head) {
            Ok(received) => at += received.consumed,
            Err(reject) => break reject,
        }
    };
    assert_eq!(outcome, Reject::ContentTooLarge);
}

#[test]
fn on_a_unix_socket_host_need_only_be_harmless() {
    let policy = Policy::default();
    let input = b"GET / HTTP/1.1\r\nHost: /tmp/x.sock\r\n\r\n";
    let mut head = RequestHead::default();
    let mut receive =
        |local| Connection::from_peer(true, local).receive(&policy, input, false, &mut head);
    assert_eq!(receive(true).unwrap().event, Event::Head(StreamId::HTTP1));
    // The same bytes in the same head, from a peer that has an address.
    assert_eq!(receive(false), Err(Reject::InvalidHost));
    assert_eq!(receive(true).unwrap().event, Event::Head(StreamId::HTTP1));
    let joined = b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n";
    let outcome = Connection::from_peer(true, true).receive(&policy, joined, false, &mut head);
    assert_eq!(outcome, Err(Reject::InvalidHost));
}

#[test]
fn a_folded_head_that_comes_again_says_the_same() {
    let mut policy = Policy::default();
    policy.permissions.obsolete_folding = true;
    let folded = b"GET / HTTP/1.1\r\nHost: a\r\nX: one \r\n\t two\r\nY: z\r\n\r\n";
    let mut head = RequestHead::default();
    let mut values = |input: &[u8]| {
        let received = Connection::new(false).receive(&policy, input, false, &mut head);
        assert_eq!(received.unwrap().event, Event::Head(StreamId::HTTP1));
        let values: Vec<_> = head.fields().map(|field| field.value.to_vec()).collect();
        (values, head.raw().to_vec())
    };
    let (first, kept) = values(folded);
    assert_eq!(first, [&b"a"[..], b"one two", b"z"]);
    assert_eq!(values(folded).0, first);
    // What is kept of it, sent by a client as it is.
    assert_eq!(values(&kept).0, first);
}

/// What stands behind a request that was answered by a switch is left to the next decoder.
#[test]
fn a_switch_leaves_the_rest_alone() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let input = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x16\n";
    let mut receive = |connection: &mut Connection, input: &[u8], eof| {
        connection.receive(&policy, input, eof, &mut head)
    };
    let received = receive(&mut connection, input, false).unwrap();
    assert_eq!(received.event, Event::Head(StreamId::HTTP1));
    let rest = input.get(received.consumed..).unwrap();
    let received = receive(&mut connection, rest, false).unwrap();
    assert_eq!(
        received,
        Received {
            consumed: 0,
            event: Event::End(StreamId::HTTP1)
        }
    );
    connection.switched();
    let switched = Received {
        consumed: 0,
        event: Event::Switched,
    };
    for (input, eof) in [(rest, false), (b"", false), (b"", true)] {
        assert_eq!(receive(&mut connection, input, eof), Ok(switched.clone()));
    }
    connection.next_request();
    assert_eq!(receive(&mut connection, rest, false), Ok(switched));
}

#[test]
fn only_a_request_that_was_read_to_its_end_can_switch() {
    let policy = Policy::default();
    let mut connection = Connection::new(false);
    let mut head = RequestHead::default();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    let mut receive = |connection: &mut Connection, input: &[u8]| {
        connection
            .receive(&policy, input, false, &mut head)
            .unwrap()
    };
    receive(&mut connection, input);
    connection.switched();
    assert_eq!(receive(&mut connection, b"").event, Event::Closed);
}
