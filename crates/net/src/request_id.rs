//! Ids of requests: taken from a trusted peer's `X-Request-ID`, or made.
//!
//! An id tells requests apart in logs. It is unique, not secret: made from random seeds of this
//! process without asking the system for each.

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use proto::Known;

use crate::access_log::exclude::mixed;
use crate::exchange::Exchange;

/// Makes ids.
pub struct RequestIds {
    seeds: [u64; 2],
    next: AtomicU64,
}

/// Longest id that is taken over.
const LONGEST: usize = 128;

impl RequestIds {
    /// Seeds from the system: to be made after the fork, once in each process.
    pub fn new() -> io::Result<Self> {
        let mut bytes = [0u8; 16];
        // SAFETY: the pointer is valid for the length, which is below getentropy's limit of 256.
        if unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let whole = u128::from_ne_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let seeds = [whole as u64, (whole >> 64) as u64];
        Ok(Self {
            seeds,
            next: AtomicU64::new(0),
        })
    }

    /// The id of a request: that which a trusted peer has given, or a new one.
    pub fn of<'a>(&self, exchange: &'a Exchange) -> Id<'a> {
        given(exchange).map_or_else(|| Id::Made(self.make()), Id::Given)
    }

    /// 128 bits that were not given before.
    pub fn numbers(&self) -> [u64; 2] {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Each half runs through all 2^64 values, from a place of its own.
        self.seeds.map(|seed| mixed(seed.wrapping_add(number)))
    }

    /// The same as 32 hexadecimal digits.
    pub fn make(&self) -> [u8; 32] {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut id = [0; 32];
        for (half, mut bits) in id.chunks_exact_mut(16).zip(self.numbers()) {
            for digit in half {
                *digit = DIGITS[(bits >> 60) as usize];
                bits <<= 4;
            }
        }
        id
    }
}

/// The id of one request.
pub enum Id<'a> {
    /// That which a trusted peer has given.
    Given(&'a [u8]),
    /// A new one.
    Made([u8; 32]),
}

impl Deref for Id<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Given(id) => id,
            Self::Made(id) => id,
        }
    }
}

/// The id that a trusted peer has given, if it is one.
fn given(exchange: &Exchange) -> Option<&[u8]> {
    let head = &exchange.head;
    if !exchange.trusted || head.repeats(Known::XRequestId) {
        return None;
    }
    head.get(Known::XRequestId).filter(|id| acceptable(id))
}

/// What can stand in a header, in a line of a log and in JSON as it is.
fn acceptable(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.iter().all(|&byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b':' | b'@' | b'!' | b'*'
                )
        })
}
