//! The access log: what happened to an exchange as a line (gunicorn's `access_log_format`), and such
//! lines on their way to the file.
//!
//! A format is compiled once; rendering a line asks a [`Source`] for the values. Formats that use
//! more of Python's `%` language than `%(atom)s` are not compiled: Python writes those lines.

use std::io::Write;

use proto::h1::{push_decimal, push_padded};

pub(crate) mod buffer;
mod compile;
pub mod exclude;
mod json;
mod stamp;
mod style;
pub mod unserved;
mod user;
pub(crate) mod writer;

pub use stamp::Stamp;
pub use style::Style;
use style::push_short;

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
    stretches: Vec<Stretch>,
    /// The fixed text of all pieces, one behind the other.
    text: Vec<u8>,
    keys: Vec<String>,
    style: Style,
}

/// What the environ alone decides, then one value that changes with every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stretch {
    fixed: Vec<Piece<Lasting>>,
    then: Piece<Changing>,
}

/// Fixed text, then a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Piece<T> {
    /// Where the text is in [`Format::text`], and its length.
    text: (usize, usize),
    value: T,
}

/// A value of the environ, by its index in [`Format::keys`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lasting {
    Plain(usize),
    /// The same where an empty value counts as none.
    Filled(usize),
    /// The same where a missing one leaves nothing.
    Part(usize),
    /// The same as a JSON string, or null.
    Json(usize),
    /// `%(u)s`: the user of basic authentication.
    User(usize),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Changing {
    /// The text was the last.
    #[default]
    None,
    RequestHeader(Box<str>),
    ResponseHeader(Box<str>),
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

/// What the environ has decided of a line, for another line with the same values.
#[derive(Debug, Default)]
pub struct Kept {
    text: Vec<u8>,
    /// Where the parts end, one for each stretch.
    ends: Vec<usize>,
}

/// What to do with [`Kept`].
#[derive(Debug)]
pub enum Memory<'a> {
    /// Nothing: the next environ will be another one.
    None,
    /// Fill it.
    Fill(&'a mut Kept),
    /// Copy from it: all values of the environ are those that it was filled with.
    Copy(&'a Kept),
}

impl Kept {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn add(&mut self, part: &[u8]) {
        self.text.extend_from_slice(part);
        self.ends.push(self.text.len());
    }

    #[inline]
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let part = self.text.get(from..end).unwrap_or_default();
            from = end;
            part
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
    Micros,
    Decimal,
}

impl Format {
    /// The environ keys that lines of this format need.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether the exact end of the response is needed, which costs a look at the clock.
    pub fn timed(&self) -> bool {
        self.stretches
            .iter()
            .any(|each| matches!(each.then.value, Changing::Duration(_) | Changing::Instant))
    }

    /// Appends one line, its end included.
    pub fn render(
        &self,
        source: &impl Source,
        stamp: &mut Stamp,
        line: &mut Vec<u8>,
        memory: Memory<'_>,
    ) {
        let mut fill = match memory {
            Memory::None => None,
            Memory::Fill(kept) => {
                kept.clear();
                Some(kept)
            }
            Memory::Copy(kept) => {
                for (stretch, part) in self.stretches.iter().zip(kept.parts()) {
                    line.extend_from_slice(part);
                    self.changing(&stretch.then.value, source, stamp, line);
                }
                return;
            }
        };
        for stretch in &self.stretches {
            let before = line.len();
            self.lasting(stretch, source, line);
            if let Some(kept) = &mut fill {
                kept.add(line.get(before..).unwrap_or_default());
            }
            self.changing(&stretch.then.value, source, stamp, line);
        }
    }

    /// All of a stretch but its last value.
    #[inline]
    fn lasting(&self, stretch: &Stretch, source: &impl Source, line: &mut Vec<u8>) {
        for piece in &stretch.fixed {
            push_short(line, &self.text, piece.text);
            let before = line.len();
            let found = match piece.value {
                Lasting::Plain(key) => source.environ(key, self.style, line),
                Lasting::Filled(key) => {
                    source.environ(key, self.style, line) && line.len() > before
                }
                Lasting::Part(key) => {
                    source.environ(key, self.style, line);
                    true
                }
                Lasting::Json(key) => quoted(line, |line| source.environ(key, self.style, line)),
                Lasting::User(key) => user(source, key, line),
            };
            if !found {
                line.push(b'-');
            }
        }
        push_short(line, &self.text, stretch.then.text);
    }

    #[inline]
    fn changing(
        &self,
        value: &Changing,
        source: &impl Source,
        stamp: &mut Stamp,
        line: &mut Vec<u8>,
    ) {
        let found = match value {
            Changing::None => true,
            Changing::RequestHeader(name) => source.request_header(name, line),
            Changing::ResponseHeader(name) => source.response_header(name, line),
            Changing::Status => number(line, u64::from(source.status())),
            Changing::Sent => number(line, source.sent()),
            Changing::Time => {
                line.extend_from_slice(stamp.now());
                true
            }
            Changing::Instant => {
                stamp.instant(line, source.ended_ns());
                true
            }
            Changing::Pid => write!(line, "<{}>", std::process::id()).is_ok(),
            Changing::Duration(unit) => duration(line, *unit, source.duration_ns()),
            Changing::Queue => self.queue(line, source.queue_ns()),
            Changing::RequestId => source.request_id(line),
            Changing::JsonRequestId => quoted(line, |line| source.request_id(line)),
        };
        if !found {
            line.push(b'-');
        }
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
}

/// Appends a JSON string of what `inside` appends, or null for nothing.
#[inline]
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

#[inline]
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
mod tests;
