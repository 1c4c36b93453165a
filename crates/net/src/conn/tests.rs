use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use proto::h1::CONTINUE;

use super::*;
use crate::testing;

const FIRST: &str = "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const SECOND: &str =
    "POST /second HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

/// A connection that is fed by hand: nothing is read from its socket.
struct Fixture {
    conn: Conn,
    policy: Policy,
    store: Arc<BodyStore>,
    #[expect(clippy::vec_box, reason = "as in the reactor")]
    pool: Vec<Box<Exchange>>,
    _client: UnixStream,
}

impl Fixture {
    fn new() -> Self {
        let (ours, client) = UnixStream::pair().unwrap();
        Self {
            conn: Conn::new(
                Stream::plain(OwnedFd::from(ours)),
                Peer::Unix,
                3,
                false,
                Served::HTTP1,
            ),
            policy: Policy::default(),
            store: testing::config().body,
            pool: vec![Box::default()],
            _client: client,
        }
    }

    fn feed(&mut self, bytes: &str, eof: bool) -> Fed {
        let mut feeding = Feeding {
            policy: &self.policy,
            store: &self.store,
            pool: &mut self.pool,
            eof,
            flowing: false,
        };
        self.conn.feed(bytes.as_bytes(), &mut feeding)
    }

    /// Feeds a part, and answers every request that becomes complete: targets and bodies.
    fn serve(&mut self, bytes: &str) -> Vec<(String, String)> {
        let mut served = Vec::new();
        let mut fed = self.feed(bytes, false);
        while let Fed::Ready(exchange) = fed {
            let mut body = vec![0; 100];
            let count = exchange.body.read_at(&mut body, 0).unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            served.push((text(exchange.head.target()), text(&body[..count])));
            assert_eq!(exchange.listener, 3);
            self.conn.next_request();
            fed = self.feed("", false);
        }
        assert!(matches!(fed, Fed::Wait));
        served
    }
}

/// Wherever the bytes are cut, the same requests come out, and an idle connection keeps nothing.
#[test]
fn every_cut_gives_the_same_requests() {
    let all = format!("{FIRST}{SECOND}{FIRST}");
    let expected: Vec<_> = [("/first", "body"), ("/second", "abc"), ("/first", "body")]
        .map(|(target, body)| (target.to_owned(), body.to_owned()))
        .into();
    for first in 0..all.len() {
        for second in first..all.len().min(first + 3) {
            let mut fixture = Fixture::new();
            let mut served = fixture.serve(&all[..first]);
            served.extend(fixture.serve(&all[first..second]));
            served.extend(fixture.serve(&all[second..]));
            assert_eq!(served, expected, "cut at {first} and {second}");
            assert!(fixture.conn.idle() && !fixture.conn.has_input());
            assert_eq!(fixture.conn.input.capacity(), 0);
        }
    }
}

/// While a request is with the application the next one is kept as bytes, and not read.
#[test]
fn a_request_waits_for_the_response_before_it() {
    let mut fixture = Fixture::new();
    let fed = fixture.feed(&format!("{FIRST}{SECOND}"), false);
    assert!(matches!(fed, Fed::Ready(_)));
    assert!(fixture.conn.has_input() && !fixture.conn.idle());
    assert_eq!(fixture.conn.take_input(), SECOND.as_bytes());
    assert!(!fixture.conn.has_input());
}

#[test]
fn ends_and_errors() {
    for (bytes, status) in [
        ("", None),
        ("GET / HT", Some(400)),
        (&FIRST[..FIRST.len() - 1], Some(400)),
        ("GET /\r\n\r\n", Some(400)),
    ] {
        let mut fixture = Fixture::new();
        match fixture.feed(bytes, true) {
            Fed::Closed => assert_eq!(status, None),
            Fed::Rejected(reject) => assert_eq!(Some(reject.status()), status, "{bytes}"),
            _ => panic!("{bytes} is neither an end nor an error"),
        }
    }
}

#[test]
fn the_body_is_asked_for_unless_it_comes_already() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut fixture = Fixture::new();
    assert!(matches!(fixture.feed(head, false), Fed::Wait));
    assert_eq!(fixture.conn.output.queued(), CONTINUE.len() as u64);
    assert!(fixture.conn.in_body());
    let mut fixture = Fixture::new();
    assert!(matches!(
        fixture.feed(&format!("{head}b"), false),
        Fed::Wait
    ));
    assert!(fixture.conn.output.is_empty());
}

/// A large body is read to where it belongs; the protocol is told of each part.
#[test]
fn a_large_body_is_read_in_place() {
    let mut fixture = Fixture::new();
    let length = DIRECT + 10;
    let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    assert!(matches!(fixture.feed(&head, false), Fed::Wait));
    for part in [5, DIRECT - 5] {
        let Some((_, memory, missing)) = fixture.conn.direct_body() else {
            // What is missing now is as well read with everything else.
            assert!(part > 5);
            break;
        };
        assert!(missing > DIRECT);
        memory.extend_from_slice(&vec![b'x'; part]);
        let mut feeding = Feeding {
            policy: &fixture.policy,
            store: &fixture.store,
            pool: &mut fixture.pool,
            eof: false,
            flowing: false,
        };
        assert!(matches!(
            fixture.conn.fed_directly(part, &mut feeding),
            Fed::Wait
        ));
    }
    assert!(fixture.conn.direct_body().is_none());
    let Fed::Ready(exchange) = fixture.feed("0123456789", false) else {
        panic!("the body is complete");
    };
    assert_eq!(exchange.body.len(), length as u64);
}
