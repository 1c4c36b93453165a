//! The page that a refused peer sees: gunicorn's, byte for byte, since programs look for it, and a
//! Date (RFC 9110, section 6.6.1). No Server; the connection closes, unless the
//! request was in order.

use super::encode::push_decimal;
use super::server::push_date;

/// The field of a page that ends its connection.
pub(super) const CLOSE: &str = "Connection: close\r\n";

/// What a page has beside its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageFacts<'a> {
    /// The time of the answer, as seconds since 1970.
    pub date: u64,
    /// Strict-Transport-Security, where the client has come over TLS (RFC 6797, section 7.1).
    pub hsts: Option<&'a str>,
    /// It is the answer to HEAD, which has no content (RFC 9110, section 9.3.2).
    pub head: bool,
}

/// Appends a whole response: an HTML page with `told` as status and title, and `message` as text, in
/// latin-1.
pub fn error_page(out: &mut Vec<u8>, facts: PageFacts<'_>, told: (u16, &str), message: &str) {
    page(out, facts, told, &[CLOSE], message);
}

/// Appends the response to a request that the application failed on, with the request's id if it
/// has one. The id is a token.
pub(super) fn failure_page(out: &mut Vec<u8>, facts: PageFacts<'_>, id: Option<&str>) {
    let fields = id.map_or_else(String::new, |id| format!("X-Request-ID: {id}\r\n"));
    let told = (500, "Internal Server Error");
    page(out, facts, told, &[&fields, CLOSE], "");
}

/// Appends the response to a request that was not begun and may be repeated at once: a 503 with
/// Retry-After (RFC 9110, sections 10.2.3 and 15.6.4).
pub fn unavailable_page(out: &mut Vec<u8>, facts: PageFacts<'_>) {
    let message = "The server is about to end; please try again.";
    page(out, facts, UNAVAILABLE, &[RETRY_AFTER, CLOSE], message);
}

/// Appends the response to a request that has waited for too long: the same, from a server that goes
/// on. `keep`: another request may come on the connection. How many bytes of content there are.
pub fn busy_page(out: &mut Vec<u8>, facts: PageFacts<'_>, keep: bool) -> usize {
    let message = "The server is busy; please try again.";
    let fields = if keep {
        &[RETRY_AFTER][..]
    } else {
        &[RETRY_AFTER, CLOSE]
    };
    page(out, facts, UNAVAILABLE, fields, message)
}

const UNAVAILABLE: (u16, &str) = (503, "Service Unavailable");
const RETRY_AFTER: &str = "Retry-After: 1\r\n";

/// Appends a page; how many bytes of content there are. Content-Length is that of GET in any case.
pub(super) fn page(
    out: &mut Vec<u8>,
    facts: PageFacts<'_>,
    (status, reason): (u16, &str),
    fields: &[&str],
    message: &str,
) -> usize {
    let message = escape(message);
    let page = latin1(&format!(
        "<html>\n  <head>\n    <title>{reason}</title>\n  </head>\n  <body>\n    \
         <h1><p>{reason}</p></h1>\n    {message}\n  </body>\n</html>\n"
    ));
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(&latin1(reason));
    out.extend_from_slice(b"\r\n");
    for field in fields {
        out.extend_from_slice(field.as_bytes());
    }
    if let Some(hsts) = facts.hsts {
        out.extend_from_slice(b"Strict-Transport-Security: ");
        out.extend_from_slice(hsts.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"Content-Type: text/html\r\nContent-Length: ");
    push_decimal(out, page.len() as u64);
    out.extend_from_slice(b"\r\nDate: ");
    push_date(out, facts.date);
    out.extend_from_slice(b"\r\n\r\n");
    if facts.head {
        return 0;
    }
    out.extend_from_slice(&page);
    page.len()
}

/// What a page without a charset is read as; other characters become `?`.
fn latin1(text: &str) -> Vec<u8> {
    let letters = text.chars();
    letters
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect()
}

/// Takes the meaning from what HTML would read as markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
