//! A model of the threads around the baton, for tests: the real [`Loop`] in one thread. What
//! application threads and the stand-in do between two waits, and each wait, is one step of a
//! schedule. Time stands still but for the alarm, which sets the clock.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use super::standin;
use super::taking::{RoomWait, Wait};
use super::tests::{ANSWER, BLOCK, GET, Shape};
use super::*;
use crate::poll::Events;
use crate::poll::readable;
use crate::reactor::{Block, Tail};
use crate::testing::{Bytes, Client, Rig, set_clock_ns, set_used_ns, used_ns};

/// More than a socket takes at once, and a connection queues without asking its application to wait.
const LARGE: usize = 600 * 1024;

/// Where an application thread is between two of its steps.
enum Thread {
    /// About to ask for work.
    Asks,
    /// It has found none, and is about to wait.
    Waits,
    /// In the poller.
    Polls(Events),
    /// Back from the poller, and about to take the mutex.
    HasPolled(Events),
    /// Until it is woken.
    Sleeps,
    /// In the application.
    Runs(Box<Exchange>),
    /// It has to wait until its client has read on.
    WantsRoom(Box<Exchange>),
    /// In the poller for that, for so many ms at most.
    PollsForRoom(Box<Exchange>, Events, u64),
    /// Until it is woken for that.
    SleepsForRoom(Box<Exchange>),
}

/// The same for the stand-in.
enum StandIn {
    /// Until the alarm goes off or it is woken.
    Sleeps,
    /// In the poller, for so many ms at most.
    Polls(u64),
    /// Back from the poller.
    HasPolled(Events),
}

/// One step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A client sends its request.
    Request,
    /// An application thread goes on; from the application with a complete response.
    Thread(usize),
    /// Its application gives a block of the response.
    Stream(usize),
    /// The stand-in goes on.
    StandIn,
    /// A client reads what there is.
    Read(usize),
}

pub(super) struct Model {
    baton: Loop,
    clients: Vec<Client<UnixStream>>,
    /// How many of them have sent their requests.
    sent: usize,
    threads: Vec<Thread>,
    stand_in: StandIn,
    /// Streamed blocks, by the number of their request.
    streamed: Vec<u64>,
    /// What clients have read: the bytes of large blocks by their number.
    received: Vec<Vec<u8>>,
    large_bytes: usize,
    shape: Shape,
    /// A thread whose application does not come back.
    pub(super) stuck: Option<usize>,
}

impl Model {
    pub(super) fn new(shape: Shape) -> Self {
        let Shape {
            threads, clients, ..
        } = shape;
        let mut rig = Rig::with(|config| config.threads = threads);
        let clients = (0..clients).map(|_| rig.connect()).collect();
        let baton = Loop::new(rig.reactor).unwrap();
        if shape.shares {
            baton.lock().sharing = sharing::Sharing::until(u64::MAX);
        }
        Self {
            baton,
            clients,
            sent: 0,
            threads: (0..threads).map(|_| Thread::Asks).collect(),
            stand_in: StandIn::Sleeps,
            streamed: Vec::new(),
            large_bytes: 0,
            received: vec![Vec::new(); shape.clients],
            shape,
            stuck: None,
        }
    }

    /// The threads that are in the application.
    pub(super) fn running(&self) -> Vec<usize> {
        let runs = |index: &usize| matches!(self.threads[*index], Thread::Runs(_));
        (0..self.threads.len()).filter(runs).collect()
    }

    /// The steps that can be next.
    pub(super) fn possible(&self) -> Vec<Step> {
        let state = self.baton.lock();
        let woken = self.baton.woken.load(Ordering::SeqCst);
        let mut steps = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            let goes_on = match thread {
                Thread::Asks | Thread::Waits | Thread::HasPolled(_) => true,
                Thread::Polls(_) => readable(self.baton.poller.fd()),
                Thread::Sleeps => woken > 0,
                Thread::Runs(_) | Thread::WantsRoom(_) => self.stuck != Some(index),
                Thread::PollsForRoom(_, _, wait_ms) => {
                    *wait_ms <= 1 || readable(self.baton.poller.fd())
                }
                Thread::SleepsForRoom(_) => self.baton.room_told.load(Ordering::SeqCst),
            };
            if goes_on {
                steps.push(Step::Thread(index));
            }
        }
        let stand_in = match self.stand_in {
            StandIn::Sleeps => state.alarm_ns != 0 || readable(self.baton.waker.fd()),
            StandIn::Polls(wait_ms) => {
                let [poller, waker] = [self.baton.poller.fd(), self.baton.waker.fd()].map(readable);
                wait_ms <= 1 || poller || waker
            }
            StandIn::HasPolled(_) => true,
        };
        if stand_in {
            steps.push(Step::StandIn);
        }
        if self.sent < self.clients.len() {
            steps.push(Step::Request);
        }
        for (index, client) in self.clients.iter().enumerate() {
            if self.shape.large && readable(client.0.as_raw_fd()) {
                steps.push(Step::Read(index));
            }
        }
        for (index, thread) in self.threads.iter().enumerate() {
            if let Thread::Runs(exchange) = thread
                && !self.streamed.contains(&exchange.id)
            {
                steps.push(Step::Stream(index));
            }
        }
        steps
    }

    pub(super) fn perform(&mut self, step: Step) {
        match step {
            Step::Request => {
                self.clients[self.sent].send(GET.repeat(self.shape.pipelined));
                self.sent += 1;
            }
            Step::Thread(index) => self.go_on(index),
            Step::Stream(index) => {
                let Thread::Runs(exchange) = &self.threads[index] else {
                    panic!("no request runs in {index}");
                };
                self.streamed.push(exchange.id);
                let key = exchange.key.unwrap();
                if !self.shape.large {
                    let block = Block::<Bytes>::Chunk(b"block");
                    let room = self.baton.stream(number(index), key, b"", block);
                    assert_eq!(room, Room::Yes);
                    return;
                }
                let block = Block::Shared(Bytes(vec![b'x'; LARGE]));
                let room = self.baton.stream(number(index), key, b"", block);
                assert_eq!(room, Room::Full);
                let thread = std::mem::replace(&mut self.threads[index], Thread::Asks);
                if let Thread::Runs(exchange) = thread {
                    self.threads[index] = Thread::WantsRoom(exchange);
                }
            }
            Step::StandIn => self.stand_in_goes_on(),
            Step::Read(index) => self.read(index),
        }
        self.wake_for_room();
        // A thread that does not sleep cannot be woken.
        let asleep = self
            .threads
            .iter()
            .filter(|each| matches!(each, Thread::Sleeps));
        self.baton.woken.fetch_min(asleep.count(), Ordering::SeqCst);
    }

    fn read(&mut self, index: usize) {
        let bytes = self.clients[index].receive_some().unwrap();
        let (large, other): (Vec<u8>, Vec<u8>) = bytes.iter().partition(|&&byte| byte == b'x');
        self.large_bytes += large.len();
        self.received[index].extend(other);
    }

    /// All threads that sleep for room are woken when there is some.
    fn wake_for_room(&mut self) {
        if !self.baton.room_told.swap(false, Ordering::SeqCst) {
            return;
        }
        for thread in &mut self.threads {
            *thread = match std::mem::replace(thread, Thread::Asks) {
                Thread::SleepsForRoom(exchange) => {
                    self.baton.lock().waiting_for_room -= 1;
                    Thread::WantsRoom(exchange)
                }
                other => other,
            };
        }
    }

    fn go_on(&mut self, index: usize) {
        let me = number(index);
        let thread = std::mem::replace(&mut self.threads[index], Thread::Asks);
        let baton = &self.baton;
        self.threads[index] = match thread {
            Thread::Asks => match baton.take_now(&mut baton.lock(), me) {
                Some(Taken::Exchange(mut exchange)) => {
                    exchange.begun = true;
                    Thread::Runs(exchange)
                }
                Some(_) => panic!("there is nothing else to take"),
                None => Thread::Waits,
            },
            Thread::Waits => {
                let mut state = baton.lock();
                match baton.next_wait(&mut state, me) {
                    Wait::Over => Thread::Asks,
                    Wait::Polling => Thread::Polls(Loop::before_wait(&mut state, false).0),
                    Wait::Asleep => Thread::Sleeps,
                }
            }
            Thread::Polls(mut events) => {
                baton.poller.wait(&mut events, Some(0)).unwrap();
                Thread::HasPolled(events)
            }
            Thread::HasPolled(events) => {
                baton.after_wait(&mut baton.lock(), events, false);
                Thread::Waits
            }
            Thread::Sleeps => {
                baton.woken.fetch_sub(1, Ordering::SeqCst);
                baton.lock().idle -= 1;
                Thread::Waits
            }
            Thread::WantsRoom(exchange) => wait_for_room(baton, me, exchange),
            Thread::PollsForRoom(exchange, mut events, wait_ms) => {
                if !readable(baton.poller.fd()) {
                    set_clock_ns(clock::monotonic_ns() + wait_ms * 1_000_000);
                }
                baton.poller.wait(&mut events, Some(0)).unwrap();
                baton.after_wait(&mut baton.lock(), events, true);
                Thread::WantsRoom(exchange)
            }
            Thread::SleepsForRoom(_) => panic!("it is woken by what makes room"),
            Thread::Runs(mut exchange) => {
                exchange.out.extend_from_slice(ANSWER.as_bytes());
                baton.finish(me, exchange, Tail::<Bytes>::None, true, None);
                Thread::Asks
            }
        };
    }

    fn stand_in_goes_on(&mut self) {
        let baton = &self.baton;
        let stand_in = std::mem::replace(&mut self.stand_in, StandIn::Sleeps);
        self.stand_in = match stand_in {
            StandIn::Sleeps => {
                let mut state = baton.lock();
                if readable(baton.waker.fd()) {
                    baton.waker.clear();
                } else {
                    let now_ns = clock::monotonic_ns();
                    let passed_ns = state.alarm_ns.saturating_sub(now_ns);
                    set_clock_ns(now_ns + passed_ns);
                    if self.shape.computes {
                        set_used_ns(used_ns() + passed_ns);
                    }
                }
                if !standin::on_alarm(baton, &mut state) {
                    return;
                }
                baton.waker.clear();
                standin::turn(baton, &mut state).map_or(StandIn::Sleeps, StandIn::Polls)
            }
            StandIn::Polls(wait_ms) => {
                if wait_ms <= 1 && !readable(baton.poller.fd()) {
                    set_clock_ns(clock::monotonic_ns() + wait_ms * 1_000_000);
                }
                baton.waker.wait_beside(baton.poller.fd(), 0);
                let mut events = Events::new();
                baton.poller.wait(&mut events, Some(0)).unwrap();
                StandIn::HasPolled(events)
            }
            StandIn::HasPolled(mut events) => {
                let mut state = baton.lock();
                state.reactor.harvest(&mut events);
                standin::turn(baton, &mut state).map_or(StandIn::Sleeps, StandIn::Polls)
            }
        };
    }

    /// What holds between any two steps.
    pub(super) fn check(&self) {
        let state = self.baton.lock();
        let woken = self.baton.woken.load(Ordering::SeqCst) > 0;
        let has = |wanted: fn(&Thread) -> bool| self.threads.iter().any(wanted);
        let polls: Vec<_> = self.threads.iter().map(Thread::polls).collect();
        assert!(
            polls.iter().filter(|&&polls| polls).count() <= 1,
            "two drive"
        );
        assert_eq!(state.polling, polls.contains(&true));
        match state.driver {
            Driver::InReactor(driver) => {
                let thread = &self.threads[driver as usize - 1];
                let reacts = matches!(thread, Thread::Asks | Thread::Waits | Thread::WantsRoom(_));
                assert!(thread.polls() || reacts);
            }
            Driver::InApplication(_) => {
                assert!(!polls.contains(&true));
                assert!(state.alarm_ns != 0, "nothing would call the stand-in");
            }
            Driver::StandIn => {
                assert!(!polls.contains(&true));
                assert!(
                    !matches!(self.stand_in, StandIn::Sleeps),
                    "it does not drive"
                );
            }
            Driver::Unused => {}
        }
        let comes_back = state.driver.in_application()
            || has(|thread| matches!(thread, Thread::Asks | Thread::Waits | Thread::HasPolled(_)))
            || matches!(self.stand_in, StandIn::HasPolled(_));
        if state.reactor.holds_output() {
            assert!(comes_back, "nothing would write what is held back");
        }
        let polls = has(|thread| matches!(thread, Thread::Polls(_)));
        if polls && state.reactor.drain.serving() {
            assert!(
                state.reactor.free_threads() > 0,
                "siblings take it for busy"
            );
        }
        if polls && !readable(self.baton.poller.fd()) && !state.reactor.inbox.is_empty() {
            assert!(comes_back, "the driver waits beside a request");
        }
        if !state.reactor.inbox.is_empty() && has(|thread| matches!(thread, Thread::Sleeps)) {
            let looks = matches!(self.stand_in, StandIn::Polls(wait_ms) if wait_ms <= 1)
                || has(
                    |thread| matches!(thread, Thread::PollsForRoom(_, _, wait_ms) if *wait_ms <= 1),
                );
            assert!(
                comes_back || woken || looks,
                "a request waits beside an idle thread"
            );
        }
    }

    /// Goes on as long as anything does, while one thread is stuck and clients read; every other
    /// request is answered then, and what was streamed has left.
    pub(super) fn settle(&mut self) {
        for _ in 0..1_000 {
            let next = self.possible().into_iter().find(|step| match step {
                Step::Thread(_) | Step::StandIn => true,
                Step::Request | Step::Stream(_) | Step::Read(_) => false,
            });
            let next = next.or_else(|| {
                let unread = |index: &usize| readable(self.clients[*index].0.as_raw_fd());
                (0..self.clients.len()).find(unread).map(Step::Read)
            });
            let Some(step) = next else {
                return self.check_answers();
            };
            self.perform(step);
            self.check();
        }
        panic!("it does not come to rest");
    }

    fn check_answers(&mut self) {
        let mut open = 0;
        let mut blocks = self.large_bytes / LARGE;
        for bytes in &self.received[..self.sent] {
            let bytes = String::from_utf8_lossy(bytes);
            let count = bytes.matches(ANSWER).count();
            blocks += bytes.matches(BLOCK).count();
            assert_eq!(bytes.replace(ANSWER, "").replace(BLOCK, ""), "");
            open += usize::from(count < self.shape.pipelined);
        }
        assert_eq!(blocks, self.streamed.len(), "a block has not left");
        let stuck = usize::from(self.stuck.is_some());
        if self.threads.len() > stuck {
            assert_eq!(open, stuck, "requests without an answer");
        }
    }
}

impl Thread {
    fn polls(&self) -> bool {
        matches!(
            self,
            Self::Polls(_) | Self::HasPolled(_) | Self::PollsForRoom(..)
        )
    }
}

fn wait_for_room(baton: &Loop, me: u32, exchange: Box<Exchange>) -> Thread {
    let mut state = baton.lock();
    match baton.room_or_wait(&mut state, me, exchange.key.unwrap()) {
        Ok(room) => {
            assert_eq!(room, Room::Yes);
            Thread::Runs(exchange)
        }
        Err(RoomWait::Polling) => {
            let (events, wait_ms) = Loop::before_wait(&mut state, true);
            Thread::PollsForRoom(exchange, events, wait_ms)
        }
        Err(RoomWait::Asleep) => Thread::SleepsForRoom(exchange),
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap() + 1
}
