//! WebSocket connections as an application has them.
//!
//! ```text
//!   proto::ws::Handshake::of(&exchange.head, settings.compression)      the engine judges the request,
//!     .accept(subprotocol, &mut exchange.response.draft)                encodes the answer into exchange.out
//!   switch_websocket(me, &mut exchange, handshake.deflate())            ──▶ RequestKey
//!   take_message(key) │ wait_for_message(me, key, blocking)             ──▶ Message
//!   send_message(me, key, kind, outgoing)                               ──▶ Room; wait_for_room as ever
//!   close_websocket(me, key, code, reason)                              ──▶ Misuse: code or reason
//!   end_websocket(me, key, exchange, line)                              once for each switch
//! ```
//!
//! A connection is with the application from its switch to [`Loop::end_websocket`], so that pings are
//! answered meanwhile, whatever its threads or its loop do.

use std::sync::{Arc, Condvar, PoisonError};

use proto::ws::{Agreed, Kind, Misuse};

use super::state::State;
use super::{Blocking, Loop};
use crate::exchange::{Exchange, RequestKey};
use crate::output::Shared;
use crate::reactor::Room;
use crate::websocket::{Message, Outgoing};

impl Loop {
    /// The response of `exchange`, all of which is in its `out`, accepts a WebSocket handshake; `agreed`
    /// is what has come of permessage-deflate. What the client has sent behind its request is taken
    /// for messages. The exchange stays with the caller, without a connection, as long as it is
    /// wanted: [`Loop::end_websocket`] or [`Loop::recycle`] takes it back.
    ///
    /// `None`, with nothing done: its response does not switch or has begun, its request is not
    /// complete, or its client has gone.
    pub fn switch_websocket(
        &self,
        me: u32,
        exchange: &mut Exchange,
        agreed: Option<Agreed>,
    ) -> Option<RequestKey> {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        let key = state.reactor.switch_websocket(exchange, agreed)?;
        self.held_back(&mut state);
        Some(key)
    }

    /// An exchange whose connection has become a WebSocket one is not needed any more: its memory is
    /// used again.
    pub fn recycle(&self, exchange: Box<Exchange>) {
        debug_assert!(exchange.key.is_none(), "its request is not answered");
        self.lock().reactor.recycle(exchange);
    }

    /// The next message of a client, or the end of its connection. After [`Message::Later`] a later
    /// [`Loop::turn`] names the connection when it is worth asking again.
    pub fn take_message(&self, key: RequestKey) -> Message {
        self.lock().reactor.take_message(key)
    }

    /// Waits for the next message of a client, or for the end of its connection; never
    /// [`Message::Later`]. `None`: a signal came, ask again.
    pub fn wait_for_message(
        &self,
        me: u32,
        key: RequestKey,
        blocking: &impl Blocking,
    ) -> Option<Message> {
        blocking.block(|| {
            let mut state = self.lock();
            loop {
                let message = state.reactor.take_message(key);
                if message != Message::Later {
                    self.step_back(&mut state, me);
                    return Some(message);
                }
                if !self.grab(&mut state, me) {
                    let waiter = Arc::new(Condvar::new());
                    let waiting = (key, Arc::clone(&waiter));
                    state.waiting_for_message.push(waiting);
                    state = waiter.wait(state).unwrap_or_else(PoisonError::into_inner);
                    let others = &mut state.waiting_for_message;
                    others.retain(|(_, other)| !Arc::ptr_eq(other, &waiter));
                    continue;
                }
                state.reactor.flush_output();
                let (back, calm) = self.drive_once(state, true);
                state = back;
                if !calm || std::mem::take(&mut state.reactor.news.interrupted) {
                    self.step_back(&mut state, me);
                    return None;
                }
            }
        })
    }

    /// Sends a message. [`Room::Full`]: wait for room before the next one. [`Room::Gone`]: the
    /// connection is closed, or closing, and [`Loop::take_message`] says how.
    pub fn send_message<S: Shared + 'static>(
        &self,
        me: u32,
        key: RequestKey,
        kind: Kind,
        message: Outgoing<'_, S>,
    ) -> Room {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        let room = state.reactor.send_message(key, kind, message);
        self.held_back(&mut state);
        self.tell_of_messages(&mut state);
        room
    }

    /// Sends the close frame: from now on nothing is sent, and messages that come are dropped. The end
    /// is told when the client has answered, or its time for that is over. Nothing is done for a
    /// connection that is closed, or closing.
    ///
    /// # Errors
    /// A code that may not be sent, or a reason that is too long; nothing is done then either.
    pub fn close_websocket(&self, key: RequestKey, code: u16, reason: &str) -> Result<(), Misuse> {
        let mut state = self.lock();
        let closed = state.reactor.close_websocket(key, code, reason);
        self.tell_of_messages(&mut state);
        closed
    }

    /// The application is done with a connection: it is closed with 1000, unless it is closing or has
    /// ended, and nothing more is told of it. To be called once for each that has switched. `exchange`
    /// is taken back if the caller has it still; `line` goes to the access log.
    pub fn end_websocket(
        &self,
        me: u32,
        key: RequestKey,
        exchange: Option<Box<Exchange>>,
        line: Option<&[u8]>,
    ) {
        let mut state = self.lock();
        if let Some(line) = line {
            state.reactor.log_line(line);
        }
        state.reactor.end_websocket(key);
        if let Some(exchange) = exchange {
            state.reactor.recycle(exchange);
        }
        state.request_ended(me);
        if state.reactor.news.room {
            self.tell_of_room(&mut state);
        }
    }

    /// Connections have messages for which applications wait.
    pub(super) fn tell_of_messages(&self, state: &mut State) {
        let State {
            reactor,
            waiting_for_message,
            polled,
            ..
        } = state;
        let news = &mut reactor.news.messages;
        if *polled {
            if !news.is_empty() {
                // The next `turn` tells of them.
                self.poller.wake();
            }
            return;
        }
        for key in news.drain(..) {
            for (_, waiter) in waiting_for_message.iter().filter(|each| each.0 == key) {
                waiter.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests;
