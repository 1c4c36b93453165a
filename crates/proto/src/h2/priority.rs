//! Extensible priorities (RFC 9218): urgency and whether parts of a response are of use.

/// What a client says of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority {
    /// 0 is the most urgent, 7 the least (section 4.1).
    pub urgency: u8,
    /// The response can be made use of as it comes: it may share the connection with others of the
    /// same urgency (section 4.2).
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Self {
            urgency: 3,
            incremental: false,
        }
    }
}

impl Priority {
    /// Reads the value of a `priority` field or of `PRIORITY_UPDATE`, a dictionary (section 5; RFC
    /// 9651). What is not understood does not count.
    pub fn parse(value: &[u8]) -> Self {
        let mut priority = Self::default();
        for member in value.split(|byte| *byte == b',') {
            // Parameters of a member mean nothing.
            let member = member.split(|byte| *byte == b';').next();
            match member.unwrap_or_default().trim_ascii() {
                [b'u', b'=', urgency @ b'0'..=b'7'] => priority.urgency = urgency - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_understood_counts() {
        let table = [
            (&b""[..], 3, false),
            (b"u=0", 0, false),
            (b"u=7, i", 7, true),
            (b"i,u=1", 1, true),
            (b" u=5 ;x=1 , i=?1;a", 5, true),
            (b"i, i=?0", 3, false),
            (b"u=8, i=1", 3, false),
            (b"u=-1, u=12, U=1, u =1", 3, false),
            (b"u=2, x=3, u=4", 4, false),
        ];
        for (value, urgency, incremental) in table {
            let expected = Priority {
                urgency,
                incremental,
            };
            assert_eq!(Priority::parse(value), expected, "{value:?}");
        }
    }
}
