//! Requests by their names, as news of a turn has them.

use std::collections::HashMap;

use net::exchange::RequestKey;
use proto::StreamId;
use pyo3::prelude::*;

/// Requests that are not over.
#[derive(Default)]
pub(super) struct Known {
    /// Those of HTTP/1, of which a connection has one at a time, by its place.
    alone: Vec<Option<(RequestKey, Py<PyAny>)>>,
    /// Those of HTTP/2.
    beside: HashMap<RequestKey, Py<PyAny>>,
}

impl Known {
    /// Adds a request. Out comes another one whose place it has taken.
    pub(super) fn insert(&mut self, key: RequestKey, request: Py<PyAny>) -> Option<Py<PyAny>> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.insert(key, request);
        }
        let place = key.connection.slot();
        if self.alone.len() <= place {
            self.alone.resize_with(place + 1, || None);
        }
        let before = self.alone[place].replace((key, request));
        before.map(|(_, request)| request)
    }

    #[inline]
    pub(super) fn get(&self, key: RequestKey) -> Option<&Py<PyAny>> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.get(&key);
        }
        match self.alone.get(key.connection.slot())? {
            Some((known, request)) if *known == key => Some(request),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: RequestKey) -> Option<Py<PyAny>> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.remove(&key);
        }
        let place = self.alone.get_mut(key.connection.slot())?;
        place
            .take_if(|(known, _)| *known == key)
            .map(|(_, request)| request)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let alone = self.alone.iter().flatten().map(|(_, request)| request);
        alone.chain(self.beside.values())
    }
}
