//! Requests that wait for their clients while another loop polls the engine: each with a waiter of
//! its own (an object with `wake`), while it lets the others run; greenlets call its `wait`, too.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use net::baton::{Loop, Room};
use net::exchange::RequestKey;
use net::websocket::Message;
use pyo3::intern;
use pyo3::prelude::*;

/// Requests that wait, each with its waiter.
#[derive(Default)]
pub(crate) struct Parked(Mutex<Vec<(RequestKey, Py<PyAny>)>>);

impl Parked {
    /// Waits until the client of `key` has read on. False: it has gone.
    pub(crate) fn wait_for_room(
        &self,
        make_waiter: &Bound<'_, PyAny>,
        reactor: &Loop,
        key: RequestKey,
    ) -> PyResult<bool> {
        loop {
            if let Some(room) = reactor.room(key) {
                return Ok(room != Room::Gone);
            }
            self.wait(make_waiter, key)?;
        }
    }

    /// Waits for the next message of a WebSocket client, or for the end of its connection.
    pub(crate) fn wait_for_message(
        &self,
        make_waiter: &Bound<'_, PyAny>,
        reactor: &Loop,
        key: RequestKey,
    ) -> PyResult<Message> {
        loop {
            let message = reactor.take_message(key);
            if message != Message::Later {
                return Ok(message);
            }
            self.wait(make_waiter, key)?;
        }
    }

    /// Waits until a waiter for `key` is woken.
    fn wait(&self, make_waiter: &Bound<'_, PyAny>, key: RequestKey) -> PyResult<()> {
        let waiter = make_waiter.call0()?;
        self.lock().push((key, waiter.clone().unbind()));
        let woken = waiter.call_method0(intern!(make_waiter.py(), "wait"));
        // An exception that was thrown into the wait leaves its waiter behind.
        let left = self.take(|(_, other)| other.is(&waiter));
        drop(left);
        woken.map(drop)
    }

    /// Wakes what waits for messages of these connections.
    pub(crate) fn wake_for(&self, py: Python<'_>, keys: &[RequestKey]) -> PyResult<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for (_, waiter) in self.take(|(key, _)| keys.contains(key)) {
            waiter.bind(py).call_method0(intern!(py, "wake"))?;
        }
        Ok(())
    }

    /// Has `waiter` woken when the client of `key` has read on, or has gone. False: it has already.
    pub(crate) fn park(&self, reactor: &Loop, key: RequestKey, waiter: Py<PyAny>) -> bool {
        if reactor.room(key).is_some() {
            return false;
        }
        self.lock().push((key, waiter));
        true
    }

    /// Wakes the requests whose clients have read on, or have gone.
    pub(crate) fn wake(&self, py: Python<'_>, reactor: &Loop) -> PyResult<()> {
        let ready = self.take(|(key, _)| reactor.room(*key).is_some());
        for (_, waiter) in ready {
            waiter.bind(py).call_method0(intern!(py, "wake"))?;
        }
        Ok(())
    }

    /// Python objects leave the list under the mutex, and are released without it.
    fn take(
        &self,
        which: impl Fn(&(RequestKey, Py<PyAny>)) -> bool,
    ) -> Vec<(RequestKey, Py<PyAny>)> {
        let mut list = self.lock();
        let (taken, left) = std::mem::take(&mut *list).into_iter().partition(which);
        *list = left;
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(RequestKey, Py<PyAny>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waiters to be woken when a client sends no more, by its connection.
#[derive(Default)]
pub(crate) struct Disconnects(Mutex<HashMap<RequestKey, Py<PyAny>>>);

impl Disconnects {
    /// Has `waiter` woken when the client of `key` sends no more.
    pub(crate) fn add(&self, reactor: &Loop, key: RequestKey, waiter: Py<PyAny>) {
        let before = self.lock().insert(key, waiter);
        drop(before);
        reactor.report_disconnect(key);
    }

    /// The request of this connection has ended.
    pub(crate) fn forget(&self, key: RequestKey) {
        let waiter = self.lock().remove(&key);
        drop(waiter);
    }

    /// Wakes those whose clients are named.
    pub(crate) fn wake(&self, py: Python<'_>, ended: &[RequestKey]) -> PyResult<()> {
        for key in ended {
            let waiter = self.lock().remove(key);
            if let Some(waiter) = waiter {
                waiter.bind(py).call_method0(intern!(py, "wake"))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestKey, Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
