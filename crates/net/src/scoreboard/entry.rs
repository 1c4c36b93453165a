//! One request on the scoreboard: waiting, in flight, or told of as overdue.
//!
//! The thread that holds the reactor names a request when it is complete; the thread that runs it
//! says when it begins and ends; any process may read. Between two looks at the start time, which changes whenever
//! the entry does, what was read belongs together.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::peer::Peer;

/// Bytes of method and target kept for a request.
pub(super) const TEXT: usize = 160;
const WORDS: usize = TEXT / 8;

/// The thread of a request that no thread has taken.
const NO_THREAD: u64 = u64::MAX;

/// The response is complete and waits for those of its batch.
const HELD: u64 = 1;
/// Its thread is done with it.
const ENDED: u64 = 2;

/// One request.
#[repr(C)]
pub(super) struct Entry {
    /// Monotonic ns at which the application was called, or, while it has not been, at which the
    /// request was complete; 0 when free.
    pub(super) started_ns: AtomicU64,
    /// The number of the request in its worker, from 1.
    pub(super) id: AtomicU64,
    /// The number of the last request here that was found over its time.
    pub(super) overdue: AtomicU64,
    /// How long it may run, in ms; 0 for ever.
    pub(super) limit_ms: AtomicU64,
    /// The connection; only the worker itself knows what it means.
    token: AtomicU64,
    /// The native id of its thread, or [`NO_THREAD`].
    thread: AtomicU64,
    /// [`HELD`] while its response waits for others, [`ENDED`] when its thread is done meanwhile.
    held: AtomicU64,
    /// Bytes of the request body, and of the response body that were given to the connection.
    body: AtomicU64,
    pub(super) sent: AtomicU64,
    /// Bytes of text, and above them the bytes of the method.
    lengths: AtomicU64,
    peer: [AtomicU64; 3],
    text: [AtomicU64; WORDS],
}

/// A complete request.
pub(crate) struct Named<'a> {
    /// Its number in this worker.
    pub(crate) id: u64,
    /// The connection, as bits.
    pub(crate) token: u64,
    /// Bytes of its body.
    pub(crate) body: u64,
    /// The method.
    pub(crate) method: &'a [u8],
    /// The request target.
    pub(crate) target: &'a [u8],
    /// The client.
    pub(crate) peer: Peer,
}

/// A request in flight, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Its number in its worker.
    pub id: u64,
    /// The method.
    pub method: String,
    /// The request target, cut to what the entry holds.
    pub target: String,
    /// The client.
    pub peer: Peer,
    /// No thread has begun it.
    pub waiting: bool,
    /// The native id of the thread that runs it; 0 while it waits.
    pub thread: u32,
    /// Bytes of the request body.
    pub body: u64,
    /// Bytes of the response body given to the connection.
    pub sent: u64,
    /// How long the application has had it, or how long it has waited, in ns.
    pub age_ns: u64,
    /// It was found over its time.
    pub overdue: bool,
}

/// What the check of ages must know of a running request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) id: u64,
    pub(crate) token: u64,
    pub(crate) started_ns: u64,
    pub(crate) limit_ms: u64,
    /// It keeps a thread.
    pub(crate) thread: bool,
    pub(crate) overdue: bool,
}

impl Entry {
    /// Takes the entry for a request that is complete, and waits for a thread since `now_ns`.
    #[inline]
    pub(super) fn name(&self, now_ns: u64, request: &Named<'_>) {
        let mut text = [0u8; TEXT];
        let method = request.method.len().min(32);
        let target = request.target.len().min(TEXT - method);
        text[..method].copy_from_slice(&request.method[..method]);
        text[method..method + target].copy_from_slice(&request.target[..target]);
        let words = (method + target).div_ceil(8);
        for (word, bytes) in self.text[..words].iter().zip(text.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        for (word, part) in self.peer.iter().zip(request.peer.to_words()) {
            word.store(part, Ordering::Relaxed);
        }
        let lengths = (method as u64) << 32 | (method + target) as u64;
        self.lengths.store(lengths, Ordering::Relaxed);
        self.id.store(request.id, Ordering::Relaxed);
        self.token.store(request.token, Ordering::Relaxed);
        self.thread.store(NO_THREAD, Ordering::Relaxed);
        self.held.store(0, Ordering::Relaxed);
        self.body.store(request.body, Ordering::Relaxed);
        self.sent.store(0, Ordering::Relaxed);
        self.started_ns.store(now_ns.max(1), Ordering::Release);
    }

    /// The response waits: the request has not been answered yet, whatever its thread says.
    #[inline]
    pub(super) fn hold(&self) {
        self.held.store(HELD, Ordering::Release);
    }

    /// The response that waited has left: the entry is free, unless its thread still needs it.
    #[inline]
    pub(super) fn release(&self) {
        if self.held.fetch_and(!HELD, Ordering::AcqRel) & ENDED != 0 {
            self.clear();
        }
    }

    /// The thread is done with the request: the entry is free, unless the response still waits.
    #[inline]
    pub(super) fn end(&self) {
        let waits = self.held.load(Ordering::Acquire) & HELD != 0;
        if !waits || self.held.fetch_or(ENDED, Ordering::AcqRel) & HELD == 0 {
            self.clear();
        }
    }

    /// The entry is free.
    #[inline]
    pub(super) fn clear(&self) {
        self.started_ns.store(0, Ordering::Release);
    }

    /// The request with that number is here.
    pub(super) fn holds(&self, id: u64) -> bool {
        !self.free() && self.id.load(Ordering::Relaxed) == id
    }

    /// No request is here.
    #[inline]
    pub(super) fn free(&self) -> bool {
        self.started_ns.load(Ordering::Acquire) == 0
    }

    /// A thread runs it from now on.
    #[inline]
    pub(super) fn begin(&self, now_ns: u64, thread: u32, limit_ms: u64) {
        self.limit_ms.store(limit_ms, Ordering::Relaxed);
        self.started_ns.store(now_ns.max(1), Ordering::Release);
        // Last: a reader that sees the thread must not take the time of waiting for that of running.
        self.thread.store(u64::from(thread), Ordering::Release);
    }

    /// No thread is its own any more.
    pub(super) fn off_thread(&self) {
        self.thread.store(0, Ordering::Release);
    }

    /// What the check of ages must know; `None` when nothing runs here. No request is named meanwhile:
    /// the caller holds the reactor.
    pub(super) fn running(&self) -> Option<Running> {
        let thread = self.thread.load(Ordering::Acquire);
        if thread == NO_THREAD {
            return None;
        }
        let started = self.started_ns.load(Ordering::Acquire);
        if started == 0 {
            return None;
        }
        let id = self.id.load(Ordering::Relaxed);
        let running = Running {
            id,
            token: self.token.load(Ordering::Relaxed),
            started_ns: started,
            limit_ms: self.limit_ms.load(Ordering::Relaxed),
            thread: thread != 0,
            overdue: self.overdue.load(Ordering::Relaxed) == id,
        };
        (self.started_ns.load(Ordering::Acquire) == started).then_some(running)
    }

    /// All of it; `None` when it is free, or changed meanwhile.
    pub(super) fn read(&self, now_ns: u64) -> Option<InFlight> {
        let started = self.started_ns.load(Ordering::Acquire);
        if started == 0 {
            return None;
        }
        let lengths = self.lengths.load(Ordering::Relaxed);
        let id = self.id.load(Ordering::Relaxed);
        let thread = self.thread.load(Ordering::Relaxed);
        let body = self.body.load(Ordering::Relaxed);
        let sent = self.sent.load(Ordering::Relaxed);
        let overdue = self.overdue.load(Ordering::Relaxed) == id;
        let mut text = Vec::with_capacity(TEXT);
        for word in &self.text {
            text.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        let [kind, high, low] = &self.peer;
        let peer = [kind, high, low].map(|word| word.load(Ordering::Relaxed));
        if self.started_ns.load(Ordering::Acquire) != started {
            return None;
        }
        let method = ((lengths >> 32) as usize).min(TEXT);
        let end = ((lengths & 0xffff_ffff) as usize).clamp(method, TEXT);
        Some(InFlight {
            id,
            method: latin1(&text[..method]),
            target: latin1(&text[method..end]),
            peer: Peer::from_words(peer),
            waiting: thread == NO_THREAD,
            thread: u32::try_from(thread).unwrap_or(0),
            body,
            sent,
            age_ns: now_ns.saturating_sub(started),
            overdue,
        })
    }

    /// Becomes a copy of `other`.
    pub(super) fn copy(&self, other: &Self) {
        let copy = |to: &AtomicU64, from: &AtomicU64| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        copy(&self.started_ns, &other.started_ns);
        copy(&self.id, &other.id);
        copy(&self.overdue, &other.overdue);
        copy(&self.limit_ms, &other.limit_ms);
        copy(&self.token, &other.token);
        copy(&self.thread, &other.thread);
        copy(&self.body, &other.body);
        copy(&self.sent, &other.sent);
        copy(&self.lengths, &other.lengths);
        for (to, from) in self.peer.iter().zip(&other.peer) {
            copy(to, from);
        }
        for (to, from) in self.text.iter().zip(&other.text) {
            copy(to, from);
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
