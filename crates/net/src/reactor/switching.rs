//! Connections that go on with another protocol in their place: behind the response that switches,
//! bytes of any kind flow both ways. They come in like a body that flows ([`Reactor::read_body`]), and
//! go out like blocks of a response ([`Reactor::stream`]).

use proto::StreamId;

use super::Reactor;
use super::writing::busy;
use crate::conn::Phase;
use crate::exchange::{Exchange, RequestKey, Token};

impl Reactor {
    /// Sends the response that switches, `exchange.out`, and goes on with a tunnel, to which belongs
    /// what the client has sent behind its request; `line` goes to the access log. The exchange comes
    /// back, with nothing done, if its response does not switch or has begun, its request is not
    /// complete, or its client has gone.
    pub(crate) fn switch(
        &mut self,
        exchange: Box<Exchange>,
        line: Option<&[u8]>,
    ) -> Result<RequestKey, Box<Exchange>> {
        let Some(key) = self.may_switch(&exchange) else {
            return Err(exchange);
        };
        self.count(&exchange);
        if let Some(line) = line {
            self.log_line(line);
        }
        let token = key.connection;
        if let Some(conn) = self.conns.get_mut(token)
            && conn.leave_http(&exchange.head)
        {
            conn.begin_tunnel();
            conn.output.copy(&exchange.out);
            self.feed_rest(token);
            self.hold_or_flush(token);
            self.register(token);
        } else {
            // More of its request is to come after all, and nothing says where that ends.
            self.remove(token);
        }
        self.recycle(exchange);
        Ok(key)
    }

    /// The request of an exchange whose response may switch.
    pub(super) fn may_switch(&mut self, exchange: &Exchange) -> Option<RequestKey> {
        let key = exchange.key.filter(|_| switches(exchange))?;
        let conn = busy(&mut self.conns, key).filter(|conn| conn.streams.is_none())?;
        let complete = !conn.body_is_open();
        let request = conn.served(exchange.id)?;
        (complete && !request.begun).then_some(key)
    }

    /// The same of extended CONNECT, whose stream goes on (RFC 8441, section 4).
    pub(super) fn may_switch_stream(&mut self, exchange: &Exchange) -> Option<RequestKey> {
        let key = exchange.key.filter(|_| switches(exchange))?;
        let conn = busy(&mut self.conns, key).filter(|conn| conn.streams.is_some())?;
        let request = conn.served(exchange.id)?;
        (!request.begun).then_some(key)
    }

    /// A request that asks to go on with HTTP/2, of a peer that may speak it in clear text: it becomes
    /// that of the first stream (RFC 7540, section 3.2). It comes back if it is answered by HTTP/1.
    #[cold]
    pub(super) fn go_on_with_http2(
        &mut self,
        token: Token,
        mut exchange: Box<Exchange>,
    ) -> Option<Box<Exchange>> {
        let conn = self.conns.get_mut(token)?;
        // What stops wants no further requests.
        if !self.drain.serving() {
            return Some(exchange);
        }
        match conn.go_on_with_http2(&self.config.policy, &mut exchange) {
            Ok(false) => return Some(exchange),
            Ok(true) => self.stream_ready(token, StreamId::UPGRADED, exchange),
            Err(reject) => {
                self.recycle(exchange);
                self.refuse(token, reject);
                return None;
            }
        }
        self.flush(token);
        if self
            .conns
            .get_mut(token)
            .is_some_and(|conn| conn.has_input())
        {
            self.feed_rest(token);
        }
        None
    }

    /// Ends a tunnel from this side: what is queued is written, then the connection is closed. What
    /// its client still sends is dropped (RFC 9110 section 9.3.6).
    pub(crate) fn end_tunnel(&mut self, key: RequestKey) {
        let conn = busy(&mut self.conns, key);
        if let Some(conn) = conn.filter(|conn| conn.is_tunnel() && conn.serving.websocket.is_none())
        {
            conn.end_tunnel();
            self.flush(key.connection);
        }
    }

    /// Time is up: ends all tunnels and WebSocket connections, and tells their applications.
    pub(super) fn end_tunnels(&mut self) {
        let open = self.conns.iter();
        let open = open.filter(|(_, conn)| conn.is_tunnel() && conn.phase == Phase::Busy);
        let keys: Vec<_> = open.map(|(token, conn)| conn.serving.key(token)).collect();
        for key in self.all_websockets() {
            self.end_websocket_now(key);
        }
        for key in keys {
            if let Some(conn) = busy(&mut self.conns, key) {
                self.news.of_lost(&conn.serving, key.connection);
                self.news.room = true;
            }
            self.end_tunnel(key);
        }
    }
}

/// Whether its response ends HTTP on its connection.
fn switches(exchange: &Exchange) -> bool {
    let connect = exchange.facts().connect;
    let status = exchange.response.draft.status();
    proto::protocol::switches(exchange.head.upgrade(), connect, status)
}

#[cfg(test)]
mod tests;
