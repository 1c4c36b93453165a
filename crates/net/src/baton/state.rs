//! What the mutex protects: the reactor, the baton, and what is known of the application.

use std::sync::{Arc, Condvar};

use super::driver::{Driver, QUIET_NS, SLOW_NS};
use super::sharing::{Load, Pulse, Sharing};
use crate::clock;
use crate::exchange::{Exchange, RequestKey};
use crate::poll::Events;
use crate::reactor::Reactor;

pub(super) struct State {
    pub(super) reactor: Reactor,
    pub(super) driver: Driver,
    /// Grows with each request that is taken and each return from the application.
    pub(super) steps: u64,
    /// When the alarm goes off; 0: it is not set.
    pub(super) alarm_ns: u64,
    /// `steps` when the alarm of a loop that polls was set.
    pub(super) alarm_steps: u64,
    /// The last time that a request was taken while the alarm was set.
    pub(super) taken_ns: u64,
    /// When the alarm was set, and the processor time that the process had used by then.
    pub(super) set_ns: u64,
    pub(super) used_ns: u64,
    /// Requests that application threads have taken.
    pub(super) taken: u64,
    /// Whether application threads share the requests that are ready.
    pub(super) sharing: Sharing,
    /// Whether they compute.
    pub(super) pulse: Pulse,
    /// A request that runs alone, by which it is seen whether the application waits.
    pub(super) probe: Option<Probe>,
    /// Blocks of a response were held back since the stand-in last looked.
    pub(super) streams: bool,
    /// When a block of a response was last given, on a loop that polls; 0: not since its last turn.
    pub(super) streamed_ns: u64,
    /// Application threads that wait for work without driving.
    pub(super) idle: usize,
    /// Application threads that wait for room without driving.
    pub(super) waiting_for_room: usize,
    /// Application threads that wait for a message without driving, each with what wakes it.
    pub(super) waiting_for_message: Vec<(RequestKey, Arc<Condvar>)>,
    /// An application thread is blocked in the poller.
    pub(super) polling: bool,
    /// Another loop polls.
    pub(super) polled: bool,
    /// Requests with the application now.
    pub(super) running: usize,
    /// Event buffers for the next waits.
    pub(super) buffers: Vec<Events>,
}

/// What is known of a request that runs alone when it begins.
pub(super) struct Probe {
    pub(super) thread: u32,
    /// [`State::taken`] with it: it has grown if the request did not stay alone.
    pub(super) taken: u64,
    /// How often the thread had waited.
    pub(super) waits: u64,
}

impl State {
    pub(super) fn new(reactor: Reactor) -> Self {
        Self {
            polled: reactor.config.polled,
            reactor,
            driver: Driver::Unused,
            steps: 0,
            alarm_ns: 0,
            alarm_steps: 0,
            taken_ns: 0,
            set_ns: 0,
            used_ns: 0,
            taken: 0,
            sharing: Sharing::default(),
            pulse: Pulse::default(),
            probe: None,
            streams: false,
            streamed_ns: 0,
            idle: 0,
            waiting_for_room: 0,
            waiting_for_message: Vec::new(),
            polling: false,
            running: 0,
            buffers: Vec::new(),
        }
    }

    /// On a loop that polls: a block that comes soon after another one, without a turn between them, may
    /// wait for the next ones. The first leaves at once: most have none so near.
    pub(super) fn let_gather(&mut self, me: u32) {
        let now_ns = clock::monotonic_ns();
        let soon = now_ns < self.streamed_ns + QUIET_NS;
        self.streamed_ns = now_ns;
        let allowed = soon && self.driver.is(me);
        self.reactor.allow_batch(allowed);
    }

    /// New connections are accepted while an application thread is free: an idle one, or the driver if it
    /// `takes` requests.
    pub(super) fn accept_if_free(&mut self, takes: bool) {
        self.reactor.set_accepting(takes || self.idle > 0);
    }

    /// How long a driver that takes no requests itself may wait, in ms. The thread that was woken for
    /// the complete ones may be stuck in a slow request: then another one is woken.
    pub(super) fn wait_ms(&self) -> u64 {
        if self.idle > 0 && !self.reactor.inbox.is_empty() {
            return 1;
        }
        let most = if self.reactor.watches_siblings() {
            1
        } else {
            u64::MAX
        };
        self.reactor.wait_ms().min(most)
    }

    /// How long a request waits here, in ns, before it is handed to a sibling that is free. What the
    /// stand-in reads beside the only thread, or beside one that computes, waits for neither. Threads
    /// that are about to take it (`others_work`) have some time to wake.
    pub(super) fn patience_ns(&mut self, others_work: bool) -> u64 {
        let stand_in = self.driver == Driver::StandIn;
        let alone = self.reactor.config.threads == 1;
        let woken = others_work && self.idle > 0;
        if stand_in && alone {
            0
        } else if woken && !self.computes() {
            SLOW_NS
        } else if stand_in && woken {
            0
        } else {
            QUIET_NS
        }
    }

    /// A request is with the application, and computes.
    fn computes(&mut self) -> bool {
        let now_ns = self.reactor.now_ns;
        self.running > 0 && self.pulse.computes(now_ns, clock::processor_ns)
    }

    /// Of so many threads that wait for work, those that would begin with a request at once.
    pub(super) fn free(&mut self, threads: usize) -> usize {
        let several = self.reactor.config.threads > 1;
        if several && threads > 0 && self.computes() {
            0
        } else {
            threads
        }
    }

    /// What the process has done since the alarm was set.
    pub(super) fn load(&self, now_ns: u64) -> Load {
        let used_ns = clock::processor_ns().saturating_sub(self.used_ns);
        Load::of(used_ns, now_ns.saturating_sub(self.set_ns))
    }

    /// The request of thread `me` has ended: if it was the probe, and no other one ran beside it, it
    /// tells whether the application waits.
    pub(super) fn note_wait(&mut self, me: u32) {
        if let Some(probe) = self.probe.take_if(|probe| probe.thread == me)
            && probe.taken == self.taken
        {
            let waited = crate::thread::waits() > probe.waits;
            self.sharing.saw(waited, clock::monotonic_ns());
        }
    }

    /// The oldest complete request that is still to be begun, ready for the application.
    #[inline]
    pub(super) fn next_request(&mut self) -> Option<Box<Exchange>> {
        let reactor = &mut self.reactor;
        let mut exchange = loop {
            let oldest = reactor.inbox.pop_front()?;
            if let Some(exchange) = reactor.admit(oldest) {
                break exchange;
            }
        };
        reactor.one_waits_less();
        if exchange.entry.is_none() {
            // Too many waited when it was read; now there is room.
            reactor.name(&mut exchange);
        }
        exchange.first = std::mem::take(&mut reactor.sample);
        if exchange.first || reactor.config.timed || !reactor.quick() {
            exchange.started_ns = clock::monotonic_ns();
        }
        Some(exchange)
    }
}
