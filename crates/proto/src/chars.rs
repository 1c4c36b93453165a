//! Byte classes as 256-entry tables, and scans over them.
//!
//! The wide scans look at eight bytes at a time: in the lowest byte that is hit the arithmetic is
//! exact, and only the lowest hit is used.

/// RFC 9110, section 5.6.2: `tchar`.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether a name of token characters is `lower`, in any case. `lower` holds letters, digits and `-`:
/// for those the bit 0x20 is either set or the only difference between the cases.
#[inline]
pub(crate) fn eq_lower(name: &[u8], lower: &[u8]) -> bool {
    name.len() == lower.len() && name.iter().zip(lower).all(|(a, b)| a | 0x20 == *b)
}
