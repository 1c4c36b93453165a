//! Strings of one request that the next one probably needs again. Each exchange object has its own.

use std::collections::HashMap;
use std::net::IpAddr;

use net::peer::Peer;
use proto::{Known, RequestHead};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::repeated::{ByPeer, LastAddress, RepeatedHead, present};
use crate::text;

/// The text of one kind seen last, with its Python form.
#[derive(Default)]
pub(super) struct Last(Option<(Vec<u8>, Py<PyString>)>);

/// What is kept for the next request.
pub(crate) struct Caches {
    /// Values of header fields, by the number of the field.
    pub(super) values: [Last; Known::COUNT],
    pub(super) method: Last,
    pub(super) repeated: RepeatedHead,
    /// The client whose address is in the environ that is kept.
    pub(super) kept_for: Option<IpAddr>,
    pub(super) peers: Peers,
    target: Option<Target>,
    unknown: HashMap<Vec<u8>, Py<PyString>>,
}

/// Clients and their addresses.
pub(super) struct Peers {
    known: ByPeer<PeerText>,
    address: LastAddress,
}

/// A request target in the forms that an environ has.
pub(super) struct Target {
    raw: Vec<u8>,
    pub(super) raw_uri: Py<PyString>,
    pub(super) path_info: Py<PyString>,
    pub(super) query: Py<PyString>,
}

/// A client's address in the forms that an environ has.
pub(super) struct PeerText {
    pub(super) address: Py<PyString>,
    pub(super) port: Py<PyString>,
}

/// Unknown header names remembered at most.
const UNKNOWN: usize = 256;

impl Caches {
    pub(crate) fn new() -> Self {
        Self {
            values: [const { Last(None) }; Known::COUNT],
            method: Last(None),
            repeated: RepeatedHead::default(),
            kept_for: None,
            peers: Peers {
                known: ByPeer::new(),
                address: LastAddress::default(),
            },
            target: None,
            unknown: HashMap::new(),
        }
    }

    /// A second dict, beside the template, that refers to the objects of the exchange.
    pub(crate) fn repeated_environ(&self) -> Option<&Py<PyDict>> {
        self.repeated.kept.as_ref()
    }

    /// The environ key of a header field that is not among the known ones.
    pub(super) fn unknown_key(&mut self, py: Python<'_>, name: &[u8]) -> PyResult<Py<PyString>> {
        if let Some(key) = self.unknown.get(name) {
            return Ok(key.clone_ref(py));
        }
        let key = text::latin1(py, &text::environ_key(name))?;
        let key = PyString::intern(py, key.to_str()?).unbind();
        if self.unknown.len() < UNKNOWN {
            self.unknown.insert(name.to_vec(), key.clone_ref(py));
        }
        Ok(key)
    }

    /// The target of a request whose application is mounted at the root.
    #[inline]
    pub(super) fn target(&mut self, py: Python<'_>, head: &RequestHead) -> PyResult<&Target> {
        let raw = head.target();
        if self.target.as_ref().is_none_or(|target| target.raw != raw) {
            self.target = Some(Target {
                raw: raw.to_vec(),
                raw_uri: text::latin1(py, raw)?.unbind(),
                path_info: decoded_path(py, head.path())?,
                query: text::latin1(py, head.query())?.unbind(),
            });
        }
        present(self.target.as_ref())
    }
}

impl Peers {
    /// The texts of a client's address and port. `slot` is its connection's place, where that is
    /// worth a table.
    #[inline]
    pub(super) fn texts(
        &mut self,
        py: Python<'_>,
        slot: Option<usize>,
        peer: Peer,
        (ip, port): (IpAddr, u16),
    ) -> PyResult<&PeerText> {
        let address = &mut self.address;
        self.known
            .of(slot, peer, || peer_text(py, address, (ip, port)))
    }
}

impl Last {
    /// The Python form of `bytes`, the last one again if it is the same.
    #[inline]
    pub(super) fn recalled(&mut self, py: Python<'_>, bytes: &[u8]) -> PyResult<&Py<PyString>> {
        let Self(last) = self;
        if last.as_ref().is_none_or(|(old, _)| old != bytes) {
            let new = text::latin1(py, bytes)?.unbind();
            match last {
                Some((old, text)) => {
                    old.clear();
                    old.extend_from_slice(bytes);
                    *text = new;
                }
                None => *last = Some((bytes.to_vec(), new)),
            }
        }
        present(last.as_ref()).map(|(_, text)| text)
    }
}

fn decoded_path(py: Python<'_>, path: &[u8]) -> PyResult<Py<PyString>> {
    let decoded = if path.contains(&b'%') {
        text::latin1(py, &text::percent_decode(path))
    } else {
        text::latin1(py, path)
    };
    decoded.map(Bound::unbind)
}

fn peer_text(
    py: Python<'_>,
    last: &mut LastAddress,
    (ip, port): (IpAddr, u16),
) -> PyResult<PeerText> {
    Ok(PeerText {
        address: last.text(py, ip),
        port: text::latin1(py, port.to_string().as_bytes())?.unbind(),
    })
}
