//! The scope of a request: a copy of what requests have in common, and on top of it what this one
//! says (ASGI HTTP and WebSocket, version 2.5).
//!
//! Fields that clients repeat are compared with the last ones, and their pairs used again: pairs are
//! tuples of bytes, which nothing can change. Dicts and lists are each request's own.

use std::collections::HashMap;

use net::exchange as net_exchange;
use net::peer::Peer;
use proto::ws::Handshake;
use proto::{Field, Known, RequestHead, Version};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::options::Options;
use super::unchanged::{Made, Own};
use crate::core::Core;
use crate::repeated::{ByPeer, LastAddress, RepeatedHead, repeated_by_clients};
use crate::secured;
use crate::text;

/// Longest value that is remembered.
const VALUE: usize = 256;
/// Unknown header names remembered at most.
const UNKNOWN: usize = 256;

/// The pair of a field that was seen last under its name.
type LastPair = Option<(Vec<u8>, Py<PyTuple>)>;

/// What is kept for the scopes to come.
pub(crate) struct Scopes {
    template: Py<PyDict>,
    known: Vec<Py<PyBytes>>,
    unknown: HashMap<Vec<u8>, Py<PyBytes>>,
    pairs: [LastPair; Known::COUNT],
    repeated: RepeatedHead,
    fields: Option<Py<PyList>>,
    /// The last scope of the repeated head, left as it was.
    left: Option<Box<Made>>,
    peers: ByPeer<Py<PyTuple>>,
    address: LastAddress,
}

/// A scope, and whether it can be used again when its request has ended.
type Built<'py> = (Bound<'py, PyDict>, Option<Box<Made>>);

impl Scopes {
    pub(crate) fn new(py: Python<'_>, options: &Options) -> PyResult<Self> {
        let template = PyDict::new(py);
        for (key, value) in [
            ("type", "http"),
            ("http_version", "1.1"),
            ("method", "GET"),
            ("scheme", "http"),
            ("path", "/"),
        ] {
            template.set_item(PyString::intern(py, key), PyString::intern(py, value))?;
        }
        template.set_item(intern!(py, "raw_path"), PyBytes::new(py, b"/"))?;
        template.set_item(intern!(py, "query_string"), PyBytes::new(py, b""))?;
        template.set_item(intern!(py, "root_path"), &options.root_path)?;
        template.set_item(intern!(py, "server"), options.server_of(py, 0))?;
        // A copy has the table of its original, and growing one would cost more than all else.
        for key in ["headers", "client", "asgi", "extensions"] {
            template.set_item(PyString::intern(py, key), py.None())?;
        }
        if options.state.is_some() {
            template.set_item(intern!(py, "state"), py.None())?;
        }
        let known = Known::ALL
            .iter()
            .map(|known| PyBytes::new(py, known.name().as_bytes()).unbind())
            .collect();
        Ok(Self {
            template: template.unbind(),
            known,
            unknown: HashMap::new(),
            pairs: [const { None }; Known::COUNT],
            repeated: RepeatedHead::default(),
            fields: None,
            left: None,
            peers: ByPeer::new(),
            address: LastAddress::default(),
        })
    }

    /// The scope of a request, with the id that it is given.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        core: &Core,
        options: &Options,
        exchange: &net_exchange::Exchange,
        id: Option<&Py<PyString>>,
    ) -> PyResult<Built<'py>> {
        let repeats = self.repeated.is_of(exchange);
        // A scope with an id of its own, or with a handshake, is no other request's.
        let common = repeats && id.is_none() && exchange.tls.is_none();
        // One that is not used now would only be kept in memory.
        if let (Some(mut left), Some(pairs)) = (self.left.take(), &self.fields)
            && common
            && left.is_current(py, options, pairs)
        {
            let scope = left.scope(py).clone();
            self.client(&scope, exchange)?;
            left.renew(py);
            return Ok((scope, Some(left)));
        }
        let (scope, fields) = match (&self.repeated.kept, &self.fields) {
            (Some(scope), Some(fields)) if repeats => {
                let fields = fields.bind(py);
                (scope.bind(py).copy()?, fields.get_slice(0, fields.len()))
            }
            _ => {
                let scope = self.template.bind(py).copy()?;
                Self::of_head(core, options, &scope, exchange)?;
                let fields = self.fields(py, exchange)?;
                if repeats {
                    self.repeated.kept = Some(scope.copy()?.unbind());
                    self.fields = Some(fields.get_slice(0, fields.len()).unbind());
                } else {
                    self.repeated.remember(exchange);
                }
                (scope, fields)
            }
        };
        if let Some(id) = id {
            let value = id.bind(py).to_str()?;
            set_field(&fields, b"x-request-id", value.as_bytes())?;
            scope.set_item(&core.names.request_id, id)?;
        }
        scope.set_item(intern!(py, "headers"), &fields)?;
        self.client(&scope, exchange)?;
        let versions = options.versions.bind(py).copy()?;
        scope.set_item(intern!(py, "asgi"), &versions)?;
        let state = options.state.as_ref();
        let state = state.map(|state| state.bind(py).copy()).transpose()?;
        if let Some(state) = &state {
            scope.set_item(intern!(py, "state"), state)?;
        }
        let extensions = options.extensions.bind(py).copy()?;
        secured::extension(&extensions, exchange)?;
        scope.set_item(intern!(py, "extensions"), &extensions)?;
        let own = Own {
            fields: &fields,
            versions: &versions,
            extensions: &extensions,
            state: state.as_ref(),
        };
        let made = match &self.fields {
            Some(pairs) if common => Made::of(options, &scope, &own, pairs),
            _ => None,
        };
        Ok((scope, made))
    }

    /// A request has ended. If its scope is as it was made, another one is given it; otherwise the caller
    /// releases it.
    #[inline]
    pub(crate) fn keep(&mut self, py: Python<'_>, made: Box<Made>) -> Option<Box<Made>> {
        if made.is_left(py) {
            self.left.replace(made)
        } else {
            Some(made)
        }
    }

    /// Puts a field into a scope in the place of those with its name.
    pub(crate) fn replace_field(
        scope: &Bound<'_, PyDict>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let fields = scope.as_any().get_item(intern!(scope.py(), "headers"))?;
        set_field(fields.cast::<PyList>()?, name, value)
    }

    /// The scope of a WebSocket handshake.
    pub(crate) fn build_websocket<'py>(
        &mut self,
        py: Python<'py>,
        core: &Core,
        options: &Options,
        exchange: &net_exchange::Exchange,
        id: Option<&Py<PyString>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (scope, _) = self.build(py, core, options, exchange, id)?;
        let secure = exchange.https();
        scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
        scope.set_item(intern!(py, "scheme"), if secure { "wss" } else { "ws" })?;
        scope.del_item(intern!(py, "method"))?;
        let subprotocols = PyList::empty(py);
        if let Ok(handshake) = Handshake::of(&exchange.head, None) {
            for each in handshake.subprotocols() {
                subprotocols.append(text::latin1(py, each)?)?;
            }
        }
        scope.set_item(intern!(py, "subprotocols"), subprotocols)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
        secured::extension(&extensions, exchange)?;
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(scope)
    }

    /// Everything that the head alone decides, but for its fields.
    fn of_head(
        core: &Core,
        options: &Options,
        scope: &Bound<'_, PyDict>,
        exchange: &net_exchange::Exchange,
    ) -> PyResult<()> {
        let py = scope.py();
        let head = &exchange.head;
        let method = head.known_method();
        match method.and_then(|method| core.names.methods.get(method.index())) {
            Some(method) => scope.set_item(intern!(py, "method"), method)?,
            None => scope.set_item(intern!(py, "method"), text::latin1(py, head.method())?)?,
        }
        if head.version() == Version::Http10 {
            scope.set_item(intern!(py, "http_version"), intern!(py, "1.0"))?;
        } else if head.version() == Version::Http2 {
            scope.set_item(intern!(py, "http_version"), intern!(py, "2"))?;
        }
        if exchange.https() {
            scope.set_item(intern!(py, "scheme"), intern!(py, "https"))?;
        }
        if exchange.listener != 0 {
            let server = options.server_of(py, exchange.listener);
            scope.set_item(intern!(py, "server"), server)?;
        }
        if !head.query().is_empty() {
            let query = PyBytes::new(py, head.query());
            scope.set_item(intern!(py, "query_string"), query)?;
        }
        let raw = match head.script_name() {
            Some(mounted) => {
                placed(scope, head, mounted)?;
                head.path().to_vec()
            }
            None => full_path(head, options.root_path_bytes.as_slice()),
        };
        let path = text::percent_decode(&raw);
        // What is no UTF-8 has a replacement in it; `raw_path` has the bytes.
        scope.set_item(intern!(py, "path"), String::from_utf8_lossy(&path))?;
        scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, &raw))
    }

    /// The fields as pairs of bytes, names in lower case, in the order received.
    fn fields<'py>(
        &mut self,
        py: Python<'py>,
        exchange: &net_exchange::Exchange,
    ) -> PyResult<Bound<'py, PyList>> {
        let head = &exchange.head;
        let list = PyList::empty(py);
        for field in head.fields() {
            let replaced = match field.known {
                Some(Known::Host) => head.replaced_host(),
                _ => None,
            };
            let field = Field {
                value: replaced.unwrap_or(field.value),
                ..field
            };
            list.append(self.pair(py, field)?)?;
        }
        if head.get(Known::Host).is_none()
            && let Some(host) = head.replaced_host()
        {
            list.append((PyBytes::new(py, b"host"), PyBytes::new(py, host)))?;
        }
        Ok(list)
    }

    fn pair<'py>(
        &mut self,
        py: Python<'py>,
        Field { name, value, known }: Field<'_>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let Some(known) = known else {
            let name = self.unknown_name(py, name);
            return (name, PyBytes::new(py, value)).into_pyobject(py);
        };
        let index = known.index();
        if let Some((last, pair)) = &self.pairs[index]
            && last == value
        {
            return Ok(pair.bind(py).clone());
        }
        let pair = (&self.known[index], PyBytes::new(py, value)).into_pyobject(py)?;
        if value.len() <= VALUE && repeated_by_clients(known) {
            self.pairs[index] = Some((value.to_vec(), pair.clone().unbind()));
        }
        Ok(pair)
    }

    fn unknown_name<'py>(&mut self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyBytes> {
        if let Some(known) = self.unknown.get(name) {
            return known.bind(py).clone();
        }
        let lower = PyBytes::new(py, &name.to_ascii_lowercase());
        if self.unknown.len() < UNKNOWN {
            self.unknown.insert(name.to_vec(), lower.clone().unbind());
        }
        lower
    }

    /// Address and port of the client; `None` on unix sockets.
    fn client(
        &mut self,
        scope: &Bound<'_, PyDict>,
        exchange: &net_exchange::Exchange,
    ) -> PyResult<()> {
        let py = scope.py();
        let key = intern!(py, "client");
        let Some(peer @ Peer::Tcp(ip, port)) = exchange.client() else {
            return scope.set_item(key, py.None());
        };
        let slot = exchange.key.map(|key| key.connection.slot());
        let address = &mut self.address;
        let client = self.peers.of(slot, peer, || {
            let client = (address.text(py, ip), port).into_pyobject(py)?;
            Ok(client.unbind())
        })?;
        scope.set_item(key, client)
    }
}

/// A web server has said in variables where the application is, and what it speaks with the client.
#[cold]
fn placed(scope: &Bound<'_, PyDict>, head: &RequestHead, script_name: &[u8]) -> PyResult<()> {
    let py = scope.py();
    if !script_name.is_empty() {
        let mounted = String::from_utf8_lossy(script_name);
        scope.set_item(intern!(py, "root_path"), mounted)?;
    }
    let version = match head.protocol() {
        b"HTTP/1.0" => "1.0",
        protocol if protocol.starts_with(b"HTTP/1") => "1.1",
        protocol if protocol.starts_with(b"HTTP/3") => "3",
        _ => "2",
    };
    scope.set_item(intern!(py, "http_version"), version)
}

/// The path that the application sees: what it is mounted at comes first, also where a proxy has
/// taken it away (as Starlette and Django expect it).
fn full_path(head: &RequestHead, root: &[u8]) -> Vec<u8> {
    let path = head.path();
    let inside = path
        .strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    if root.is_empty() || inside {
        path.to_vec()
    } else {
        [root, path].concat()
    }
}

/// Puts a field in the place of those with its name.
fn set_field(fields: &Bound<'_, PyList>, name: &[u8], value: &[u8]) -> PyResult<()> {
    let py = fields.py();
    for index in (0..fields.len()).rev() {
        let pair = fields.get_item(index)?;
        let found = pair.get_item(0)?;
        if found
            .cast::<PyBytes>()
            .is_ok_and(|found| found.as_bytes() == name)
        {
            fields.del_item(index)?;
        }
    }
    fields.append((PyBytes::new(py, name), PyBytes::new(py, value)))
}
