//! `Exchange`: the Python face of one request with its response. The object, its bound methods and
//! its environ template are used again for the next request if nobody kept a reference to them.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use net::exchange::{self as net_exchange, Token};
use net::peer::Peer;
use proto::RequestHead;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};

use crate::access::Record;
use crate::core::Core;
use crate::explain;
use crate::head;
use crate::past::{Facts, Past};
use crate::taken;
use crate::text;
use crate::wsgi;
use crate::wsgi::environ::Caches;
use crate::wsgi::input::Input;

/// One request with its response, between the engine and the application.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Exchange {
    pub(crate) core: Arc<Core>,
    pub(crate) run: Run,
    /// The objects that go with this one; they refer back to it. `None` once it is retired.
    pub(crate) bundle: Option<Bundle>,
}

/// One run through the application.
pub(crate) struct Run {
    /// The native exchange; gone when the response is complete.
    pub(crate) net: Option<Box<net_exchange::Exchange>>,
    /// Response body bytes given to the connection.
    pub(crate) sent: u64,
    pub(crate) status: Option<Py<PyString>>,
    pub(crate) headers: Option<Py<PyAny>>,
    pub(crate) environ: Option<Py<PyDict>>,
    /// The socket, when the application has taken it over.
    pub(crate) socket: Option<OwnedFd>,
    /// The application drops bytes that may not be sent; it was told once.
    pub(crate) warned: bool,
    /// Its entry on the scoreboard, while the application runs.
    pub(crate) place: Option<usize>,
    pub(crate) started_ns: u64,
    /// How long the request has waited, if somebody wants to know.
    pub(crate) queue_ns: Option<u64>,
    pub(crate) request_id: Option<Py<PyString>>,
    pub(crate) record: Record,
    /// Its head is that of the request before.
    pub(crate) echoed: bool,
    /// Python will look at the request after its response has left (hooks, its own access log).
    pub(crate) watched: bool,
    /// The request then.
    pub(crate) past: Option<Past>,
    /// What is left of a body whose client reads slowly.
    pub(crate) paused: Option<wsgi::Paused>,
    /// Somebody is to be told when the client of this connection has gone.
    pub(crate) watching: Option<Token>,
}

/// Python objects that belong to one [`Exchange`].
pub(crate) struct Bundle {
    pub(crate) template: Py<PyDict>,
    pub(crate) start_response: Py<PyAny>,
    /// What that is bound to.
    response: Py<wsgi::Response>,
    pub(crate) write: Py<PyAny>,
    early_hints: Py<PyAny>,
    socket: Py<PyAny>,
    pub(crate) caches: Caches,
}

impl Run {
    fn new() -> Self {
        Self {
            net: None,
            sent: 0,
            status: None,
            headers: None,
            environ: None,
            socket: None,
            warned: false,
            place: None,
            started_ns: 0,
            queue_ns: None,
            request_id: None,
            record: Record::default(),
            echoed: false,
            watched: false,
            past: None,
            paused: None,
            watching: None,
        }
    }

    /// The native exchange, as long as its response is not complete.
    pub(crate) fn open(&mut self) -> PyResult<&mut net_exchange::Exchange> {
        match &mut self.net {
            Some(net) => Ok(net),
            None => Err(PyRuntimeError::new_err(
                "the response of this request is complete",
            )),
        }
    }

    /// Takes the native exchange out: the response is complete, or never will be. What hooks look at
    /// afterwards is kept.
    pub(crate) fn leave(&mut self, looked_at: bool) -> Option<Box<net_exchange::Exchange>> {
        let net = self.net.take()?;
        if looked_at || self.watched {
            self.past = Some(Past::of(&net));
        }
        Some(net)
    }
}

impl Exchange {
    pub(crate) fn create(py: Python<'_>, core: Arc<Core>) -> PyResult<Bound<'_, Self>> {
        let template = core.face.environ.bind(py).copy()?;
        let socket_class = core.face.socket_class.clone_ref(py);
        let names = (
            core.names.early_hints.clone_ref(py),
            core.names.socket.clone_ref(py),
        );
        let exchange = Bound::new(
            py,
            Self {
                core,
                run: Run::new(),
                bundle: None,
            },
        )?;
        let early_hints = exchange.getattr(intern!(py, "early_hints"))?;
        let socket = socket_class
            .bind(py)
            .call_method1(intern!(py, "of"), (&exchange,))?;
        template.set_item(names.0, &early_hints)?;
        template.set_item(names.1, &socket)?;
        make_room(&template)?;
        let response = Bound::new(py, wsgi::Response::new(exchange.clone().unbind()))?;
        let bundle = Bundle {
            template: template.unbind(),
            start_response: response.getattr(intern!(py, "start_response"))?.unbind(),
            response: response.unbind(),
            write: exchange.getattr(intern!(py, "write"))?.unbind(),
            early_hints: early_hints.unbind(),
            socket: socket.unbind(),
            caches: Caches::new(),
        };
        exchange.borrow_mut().bundle = Some(bundle);
        Ok(exchange)
    }

    /// Readies a spare object for the next request, if nobody else refers to any part of it.
    pub(crate) fn reusable(exchange: &Bound<'_, Self>) -> bool {
        /// The spare list's reference, and one from the response, each bound method and the socket.
        const OWN: isize = 5;
        let py = exchange.py();
        // A hook or a logger that has kept it finds everything in it.
        if references(exchange) != OWN {
            return false;
        }
        let Ok(mut this) = exchange.try_borrow_mut() else {
            return false;
        };
        if this.run.net.is_some() {
            return false;
        }
        drop(this.run.environ.take());
        drop(this.run.headers.take());
        drop(this.run.past.take());
        drop(this.run.request_id.take());
        let Some(bundle) = &this.bundle else {
            return false;
        };
        // The template and the echo refer to two of them.
        let dicts = 2 + isize::from(bundle.caches.echo().is_some());
        references(bundle.start_response.bind(py)) == 1
            && references(bundle.response.bind(py)) == 2
            && references(bundle.write.bind(py)) == 1
            && references(bundle.early_hints.bind(py)) == dicts
            && references(bundle.socket.bind(py)) == dicts
    }

    /// Gives up the parts of an object that an application has kept: it will not be used again.
    /// False: its request is not answered yet.
    pub(crate) fn retire(exchange: &Bound<'_, Self>) -> bool {
        let Ok(mut this) = exchange.try_borrow_mut() else {
            return false;
        };
        if this.run.net.is_some() {
            return false;
        }
        let bundle = this.bundle.take();
        drop(this);
        // What is released may call Python code, which may look at the exchange.
        drop(bundle);
        true
    }

    /// Begins a run.
    #[inline]
    pub(crate) fn begin(&mut self, net: Box<net_exchange::Exchange>) {
        self.run.net = Some(net);
        self.run.sent = 0;
        self.run.status = None;
        self.run.socket = None;
        self.run.warned = false;
        self.run.watched = false;
        self.run.past = None;
        self.run.place = None;
        self.run.queue_ns = None;
        self.run.request_id = None;
        self.run.watching = None;
    }

    fn facts(&self) -> PyResult<Facts> {
        let present = self.run.net.as_ref().map(|net| Facts::of(net));
        let past = self.run.past.as_ref().map(|past| past.facts);
        present.or(past).ok_or_else(is_over)
    }

    fn head(&self) -> PyResult<&RequestHead> {
        let present = self.run.net.as_ref().map(|net| &net.head);
        let past = self.run.past.as_ref().map(|past| &past.head);
        present.or(past).ok_or_else(is_over)
    }
}

fn is_over() -> PyErr {
    PyRuntimeError::new_err("the request of this exchange is over")
}

impl Drop for Exchange {
    /// Nobody has run it, and nobody will.
    fn drop(&mut self) {
        let waiting = self.run.net.as_ref().filter(|net| !net.begun);
        if let Some(place) = waiting.and_then(|net| net.place) {
            self.core.board.forget(self.core.slot, place);
        }
    }
}

#[pymethods]
impl Exchange {
    /// An exchange and its environ refer to each other. The collector sees to those that are not
    /// used again, whenever the last one who holds them lets go.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(bundle) = &self.bundle {
            visit.call(&bundle.template)?;
            visit.call(bundle.caches.echo())?;
            for each in [
                &bundle.start_response,
                &bundle.write,
                &bundle.early_hints,
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

    /// It is over its time, and its client has been answered.
    #[getter]
    fn overdue(&self) -> bool {
        self.core.is_overdue(self.run.place)
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
        self.head().map(head::scheme)
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        head::host(py, self.head()?)
    }

    /// What was made of the request's forwarded headers; `None` if it has none.
    fn explain_proxy(&self) -> Option<String> {
        let net = self.run.net.as_ref()?;
        explain::line(&self.core.face.policy, net)
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
        self.run.queue_ns.map(wsgi::seconds)
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
    pub(crate) fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let headers = PyList::empty(py);
        if let Some(given) = &self.run.headers {
            for pair in given.bind(py).try_iter()? {
                headers.append(pair?)?;
            }
        }
        Ok(headers)
    }

    #[getter]
    fn sent(&self) -> u64 {
        self.run.sent
    }

    #[getter]
    pub(crate) fn headers_sent(&self) -> bool {
        let net = self.run.net.as_ref();
        net.is_none_or(|net| net.response.begun())
    }

    /// Calls a WSGI application for this exchange and sends what it answers (PEP 3333).
    fn run_wsgi(slf: &Bound<'_, Self>, app: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::run(slf, app)
    }

    /// `start_response` of PEP 3333.
    #[pyo3(signature = (status, headers, exc_info=None, /))]
    pub(crate) fn start_response(
        &mut self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        wsgi::start(self, status, headers, exc_info)?;
        match &self.bundle {
            Some(bundle) => Ok(bundle.write.clone_ref(py)),
            None => Err(PyRuntimeError::new_err(
                "the response of this request is complete",
            )),
        }
    }

    /// The `write()` callable of PEP 3333.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::write(slf, data)
    }

    /// `wsgi.early_hints`: sends `103 Early Hints` with these header pairs (RFC 8297).
    fn early_hints(&mut self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::early_hints(self, headers)
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
        wsgi::send(slf, block)
    }

    /// Gives the last block to the connection: the response is complete.
    #[pyo3(signature = (block, /))]
    fn finish(slf: &Bound<'_, Self>, block: &Bound<'_, PyBytes>) -> PyResult<()> {
        wsgi::finish(slf, block)
    }

    /// The application has failed: 500, or the end of the connection.
    fn fail(slf: &Bound<'_, Self>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        wsgi::fail(slf, PyErr::from_value(error.clone()))
    }

    /// Nobody completes the response: ends the connection without the rest of it.
    fn abandon(slf: &Bound<'_, Self>) -> PyResult<()> {
        wsgi::abandon(slf)
    }

    /// Has `place` woken, once, when the client has read on, or has gone; false: it has already.
    fn when_room(&mut self, place: Py<PyAny>) -> PyResult<bool> {
        let core = Arc::clone(&self.core);
        match self.run.open()?.token {
            Some(token) => Ok(core.parked.park(&core, token, place)),
            None => Ok(false),
        }
    }

    /// Has `place` woken, once, when the client sends no more. Most have gone then; who has only
    /// said that this was the last request can still be answered.
    fn when_ended(&mut self, place: Py<PyAny>) -> PyResult<()> {
        let core = Arc::clone(&self.core);
        let token = self.run.open()?.token;
        if let Some(token) = token {
            self.run.watching = Some(token);
            core.watching.add(&core, token, place);
        }
        Ok(())
    }

    /// Gives the body to whoever runs the application in its own way; it is empty from then on.
    fn take_body(&mut self) -> PyResult<Input> {
        Ok(Input::new(std::mem::take(&mut self.run.open()?.body)))
    }

    /// Gives the connection to the caller: a blocking descriptor of its own, and the bytes that
    /// were read beyond the request. Nothing but what the application writes is sent then, unless
    /// it goes on with a WSGI response.
    fn take_over<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        taken::make_way(slf)?;
        let (copy, rest) = slf.try_borrow_mut()?.take_socket()?;
        // Of answers before this one, which the client has not read yet.
        taken::flush_taken(slf)?;
        let copy: RawFd = copy.into_raw_fd();
        (copy, PyBytes::new(py, &rest)).into_pyobject(py)
    }

    /// The request has come to its end without an answer, because the worker has: its client gets 503
    /// when the engine is closed.
    fn give_back(&mut self) {
        if let Some(net) = self.run.net.take() {
            self.core.looped.give_back(net);
        }
    }
}

impl Exchange {
    /// Takes the connection from the reactor: a copy of its descriptor, and the bytes that were read
    /// beyond the request. What is still to be written before is in `net.out`.
    fn take_socket(&mut self) -> PyResult<(OwnedFd, Vec<u8>)> {
        if self.run.socket.is_some() {
            return Err(PyRuntimeError::new_err(
                "the connection was taken over already",
            ));
        }
        let core = Arc::clone(&self.core);
        let place = self.run.place;
        let net = self.run.open()?;
        let token = net.token.take();
        let Some((fd, rest, unsent)) = token.and_then(|token| core.looped.detach(token)) else {
            return Err(pyo3::exceptions::PyConnectionResetError::new_err(
                "the client has gone",
            ));
        };
        net.out.splice(0..0, unsent?);
        // The application talks with its client now, and that may take as long as they like.
        core.board.unlimited(core.slot, place);
        net.keep_alive = false;
        if let Some(token) = self.run.watching.take() {
            core.watching.forget(token);
        }
        set_blocking(fd.as_raw_fd())?;
        let copy = fd.try_clone()?;
        self.run.socket = Some(fd);
        Ok((copy, rest))
    }
}

/// How many references there are to an object.
#[inline]
fn references<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: a live object, under the interpreter lock.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

fn set_blocking(fd: RawFd) -> std::io::Result<()> {
    // SAFETY: plain calls on an open descriptor.
    let result = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags < 0 {
            flags
        } else {
            libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK)
        }
    };
    if result < 0 {
        Err(std::io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The input that every request without a body gets: it has no state worth an object of its own.
pub(crate) fn empty_input(py: Python<'_>) -> PyResult<Py<Input>> {
    Py::new(py, Input::new(net::body::Body::Empty))
}

/// Makes the table of a template large enough for the header fields of most requests. A copy has
/// the table of its original, and growing one would cost more than all else of an environ.
fn make_room(template: &Bound<'_, PyDict>) -> PyResult<()> {
    const PASSENGERS: [&str; 3] = ["passenger 1", "passenger 2", "passenger 3"];
    for key in PASSENGERS {
        template.set_item(key, key)?;
    }
    for key in PASSENGERS {
        template.del_item(key)?;
    }
    Ok(())
}

/// Calls `callable(first, second)` without a tuple.
#[inline]
pub(crate) fn call_two<'py>(
    callable: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    second: &Py<PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = [first.as_ptr(), second.as_ptr()];
    // SAFETY: live objects in an array of two; the result is a new reference or null.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            arguments.as_ptr(),
            2,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}
