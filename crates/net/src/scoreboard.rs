//! The scoreboard: anonymous memory shared by the master and its workers, made before the fork.
//!
//! Each worker writes its own record and nobody else's, without a lock; the master reads all of
//! them, and writes one word: which request it asks about. Every field is an atomic, so a torn read
//! is impossible for one field.

mod entry;
mod held;
mod reading;

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::clock;
use crate::overdue::{Broken, Cause};
use crate::peer::Peer;
use crate::tally::{Counts, Tally};
use entry::Entry;
pub use entry::InFlight;
pub(crate) use entry::{Named, Running};
use held::Held;
use reading::Reading;

/// One worker (everything relaxed: the numbers stand for themselves).
#[repr(C)]
struct Record {
    pid: AtomicU32,
    ready: AtomicU32,
    beat_ms: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    reading: Reading,
    /// Why the worker asks to be replaced: a [`RetireCause`], 0 while it does not.
    retire: AtomicU64,
    /// Requests found over their time so far, and how many of them the log was told of where the
    /// worker and the master could both do it.
    overdue: AtomicU64,
    told: AtomicU64,
    /// The request whose stack the master asks for, 0 for none.
    asked: AtomicU64,
    tally: Tally,
}

/// Why a worker asks to be replaced, as it stands in its record. `supervisor/causes.py` has the
/// same table; a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetireCause {
    /// It has served as many requests as it may.
    MaxRequests = 1,
    /// A thread was given up with a request that took too long.
    RequestTimeout = 2,
    /// A file of the application has changed; the worker's reloader says so.
    ChangedFile = 3,
}

impl RetireCause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::MaxRequests, Self::RequestTimeout, Self::ChangedFile];

    /// The word for it in logs and on the control socket.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MaxRequests => "max_requests",
            Self::RequestTimeout => "request_timeout",
            Self::ChangedFile => "changed file",
        }
    }
}

/// A request that was over its time, for the master to tell of. It stays when the request ends.
#[repr(C)]
struct Late {
    request: Entry,
    cause: AtomicU64,
    limit_ms: AtomicU64,
    age_ns: AtomicU64,
}

/// Requests over their time that are kept for the master; it looks long before there are so many.
const LATE: usize = 32;
/// Requests that wait for a thread and are named all the same, for each worker.
pub(crate) const WAITING: usize = 64;
/// The number of no request.
const NONE: u64 = u64::MAX;

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

/// A request that was over its time, copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Counts the overdue requests of the worker, from 0.
    pub number: u64,
    /// The request; its age is that at which it was found.
    pub request: InFlight,
    /// Which limit it has broken.
    pub cause: Cause,
    /// The limit, in ms.
    pub limit_ms: u64,
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
    /// Requests read and not finished.
    pub in_flight: Vec<InFlight>,
}

#[expect(
    clippy::cast_ptr_alignment,
    reason = "the base is page-aligned, and records and entries are multiples of 8 bytes"
)]
impl Scoreboard {
    /// Maps room for `slots` workers with so many threads each. Untouched pages cost nothing.
    pub fn new(slots: usize, threads: usize) -> io::Result<Self> {
        let entries = threads + WAITING;
        let named = LATE * size_of::<Late>() + entries * size_of::<Entry>();
        let each = size_of::<Record>() + named + size_of::<Held>();
        let size = slots * each;
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
        record.reading.end();
        record.retire.store(0, Ordering::Relaxed);
        record.overdue.store(0, Ordering::Relaxed);
        record.told.store(0, Ordering::Relaxed);
        record.asked.store(0, Ordering::Relaxed);
        record.tally.reset();
        for entry in 0..self.entries {
            let place = self.entry(slot, entry);
            place.started_ns.store(0, Ordering::Relaxed);
            place.overdue.store(NONE, Ordering::Relaxed);
        }
        self.clear_lines(slot);
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

    /// No sign of life is due before the next one: somebody debugs the worker.
    pub fn hold(&self, slot: usize) {
        // Far ahead of any clock, and far from the end of numbers that limits are added to.
        self.beat(slot, u64::MAX / 2);
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

    /// The counters of a worker, for the one thread that holds its reactor.
    #[inline]
    pub(crate) fn tally(&self, slot: usize) -> &Tally {
        &self.record(slot).tally
    }

    /// What the worker in `slot` has counted since the slot was emptied.
    pub fn counts(&self, slot: usize) -> Counts {
        self.record(slot).tally.read()
    }

    pub(crate) fn set_connections(&self, slot: usize, count: usize) {
        self.record(slot)
            .connections
            .store(count as u64, Ordering::Relaxed);
    }

    /// The request with the number `id` may come with the bytes that are read from `peer` next.
    #[inline]
    pub(crate) fn begin_reading(&self, slot: usize, id: u64, peer: Peer) {
        self.record(slot).reading.begin(id, peer);
    }

    /// What was read is named, answered, or no complete request.
    #[inline]
    pub(crate) fn end_reading(&self, slot: usize) {
        self.record(slot).reading.end();
    }

    /// The client that a worker was reading from when it ended, unless the request has a name.
    pub fn left_reading(&self, slot: usize) -> Option<Peer> {
        let (id, peer) = self.record(slot).reading.left()?;
        let named = (0..self.entries).any(|entry| self.entry(slot, entry).holds(id));
        (!named).then_some(peer)
    }

    /// An entry that is free, looking from number `from` on. Only who holds the reactor takes one.
    #[inline]
    pub(crate) fn free_entry(&self, slot: usize, from: usize) -> Option<usize> {
        if from < self.entries && self.entry(slot, from).free() {
            return Some(from);
        }
        self.search_free_entry(slot, from.min(self.entries))
    }

    #[cold]
    fn search_free_entry(&self, slot: usize, from: usize) -> Option<usize> {
        let mut all = (from..self.entries).chain(0..from);
        all.find(|&entry| self.entry(slot, entry).free())
    }

    /// A request is complete, and waits in `entry` for a thread.
    #[inline]
    pub(crate) fn name(&self, slot: usize, entry: usize, now_ns: u64, request: &Named<'_>) {
        self.entry(slot, entry).name(now_ns, request);
    }

    /// The request of `entry` will not be run.
    pub fn forget(&self, slot: usize, entry: usize) {
        self.entry(slot, entry).clear();
    }

    /// A thread begins with the request of `entry`, if it has one: a sign of life too.
    #[inline]
    pub fn begin(
        &self,
        slot: usize,
        entry: Option<usize>,
        now_ns: u64,
        thread: u32,
        limit_ms: u64,
    ) {
        self.beat(slot, now_ns / 1_000_000);
        if let Some(entry) = entry {
            self.entry(slot, entry).begin(now_ns, thread, limit_ms);
        }
    }

    /// So many bytes of the response body of `entry` were given to the connection.
    #[inline]
    pub fn sent(&self, slot: usize, entry: Option<usize>, bytes: u64) {
        if let Some(entry) = entry {
            let place = self.entry(slot, entry);
            place.sent.store(bytes, Ordering::Relaxed);
        }
    }

    /// The request of `entry` may run for ever: it is none any more, but a conversation.
    pub fn unlimited(&self, slot: usize, entry: Option<usize>) {
        if let Some(entry) = entry {
            let place = self.entry(slot, entry);
            place.limit_ms.store(0, Ordering::Relaxed);
        }
    }

    /// The request of `entry` goes on, and keeps no thread meanwhile.
    pub fn off_thread(&self, slot: usize, entry: Option<usize>) {
        if let Some(entry) = entry {
            self.entry(slot, entry).off_thread();
        }
    }

    /// Whether the request of `entry` was found over its time.
    #[inline]
    pub fn is_overdue(&self, slot: usize, entry: Option<usize>) -> bool {
        entry.is_some_and(|entry| {
            let place = self.entry(slot, entry);
            place.overdue.load(Ordering::Relaxed) == place.id.load(Ordering::Relaxed)
        })
    }

    /// The request of `entry` is finished.
    #[inline]
    pub fn end(&self, slot: usize, entry: Option<usize>) {
        let requests = &self.record(slot).requests;
        requests.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = entry {
            self.entry(slot, entry).end();
        }
    }

    /// The response to the request of `entry` is complete, and waits until [`Self::release_response`].
    #[inline]
    pub(crate) fn hold_response(&self, slot: usize, entry: Option<usize>) {
        if let Some(entry) = entry {
            self.entry(slot, entry).hold();
        }
    }

    /// The response that waited is with the kernel, or its connection has gone.
    #[inline]
    pub(crate) fn release_response(&self, slot: usize, entry: Option<usize>) {
        if let Some(entry) = entry {
            self.entry(slot, entry).release();
        }
    }

    /// Number of requests in flight that a slot has room for.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// The request that runs in `entry`.
    pub(crate) fn running(&self, slot: usize, entry: usize) -> Option<Running> {
        self.entry(slot, entry).running()
    }

    /// Monotonic ms of the last sign of life.
    pub(crate) fn last_beat(&self, slot: usize) -> u64 {
        self.record(slot).beat_ms.load(Ordering::Relaxed)
    }

    /// Marks the request of `entry` as overdue, and keeps a copy for the master; false if it has
    /// ended meanwhile. One thread at a time does this: the one that holds the reactor.
    pub(crate) fn tell_overdue(
        &self,
        slot: usize,
        entry: usize,
        request: Running,
        broken: Broken,
    ) -> bool {
        let place = self.entry(slot, entry);
        let count = &self.record(slot).overdue;
        let told = count.load(Ordering::Relaxed);
        let late = self.late(slot, told);
        late.request.copy(place);
        if place.started_ns.load(Ordering::Acquire) != request.started_ns {
            return false;
        }
        place.overdue.store(request.id, Ordering::Relaxed);
        let cause = match broken.cause {
            Cause::Request => 0,
            Cause::Silence => 1,
        };
        late.cause.store(cause, Ordering::Relaxed);
        late.limit_ms.store(broken.limit_ms, Ordering::Relaxed);
        let age_ns = clock::monotonic_ns().saturating_sub(request.started_ns);
        late.age_ns.store(age_ns, Ordering::Relaxed);
        count.store(told + 1, Ordering::Release);
        true
    }

    /// Whether the caller is the first who wants to tell of overdue request `number`.
    pub fn claim_overdue(&self, slot: usize, number: u64) -> bool {
        let told = &self.record(slot).told;
        told.fetch_max(number + 1, Ordering::Relaxed) <= number
    }

    /// The requests over their time after the first `told` ones; older ones may be forgotten.
    pub fn overdue(&self, slot: usize, told: u64) -> Vec<Overdue> {
        let count = self.record(slot).overdue.load(Ordering::Acquire);
        let kept = told.max(count.saturating_sub(LATE as u64));
        (kept..count)
            .filter_map(|number| {
                let late = self.late(slot, number);
                let age_ns = late.age_ns.load(Ordering::Relaxed);
                let mut request = late.request.read(0)?;
                request.age_ns = age_ns;
                let cause = match late.cause.load(Ordering::Relaxed) {
                    0 => Cause::Request,
                    _ => Cause::Silence,
                };
                let limit_ms = late.limit_ms.load(Ordering::Relaxed);
                Some(Overdue {
                    number,
                    request,
                    cause,
                    limit_ms,
                })
            })
            .collect()
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
                .filter_map(|entry| self.entry(slot, entry).read(now_ns))
                .collect(),
        }
    }

    /// The master asks for the stack of request `number`; a signal will make the worker look.
    pub fn ask(&self, slot: usize, number: u64) {
        self.record(slot).asked.store(number, Ordering::Relaxed);
    }

    /// Takes the question: the worker, to answer it, or the master, to withdraw it. Whoever gets
    /// nothing knows that the other has it.
    pub fn take_asked(&self, slot: usize) -> Option<u64> {
        let number = self.record(slot).asked.swap(0, Ordering::Relaxed);
        (number != 0).then_some(number)
    }

    /// Sends a signal to a thread of the worker in `slot`, or to its main thread; false if there is
    /// none.
    #[cfg(target_os = "linux")]
    pub fn signal(&self, slot: usize, thread: Option<u32>, number: i32) -> bool {
        let Ok(pid) = i32::try_from(self.record(slot).pid.load(Ordering::Relaxed)) else {
            return false;
        };
        // The main thread has the id of its process.
        let thread = thread.map_or(Some(pid), |thread| i32::try_from(thread).ok());
        let Some(thread) = thread.filter(|&thread| pid > 0 && thread > 0) else {
            return false;
        };
        // SAFETY: tgkill touches no memory; the system checks that the thread is of that process.
        unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, number) == 0 }
    }

    /// This system has no call that names a thread of another process.
    #[cfg(not(target_os = "linux"))]
    pub fn signal(&self, _slot: usize, _thread: Option<u32>, _number: i32) -> bool {
        false
    }

    /// Keeps an access log line of this worker; false: there is no room for it.
    #[inline]
    pub(crate) fn keep_line(&self, slot: usize, line: &[u8]) -> bool {
        self.lines(slot).add(line)
    }

    /// The lines that are kept: for the worker itself, or for the master when it has ended.
    pub fn kept_lines(&self, slot: usize) -> &[u8] {
        self.lines(slot).bytes()
    }

    /// They are written.
    pub fn clear_lines(&self, slot: usize) {
        self.lines(slot).clear();
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
        let offset = self.slots * (size_of::<Record>() + LATE * size_of::<Late>());
        // SAFETY: the entries follow the records and the late requests within the mapping; alignment as in `record`.
        unsafe {
            let first = self.base.as_ptr().add(offset).cast::<Entry>();
            &*first.add(slot * self.entries + entry)
        }
    }

    fn lines(&self, slot: usize) -> &Held {
        assert!(slot < self.slots, "lines of slot {slot}");
        let each = LATE * size_of::<Late>() + self.entries * size_of::<Entry>();
        let offset = self.slots * (size_of::<Record>() + each);
        // SAFETY: one for each slot follows the entries; alignment as in `record`.
        unsafe { &*self.base.as_ptr().add(offset).cast::<Held>().add(slot) }
    }

    /// Where the `number`-th overdue request of a slot is kept.
    fn late(&self, slot: usize, number: u64) -> &Late {
        assert!(slot < self.slots, "late requests of slot {slot}");
        #[expect(clippy::cast_possible_truncation, reason = "below LATE")]
        let place = (number % LATE as u64) as usize;
        let offset = self.slots * size_of::<Record>();
        // SAFETY: LATE of them for each slot follow the records; alignment as in `record`.
        unsafe {
            let first = self.base.as_ptr().add(offset).cast::<Late>();
            &*first.add(slot * LATE + place)
        }
    }
}

impl Drop for Scoreboard {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no reference outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size.max(1)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'a>(id: u64, method: &'a [u8], target: &'a [u8], peer: Peer) -> Named<'a> {
        Named {
            id,
            token: 7,
            body: 3,
            method,
            target,
            peer,
        }
    }

    #[test]
    fn names_what_is_in_flight() {
        let board = Scoreboard::new(2, 2).unwrap();
        board.reset(1);
        board.claim(1);
        let long = vec![b'x'; 500];
        let peer = Peer::Tcp("127.0.0.1".parse().unwrap(), 4000);
        let start = clock::monotonic_ns();
        board.name(1, 0, start, &named(1, b"GET", b"/a?b", peer));
        board.name(1, 3, start, &named(2, b"POST", &long, Peer::Unix));
        board.begin(1, Some(0), start, 99, 50);
        board.sent(1, Some(3), 12);
        let seen = board.read(1);
        assert_eq!(seen.pid, std::process::id());
        assert_eq!(seen.in_flight.len(), 2);
        assert_eq!(seen.in_flight[0].method, "GET");
        assert_eq!(seen.in_flight[0].target, "/a?b");
        assert_eq!(seen.in_flight[0].peer, peer);
        assert_eq!(seen.in_flight[0].thread, 99);
        assert!(!seen.in_flight[0].waiting);
        assert!(seen.in_flight[1].waiting);
        assert!(!seen.in_flight[0].overdue);
        assert_eq!(seen.in_flight[1].target.len(), entry::TEXT - 4);
        assert_eq!((seen.in_flight[1].body, seen.in_flight[1].sent), (3, 12));
        board.end(1, Some(0));
        let seen = board.read(1);
        assert_eq!((seen.requests, seen.in_flight.len()), (1, 1));
        board.forget(1, 3);
        let seen = board.read(1);
        assert_eq!((seen.requests, seen.in_flight.len()), (1, 0));
        assert!(board.read(0).in_flight.is_empty());
    }

    #[test]
    fn a_client_is_told_of_until_its_request_has_a_name() {
        let board = Scoreboard::new(2, 1).unwrap();
        let clients = ["127.0.0.1", "fe80::1"].map(|ip| Peer::Tcp(ip.parse().unwrap(), 4000));
        board.reset(1);
        assert_eq!(board.left_reading(1), None);
        for (peer, id) in clients.into_iter().chain([Peer::Unix]).zip(5..) {
            board.begin_reading(1, id, peer);
            assert_eq!(
                (board.left_reading(0), board.left_reading(1)),
                (None, Some(peer))
            );
            // Another one of the same client has a name, not this one.
            board.name(1, 0, 5, &named(id - 1, b"GET", b"/", peer));
            assert_eq!(board.left_reading(1), Some(peer));
            board.name(1, 1, 5, &named(id, b"GET", b"/", peer));
            assert_eq!(board.left_reading(1), None);
            board.end_reading(1);
            board.end(1, Some(1));
            assert_eq!(board.left_reading(1), None);
        }
        board.begin_reading(1, 9, Peer::Unix);
        board.reset(1);
        assert_eq!(board.left_reading(1), None);
    }

    #[test]
    fn a_response_that_waits_keeps_its_name_until_it_has_left() {
        let board = Scoreboard::new(1, 1).unwrap();
        let is_named = || !board.read(0).in_flight.is_empty();
        // The thread is done before the response has left, or after it.
        for last in ["response", "thread"] {
            board.name(0, 0, 5, &named(1, b"GET", b"/", Peer::Unix));
            board.begin(0, Some(0), 6, 7, 0);
            board.hold_response(0, Some(0));
            if last == "response" {
                board.end(0, Some(0));
                assert!(is_named());
                board.release_response(0, Some(0));
            } else {
                board.release_response(0, Some(0));
                assert!(is_named());
                board.end(0, Some(0));
            }
            assert!(!is_named(), "{last}");
        }
        board.name(0, 0, 5, &named(2, b"GET", b"/", Peer::Unix));
        board.begin(0, Some(0), 6, 7, 0);
        board.end(0, Some(0));
        assert!(!is_named());
    }

    #[test]
    fn wherever_a_worker_is_killed_its_note_is_whole() {
        let board = Scoreboard::new(1, 0).unwrap();
        let clients = ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
            .map(|ip| Peer::Tcp(ip.parse().unwrap(), 4000));
        for _ in 0..12 {
            board.reset(0);
            // SAFETY: the child touches only the map, and ends by a signal.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: no preconditions; it ends although its parent may have been killed.
                unsafe { libc::alarm(60) };
                loop {
                    for peer in clients {
                        board.begin_reading(0, 1, peer);
                        board.end_reading(0);
                    }
                }
            }
            assert!(child > 0);
            while board.left_reading(0).is_none() {
                std::thread::yield_now();
            }
            // SAFETY: our own child, which is not reaped before.
            let reaped = unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, std::ptr::null_mut(), 0)
            };
            assert_eq!(reaped, child);
            let left = board.left_reading(0);
            assert!(left.is_none_or(|peer| clients.contains(&peer)), "{left:?}");
        }
    }

    #[test]
    fn who_waits_is_not_judged_by_its_age() {
        let board = Scoreboard::new(1, 1).unwrap();
        board.reset(0);
        board.name(0, 0, 5, &named(1, b"GET", b"/", Peer::Unix));
        assert!(board.running(0, 0).is_none());
        board.begin(0, Some(0), 9, 99, 50);
        assert_eq!(board.running(0, 0).unwrap().started_ns, 9);
    }

    #[test]
    fn free_entries_are_found_from_anywhere() {
        let board = Scoreboard::new(1, 1).unwrap();
        board.reset(0);
        for entry in 0..=WAITING {
            assert_eq!(board.free_entry(0, entry), Some(entry));
            board.name(0, entry, 5, &named(1, b"GET", b"/", Peer::Unix));
        }
        assert_eq!(board.free_entry(0, 0), None);
        board.forget(0, 3);
        for from in [0, 3, 4, WAITING, WAITING + 1, usize::MAX] {
            assert_eq!(board.free_entry(0, from), Some(3), "{from}");
        }
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
    fn an_overdue_request_is_told_even_when_it_has_ended() {
        const BROKEN: Broken = Broken {
            cause: Cause::Request,
            limit_ms: 50,
        };
        let board = Scoreboard::new(1, 1).unwrap();
        board.reset(0);
        let begin = |id| {
            let now_ns = clock::monotonic_ns();
            board.name(0, 0, now_ns, &named(id, b"GET", b"/slow", Peer::Unix));
            board.begin(0, Some(0), now_ns, 99, 50);
            board.running(0, 0).unwrap()
        };
        let first = begin(1);
        assert_eq!((first.token, first.limit_ms), (7, 50));
        assert!(board.tell_overdue(0, 0, first, BROKEN));
        assert!(board.is_overdue(0, Some(0)));
        assert!(board.running(0, 0).unwrap().overdue);
        assert!(board.read(0).in_flight[0].overdue);
        board.end(0, Some(0));
        let second = begin(2);
        assert!(!board.is_overdue(0, Some(0)));
        // The first has ended: it is too late to mark it.
        assert!(!board.tell_overdue(0, 0, first, BROKEN));
        assert!(!second.overdue);
        let told = board.overdue(0, 0);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].number, told[0].request.id), (0, 1));
        assert_eq!(told[0].limit_ms, 50);
        assert_eq!(told[0].request.target, "/slow");
        assert!(board.overdue(0, 1).is_empty());
        board.reset(0);
        assert!(board.overdue(0, 0).is_empty());
    }

    #[test]
    fn what_the_master_does_not_fetch_is_forgotten_in_order() {
        let board = Scoreboard::new(1, 1).unwrap();
        board.reset(0);
        let broken = Broken {
            cause: Cause::Silence,
            limit_ms: 9,
        };
        for id in 1..=40 {
            board.name(0, 0, id, &named(id, b"GET", b"/", Peer::Unix));
            board.begin(0, Some(0), id, 99, 50);
            let running = board.running(0, 0).unwrap();
            assert!(board.tell_overdue(0, 0, running, broken));
        }
        let ids: Vec<_> = board.overdue(0, 2).iter().map(|o| o.request.id).collect();
        assert_eq!(ids, (9..=40).collect::<Vec<_>>());
    }

    #[test]
    fn a_question_is_taken_once() {
        let board = Scoreboard::new(2, 0).unwrap();
        board.reset(1);
        assert_eq!(board.take_asked(1), None);
        board.ask(1, 7);
        assert_eq!(board.take_asked(0), None);
        assert_eq!(board.take_asked(1), Some(7));
        assert_eq!(board.take_asked(1), None);
        board.ask(1, 8);
        board.reset(1);
        assert_eq!(board.take_asked(1), None);
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
