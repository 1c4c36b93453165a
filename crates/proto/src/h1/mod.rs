//! One HTTP/1 connection, seen from the server (RFC 9112).

mod encode;
mod error_page;
mod server;
mod state;

pub use encode::{
    BodyFraming, BodySize, CHUNK_END, CONTINUE, LAST_CHUNK, Misuse, RequestFacts, ResponseDraft,
    ResponseFraming, chunk_start, interim,
};
pub use error_page::error_page;
pub use server::ServerFields;
pub use state::{OutOfTurn, Sending, Sent};

use crate::event::{Event, Received};
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Connection {
    trusted: bool,
}

impl Connection {
    /// A connection that has seen nothing yet; `trusted` says that the peer is in
    /// `forwarded_allow_ips`.
    pub fn new(trusted: bool) -> Self {
        Self { trusted }
    }

    /// Takes one step.
    ///
    /// `input` holds all bytes that were received and not consumed. `eof` says that no more will
    /// come. While a head is incomplete `head` is scratch space; with [`Event::Head`] it is filled.
    /// After a refusal every further call gives the same refusal.
    pub fn receive(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let _ = (policy, input, eof, head, self.trusted);
        Ok(Received {
            consumed: 0,
            event: Event::NeedMore,
        })
    }

    /// Makes ready for the next request, once [`Event::End`] was given. If the last one does not
    /// allow another, the connection is closed instead.
    pub fn next_request(&mut self) {}

    /// Whether bytes of a body are still to come.
    pub fn in_body(&self) -> bool {
        false
    }

    /// Whether nothing of the next request was seen yet.
    pub fn idle(&self) -> bool {
        true
    }
}
