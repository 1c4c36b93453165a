//! What each target takes from the front of its input: how the rest is cut.

#![allow(dead_code, reason = "each target uses its part")]

use licorne_proto::{Limits, Policy};

/// The first bytes of the input: choices, and where the rest is cut.
pub(crate) struct Choices<'a> {
    /// Switches.
    pub(crate) bits: u8,
    /// One of several.
    pub(crate) which: u8,
    seed: u16,
    /// What is tried.
    pub(crate) rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// `None`: there are not enough bytes.
    pub(crate) fn of(data: &'a [u8]) -> Option<Self> {
        let ([bits, which, high, low], rest) = data.split_first_chunk()?;
        Some(Self {
            bits: *bits,
            which: *which,
            seed: u16::from_be_bytes([*high, *low]),
            rest,
        })
    }

    /// A switch.
    pub(crate) fn bit(&self, number: u8) -> bool {
        self.bits >> number & 1 == 1
    }

    /// One of several.
    pub(crate) fn one_of<'b, T>(&self, several: &'b [T]) -> &'b T {
        &several[usize::from(self.which) % several.len()]
    }

    /// The usual rules, but for a limit of bodies behind a switch.
    pub(crate) fn policy(&self, number: u8, limit: u64) -> Policy {
        Policy {
            limits: Limits {
                body: self.bit(number).then_some(limit),
                ..Limits::default()
            },
            ..Policy::default()
        }
    }

    /// The rest in pieces: byte by byte, or cut at up to fifteen places.
    pub(crate) fn pieces(&self) -> Vec<&'a [u8]> {
        self.cut(self.rest)
    }

    /// The same for other bytes.
    pub(crate) fn cut<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        if self.seed == 0 {
            return bytes.chunks(1).collect();
        }
        let mut state = u64::from(self.seed);
        let mut places: Vec<_> = (0..self.seed % 16)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                usize::try_from(state >> 33).unwrap_or_default() % (bytes.len() + 1)
            })
            .collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        pieces.collect()
    }
}
