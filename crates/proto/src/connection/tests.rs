use super::*;
use crate::event::Event;

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n";

fn step(connection: &mut Connection, input: &[u8], eof: bool, head: &mut RequestHead) -> Received {
    let policy = Policy::default();
    connection.receive(&policy, input, eof, head).unwrap()
}

#[test]
fn what_follows_a_switch_is_no_request() {
    let mut connection = Connection::begin(None, &[], false, false);
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
    let mut connection = Connection::begin(None, &[], false, false);
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
