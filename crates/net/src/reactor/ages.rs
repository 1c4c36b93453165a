//! Requests over their time: they are answered from here, even when the application keeps the
//! interpreter lock, and told to the master, which asks for the stack and replaces the worker.

use proto::StreamId;

use super::{Reactor, wake_master};
use crate::exchange::Token;
use crate::overdue::{AgeCheck, Cause, TimeLimits};
use crate::scoreboard::{RetireCause, Running};

/// How long a request over its time may go on where it is ended by a loop that polls, in ms: then
/// that loop is blocked, or the request cannot be ended.
const MOMENT_MS: u64 = 1000;

/// The ages of the requests with the application.
pub(super) struct Ages {
    /// When to look.
    pub(super) check: AgeCheck,
    /// All threads of the application are with requests over their time: none would serve.
    pub(super) all_threads_lost: bool,
}

impl Ages {
    pub(super) fn new(limits: &TimeLimits) -> Self {
        Self {
            check: AgeCheck::new(limits),
            all_threads_lost: false,
        }
    }
}

impl Reactor {
    /// Looks at the age of every running request, when one may be over its time.
    pub(super) fn check_ages(&mut self) {
        let now_ms = self.now_ms();
        if !self.ages.check.due(now_ms) {
            return;
        }
        let beat_ms = self.board.last_beat(self.slot);
        let mut lost = 0;
        let mut news = false;
        for entry in 0..self.board.entries() {
            let Some(request) = self.board.running(self.slot, entry) else {
                continue;
            };
            // On a loop that polls most requests can be ended, and no thread is lost with them.
            let thread = !self.config.polled || request.thread;
            let started_ms = request.started_ns / 1_000_000;
            if request.overdue {
                lost += usize::from(thread);
                if !thread && request.limit_ms > 0 {
                    self.check_that_it_ends(now_ms, started_ms + request.limit_ms + MOMENT_MS);
                }
                continue;
            }
            let broken = self
                .ages
                .check
                .judge(now_ms, started_ms, request.limit_ms, beat_ms);
            let Some(broken) = broken else { continue };
            if !self.board.report_overdue(self.slot, entry, request, broken) {
                continue;
            }
            if broken.cause == Cause::Request {
                if thread {
                    self.ask_to_retire(RetireCause::RequestTimeout);
                } else {
                    self.ages.check.expect(now_ms + MOMENT_MS);
                }
            }
            self.answer_for(request);
            lost += usize::from(thread);
            news = true;
        }
        if news {
            self.news.late = true;
            self.config.master_fd.inspect(|&fd| wake_master(fd));
        }
        self.ages.all_threads_lost = lost >= self.config.threads;
        if self.ages.all_threads_lost {
            self.pause_accepting();
        }
    }

    /// A loop that polls ends a request over its time, and no thread is lost with it. Where it does
    /// not, the worker is of little use.
    fn check_that_it_ends(&mut self, now_ms: u64, until_ms: u64) {
        if now_ms < until_ms {
            self.ages.check.expect(until_ms);
        } else {
            self.ask_to_retire(RetireCause::RequestTimeout);
        }
    }

    /// Answers every request that is with the application: the process is about to end.
    pub(crate) fn abort(&mut self) {
        self.flush_responses();
        for entry in 0..self.board.entries() {
            if let Some(request) = self.board.running(self.slot, entry) {
                self.answer_for(request);
            }
        }
    }

    /// A thread asks for work: not all of them are lost.
    #[inline]
    pub(crate) fn thread_is_back(&mut self) {
        if self.ages.all_threads_lost {
            self.ages.all_threads_lost = false;
            self.resume_accepting();
        }
    }

    /// Answers 504 in the place of the application, or aborts a response that has begun: what is
    /// missing of it must not look complete.
    fn answer_for(&mut self, request: Running) {
        let token = Token::from_bits(request.token);
        let served = self
            .conns
            .get_mut(token)
            .and_then(|conn| conn.served(request.id));
        let Some(serving) = served else {
            // The client has left, or has its answer; or the application has taken the socket.
            return;
        };
        let (begun, stream) = (serving.begun, serving.stream);
        self.tally().timed_out();
        if stream != StreamId::HTTP1 {
            let text = "The request took too long";
            self.answer_stream_error(token, stream, 504, "Gateway Timeout", text);
        } else if begun {
            self.flush(token);
            self.remove(token);
        } else {
            self.answer_error(token, 504, "Gateway Timeout", "The request took too long");
        }
    }
}
