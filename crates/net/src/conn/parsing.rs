//! Bytes of a connection to requests: as far as the end of one, where one follows the other.

use proto::h1::CONTINUE;
use proto::{Event, Received};

use super::{Conn, Fed, Feeding};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::incoming::Incoming;

impl Conn {
    pub(super) fn parse(&mut self, input: &[u8], feeding: &mut Feeding<'_>) -> (usize, Fed) {
        let mut used = 0;
        // A request whose body flows, and whose head was among these bytes.
        let mut begun = None;
        loop {
            let rest = &input[used..];
            let spare = self.pending.as_mut().or_else(|| feeding.pool.last_mut());
            let Some(exchange) = spare else {
                return (used, Fed::Wait);
            };
            let received =
                self.proto
                    .receive(feeding.policy, rest, feeding.eof, &mut exchange.head);
            if self.proto.has_streams() {
                return self.parse_streams(input, used, received, feeding);
            }
            let Received { consumed, event } = match received {
                Ok(received) => received,
                Err(reject) => return (used, Fed::Rejected(reject)),
            };
            used += consumed;
            match event {
                Event::Proxied => self.begin_proxied(),
                Event::Begun => self.output.begin_records(self.proto.reply()),
                Event::Answers => self.put_answers(),
                Event::Closed => return (used, Fed::Closed),
                Event::Head(_)
                    if (feeding.flowing || self.redirects) && exchange.head.has_body() =>
                {
                    begun = self.begin_flowing(consumed == rest.len(), feeding);
                }
                Event::Head(_) => self.begin(consumed == rest.len(), feeding),
                Event::Body(_, range) => {
                    if let Some(incoming) = &mut self.serving.incoming {
                        incoming.push(&rest[range]);
                        continue;
                    }
                    let body = &mut exchange.body;
                    if let Err(error) = body.append(&rest[range], feeding.store) {
                        return (used, Fed::Failed(error));
                    }
                }
                Event::End(_) => {
                    if let Some(incoming) = &mut self.serving.incoming {
                        incoming.end();
                        return (used, begun.map_or(Fed::Flowed, Fed::Ready));
                    }
                    let Some(exchange) = self.pending.take() else {
                        return (used, Fed::Wait);
                    };
                    return (used, Fed::Ready(exchange));
                }
                // Nothing yet; the others are of connections with streams.
                _ => {
                    return match begun {
                        Some(exchange) => (used, Fed::Ready(exchange)),
                        None if self.serving.incoming.is_some() => (used, Fed::Flowed),
                        None => (used, Fed::Wait),
                    };
                }
            }
        }
    }

    /// What the protocol answers beside requests.
    fn put_answers(&mut self) {
        if let Some(answers) = self.proto.answers() {
            self.output.beside(&std::mem::take(answers));
        }
    }

    /// A head is complete: its exchange leaves the pool.
    #[inline]
    pub(super) fn leave_pool(&self, feeding: &mut Feeding<'_>) -> Option<Box<Exchange>> {
        let mut exchange = feeding.pool.pop()?;
        if feeding.pool.is_empty() {
            feeding.pool.push(Box::default());
        }
        exchange.peer = Some(self.peer);
        exchange.proxied.clone_from(&self.proxied);
        exchange.listener = self.listener;
        exchange.tls.clone_from(&self.tls);
        exchange.trusted = exchange.head.trusted();
        Some(exchange)
    }

    /// The body is awaited before the application has the request.
    fn begin(&mut self, nothing_follows: bool, feeding: &mut Feeding<'_>) {
        let Some(mut exchange) = self.leave_pool(feeding) else {
            return;
        };
        if let Some(length) = exchange.head.content_length() {
            exchange.body.reserve(length, feeding.store);
        }
        // RFC 9110 section 10.1.1: not needed when the content is already coming.
        if exchange.head.expect_continue() && exchange.head.has_body() && nothing_follows {
            self.output.copy(CONTINUE);
        }
        self.pending = Some(exchange);
    }

    /// The application has the request at once, and asks for the body.
    fn begin_flowing(
        &mut self,
        nothing_follows: bool,
        feeding: &mut Feeding<'_>,
    ) -> Option<Box<Exchange>> {
        let mut exchange = self.leave_pool(feeding)?;
        exchange.body = Body::Flowing;
        let expects_continue = exchange.head.expect_continue() && nothing_follows;
        self.serving.incoming = Some(Box::new(Incoming::new(expects_continue)));
        Some(exchange)
    }
}
