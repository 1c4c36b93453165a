//! Integers with a prefix of 1 to 8 bits (RFC 7541, section 5.1).

use crate::reject::Reject;

/// Larger numbers stand for nothing that could be accepted: no header block is as long.
const MOST: usize = 1 << 28;

/// Reads the integer at the front of `input`, whose first byte has `bits` bits of it.
#[inline]
pub(super) fn decode(input: &mut &[u8], bits: u8) -> Result<usize, Reject> {
    let Some((first, rest)) = input.split_first() else {
        return Err(Reject::HeaderBlockCutShort);
    };
    *input = rest;
    let most = 0xff_u8 >> (8 - bits);
    let prefix = first & most;
    if prefix < most {
        return Ok(usize::from(prefix));
    }
    behind_prefix(input, usize::from(most))
}

/// The bytes behind a prefix that is full: seven bits each, the lowest first.
#[cold]
fn behind_prefix(input: &mut &[u8], prefix: usize) -> Result<usize, Reject> {
    let mut value = prefix;
    // Four bytes have 28 bits; a fifth one could only be too large, or empty.
    for shift in [0, 7, 14, 21] {
        let Some((byte, rest)) = input.split_first() else {
            return Err(Reject::HeaderBlockCutShort);
        };
        *input = rest;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if value <= MOST {
                Ok(value)
            } else {
                Err(Reject::HeaderIntegerTooLarge)
            };
        }
    }
    Err(Reject::HeaderIntegerTooLarge)
}

/// Appends `value` with a prefix of `bits` bits; `first` has the bits in front of the prefix.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "each byte takes the bits that it has room for"
)]
pub(super) fn encode(out: &mut Vec<u8>, first: u8, bits: u8, value: usize) {
    let most = usize::from(0xff_u8 >> (8 - bits));
    if value < most {
        out.push(first | value as u8);
        return;
    }
    out.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541, appendix C.1.
        for (bytes, bits, value) in [
            (&[0b0000_1010][..], 5, 10),
            (&[0b0001_1111, 0b1001_1010, 0b0000_1010], 5, 1337),
            (&[0b0010_1010], 8, 42),
        ] {
            let mut rest = bytes;
            assert_eq!(decode(&mut rest, bits), Ok(value));
            assert!(rest.is_empty());
            let mut out = Vec::new();
            encode(&mut out, 0, bits, value);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn every_width_comes_back() {
        for bits in 1..=8 {
            for value in [
                0,
                1,
                2,
                30,
                31,
                126,
                127,
                128,
                254,
                255,
                256,
                16_383,
                1 << 20,
                MOST,
            ] {
                let mut out = Vec::new();
                encode(&mut out, 0, bits, value);
                assert_eq!(decode(&mut &out[..], bits), Ok(value), "{bits} {value}");
                let short = &out[..out.len() - 1];
                assert_eq!(
                    decode(&mut &short[..], bits),
                    Err(Reject::HeaderBlockCutShort)
                );
            }
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        for bytes in [
            &[0x1f, 0xff, 0xff, 0xff, 0xff][..],
            &[
                0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f,
            ],
            &[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00],
        ] {
            assert_eq!(
                decode(&mut &bytes[..], 5),
                Err(Reject::HeaderIntegerTooLarge)
            );
        }
        assert_eq!(
            decode(&mut &[0x1f, 0xff, 0xff, 0xff, 0x7f][..], 5),
            Err(Reject::HeaderIntegerTooLarge)
        );
    }
}
