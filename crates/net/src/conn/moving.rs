//! A connection that goes to another process with its request that waits, or comes from one.

use super::{Conn, Fed, Feeding};
use crate::body::Body;
use crate::output::Output;

impl Conn {
    /// The bytes behind the request that is with the application.
    pub(crate) fn input(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// It can be given to another process with the request that waits here: nothing is on its way to
    /// the client, and the request is complete.
    pub(crate) fn can_be_handed_over(&self) -> bool {
        self.output.is_empty()
            && !self.held_back
            && !self.write_due
            && self.proto.can_be_resumed()
            && !self.serving.begun
            && !self.serving.reports_disconnect
            && self.serving.incoming.is_none()
            && self.stream.can_be_detached()
    }

    /// Goes on with what another process has read of this connection, which is new here: a head, the
    /// whole body that it announces, and the bytes behind it.
    pub(crate) fn resume(
        &mut self,
        head: &[u8],
        body: Body,
        rest: &[u8],
        feeding: &mut Feeding<'_>,
    ) -> Fed {
        let fed = self.feed(head, feeding);
        // The other one has sent 100 (Continue) already, if it was due.
        self.output = Output::default();
        self.input.extend_from_slice(rest);
        let Some(exchange) = self.pending.as_mut().filter(|_| matches!(fed, Fed::Wait)) else {
            return fed;
        };
        exchange.body = body;
        self.proto.body_was_received();
        self.feed(&[], feeding)
    }
}
