//! Responses on their way back: whole, in parts, or not at all.

use std::io;
use std::os::fd::OwnedFd;

use super::Loop;
use super::driver::QUIET_NS;
use super::state::State;
use crate::exchange::{Exchange, RequestKey};
use crate::output::{FilePart, Shared};
use crate::reactor::{Block, Room, Tail};

impl Loop {
    /// A response is complete; `line` goes to the access log.
    #[inline]
    pub fn finish<S: Shared + 'static>(
        &self,
        me: u32,
        exchange: Box<Exchange>,
        tail: Tail<S>,
        keep: bool,
        line: Option<&[u8]>,
    ) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        // A loop that polls asks for the next request then, or turns.
        if state.polled && state.driver.is(me) {
            state.reactor.allow_batch(true);
        }
        // First: a client with an answer can rely on its line, even if this process is killed now.
        if let Some(line) = line {
            state.reactor.log_line(line);
        }
        state.reactor.finish(exchange, tail, keep);
        state.request_ended(me);
        if state.reactor.news.room {
            self.tell_of_room(&mut state);
        }
    }

    /// A response that cannot be given to a client: the exchange was taken over or its client has gone.
    pub fn discard(&self, me: u32, exchange: Box<Exchange>) {
        let mut state = self.lock();
        state.reactor.discard(exchange);
        state.request_ended(me);
    }

    /// A part of a response: the encoded `head`, unless that was given before, then a block.
    pub fn stream<S: Shared + 'static>(
        &self,
        me: u32,
        key: RequestKey,
        head: &[u8],
        block: Block<'_, S>,
    ) -> Room {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        if state.polled && !state.reactor.config.gathers {
            state.let_gather(me);
        }
        let room = state.reactor.stream(key, head, block);
        self.held_back(&mut state);
        room
    }

    /// An interim response, ahead of the response itself.
    pub fn interim(&self, me: u32, key: RequestKey, bytes: &[u8]) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.interim(key, bytes);
        self.held_back(&mut state);
    }

    /// A part of a file as a part of a response.
    pub fn stream_file(&self, me: u32, key: RequestKey, part: FilePart) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.stream_file(key, part);
        self.held_back(&mut state);
    }

    /// The response of `exchange`, all of which is in its `out`, switches to another protocol: 101, or
    /// success to CONNECT; `line` goes to the access log. The connection keeps its place here: what its
    /// client sends comes by [`Loop::read_body`], what goes to it by [`Loop::stream`], as it is, until
    /// [`Loop::end_tunnel`]. The exchange comes back, with nothing done, if its response does not
    /// switch or has begun, its request is not complete, or its client has gone.
    pub fn switch(
        &self,
        me: u32,
        exchange: Box<Exchange>,
        line: Option<&[u8]>,
    ) -> Result<RequestKey, Box<Exchange>> {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        let key = state.reactor.switch(exchange, line)?;
        state.request_ended(me);
        self.held_back(&mut state);
        Ok(key)
    }

    /// Ends a connection that has switched, when what is queued for its client is written.
    pub fn end_tunnel(&self, key: RequestKey) {
        self.lock().reactor.end_tunnel(key);
    }

    /// The stand-in must write what was held back in time.
    #[inline]
    pub(super) fn held_back(&self, state: &mut State) {
        let Some(since_ns) = state.reactor.parts_since() else {
            return;
        };
        let known = std::mem::replace(&mut state.streams, true);
        if state.polled && !known {
            // It is written as soon as the application waits, and its loop turns, or by the stand-in.
            if !state.reactor.config.gathers {
                self.poller.wake();
            }
            self.alarm.set(since_ns + QUIET_NS, since_ns);
        } else if !known && state.alarm_ns > since_ns + QUIET_NS {
            self.set_alarm(state, since_ns + QUIET_NS, since_ns);
        }
    }

    /// Gives the socket of an exchange away, with the bytes read beyond the request, and those of
    /// earlier responses that the client has not read yet.
    pub fn detach(&self, key: RequestKey) -> Option<(OwnedFd, Vec<u8>, io::Result<Vec<u8>>)> {
        let mut state = self.lock();
        state.reactor.flush_output();
        state.reactor.detach(key)
    }

    /// Whether a response must announce the end of its connection.
    #[inline]
    pub fn last_answer(&self, key: Option<RequestKey>) -> bool {
        self.stopping() && key.is_none_or(|key| self.lock().reactor.last_answer(key))
    }

    /// Output may be held back only by the driver: it comes back to write it, or the stand-in sees
    /// that it does not. Another driver may be asleep in the poller, and would not know.
    #[inline]
    #[expect(clippy::unused_self, reason = "beside grab and depart")]
    pub(super) fn let_hold(&self, state: &mut State, me: u32) {
        let gathers = !state.polled || state.reactor.config.gathers;
        state.reactor.allow_batch(gathers && state.driver.is(me));
    }
}

#[cfg(test)]
mod tests;
