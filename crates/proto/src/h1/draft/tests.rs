use super::*;

const GET: RequestFacts = RequestFacts {
    version: Version::Http11,
    head_method: false,
    connect: false,
    keep_alive: true,
    records: false,
};
const HEAD: RequestFacts = RequestFacts {
    head_method: true,
    ..GET
};
const CONNECT: RequestFacts = RequestFacts {
    connect: true,
    keep_alive: false,
    ..GET
};
const OLD: RequestFacts = RequestFacts {
    version: Version::Http10,
    ..GET
};

const OPEN: &str = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: keep-alive\r\n";
const CLOSE: &str = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n";

/// A response of fields `name: value`; what the application may not do is left out.
fn respond(
    status: &str,
    fields: &[(&str, &str)],
    request: RequestFacts,
    body: BodySize,
) -> (String, ResponseFraming) {
    let mut draft = ResponseDraft::default();
    draft.start(status.as_bytes()).unwrap();
    for (name, value) in fields {
        draft.field(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut out = Vec::new();
    let framing = draft.finish(request, body, &ServerFields::new(""), &mut out);
    (String::from_utf8(out).unwrap(), framing)
}

fn framing(body: BodyFraming, keep_alive: bool) -> ResponseFraming {
    ResponseFraming { body, keep_alive }
}

#[test]
fn the_server_comes_first_then_framing_then_the_application() {
    let mut draft = ResponseDraft::default();
    draft.start(b"200 OK").unwrap();
    draft.field(b"Content-Type", b"a/b").unwrap();
    draft.field(b"X", b"").unwrap();
    let mut out = b"before".to_vec();
    draft.finish(
        GET,
        BodySize::Known(3),
        &ServerFields::new("licorne"),
        &mut out,
    );
    let head = format!(
        "beforeHTTP/1.1 200 OK\r\nServer: licorne\r\n{OPEN}Content-Length: 3\r\n\
         Content-Type: a/b\r\nX: \r\n\r\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), head);
}

#[test]
fn bodies_are_framed() {
    let length = [("content-length", " 007 ")];
    for (fields, request, size, line, expected) in [
        (
            &length[..],
            GET,
            BodySize::Unknown,
            "Content-Length: 7\r\n",
            BodyFraming::Length(7),
        ),
        (
            &length,
            GET,
            BodySize::Known(3),
            "Content-Length: 7\r\n",
            BodyFraming::Length(7),
        ),
        (
            &[],
            GET,
            BodySize::Known(0),
            "Content-Length: 0\r\n",
            BodyFraming::Length(0),
        ),
        (
            &[],
            GET,
            BodySize::Unknown,
            "Transfer-Encoding: chunked\r\n",
            BodyFraming::Chunked,
        ),
        (
            &[],
            OLD,
            BodySize::Known(3),
            "Content-Length: 3\r\n",
            BodyFraming::Length(3),
        ),
        (
            &length,
            HEAD,
            BodySize::Known(0),
            "Content-Length: 7\r\n",
            BodyFraming::None,
        ),
        (
            &[],
            HEAD,
            BodySize::Known(3),
            "Content-Length: 3\r\n",
            BodyFraming::None,
        ),
        (&[], HEAD, BodySize::Known(0), "", BodyFraming::None),
        (&[], HEAD, BodySize::Unknown, "", BodyFraming::None),
    ] {
        let (head, seen) = respond("200 OK", fields, request, size);
        assert_eq!(head, format!("HTTP/1.1 200 OK\r\n{OPEN}{line}\r\n"));
        assert_eq!(seen, framing(expected, true));
    }
}

#[test]
fn some_bodies_end_with_the_connection() {
    for (request, size) in [
        (OLD, BodySize::Unknown),
        (CONNECT, BodySize::Unknown),
        (CONNECT, BodySize::Known(3)),
    ] {
        let (head, seen) = respond("200 OK", &[], request, size);
        assert_eq!(head, format!("HTTP/1.1 200 OK\r\n{CLOSE}\r\n"));
        assert_eq!(seen, framing(BodyFraming::UntilClose, false));
    }
}

#[test]
fn some_statuses_have_no_body() {
    for status in ["204 No Content", "103 Early Hints"] {
        let fields = [("Content-Length", "5")];
        let (head, seen) = respond(status, &fields, GET, BodySize::Known(5));
        assert_eq!(head, format!("HTTP/1.1 {status}\r\n{OPEN}\r\n"));
        assert_eq!(seen, framing(BodyFraming::None, true));
    }
    let fields = [("Content-Length", "5")];
    let (head, seen) = respond("304 Not Modified", &fields, GET, BodySize::Known(0));
    assert_eq!(
        head,
        format!("HTTP/1.1 304 Not Modified\r\n{OPEN}Content-Length: 5\r\n\r\n")
    );
    assert_eq!(seen, framing(BodyFraming::None, true));
    let (head, _) = respond("304 Not Modified", &[], GET, BodySize::Known(0));
    assert!(!head.contains("Content-Length"));
}

#[test]
fn hop_by_hop_fields_are_the_servers() {
    let dropped = [
        ("Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "x"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Connection", "close"),
        ("TE", "x"),
        ("Trailer", "x"),
        ("Trailers", "x"),
        ("TRANSFER-ENCODING", "chunked"),
        ("Upgrade", "h2c"),
        ("server", "x"),
        ("Date", "x"),
    ];
    let (head, seen) = respond("200 OK", &dropped, GET, BodySize::Known(1));
    assert_eq!(
        head,
        format!("HTTP/1.1 200 OK\r\n{OPEN}Content-Length: 1\r\n\r\n")
    );
    assert_eq!(seen, framing(BodyFraming::Length(1), true));
}

#[test]
fn the_application_may_close_and_upgrade() {
    let size = BodySize::Known(0);
    for value in ["close", "CLOSE", "foo, close"] {
        let (head, seen) = respond("200 OK", &[("Connection", value)], GET, size);
        assert!(head.contains("\r\nConnection: close\r\n"));
        assert_eq!(seen, framing(BodyFraming::Length(0), false));
    }
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "WebSocket")];
    let (head, seen) = respond("101 Switching Protocols", &upgrade, GET, size);
    assert!(head.contains("\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"));
    assert_eq!(seen, framing(BodyFraming::None, false));
    let (head, seen) = respond("426 Upgrade Required", &upgrade, GET, size);
    assert!(head.contains("\r\nConnection: upgrade, close\r\n"));
    assert!(!seen.keep_alive);
    let refuses = RequestFacts {
        keep_alive: false,
        ..GET
    };
    assert!(!respond("200 OK", &[], refuses, size).1.keep_alive);
}

#[test]
fn statuses() {
    let mut draft = ResponseDraft::default();
    for (status, code) in [
        ("200 OK", 200),
        ("200", 200),
        ("200 ", 200),
        ("999 \t\u{e9}", 999),
        ("100 A", 100),
    ] {
        draft.start(status.as_bytes()).unwrap();
        assert_eq!(draft.status(), code);
        assert!(draft.started());
    }
    for status in [
        "",
        "20",
        "2000",
        "099 X",
        "200OK",
        " 200 OK",
        "2x0 OK",
        "200 A\r\nB: c",
        "200 \0",
    ] {
        assert_eq!(
            draft.start(status.as_bytes()),
            Err(Misuse::InvalidStatus),
            "{status:?}"
        );
        assert!(!draft.started());
    }
    assert_eq!(
        respond("200", &[], GET, BodySize::Known(0))
            .0
            .split_once('\r')
            .unwrap()
            .0,
        "HTTP/1.1 200 "
    );
}

#[test]
fn fields_that_break_lines_are_refused() {
    let mut draft = ResponseDraft::default();
    assert_eq!(draft.field(b"A", b"b"), Err(Misuse::NotStarted));
    draft.start(b"200 OK").unwrap();
    for name in [&b""[..], b"A B", b"A:", b"A\r\nB", b"\xe9", b"A\0"] {
        assert_eq!(draft.field(name, b"b"), Err(Misuse::InvalidFieldName));
    }
    for value in [
        &b"a\r\nB: c"[..],
        b"a\nb",
        b"a\rb",
        b"\0",
        b"\x7f",
        b"\x0b",
        b"12345678\n",
    ] {
        assert_eq!(draft.field(b"A", value), Err(Misuse::InvalidFieldValue));
        assert_eq!(
            draft.field(b"Server", value),
            Err(Misuse::InvalidFieldValue)
        );
    }
    for value in [
        &b""[..],
        b"-1",
        b"+1",
        b"1.0",
        b"a",
        b"1 2",
        b"99999999999999999999",
    ] {
        assert_eq!(
            draft.field(b"Content-Length", value),
            Err(Misuse::InvalidContentLength)
        );
    }
    draft.field(b"A", b"tab\there \xe9").unwrap();
    draft.field(b"Content-Length", b"5").unwrap();
    draft.field(b"Content-Length", b"5").unwrap();
    assert_eq!(
        draft.field(b"Content-Length", b"6"),
        Err(Misuse::ConflictingContentLength)
    );
    assert_eq!(draft.content_length(), Some(5));
}

#[test]
fn a_new_start_forgets_the_old_one() {
    let mut draft = ResponseDraft::default();
    draft.start(b"200 OK").unwrap();
    draft.field(b"Content-Length", b"5").unwrap();
    draft.field(b"Connection", b"close").unwrap();
    draft.field(b"A", b"b").unwrap();
    draft.start(b"500 No").unwrap();
    let mut out = Vec::new();
    draft.finish(GET, BodySize::Known(0), &ServerFields::new(""), &mut out);
    let head = format!("HTTP/1.1 500 No\r\n{OPEN}Content-Length: 0\r\n\r\n");
    assert_eq!(String::from_utf8(out).unwrap(), head);
}

/// Without trailers it would announce what does not come.
#[test]
fn trailers_are_announced_where_they_follow() {
    let mut draft = ResponseDraft::default();
    draft.start(b"200 OK").unwrap();
    draft.field(b"Trailer", b"X-Sum").unwrap();
    assert!(!draft.has_field(b"trailer"));
    draft.expect_trailers();
    draft.field(b"Trailer", b"X-Sum").unwrap();
    assert!(draft.has_field(b"trailer"));
    draft.start(b"200 OK").unwrap();
    draft.field(b"Trailer", b"X-Sum").unwrap();
    assert!(!draft.has_field(b"trailer"));
}

#[test]
fn an_application_may_say_how_long_tls_is_to_be_used() {
    let server = ServerFields::new("").with_hsts("max-age=60");
    for (name, own) in [("Strict-transport-security", true), ("X", false)] {
        let mut draft = ResponseDraft::default();
        draft.start(b"200 OK").unwrap();
        draft.field(name.as_bytes(), b"max-age=1").unwrap();
        let mut out = Vec::new();
        draft.finish(GET, BodySize::Known(0), &server, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("{name}: max-age=1\r\n")), "{text}");
        assert_eq!(
            text.contains("Strict-Transport-Security: max-age=60"),
            !own,
            "{text}"
        );
        // The next response is another one's.
        draft.start(b"200 OK").unwrap();
        assert!(!draft.has_hsts());
    }
}
