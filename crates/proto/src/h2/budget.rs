//! How much a peer may make the server do for nothing (RFC 9113, section 10.5).
//!
//! Frames that are of use are paid for by what they carry; what is counted here costs the peer next
//! to nothing. A budget is either for a second of the owner's clock, or earned back.

use crate::reject::Reject;

/// PING and SETTINGS in a second: clients that measure the way to the server send one for each
/// round trip while data flow, and those are earned back by the data.
const PINGS: u32 = 1000;
/// Empty DATA frames that do not end a stream, in a second: some clients send one here and there.
const EMPTY: u32 = 100;
/// PRIORITY, unknown and late frames in a second: a few for each stream that is opened.
const IDLE: u32 = 2000;
/// `WINDOW_UPDATE` frames in a second, beside two for each DATA frame that was sent.
const UPDATES: u32 = 2000;
/// Bytes of a DATA frame that count as data.
const EARNS: u32 = 128;
/// Streams that are reset without one being finished, for each stream that may be open at a time.
const RESETS: u32 = 2;
/// Bytes of answers to frames that the peer has not taken yet.
pub(super) const ANSWERS: usize = 1 << 16;
/// CONTINUATION frames of one header block, for each part of that size that it may have.
const CONTINUATION: usize = 1024;
/// CONTINUATION frames that every header block may have.
const CONTINUATIONS: usize = 16;

/// The budgets, by what they are for.
pub const BUDGETS: [&str; 8] = [
    "resets",
    "pings",
    "empty_frames",
    "idle_frames",
    "window_updates",
    "continuations",
    "header_size",
    "unread_answers",
];

/// Which of [`BUDGETS`] a peer has exceeded, if that is why it was refused.
pub fn exceeded(reject: Reject) -> Option<usize> {
    let name = match reject {
        Reject::TooManyResets => "resets",
        Reject::TooManyPings => "pings",
        Reject::TooManyEmptyFrames => "empty_frames",
        Reject::TooManyIdleFrames => "idle_frames",
        Reject::TooManyWindowUpdates => "window_updates",
        Reject::TooManyContinuations => "continuations",
        Reject::HeaderBlockTooLarge => "header_size",
        Reject::UnreadAnswers => "unread_answers",
        _ => return None,
    };
    BUDGETS.iter().position(|budget| *budget == name)
}

/// What was used up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    second: u64,
    pings: u32,
    empty: u32,
    idle: u32,
    updates: u32,
    resets: u32,
}

impl Budget {
    /// The time, in seconds. With each second what is counted by time begins anew.
    pub(super) fn at(&mut self, second: u64) {
        if self.second != second {
            *self = Self {
                second,
                resets: self.resets,
                ..Self::default()
            };
        }
    }

    /// PING or SETTINGS.
    pub(super) fn ping(&mut self) -> Result<(), Reject> {
        spend(&mut self.pings, PINGS, Reject::TooManyPings)
    }

    /// DATA without data and without an end.
    pub(super) fn empty(&mut self) -> Result<(), Reject> {
        spend(&mut self.empty, EMPTY, Reject::TooManyEmptyFrames)
    }

    /// A frame that does nothing.
    pub(super) fn idle(&mut self) -> Result<(), Reject> {
        spend(&mut self.idle, IDLE, Reject::TooManyIdleFrames)
    }

    /// `WINDOW_UPDATE`.
    pub(super) fn update(&mut self) -> Result<(), Reject> {
        spend(&mut self.updates, UPDATES, Reject::TooManyWindowUpdates)
    }

    /// A stream was reset, by the peer or because of what it did. `streams` may be open at a time.
    pub(super) fn reset(&mut self, streams: u32) -> Result<(), Reject> {
        let most = streams.saturating_mul(RESETS);
        spend(&mut self.resets, most, Reject::TooManyResets)
    }

    /// A stream was finished by both sides.
    pub(super) fn finished(&mut self) {
        self.resets = self.resets.saturating_sub(1);
    }

    /// DATA was sent. Tiny frames earn nothing: the peer may have asked for them by tiny windows.
    pub(super) fn sent(&mut self, len: u32) {
        if len < EARNS {
            return;
        }
        self.updates = self.updates.saturating_sub(2);
        self.pings = self.pings.saturating_sub(1);
    }
}

/// Whether a header block may come in so many CONTINUATION frames. `most` is what it may measure.
pub(super) fn continuations(count: usize, most: usize) -> Result<(), Reject> {
    if count > CONTINUATIONS + most / CONTINUATION {
        return Err(Reject::TooManyContinuations);
    }
    Ok(())
}

fn spend(used: &mut u32, most: u32, reject: Reject) -> Result<(), Reject> {
    *used = used.saturating_add(1);
    if *used > most { Err(reject) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
