//! The engine as Python sees it: `licorne._engine`.
//!
//! It translates and decides nothing about HTTP: parsing and encoding are `proto`, sockets and
//! threads are `net`. What is here runs under the interpreter lock, and never waits with it.
//!
//! A module uses only modules above it in this list, and none uses another in a circle
//! (`tests/architecture/test_rust.py` reads the list):
//!
//! ```text
//! values     text proxied lookup repeated past parked shared chunks breakpoint counts tls config/attributes
//!            config/policy config
//! services   board explain head fields reader reply
//! the log    intact access_values access_unserved access spans
//! requests   core secured wsgi/input wsgi/caches wsgi/environ exchange
//! responses  sending taken response failure pieces websocket
//! WSGI       wsgi/file wsgi/start wsgi/response wsgi/body wsgi/websocket wsgi/run wsgi/paused wsgi/mod
//! ASGI       asgi/marks asgi/calling asgi/leaving asgi/within asgi/first_step asgi/awaiting asgi/done
//!            asgi/options asgi/unchanged asgi/scope asgi/stage asgi/shared asgi/waiter asgi/arriving
//!            asgi/event asgi/event_stream asgi/start asgi/websocket_stage asgi/websocket
//!            asgi/request asgi/caller asgi/waiting asgi/receive asgi/send asgi/mod
//! Python     methods spare unserved engine driver/application driver/task driver/relay driver
//! ```

mod access;
mod access_unserved;
mod access_values;
mod asgi;
mod board;
mod breakpoint;
mod chunks;
mod config;
mod core;
mod counts;
mod driver;
mod engine;
mod exchange;
mod explain;
mod failure;
mod fields;
mod head;
mod intact;
mod lookup;
mod methods;
mod parked;
mod past;
mod pieces;
mod proxied;
mod reader;
mod repeated;
mod reply;
mod response;
mod secured;
mod sending;
mod shared;
mod spans;
mod spare;
mod taken;
mod text;
mod tls;
mod unserved;
mod websocket;
mod wsgi;

#[global_allocator]
static HEAP: net::heap::LargeApart = net::heap::LargeApart;

/// The native engine: everything that touches bytes of a request.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use crate::asgi::first_step::FirstStep;
    #[pymodule_export]
    use crate::asgi::leaving::ClientDisconnected;
    #[pymodule_export]
    use crate::asgi::request::Request;
    #[pymodule_export]
    use crate::board::{InFlight, Overdue, Scoreboard, WorkerSnapshot};
    #[pymodule_export]
    use crate::breakpoint::BreakpointHook;
    #[pymodule_export]
    use crate::counts::Counts;
    #[pymodule_export]
    use crate::driver::AsgiDriver;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::exchange::Exchange;
    #[pymodule_export]
    use crate::explain::explain_proxy;
    #[pymodule_export]
    use crate::head::RequestHead;
    #[pymodule_export]
    use crate::reader::{Refusal, RequestReader, error_page, reason_phrase};
    #[pymodule_export]
    use crate::reply::Reply;
    #[pymodule_export]
    use crate::spans::RecordedRequest;
    #[pymodule_export]
    use crate::tls::{TlsCertificate, TlsStore, TlsTerms, self_signed, tls_key};
    #[pymodule_export]
    use crate::wsgi::Response;
    #[pymodule_export]
    use crate::wsgi::file::file_extent;
    #[pymodule_export]
    use crate::wsgi::input::Input;
    #[pymodule_export]
    use crate::wsgi::websocket::WebSocket;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the Python name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
