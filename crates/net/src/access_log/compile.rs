//! From the text of a format to its pieces.

use super::{Changing, Format, Lasting, Piece, Stretch, Style, Unit};

impl Format {
    /// Compiles `text`; `None` if it needs Python.
    pub fn compile(text: &str) -> Option<Self> {
        let mut format = Self::empty(Style::Text);
        let mut fixed = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            fixed.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('%') {
                fixed.push('%');
                rest = tail;
                continue;
            }
            let (atom, tail) = after.strip_prefix('(')?.split_once(')')?;
            rest = tail.strip_prefix('s')?;
            if atom == "r" {
                format.request_line(&fixed);
            } else if let Some(value) = format.of_environ(atom) {
                format.add_lasting(&fixed, value);
            } else if let Some(value) = of_others(atom) {
                format.add(&fixed, value);
            } else {
                // gunicorn's answer to names that it does not know.
                fixed.push('-');
                continue;
            }
            fixed.clear();
        }
        format.add(&format!("{fixed}{rest}\n"), Changing::None);
        Some(format)
    }

    /// One JSON object a line; `worker` is the number of the worker. The fields, and their order,
    /// are those of `python/licorne/glogging/json.py`.
    pub fn json(worker: u64) -> Self {
        let mut format = Self::empty(Style::Json);
        let pid = std::process::id();
        format.add("{\"timestamp\": \"", Changing::Instant);
        format.request_line(&format!(
            "\", \"level\": \"info\", \"logger\": \"gunicorn.access\", \"pid\": {pid}, \
             \"worker\": {worker}, \"message\": \""
        ));
        format.json_environ("\", \"method\": ", "REQUEST_METHOD");
        format.part(", \"path\": \"", "SCRIPT_NAME");
        format.part("", "PATH_INFO");
        format.json_environ("\", \"query\": ", "QUERY_STRING");
        format.json_environ(", \"protocol\": ", "SERVER_PROTOCOL");
        format.add(", \"status\": ", Changing::Status);
        format.add(", \"bytes\": ", Changing::Sent);
        format.add(", \"duration\": ", Changing::Duration(Unit::Decimal));
        format.add(", \"queue_time\": ", Changing::Queue);
        format.json_environ(", \"peer\": ", "REMOTE_ADDR");
        format.json_environ(", \"referer\": ", "HTTP_REFERER");
        format.json_environ(", \"user_agent\": ", "HTTP_USER_AGENT");
        format.add(", \"request_id\": ", Changing::JsonRequestId);
        format.add("}\n", Changing::None);
        format
    }

    fn empty(style: Style) -> Self {
        Self {
            stretches: vec![Stretch::default()],
            text: Vec::new(),
            keys: Vec::new(),
            style,
        }
    }

    fn piece<T>(&mut self, text: &str, value: T) -> Piece<T> {
        let at = self.text.len();
        self.text.extend_from_slice(text.as_bytes());
        let text = (at, text.len());
        Piece { text, value }
    }

    fn add_lasting(&mut self, text: &str, value: Lasting) {
        let piece = self.piece(text, value);
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.fixed.push(piece);
        }
    }

    /// Ends a stretch; the last one ends with no value.
    fn add(&mut self, text: &str, value: Changing) {
        let goes_on = value != Changing::None;
        let piece = self.piece(text, value);
        if let Some(stretch) = self.stretches.last_mut() {
            stretch.then = piece;
        }
        if goes_on {
            self.stretches.push(Stretch::default());
        }
    }

    /// `%(r)s`: method, target, protocol.
    fn request_line(&mut self, text: &str) {
        self.part(text, "REQUEST_METHOD");
        self.part(" ", "RAW_URI");
        self.part(" ", "SERVER_PROTOCOL");
    }

    fn part(&mut self, text: &str, key: &str) {
        let value = Lasting::Part(self.key(key));
        self.add_lasting(text, value);
    }

    fn json_environ(&mut self, text: &str, key: &str) {
        let value = Lasting::Json(self.key(key));
        self.add_lasting(text, value);
    }

    /// The number of a key.
    fn key(&mut self, key: &str) -> usize {
        let known = self.keys.iter().position(|each| each == key);
        known.unwrap_or_else(|| {
            self.keys.push(key.to_owned());
            self.keys.len() - 1
        })
    }

    /// The value of the environ that an atom stands for, but for `r`.
    fn of_environ(&mut self, atom: &str) -> Option<Lasting> {
        let key = match atom {
            "h" => return Some(Lasting::Filled(self.key("REMOTE_ADDR"))),
            "u" => return Some(Lasting::User(self.key("HTTP_AUTHORIZATION"))),
            "m" => self.key("REQUEST_METHOD"),
            "U" => self.key("PATH_INFO"),
            "q" => self.key("QUERY_STRING"),
            "H" => self.key("SERVER_PROTOCOL"),
            "f" => self.key("HTTP_REFERER"),
            "a" => self.key("HTTP_USER_AGENT"),
            // The keys of an environ are upper case but for those of the server and of frameworks.
            _ => match in_braces(atom)? {
                (name, b'e') if name.contains('.') => self.key(&name.to_ascii_lowercase()),
                (name, b'e') => self.key(&name.to_ascii_uppercase()),
                _ => return None,
            },
        };
        Some(Lasting::Plain(key))
    }
}

/// The value of the response, the head or the server that an atom stands for.
fn of_others(atom: &str) -> Option<Changing> {
    Some(match atom {
        "t" => Changing::Time,
        "s" => Changing::Status,
        "b" | "B" => Changing::Sent,
        "T" => Changing::Duration(Unit::Seconds),
        "M" => Changing::Duration(Unit::Millis),
        "D" => Changing::Duration(Unit::Micros),
        "L" => Changing::Duration(Unit::Decimal),
        "p" => Changing::Pid,
        _ => match in_braces(atom)? {
            (name, b'x') if name.eq_ignore_ascii_case("request_id") => Changing::RequestId,
            (name, b'x') if name.eq_ignore_ascii_case("queue_time") => Changing::Queue,
            (name, b'i') => Changing::RequestHeader(name.to_ascii_lowercase().into()),
            (name, b'o') => Changing::ResponseHeader(name.to_ascii_lowercase().into()),
            _ => return None,
        },
    })
}

/// Name and kind of `{name}kind`; gunicorn compares the whole without case.
fn in_braces(atom: &str) -> Option<(&str, u8)> {
    let (name, kind) = atom.strip_prefix('{')?.split_once('}')?;
    match kind.as_bytes() {
        [kind] => Some((name, kind.to_ascii_lowercase())),
        _ => None,
    }
}
