//! The application as its requests meet it: what is made for each before its first step, and the call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::clock;
use net::exchange as net_exchange;
use proto::protocol::{self, Served};
use proto::ws::{Compression, Handshake, HandshakeReject, is_extended_connect};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::access::Access;
use crate::asgi::caller::Caller;
use crate::asgi::done;
use crate::asgi::receive::Receive;
use crate::asgi::request::Request;
use crate::asgi::scope::Scopes;
use crate::asgi::send::Send;
use crate::asgi::shared::Shared;
use crate::asgi::unchanged::Made;
use crate::asgi::waiting::Waiting;
use crate::core::{Core, thread_number};
use crate::exchange::{Exchange, is_over, references};
use crate::fields::misuse;
use crate::pieces;
use crate::spare::Spare;
use crate::text;
use crate::wsgi::caches::Caches;
use crate::wsgi::environ;

/// One application, and what its requests are made of.
pub(super) struct Application {
    pub(super) shared: Arc<Shared>,
    app: Py<PyAny>,
    /// What every request has a copy of.
    context: Py<PyAny>,
    /// The worker: its `before` and `after` are called around requests that are inspected.
    worker: Py<PyAny>,
    /// At most so many requests of it; 0 for any number.
    limit: usize,
    scopes: Mutex<Scopes>,
    /// Strings of the environs that hooks and the access log look at.
    caches: Mutex<Caches>,
    spare: Spare,
    /// What the last request was called with, and did not keep.
    kept: Mutex<Option<Handles>>,
}

/// What an application was called with, as far as another request may be given it.
pub(super) struct Called {
    scope: Option<Box<Made>>,
    handles: Handles,
}

/// What it is called with beside the scope.
struct Handles {
    caller: Arc<Caller>,
    receive: Py<Receive>,
    send: Py<Send>,
}

impl Handles {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let caller = Arc::<Caller>::default();
        Ok(Self {
            receive: Py::new(py, Receive::new(Arc::clone(&caller)))?,
            send: Py::new(py, Send::new(Arc::clone(&caller)))?,
            caller,
        })
    }
}

impl Application {
    /// `options` as [`super::AsgiDriver`] has them.
    pub(super) fn new(
        py: Python<'_>,
        shared: Arc<Shared>,
        options: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let scopes = Scopes::new(py, &shared.options)?;
        done::enable(py);
        Waiting::enable(py);
        Receive::enable_calls(py)?;
        Send::enable_calls(py)?;
        Ok(Self {
            shared,
            app: options.getattr(intern!(py, "app"))?.unbind(),
            context: options.getattr(intern!(py, "context"))?.unbind(),
            worker: options.getattr(intern!(py, "worker"))?.unbind(),
            limit: options.getattr(intern!(py, "limit"))?.extract()?,
            scopes: Mutex::new(scopes),
            caches: Mutex::new(Caches::new()),
            spare: Spare::bare(),
            kept: Mutex::default(),
        })
    }

    /// A request that is ready to begin.
    pub(super) fn take_ready(&self) -> Option<Box<net_exchange::Exchange>> {
        self.shared.core.reactor.take_ready(thread_number())
    }

    /// Whether there is another one.
    pub(super) fn has_ready(&self) -> bool {
        self.shared.core.reactor.has_ready()
    }

    /// A context for one request.
    pub(super) fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: a context, as `options.context` says; the result is a new reference or null.
        unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(self.context.as_ptr())) }
    }

    /// A request is with the application from now on; `None`: it was answered, since there is no room
    /// for it, or it asks for WebSocket in a wrong way. `inspected`: hooks look at it.
    pub(super) fn begin(
        &self,
        py: Python<'_>,
        net: Box<net_exchange::Exchange>,
        inspected: bool,
    ) -> PyResult<Option<Py<Request>>> {
        let core = &self.shared.core;
        let full = self.limit != 0 && self.shared.unfinished.bind(py).len() >= self.limit;
        if full {
            core.reactor.shed(thread_number(), net);
            return Ok(None);
        }
        let exchange = self.spare.hand_out(py, core, net, inspected)?;
        exchange.try_borrow_mut()?.run.start(core, 0)?;
        let handshake = handshake_of(&exchange, core.config.websocket.compression)?;
        if let Some(Err(reject)) = handshake {
            return refuse(core, &exchange, reject).map(|()| None);
        }
        let is_websocket = handshake.is_some();
        Request::new(py, Arc::clone(&self.shared), &exchange, is_websocket).map(Some)
    }

    /// Calls the application; its coroutine, mostly, and what it was called with.
    pub(super) fn call<'py>(
        &self,
        request: &Bound<'py, Request>,
        inspected: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Called)> {
        let (py, this) = (request.py(), request.get());
        let exchange = this.exchange.bind(py);
        let (scope, made) = self.scope(py, exchange, (inspected, this.is_websocket()))?;
        if inspected {
            let worker = self.worker.bind(py);
            let seen = worker.call_method1(intern!(py, "before"), (exchange,))?;
            let after = worker.getattr(intern!(py, "after"))?;
            this.set_seen(seen.unbind(), after.unbind());
        }
        let handles = self.handles(request)?;
        let (receive, send) = (handles.receive.as_ptr(), handles.send.as_ptr());
        let arguments = [scope.as_ptr(), receive, send];
        // SAFETY: live objects in an array of three; the result is a new reference or null.
        let coroutine = unsafe {
            let result = ffi::PyObject_Vectorcall(
                self.app.as_ptr(),
                arguments.as_ptr(),
                arguments.len(),
                std::ptr::null_mut(),
            );
            Bound::from_owned_ptr_or_err(py, result)?
        };
        let called = Called {
            scope: made,
            handles,
        };
        Ok((coroutine, called))
    }

    fn handles(&self, request: &Bound<'_, Request>) -> PyResult<Handles> {
        let py = request.py();
        let kept = self.kept().take();
        let handles = match kept {
            Some(kept) => kept,
            None => Handles::new(py)?,
        };
        handles.caller.assign(Some(request.clone().unbind()));
        Ok(handles)
    }

    /// A request has ended: the next one is called with the same objects if nothing else refers to them.
    pub(super) fn keep(&self, py: Python<'_>, called: Called) {
        let Called { scope, handles } = called;
        if let Some(scope) = scope {
            let released = self.scopes().keep(py, scope);
            drop(released);
        }
        if references(handles.receive.bind(py)) == 1 && references(handles.send.bind(py)) == 1 {
            handles.caller.assign(None);
            let before = self.kept().replace(handles);
            drop(before);
        }
    }

    fn scopes(&self) -> MutexGuard<'_, Scopes> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Handles>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope<'py>(
        &self,
        py: Python<'py>,
        exchange: &Bound<'py, Exchange>,
        (inspected, is_websocket): (bool, bool),
    ) -> PyResult<(Bound<'py, PyDict>, Option<Box<Made>>)> {
        let core = &self.shared.core;
        let mut this = exchange.try_borrow_mut()?;
        let this = &mut *this;
        let Some(net) = &mut this.run.net else {
            return Err(is_over());
        };
        let id = core.ids.as_ref().map(|ids| text::latin1(py, &ids.of(net)));
        let id = id.transpose()?.map(Bound::unbind);
        let traceparent = this.run.place.as_ref().map(|place| place.traceparent());
        let mut scopes = self.scopes();
        let (options, id) = (&self.shared.options, id);
        let (scope, mut made) = if is_websocket {
            let scope = scopes.build_websocket(py, core, options, net, id.as_ref())?;
            (scope, None)
        } else {
            scopes.build(py, core, options, net, id.as_ref())?
        };
        drop(scopes);
        if let Some(traceparent) = traceparent {
            Scopes::replace_field(&scope, b"traceparent", traceparent.as_bytes())?;
            made = None;
        }
        if core.config.queue_time
            && let Some(ns) = this.run.queue_ns
        {
            scope.set_item(&core.names.queue_time, clock::seconds(ns))?;
            made = None;
        }
        this.run.request_id = id;
        this.run.environ = None;
        if inspected || core.access.as_ref().is_some_and(Access::writes) {
            // What hooks and the atoms of the access log look at.
            let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
            let template = &core.config.environ;
            let (environ, repeated) = environ::build(py, core, template, &mut caches, net)?;
            this.run.repeated = repeated;
            this.run.environ = Some(environ.unbind());
        }
        Ok((scope, made))
    }
}

/// What is to be made of a request that asks for WebSocket; `None` if it does not.
fn handshake_of(
    exchange: &Bound<'_, Exchange>,
    compression: Option<Compression>,
) -> PyResult<Option<Result<(), HandshakeReject>>> {
    const SERVED: Served = Served {
        websocket: true,
        ..Served::HTTP1
    };
    let this = exchange.try_borrow()?;
    let head = this.head()?;
    // Extended CONNECT counts as one.
    if !head.upgrade() {
        return Ok(None);
    }
    let mut asked = head.fields_named(b"upgrade");
    let websocket = is_extended_connect(head)
        || asked.any(|field| protocol::upgrade(SERVED, field.value).is_some());
    Ok(websocket.then(|| Handshake::of(head, compression).map(drop)))
}

/// A handshake that is none: the client is told why, and the log.
#[cold]
fn refuse(core: &Core, exchange: &Bound<'_, Exchange>, reject: HandshakeReject) -> PyResult<()> {
    let py = exchange.py();
    let (text, id) = {
        let mut this = exchange.try_borrow_mut()?;
        let run = &mut this.run;
        let net = run.open()?;
        let (status, reason) = reject.answer(&net.head);
        let status = format!("{status} {reason}");
        let client = net
            .client()
            .map_or_else(String::new, |peer| peer.to_string());
        let draft = &mut net.response.draft;
        draft.start(status.as_bytes()).map_err(misuse)?;
        for (name, value) in reject.fields() {
            let field = draft.field(name.as_bytes(), value.as_bytes());
            field.map_err(misuse)?;
        }
        let field = draft.field(b"Content-Type", b"text/plain; charset=utf-8");
        field.map_err(misuse)?;
        net.keep_alive = false;
        run.status = Some(PyString::new(py, &status).unbind());
        let text = format!(
            "Refused a WebSocket handshake of {client}: {}",
            reject.message()
        );
        (text, run.request_id.as_ref().map(|id| id.clone_ref(py)))
    };
    let page = format!("{}\n", reject.message());
    pieces::finish(exchange, &PyBytes::new(py, page.as_bytes()))?;
    core.log_about(py, "warning", &text, id.as_ref())
}
