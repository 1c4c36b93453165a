//! The answer of an address in clear text that only sends clients on to TLS (`redirect_http`).

use super::error_page::{CLOSE, PageFacts, page};
use crate::head::RequestHead;
use crate::host;
use crate::known::KnownMethod;

/// The port of https (RFC 9110, section 4.2.2).
const HTTPS: u16 = 443;

/// Appends the answer to a request: the same URI with https at this port, or 400 if it names no host.
/// Its status, and how many bytes of content there are.
///
/// GET and HEAD get 301, which every client follows; others 308, since after 301 a client may turn
/// POST into GET, and after 308 it must not (RFC 9110, sections 15.4.2 and 15.4.9).
pub fn redirect_page(
    out: &mut Vec<u8>,
    date: u64,
    request: &RequestHead,
    port: u16,
) -> (u16, usize) {
    let method = request.known_method();
    // In clear text there is nothing to say of TLS that a client may believe (RFC 6797, section 7.2).
    let facts = PageFacts {
        date,
        hsts: None,
        head: method == Some(KnownMethod::Head),
    };
    if let Some(uri) = secure_uri(request, port) {
        let told = match method {
            Some(KnownMethod::Get | KnownMethod::Head) => (301, "Moved Permanently"),
            _ => (308, "Permanent Redirect"),
        };
        let location = format!("Location: {uri}\r\n");
        (told.0, page(out, facts, told, &[&location, CLOSE], &uri))
    } else {
        let told = (400, "Bad Request");
        let message = "The request names no host to go on to with https";
        (told.0, page(out, facts, told, &[CLOSE], message))
    }
}

/// The URI of the request with https at this port, which is not said if it is the usual one.
fn secure_uri(request: &RequestHead, port: u16) -> Option<String> {
    let name = host::name(request.host()?)?;
    let mut uri = b"https://".to_vec();
    uri.extend_from_slice(name);
    if port != HTTPS {
        uri.extend_from_slice(format!(":{port}").as_bytes());
    }
    // The asterisk form stands for the server as a whole, which has no path (RFC 9112, section 3.2.4).
    if request.path() != b"*" {
        uri.extend_from_slice(request.path());
    }
    if !request.query().is_empty() {
        uri.push(b'?');
        uri.extend_from_slice(request.query());
    }
    // Both are ASCII by their grammar.
    String::from_utf8(uri).ok()
}

#[cfg(test)]
mod tests;
