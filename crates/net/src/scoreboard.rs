//! The scoreboard: anonymous memory shared by the master and its workers, made before the fork.
//!
//! Each worker writes its own record and nobody else's, without a lock; the master reads all of
//! them. Every field is an atomic, so a torn read is impossible for one field; a request entry is
//! read between two looks at its start time, which changes whenever the entry does.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::clock;
use crate::peer::Peer;

/// Bytes of method and target kept for a request in flight.
const TEXT: usize = 160;
const WORDS: usize = TEXT / 8;

/// One worker (everything relaxed: the numbers stand for themselves).
#[repr(C)]
struct Record {
    pid: AtomicU32,
    ready: AtomicU32,
    beat_ms: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    /// Why the worker asks to be replaced: a [`RetireCause`], 0 while it does not.
    retire: AtomicU64,
}

/// Why a worker asks to be replaced; `workers/slots.py` has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetireCause {
    /// It has served as many requests as it may.
    MaxRequests = 1,
    /// A thread was given up with a request that took too long.
    RequestTimeout = 2,
}

/// One request in flight.
#[repr(C)]
struct Entry {
    /// Monotonic ns at which the application was called; 0 when free.
    started_ns: AtomicU64,
    /// Bytes of text, and above them the bytes of the method.
    lengths: AtomicU64,
    peer: [AtomicU64; 3],
    text: [AtomicU64; WORDS],
}

/// The shared map. Cloning a handle is not needed: it lives as long as the process.
pub struct Scoreboard {
    base: NonNull<u8>,
    size: usize,
    slots: usize,
    entries: usize,
}

// SAFETY: the memory is only ever touched through atomics.
unsafe impl Send for Scoreboard {}
// SAFETY: as above.
unsafe impl Sync for Scoreboard {}

/// A request in flight, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The method.
    pub method: String,
    /// The request target, cut to what the entry holds.
    pub target: String,
    /// The client.
    pub peer: Peer,
    /// How long the application has had it, in ns.
    pub age_ns: u64,
}

/// A worker's record, copied out.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Process id, 0 before the worker has claimed its slot.
    pub pid: u32,
    /// The application is loaded.
    pub ready: bool,
    /// Milliseconds since the last sign of life.
    pub beat_age_ms: u64,
    /// Requests finished.
    pub requests: u64,
    /// Connections open.
    pub connections: u64,
    /// Why it asks to be replaced, 0 while it does not.
    pub retire: u64,
    /// Requests begun and not finished.
    pub in_flight: Vec<InFlight>,
}

#[expect(
    clippy::cast_ptr_alignment,
    reason = "the base is page-aligned, and records and entries are multiples of 8 bytes"
)]
impl Scoreboard {
    /// Maps room for `slots` workers with `entries` requests each. Untouched pages cost nothing.
    pub fn new(slots: usize, entries: usize) -> io::Result<Self> {
        let size = slots * (size_of::<Record>() + entries * size_of::<Entry>());
        // SAFETY: a fresh anonymous mapping, zeroed by the kernel.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size.max(1),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            base,
            size,
            slots,
            entries,
        })
    }

    /// Number of workers there is room for.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Empties a slot before a fork; its beat is set to now.
    pub fn reset(&self, slot: usize) {
        let record = self.record(slot);
        record.pid.store(0, Ordering::Relaxed);
        record.ready.store(0, Ordering::Relaxed);
        record.requests.store(0, Ordering::Relaxed);
        record.connections.store(0, Ordering::Relaxed);
        record.retire.store(0, Ordering::Relaxed);
        for entry in 0..self.entries {
            self.entry(slot, entry)
                .started_ns
                .store(0, Ordering::Relaxed);
        }
        self.beat(slot, clock::monotonic_ms());
    }

    /// Writes this process's id into the slot.
    pub fn claim(&self, slot: usize) {
        self.record(slot)
            .pid
            .store(std::process::id(), Ordering::Relaxed);
        self.beat(slot, clock::monotonic_ms());
    }

    /// A sign of life at `now_ms`.
    pub fn beat(&self, slot: usize, now_ms: u64) {
        self.record(slot).beat_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The application is loaded.
    pub fn mark_ready(&self, slot: usize) {
        self.record(slot).ready.store(1, Ordering::Relaxed);
    }

    /// The worker asks to be replaced. The first cause stays; false if there was one.
    pub fn retire(&self, slot: usize, code: u64) -> bool {
        let retire = &self.record(slot).retire;
        let relaxed = Ordering::Relaxed;
        retire.compare_exchange(0, code, relaxed, relaxed).is_ok()
    }

    pub(crate) fn set_connections(&self, slot: usize, count: usize) {
        self.record(slot)
            .connections
            .store(count as u64, Ordering::Relaxed);
    }

    /// A request begins in `entry` (the index of its thread).
    pub fn begin(&self, slot: usize, entry: usize, now_ns: u64, request: &Named<'_>) {
        if self.entries == 0 {
            return;
        }
        let place = self.entry(slot, entry % self.entries);
        let mut text = [0u8; TEXT];
        let method = request.method.len().min(32);
        let target = request.target.len().min(TEXT - method);
        text[..method].copy_from_slice(&request.method[..method]);
        text[method..method + target].copy_from_slice(&request.target[..target]);
        for (word, bytes) in place
            .text
            .iter()
            .zip(text.chunks_exact(8))
            .take((method + target).div_ceil(8))
        {
            word.store(word_of(bytes), Ordering::Relaxed);
        }
        let mut peer = [0u8; 24];
        peer[..19].copy_from_slice(&request.peer.to_bytes());
        for (word, bytes) in place.peer.iter().zip(peer.chunks_exact(8)) {
            word.store(word_of(bytes), Ordering::Relaxed);
        }
        place.lengths.store(
            (method as u64) << 32 | (method + target) as u64,
            Ordering::Relaxed,
        );
        place.started_ns.store(now_ns.max(1), Ordering::Release);
    }

    /// The request of `entry` is finished.
    #[inline]
    pub fn end(&self, slot: usize, entry: usize) {
        let requests = &self.record(slot).requests;
        requests.fetch_add(1, Ordering::Relaxed);
        if self.entries > 0 {
            let place = self.entry(slot, entry % self.entries);
            place.started_ns.store(0, Ordering::Release);
        }
    }

    /// What the slot says now.
    pub fn read(&self, slot: usize) -> Snapshot {
        let record = self.record(slot);
        let now_ns = clock::monotonic_ns();
        Snapshot {
            pid: record.pid.load(Ordering::Relaxed),
            ready: record.ready.load(Ordering::Relaxed) != 0,
            beat_age_ms: (now_ns / 1_000_000)
                .saturating_sub(record.beat_ms.load(Ordering::Relaxed)),
            requests: record.requests.load(Ordering::Relaxed),
            connections: record.connections.load(Ordering::Relaxed),
            retire: record.retire.load(Ordering::Relaxed),
            in_flight: (0..self.entries)
                .filter_map(|entry| read_entry(self.entry(slot, entry), now_ns))
                .collect(),
        }
    }

    fn record(&self, slot: usize) -> &Record {
        assert!(
            slot < self.slots,
            "scoreboard slot {slot} of {}",
            self.slots
        );
        // SAFETY: within the mapping, aligned (the base is page-aligned and a record is a multiple
        // of 8), and all-zero bytes are a valid Record.
        unsafe { &*self.base.as_ptr().cast::<Record>().add(slot) }
    }

    fn entry(&self, slot: usize, entry: usize) -> &Entry {
        assert!(
            slot < self.slots && entry < self.entries,
            "scoreboard entry {slot}/{entry}"
        );
        let offset = self.slots * size_of::<Record>();
        // SAFETY: the entries follow the records within the mapping; alignment as in `record`.
        unsafe {
            let first = self.base.as_ptr().add(offset).cast::<Entry>();
            &*first.add(slot * self.entries + entry)
        }
    }
}

impl Drop for Scoreboard {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no reference outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size.max(1)) };
    }
}

/// What a request is called by.
pub struct Named<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The request target.
    pub target: &'a [u8],
    /// The client.
    pub peer: Peer,
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_ne_bytes(word)
}

fn read_entry(entry: &Entry, now_ns: u64) -> Option<InFlight> {
    let started = entry.started_ns.load(Ordering::Acquire);
    if started == 0 {
        return None;
    }
    let lengths = entry.lengths.load(Ordering::Relaxed);
    let mut text = Vec::with_capacity(TEXT);
    for word in &entry.text {
        text.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    let mut peer = [0u8; 24];
    for (bytes, word) in peer.chunks_exact_mut(8).zip(&entry.peer) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    if entry.started_ns.load(Ordering::Acquire) != started {
        return None;
    }
    let method = ((lengths >> 32) as usize).min(TEXT);
    let end = ((lengths & 0xffff_ffff) as usize).clamp(method, TEXT);
    let mut bytes = [0; 19];
    bytes.copy_from_slice(&peer[..19]);
    Some(InFlight {
        method: latin1(&text[..method]),
        target: latin1(&text[method..end]),
        peer: Peer::from_bytes(bytes),
        age_ns: now_ns.saturating_sub(started),
    })
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_in_flight() {
        let board = Scoreboard::new(2, 2).unwrap();
        board.reset(1);
        board.claim(1);
        let long = vec![b'x'; 500];
        let peer = Peer::Tcp("127.0.0.1".parse().unwrap(), 4000);
        let start = clock::monotonic_ns();
        board.begin(
            1,
            0,
            start,
            &Named {
                method: b"GET",
                target: b"/a?b",
                peer,
            },
        );
        board.begin(
            1,
            3,
            start,
            &Named {
                method: b"POST",
                target: &long,
                peer: Peer::Unix,
            },
        );
        let seen = board.read(1);
        assert_eq!(seen.pid, std::process::id());
        assert_eq!(seen.in_flight.len(), 2);
        assert_eq!(seen.in_flight[0].method, "GET");
        assert_eq!(seen.in_flight[0].target, "/a?b");
        assert_eq!(seen.in_flight[0].peer, peer);
        assert_eq!(seen.in_flight[1].target.len(), TEXT - 4);
        board.end(1, 3);
        let seen = board.read(1);
        assert_eq!((seen.requests, seen.in_flight.len()), (1, 1));
        assert!(board.read(0).in_flight.is_empty());
    }

    #[test]
    fn the_first_cause_to_retire_stays_until_a_reset() {
        let board = Scoreboard::new(2, 0).unwrap();
        assert_eq!(board.read(1).retire, 0);
        assert!(board.retire(1, RetireCause::RequestTimeout as u64));
        assert!(!board.retire(1, RetireCause::MaxRequests as u64));
        assert_eq!((board.read(0).retire, board.read(1).retire), (0, 2));
        board.reset(1);
        assert_eq!(board.read(1).retire, 0);
    }

    #[test]
    fn readiness_is_forgotten_by_a_reset() {
        let board = Scoreboard::new(1, 0).unwrap();
        board.mark_ready(0);
        assert!(board.read(0).ready);
        board.reset(0);
        assert!(!board.read(0).ready);
    }
}
