use super::*;
use crate::h1;
use crate::head::Version;
use crate::limits::Limits;

/// An initial window of 7.
const GOOD: [&str; 5] = [
    "Host: a:80",
    "Upgrade: h2c",
    "Connection: Upgrade, HTTP2-Settings",
    "HTTP2-Settings: AAQAAAAH",
    "X-One: 1",
];

fn head(line: &str, fields: &[&str]) -> RequestHead {
    let request = format!("{line}\r\n{}\r\n\r\n", fields.join("\r\n"));
    let mut head = RequestHead::default();
    let mut connection = h1::Connection::new(true);
    connection
        .receive(&Policy::default(), request.as_bytes(), false, &mut head)
        .unwrap();
    head
}

/// The good request, with `field` in the place of the one with its name.
fn with(field: &str) -> RequestHead {
    let name = field.split(':').next().unwrap();
    let others = GOOD.iter().filter(|each| !each.starts_with(name));
    let fields: Vec<_> = others.copied().chain([field]).collect();
    head("GET / HTTP/1.1", &fields)
}

fn upgraded(head: &mut RequestHead) -> Result<bool, Reject> {
    Connection::by_upgrade(&Policy::default(), head).map(|connection| connection.is_some())
}

#[test]
fn the_request_becomes_one_of_http2() {
    let more = [&GOOD[..], &["Cookie: a=1", "Priority: u=1", "TE: gzip"]].concat();
    let mut head = head("HEAD /a?b HTTP/1.1", &more);
    let policy = Policy::default();
    let connection = Connection::by_upgrade(&policy, &mut head).unwrap().unwrap();
    assert_eq!(head.version(), Version::Http2);
    assert_eq!((head.method(), head.target()), (&b"HEAD"[..], &b"/a?b"[..]));
    assert_eq!(head.host(), Some(&b"a:80"[..]));
    let fields: Vec<_> = head.fields().map(|field| field.name.to_vec()).collect();
    assert_eq!(fields, [&b"host"[..], b"x-one", b"cookie", b"priority"]);
    assert!(head.keep_alive() && !head.upgrade() && !head.has_body());
    let one = StreamId::UPGRADED;
    assert_eq!(
        (connection.capacity(one), connection.in_body(one)),
        (7, false)
    );
    assert_eq!(connection.priority(one).urgency, 1);
}

#[test]
fn what_is_answered_by_http1() {
    for field in [
        "Upgrade: websocket",
        "Upgrade: websocket, h2c",
        "Connection: Upgrade",
        "Connection: HTTP2-Settings",
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
    ] {
        let mut head = with(field);
        let before = head.raw().to_vec();
        assert_eq!(upgraded(&mut head), Ok(false), "{field}");
        assert_eq!(head.raw(), before);
    }
    let without = GOOD.map(|field| field.replace("HTTP2-Settings: ", "X-Two: "));
    let without: Vec<_> = without.iter().map(String::as_str).collect();
    let twice = [&GOOD[..], &["HTTP2-Settings: AAQAAAAH"]].concat();
    for mut head in [
        head("GET / HTTP/1.1", &without),
        head("GET / HTTP/1.1", &twice),
        head("GET / HTTP/1.0", &GOOD),
        head("GET http://a/ HTTP/1.1", &GOOD),
    ] {
        assert_eq!(upgraded(&mut head), Ok(false));
    }
    // More fields than HTTP/2 would have let through.
    let mut policy = Policy {
        limits: Limits::default(),
        ..Policy::default()
    };
    policy.http2.max_header_list_size = 10;
    let refused = Connection::by_upgrade(&policy, &mut head("GET / HTTP/1.1", &GOOD));
    assert!(refused.is_ok_and(|connection| connection.is_none()));
}

#[test]
fn settings_that_are_none_are_refused() {
    for (value, reject) in [
        ("AAQAAAAHA", Reject::InvalidUpgradeSettings),
        ("AAQAAA=", Reject::InvalidUpgradeSettings),
        ("AAT_____", Reject::InvalidInitialWindow),
    ] {
        let mut head = with(&format!("HTTP2-Settings: {value}"));
        assert_eq!(upgraded(&mut head), Err(reject), "{value}");
    }
    // None at all: what holds without them.
    assert_eq!(upgraded(&mut with("HTTP2-Settings: ")), Ok(true));
}
