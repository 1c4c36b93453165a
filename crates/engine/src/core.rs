//! What all exchanges of a worker share: the loop, interned names, the log.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use net::baton::{Blocking, Loop};
use net::notice::Level;
use net::request_id::RequestIds;
use net::scoreboard::{RetireCause, Scoreboard};
use net::spans::Spans;
use proto::h1::ServerFields;
use proto::{Known, KnownMethod};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::access::Access;
use crate::config::PythonConfig;
use crate::parked::{Disconnects, Parked};
use crate::text;

/// Shared by the engine and all of its exchanges.
pub(crate) struct Core {
    pub(crate) reactor: Arc<Loop>,
    pub(crate) board: Arc<Scoreboard>,
    pub(crate) slot: usize,
    pub(crate) names: Names,
    pub(crate) config: PythonConfig,
    pub(crate) access: Option<Access>,
    /// Makes ids of requests, if they get any.
    pub(crate) ids: Option<Arc<RequestIds>>,
    /// What is recorded for traces, if anything is.
    pub(crate) spans: Option<Arc<Spans>>,
    /// The log, a trace or the environ says how long requests have waited.
    pub(crate) queue_timed: bool,
    log: Py<PyAny>,
    /// Requests taken so far.
    taken: AtomicU64,
    server: Mutex<ServerFields>,
    /// Requests that wait for their clients, where another loop polls the engine.
    pub(crate) parked: Parked,
    /// WebSocket connections whose applications wait for messages there.
    pub(crate) receiving: Parked,
    /// Requests to be told when their clients have gone.
    pub(crate) disconnects: Disconnects,
}

impl Core {
    pub(crate) fn new(
        py: Python<'_>,
        reactor: Arc<Loop>,
        board: (Arc<Scoreboard>, usize),
        config: PythonConfig,
        log: Py<PyAny>,
    ) -> PyResult<Self> {
        let access = match &config.access {
            Some(access) => Some(Access::new(access.bind(py), config.environ.bind(py))?),
            None => None,
        };
        let ids = config.request_id.then(RequestIds::new).transpose()?;
        let ids = ids.map(Arc::new);
        let spans = config.trace_share.map(Spans::new).transpose()?;
        let queue_timed = config.queue_time
            || spans.is_some()
            || access.as_ref().is_some_and(Access::queue_timed);
        Ok(Self {
            ids,
            spans: spans.map(Arc::new),
            queue_timed,
            reactor,
            board: board.0,
            slot: board.1,
            names: Names::new(py, &config)?,
            server: Mutex::new(config.server_fields()),
            access,
            config,
            log,
            taken: AtomicU64::new(0),
            parked: Parked::default(),
            receiving: Parked::default(),
            disconnects: Disconnects::default(),
        })
    }

    /// The server's own fields, with today's date.
    #[inline]
    pub(crate) fn with_server<R>(&self, use_fields: impl FnOnce(&ServerFields) -> R) -> R {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.set_date(net::clock::coarse_unix_seconds());
        use_fields(&server)
    }

    /// Whether the request that runs at this entry is over its time, and has been answered.
    #[inline]
    pub(crate) fn is_overdue(&self, entry: Option<usize>) -> bool {
        self.board.is_overdue(self.slot, entry)
    }

    /// Counts a request; with the last one that this worker should serve it asks to be replaced,
    /// and goes on until it is. Without a master it stops.
    #[inline]
    pub(crate) fn count(&self, py: Python<'_>) -> PyResult<()> {
        let most = self.config.max_requests;
        if most != 0 && self.taken.fetch_add(1, Ordering::Relaxed) + 1 == most {
            self.log(py, "info", "Autorestarting worker after current request.")?;
            if !self.reactor.ask_to_retire(RetireCause::MaxRequests) {
                self.reactor.stop(self.config.grace_ms);
            }
        }
        Ok(())
    }

    /// Writes a line of the error log for the reactor.
    pub(crate) fn tell(&self, py: Python<'_>, level: Level, text: String) -> PyResult<()> {
        let method = match level {
            Level::Warning => intern!(py, "warning"),
            Level::Error => intern!(py, "error"),
        };
        self.log.bind(py).call_method1(method, (text,)).map(drop)
    }

    /// One line of the error log. Without arguments nothing is formatted, so that loggers that
    /// look at the message see it whole.
    pub(crate) fn log(&self, py: Python<'_>, level: &str, text: &str) -> PyResult<()> {
        self.log.bind(py).call_method1(level, (text,)).map(drop)
    }

    /// One line of the error log about a request, which has an id or none.
    pub(crate) fn log_about(
        &self,
        py: Python<'_>,
        level: &str,
        text: &str,
        id: Option<&Py<PyString>>,
    ) -> PyResult<()> {
        let log = self.log.bind(py).getattr(level)?;
        log.call((text,), about(py, id)?.as_ref()).map(drop)
    }

    /// One line of the error log with the traceback of `error`.
    pub(crate) fn log_exception(
        &self,
        py: Python<'_>,
        format: &str,
        arguments: (&str, &str),
        error: &PyErr,
        id: Option<&Py<PyString>>,
    ) -> PyResult<()> {
        let keywords = about(py, id)?.unwrap_or_else(|| PyDict::new(py));
        // Not `value`: before Python 3.12 the traceback is kept beside it.
        let raised = error.clone_ref(py).into_value(py);
        keywords.set_item(intern!(py, "exc_info"), raised)?;
        let arguments = PyTuple::new(py, [format, arguments.0, arguments.1])?;
        let log = self.log.bind(py).getattr(intern!(py, "exception"))?;
        log.call(arguments, Some(&keywords)).map(drop)
    }
}

/// `extra={"request_id": id}`.
fn about<'py>(py: Python<'py>, id: Option<&Py<PyString>>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(id) = id else { return Ok(None) };
    let (keywords, extra) = (PyDict::new(py), PyDict::new(py));
    extra.set_item(intern!(py, "request_id"), id)?;
    keywords.set_item(intern!(py, "extra"), extra)?;
    Ok(Some(keywords))
}

/// The interpreter lock, to be let go of while the loop waits.
pub(crate) struct Detached<'py>(pub(crate) Python<'py>);

impl Blocking for Detached<'_> {
    fn block<R: Send>(&self, wait: impl FnOnce() -> R + Send) -> R {
        self.0.detach(wait)
    }
}

/// The number of this application thread: it names the driver.
pub(crate) fn thread_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static MINE: Cell<u32> = const { Cell::new(u32::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == u32::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        mine.get()
    })
}

/// The system's id of this thread, for the signal that makes it show its stack.
#[cfg(target_os = "linux")]
pub(crate) fn thread_id() -> u32 {
    thread_local! {
        static MINE: Cell<u32> = const { Cell::new(0) };
    }
    MINE.with(|mine| {
        if mine.get() == 0 {
            // SAFETY: gettid has no preconditions and cannot fail.
            mine.set(unsafe { libc::gettid() }.unsigned_abs());
        }
        mine.get()
    })
}

/// 0: no other process can name a thread on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_id() -> u32 {
    0
}

/// Strings that are the same for every request, made once.
pub(crate) struct Names {
    pub(crate) request_method: Py<PyString>,
    pub(crate) path_info: Py<PyString>,
    pub(crate) query_string: Py<PyString>,
    pub(crate) raw_uri: Py<PyString>,
    pub(crate) server_protocol: Py<PyString>,
    pub(crate) script_name: Py<PyString>,
    pub(crate) server_name: Py<PyString>,
    pub(crate) server_port: Py<PyString>,
    pub(crate) remote_addr: Py<PyString>,
    pub(crate) remote_port: Py<PyString>,
    pub(crate) url_scheme: Py<PyString>,
    pub(crate) input: Py<PyString>,
    pub(crate) early_hints: Py<PyString>,
    pub(crate) socket: Py<PyString>,
    pub(crate) https: Py<PyString>,
    pub(crate) http: Py<PyString>,
    pub(crate) http_1_0: Py<PyString>,
    pub(crate) empty: Py<PyString>,
    pub(crate) gateway_timeout: Py<PyString>,
    pub(crate) request_id: Py<PyString>,
    pub(crate) queue_time: Py<PyString>,
    pub(crate) traceparent: Py<PyString>,
    /// Environ keys of known header fields.
    pub(crate) fields: Vec<Py<PyString>>,
    pub(crate) methods: Vec<Py<PyString>>,
    /// SERVER_NAME and SERVER_PORT of each listener.
    pub(crate) addresses: Vec<Option<(Py<PyString>, Py<PyString>)>>,
}

impl Names {
    fn new(py: Python<'_>, config: &PythonConfig) -> PyResult<Self> {
        let new = |text: &str| PyString::intern(py, text).unbind();
        let fields: PyResult<Vec<_>> = Known::ALL
            .iter()
            .map(|known| field_key(py, *known))
            .collect();
        let address = |pair: &Option<(String, String)>| {
            pair.as_ref().map(|(name, port)| (new(name), new(port)))
        };
        Ok(Self {
            request_method: new("REQUEST_METHOD"),
            path_info: new("PATH_INFO"),
            query_string: new("QUERY_STRING"),
            raw_uri: new("RAW_URI"),
            server_protocol: new("SERVER_PROTOCOL"),
            script_name: new("SCRIPT_NAME"),
            server_name: new("SERVER_NAME"),
            server_port: new("SERVER_PORT"),
            remote_addr: new("REMOTE_ADDR"),
            remote_port: new("REMOTE_PORT"),
            url_scheme: new("wsgi.url_scheme"),
            input: new("wsgi.input"),
            early_hints: new("wsgi.early_hints"),
            socket: new("gunicorn.socket"),
            https: new("https"),
            http: new("http"),
            http_1_0: new("HTTP/1.0"),
            empty: new(""),
            request_id: new("licorne.request_id"),
            queue_time: new("licorne.queue_time"),
            traceparent: new("HTTP_TRACEPARENT"),
            gateway_timeout: new("504 Gateway Timeout"),
            fields: fields?,
            methods: KnownMethod::ALL
                .iter()
                .map(|method| new(method.name()))
                .collect(),
            addresses: config.addresses.iter().map(address).collect(),
        })
    }
}

/// The environ key of a known field: two of them have no `HTTP_` (PEP 3333).
fn field_key(py: Python<'_>, known: Known) -> PyResult<Py<PyString>> {
    let key = match known {
        Known::ContentType => b"CONTENT_TYPE".to_vec(),
        Known::ContentLength => b"CONTENT_LENGTH".to_vec(),
        _ => text::environ_key(known.name().as_bytes()),
    };
    let key = text::latin1(py, &key)?;
    Ok(PyString::intern(py, key.to_str()?).unbind())
}
