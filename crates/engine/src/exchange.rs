//! `Exchange`: one request with its response. The object, its bound methods and its environ template
//! are used again for the next request if nothing else refers to them.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use net::exchange::{self as net_exchange, RequestKey};
use net::spans::{Outcome, Place};
use net::waited;
use proto::RequestHead;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString};

use crate::access::{Access, LastLine, Line};
use crate::access_values::{Answered, status_code};
use crate::core::Core;
use crate::past::{Facts, Past};
use crate::text;
use crate::wsgi::caches::Caches;

/// One request with its response, between the engine and the application.
#[pyclass(module = "licorne._engine")]
pub(crate) struct Exchange {
    pub(crate) core: Arc<Core>,
    pub(crate) run: Run,
    /// The objects that go with this one; they refer back to it. `None` once it is retired, and where
    /// the interface needs none: a request that waits costs the memory of its exchange.
    pub(crate) bundle: Option<Box<Bundle>>,
}

const _: () = assert!(
    size_of::<Exchange>() <= 320,
    "there is one for each request that waits"
);

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
    /// Trailer fields, for the end of the body.
    pub(crate) trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Its entry on the scoreboard, while the application runs.
    pub(crate) entry: Option<usize>,
    pub(crate) started_ns: u64,
    /// How long the request has waited, if the log or the environ says it.
    pub(crate) queue_ns: Option<u64>,
    pub(crate) request_id: Option<Py<PyString>>,
    /// Its place in a trace, if it is recorded.
    pub(crate) place: Option<Box<Place>>,
    pub(crate) last_line: LastLine,
    /// Its head is that of the request before.
    pub(crate) repeated: bool,
    /// Python will look at the request after its response has left (hooks, its own access log).
    pub(crate) inspected: bool,
    /// The request then.
    pub(crate) past: Option<Box<Past>>,
    /// What is left of a body whose client reads slowly.
    pub(crate) paused: Option<Paused>,
    /// The request, while the application is to be told when its client has gone.
    pub(crate) reports_disconnect: Option<RequestKey>,
}

/// Python objects that belong to one [`Exchange`].
pub(crate) struct Bundle {
    pub(crate) template: Py<PyDict>,
    pub(crate) start_response: Py<PyAny>,
    /// What that is bound to.
    pub(crate) response: Py<PyAny>,
    pub(crate) write: Py<PyAny>,
    pub(crate) early_hints: Py<PyAny>,
    /// `gunicorn.http2.send_trailers`.
    pub(crate) send_trailers: Py<PyAny>,
    pub(crate) socket: Py<PyAny>,
    pub(crate) caches: Caches,
}

/// What an application has returned, iterated in part.
pub(crate) struct Paused {
    pub(crate) answer: Py<PyAny>,
    pub(crate) blocks: Py<PyIterator>,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self {
            net: None,
            sent: 0,
            status: None,
            headers: None,
            environ: None,
            socket: None,
            warned: false,
            trailers: Vec::new(),
            entry: None,
            started_ns: 0,
            queue_ns: None,
            request_id: None,
            place: None,
            last_line: LastLine::default(),
            repeated: false,
            inspected: false,
            past: None,
            paused: None,
            reports_disconnect: None,
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

    /// The application begins with the request, on `thread` if that is not 0; its entry on the
    /// scoreboard, which says so from now on.
    #[inline]
    pub(crate) fn start(&mut self, core: &Core, thread: u32) -> PyResult<Option<usize>> {
        let Some(net) = &mut self.net else {
            return Err(is_over());
        };
        self.entry = net.entry;
        net.begun = true;
        let limit_ms = core.config.limits.of(net.head.path());
        // Exactly only where the time it took is logged or measured.
        let timed = core.access.as_ref().is_some_and(Access::timed);
        if let Some(spans) = &core.spans {
            self.place = spans.place(net).map(Box::new);
        }
        let now_ns = if timed || core.queue_timed {
            net::clock::monotonic_ns()
        } else {
            net::clock::coarse_monotonic_ns()
        };
        self.started_ns = now_ns;
        core.board
            .begin(core.slot, self.entry, now_ns, thread, limit_ms);
        if core.queue_timed {
            self.queue_ns = Some(waited::waited_ns(net, now_ns));
        }
        Ok(self.entry)
    }

    /// Takes the native exchange out: the response is complete, or never will be. What hooks look at
    /// afterwards is kept.
    pub(crate) fn leave(&mut self, inspected: bool) -> Option<Box<net_exchange::Exchange>> {
        let net = self.net.take()?;
        if inspected || self.inspected {
            self.past = Some(Box::new(Past::of(&net)));
        }
        Some(net)
    }

    /// Forgets the objects of a request.
    #[inline]
    fn forget(&mut self, py: Python<'_>) {
        // Most have the first three. Released by hand they need not look for the interpreter lock.
        if let Some(environ) = self.environ.take() {
            environ.drop_ref(py);
        }
        if let Some(headers) = self.headers.take() {
            headers.drop_ref(py);
        }
        if let Some(status) = self.status.take() {
            status.drop_ref(py);
        }
        self.past = None;
        self.request_id = None;
    }

    /// Records a response that is complete, if its request has a place in a trace.
    #[inline]
    pub(crate) fn record(&mut self, py: Python<'_>, core: &Core) {
        if let (Some(spans), Some(net)) = (&core.spans, &self.net)
            && let Some(place) = self.place.take()
        {
            let elapsed_ns = net::clock::monotonic_ns().saturating_sub(self.started_ns);
            let outcome = Outcome {
                status: status_code(py, self.status.as_ref()),
                sent: self.sent,
                queue_ns: self.queue_ns.unwrap_or_default(),
                application_ns: Some(elapsed_ns),
            };
            spans.record(net, *place, outcome);
        }
    }

    /// Renders the access log line of a response that is complete.
    #[inline]
    pub(crate) fn render(&mut self, py: Python<'_>, access: &Access) -> PyResult<Line> {
        let Some(net) = &self.net else {
            return Ok(Line::Python);
        };
        let Some(environ) = &self.environ else {
            return access.without_environ(py, net.first);
        };
        access.render(py, net.first, &mut self.last_line, || Answered {
            environ,
            head: &net.head,
            repeated: self.repeated,
            status: self.status.as_ref(),
            headers: self.headers.as_ref(),
            request_id: self.request_id.as_ref(),
            queue_ns: self.queue_ns,
            started_ns: self.started_ns,
            sent: self.sent,
        })
    }
}

impl Exchange {
    /// One without a request and without the objects that refer back to it.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            run: Run::new(),
            bundle: None,
        }
    }

    /// Readies a spare object for the next request, if nothing else refers to any part of it.
    pub(crate) fn reusable(exchange: &Bound<'_, Self>) -> bool {
        /// References from the response, each bound method and the socket.
        const BUNDLE: isize = 5;
        let py = exchange.py();
        // Before the object is borrowed, which is a reference.
        let found = references(exchange);
        let Ok(mut this) = exchange.try_borrow_mut() else {
            return false;
        };
        // The spare list has one. A hook or a logger that has kept it finds everything in it.
        let own = 1 + if this.bundle.is_some() { BUNDLE } else { 0 };
        if this.run.net.is_some() || found != own {
            return false;
        }
        this.run.forget(py);
        let Some(bundle) = &this.bundle else {
            return true;
        };
        // The template and the repeated environ refer to two of them.
        let dicts = 2 + isize::from(bundle.caches.repeated_environ().is_some());
        references(bundle.start_response.bind(py)) == 1
            && references(bundle.response.bind(py)) == 2
            && references(bundle.write.bind(py)) == 1
            && references(bundle.send_trailers.bind(py)) == 1
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
        self.run.socket = None;
        self.run.warned = false;
        self.run.trailers.clear();
        self.run.inspected = false;
        self.run.entry = None;
        self.run.queue_ns = None;
        self.run.place = None;
        self.run.reports_disconnect = None;
    }

    /// Whether the head was sent.
    #[inline]
    pub(crate) fn headers_sent(&self) -> bool {
        let net = self.run.net.as_ref();
        net.is_none_or(|net| net.response.begun())
    }

    /// The header pairs that the application gave.
    pub(crate) fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let headers = PyList::empty(py);
        if let Some(given) = &self.run.headers {
            for pair in given.bind(py).try_iter()? {
                headers.append(as_text(pair?)?)?;
            }
        }
        Ok(headers)
    }

    pub(crate) fn facts(&self) -> PyResult<Facts> {
        let present = self.run.net.as_ref().map(|net| Facts::of(net));
        let past = self.run.past.as_ref().map(|past| past.facts);
        present.or(past).ok_or_else(is_over)
    }

    pub(crate) fn head(&self) -> PyResult<&RequestHead> {
        let present = self.run.net.as_ref().map(|net| &net.head);
        let past = self.run.past.as_ref().map(|past| &past.head);
        present.or(past).ok_or_else(is_over)
    }
}

pub(crate) fn is_over() -> PyErr {
    PyRuntimeError::new_err("the request of this exchange is over")
}

impl Drop for Exchange {
    /// A request that was not begun will not be.
    fn drop(&mut self) {
        let waiting = self.run.net.as_ref().filter(|net| !net.begun);
        if let Some(entry) = waiting.and_then(|net| net.entry) {
            self.core.board.forget(self.core.slot, entry);
        }
    }
}

/// A pair of ASGI has bytes, and is text to hooks and loggers, as those of WSGI.
fn as_text(pair: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = pair.py();
    let Ok((name, value)) = pair.extract::<(Bound<'_, PyBytes>, Bound<'_, PyBytes>)>() else {
        return Ok(pair);
    };
    let (name, value) = (name.as_bytes(), value.as_bytes());
    let text = (text::latin1(py, name)?, text::latin1(py, value)?);
    Ok(text.into_pyobject(py)?.into_any())
}

/// How many references there are to an object.
#[inline]
pub(crate) fn references<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: a live object, under the interpreter lock.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}
