//! What happened to an exchange, as a line of the access log (gunicorn's `access_log_format`).
//!
//! A format is compiled once; rendering a line asks a [`Source`] for the values. Formats that use
//! more of Python's `%` language than `%(atom)s` are not compiled: Python writes those lines.

use std::io::Write;

use proto::h1::{push_decimal, push_padded};

pub mod exclude;
mod json;
mod stamp;
mod user;

pub use stamp::Stamp;

/// How values of clients are written, so that none of them ends the field it stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text in a line.
    #[default]
    Text,
    /// The inside of a JSON string.
    Json,
}

impl Style {
    /// Appends latin-1 text.
    #[inline]
    pub fn escape(self, line: &mut Vec<u8>, latin1: &[u8]) {
        if latin1.iter().fold(true, |all, &byte| all & plain(byte)) {
            line.extend_from_slice(latin1);
        } else {
            self.escape_each(line, latin1);
        }
    }

    #[cold]
    fn escape_each(self, line: &mut Vec<u8>, latin1: &[u8]) {
        match self {
            Self::Text => escape(line, latin1.iter().map(|&byte| char::from(byte))),
            Self::Json => json::escape(line, latin1),
        }
    }

    /// Appends other text.
    pub fn escape_text(self, line: &mut Vec<u8>, text: &str) {
        match self {
            Self::Text => escape(line, text.chars()),
            Self::Json => json::escape(line, text.as_bytes()),
        }
    }
}

/// Whether a byte stands for itself in lines of any style.
const fn plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// One piece of a compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// A value of the WSGI environ, by its place in [`Format::keys`].
    Environ(usize),
    /// The same where an empty value counts as none.
    Filled(usize),
    /// The same as a JSON string, or null.
    Json(usize),
    /// `%(r)s`: method, target, protocol.
    RequestLine([usize; 3]),
    /// `%(u)s`: the user of basic authentication.
    User(usize),
    RequestHeader(String),
    ResponseHeader(String),
    Status,
    Sent,
    Time,
    /// The same in UTC, with milliseconds (RFC 3339).
    Instant,
    Pid,
    Duration(Unit),
    Queue,
    RequestId,
    /// A JSON string, or null.
    JsonRequestId,
}

/// Where in a line the values of the first keys stand: looking one up costs more than copying it.
#[derive(Default)]
struct Seen([(u32, u32); 16]);

impl Seen {
    fn of(&self, key: usize) -> Option<(usize, usize)> {
        let &(from, to) = self.0.get(key)?;
        (to > 0).then_some((from as usize, to as usize))
    }

    fn note(&mut self, key: usize, from: usize, to: usize) {
        if let (Some(place), Ok(from), Ok(to)) =
            (self.0.get_mut(key), u32::try_from(from), u32::try_from(to))
        {
            *place = (from, to);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
    Micros,
    Decimal,
}

/// Where the values of one line come from.
pub trait Source {
    /// Appends the environ value of `Format::keys()[key]`, escaped; false if there is none.
    fn environ(&self, key: usize, style: Style, line: &mut Vec<u8>) -> bool;
    /// Appends a request header, escaped; false if there is none.
    fn request_header(&self, name: &str, line: &mut Vec<u8>) -> bool;
    /// Appends a response header, escaped; false if there is none.
    fn response_header(&self, name: &str, line: &mut Vec<u8>) -> bool;
    /// Appends the request's id, which needs no escaping; false if there is none.
    fn request_id(&self, line: &mut Vec<u8>) -> bool;
    /// Status code.
    fn status(&self) -> u16;
    /// Bytes of response body.
    fn sent(&self) -> u64;
    /// From the call of the application to the end of the response, in ns.
    fn duration_ns(&self) -> u64;
    /// The end of the response (monotonic), for formats that are [`Format::timed`].
    fn ended_ns(&self) -> u64;
    /// How long the request waited for the application, in ns, if that is known.
    fn queue_ns(&self) -> Option<u64>;
}

/// A compiled access log format.
#[derive(Clone, Debug)]
pub struct Format {
    pieces: Vec<Piece>,
    keys: Vec<String>,
    style: Style,
}

impl Format {
    /// Compiles `text`; `None` if it needs Python.
    pub fn compile(text: &str) -> Option<Self> {
        let mut format = Self {
            pieces: Vec::new(),
            keys: Vec::new(),
            style: Style::Text,
        };
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            format.text(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('%') {
                format.text("%");
                rest = tail;
            } else {
                let (atom, tail) = after.strip_prefix('(')?.split_once(')')?;
                rest = tail.strip_prefix('s')?;
                let piece = format.atom(atom);
                format.pieces.push(piece);
            }
        }
        format.text(rest);
        format.text("\n");
        Some(format)
    }

    /// One JSON object a line; `worker` is the number of the worker. The fields, and their order,
    /// are those of `python/licorne/glogging/json.py`.
    pub fn json(worker: u64) -> Self {
        let mut format = Self {
            pieces: Vec::new(),
            keys: Vec::new(),
            style: Style::Json,
        };
        let pid = std::process::id();
        format.add("{\"timestamp\": \"", Piece::Instant);
        let own = format!(
            "\", \"level\": \"info\", \"logger\": \"gunicorn.access\", \"pid\": {pid}, \
             \"worker\": {worker}, \"message\": \""
        );
        let line = format.atom("r");
        format.add(&own, line);
        let method = format.json_environ("REQUEST_METHOD");
        format.add("\", \"method\": ", method);
        let mount = format.environ("SCRIPT_NAME");
        format.add(", \"path\": \"", mount);
        let path = format.environ("PATH_INFO");
        format.pieces.push(path);
        let query = format.json_environ("QUERY_STRING");
        format.add("\", \"query\": ", query);
        let protocol = format.json_environ("SERVER_PROTOCOL");
        format.add(", \"protocol\": ", protocol);
        format.add(", \"status\": ", Piece::Status);
        format.add(", \"bytes\": ", Piece::Sent);
        format.add(", \"duration\": ", Piece::Duration(Unit::Decimal));
        format.add(", \"queue_time\": ", Piece::Queue);
        for (name, key) in [
            (", \"peer\": ", "REMOTE_ADDR"),
            (", \"referer\": ", "HTTP_REFERER"),
            (", \"user_agent\": ", "HTTP_USER_AGENT"),
        ] {
            let value = format.json_environ(key);
            format.add(name, value);
        }
        format.add(", \"request_id\": ", Piece::JsonRequestId);
        format.text("}\n");
        format
    }

    fn add(&mut self, text: &str, piece: Piece) {
        self.text(text);
        self.pieces.push(piece);
    }

    fn json_environ(&mut self, key: &str) -> Piece {
        Piece::Json(self.key(key))
    }

    /// The number of a key.
    fn key(&mut self, key: &str) -> usize {
        let known = self.keys.iter().position(|each| each == key);
        known.unwrap_or_else(|| {
            self.keys.push(key.to_owned());
            self.keys.len() - 1
        })
    }

    /// The environ keys that lines of this format need.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether the exact end of the response is needed, which costs a look at the clock.
    pub fn timed(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Duration(_) | Piece::Instant))
    }

    /// Whether the time in the queue is needed.
    pub fn queued(&self) -> bool {
        self.pieces.contains(&Piece::Queue)
    }

    /// Appends one line, its end included.
    pub fn render(&self, source: &impl Source, stamp: &mut Stamp, line: &mut Vec<u8>) {
        let mut seen = Seen::default();
        for piece in &self.pieces {
            if !self.piece(piece, source, stamp, line, &mut seen) {
                line.push(b'-');
            }
        }
    }

    #[inline]
    fn piece(
        &self,
        piece: &Piece,
        source: &impl Source,
        stamp: &mut Stamp,
        line: &mut Vec<u8>,
        seen: &mut Seen,
    ) -> bool {
        let before = line.len();
        match piece {
            Piece::Text(text) => {
                line.extend_from_slice(text);
                true
            }
            // Parts of a JSON string may be missing.
            Piece::Environ(key) => {
                self.value(source, *key, line, seen) || self.style == Style::Json
            }
            Piece::Filled(key) => self.value(source, *key, line, seen) && line.len() > before,
            Piece::Json(key) => quoted(line, |line| self.value(source, *key, line, seen)),
            Piece::RequestLine([method, target, protocol]) => {
                self.value(source, *method, line, seen);
                line.push(b' ');
                self.value(source, *target, line, seen);
                line.push(b' ');
                self.value(source, *protocol, line, seen);
                true
            }
            Piece::User(key) => user(source, *key, line),
            Piece::RequestHeader(name) => source.request_header(name, line),
            Piece::ResponseHeader(name) => source.response_header(name, line),
            Piece::Status => number(line, u64::from(source.status())),
            Piece::Sent => number(line, source.sent()),
            Piece::Time => {
                line.extend_from_slice(stamp.now());
                true
            }
            Piece::Instant => {
                stamp.instant(line, source.ended_ns());
                true
            }
            Piece::Pid => write!(line, "<{}>", std::process::id()).is_ok(),
            Piece::Duration(unit) => duration(line, *unit, source.duration_ns()),
            Piece::Queue => self.queue(line, source.queue_ns()),
            Piece::RequestId => source.request_id(line),
            Piece::JsonRequestId => quoted(line, |line| source.request_id(line)),
        }
    }

    /// Appends the value of a key; one that stands in the line already is copied from there.
    #[inline]
    fn value(&self, source: &impl Source, key: usize, line: &mut Vec<u8>, seen: &mut Seen) -> bool {
        if let Some((from, to)) = seen.of(key) {
            line.extend_from_within(from..to);
            return true;
        }
        let before = line.len();
        let found = source.environ(key, self.style, line);
        if found {
            seen.note(key, before, line.len());
        }
        found
    }

    fn queue(&self, line: &mut Vec<u8>, waited_ns: Option<u64>) -> bool {
        match (waited_ns, self.style) {
            (Some(ns), _) => duration(line, Unit::Decimal, ns),
            (None, Style::Json) => {
                line.extend_from_slice(b"null");
                true
            }
            (None, Style::Text) => false,
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Piece::Text(run)) = self.pieces.last_mut() {
            run.extend_from_slice(text.as_bytes());
        } else if !text.is_empty() {
            self.pieces.push(Piece::Text(text.as_bytes().to_vec()));
        }
    }

    fn atom(&mut self, atom: &str) -> Piece {
        match atom {
            "h" => Piece::Filled(self.key("REMOTE_ADDR")),
            "u" => Piece::User(self.key("HTTP_AUTHORIZATION")),
            "t" => Piece::Time,
            "r" => Piece::RequestLine(
                ["REQUEST_METHOD", "RAW_URI", "SERVER_PROTOCOL"].map(|key| self.key(key)),
            ),
            "s" => Piece::Status,
            "m" => self.environ("REQUEST_METHOD"),
            "U" => self.environ("PATH_INFO"),
            "q" => self.environ("QUERY_STRING"),
            "H" => self.environ("SERVER_PROTOCOL"),
            "b" | "B" => Piece::Sent,
            "f" => self.environ("HTTP_REFERER"),
            "a" => self.environ("HTTP_USER_AGENT"),
            "T" => Piece::Duration(Unit::Seconds),
            "M" => Piece::Duration(Unit::Millis),
            "D" => Piece::Duration(Unit::Micros),
            "L" => Piece::Duration(Unit::Decimal),
            "p" => Piece::Pid,
            _ => self
                .named_atom(atom)
                .unwrap_or_else(|| Piece::Text(b"-".to_vec())),
        }
    }

    fn named_atom(&mut self, atom: &str) -> Option<Piece> {
        let (name, kind) = atom.strip_prefix('{')?.split_once('}')?;
        match kind {
            "x" if name.eq_ignore_ascii_case("request_id") => Some(Piece::RequestId),
            "x" if name.eq_ignore_ascii_case("queue_time") => Some(Piece::Queue),
            "i" => Some(Piece::RequestHeader(name.to_ascii_lowercase())),
            "o" => Some(Piece::ResponseHeader(name.to_ascii_lowercase())),
            // gunicorn compares names in braces without case; the keys of an environ are upper
            // case but for those of the server and of frameworks, which are lower case.
            "e" if name.contains('.') => Some(self.environ(&name.to_ascii_lowercase())),
            "e" => Some(self.environ(&name.to_ascii_uppercase())),
            _ => None,
        }
    }

    fn environ(&mut self, key: &str) -> Piece {
        Piece::Environ(self.key(key))
    }
}

/// Appends a JSON string of what `inside` appends, or null for nothing.
fn quoted(line: &mut Vec<u8>, inside: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    line.push(b'"');
    let before = line.len();
    if inside(line) && line.len() > before {
        line.push(b'"');
    } else {
        line.truncate(before - 1);
        line.extend_from_slice(b"null");
    }
    true
}

/// Appends text as UTF-8; quotes get a backslash, control characters their number, so that a line
/// stays one line.
fn escape(line: &mut Vec<u8>, text: impl Iterator<Item = char>) {
    for letter in text {
        match letter {
            '"' => line.extend_from_slice(b"\\\""),
            // Vec's writer cannot fail.
            '\0'..='\x1f' | '\x7f' => drop(write!(line, "\\x{:02x}", u32::from(letter))),
            _ => line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn number(line: &mut Vec<u8>, number: u64) -> bool {
    push_decimal(line, number);
    true
}

fn duration(line: &mut Vec<u8>, unit: Unit, ns: u64) -> bool {
    match unit {
        Unit::Seconds => push_decimal(line, ns / 1_000_000_000),
        Unit::Millis => push_decimal(line, ns / 1_000_000),
        Unit::Micros => push_decimal(line, ns / 1_000),
        Unit::Decimal => {
            push_decimal(line, ns / 1_000_000_000);
            line.push(b'.');
            push_padded(line, ns / 1_000 % 1_000_000, 6);
        }
    }
    true
}

fn user(source: &impl Source, key: usize, line: &mut Vec<u8>) -> bool {
    let before = line.len();
    if !source.environ(key, Style::Text, line) {
        return false;
    }
    let value = line.split_off(before);
    user::name_of(&value)
        .inspect(|name| Style::Text.escape(line, name))
        .is_some()
}

#[cfg(test)]
mod tests {
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
        format.render(&source, &mut Stamp::default(), &mut line);
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
            render("%({X-A}i)s %({x-b}o)s %({wsgi.URL_scheme}e)s"),
            "in - http\n"
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
        format.render(&source, &mut Stamp::default(), &mut line);
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
}
