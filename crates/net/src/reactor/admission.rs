//! Requests that wait for a thread: those that are not to be begun are answered 503 from here, even
//! when the application keeps the interpreter lock.

use std::sync::Arc;

use proto::{StreamId, Version};

use super::Reactor;
use super::writing::{Nothing, busy};
use crate::access_log::unserved::{LogUnserved, Unserved, UnservedLine};
use crate::admission::{Client, GLANCE_NS, Refusal, Watch, refusal};
use crate::clock;
use crate::exchange::Exchange;
use crate::notice::Level;
use crate::reactor::Tail;
use crate::stream::PeerEnd;

/// A driver that takes requests without a pause looks at the sockets after so long, if requests may
/// not wait for ever: what it has not read does not wait yet, as far as it knows. In ns.
const LOOK_NS: u64 = 10_000_000;

/// How long a loop that polls may take, at its pace, to begin the requests that it is given at once,
/// if requests may not wait for ever, in ms: those wait here, where each is answered in time.
const BEGIN_MS: u64 = 5;
/// How long the stand-in rests between two looks at a loop that polls, if requests may not wait for
/// ever, in ms.
const REST_MS: u64 = 20;

/// Time between two lines of the error log about requests that were shed, in ms.
const TOLD_MS: u64 = 10_000;

/// The requests that wait.
pub(super) struct Waiting {
    watch: Watch,
    /// How many there are, as the scoreboard says.
    shown: usize,
    /// How many were shed since the error log was told, and when it may be told again, in ms.
    untold: u64,
    /// The same of those for which the application had no room.
    untold_crowded: u64,
    tell_ms: u64,
    /// Makes the access log lines of those that are not begun; without one there are none.
    log: Option<Arc<dyn LogUnserved>>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self {
            watch: Watch::new(),
            shown: 0,
            untold: 0,
            untold_crowded: 0,
            tell_ms: 0,
            log: None,
        }
    }
}

impl Reactor {
    /// What makes access log lines of requests that are answered from here.
    pub(crate) fn log_unserved(&mut self, log: Arc<dyn LogUnserved>) {
        self.waiting.log = Some(log);
    }

    /// A request is complete: from now on it waits.
    #[inline]
    pub(super) fn begin_waiting(&mut self, exchange: &mut Exchange) {
        let limit_ms = self.config.queue_limits.of(exchange.head.path());
        exchange.queue_limit_ns = limit_ms.saturating_mul(1_000_000);
        self.waiting
            .watch
            .expect(exchange.ready_ns, exchange.queue_limit_ns);
    }

    /// Answers those that have waited for too long, or whose clients have left, when it is time to
    /// look, and says how many wait. At the end of a turn.
    pub(super) fn check_waiting(&mut self) {
        if self.waiting.watch.due(self.now_ns) {
            self.look_at_waiting();
        }
        if self.waiting.untold + self.waiting.untold_crowded > 0
            && self.now_ms() >= self.waiting.tell_ms
        {
            self.tell_of_shed();
        }
        if self.waiting.shown != 0 || !self.inbox.is_empty() {
            self.show_queue();
        }
    }

    fn look_at_waiting(&mut self) {
        let now_ns = self.now_ns;
        let mut refused = Vec::new();
        for _ in 0..self.inbox.len() {
            let Some(exchange) = self.inbox.pop_front() else {
                break;
            };
            if let Some(refusal) = self.refusal_of(&exchange, now_ns) {
                refused.push((exchange, refusal));
            } else {
                let (ready_ns, limit_ns) = (exchange.ready_ns, exchange.queue_limit_ns);
                self.waiting.watch.expect_again(now_ns, ready_ns, limit_ns);
                self.inbox.push_back(exchange);
            }
        }
        if !refused.is_empty() {
            // A client that has such an answer finds its request among those that wait no more.
            self.show_queue();
        }
        // Their connections may have further requests, which wait from now on.
        for (exchange, refusal) in refused {
            self.refuse_to_begin(exchange, refusal, now_ns);
        }
    }

    /// Milliseconds until the next look at the requests that wait; `None` if there are none.
    pub(super) fn waiting_ms(&self) -> Option<u64> {
        if self.inbox.is_empty() {
            return None;
        }
        self.waiting.watch.wait_ms(self.now_ns)
    }

    /// The same where a look would come after `rest_ms` anyway.
    pub(crate) fn rest_ms(&self, rest_ms: u64) -> u64 {
        let most = if self.config.queue_limits.is_empty() {
            rest_ms
        } else {
            rest_ms.min(REST_MS)
        };
        self.waiting_ms().map_or(most, |look| most.min(look.max(1)))
    }

    /// How many requests a loop that polls is given at once.
    pub(crate) fn most_at_once(&self) -> usize {
        if self.config.queue_limits.is_empty() {
            return usize::MAX;
        }
        self.batch.pace.requests_in(BEGIN_MS).max(1)
    }

    /// Whether a driver that finds request after request should look at the sockets all the same.
    #[inline]
    pub(crate) fn reading_is_due(&self) -> bool {
        !self.config.queue_limits.is_empty() && clock::coarse_monotonic_ns() > self.now_ns + LOOK_NS
    }

    /// A thread takes `exchange`, unless it is not to be begun any more: then it is answered, and
    /// nothing comes back; or unless it is to be held.
    #[inline]
    pub(crate) fn admit(&mut self, exchange: Box<Exchange>) -> Option<Box<Exchange>> {
        let now_ns = match exchange.queue_limit_ns {
            0 => self.now_ns,
            // The last look at the sockets may be long ago.
            _ => self.now_ns.max(clock::coarse_monotonic_ns()),
        };
        let in_time = now_ns <= exchange.ready_ns && !self.was_reset(&exchange);
        let exchange = if in_time {
            exchange
        } else {
            self.admit_late(exchange, now_ns)?
        };
        self.hold_if_crowded(exchange)
    }

    /// Its stream is no more, though its connection may be.
    #[inline]
    fn was_reset(&mut self, exchange: &Exchange) -> bool {
        let key = exchange.key.filter(|key| key.stream != StreamId::HTTP1);
        key.is_some_and(|key| busy(&mut self.conns, key).is_none())
    }

    /// Answers 503 to a request for which its application has no room (`limit_concurrency`).
    pub(crate) fn shed(&mut self, exchange: Box<Exchange>) {
        self.refuse_to_begin(exchange, Refusal::Crowded, clock::monotonic_ns());
    }

    fn admit_late(&mut self, exchange: Box<Exchange>, now_ns: u64) -> Option<Box<Exchange>> {
        let Some(refusal) = self.refusal_of(&exchange, now_ns) else {
            return Some(exchange);
        };
        self.refuse_to_begin(exchange, refusal, now_ns);
        None
    }

    /// Why a request is not to be begun, if it is not.
    fn refusal_of(&mut self, exchange: &Exchange, now_ns: u64) -> Option<Refusal> {
        let waited_ns = now_ns.saturating_sub(exchange.ready_ns);
        let client = self.client_of(exchange, waited_ns > GLANCE_NS);
        refusal(waited_ns, exchange.queue_limit_ns, client)
    }

    /// What is known of the client of a request that waits. `ask`: the kernel is asked.
    fn client_of(&mut self, exchange: &Exchange, ask: bool) -> Client {
        let Some(key) = exchange.key else {
            return Client::Gone;
        };
        let Some(conn) = self.conns.get_mut(key.connection) else {
            return Client::Gone;
        };
        let several = conn.streams.is_some();
        if several && !conn.owes(key.stream) {
            return Client::Gone;
        }
        if !ask {
            return Client::Present;
        }
        let end = conn.peer_end();
        if several && conn.readable && end != PeerEnd::Broken {
            // To look, TLS has taken from the kernel what no event will tell of any more.
            self.again.push_back(key.connection);
            self.poller.wake();
            return Client::Present;
        }
        match end {
            PeerEnd::Broken => {
                // The kernel says so once.
                self.remove(key.connection);
                Client::Gone
            }
            // A client that has sent its last request with others before it waits for the answers to
            // all of them. One of a body that flows is missed when it is read.
            PeerEnd::Ordered
                if !exchange.pipelined
                    && !several
                    && !conn.has_input()
                    && conn.output.is_empty()
                    && !conn.body_is_open() =>
            {
                Client::Ended
            }
            PeerEnd::Ordered | PeerEnd::None => Client::Present,
        }
    }

    /// Answers 503 to a request that no application has seen, and which may be repeated.
    fn refuse_to_begin(&mut self, exchange: Box<Exchange>, refusal: Refusal, now_ns: u64) {
        let key = exchange.key;
        let conn = key.and_then(|key| self.conns.get_mut(key.connection));
        let served = conn.is_some_and(|conn| conn.served(exchange.id).is_some());
        let old = exchange.head.version() < Version::Http11;
        let more = refusal != Refusal::Abandoned && exchange.keep_alive && !old;
        let keep = more && key.is_some_and(|key| !self.last_answer(key));
        let mut page = Vec::new();
        let facts = self
            .config
            .page_facts(exchange.tls.is_some(), exchange.is_head());
        let content = proto::h1::busy_page(&mut page, facts, keep);
        let unserved = Unserved {
            exchange,
            status: 503,
            page,
            sent: if served { content as u64 } else { 0 },
            at_ns: now_ns,
        };
        self.count_refusal(&unserved.exchange, refusal, now_ns);
        if let Some(key) = key.filter(|_| served)
            && let Some(conn) = self.conns.get_mut(key.connection)
            && refusal == Refusal::Abandoned
        {
            // There is no end of the client's to wait for.
            conn.had_last_request = true;
            conn.readable = false;
        }
        self.answer_unserved(unserved, served, keep);
    }

    /// Gives an answer that was counted to its client, if that is there (`served`), whose connection may
    /// be kept. It is logged before: a client that has it finds both done.
    pub(super) fn answer_unserved(&mut self, mut unserved: Unserved, served: bool, keep: bool) {
        let line = self.log_refusal(&unserved);
        if let Some(key) = unserved.exchange.key.take().filter(|_| served) {
            if key.stream == StreamId::HTTP1 {
                self.respond(key, &unserved.page, Tail::<Nothing>::None, keep);
            } else {
                self.answer_stream(key.connection, key.stream, &unserved.page);
            }
        }
        if line == UnservedLine::Python {
            if let Some(entry) = unserved.exchange.entry.take() {
                self.board.forget(self.slot, entry);
            }
            unserved.exchange.body = crate::body::Body::Empty;
            self.notices.unserved(unserved);
        } else {
            self.recycle(unserved.exchange);
        }
    }

    /// Writes the access log line, unless Python has to.
    fn log_refusal(&mut self, unserved: &Unserved) -> UnservedLine {
        let Some(log) = self.waiting.log.clone() else {
            return UnservedLine::None;
        };
        let mut line = Vec::new();
        let rendered = log.render(unserved, &mut line);
        if rendered == UnservedLine::Rendered {
            self.log_line(&line);
        }
        rendered
    }

    fn count_refusal(&mut self, exchange: &Exchange, refusal: Refusal, now_ns: u64) {
        let tally = self.board.tally(self.slot);
        let untold = match refusal {
            Refusal::Shed => Some(&mut self.waiting.untold),
            Refusal::Crowded => Some(&mut self.waiting.untold_crowded),
            Refusal::Abandoned => None,
        };
        match untold {
            Some(untold) => {
                *untold += 1;
                tally.shed();
            }
            None => tally.abandoned(),
        }
        if self.config.timed {
            tally.waited(now_ns.saturating_sub(exchange.ready_ns));
        }
    }

    /// Says in the error log how many were shed, from time to time: an access log there need not be.
    pub(super) fn tell_of_shed(&mut self) {
        self.waiting.tell_ms = self.now_ms() + TOLD_MS;
        let waiting = &mut self.waiting;
        for (count, why) in [
            (
                std::mem::take(&mut waiting.untold),
                "they had waited for a thread for longer than queue_timeout",
            ),
            (
                std::mem::take(&mut waiting.untold_crowded),
                "the application had as many as limit_concurrency lets it have",
            ),
        ] {
            if count > 0 {
                let text = format!("{count} requests answered 503: {why}");
                self.notices.push(Level::Warning, text);
            }
        }
    }

    /// A request was taken: if the scoreboard says that some wait, it says how many still do.
    #[inline]
    pub(crate) fn one_waits_less(&mut self) {
        if self.waiting.shown != 0 {
            self.show_queue();
        }
    }

    /// Says on the scoreboard how many requests wait, and since when the first of them does.
    pub(super) fn show_queue(&mut self) {
        self.waiting.shown = self.inbox.len();
        let since_ns = self.inbox.front().map_or(0, |first| first.ready_ns);
        self.board
            .set_waiting(self.slot, self.waiting.shown, since_ns);
    }
}

#[cfg(test)]
mod tests;
