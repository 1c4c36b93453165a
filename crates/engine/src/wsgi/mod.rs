//! WSGI (PEP 3333): environ → application → response.

pub(crate) mod environ;
pub(crate) mod file;
pub(crate) mod input;
mod paused;
mod pieces;
mod respond;
mod response;
mod run;
mod start;
mod taken;

pub(crate) use paused::{Paused, resume};
pub(crate) use pieces::{abandon, fail, finish, send};
pub(crate) use respond::write;
pub(crate) use response::Response;
pub(crate) use run::{begin, run, seconds};
pub(crate) use start::{early_hints, fields, interim, misuse, start};
pub(crate) use taken::{flush_taken, make_way};
