//! permessage-deflate (RFC 7692): messages to DEFLATE data and back.
//!
//! A connection keeps no state of the algorithm, which takes 200 KiB, but only what the next message
//! may refer to: the window, 4 KiB where it has 12 bits, and nothing without context takeover. The
//! states are shared. One is lent for as long as a message takes, and is told the window first.

use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::extension::{Context, MAX_BITS, MIN_OWN_BITS};
use super::pool::Pool;
use super::reject::Reject;

/// What each message ends with, and what is left out of it (section 7.2.1).
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];

/// Bytes that are inflated at a time, at least and at most.
const STEP: (usize, usize) = (1024, 64 * 1024);

/// The last bytes of a direction: what its next message may refer to.
#[derive(Debug)]
struct History {
    bytes: Vec<u8>,
    window: usize,
    takeover: bool,
}

impl History {
    fn new(context: Context) -> Self {
        Self {
            bytes: Vec::new(),
            window: 1 << context.window_bits.min(MAX_BITS),
            takeover: context.takeover,
        }
    }

    /// Appends, as far as the window reaches.
    fn push(&mut self, new: &[u8]) {
        let new = new
            .get(new.len().saturating_sub(self.window)..)
            .unwrap_or_default();
        let kept = self.bytes.len().min(self.window - new.len());
        self.bytes.drain(..self.bytes.len() - kept);
        let wanted = kept + new.len();
        if wanted > self.bytes.capacity() {
            // By doubling, but never beyond the window.
            let room = wanted.max(2 * self.bytes.capacity()).min(self.window);
            self.bytes.reserve_exact(room - kept);
        }
        self.bytes.extend_from_slice(new);
    }

    /// A message has ended.
    fn end(&mut self) {
        if !self.takeover {
            self.bytes = Vec::new();
        }
    }
}

/// The direction in which messages are compressed.
#[derive(Debug)]
pub(super) struct Deflating {
    history: History,
    /// Which of the shared states it uses.
    window_bits: u8,
}

impl Deflating {
    pub(super) fn new(context: Context) -> Self {
        Self {
            history: History::new(context),
            window_bits: context.window_bits.clamp(MIN_OWN_BITS, MAX_BITS),
        }
    }

    /// The payload of a compressed message; `None`, if it would not be smaller. Then it is sent as it
    /// is, and later messages do not refer to it.
    pub(super) fn deflate<'a>(&mut self, pool: &'a mut Pool, message: &[u8]) -> Option<&'a [u8]> {
        let compressed = pool.deflate(self.window_bits, &self.history.bytes, message)?;
        let compressed = compressed.strip_suffix(TAIL)?;
        if compressed.len() >= message.len() {
            return None;
        }
        if self.history.takeover {
            self.history.push(message);
        }
        Some(compressed)
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.history.bytes.capacity()
    }
}

/// The direction in which messages are decompressed.
pub(super) struct Inflating {
    history: History,
    /// While a message comes.
    state: Option<Inflate>,
    /// Bytes of that message that the history has.
    remembered: usize,
}

impl Inflating {
    pub(super) fn new(context: Context) -> Self {
        Self {
            history: History::new(context),
            state: None,
            remembered: 0,
        }
    }

    /// Inflates the next bytes of a message to the end of `out`, which holds what came of those
    /// before. Stops as soon as that is larger than `limit`, or `check` refuses what is new.
    pub(super) fn inflate(
        &mut self,
        pool: &mut Pool,
        mut input: &[u8],
        limit: usize,
        out: &mut Vec<u8>,
        mut check: impl FnMut(&[u8]) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        let mut state = if let Some(state) = self.state.take() {
            state
        } else {
            let mut state = pool.inflate();
            begin(&mut state, &self.history.bytes)?;
            state
        };
        loop {
            let before = out.len();
            let step = input.len().saturating_mul(4).clamp(STEP.0, STEP.1);
            let room = step.min(limit.saturating_sub(before).saturating_add(1));
            out.resize(before + room, 0);
            let place = out.get_mut(before..).unwrap_or_default();
            let (start_in, start_out) = (state.total_in(), state.total_out());
            let result = state.decompress(input, place, InflateFlush::SyncFlush);
            let consumed = count(start_in, state.total_in());
            let produced = count(start_out, state.total_out());
            out.truncate(before + produced);
            input = input.get(consumed..).unwrap_or_default();
            check(out.get(before..).unwrap_or_default())?;
            if out.len() > limit {
                return Err(Reject::MessageTooBig);
            }
            match result {
                Err(_) => return Err(Reject::InvalidDeflate),
                // The last block of a stream: another stream may follow (section 7.2.3.4).
                Ok(Status::StreamEnd) => {
                    self.remember(out);
                    begin(&mut state, &self.history.bytes)?;
                }
                // Without room left there may be more.
                Ok(Status::Ok | Status::BufError) if produced == room || !input.is_empty() => {
                    if consumed == 0 && produced == 0 {
                        return Err(Reject::InvalidDeflate);
                    }
                }
                Ok(Status::Ok | Status::BufError) => break,
            }
        }
        self.state = Some(state);
        Ok(())
    }

    /// The message is complete.
    pub(super) fn end(
        &mut self,
        pool: &mut Pool,
        limit: usize,
        out: &mut Vec<u8>,
        check: impl FnMut(&[u8]) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        self.inflate(pool, TAIL, limit, out, check)?;
        if self.history.takeover {
            self.remember(out);
        }
        self.history.end();
        self.discard(pool);
        Ok(())
    }

    /// The rest of the message is not looked at.
    pub(super) fn discard(&mut self, pool: &mut Pool) {
        self.remembered = 0;
        pool.give_back(self.state.take());
    }

    /// Bytes of memory, without a state that is lent.
    pub(super) fn held(&self) -> usize {
        self.history.bytes.capacity()
    }

    fn remember(&mut self, message: &[u8]) {
        let new = message.get(self.remembered..).unwrap_or_default();
        self.history.push(new);
        self.remembered = message.len();
    }
}

impl fmt::Debug for Inflating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflating")
            .field("history", &self.history)
            .field("busy", &self.state.is_some())
            .finish_non_exhaustive()
    }
}

/// Begins raw DEFLATE data that may refer to `history`.
fn begin(state: &mut Inflate, history: &[u8]) -> Result<(), Reject> {
    state.reset(false);
    if !history.is_empty() {
        // Raw data takes a dictionary at any time.
        let known = state.set_dictionary(history);
        known.map_err(|_| Reject::InvalidDeflate)?;
    }
    Ok(())
}

/// What one call has added to a total.
fn count(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or_default()
}

#[cfg(test)]
mod tests;
