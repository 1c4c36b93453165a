//! The two sides of a connection, and the masks of one of them (RFC 6455, section 5.3).

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is received is masked, what is sent is not.
    Server,
    /// The other way round. The masks come from this seed, which must not be guessed between the two
    /// sides (RFC 6455, section 10.3).
    Client(u64),
}

impl Role {
    /// The key for the next frame: none for a server (section 5.1).
    pub(super) fn key(&mut self) -> Option<[u8; 4]> {
        let Self::Client(seed) = self else {
            return None;
        };
        // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *seed;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (mixed ^ mixed >> 31).to_le_bytes();
        Some([a, b, c, d])
    }
}
