use super::*;
use crate::event::Event;
use crate::h1::Connection;
use crate::limits::Policy;

/// Status line and Location of the answer to a request that a peer on a unix socket sends.
fn answer(request: &str, port: u16) -> (String, Option<String>) {
    let mut policy = Policy::default();
    policy.permissions.missing_host = true;
    let mut head = RequestHead::default();
    let mut connection = Connection::from_peer(false, true);
    let received = connection.receive(&policy, request.as_bytes(), false, &mut head);
    assert!(matches!(received.unwrap().event, Event::Head(_)));
    let mut out = Vec::new();
    let (status, content) = redirect_page(&mut out, 0, &head, port);
    let text = String::from_utf8(out).unwrap();
    let (fields, page) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(page.len(), content);
    assert!(fields.contains("\r\nConnection: close\r\n"), "{fields}");
    let mut lines = fields.split("\r\n");
    let line = lines.next().unwrap().to_string();
    assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
    let location = lines.find_map(|line| line.strip_prefix("Location: "));
    (line, location.map(str::to_string))
}

#[test]
fn where_clients_are_sent() {
    for (target, host, port, expected) in [
        ("/", "example.com", 443, "https://example.com/"),
        ("/", "example.com:80", 443, "https://example.com/"),
        ("/", "example.com:", 443, "https://example.com/"),
        ("/", "example.com:8080", 8443, "https://example.com:8443/"),
        ("/a%20b?c=/d#e", "[::1]:80", 443, "https://[::1]/a%20b?c=/d"),
        (
            "//evil.example/",
            "example.com",
            443,
            "https://example.com//evil.example/",
        ),
        (
            "/.well-known/acme-challenge/x",
            "a",
            443,
            "https://a/.well-known/acme-challenge/x",
        ),
        // The target has the last word on the host (RFC 9112, section 3.2.2).
        ("http://b:81/c?d", "example.com", 443, "https://b/c?d"),
        ("http://b", "example.com", 443, "https://b/"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let (line, location) = answer(&request, port);
        assert_eq!(line, "HTTP/1.1 301 Moved Permanently");
        assert_eq!(location.as_deref(), Some(expected), "{request}");
    }
    let (_, location) = answer("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 443);
    assert_eq!(location.as_deref(), Some("https://a"));
}

#[test]
fn only_get_and_head_may_be_answered_with_301() {
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"] {
        let request = format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n");
        let (line, location) = answer(&request, 443);
        let same = matches!(method, "GET" | "HEAD");
        assert_eq!(line.contains(" 301 "), same, "{line}");
        assert_eq!(line.contains(" 308 "), !same, "{line}");
        assert_eq!(location.as_deref(), Some("https://a/a"));
    }
}

#[test]
fn a_request_that_names_no_host_is_refused() {
    for fields in ["", "Host: \r\n", "Host: %2Frun%2Fsite.sock/\r\n"] {
        let (line, location) = answer(&format!("GET / HTTP/1.1\r\n{fields}\r\n"), 443);
        assert_eq!(line, "HTTP/1.1 400 Bad Request");
        assert_eq!(location, None);
    }
}
