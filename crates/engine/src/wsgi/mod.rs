//! WSGI (PEP 3333): environ → application → response.

mod body;
pub(crate) mod caches;
pub(crate) mod environ;
pub(crate) mod file;
pub(crate) mod input;
mod paused;
mod response;
mod run;
mod start;
pub(crate) mod websocket;

pub(crate) use body::write;
pub(crate) use paused::resume;
pub(crate) use response::Response;
pub(crate) use run::{begin, run};
pub(crate) use start::{early_hints, start_response};
