//! What a request says, whichever version of HTTP carries it (RFC 9110): methods, targets, and what
//! the fields of a head mean together.

pub(crate) mod framing;
pub(crate) mod meaning;
pub(crate) mod method;
pub(crate) mod target;
