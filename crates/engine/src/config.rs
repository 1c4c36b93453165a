//! The configuration object of Python, read once into plain values.
//!
//! `attributes` declares what is read; `policy` makes the rules of the parser of it, this file the values
//! of the reactor and of the engine.

mod attributes;
mod policy;

use std::sync::Arc;

use net::body::BodyStore;
use net::config::{Config, Redirects};
use net::edge::Edge;
use net::overdue::TimeLimits;
use net::path_limits::PathLimits;
use net::websocket::Settings as WebSocket;
use proto::Policy;
use proto::h1::ServerFields;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::tls;
use attributes::Settings;
pub(crate) use attributes::names;
pub(crate) use policy::policy;
use policy::served_policy;

/// What the engine itself needs, beside the reactor.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the user, in any combination"
)]
pub(crate) struct PythonConfig {
    /// Where the bodies of requests are kept.
    pub(crate) bodies: Arc<BodyStore>,
    /// Environ entries that are the same for every request.
    pub(crate) environ: Py<PyDict>,
    /// `wsgi.file_wrapper`.
    pub(crate) file_wrapper: Py<PyType>,
    /// Class of `gunicorn.socket`.
    pub(crate) socket_class: Py<PyType>,
    /// Send files without copying them through the process.
    pub(crate) sendfile: bool,
    /// SCRIPT_NAME where no header gives one.
    pub(crate) script_name: Vec<u8>,
    /// `Server` field.
    pub(crate) server: String,
    /// Strict-Transport-Security, where the listeners speak TLS.
    pub(crate) hsts: Option<Arc<str>>,
    /// SERVER_NAME and SERVER_PORT for each listener; `None` for unix sockets.
    pub(crate) addresses: Vec<Option<(String, String)>>,
    /// How long requests may run.
    pub(crate) limits: TimeLimits,
    /// Ask to be replaced after so many requests; 0 for never.
    pub(crate) max_requests: u64,
    /// Milliseconds that a stop by the worker itself may take.
    pub(crate) grace_ms: u64,
    /// Requests get ids.
    pub(crate) request_id: bool,
    /// The environ says how long the request has waited.
    pub(crate) queue_time: bool,
    /// Requests are recorded for traces, of those that belong to none this share.
    pub(crate) trace_share: Option<f64>,
    /// What the parser accepts, to explain it.
    pub(crate) policy: Policy,
    /// The access log, if there is one.
    pub(crate) access: Option<Py<PyAny>>,
    /// Another loop polls the engine.
    pub(crate) polled: bool,
    /// Called there for what a request waits with for its client (`wait`, `wake`).
    pub(crate) make_waiter: Option<Py<PyAny>>,
    /// How WebSocket connections are served.
    pub(crate) websocket: WebSocket,
}

impl PythonConfig {
    /// The fields that every response of an application gets.
    pub(crate) fn server_fields(&self) -> ServerFields {
        let fields = ServerFields::new(&self.server);
        match &self.hsts {
            Some(value) => fields.with_hsts(value),
            None => fields,
        }
    }

    /// Another loop polls, and requests have no waiters: the iteration of a body is broken
    /// off, and resumed when there is room.
    pub(crate) fn pauses(&self) -> bool {
        self.polled && self.make_waiter.is_none()
    }
}

/// Reads everything.
///
/// # Errors
/// `AttributeError` or `TypeError` where Python and Rust disagree; `ValueError` for a value that
/// cannot work, naming the setting.
pub(crate) fn read(config: &Bound<'_, PyAny>) -> PyResult<(Config, PythonConfig)> {
    let settings = Settings::read(config)?;
    let policy = served_policy(config, &settings)?;
    let (limits, edge) = (limits(&settings)?, edge(&settings));
    let bodies = bodies(&settings);
    let grace_ms = milliseconds("graceful_timeout", settings.graceful_timeout)?;
    let websocket = websocket(&settings)?;
    let hsts: Option<Arc<str>> = settings.hsts.as_deref().map(Arc::from);
    let reactor = Config {
        policy: policy.clone(),
        body: Arc::clone(&bodies),
        keepalive_ms: milliseconds("keepalive", settings.keepalive)?,
        header_timeout_ms: milliseconds("header_timeout", settings.header_timeout)?,
        body_timeout_ms: milliseconds("body_timeout", settings.body_timeout)?,
        write_timeout_ms: milliseconds("write_timeout", settings.write_timeout)?,
        edge,
        limits: limits.clone(),
        queue_limits: queue_limits(&settings)?,
        threads: settings.threads,
        polled: settings.polled,
        gathers: settings.asgi,
        max_connections: settings.max_connections,
        siblings: settings.siblings,
        handover: settings.handover,
        parent: settings.parent,
        signal_fd: descriptor(settings.signal_fd),
        signal_relay_fd: descriptor(settings.signal_relay_fd),
        master_fd: descriptor(settings.master_fd),
        grace_ms,
        beat_ms: milliseconds("beat", settings.beat)?,
        standin_beats: settings.standin_beats,
        flowing_bodies: settings.asgi,
        websocket,
        timed: settings.timed,
        tls: settings.tls.as_ref().map(tls::listening),
        hsts: hsts.clone(),
        redirects: redirects(&settings),
    };
    let python = PythonConfig {
        bodies,
        environ: settings.environ,
        file_wrapper: settings.file_wrapper,
        socket_class: settings.socket_class,
        sendfile: settings.sendfile,
        script_name: settings.script_name.into_bytes(),
        server: settings.server,
        hsts,
        addresses: settings.addresses,
        limits,
        max_requests: settings.max_requests,
        grace_ms,
        request_id: settings.request_id,
        queue_time: settings.queue_time,
        trace_share: settings.trace_share,
        policy,
        access: settings.access,
        polled: settings.polled,
        make_waiter: settings.make_waiter,
        websocket,
    };
    Ok((reactor, python))
}

/// Where bodies are kept.
fn bodies(settings: &Settings) -> Arc<BodyStore> {
    let folder = settings.tmp_upload_dir.clone().into();
    Arc::new(BodyStore::new(settings.body_buffer_size, folder))
}

/// Which listeners send clients on to TLS.
fn redirects(settings: &Settings) -> Redirects {
    Redirects {
        listeners: settings.redirects.clone(),
        port: settings.redirect_http_port,
    }
}

/// A file descriptor; -1 is none.
fn descriptor(fd: i32) -> Option<i32> {
    (fd >= 0).then_some(fd)
}

/// What is asked of single clients.
fn edge(settings: &Settings) -> Edge {
    Edge {
        body_rate: settings.body_min_rate,
        write_rate: settings.write_min_rate,
        per_address: settings.connections_per_address,
        requests: settings.keepalive_requests,
    }
}

fn queue_limits(settings: &Settings) -> PyResult<PathLimits> {
    path_limits(
        ("queue_timeout", settings.queue_timeout),
        ("queue_timeout_paths", &settings.queue_timeout_paths),
    )
}

fn limits(settings: &Settings) -> PyResult<TimeLimits> {
    let requests = path_limits(
        ("request_timeout", settings.request_timeout),
        ("request_timeout_paths", &settings.request_timeout_paths),
    )?;
    Ok(TimeLimits::new(
        requests,
        milliseconds("silence", settings.silence)?,
    ))
}

fn websocket(settings: &Settings) -> PyResult<WebSocket> {
    let usual = WebSocket::default();
    let mut policy = usual.policy;
    policy.message_size = settings.websocket_max_message_size;
    Ok(WebSocket {
        policy,
        compression: usual.compression.filter(|_| settings.websocket_compression),
        ping_interval_ms: milliseconds(
            "websocket_ping_interval",
            settings.websocket_ping_interval,
        )?,
        ping_timeout_ms: milliseconds("websocket_ping_timeout", settings.websocket_ping_timeout)?,
        ..usual
    })
}

/// A limit and its exceptions, each with the name of its setting.
fn path_limits(all: (&str, f64), paths: (&str, &[(String, f64)])) -> PyResult<PathLimits> {
    let own: PyResult<Vec<_>> = paths
        .1
        .iter()
        .map(|(prefix, limit)| {
            let limit_ms = milliseconds(paths.0, *limit)?;
            Ok((prefix.clone().into_bytes(), limit_ms))
        })
        .collect();
    Ok(PathLimits::new(milliseconds(all.0, all.1)?, own?))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked before"
)]
fn milliseconds(name: &str, seconds: f64) -> PyResult<u64> {
    if (0.0..1e12).contains(&seconds) {
        // Anything but 0 stays different from 0, which means "never".
        Ok((seconds * 1000.0).ceil() as u64)
    } else {
        Err(PyValueError::new_err(format!(
            "{name}: {seconds} is not a number of seconds"
        )))
    }
}
