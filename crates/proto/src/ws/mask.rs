//! The mask of a client's frames (RFC 6455, section 5.3): word by word, wherever a frame is cut.

/// A masking key, turned so that it begins with the byte that masks the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u32);

impl Mask {
    /// A key as it stands in the header.
    pub const fn new(key: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(key))
    }

    /// Masks or unmasks the next bytes of a payload, in place.
    #[inline]
    pub fn apply(&mut self, bytes: &mut [u8]) {
        if self.0 == 0 {
            return;
        }
        let word = u64::from(self.0) << 32 | u64::from(self.0);
        let mut words = bytes.chunks_exact_mut(8);
        for chunk in &mut words {
            if let Some(eight) = chunk.first_chunk_mut::<8>() {
                *eight = (u64::from_le_bytes(*eight) ^ word).to_le_bytes();
            }
        }
        let rest = words.into_remainder();
        for (byte, key) in rest.iter_mut().zip(word.to_le_bytes()) {
            *byte ^= key;
        }
        // Eight bytes leave the key as it is.
        for _ in 0..rest.len() % 4 {
            self.0 = self.0.rotate_right(8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_every_cut_is_masked_byte_by_byte() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..70 {
            let plain: Vec<u8> = (0..len).map(|at| at * 3).collect();
            let expected: Vec<_> = plain
                .iter()
                .enumerate()
                .map(|(at, byte)| byte ^ key[at % 4])
                .collect();
            for cut in 0..=plain.len() {
                let mut bytes = plain.clone();
                let mut mask = Mask::new(key);
                let (front, back) = bytes.split_at_mut(cut);
                mask.apply(front);
                mask.apply(back);
                assert_eq!(bytes, expected, "{len} bytes, cut at {cut}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        // Section 5.7: a masked "Hello".
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut bytes);
        assert_eq!(&bytes, b"Hello");
    }
}
