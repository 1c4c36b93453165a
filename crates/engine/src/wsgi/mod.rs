//! WSGI (PEP 3333): environ → application → response.

pub(crate) mod environ;
mod file;
pub(crate) mod input;
pub(crate) mod respond;
mod run;

pub(crate) use run::run;
