//! Access log lines of requests that were answered without the application, and without Python: the
//! thread that answers may not have the interpreter lock.
//!
//! What a line may name is what the environ of the request would say, which `wsgi/environ.rs` makes;
//! `tests/e2e/test_queue.py` compares the two.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use net::access_log::exclude::Exclude;
use net::access_log::unserved::{LogUnserved, Unserved, UnservedLine};
use net::access_log::{Format, Memory, Source, Stamp, Style};
use net::clock;
use net::exchange::Exchange;
use net::peer::Peer;
use net::request_id::{Id, RequestIds};
use net::waited;
use proto::Known;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::config::PythonConfig;
use crate::text::{latin1_bytes, percent_decode, split_host};

/// How the lines of requests are made that no application has seen.
pub(crate) struct UnservedLog {
    /// Everything is as it was set up, as it is for the lines of the others. `None`: it never was.
    ours: Option<Arc<AtomicBool>>,
    /// `None` if no access log is asked for.
    lines: Option<Lines>,
}

struct Lines {
    format: Arc<Format>,
    exclude: Option<Arc<Exclude>>,
    stamp: Mutex<Stamp>,
    /// What every environ begins with, for each key of the format.
    template: Vec<Option<Given>>,
    ids: Option<Arc<RequestIds>>,
    /// The environ says how long the request has waited.
    queue_time: bool,
    script_name: Vec<u8>,
    addresses: Vec<Option<(String, String)>>,
}

/// A value of the template.
enum Given {
    Latin1(Vec<u8>),
    Text(String),
}

/// What an environ would have for a key.
enum Said<'a> {
    Value(Cow<'a, [u8]>),
    Nothing,
    /// What the template has.
    Template,
}

impl UnservedLog {
    /// Python writes every line.
    pub(crate) fn python() -> Self {
        Self {
            ours: None,
            lines: None,
        }
    }

    /// There are no lines, as long as everything is as it was set up.
    pub(crate) fn none(ours: Arc<AtomicBool>) -> Self {
        Self {
            ours: Some(ours),
            lines: None,
        }
    }

    /// Lines in this form, without those that are left out.
    pub(crate) fn native(
        py: Python<'_>,
        ours: Arc<AtomicBool>,
        (format, exclude): (Arc<Format>, Option<Arc<Exclude>>),
        config: &PythonConfig,
        ids: Option<Arc<RequestIds>>,
    ) -> PyResult<Self> {
        let environ = config.environ.bind(py);
        let keys = format.keys().iter();
        let template: PyResult<_> = keys.map(|key| Given::of(environ, key)).collect();
        let lines = Lines {
            template: template?,
            format,
            exclude,
            stamp: Mutex::default(),
            ids,
            queue_time: config.queue_time,
            script_name: config.script_name.clone(),
            addresses: config.addresses.clone(),
        };
        Ok(Self {
            ours: Some(ours),
            lines: Some(lines),
        })
    }
}

impl Given {
    fn of(environ: &Bound<'_, PyDict>, key: &str) -> PyResult<Option<Self>> {
        let Some(value) = environ.get_item(key)? else {
            return Ok(None);
        };
        let borrowed = value.as_borrowed();
        Ok(Some(match latin1_bytes(&borrowed, "a value") {
            Ok(bytes) => Self::Latin1(bytes.to_vec()),
            Err(_) => Self::Text(value.str()?.to_string_lossy().into_owned()),
        }))
    }
}

impl LogUnserved for UnservedLog {
    fn render(&self, unserved: &Unserved, line: &mut Vec<u8>) -> UnservedLine {
        let ours = self.ours.as_ref();
        if !ours.is_some_and(|ours| ours.load(Ordering::Relaxed)) {
            return UnservedLine::Python;
        }
        let Some(lines) = &self.lines else {
            return UnservedLine::None;
        };
        if let Some(exclude) = &lines.exclude
            && exclude.leaves_out(unserved.status, &lines.whole_path(&unserved.exchange))
        {
            return UnservedLine::None;
        }
        let values = Values {
            lines,
            unserved,
            id: lines.id_of(&unserved.exchange),
            queue_ns: waited::waited_ns(&unserved.exchange, unserved.at_ns),
        };
        let mut stamp = lines.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        lines.format.render(&values, &mut stamp, line, Memory::None);
        UnservedLine::Rendered
    }
}

impl Lines {
    fn id_of<'a>(&self, exchange: &'a Exchange) -> Option<Id<'a>> {
        self.ids.as_ref().map(|ids| ids.of(exchange))
    }

    /// Where the application is mounted: what a trusted proxy says, or the setting.
    fn script_name<'a>(&'a self, exchange: &'a Exchange) -> &'a [u8] {
        let given = exchange.head.fields_named(b"SCRIPT_NAME").last();
        given.map_or(&self.script_name, |field| field.value)
    }

    /// The decoded path below that.
    fn path_info(&self, exchange: &Exchange) -> Vec<u8> {
        let path = exchange.head.path();
        let below = path.strip_prefix(self.script_name(exchange));
        percent_decode(below.unwrap_or(path))
    }

    /// What `access_log_exclude` compares.
    fn whole_path(&self, exchange: &Exchange) -> Vec<u8> {
        let mut path = self.script_name(exchange).to_vec();
        path.extend_from_slice(&self.path_info(exchange));
        path
    }

    /// SERVER_NAME and SERVER_PORT.
    fn server<'a>(&'a self, exchange: &'a Exchange) -> (&'a [u8], &'a [u8]) {
        if let Some(Some((name, port))) = self.addresses.get(exchange.listener) {
            return (name.as_bytes(), port.as_bytes());
        }
        let default: &[u8] = if exchange.https() { b"443" } else { b"80" };
        let (name, port) = split_host(exchange.head.host().unwrap_or_default());
        (name, port.unwrap_or(default))
    }

    /// What the environ of a request would have for a key.
    fn said<'a>(&'a self, exchange: &'a Exchange, key: &str) -> Said<'a> {
        let head = &exchange.head;
        let borrowed = |bytes| Said::Value(Cow::Borrowed(bytes));
        match key {
            "REQUEST_METHOD" => borrowed(head.method()),
            "RAW_URI" => borrowed(head.target()),
            "QUERY_STRING" => borrowed(head.query()),
            "SERVER_PROTOCOL" => borrowed(head.protocol()),
            "SCRIPT_NAME" => borrowed(self.script_name(exchange)),
            "PATH_INFO" => Said::Value(Cow::Owned(self.path_info(exchange))),
            "SERVER_NAME" => borrowed(self.server(exchange).0),
            "SERVER_PORT" => borrowed(self.server(exchange).1),
            "wsgi.url_scheme" if exchange.https() => borrowed(b"https"),
            "REMOTE_ADDR" => match exchange.client() {
                Some(Peer::Tcp(ip, _)) => Said::Value(Cow::Owned(ip.to_string().into_bytes())),
                Some(Peer::Unix) | None => borrowed(b""),
            },
            "REMOTE_PORT" => match exchange.client() {
                Some(Peer::Tcp(_, port)) if port != 0 => {
                    Said::Value(Cow::Owned(port.to_string().into_bytes()))
                }
                _ => Said::Nothing,
            },
            "CONTENT_LENGTH" if head.length_unknown() => {
                Said::Value(Cow::Owned(exchange.body.len().to_string().into_bytes()))
            }
            "HTTP_HOST" if head.replaced_host().is_some() => {
                borrowed(head.replaced_host().unwrap_or_default())
            }
            _ => {
                field(exchange, key).map_or(Said::Template, |value| Said::Value(Cow::Owned(value)))
            }
        }
    }
}

/// The values of the header fields that share this key (RFC 9110, section 5.3; cookies: RFC 6265,
/// section 5.4); `None` if there are none, or an environ has none of that name.
fn field(exchange: &Exchange, key: &str) -> Option<Vec<u8>> {
    let mut joined: Option<Vec<u8>> = None;
    for field in exchange.head.fields() {
        // One would be taken for the proxy to use; with the other the body is decoded already.
        let never = field.known == Some(Known::TransferEncoding)
            || field.known.is_none() && field.name.eq_ignore_ascii_case(b"proxy");
        if never || !is_key_of(key, field.name, field.known) {
            continue;
        }
        if let Some(values) = &mut joined {
            let cookies = field.known == Some(Known::Cookie);
            values.extend_from_slice(if cookies { b"; " } else { b"," });
            values.extend_from_slice(field.value);
        } else {
            joined = Some(field.value.to_vec());
        }
    }
    joined
}

/// Whether the environ has a header field of this name under this key (PEP 3333).
fn is_key_of(key: &str, name: &[u8], known: Option<Known>) -> bool {
    match known {
        Some(Known::ContentType) => key == "CONTENT_TYPE",
        Some(Known::ContentLength) => key == "CONTENT_LENGTH",
        _ => key.strip_prefix("HTTP_").is_some_and(|rest| {
            let letters = name.iter().map(|&byte| match byte {
                b'-' => b'_',
                byte => byte.to_ascii_uppercase(),
            });
            rest.bytes().eq(letters)
        }),
    }
}

/// The values of one line.
struct Values<'a> {
    lines: &'a Lines,
    unserved: &'a Unserved,
    id: Option<Id<'a>>,
    queue_ns: u64,
}

impl Source for Values<'_> {
    fn environ(&self, key: usize, style: Style, line: &mut Vec<u8>) -> bool {
        let name = self.lines.format.keys()[key].as_str();
        if let ("licorne.request_id" | "HTTP_X_REQUEST_ID", Some(id)) = (name, &self.id) {
            style.escape(line, id);
            return true;
        }
        if name == "licorne.queue_time" && self.lines.queue_time {
            let seconds = format!("{:?}", clock::seconds(self.queue_ns));
            style.escape(line, seconds.as_bytes());
            return true;
        }
        match self.lines.said(&self.unserved.exchange, name) {
            Said::Value(value) => style.escape(line, &value),
            Said::Nothing => return false,
            Said::Template => match self.lines.template.get(key) {
                Some(Some(Given::Latin1(bytes))) => style.escape(line, bytes),
                Some(Some(Given::Text(text))) => style.escape_text(line, text),
                Some(None) | None => return false,
            },
        }
        true
    }

    fn request_header(&self, name: &str, line: &mut Vec<u8>) -> bool {
        let found = self.unserved.exchange.head.fields_named(name.as_bytes());
        found
            .last()
            .inspect(|field| Style::Text.escape(line, field.value))
            .is_some()
    }

    fn response_header(&self, name: &str, line: &mut Vec<u8>) -> bool {
        let mut fields = self.unserved.fields();
        fields
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .inspect(|(_, value)| Style::Text.escape(line, value))
            .is_some()
    }

    fn request_id(&self, line: &mut Vec<u8>) -> bool {
        self.id
            .as_ref()
            .inspect(|id| Style::Text.escape(line, id))
            .is_some()
    }

    fn queue_ns(&self) -> Option<u64> {
        Some(self.queue_ns)
    }

    fn status(&self) -> u16 {
        self.unserved.status
    }

    fn sent(&self) -> u64 {
        self.unserved.sent
    }

    /// The application has not had it.
    fn duration_ns(&self) -> u64 {
        0
    }

    fn ended_ns(&self) -> u64 {
        self.unserved.at_ns
    }
}
