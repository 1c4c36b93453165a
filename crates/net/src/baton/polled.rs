//! The baton with a loop that is not ours (gevent's hub, an `IOLoop`): it polls the poller's
//! descriptor, and turns the reactor when that is readable or a deadline has come. Its one thread
//! runs many requests at a time, and never waits here.
//!
//! The driver is away while requests are with the application. The stand-in then looks now and then
//! whether the loop still turns; it does not as long as one of them keeps the thread.

use super::Loop;
use super::driver::Driver;
use super::standin::POLLED_LOOK_NS;
use super::state::State;
use crate::drain::Drain;
use crate::exchange::{Exchange, RequestKey};
use crate::incoming::BodyPart;
use crate::notice::Notice;
use crate::poll::Events;
use crate::reactor::Room;

/// Which requests a loop takes with a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// None: it takes one after the other with [`Loop::take_ready`].
    Later,
    /// Those that are ready, as far as it has room. Without room for more, new connections and what
    /// waits are left to the siblings until the next turn.
    Now(usize),
}

/// What one turn has brought.
pub struct TurnOutcome {
    /// Complete requests, oldest first.
    pub requests: Vec<Box<Exchange>>,
    /// For the error log.
    pub notices: Vec<Notice>,
    /// Requests that wait for room may have some.
    pub room: bool,
    /// Clients that send no more, of those whose disconnect is to be reported.
    pub disconnected: Vec<RequestKey>,
    /// Requests with more of a body that flows, for which [`Loop::read_body`] was asked in vain.
    pub bodies: Vec<RequestKey>,
    /// WebSocket connections with a message, or with their end, for which [`Loop::take_message`] was
    /// asked in vain.
    pub messages: Vec<RequestKey>,
    /// Requests were found over their time.
    pub late: bool,
    /// There will be no more work, ever.
    pub stopped: bool,
    /// When to turn again at the latest, in ms.
    pub wait_ms: u64,
}

impl Loop {
    /// Readable when there is something to do for [`Loop::turn`].
    pub fn poll_fd(&self) -> std::os::fd::RawFd {
        self.poller.fd()
    }

    /// One turn without waiting, by the thread of the polling loop. Requests that it does not take are
    /// left to the next turn, or to [`Loop::take_ready`].
    pub fn turn(&self, me: u32, taking: Taking) -> TurnOutcome {
        let mut state = self.lock();
        let state = &mut *state;
        let has_room = taking != Taking::Now(0);
        state.driver = Driver::InReactor(me);
        state.reactor.thread_is_back();
        state.reactor.set_accepting(has_room);
        state.reactor.set_free(usize::from(has_room));
        state.reactor.news.interrupted = false;
        self.look(state);
        state.reactor.process(usize::MAX);
        self.end_turn(state, true);
        state.streams = false;
        state.streamed_ns = 0;
        state.reactor.begin_round();
        let room = match taking {
            Taking::Later => 0,
            Taking::Now(room) => room,
        };
        let most = state.reactor.most_at_once().min(room);
        let mut requests = Vec::with_capacity(state.reactor.inbox.len().min(most));
        // Afterwards only what its loop has returned is there.
        while state.reactor.drain != Drain::Stopped
            && requests.len() < most
            && let Some(exchange) = state.next_of_round()
        {
            requests.push(exchange);
        }
        let full = taking == Taking::Now(requests.len());
        if full {
            state.reactor.set_accepting(false);
            state.reactor.set_free(0);
            let patience_ns = state.patience_ns(false);
            state.reactor.hand_over_waiting(patience_ns);
        } else if !requests.is_empty() && !state.reactor.inbox.is_empty() {
            // No event tells of the others.
            self.poller.wake();
        }
        state.running += requests.len();
        if state.running == 0 {
            state.all_done();
        } else {
            let now_ns = state.reactor.now_ns;
            self.depart(state, me, now_ns);
        }
        TurnOutcome {
            requests,
            notices: state.reactor.notices.take(),
            room: std::mem::take(&mut state.reactor.news.room),
            disconnected: std::mem::take(&mut state.reactor.news.disconnected),
            bodies: std::mem::take(&mut state.reactor.news.bodies),
            messages: std::mem::take(&mut state.reactor.news.messages),
            late: std::mem::take(&mut state.reactor.news.late),
            stopped: state.reactor.drain == Drain::Stopped,
            wait_ms: if full {
                state.wait_ms()
            } else {
                state.reactor.wait_ms()
            },
        }
    }

    /// A request that became complete with the answer before it, without a turn. Their answers leave
    /// together, when there is no next one, or with the next turn: the stand-in sees to it that one
    /// comes.
    pub fn take_ready(&self, me: u32) -> Option<Box<Exchange>> {
        let mut state = self.lock();
        let state = &mut *state;
        if state.reactor.drain == Drain::Stopped {
            return None;
        }
        let key = state.reactor.inbox.front().and_then(|next| next.key);
        // A client that does not read its answers leaves the others their turn.
        let ready = key.is_some_and(|key| state.reactor.room(key).is_some());
        let next = if ready { state.next_of_round() } else { None };
        let Some(exchange) = next else {
            if ready && !state.reactor.inbox.is_empty() {
                self.poller.wake();
            }
            state.reactor.flush_output();
            state.streams = false;
            return None;
        };
        state.running += 1;
        let now_ns = state.reactor.now_ns;
        self.depart(state, me, now_ns);
        Some(exchange)
    }

    /// Whether there is a request for [`Loop::take_ready`], mostly.
    pub fn has_ready(&self) -> bool {
        !self.lock().reactor.inbox.is_empty()
    }

    /// Whether a turn would find something that no event tells of, such as a pipelined request.
    pub fn pending(&self) -> bool {
        let mut state = self.lock();
        let reactor = &mut state.reactor;
        let ready = !reactor.inbox.is_empty() && !reactor.round_is_over();
        let work = ready || reactor.wait_ms() == 0;
        work || reactor.holds_output()
            || reactor.news.room
            || !reactor.news.disconnected.is_empty()
            || !reactor.news.bodies.is_empty()
            || !reactor.news.messages.is_empty()
            || !reactor.drain.serving()
    }

    /// Whether the client of `key` has read on; `None`: not yet.
    pub fn room(&self, key: RequestKey) -> Option<Room> {
        self.lock().reactor.room(key)
    }

    /// More of the body of a request, if bodies flow, or of what comes through a connection that has
    /// switched: appends at most `most` bytes, at least one, to `room`. After
    /// [`BodyPart::Later`] a later [`Loop::turn`] names the connection when it is worth asking again.
    pub fn read_body(&self, key: RequestKey, most: usize, room: &mut Vec<u8>) -> BodyPart {
        self.lock().reactor.read_body(key, most, room)
    }

    /// Whether the body of a request has come and was handed out as a whole.
    pub fn body_is_over(&self, key: RequestKey) -> bool {
        self.lock().reactor.body_is_over(key)
    }

    /// Has a later [`Loop::turn`] tell, once, that the client of `key` sends no more.
    pub fn report_disconnect(&self, key: RequestKey) {
        let mut state = self.lock();
        state.reactor.report_disconnect(key);
        if !state.reactor.news.disconnected.is_empty() {
            // It was so already: no event will tell of it.
            self.poller.wake();
        }
    }

    /// A response that its application will not complete: the connection ends without the rest.
    pub fn abandon(&self, me: u32, exchange: Box<Exchange>) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.abandon(exchange);
        state.request_ended(me);
    }

    /// A request that its loop begins now, some time after it was handed over; `None`: it was not to
    /// be begun any more, and has been answered.
    pub fn admit(&self, me: u32, exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        let admitted = state.reactor.admit(exchange);
        if admitted.is_none() {
            state.request_ended(me);
        }
        admitted
    }

    /// A request for which its application has no room: 503, and the client may come again.
    pub fn shed(&self, me: u32, exchange: Box<Exchange>) {
        let mut state = self.lock();
        self.let_hold(&mut state, me);
        state.reactor.shed(exchange);
        state.request_ended(me);
    }

    /// A complete request that its loop has not begun, and will not: [`Loop::close`] answers it with
    /// 503.
    pub fn return_unbegun(&self, exchange: Box<Exchange>) {
        self.lock().reactor.inbox.push_back(exchange);
    }

    /// Takes the events there are.
    pub(super) fn look(&self, state: &mut State) {
        let mut events = state.buffers.pop().unwrap_or_else(Events::new);
        if self.poller.wait(&mut events, Some(0)).is_err() {
            events.clear();
        }
        state.reactor.harvest(&mut events);
        state.buffers.push(events);
    }

    /// Requests are with the application: the stand-in begins to look, unless it does already.
    #[inline]
    pub(super) fn wake_for_looks(&self, state: &mut State, now_ns: u64) {
        if state.alarm_ns == 0 {
            state.alarm_steps = state.steps;
            self.set_alarm(state, now_ns + POLLED_LOOK_NS, now_ns);
        }
    }

    /// The turn of the stand-in, while the polling loop is kept from its own: what is not with
    /// the application is read, written and timed out; new connections are left to the siblings.
    pub(super) fn cover_polled(&self, state: &mut State) {
        state.reactor.set_accepting(false);
        state.reactor.set_free(0);
        self.look(state);
        state.reactor.process(usize::MAX);
        self.end_turn(state, false);
        state.reactor.hand_over_waiting(0);
        // Whether or not there is news: it accepts connections again as soon as it turns.
        self.poller.wake();
    }
}

impl State {
    /// The next request for a loop that polls, unless that is to come in its next round.
    fn next_of_round(&mut self) -> Option<Box<Exchange>> {
        if self.reactor.round_is_over() {
            return None;
        }
        let exchange = self.next_request()?;
        self.reactor.begin_in_round(&exchange);
        Some(exchange)
    }

    /// A request has ended; with the last one the application of a loop that polls is at rest.
    #[inline]
    pub(super) fn request_ended(&mut self, me: u32) {
        if self.probe.is_some() {
            self.note_wait(me);
        }
        self.running = self.running.saturating_sub(1);
        if self.polled && self.running == 0 && self.driver.is(me) {
            self.all_done();
        }
    }

    /// Nothing is with the application: the stand-in may sleep.
    fn all_done(&mut self) {
        if let Driver::InApplication(me) = self.driver {
            self.driver = Driver::InReactor(me);
            self.steps += 1;
        }
    }
}
