//! Bytes of a connection to requests: as far as the end of one, where one follows the other.

use proto::h1::CONTINUE;
use proto::{Event, Received, Reject};

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
                Err(reject) => {
                    let is_head = exchange.is_head();
                    return (used, self.rejected(reject, is_head));
                }
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
                Event::Head(_) => {
                    self.begin(consumed == rest.len(), feeding);
                    if self.proto.ends_with_head() {
                        return (used, self.end_of_request(begun));
                    }
                }
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
                Event::End(_) => return (used, self.end_of_request(begun)),
                // Nothing yet; the others are of connections with streams.
                _ => {
                    let waits = match &self.serving.incoming {
                        Some(_) => Fed::Flowed,
                        None => Fed::Wait,
                    };
                    return (used, begun.map_or(waits, Fed::Ready));
                }
            }
        }
    }

    /// All of a request has come. `begun`: its head came just before, and its body flows.
    #[inline]
    fn end_of_request(&mut self, begun: Option<Box<Exchange>>) -> Fed {
        if let Some(incoming) = &mut self.serving.incoming {
            incoming.end();
            return begun.map_or(Fed::Flowed, Fed::Ready);
        }
        self.pending.take().map_or(Fed::Wait, Fed::Ready)
    }

    /// A head or a body was refused; of a head the method is left.
    #[cold]
    fn rejected(&mut self, reject: Reject, is_head: bool) -> Fed {
        if self.pending.is_none() && self.serving.incoming.is_none() {
            self.serving.head_method = is_head;
        }
        Fed::Rejected(reject)
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
        self.serving.head_method = exchange.is_head();
        self.pending = Some(exchange);
    }

    /// The application has the request at once, and asks for the body.
    fn begin_flowing(
        &mut self,
        nothing_follows: bool,
        feeding: &mut Feeding<'_>,
    ) -> Option<Box<Exchange>> {
        let mut exchange = self.leave_pool(feeding)?;
        self.serving.head_method = exchange.is_head();
        exchange.body = Body::Flowing;
        let expects_continue = exchange.head.expect_continue() && nothing_follows;
        self.serving.incoming = Some(Box::new(Incoming::new(expects_continue)));
        Some(exchange)
    }
}
