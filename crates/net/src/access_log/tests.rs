//! Lines as they are rendered.

use super::*;

struct Fixed(Vec<String>);

impl Source for Fixed {
    fn environ(&self, key: usize, style: Style, line: &mut Vec<u8>) -> bool {
        let value: &[u8] = match self.0[key].as_str() {
            "REMOTE_ADDR" => b"10.0.0.1",
            "REQUEST_METHOD" => b"GET",
            "RAW_URI" => b"/a?b=\"c\"",
            "SERVER_PROTOCOL" => b"HTTP/1.1",
            "PATH_INFO" => b"/\xe9\n",
            "HTTP_AUTHORIZATION" => b"Basic YWxhZGRpbjpvcGVuc2VzYW1l",
            "wsgi.url_scheme" => b"http",
            _ => return false,
        };
        style.escape(line, value);
        true
    }
    fn request_id(&self, line: &mut Vec<u8>) -> bool {
        line.extend_from_slice(b"abc-1");
        true
    }
    fn queue_ns(&self) -> Option<u64> {
        Some(1_500_000)
    }
    fn request_header(&self, name: &str, line: &mut Vec<u8>) -> bool {
        line.extend_from_slice(b"in");
        name == "x-a"
    }
    fn response_header(&self, _: &str, _: &mut Vec<u8>) -> bool {
        false
    }
    fn status(&self) -> u16 {
        200
    }
    fn sent(&self) -> u64 {
        1234
    }
    fn duration_ns(&self) -> u64 {
        61_002_003_999
    }
    fn ended_ns(&self) -> u64 {
        crate::clock::monotonic_ns()
    }
}

fn render(format: &str) -> String {
    let format = Format::compile(format).unwrap();
    let mut line = Vec::new();
    let source = Fixed(format.keys().to_vec());
    format.render(&source, &mut Stamp::default(), &mut line, Memory::None);
    String::from_utf8(line).unwrap()
}

#[test]
fn every_atom() {
    assert_eq!(
        render("%(h)s %(l)s %(u)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\""),
        "10.0.0.1 - aladdin \"GET /a?b=\\\"c\\\" HTTP/1.1\" 200 1234 \"-\" \"-\"\n"
    );
    assert_eq!(
        render("%(m)s %(U)s %(q)s %(H)s %(B)s"),
        "GET /é\\x0a - HTTP/1.1 1234\n"
    );
    assert_eq!(
        render("%(T)s %(M)s %(D)s %(L)s"),
        "61 61002 61002003 61.002003\n"
    );
    assert_eq!(render("%(p)s"), format!("<{}>\n", std::process::id()));
    assert_eq!(
        render("%({X-A}i)s %({x-a}I)s %({x-b}o)s %({wsgi.URL_scheme}e)s %({x-a}ii)s"),
        "in in - http -\n"
    );
    assert_eq!(
        render("%({request_id}x)s %({queue_time}x)s %({none}x)s"),
        "abc-1 0.001500 -\n"
    );
    assert_eq!(
        render("%(r)s|%(m)s|%(U)s|%(U)s|%(q)s|%(q)s"),
        "GET /a?b=\\\"c\\\" HTTP/1.1|GET|/é\\x0a|/é\\x0a|-|-\n"
    );
    assert_eq!(render("100%% %(nonsense)s"), "100% -\n");
    let time = render("%(t)s");
    assert_eq!((time.len(), &time[..1], &time[27..]), (29, "[", "]\n"));
}

#[test]
fn one_json_object() {
    let format = Format::json(7);
    let mut line = Vec::new();
    let source = Fixed(format.keys().to_vec());
    format.render(&source, &mut Stamp::default(), &mut line, Memory::None);
    let line = String::from_utf8(line).unwrap();
    let (time, rest) = line.split_at(r#"{"timestamp": "2026-11-21T10:25:00.123Z"#.len());
    assert!(time.starts_with(r#"{"timestamp": "2"#) && time.ends_with('Z'));
    let expected = [
        &format!(
            r#"", "level": "info", "logger": "gunicorn.access", "pid": {}, "worker": 7"#,
            std::process::id()
        ),
        r#", "message": "GET /a?b=\"c\" HTTP/1.1", "method": "GET", "path": "/é\u000a""#,
        r#", "query": null, "protocol": "HTTP/1.1", "status": 200, "bytes": 1234"#,
        r#", "duration": 61.002003, "queue_time": 0.001500, "peer": "10.0.0.1""#,
        r#", "referer": null, "user_agent": null, "request_id": "abc-1"}"#,
        "\n",
    ];
    assert_eq!(rest, expected.concat());
}

#[test]
fn python_writes_what_is_not_plain() {
    for format in ["%(D)d", "%(L)6.2f", "%s", "%(h", "%"] {
        assert!(Format::compile(format).is_none(), "{format}");
    }
}

#[test]
fn what_the_environ_decides_is_copied() {
    for text in [
        "%(h)s %(l)s %(u)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"",
        "%(s)s%(b)s",
        "%(q)s",
        "",
    ] {
        let format = Format::compile(text).unwrap();
        let source = Fixed(format.keys().to_vec());
        // Any look at a value of the environ would be beyond its keys.
        let blind = Fixed(Vec::new());
        let (mut stamp, mut kept) = (Stamp::default(), Kept::default());
        for _ in 0..2 {
            let (mut line, mut again) = (Vec::new(), Vec::new());
            format.render(&source, &mut stamp, &mut line, Memory::Fill(&mut kept));
            format.render(&blind, &mut stamp, &mut again, Memory::Copy(&kept));
            assert_eq!(String::from_utf8(line).unwrap(), render(text));
            assert_eq!(String::from_utf8(again).unwrap(), render(text));
        }
    }
}
