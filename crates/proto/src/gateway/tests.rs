use super::*;
use crate::known::Known;

const SOCKET: Sender = Sender {
    trusted: true,
    local: false,
};
const UWSGI: Framing = Framing::Raw;

/// What nginx sends with its `uwsgi_params`, more or less.
const USUAL: &[(&str, &str)] = &[
    ("QUERY_STRING", "a=1"),
    ("REQUEST_METHOD", "GET"),
    ("CONTENT_TYPE", ""),
    ("CONTENT_LENGTH", ""),
    ("REQUEST_URI", "/caf%C3%A9/x?a=1"),
    ("PATH_INFO", "/caf\u{e9}/x"),
    ("DOCUMENT_ROOT", "/var/www"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("REQUEST_SCHEME", "http"),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("REMOTE_PORT", "4321"),
    ("SERVER_PORT", "80"),
    ("SERVER_NAME", "shop"),
    ("HTTP_HOST", "shop.example"),
    ("HTTP_X_FORWARDED_PROTO", "https"),
    ("HTTP_CONNECTION", "keep-alive"),
];

/// Variables of a test; in values one character is one byte, but for paths.
fn read_as(variables: &[(&str, &str)], framing: Framing) -> Result<RequestHead, Reject> {
    let all: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let mut head = RequestHead::default();
    let policy = Policy::default();
    complete(all.into_iter(), framing, &policy, SOCKET, &mut head).map(|()| head)
}

fn read(variables: &[(&str, &str)]) -> RequestHead {
    read_as(variables, UWSGI).unwrap()
}

/// The usual ones, with others in the place of those with their names.
fn with(others: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let replaced = |name: &str| others.iter().any(|(other, _)| *other == name);
    let usual = USUAL.iter().filter(|(name, _)| !replaced(name));
    usual.chain(others).copied().collect()
}

#[test]
fn what_nginx_sends() {
    let head = read(USUAL);
    assert_eq!(head.method(), b"GET");
    assert_eq!(head.target(), b"/caf%C3%A9/x?a=1");
    assert_eq!(head.path(), b"/caf%C3%A9/x");
    assert_eq!(head.query(), b"a=1");
    assert_eq!(head.script_name(), Some(&b""[..]));
    assert_eq!(head.protocol(), b"HTTP/1.1");
    assert_eq!(head.host(), Some(&b"shop.example"[..]));
    let client = ("192.0.2.7".parse().unwrap(), Some(4321));
    assert_eq!(head.client(), Some(client));
    // The client is none that may say it, though the web server is.
    assert_eq!((head.trusted(), head.https()), (false, None));
    assert!(!head.keep_alive() && !head.has_body() && !head.in_records());
    let fields: Vec<_> = head.fields().map(|field| field.name).collect();
    assert_eq!(fields, [&b"HOST"[..], b"X-FORWARDED-PROTO"]);
    let params: Vec<_> = head.params().collect();
    assert_eq!(
        params,
        [
            (&b"DOCUMENT_ROOT"[..], &b"/var/www"[..]),
            (b"REQUEST_SCHEME", b"http")
        ]
    );
}

#[test]
fn what_a_trusted_client_says_counts() {
    let head = read(&with(&[("REMOTE_ADDR", "127.0.0.1")]));
    assert_eq!((head.trusted(), head.https()), (true, Some(true)));
    // One without an address, on a unix socket of the web server: as the socket's own peer.
    let head = read(&with(&[("REMOTE_ADDR", "unix:")]));
    assert_eq!((head.trusted(), head.client()), (true, None));
}

#[test]
fn schemes() {
    let table = [
        (("HTTPS", "on"), Some(true)),
        (("HTTPS", "ON"), Some(true)),
        (("HTTPS", "1"), Some(true)),
        (("HTTPS", "off"), None),
        (("HTTPS", ""), None),
        (("REQUEST_SCHEME", "https"), Some(true)),
        (("wsgi.url_scheme", "https"), Some(true)),
    ];
    for (variable, expected) in table {
        assert_eq!(read(&with(&[variable])).https(), expected, "{variable:?}");
    }
}

#[test]
fn paths() {
    //    REQUEST_URI    SCRIPT_NAME  PATH_INFO       target      path      SCRIPT_NAME
    let table = [
        (Some("/a/b"), None, Some("/a/b"), "/a/b", "/a/b", ""),
        (Some("/a/b"), Some("/a"), Some("/b"), "/a/b", "/a/b", "/a"),
        (
            Some("/a%2fb"),
            Some(""),
            Some("/a/b"),
            "/a%2fb",
            "/a%2fb",
            "",
        ),
        (
            Some("/old"),
            None,
            Some("/new path"),
            "/old",
            "/new%20path",
            "",
        ),
        (Some("/a"), Some("/a"), Some(""), "/a", "/a", "/a"),
        // FastCGI's usual parameters: the script is the whole path.
        (Some("/a/b"), Some("/a/b"), None, "/a/b", "/a/b", ""),
        (None, None, Some("/a b?"), "/a%20b%3F?a=1", "/a%20b%3F", ""),
        (None, None, None, "/?a=1", "/", ""),
        (None, None, Some(""), "/?a=1", "/", ""),
    ];
    for (uri, script, path_info, target, path, mounted) in table {
        let mut all = vec![("QUERY_STRING", "a=1")];
        let given = [
            ("REQUEST_URI", uri),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", path_info),
        ];
        all.extend(
            given
                .iter()
                .filter_map(|(name, value)| Some((*name, (*value)?))),
        );
        let head = read(&all);
        assert_eq!(head.target(), target.as_bytes(), "{all:?}");
        assert_eq!(head.path(), path.as_bytes(), "{all:?}");
        assert_eq!(head.script_name(), Some(mounted.as_bytes()), "{all:?}");
        assert_eq!(head.query(), b"a=1");
    }
}

#[test]
fn hosts_and_protocols() {
    let bare = [("SERVER_NAME", "shop"), ("SERVER_PORT", "8080")];
    assert_eq!(read(&bare).host(), Some(&b"shop:8080"[..]));
    assert_eq!(
        read(&[("SERVER_NAME", "shop"), ("SERVER_PORT", "443")]).host(),
        Some(&b"shop"[..])
    );
    assert_eq!(read(&[]).host(), None);
    for (sent, protocol) in [
        ("HTTP/2.0", "HTTP/2.0"),
        ("HTTP/3", "HTTP/3"),
        ("HTTP/1.0", "HTTP/1.0"),
        ("INCLUDED", "HTTP/1.0"),
        ("HTTP/", "HTTP/1.0"),
    ] {
        let head = read(&[("SERVER_PROTOCOL", sent)]);
        assert_eq!(head.protocol(), protocol.as_bytes());
        assert_eq!(head.version(), crate::Version::Http10);
    }
}

#[test]
fn framing_is_the_web_servers() {
    let sent = [
        ("CONTENT_LENGTH", "5"),
        ("CONTENT_TYPE", "text/plain"),
        ("HTTP_CONTENT_LENGTH", "7"),
        ("HTTP_CONTENT_TYPE", "text/html"),
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("HTTP_CONNECTION", "upgrade"),
        ("HTTP_UPGRADE", "websocket"),
        ("HTTP_EXPECT", "100-continue"),
    ];
    for (framing, keep) in [(UWSGI, false), (Framing::Records { keep: true }, true)] {
        let head = read_as(&with(&sent), framing).unwrap();
        assert_eq!(head.content_length(), Some(5));
        assert_eq!(head.get(Known::ContentType), Some(&b"text/plain"[..]));
        assert_eq!(head.keep_alive(), keep);
        assert!(!head.chunked() && !head.upgrade() && !head.expect_continue());
        assert_eq!(head.in_records(), keep);
    }
    let chunked = [
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("CONTENT_LENGTH", ""),
    ];
    let head = read_as(&chunked, Framing::Records { keep: false }).unwrap();
    assert!(head.chunked() && !head.keep_alive());
    assert!(!read(&chunked).chunked());
}

#[test]
fn what_breaks_out_of_its_place_is_refused() {
    let table = [
        (("HTTP_X", "a\r\nX-Admin: 1"), Reject::InvalidVariables),
        (("HTTP_X", "a\n"), Reject::InvalidVariables),
        (("HTTP_X", "a\0"), Reject::InvalidVariables),
        (("HTTP_X Y", "a"), Reject::InvalidVariables),
        (("HTTP_X:", "a"), Reject::InvalidVariables),
        (("HTTP_", "a"), Reject::InvalidVariables),
        (("REQUEST_METHOD", "GET /x"), Reject::InvalidVariables),
        (("REQUEST_METHOD", "get"), Reject::InvalidMethod),
        (
            ("REQUEST_URI", "/a HTTP/1.1\r\nX: y"),
            Reject::InvalidVariables,
        ),
        (("REQUEST_URI", "nowhere"), Reject::InvalidTarget),
        (("CONTENT_LENGTH", "-1"), Reject::InvalidContentLength),
        (("CONTENT_LENGTH", "1 "), Reject::InvalidContentLength),
        (("CONTENT_TYPE", "a\r\nb"), Reject::InvalidVariables),
        (("HTTP_HOST", "a b"), Reject::InvalidHost),
    ];
    for (variable, reject) in table {
        let got = read_as(&with(&[variable]), UWSGI).map(|_| ());
        // A space behind a number goes as white space around a value does.
        if variable.1 == "1 " {
            assert_eq!(got, Ok(()));
        } else {
            assert_eq!(got, Err(reject), "{variable:?}");
        }
    }
    let twice = with(&[("CONTENT_LENGTH", "1"), ("CONTENT_LENGTH", "2")]);
    assert_eq!(
        read_as(&twice, UWSGI).map(|_| ()),
        Err(Reject::RepeatedContentLength)
    );
}

#[test]
fn the_limits_are_those_of_http() {
    let policy = Policy {
        limits: crate::Limits {
            request_line: 64,
            fields: 2,
            field_size: 32,
            body: Some(4),
        },
        ..Policy::default()
    };
    let long: &[u8] = &[b'x'; 100];
    let table: [(&[Variable<'_>], Reject); 4] = [
        (
            &[(b"REQUEST_URI", &[b'/'; 100])],
            Reject::RequestLineTooLong,
        ),
        (
            &[(b"HTTP_A", b""), (b"HTTP_B", b""), (b"HTTP_C", b"")],
            Reject::TooManyFields,
        ),
        (&[(b"HTTP_A", long)], Reject::FieldTooLarge),
        (&[(b"CONTENT_LENGTH", b"5")], Reject::ContentTooLarge),
    ];
    for (variables, reject) in table {
        let mut head = RequestHead::default();
        let all = variables.iter().copied();
        let got = complete(all, UWSGI, &policy, SOCKET, &mut head);
        assert_eq!(got, Err(reject));
    }
}

#[test]
fn the_applications_own_keys_are_not_the_web_servers() {
    let head = read(&[
        ("wsgi.input", "x"),
        ("licorne.x", "x"),
        ("gunicorn.socket", "x"),
        ("HTTP_PROXY", "http://x"),
        ("REMOTE_USER", "jo"),
        ("bad name", "x"),
        ("NUL", "\0"),
    ]);
    let params: Vec<_> = head.params().collect();
    assert_eq!(params, [(&b"REMOTE_USER"[..], &b"jo"[..])]);
}

#[test]
fn a_head_is_forgotten_with_its_variables() {
    let mut head = read(USUAL);
    head.clear();
    assert_eq!((head.script_name(), head.params().count()), (None, 0));
    assert!(!head.trusted());
}
