//! The scoreboard: anonymous memory shared by the master and its workers, made before the fork.
//!
//! Each worker writes its own part and no other, without a lock; the master reads all of
//! them, and writes one word: which request it asks about. Every field is an atomic, so a torn read
//! is impossible for one field.

mod entry;
mod free;
mod overdue;
mod queue;
mod reading;
mod retiring;
mod snapshot;

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::access_log::buffer::LogBuffer;
use crate::clock;
use crate::peer::Peer;
use crate::shared_memory::SharedMemory;
use crate::tally::{Counts, Tally};
use entry::Entry;
pub use entry::InFlight;
pub(crate) use entry::{Named, Running};
pub(crate) use free::Siblings;
pub use overdue::Overdue;
use overdue::{LATE, Late};
use queue::Queue;
use reading::Reading;
pub use retiring::RetireCause;
pub use snapshot::Snapshot;

/// One worker (everything relaxed: the numbers stand for themselves).
#[repr(C)]
struct Worker {
    pid: AtomicU32,
    ready: AtomicU32,
    beat_ms: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    /// Threads that would begin with a request at once.
    free: AtomicU64,
    /// Whether it accepts new connections.
    accepts: AtomicU64,
    queue: Queue,
    reading: Reading,
    /// Why the worker asks to be replaced: a [`RetireCause`], 0 while it does not.
    retire: AtomicU64,
    /// Not 0 if the master ends the worker while the server goes on.
    replaced: AtomicU64,
    /// Requests found over their time so far, and how many of them the log was told of where the
    /// worker and the master could both do it.
    overdue: AtomicU64,
    told: AtomicU64,
    /// The request whose stack the master asks for, 0 for none.
    asked: AtomicU64,
    tally: Tally,
}

/// Requests that wait for a thread and are named all the same, for each worker.
pub(crate) const WAITING: usize = 64;
/// The number of no request.
const NONE: u64 = u64::MAX;

/// The shared map, which lives as long as the process.
pub struct Scoreboard {
    base: NonNull<u8>,
    /// The first entry of the first slot.
    first_entry: NonNull<Entry>,
    size: usize,
    slots: usize,
    entries: usize,
    _memory: SharedMemory,
}

// SAFETY: the memory is only ever touched through atomics.
unsafe impl Send for Scoreboard {}
// SAFETY: as above.
unsafe impl Sync for Scoreboard {}

#[expect(
    clippy::cast_ptr_alignment,
    reason = "the base is page-aligned, and workers and entries are multiples of 8 bytes"
)]
impl Scoreboard {
    /// Maps room for `slots` workers with so many threads each. Untouched pages cost nothing.
    pub fn new(slots: usize, threads: usize) -> io::Result<Self> {
        let entries = threads + WAITING;
        let named = LATE * size_of::<Late>() + entries * size_of::<Entry>();
        let each = size_of::<Worker>() + named + size_of::<LogBuffer>();
        let size = slots * each + size_of::<AtomicU64>();
        let memory = SharedMemory::new(size)?;
        let base = memory.base();
        let offset = slots * (size_of::<Worker>() + LATE * size_of::<Late>());
        // SAFETY: the entries follow the workers and the late requests within the mapping.
        let first_entry = unsafe { base.add(offset) }.cast();
        Ok(Self {
            base,
            first_entry,
            size,
            slots,
            entries,
            _memory: memory,
        })
    }

    /// Number of workers there is room for.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Empties a slot before a fork; its beat is set to now.
    pub fn reset(&self, slot: usize) {
        let worker = self.worker(slot);
        worker.pid.store(0, Ordering::Relaxed);
        worker.ready.store(0, Ordering::Relaxed);
        worker.requests.store(0, Ordering::Relaxed);
        worker.connections.store(0, Ordering::Relaxed);
        self.set_out(slot);
        worker.queue.set(0, 0);
        worker.queue.forget_loop();
        worker.reading.end();
        worker.retire.store(0, Ordering::Relaxed);
        worker.replaced.store(0, Ordering::Relaxed);
        worker.overdue.store(0, Ordering::Relaxed);
        worker.told.store(0, Ordering::Relaxed);
        worker.asked.store(0, Ordering::Relaxed);
        worker.tally.reset();
        for entry in (0..self.entries).map(|entry| self.entry(slot, entry)) {
            entry.started_ns.store(0, Ordering::Relaxed);
            entry.overdue.store(NONE, Ordering::Relaxed);
        }
        self.clear_lines(slot);
        self.beat(slot, clock::monotonic_ms());
    }

    /// Writes this process's id into the slot.
    pub fn claim(&self, slot: usize) {
        let pid = &self.worker(slot).pid;
        pid.store(std::process::id(), Ordering::Relaxed);
        self.beat(slot, clock::monotonic_ms());
    }

    /// A sign of life at `now_ms`.
    pub fn beat(&self, slot: usize, now_ms: u64) {
        self.worker(slot).beat_ms.store(now_ms, Ordering::Relaxed);
    }

    /// No sign of life is due before the next one: the worker is being debugged.
    pub fn hold(&self, slot: usize) {
        // Far ahead of any clock, and far from the end of numbers that limits are added to.
        self.beat(slot, u64::MAX / 2);
    }

    /// The application is loaded.
    pub fn mark_ready(&self, slot: usize) {
        self.worker(slot).ready.store(1, Ordering::Relaxed);
        self.changes().fetch_add(1, Ordering::Relaxed);
    }

    /// The counters of a worker, for the one thread that holds its reactor.
    #[inline]
    pub(crate) fn tally(&self, slot: usize) -> &Tally {
        &self.worker(slot).tally
    }

    /// What the worker in `slot` has counted since the slot was emptied.
    pub fn counts(&self, slot: usize) -> Counts {
        self.worker(slot).tally.read()
    }

    pub(crate) fn set_connections(&self, slot: usize, count: usize) {
        self.worker(slot)
            .connections
            .store(count as u64, Ordering::Relaxed);
    }

    /// The request with the number `id` may come with the bytes that are read from `peer` next.
    #[inline]
    pub(crate) fn begin_reading(&self, slot: usize, id: u64, peer: Peer) {
        self.worker(slot).reading.begin(id, peer);
    }

    /// What was read is named, answered, or no complete request.
    #[inline]
    pub(crate) fn end_reading(&self, slot: usize) {
        self.worker(slot).reading.end();
    }

    /// The client that a worker was reading from when it ended, unless the request has a name.
    pub fn left_reading(&self, slot: usize) -> Option<Peer> {
        let (id, peer) = self.worker(slot).reading.left()?;
        let named = (0..self.entries).any(|entry| self.entry(slot, entry).holds(id));
        (!named).then_some(peer)
    }

    /// An entry that is free, looking from number `from` on. Only the thread that holds the reactor takes one.
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
            let entry = self.entry(slot, entry);
            entry.sent.store(bytes, Ordering::Relaxed);
        }
    }

    /// The request of `entry` may run for ever: it is none any more, but a conversation.
    pub fn unlimited(&self, slot: usize, entry: Option<usize>) {
        if let Some(entry) = entry {
            let entry = self.entry(slot, entry);
            entry.limit_ms.store(0, Ordering::Relaxed);
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
            let entry = self.entry(slot, entry);
            entry.overdue.load(Ordering::Relaxed) == entry.id.load(Ordering::Relaxed)
        })
    }

    /// The request of `entry` is finished.
    #[inline]
    pub fn end(&self, slot: usize, entry: Option<usize>) {
        let requests = &self.worker(slot).requests;
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
        self.worker(slot).beat_ms.load(Ordering::Relaxed)
    }

    /// The master asks for the stack of request `number`; a signal will make the worker look.
    pub fn ask(&self, slot: usize, number: u64) {
        self.worker(slot).asked.store(number, Ordering::Relaxed);
    }

    /// Takes the question: the worker, to answer it, or the master, to withdraw it. The one that gets
    /// nothing knows that the other has it.
    pub fn take_asked(&self, slot: usize) -> Option<u64> {
        let number = self.worker(slot).asked.swap(0, Ordering::Relaxed);
        (number != 0).then_some(number)
    }

    /// Sends a signal to a thread of the worker in `slot`, or to its main thread; false if there is
    /// none.
    #[cfg(target_os = "linux")]
    pub fn signal(&self, slot: usize, thread: Option<u32>, number: i32) -> bool {
        let Ok(pid) = i32::try_from(self.worker(slot).pid.load(Ordering::Relaxed)) else {
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

    fn worker(&self, slot: usize) -> &Worker {
        assert!(
            slot < self.slots,
            "scoreboard slot {slot} of {}",
            self.slots
        );
        // SAFETY: within the mapping, aligned (page-aligned base, multiples of 8), zeros are valid.
        unsafe { &*self.base.as_ptr().cast::<Worker>().add(slot) }
    }

    fn entry(&self, slot: usize, entry: usize) -> &Entry {
        assert!(
            slot < self.slots && entry < self.entries,
            "scoreboard entry {slot}/{entry}"
        );
        // SAFETY: within the mapping, see `new`; alignment as in `worker`.
        unsafe { &*self.first_entry.as_ptr().add(slot * self.entries + entry) }
    }

    fn lines(&self, slot: usize) -> &LogBuffer {
        assert!(slot < self.slots, "lines of slot {slot}");
        let each = LATE * size_of::<Late>() + self.entries * size_of::<Entry>();
        let offset = self.slots * (size_of::<Worker>() + each);
        // SAFETY: one for each slot follows the entries; alignment as in `worker`.
        unsafe { &*self.base.as_ptr().add(offset).cast::<LogBuffer>().add(slot) }
    }

    /// Where the `number`-th overdue request of a slot is kept.
    fn late(&self, slot: usize, number: u64) -> &Late {
        assert!(slot < self.slots, "late requests of slot {slot}");
        #[expect(clippy::cast_possible_truncation, reason = "below LATE")]
        let index = (number % LATE as u64) as usize;
        let offset = self.slots * size_of::<Worker>();
        // SAFETY: LATE of them for each slot follow the workers; alignment as in `worker`.
        unsafe {
            let first = self.base.as_ptr().add(offset).cast::<Late>();
            &*first.add(slot * LATE + index)
        }
    }
}

#[cfg(test)]
mod tests;
