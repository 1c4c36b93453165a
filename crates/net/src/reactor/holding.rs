//! Requests of clients that do not read their responses: they are begun when there is room for what
//! they bring, so that one connection does not fill the memory with whole responses.

use proto::StreamId;

use super::Reactor;
use crate::conn::RequestStream;
use crate::exchange::{Exchange, Token};

impl Reactor {
    /// A request that a thread would begin with: it is held if responses of its connection, which waits
    /// for the client to read, keep too much memory.
    #[inline]
    pub(super) fn hold_if_crowded(&mut self, exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        match exchange.key {
            Some(key) if key.stream != StreamId::HTTP1 => self.hold_on_stream(exchange),
            _ => Some(exchange),
        }
    }

    fn hold_on_stream(&mut self, mut exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let key = exchange.key?;
        let conn = self.conns.get_mut(key.connection);
        let streams = conn.and_then(|conn| conn.streams.as_mut());
        let Some(streams) = streams.filter(|streams| streams.keeps_too_much()) else {
            return Some(exchange);
        };
        let Some(open) = streams.holdable(key.stream) else {
            return Some(exchange);
        };
        if let Some(entry) = exchange.entry.take() {
            // Those that a thread may begin with need the scoreboard's room.
            self.board.forget(self.slot, entry);
        }
        open.held = Some(exchange);
        None
    }

    /// Responses have left room: requests that were held wait for a thread again, behind the others,
    /// and from now on. The time before was their client's.
    pub(super) fn release_held(&mut self, token: Token) {
        while let Some(exchange) = self.next_released(token) {
            self.wait_for_thread(exchange, self.now_ns);
            // The thread that looks next may have looked at the inbox before.
            self.poller.wake();
        }
    }

    fn next_released(&mut self, token: Token) -> Option<Box<Exchange>> {
        let streams = self.conns.get_mut(token)?.streams.as_mut()?;
        if streams.keeps_too_much() {
            return None;
        }
        streams.next_held()
    }

    /// A stream is over before its time. A request that was held is for admission to count.
    pub(super) fn lose_stream(&mut self, mut open: RequestStream, token: Token) {
        if let Some(exchange) = open.held.take() {
            self.inbox.push_back(exchange);
            self.poller.wake();
        }
        self.lose(open.serving, token);
    }

    /// Nothing is waited for any more.
    pub(super) fn release_all(&mut self) {
        for conn in self.conns.iter_mut() {
            while let Some(exchange) = conn.streams.as_mut().and_then(|all| all.next_held()) {
                self.inbox.push_back(exchange);
            }
        }
    }
}
