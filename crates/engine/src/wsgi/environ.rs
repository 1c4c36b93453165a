//! The WSGI environ: a copy of a template, and on top of it what this request says.
//!
//! Keys are interned once; values that clients repeat (Host, User-Agent, Accept …) are compared
//! with the last ones and used again, so that in the steady state a request costs few new strings.

use net::exchange as net_exchange;
use net::peer::Peer;
use net::request_id::RequestIds;
use proto::{Field, Known, RequestHead};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::caches::Caches;
use super::input::Input;
use crate::core::{Core, Names};
use crate::proxied;
use crate::repeated::repeated_by_clients;
use crate::secured;
use crate::text;

/// Longest value that is remembered.
const VALUE: usize = 256;

/// Sets entries of a dict with keys whose hash is known.
struct Entries<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
}

impl Entries<'_, '_> {
    #[inline]
    fn put(&self, key: &Py<PyString>, value: &Py<PyString>) -> PyResult<()> {
        self.put_any(key, value.as_ptr())
    }

    #[inline]
    fn put_any(&self, key: &Py<PyString>, value: *mut ffi::PyObject) -> PyResult<()> {
        // SAFETY: a dict, a str and a live object; PyDict_SetItem takes its own references.
        let result = unsafe { ffi::PyDict_SetItem(self.dict.as_ptr(), key.as_ptr(), value) };
        if result < 0 {
            Err(PyErr::fetch(self.dict.py()))
        } else {
            Ok(())
        }
    }
}

/// Builds the environ of a request; also says whether the request before had the same head. The body
/// moves into `wsgi.input`.
pub(crate) fn build<'py>(
    py: Python<'py>,
    core: &Core,
    template: &Py<PyDict>,
    caches: &mut Caches,
    exchange: &mut net_exchange::Exchange,
) -> PyResult<(Bound<'py, PyDict>, bool)> {
    let repeats = caches.repeated.is_of(exchange);
    let environ = match &caches.repeated.kept {
        Some(environ) if repeats => environ.bind(py).copy()?,
        _ => {
            let environ = template.bind(py).copy()?;
            of_head(py, core, &Entries { dict: &environ }, caches, exchange)?;
            if repeats {
                caches.repeated.kept = Some(environ.copy()?.unbind());
                caches.kept_for = None;
            } else {
                caches.repeated.remember(exchange);
            }
            environ
        }
    };
    let entries = Entries { dict: &environ };
    peer(py, &entries, core, caches, exchange, repeats)?;
    if let Some(proxied) = &exchange.proxied {
        proxied::into_environ(&environ, proxied)?;
    }
    if exchange.tls.is_some() {
        secured::environ(&environ, exchange)?;
    }
    if exchange.head.length_unknown() {
        decoded_length(py, &entries, core, exchange)?;
    }
    if !exchange.body.is_empty() {
        let input = Bound::new(py, Input::new(std::mem::take(&mut exchange.body)))?;
        entries.put_any(&core.names.input, input.as_ptr())?;
    }
    Ok((environ, repeats))
}

/// The body was decoded, or had no announced length: its own takes the place of Transfer-Encoding (RFC
/// 9112, section 7.1.3), and by it applications read (PEP 3333).
/// Not part of what the head decides: the next body may be longer.
#[cold]
fn decoded_length(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    core: &Core,
    exchange: &net_exchange::Exchange,
) -> PyResult<()> {
    let Some(key) = core.names.fields.get(Known::ContentLength.index()) else {
        return Ok(());
    };
    let length = exchange.body.len().to_string();
    entries.put_any(key, text::latin1(py, length.as_bytes())?.as_ptr())
}

/// What gunicorn says of a request that came by HTTP/2. The priorities are those of a request whose
/// client has said nothing in the way that RFC 9113, section 5.3.2, has done away with.
#[cold]
pub(crate) fn http2(environ: &Bound<'_, PyDict>, send_trailers: &Py<PyAny>) -> PyResult<()> {
    let py = environ.py();
    environ.set_item(intern!(py, "HTTP_VERSION"), intern!(py, "2"))?;
    environ.set_item(intern!(py, "gunicorn.http2.send_trailers"), send_trailers)?;
    environ.set_item(intern!(py, "gunicorn.http2.priority_weight"), 16)?;
    environ.set_item(intern!(py, "gunicorn.http2.priority_depends_on"), 0)
}

/// Gives the request its id, under the header's key too, whatever an untrusted peer has sent there.
/// Never part of what is kept for the next request.
pub(crate) fn request_id(
    environ: &Bound<'_, PyDict>,
    core: &Core,
    ids: &RequestIds,
    exchange: &net_exchange::Exchange,
) -> PyResult<Py<PyString>> {
    let py = environ.py();
    let id = text::latin1(py, &ids.of(exchange))?;
    environ.set_item(&core.names.request_id, &id)?;
    if let Some(key) = core.names.fields.get(Known::XRequestId.index()) {
        environ.set_item(key, &id)?;
    }
    Ok(id.unbind())
}

/// Everything that the head alone decides.
fn of_head(
    py: Python<'_>,
    core: &Core,
    entries: &Entries<'_, '_>,
    caches: &mut Caches,
    exchange: &net_exchange::Exchange,
) -> PyResult<()> {
    let names = &core.names;
    method(py, entries, names, caches, exchange)?;
    let script_name = fields(py, entries, names, caches, exchange)?;
    target(py, core, entries, caches, exchange, script_name.as_deref())?;
    server(py, entries, names, exchange)?;
    match exchange.head.protocol() {
        // What the template has.
        b"HTTP/1.1" => {}
        b"HTTP/1.0" => entries.put(&names.server_protocol, &names.http_1_0)?,
        other => {
            entries.put_any(&names.server_protocol, text::latin1(py, other)?.as_ptr())?;
        }
    }
    match exchange.head.https() {
        // A trusted peer says something else than what the template has.
        Some(true) => entries.put(&names.url_scheme, &names.https)?,
        Some(false) if exchange.tls.is_some() => entries.put(&names.url_scheme, &names.http)?,
        Some(false) | None => {}
    }
    Ok(())
}

#[inline]
fn method(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    names: &Names,
    caches: &mut Caches,
    exchange: &net_exchange::Exchange,
) -> PyResult<()> {
    let known = exchange.head.known_method();
    if let Some(method) = known.and_then(|method| names.methods.get(method.index())) {
        return entries.put(&names.request_method, method);
    }
    let method = caches.method.recalled(py, exchange.head.method())?;
    entries.put(&names.request_method, method)
}

/// Header fields; answers the `SCRIPT_NAME` that a trusted peer has sent.
#[inline]
fn fields(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    names: &Names,
    caches: &mut Caches,
    exchange: &net_exchange::Exchange,
) -> PyResult<Option<Vec<u8>>> {
    let head = &exchange.head;
    let mut script_name = None;
    let mut odd_names = false;
    for Field { name, value, known } in head.fields() {
        let Some(known) = known else {
            odd_names |= name.contains(&b'_');
            if name.eq_ignore_ascii_case(b"SCRIPT_NAME") {
                script_name = Some(value.to_vec());
            } else if name.eq_ignore_ascii_case(b"proxy") {
                // Its key would be HTTP_PROXY, which HTTP clients take for the proxy to use.
                continue;
            }
            let key = caches.unknown_key(py, name)?;
            add(py, entries, &key, b",", value)?;
            continue;
        };
        let Some(key) = names.fields.get(known.index()) else {
            continue;
        };
        let alone = !head.repeats(known) && !odd_names;
        if alone && value.len() <= VALUE && repeated_by_clients(known) {
            entries.put(key, caches.values[known.index()].recalled(py, value)?)?;
        } else if known == Known::TransferEncoding {
            // The body was decoded.
        } else if !alone {
            // RFC 6265, section 5.4, and RFC 9113, section 8.2.3: cookies have a separator of their own.
            let cookies = known == Known::Cookie;
            add(py, entries, key, if cookies { b"; " } else { b"," }, value)?;
        } else {
            entries.put_any(key, text::latin1(py, value)?.as_ptr())?;
        }
    }
    if let Some(host) = head.replaced_host()
        && let Some(key) = names.fields.get(Known::Host.index())
    {
        entries.put_any(key, text::latin1(py, host)?.as_ptr())?;
    }
    Ok(script_name)
}

/// Adds a value to those that the key has already (RFC 9110 section 5.3).
fn add(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    key: &Py<PyString>,
    separator: &[u8],
    value: &[u8],
) -> PyResult<()> {
    let value = match entries.dict.get_item(key.bind(py))? {
        None => text::latin1(py, value)?,
        Some(before) => {
            let before = before.as_borrowed();
            let mut joined = text::latin1_bytes(&before, "a header value")?.to_vec();
            joined.extend_from_slice(separator);
            joined.extend_from_slice(value);
            text::latin1(py, &joined)?
        }
    };
    entries.put_any(key, value.as_ptr())
}

#[inline]
fn target(
    py: Python<'_>,
    core: &Core,
    entries: &Entries<'_, '_>,
    caches: &mut Caches,
    exchange: &net_exchange::Exchange,
    script_name: Option<&[u8]>,
) -> PyResult<()> {
    let names = &core.names;
    let head = &exchange.head;
    if let Some(mounted) = head.script_name() {
        return placed(py, entries, names, head, mounted);
    }
    let script_name = script_name.unwrap_or(&core.config.script_name);
    if !script_name.is_empty() {
        let Some(rest) = head.path().strip_prefix(script_name) else {
            return Err(PyValueError::new_err(format!(
                "Configuration problem: the request path does not start with SCRIPT_NAME {:?}",
                String::from_utf8_lossy(script_name)
            )));
        };
        entries.put_any(&names.script_name, text::latin1(py, script_name)?.as_ptr())?;
        entries.put_any(&names.raw_uri, text::latin1(py, head.target())?.as_ptr())?;
        entries.put_any(
            &names.query_string,
            text::latin1(py, head.query())?.as_ptr(),
        )?;
        let path = text::percent_decode(rest);
        return entries.put_any(&names.path_info, text::latin1(py, &path)?.as_ptr());
    }
    let target = caches.target(py, head)?;
    entries.put(&names.raw_uri, &target.raw_uri)?;
    entries.put(&names.path_info, &target.path_info)?;
    entries.put(&names.query_string, &target.query)
}

/// A web server has said in variables where the application is, and which path it has to answer.
#[cold]
fn placed(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    names: &Names,
    head: &RequestHead,
    script_name: &[u8],
) -> PyResult<()> {
    let path = text::percent_decode(head.path());
    let path_info = path.strip_prefix(script_name).unwrap_or(&path);
    let values = [
        (&names.script_name, script_name),
        (&names.path_info, path_info),
        (&names.raw_uri, head.target()),
        (&names.query_string, head.query()),
    ];
    for (name, value) in values {
        entries.put_any(name, text::latin1(py, value)?.as_ptr())?;
    }
    for (name, value) in head.params() {
        let value = text::latin1(py, value)?;
        entries.dict.set_item(text::latin1(py, name)?, value)?;
    }
    Ok(())
}

#[inline]
fn peer(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    core: &Core,
    caches: &mut Caches,
    exchange: &net_exchange::Exchange,
    repeats: bool,
) -> PyResult<()> {
    let names = &core.names;
    let Some(peer @ Peer::Tcp(ip, port)) = exchange.client() else {
        return entries.put(&names.remote_addr, &names.empty);
    };
    // Each of the many exchanges of a polled engine would have a table of all connections.
    let slot = exchange.key.filter(|_| !core.config.polled);
    let slot = slot.map(|key| key.connection.slot());
    let texts = caches.peers.texts(py, slot, peer, (ip, port))?;
    // What is kept has an address, too: behind a proxy all connections have the same.
    if !repeats || caches.kept_for != Some(ip) {
        entries.put(&names.remote_addr, &texts.address)?;
        if let (Some(kept), None) = (&caches.repeated.kept, caches.kept_for) {
            kept.bind(py).set_item(&names.remote_addr, &texts.address)?;
            caches.kept_for = Some(ip);
        }
    }
    // A proxy may have told the address alone.
    if port != 0 {
        entries.put(&names.remote_port, &texts.port)?;
    }
    Ok(())
}

/// SERVER_NAME and SERVER_PORT: the listener's; on unix sockets what Host says.
#[inline]
fn server(
    py: Python<'_>,
    entries: &Entries<'_, '_>,
    names: &Names,
    exchange: &net_exchange::Exchange,
) -> PyResult<()> {
    match names.addresses.get(exchange.listener) {
        // The template has the first listener's.
        Some(Some(_)) if exchange.listener == 0 => Ok(()),
        Some(Some((name, port))) => {
            entries.put(&names.server_name, name)?;
            entries.put(&names.server_port, port)
        }
        Some(None) | None => {
            let (name, port) = text::split_host(exchange.head.host().unwrap_or_default());
            let default: &[u8] = if exchange.https() { b"443" } else { b"80" };
            let port = port.unwrap_or(default);
            entries.put_any(&names.server_name, text::latin1(py, name)?.as_ptr())?;
            entries.put_any(&names.server_port, text::latin1(py, port)?.as_ptr())
        }
    }
}
