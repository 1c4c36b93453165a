//! Requests of clients that do not read their responses: they are begun when there is room for what
//! they bring, so that one connection does not fill the memory with whole responses.
//!
//! A loop that polls begins several before any is answered. Of one connection it has a few in a round:
//! in the next one it is known what the responses of these keep, or that their applications wait for
//! something else, which keeps none of the others from beginning.

use proto::StreamId;

use super::Reactor;
use crate::conn::{Conn, RequestStream, Streams};
use crate::exchange::{Exchange, RequestKey, Token};
use crate::slab::Slab;

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

    /// A loop that polls turns: requests that it began before have had their first step.
    pub(crate) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// The next request waits for the next round: its connection has had its share of this one. Those
    /// behind it wait, too: they have their order.
    #[inline]
    pub(crate) fn round_is_over(&mut self) -> bool {
        let round = self.round;
        let next = self.inbox.front().and_then(|next| next.key);
        beside(&mut self.conns, next).is_some_and(|streams| streams.has_its_share(round))
    }

    /// The loop begins a request.
    #[inline]
    pub(crate) fn begin_in_round(&mut self, exchange: &Exchange) {
        let round = self.round;
        if let Some(key) = exchange.key
            && let Some(streams) = beside(&mut self.conns, Some(key))
        {
            streams.begin(key.stream, round);
        }
    }

    fn hold_on_stream(&mut self, mut exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let key = exchange.key?;
        let streams = beside(&mut self.conns, Some(key));
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

/// The streams of the connection by which a request has come, if it carries several.
#[inline]
fn beside(conns: &mut Slab<Conn>, key: Option<RequestKey>) -> Option<&mut Streams> {
    let key = key.filter(|key| key.stream != StreamId::HTTP1)?;
    conns.get_mut(key.connection)?.streams.as_deref_mut()
}
