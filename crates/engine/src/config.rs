//! The configuration object of Python, read once into plain values.
//!
//! What is read is declared once, as attributes with their types; the rest of this file makes the
//! values of the reactor, the parser and the engine of it.

use std::sync::Arc;

use net::body::BodyStore;
use net::config::Config;
use net::edge::Edge;
use net::overdue::TimeLimits;
use net::path_limits::PathLimits;
use net::websocket::Settings as WebSocket;
use proto::h2::Config as Http2;
use proto::protocol::{Gateway, ProxyHeader, Served};
use proto::{
    ClientAddress, Forwarding, HeaderMap, Limits, Permissions, Policy, SchemeHeader, Trusted,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::tls::{self, TlsStore, TlsTerms};

/// Declares what is read of an object: a field for each attribute, and their names.
macro_rules! attributes {
    ($(#[$doc:meta])* $struct:ident { $($name:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        struct $struct { $($name: $type,)+ }

        impl $struct {
            /// Names of the attributes, for the test that Python has the same.
            const NAMES: &[&str] = &[$(stringify!($name),)+];

            /// # Errors
            /// `AttributeError` or `TypeError` where Python and Rust disagree.
            fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(Self { $($name: object.getattr(stringify!($name))?.extract()?,)+ })
            }
        }
    };
}

attributes!(
    /// `RequestRules`: what the parser is told.
    Rules {
        casefold_http_method: bool,
        client_address: String,
        forwarded_allow_ips: Vec<String>,
        forwarder_headers: Vec<String>,
        header_map: String,
        limit_request_body: u64,
        limit_request_field_size: usize,
        limit_request_fields: usize,
        limit_request_line: usize,
        permit_connect: bool,
        permit_missing_host: bool,
        permit_obsolete_folding: bool,
        permit_unconventional_http_method: bool,
        permit_unconventional_http_version: bool,
        proxy_allow_ips: Vec<String>,
        proxy_protocol: String,
        secure_scheme_headers: Vec<(String, String)>,
        strip_header_spaces: bool,
    }
);

attributes!(
    /// `EngineConfig`, beside the rules; times are seconds, descriptors that are none are -1.
    Settings {
        access: Option<Py<PyAny>>,
        addresses: Vec<Option<(String, String)>>,
        asgi: bool,
        beat: f64,
        body_buffer_size: u64,
        body_min_rate: u64,
        body_timeout: f64,
        connections_per_address: u32,
        environ: Py<PyDict>,
        fastcgi_allow_ips: Vec<String>,
        file_wrapper: Py<PyType>,
        graceful_timeout: f64,
        handover: Option<(i32, i32)>,
        header_timeout: f64,
        http2_cleartext: bool,
        http2_demanded: bool,
        http2_initial_window_size: u32,
        http2_max_concurrent_streams: u32,
        http2_max_frame_size: u32,
        http2_max_header_list_size: u32,
        http2_tls: bool,
        keepalive: f64,
        keepalive_requests: u32,
        master_fd: i32,
        max_connections: usize,
        max_requests: u64,
        parent: u32,
        make_waiter: Option<Py<PyAny>>,
        polled: bool,
        protocol: String,
        queue_time: bool,
        queue_timeout: f64,
        queue_timeout_paths: Vec<(String, f64)>,
        request_id: bool,
        request_timeout: f64,
        request_timeout_paths: Vec<(String, f64)>,
        script_name: String,
        sendfile: bool,
        server: String,
        siblings: bool,
        signal_fd: i32,
        signal_relay_fd: i32,
        silence: f64,
        socket_class: Py<PyType>,
        standin_beats: bool,
        threads: usize,
        timed: bool,
        tls: Option<(Py<TlsTerms>, Py<TlsStore>)>,
        tmp_upload_dir: String,
        trace_share: Option<f64>,
        uwsgi_allow_ips: Vec<String>,
        websocket_compression: bool,
        websocket_max_message_size: usize,
        websocket_ping_interval: f64,
        websocket_ping_timeout: f64,
        write_min_rate: u64,
        write_timeout: f64,
    }
);

/// Names of all attributes that are read.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    Settings::NAMES.iter().chain(Rules::NAMES).copied()
}

/// What the engine itself needs, beside the reactor.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the user, in any combination"
)]
pub(crate) struct PythonConfig {
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
    let grace_ms = milliseconds("graceful_timeout", settings.graceful_timeout)?;
    let websocket = websocket(&settings)?;
    let reactor = Config {
        policy: policy.clone(),
        body: Arc::new(BodyStore::new(
            settings.body_buffer_size,
            settings.tmp_upload_dir.into(),
        )),
        keepalive_ms: milliseconds("keepalive", settings.keepalive)?,
        header_timeout_ms: milliseconds("header_timeout", settings.header_timeout)?,
        body_timeout_ms: milliseconds("body_timeout", settings.body_timeout)?,
        write_timeout_ms: milliseconds("write_timeout", settings.write_timeout)?,
        edge,
        limits: limits.clone(),
        queue_limits: path_limits(
            ("queue_timeout", settings.queue_timeout),
            ("queue_timeout_paths", &settings.queue_timeout_paths),
        )?,
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
    };
    let python = PythonConfig {
        environ: settings.environ,
        file_wrapper: settings.file_wrapper,
        socket_class: settings.socket_class,
        sendfile: settings.sendfile,
        script_name: settings.script_name.into_bytes(),
        server: settings.server,
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

/// The rules for request heads, with what is served beside HTTP/1.
fn served_policy(config: &Bound<'_, PyAny>, settings: &Settings) -> PyResult<Policy> {
    let mut policy = policy(config)?;
    serve_http2(&mut policy, settings);
    (policy.served.gateway, policy.gateways) = gateway(settings)?;
    Ok(policy)
}

/// A file descriptor; -1 is none.
fn descriptor(fd: i32) -> Option<i32> {
    (fd >= 0).then_some(fd)
}

/// The rules for request heads.
pub(crate) fn policy(rules: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let rules = Rules::read(rules)?;
    let body = rules.limit_request_body;
    Ok(Policy {
        limits: Limits {
            request_line: rules.limit_request_line,
            fields: rules.limit_request_fields,
            field_size: rules.limit_request_field_size,
            body: (body > 0).then_some(body),
        },
        permissions: Permissions {
            obsolete_folding: rules.permit_obsolete_folding,
            strip_header_spaces: rules.strip_header_spaces,
            unconventional_http_method: rules.permit_unconventional_http_method,
            unconventional_http_version: rules.permit_unconventional_http_version,
            casefold_http_method: rules.casefold_http_method,
            missing_host: rules.permit_missing_host,
            connect: rules.permit_connect,
        },
        served: Served {
            proxy: proxy_header(&rules.proxy_protocol)?,
            ..Served::HTTP1
        },
        proxies: trusted("proxy_allow_ips", &rules.proxy_allow_ips)?,
        gateways: Trusted::default(),
        forwarding: forwarding(rules)?,
        http2: Http2::default(),
    })
}

/// HTTP/2, as far as it is served.
fn serve_http2(policy: &mut Policy, settings: &Settings) {
    policy.served.http2 = settings.http2_tls;
    policy.served.http2_cleartext = settings.http2_cleartext;
    policy.served.http2_demanded = settings.http2_demanded;
    policy.http2 = Http2 {
        max_concurrent_streams: settings.http2_max_concurrent_streams,
        initial_window_size: settings.http2_initial_window_size,
        max_frame_size: settings.http2_max_frame_size,
        max_header_list_size: settings.http2_max_header_list_size,
        ..Http2::default()
    };
}

fn proxy_header(word: &str) -> PyResult<ProxyHeader> {
    match word {
        "off" => Ok(ProxyHeader::Off),
        "v1" => Ok(ProxyHeader::V1),
        "v2" => Ok(ProxyHeader::V2),
        "auto" => Ok(ProxyHeader::Auto),
        other => {
            let text = format!("proxy_protocol: {other:?} is not one of off, v1, v2, auto");
            Err(PyValueError::new_err(text))
        }
    }
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

/// What is spoken in the place of HTTP, and which peers may do so.
fn gateway(settings: &Settings) -> PyResult<(Option<Gateway>, Trusted)> {
    let uwsgi = trusted("uwsgi_allow_ips", &settings.uwsgi_allow_ips)?;
    let fastcgi = trusted("fastcgi_allow_ips", &settings.fastcgi_allow_ips)?;
    match settings.protocol.as_str() {
        "http" => Ok((None, Trusted::default())),
        "uwsgi" => Ok((Some(Gateway::Uwsgi), uwsgi)),
        "fastcgi" => Ok((Some(Gateway::FastCgi), fastcgi)),
        other => {
            let text = format!("protocol: {other:?} is not one of http, uwsgi, fastcgi");
            Err(PyValueError::new_err(text))
        }
    }
}

fn forwarding(rules: Rules) -> PyResult<Forwarding> {
    let header_map = match rules.header_map.as_str() {
        "drop" => HeaderMap::Drop,
        "refuse" => HeaderMap::Refuse,
        "dangerous" => HeaderMap::Dangerous,
        other => {
            let text = format!("header_map: {other:?} is not one of drop, refuse, dangerous");
            return Err(PyValueError::new_err(text));
        }
    };
    let word = rules.client_address;
    let mut sources = ClientAddress::NAMES.iter();
    let Some(&(_, client_address)) = sources.find(|(name, _)| *name == word) else {
        let names = ClientAddress::NAMES.map(|(name, _)| name).join(", ");
        let text = format!("client_address: {word:?} is not one of {names}");
        return Err(PyValueError::new_err(text));
    };
    Ok(Forwarding {
        trusted: trusted("forwarded_allow_ips", &rules.forwarded_allow_ips)?,
        header_map,
        forwarder_headers: rules.forwarder_headers,
        secure_scheme_headers: rules
            .secure_scheme_headers
            .iter()
            .map(|(name, secure)| SchemeHeader::new(name, secure))
            .collect(),
        client_address,
    })
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

fn trusted(name: &str, entries: &[String]) -> PyResult<Trusted> {
    Trusted::parse(entries.iter().map(String::as_str)).map_err(|entry| {
        PyValueError::new_err(format!(
            "{name}: {entry:?} is neither an IP address, a network nor *"
        ))
    })
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
