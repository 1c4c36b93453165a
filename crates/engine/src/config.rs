//! The configuration object of Python, read once into plain values.

use std::sync::Arc;

use net::body::BodyStore;
use net::config::Config;
use net::overdue::TimeLimits;
use proto::{
    ClientAddress, Forwarding, HeaderMap, Limits, Permissions, Policy, SchemeHeader, Trusted,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// What the Python face itself needs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the user, in any combination"
)]
pub(crate) struct Face {
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
    /// Seconds that a stop by ourselves may take, in ms.
    pub(crate) grace_ms: u64,
    /// Requests get ids.
    pub(crate) request_id: bool,
    /// The environ says how long the request has waited.
    pub(crate) queue_time: bool,
    /// What the parser accepts, for whoever asks why.
    pub(crate) policy: Policy,
    /// The access log, if there is one.
    pub(crate) access: Option<Py<PyAny>>,
    /// Another loop polls the engine.
    pub(crate) polled: bool,
    /// There a request that has to wait calls this for a place to wait at (`wait`, `wake`).
    pub(crate) parking: Option<Py<PyAny>>,
}

impl Face {
    /// Another loop polls, and whoever has to wait there has no place to: the iteration of a body is
    /// broken off, and resumed when there is room.
    pub(crate) fn pauses(&self) -> bool {
        self.polled && self.parking.is_none()
    }
}

macro_rules! fields {
    ($($name:literal),+ $(,)?) => {
        /// Names of all attributes that are read, for the test that Python has the same.
        pub(crate) const FIELDS: &[&str] = &[$($name,)+];
    };
}

fields!(
    "access",
    "addresses",
    "beat",
    "bell",
    "body_buffer_size",
    "body_timeout",
    "casefold_http_method",
    "client_address",
    "environ",
    "file_wrapper",
    "forwarded_allow_ips",
    "forwarder_headers",
    "graceful_timeout",
    "header_map",
    "header_timeout",
    "keepalive",
    "limit_request_body",
    "limit_request_field_size",
    "limit_request_fields",
    "limit_request_line",
    "max_connections",
    "max_requests",
    "parent",
    "parking",
    "permit_connect",
    "permit_missing_host",
    "permit_obsolete_folding",
    "permit_unconventional_http_method",
    "permit_unconventional_http_version",
    "polled",
    "queue_time",
    "request_id",
    "request_timeout",
    "request_timeout_paths",
    "script_name",
    "secure_scheme_headers",
    "sendfile",
    "server",
    "siblings",
    "signal_echo",
    "signal_fd",
    "silence",
    "socket_class",
    "standin_beats",
    "strip_header_spaces",
    "threads",
    "timed",
    "tmp_upload_dir",
    "write_timeout",
);

/// Reads everything.
///
/// # Errors
/// `AttributeError` or `TypeError` where Python and Rust disagree; `ValueError` for a value that
/// cannot work, naming the setting.
pub(crate) fn read(config: &Bound<'_, PyAny>) -> PyResult<(Config, Face)> {
    let get = |name: &str| config.getattr(name);
    let limits = limits(config)?;
    let policy = policy(config)?;
    let reactor = Config {
        policy: policy.clone(),
        body: Arc::new(BodyStore::new(
            get("body_buffer_size")?.extract()?,
            get("tmp_upload_dir")?.extract::<String>()?.into(),
        )),
        server: get("server")?.extract()?,
        keepalive_ms: milliseconds(config, "keepalive")?,
        header_timeout_ms: milliseconds(config, "header_timeout")?,
        body_timeout_ms: milliseconds(config, "body_timeout")?,
        write_timeout_ms: milliseconds(config, "write_timeout")?,
        limits: limits.clone(),
        threads: get("threads")?.extract()?,
        polled: get("polled")?.extract()?,
        max_connections: get("max_connections")?.extract()?,
        siblings: get("siblings")?.extract()?,
        parent: get("parent")?.extract()?,
        signal_fd: descriptor(config, "signal_fd")?,
        signal_echo: descriptor(config, "signal_echo")?,
        bell: descriptor(config, "bell")?,
        grace_ms: milliseconds(config, "graceful_timeout")?,
        beat_ms: milliseconds(config, "beat")?,
        standin_beats: get("standin_beats")?.extract()?,
        flowing_bodies: false,
        timed: get("timed")?.extract()?,
    };
    let face = Face {
        environ: get("environ")?.cast_into()?.unbind(),
        file_wrapper: get("file_wrapper")?.cast_into()?.unbind(),
        socket_class: get("socket_class")?.cast_into()?.unbind(),
        sendfile: get("sendfile")?.extract()?,
        script_name: get("script_name")?.extract::<String>()?.into_bytes(),
        server: get("server")?.extract()?,
        addresses: get("addresses")?.extract()?,
        limits,
        max_requests: get("max_requests")?.extract()?,
        grace_ms: milliseconds(config, "graceful_timeout")?,
        request_id: get("request_id")?.extract()?,
        queue_time: get("queue_time")?.extract()?,
        policy,
        access: get("access")?.extract::<Option<Py<PyAny>>>()?,
        polled: get("polled")?.extract()?,
        parking: get("parking")?.extract::<Option<Py<PyAny>>>()?,
    };
    Ok((reactor, face))
}

/// A file descriptor; -1 is none.
fn descriptor(config: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<i32>> {
    let fd: i32 = config.getattr(name)?.extract()?;
    Ok((fd >= 0).then_some(fd))
}

/// The rules for request heads.
pub(crate) fn policy(config: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let get = |name: &str| config.getattr(name);
    let flag = |name: &str| -> PyResult<bool> { config.getattr(name)?.extract() };
    let body: u64 = get("limit_request_body")?.extract()?;
    let header_map = match get("header_map")?.extract::<String>()?.as_str() {
        "drop" => HeaderMap::Drop,
        "refuse" => HeaderMap::Refuse,
        "dangerous" => HeaderMap::Dangerous,
        other => {
            let text = format!("header_map: {other:?} is not one of drop, refuse, dangerous");
            return Err(PyValueError::new_err(text));
        }
    };
    Ok(Policy {
        limits: Limits {
            request_line: get("limit_request_line")?.extract()?,
            fields: get("limit_request_fields")?.extract()?,
            field_size: get("limit_request_field_size")?.extract()?,
            body: (body > 0).then_some(body),
        },
        permissions: Permissions {
            obsolete_folding: flag("permit_obsolete_folding")?,
            strip_header_spaces: flag("strip_header_spaces")?,
            unconventional_http_method: flag("permit_unconventional_http_method")?,
            unconventional_http_version: flag("permit_unconventional_http_version")?,
            casefold_http_method: flag("casefold_http_method")?,
            missing_host: flag("permit_missing_host")?,
            connect: flag("permit_connect")?,
        },
        forwarding: forwarding(config, header_map)?,
    })
}

fn forwarding(config: &Bound<'_, PyAny>, header_map: HeaderMap) -> PyResult<Forwarding> {
    let get = |name: &str| config.getattr(name);
    let schemes: Vec<(String, String)> = get("secure_scheme_headers")?.extract()?;
    let word: String = get("client_address")?.extract()?;
    let mut sources = ClientAddress::NAMES.iter();
    let Some(&(_, client_address)) = sources.find(|(name, _)| *name == word) else {
        let names = ClientAddress::NAMES.map(|(name, _)| name).join(", ");
        let text = format!("client_address: {word:?} is not one of {names}");
        return Err(PyValueError::new_err(text));
    };
    Ok(Forwarding {
        trusted: trusted(config)?,
        header_map,
        forwarder_headers: get("forwarder_headers")?.extract()?,
        secure_scheme_headers: schemes
            .iter()
            .map(|(name, secure)| SchemeHeader::new(name, secure))
            .collect(),
        client_address,
    })
}

fn limits(config: &Bound<'_, PyAny>) -> PyResult<TimeLimits> {
    let paths: Vec<(String, f64)> = config.getattr("request_timeout_paths")?.extract()?;
    let paths: PyResult<Vec<_>> = paths
        .into_iter()
        .map(|(prefix, limit)| {
            Ok((
                prefix.into_bytes(),
                in_milliseconds("request_timeout_paths", limit)?,
            ))
        })
        .collect();
    Ok(TimeLimits::new(
        milliseconds(config, "request_timeout")?,
        paths?,
        milliseconds(config, "silence")?,
    ))
}

fn trusted(config: &Bound<'_, PyAny>) -> PyResult<Trusted> {
    let entries: Vec<String> = config.getattr("forwarded_allow_ips")?.extract()?;
    Trusted::parse(entries.iter().map(String::as_str)).map_err(|entry| {
        PyValueError::new_err(format!(
            "forwarded_allow_ips: {entry:?} is neither an IP address, a network nor *"
        ))
    })
}

fn milliseconds(config: &Bound<'_, PyAny>, name: &str) -> PyResult<u64> {
    in_milliseconds(name, config.getattr(name)?.extract()?)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked before"
)]
fn in_milliseconds(name: &str, seconds: f64) -> PyResult<u64> {
    if (0.0..1e12).contains(&seconds) {
        // Anything but 0 stays different from 0, which means "never".
        Ok((seconds * 1000.0).ceil() as u64)
    } else {
        Err(PyValueError::new_err(format!(
            "{name}: {seconds} is not a number of seconds"
        )))
    }
}
