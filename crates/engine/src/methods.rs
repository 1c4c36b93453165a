//! `Exchange` as Python sees it: what it says of the request, and what it does with the response.

use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Arc;

use net::clock;
use net::peer::Peer;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::core::thread_number;
use crate::exchange::Exchange;
use crate::explain;
use crate::fields;
use crate::head;
use crate::pieces;
use crate::proxied;
use crate::taken;
use crate::text;
use crate::wsgi;
use crate::wsgi::input::Input;

#[pymethods]
impl Exchange {
    /// An exchange and its environ refer to each other. The collector sees to those that are not
    /// used again, when the last reference to them has gone.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(bundle) = &self.bundle {
            visit.call(&bundle.template)?;
            visit.call(bundle.caches.repeated_environ())?;
            for each in [
                &bundle.start_response,
                &bundle.write,
                &bundle.early_hints,
                &bundle.send_trailers,
                &bundle.socket,
            ] {
                visit.call(each)?;
            }
        }
        if let Some(paused) = &self.run.paused {
            visit.call(&paused.answer)?;
            visit.call(&paused.blocks)?;
        }
        visit.call(self.run.environ.as_ref())?;
        visit.call(self.run.headers.as_ref())
    }

    fn __clear__(&mut self) {
        let parts = (self.bundle.take(), self.run.paused.take());
        let given = (self.run.environ.take(), self.run.headers.take());
        // What is released may call Python code; nothing of this object refers to it any more.
        drop((parts, given));
    }

    /// Its number in its worker, as on the scoreboard; `None` when the response is complete.
    #[getter]
    fn id(&self) -> Option<u64> {
        self.run.net.as_ref().map(|net| net.id)
    }

    /// Whether a request that was handed over some time ago is still to be begun. False: it has waited
    /// for too long, or its client has left, and it has been answered.
    fn admitted(&mut self) -> bool {
        let Some(net) = self.run.net.take_if(|net| net.needs_admission()) else {
            return true;
        };
        self.run.net = self.core.reactor.admit(thread_number(), net);
        self.run.net.is_some()
    }

    /// It is over its time, and its client has been answered.
    #[getter]
    fn overdue(&self) -> bool {
        self.core.is_overdue(self.run.entry)
    }

    /// Which of the worker's listeners it came through; `None` when the response is complete.
    #[getter]
    fn listener(&self) -> Option<usize> {
        self.run.net.as_ref().map(|net| net.listener)
    }

    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::latin1(py, self.head()?.method())
    }

    #[getter]
    fn uri<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::latin1(py, self.head()?.target())
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::latin1(py, self.head()?.path())
    }

    #[getter]
    fn query<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::latin1(py, self.head()?.query())
    }

    #[getter]
    fn version(&self) -> PyResult<(u8, u8)> {
        self.head().map(head::version)
    }

    #[getter]
    fn protocol<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text::latin1(py, self.head()?.protocol())
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        head::headers(py, self.head()?)
    }

    #[getter]
    fn number(&self) -> PyResult<u32> {
        self.facts().map(|facts| facts.number)
    }

    #[getter]
    fn chunked(&self) -> PyResult<bool> {
        self.facts().map(|facts| facts.chunked)
    }

    #[getter]
    fn keep_alive(&self) -> PyResult<bool> {
        self.facts().map(|facts| facts.keep_alive)
    }

    /// Lets no other request come on the connection after this one.
    fn force_close(&mut self) {
        if let Some(net) = &mut self.run.net {
            net.keep_alive = false;
        }
    }

    #[getter]
    fn scheme(&self) -> PyResult<&'static str> {
        match &self.run.net {
            Some(net) => Ok(if net.https() { "https" } else { "http" }),
            None => self.head().map(head::scheme),
        }
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        head::host(py, self.head()?)
    }

    /// What was made of the request's forwarded headers; `None` if it has none.
    fn explain_proxy(&self) -> Option<String> {
        let net = self.run.net.as_ref()?;
        explain::line(&self.core.config.policy, net)
    }

    #[getter]
    fn remote_addr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let present = self.run.net.as_ref().and_then(|net| net.client());
        let client = present.or(self.run.past.as_ref().and_then(|past| past.client));
        Ok(match client {
            Some(Peer::Tcp(ip, port)) => (ip.to_string(), port).into_pyobject(py)?.into_any(),
            Some(Peer::Unix) | None => PyString::new(py, "").into_any(),
        })
    }

    /// What the PROXY header of its connection says, by gunicorn's names.
    #[getter]
    fn proxy_protocol_info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let present = self.run.net.as_ref().and_then(|net| net.proxied.as_ref());
        let past = self.run.past.as_ref();
        let proxied = present.or_else(|| past.and_then(|past| past.proxied.as_ref()));
        let info = proxied.map(|proxied| proxied::info(py, &proxied.header));
        info.transpose()
    }

    #[getter]
    fn environ(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.run
            .environ
            .as_ref()
            .map(|environ| environ.clone_ref(py))
    }

    #[getter]
    fn request_id(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.run.request_id.as_ref().map(|id| id.clone_ref(py))
    }

    #[getter]
    fn queue_time(&self) -> Option<f64> {
        self.run.queue_ns.map(clock::seconds)
    }

    #[getter]
    fn status(&self, py: Python<'_>) -> Py<PyString> {
        self.run
            .status
            .as_ref()
            .unwrap_or(&self.core.names.empty)
            .clone_ref(py)
    }

    #[getter]
    fn get_response_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.response_headers(py)
    }

    #[getter]
    fn sent(&self) -> u64 {
        self.run.sent
    }

    #[getter]
    fn get_headers_sent(&self) -> bool {
        self.headers_sent()
    }

    /// Calls a WSGI application for this exchange and sends what it answers (PEP 3333).
    fn run_wsgi(slf: &Bound<'_, Self>, app: &Bound<'_, PyAny>) -> PyResult<()> {
        let core = Arc::clone(&slf.try_borrow()?.core);
        wsgi::run(&core, slf, app)
    }

    /// `start_response` of PEP 3333.
    #[pyo3(signature = (status, headers, exc_info=None, /))]
    fn start_response(
        &mut self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        wsgi::start_response(py, self, status, headers, exc_info)
    }

    /// The `write()` callable of PEP 3333.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::write(slf, data)
    }

    /// `wsgi.early_hints`: sends `103 Early Hints` with these header pairs (RFC 8297).
    fn early_hints(&mut self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::early_hints(self, headers)
    }

    /// `gunicorn.http2.send_trailers`: trailer fields for the end of the body, in the place of those given
    /// before (RFC 9110, section 6.5).
    fn send_trailers(&mut self, trailers: &Bound<'_, PyAny>) -> PyResult<()> {
        self.run.trailers = fields::pairs_of(trailers)?;
        Ok(())
    }

    /// The client reads slowly, and the body that `run_wsgi` has begun to send is to be resumed when
    /// it has read on.
    #[getter]
    fn paused(&self) -> bool {
        self.run.paused.is_some()
    }

    /// Goes on where `run_wsgi` has paused.
    fn resume(slf: &Bound<'_, Self>) -> PyResult<()> {
        wsgi::resume(slf)
    }

    /// Begins with a request whose response will be given piece by piece.
    fn begin_pieces(slf: &Bound<'_, Self>) -> PyResult<()> {
        wsgi::begin(slf)
    }

    /// Gives a block to the connection, behind the head; false: there is no room for more now.
    fn send(slf: &Bound<'_, Self>, block: &Bound<'_, PyBytes>) -> PyResult<bool> {
        pieces::send(slf, block)
    }

    /// Gives the last block to the connection: the response is complete.
    #[pyo3(signature = (block, /))]
    fn finish(slf: &Bound<'_, Self>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
        pieces::finish(slf, block)
    }

    /// The application has failed: 500, or the end of the connection.
    fn fail(slf: &Bound<'_, Self>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        pieces::fail(slf, PyErr::from_value(error.clone()))
    }

    /// The response will not be completed: ends the connection without the rest of it.
    fn abandon(slf: &Bound<'_, Self>) -> PyResult<()> {
        pieces::abandon(slf)
    }

    /// Has `waiter` woken, once, when the client has read on, or has gone; false: it has already.
    fn when_room(&mut self, waiter: Py<PyAny>) -> PyResult<bool> {
        let core = Arc::clone(&self.core);
        match self.run.open()?.key {
            Some(key) => Ok(core.parked.park(&core.reactor, key, waiter)),
            None => Ok(false),
        }
    }

    /// Has `waiter` woken, once, when the client sends no more. Most have gone then; one that has only
    /// said that this was the last request can still be answered.
    fn when_disconnected(&mut self, waiter: Py<PyAny>) -> PyResult<()> {
        let core = Arc::clone(&self.core);
        let key = self.run.open()?.key;
        if let Some(key) = key {
            self.run.reports_disconnect = Some(key);
            core.disconnects.add(&core.reactor, key, waiter);
        }
        Ok(())
    }

    /// Gives the body to code that runs the application in its own way; it is empty from then on.
    fn take_body(&mut self) -> PyResult<Input> {
        Ok(Input::new(std::mem::take(&mut self.run.open()?.body)))
    }

    /// Gives the connection to the caller: a blocking descriptor of its own, and the bytes that
    /// were read beyond the request. Nothing but what the application writes is sent then, unless
    /// it goes on with a WSGI response.
    fn take_over<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        taken::make_way(slf)?;
        let (copy, rest) = taken::take_socket(&mut *slf.try_borrow_mut()?)?;
        // Of answers before this one, which the client has not read yet.
        taken::flush_taken(slf)?;
        let copy: RawFd = copy.into_raw_fd();
        (copy, PyBytes::new(py, &rest)).into_pyobject(py)
    }

    /// The request has come to its end without an answer, because the worker has: its client gets 503
    /// when the engine is closed.
    fn return_unbegun(&mut self) {
        if let Some(net) = self.run.net.take() {
            self.core.reactor.return_unbegun(net);
        }
    }
}
