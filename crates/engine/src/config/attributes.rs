//! The attributes that are read of the configuration object of Python, each declared once.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::tls::{TlsStore, TlsTerms};

/// Declares what is read of an object: a field for each attribute, and their names.
macro_rules! attributes {
    ($(#[$doc:meta])* $struct:ident { $($name:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        pub(super) struct $struct { $(pub(super) $name: $type,)+ }

        impl $struct {
            /// Names of the attributes, for the test that Python has the same.
            pub(super) const NAMES: &[&str] = &[$(stringify!($name),)+];

            /// # Errors
            /// `AttributeError` or `TypeError` where Python and Rust disagree.
            pub(super) fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
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
        hsts: Option<String>,
        http2_cleartext: bool,
        http2_demanded: bool,
        http2_initial_window_size: u32,
        http2_max_concurrent_streams: u32,
        http2_max_frame_size: u32,
        http2_max_header_list_size: u32,
        http2_tls: bool,
        http2_upgrade: bool,
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
        redirect_http_port: u16,
        redirects: Vec<bool>,
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
