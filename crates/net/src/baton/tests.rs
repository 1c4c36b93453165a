//! The protocol of the baton, by all interleavings of a few steps.
//!
//! The real [`Loop`] runs here in one thread: what application threads and the stand-in do between
//! two waits, and each wait, is one step of a schedule, and every schedule of some length is tried.
//! Time stands still but for the alarm, which sets the clock.

use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use super::standin;
use super::taking::Wait;
use super::*;
use crate::poll::Events;
use crate::reactor::{Block, Tail};
use crate::testing::{Bytes, Client, Rig, readable, set_clock_ns, set_used_ns, used_ns};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const BLOCK: &str = "5\r\nblock\r\n";

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
enum Step {
    /// A client sends its request.
    Request,
    /// An application thread goes on; from the application with a complete response.
    Thread(usize),
    /// Its application gives a block of the response.
    Stream(usize),
    /// The stand-in goes on.
    StandIn,
}

struct Model {
    baton: Loop,
    clients: Vec<Client<UnixStream>>,
    /// How many of them have sent their requests, and so many each.
    sent: usize,
    pipelined: usize,
    threads: Vec<Thread>,
    stand_in: StandIn,
    /// Streamed blocks, by the number of their request.
    streamed: Vec<u64>,
    /// The application uses the processor all the time.
    computes: bool,
    /// A thread whose application does not come back.
    stuck: Option<usize>,
}

impl Model {
    fn new(shape: Shape) -> Self {
        let Shape {
            threads,
            clients,
            pipelined,
            ..
        } = shape;
        let mut rig = Rig::with(|config| config.threads = threads);
        let clients = (0..clients).map(|_| rig.connect()).collect();
        Self {
            baton: Loop::new(rig.reactor).unwrap(),
            clients,
            sent: 0,
            pipelined,
            threads: (0..threads).map(|_| Thread::Asks).collect(),
            stand_in: StandIn::Sleeps,
            streamed: Vec::new(),
            computes: shape.computes,
            stuck: None,
        }
    }

    /// The steps that can be next.
    fn possible(&self) -> Vec<Step> {
        let state = self.baton.lock();
        let woken = self.baton.woken.load(Ordering::SeqCst);
        let mut steps = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            let goes_on = match thread {
                Thread::Asks | Thread::Waits | Thread::HasPolled(_) => true,
                Thread::Polls(_) => readable(self.baton.poller.fd()),
                Thread::Sleeps => woken > 0,
                Thread::Runs(_) => self.stuck != Some(index),
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
        for (index, thread) in self.threads.iter().enumerate() {
            if let Thread::Runs(exchange) = thread
                && !self.streamed.contains(&exchange.id)
            {
                steps.push(Step::Stream(index));
            }
        }
        steps
    }

    fn perform(&mut self, step: Step) {
        match step {
            Step::Request => {
                self.clients[self.sent].send(GET.repeat(self.pipelined));
                self.sent += 1;
            }
            Step::Thread(index) => self.go_on(index),
            Step::Stream(index) => {
                let Thread::Runs(exchange) = &self.threads[index] else {
                    panic!("no request runs in {index}");
                };
                self.streamed.push(exchange.id);
                let token = exchange.token.unwrap();
                let block = Block::<Bytes>::Chunk(b"block");
                let room = self.baton.stream(number(index), token, b"", block);
                assert_eq!(room, Room::Yes);
            }
            Step::StandIn => self.stand_in_goes_on(),
        }
        // A thread that does not sleep cannot be woken.
        let asleep = self
            .threads
            .iter()
            .filter(|each| matches!(each, Thread::Sleeps));
        self.baton.woken.fetch_min(asleep.count(), Ordering::SeqCst);
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
                    if self.computes {
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
    fn check(&self) {
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
                assert!(thread.polls() || matches!(thread, Thread::Asks | Thread::Waits));
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
        if polls && !readable(self.baton.poller.fd()) && !state.reactor.inbox.is_empty() {
            assert!(comes_back, "the driver waits beside a request");
        }
        if !state.reactor.inbox.is_empty() && has(|thread| matches!(thread, Thread::Sleeps)) {
            let looks = matches!(self.stand_in, StandIn::Polls(wait_ms) if wait_ms <= 1);
            assert!(
                comes_back || woken || looks,
                "a request waits beside an idle thread"
            );
        }
    }

    /// Goes on as long as anything does, while one thread is stuck; every other request is answered
    /// then, and what was streamed has left.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let next = self.possible().into_iter().find(|step| match step {
                Step::Thread(_) | Step::StandIn => true,
                Step::Request | Step::Stream(_) => false,
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
        let mut blocks = 0;
        for client in &mut self.clients[..self.sent] {
            let bytes = String::from_utf8(client.receive_some().unwrap()).unwrap();
            let count = bytes.matches(ANSWER).count();
            blocks += bytes.matches(BLOCK).count();
            assert_eq!(bytes.replace(ANSWER, "").replace(BLOCK, ""), "");
            open += usize::from(count < self.pipelined);
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
        matches!(self, Self::Polls(_) | Self::HasPolled(_))
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap() + 1
}

/// What a model begins with.
#[derive(Clone, Copy)]
struct Shape {
    threads: usize,
    clients: usize,
    /// Requests that each client sends at once.
    pipelined: usize,
    /// The application is known to wait, so that threads share the requests.
    shares: bool,
    computes: bool,
}

/// Tries every schedule of `length` steps, and after each of them every thread that could be stuck.
/// Returns their number.
fn explore(shape: Shape, length: usize) -> usize {
    let mut choices: Vec<usize> = Vec::new();
    let mut count = 0;
    loop {
        let mut model = Model::new(shape);
        if shape.shares {
            model.baton.lock().sharing = sharing::Sharing::until(u64::MAX);
        }
        let mut steps = Vec::new();
        let mut widths = Vec::new();
        let run = std::panic::AssertUnwindSafe(|| {
            for depth in 0..length {
                let possible = model.possible();
                let choice = choices.get(depth).copied().unwrap_or(0);
                widths.push(possible.len());
                steps.push(possible[choice]);
                model.perform(possible[choice]);
                model.check();
            }
            let all = 0..shape.threads;
            let running = all.filter(|&each| matches!(model.threads[each], Thread::Runs(_)));
            let stuck: Vec<_> = std::iter::once(None).chain(running.map(Some)).collect();
            widths.push(stuck.len());
            model.stuck = stuck[choices.get(length).copied().unwrap_or(0)];
            model.settle();
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("the schedule: {steps:?}; stuck: {:?}", model.stuck);
            std::panic::resume_unwind(panic);
        }
        count += 1;
        choices.resize(widths.len(), 0);
        // The next one in order: the last step that has another alternative takes it.
        while let Some(last) = choices.pop() {
            if last + 1 < widths[choices.len()] {
                choices.push(last + 1);
                break;
            }
        }
        if choices.is_empty() {
            return count;
        }
    }
}

impl Shape {
    const fn new(threads: usize, clients: usize) -> Self {
        Self {
            threads,
            clients,
            pipelined: 1,
            shares: false,
            computes: false,
        }
    }
}

#[test]
fn one_thread() {
    assert!(explore(Shape::new(1, 2), 11) > 1_000);
}

#[test]
fn two_threads() {
    assert!(explore(Shape::new(2, 2), 9) > 3_000);
}

#[test]
fn two_threads_that_share() {
    let mut shape = Shape::new(2, 2);
    shape.shares = true;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn two_threads_that_compute() {
    let mut shape = Shape::new(2, 2);
    shape.computes = true;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn two_threads_and_pipelined_requests() {
    let mut shape = Shape::new(2, 2);
    shape.pipelined = 2;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn three_threads() {
    assert!(explore(Shape::new(3, 3), 7) > 3_000);
}
