//! What the line of a request in the access log may name, as the log's format asks for it.

use net::access_log::{Source, Style};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::lookup::Key;
use crate::text::latin1_bytes;

/// A request whose response is complete.
pub(crate) struct Answered<'a> {
    pub(crate) environ: &'a Py<PyDict>,
    pub(crate) head: &'a proto::RequestHead,
    /// Its head is that of the request before.
    pub(crate) repeated: bool,
    pub(crate) status: Option<&'a Py<PyString>>,
    pub(crate) headers: Option<&'a Py<PyAny>>,
    pub(crate) request_id: Option<&'a Py<PyString>>,
    pub(crate) queue_ns: Option<u64>,
    pub(crate) started_ns: u64,
    /// Bytes of the body.
    pub(crate) sent: u64,
}

/// The number that a status begins with; 0 without one.
#[inline]
pub(crate) fn status_code(py: Python<'_>, status: Option<&Py<PyString>>) -> u16 {
    let Some(status) = status else { return 0 };
    let status = status.bind(py).as_any().as_borrowed();
    let digits = latin1_bytes(&status, "status")
        .ok()
        .and_then(|text| text.get(..3));
    digits.map_or(0, |digits| {
        digits.iter().fold(0, |code, digit| {
            code * 10 + u16::from(digit.wrapping_sub(b'0') % 10)
        })
    })
}

impl Answered<'_> {
    /// The status as a number; 0 if the application has given none.
    #[inline]
    pub(crate) fn status_code(&self, py: Python<'_>) -> u16 {
        status_code(py, self.status)
    }

    /// What a line may name.
    #[inline]
    pub(crate) fn values<'a, 'py>(
        &'a self,
        py: Python<'py>,
        keys: &'a [Key],
        status: u16,
        now_ns: u64,
    ) -> Values<'a, 'py> {
        Values {
            environ: self.environ.bind(py),
            keys,
            head: self.head,
            headers: self.headers.map(|headers| headers.bind(py)),
            status,
            queue_ns: self.queue_ns,
            request_id: self.request_id.map(|id| id.bind(py)),
            sent: self.sent,
            duration_ns: now_ns.saturating_sub(self.started_ns),
            ended_ns: now_ns,
        }
    }
}

/// The values of one line.
pub(crate) struct Values<'a, 'py> {
    environ: &'a Bound<'py, PyDict>,
    keys: &'a [Key],
    head: &'a proto::RequestHead,
    headers: Option<&'a Bound<'py, PyAny>>,
    status: u16,
    sent: u64,
    duration_ns: u64,
    ended_ns: u64,
    queue_ns: Option<u64>,
    request_id: Option<&'a Bound<'py, PyString>>,
}

impl Source for Values<'_, '_> {
    fn environ(&self, key: usize, style: Style, line: &mut Vec<u8>) -> bool {
        self.keys[key]
            .of(self.environ)
            .is_some_and(|value| append(&value, style, line))
    }

    fn request_header(&self, name: &str, line: &mut Vec<u8>) -> bool {
        let found = self
            .head
            .fields()
            .filter(|f| f.name.eq_ignore_ascii_case(name.as_bytes()));
        found
            .last()
            .inspect(|field| Style::Text.escape(line, field.value))
            .is_some()
    }

    fn response_header(&self, name: &str, line: &mut Vec<u8>) -> bool {
        let pairs = self
            .headers
            .and_then(|headers| headers.cast::<PyList>().ok());
        let found = pairs.into_iter().flatten().filter_map(|pair| {
            let (found, value) = pair
                .extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()
                .ok()?;
            let same = if let Ok(found) = found.cast::<PyBytes>() {
                // ASGI gives bytes.
                found.as_bytes().eq_ignore_ascii_case(name.as_bytes())
            } else {
                let found = found.cast::<PyString>().ok()?;
                found.to_str().ok()?.eq_ignore_ascii_case(name)
            };
            same.then_some(value)
        });
        found
            .last()
            .is_some_and(|value| append(&value, Style::Text, line))
    }

    fn request_id(&self, line: &mut Vec<u8>) -> bool {
        self.request_id
            .is_some_and(|id| append(id.as_any(), Style::Text, line))
    }

    fn queue_ns(&self) -> Option<u64> {
        self.queue_ns
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn sent(&self) -> u64 {
        self.sent
    }

    fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    fn ended_ns(&self) -> u64 {
        self.ended_ns
    }
}

/// Appends the text of a value; false if it is none.
#[inline]
fn append(value: &Bound<'_, PyAny>, style: Style, line: &mut Vec<u8>) -> bool {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        style.escape(line, bytes.as_bytes());
        return true;
    }
    let borrowed = value.as_borrowed();
    if let Ok(text) = latin1_bytes(&borrowed, "value") {
        style.escape(line, text);
        return true;
    }
    let Ok(text) = value.str() else { return false };
    style.escape_text(line, &text.to_string_lossy());
    true
}
