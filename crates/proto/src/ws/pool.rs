//! What the connections of a reactor use in turn: states of DEFLATE, and room for messages.

use core::fmt;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate};

use super::extension::{MAX_BITS, MIN_OWN_BITS};

/// How many sizes of windows can be compressed for.
const WINDOWS: usize = (MAX_BITS - MIN_OWN_BITS + 1) as usize;
/// zlib's measure for memory: 1 to 9.
const MEMORY_LEVEL: i32 = 5;
/// States to decompress that wait for the next message, at most.
pub(super) const SPARE: usize = 4;
/// Bytes of each buffer that are kept, at most.
pub(super) const KEPT: usize = 64 * 1024;

/// What all connections of a reactor share: a state to compress for each size of a window, a few to
/// decompress, and room for a message. All of it is made when it is first needed.
pub struct Pool {
    level: i32,
    deflate: [Option<Deflate>; WINDOWS],
    inflate: Vec<Inflate>,
    /// Where data are compressed to.
    scratch: Vec<u8>,
    /// Where the next message that comes in pieces is put together.
    room: Vec<u8>,
}

impl Pool {
    /// Compresses with this level: 1 is the fastest, 9 gives the smallest messages.
    pub fn new(level: u8) -> Self {
        Self {
            level: i32::from(level.clamp(1, 9)),
            deflate: [const { None }; WINDOWS],
            inflate: Vec::new(),
            scratch: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Compresses raw data, which may refer to `history`, up to a byte border. `None`: it cannot be
    /// done, for there is no such window, or more than 4 GiB of data.
    pub(super) fn deflate(
        &mut self,
        window_bits: u8,
        history: &[u8],
        message: &[u8],
    ) -> Option<&[u8]> {
        let place = usize::from(window_bits.checked_sub(MIN_OWN_BITS)?);
        let place = self.deflate.get_mut(place)?;
        // It goes back only if it has written all that it had to: zlib-rs 0.6.8 has less room after a
        // reset otherwise, and then panics.
        let mut state = match place.take() {
            Some(mut state) => {
                state.reset();
                state
            }
            None => Deflate::new_with_config(DeflateConfig {
                level: self.level,
                // Without a header.
                window_bits: -i32::from(window_bits),
                mem_level: MEMORY_LEVEL,
                ..DeflateConfig::default()
            }),
        };
        if !history.is_empty() {
            state.set_dictionary(history).ok()?;
        }
        let most = bound(message.len());
        if self.scratch.len() < most {
            self.scratch.resize(most, 0);
        } else if self.scratch.len() > KEPT {
            self.scratch.truncate(most.max(KEPT));
            self.scratch.shrink_to_fit();
        }
        let flush = DeflateFlush::SyncFlush;
        state.compress(message, &mut self.scratch, flush).ok()?;
        let len = usize::try_from(state.total_out()).ok()?;
        // Without room left there might have been more.
        if state.total_in() != message.len() as u64 || len >= self.scratch.len() {
            return None;
        }
        *place = Some(state);
        self.scratch.get(..len)
    }

    /// A state to decompress, which has to be reset. It has the largest window: what a message refers
    /// to is bounded by what it is told of those before.
    pub(super) fn inflate(&mut self) -> Inflate {
        match self.inflate.pop() {
            Some(state) => state,
            None => Inflate::new(false, MAX_BITS),
        }
    }

    /// Such a state is not needed any more.
    pub(super) fn give_back(&mut self, state: Option<Inflate>) {
        if self.inflate.len() < SPARE {
            self.inflate.extend(state);
        }
    }

    /// An empty buffer, perhaps with room.
    #[inline]
    pub(super) fn room(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.room)
    }

    /// Such a buffer is not needed any more.
    #[inline]
    pub(super) fn keep(&mut self, mut room: Vec<u8>) {
        if (self.room.capacity() + 1..=KEPT).contains(&room.capacity()) {
            room.clear();
            self.room = room;
        }
    }
}

/// What `len` bytes take at most: 9 bits for each where no block is stored as it is, and some bytes
/// for each block.
fn bound(len: usize) -> usize {
    len.saturating_add(len / 8 + len / 64 + 128)
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(1)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_kept() {
        let mut pool = Pool::default();
        assert!(pool.deflate(12, b"", &vec![0; 1 << 20]).is_some());
        assert!(pool.scratch.capacity() >= 1 << 20);
        assert!(pool.deflate(12, b"", b"abc").is_some());
        assert!(pool.scratch.capacity() <= KEPT);
        for _ in 0..=SPARE {
            pool.give_back(Some(Inflate::new(false, MAX_BITS)));
        }
        assert_eq!(pool.inflate.len(), SPARE);
        for (capacity, kept) in [(100, 100), (50, 100), (KEPT, KEPT), (KEPT + 1, KEPT)] {
            pool.keep(Vec::with_capacity(capacity));
            assert_eq!(pool.room.capacity(), kept);
        }
        assert_eq!(pool.room().capacity(), KEPT);
        assert_eq!(pool.room().capacity(), 0);
    }

    #[test]
    fn there_are_windows_of_these_sizes() {
        let mut pool = Pool::default();
        for bits in 0..=u8::MAX {
            let expected = (MIN_OWN_BITS..=MAX_BITS).contains(&bits);
            assert_eq!(pool.deflate(bits, b"", b"a").is_some(), expected, "{bits}");
        }
    }

    #[test]
    fn every_message_is_compressed_whole_whatever_came_before() {
        let mut seed = 1_u64;
        let mut noise = |len: usize| -> Vec<u8> {
            let mut next = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed.to_be_bytes()[0]
            };
            // Above 0x8f fixed codes have nine bits.
            (0..len).map(|_| next() | 0x90).collect()
        };
        for level in [1, 2, 6] {
            let mut pool = Pool::new(level);
            for bits in [9, 12, 15] {
                for len in [1, 64, 2000, 8191, 8193, 70_000] {
                    let message = noise(len);
                    let history = noise(1 << bits);
                    assert!(
                        pool.deflate(bits, &history, &message).is_some(),
                        "{level} {len}"
                    );
                    assert!(
                        pool.deflate(bits, &message[..len.min(1 << bits)], &message)
                            .is_some()
                    );
                }
                let place = usize::from(bits - MIN_OWN_BITS);
                assert!(pool.deflate[place].is_some(), "it goes back");
            }
        }
    }
}
