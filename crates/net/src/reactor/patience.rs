//! How long connections that carry several requests are waited for, and each of their streams.

use proto::Reject;

use super::Reactor;
use crate::config::PREFACE_MS;
use crate::conn::Phase;
use crate::exchange::Token;
use crate::notice::Level;
use crate::timer::{Cause, Deadline};

impl Reactor {
    /// Sets the deadline that comes first, of the connection and of its streams.
    pub(super) fn set_stream_deadline(&mut self, token: Token) {
        let now_ms = self.now_ms();
        let after = |cause, ms| Deadline::after(cause, now_ms, ms);
        let (head_ms, write_ms) = (self.config.header_timeout_ms, self.config.write_timeout_ms);
        let idle = match self.config.keepalive_ms {
            0 => Deadline::at(Cause::KeepAlive, now_ms),
            _ => self.idle_deadline(),
        };
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.phase != Phase::Reading {
            return;
        }
        let (waits, has_input, requests) = (conn.wants_write(), conn.has_input(), conn.requests);
        let Some((h2, streams)) = conn.framing() else {
            return;
        };
        let progress = std::mem::take(&mut streams.progress);
        let alone = streams.len() == 0;
        let room = streams.room;
        let set = &mut streams.deadlines;
        let leaves = set.leaving.is_some();
        let begins = h2.in_head() || !leaves && requests == 0 || has_input && alone;
        let idles = alone && !waits && !begins && !leaves;
        if progress {
            set.write = None;
        }
        run(&mut set.write, waits, || after(Cause::Write, write_ms));
        let preface = !h2.has_begun();
        run(&mut set.preface, preface, || {
            after(Cause::Header, PREFACE_MS)
        });
        run(&mut set.head, begins, || after(Cause::Header, head_ms));
        run(&mut set.idle, idles, || idle);
        let mut first = Deadline::NONE;
        for each in [set.write, set.preface, set.head, set.idle, set.leaving] {
            first = first.sooner(each.unwrap_or(Deadline::NONE));
        }
        for open in streams.iter_mut() {
            let stalled = !room && open.queue.queued() > 0 && h2.is_stalled(open.serving.stream);
            run(&mut open.stalled, stalled, || after(Cause::Write, write_ms));
            first = first.sooner(open.deadline);
            first = first.sooner(open.stalled.unwrap_or(Deadline::NONE));
        }
        if let Some(conn) = self.conns.get_mut(token) {
            conn.deadline = first;
        }
        self.scan.note(first);
    }

    /// The deadline of a connection with streams has passed.
    pub(super) fn expire_streams(&mut self, token: Token, now_ms: u64) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        let Some((h2, streams)) = conn.framing() else {
            return;
        };
        let in_head = h2.in_head();
        let passed = |each: Option<Deadline>| each.is_some_and(|each| each.expired(now_ms));
        let set = &streams.deadlines;
        if passed(set.write) {
            self.tell_of_slow_reader();
            return self.remove(token);
        }
        let head = passed(set.head) || passed(set.preface);
        let (idle, leaving) = (passed(set.idle), passed(set.leaving));
        let late = streams.iter().filter(|open| open.deadline.expired(now_ms));
        let late = late.map(|open| (open.serving.key(token), open.deadline.cause));
        let late: Vec<_> = late.collect();
        let stalled = streams.iter().filter(|open| passed(open.stalled));
        let stalled: Vec<_> = stalled.map(|open| open.serving.stream).collect();
        for (key, cause) in late {
            match cause {
                Cause::Silence => self.on_silence(key),
                Cause::Closing => self.on_unanswered_close(key),
                _ => self.refuse_stream(token, key.stream, Reject::RequestTimeout),
            }
        }
        for stream in stalled {
            let conn = self.conns.get_mut(token);
            if let Some(gone) = conn.and_then(|conn| conn.reset_stream(stream)) {
                self.tell_of_slow_reader();
                self.lose_stream(gone, token);
                self.news.room = true;
            }
        }
        if head && in_head {
            self.go_away_now(token);
            self.end_with_error(token, Reject::RequestTimeout);
        } else if head || leaving {
            self.go_away_now(token);
        } else if idle {
            self.go_away_soon(token);
        } else {
            self.flush(token);
        }
    }

    /// A client has taken nothing for too long.
    pub(super) fn tell_of_slow_reader(&mut self) {
        let text = "A client read nothing of its response for write_timeout; closed";
        self.notices.push(Level::Warning, text.into());
    }
}

/// A deadline that is running goes on; one begins with what it waits for, and ends with it.
fn run(deadline: &mut Option<Deadline>, awaited: bool, begin: impl FnOnce() -> Deadline) {
    if !awaited {
        *deadline = None;
    } else if deadline.is_none() {
        *deadline = Some(begin());
    }
}
