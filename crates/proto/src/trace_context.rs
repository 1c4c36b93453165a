//! Which trace a request belongs to: the field `traceparent` (W3C Trace Context, section 3.2).

/// A request's place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never zero.
    pub trace_id: [u8; 16],
    /// The span that the request is a part of; never zero.
    pub parent_id: [u8; 8],
    /// Flags; the lowest bit says that the caller records the trace.
    pub flags: u8,
}

/// Bytes of a field of version 00.
const LENGTH: usize = 55;
/// The caller records the trace.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// A place in a trace that is recorded.
    pub fn sampled(trace_id: [u8; 16], parent_id: [u8; 8]) -> Self {
        Self {
            trace_id,
            parent_id,
            flags: SAMPLED,
        }
    }

    /// Whether the caller records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// What a field says; `None` if it is not valid. Of versions to come the part that 00 has is
    /// read (section 4.3).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (fixed, rest) = value.split_at_checked(LENGTH)?;
        let mut parts = fixed.split(|&byte| byte == b'-');
        let [version] = bytes(parts.next()?)?;
        let trace_id = bytes(parts.next()?)?;
        let parent_id = bytes(parts.next()?)?;
        let [flags] = bytes(parts.next()?)?;
        let known = version == 0 && rest.is_empty();
        let later = (1..0xff).contains(&version) && (rest.is_empty() || rest.starts_with(b"-"));
        let valid = parts.next().is_none() && trace_id != [0; 16] && parent_id != [0; 8];
        ((known || later) && valid).then_some(Self {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// The field, in version 00.
    pub fn render(&self) -> String {
        let (trace_id, parent_id) = (hex(&self.trace_id), hex(&self.parent_id));
        format!("00-{trace_id}-{parent_id}-{:02x}", self.flags & SAMPLED)
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .map(|&digit| char::from(digit))
        .collect()
}

/// Exactly `N` bytes as lower-case hexadecimal digits.
fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut found = [0; N];
    for (byte, pair) in found.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(found)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_valid_comes_back() {
        let parsed = TraceParent::parse(GIVEN.as_bytes()).unwrap();
        assert_eq!(parsed.trace_id[..2], [0x0a, 0xf7]);
        assert!(parsed.is_sampled());
        assert_eq!(parsed.render(), GIVEN);
        let not = GIVEN.replace("-01", "-00");
        assert!(!TraceParent::parse(not.as_bytes()).unwrap().is_sampled());
        // Other flags mean something to versions to come, and are not repeated.
        let random = TraceParent::parse(GIVEN.replace("-01", "-03").as_bytes()).unwrap();
        assert_eq!(random.render(), GIVEN);
    }

    #[test]
    fn versions_to_come_may_say_more() {
        let later = GIVEN.replacen("00", "cc", 1);
        for text in [later.clone(), format!("{later}-more")] {
            assert_eq!(TraceParent::parse(text.as_bytes()).unwrap().render(), GIVEN);
        }
    }

    #[test]
    fn what_is_not_valid_says_nothing() {
        let later = GIVEN.replacen("00", "01", 1);
        for text in [
            String::new(),
            GIVEN[..54].to_owned(),
            format!("{GIVEN}-more"),
            format!("{later}more"),
            GIVEN.replacen("00", "ff", 1),
            GIVEN.to_uppercase(),
            GIVEN.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GIVEN.replace("b7ad6b7169203331", &"0".repeat(16)),
            GIVEN.replace("-b7", "b-7"),
            GIVEN.replace('7', "g"),
        ] {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
    }
}
