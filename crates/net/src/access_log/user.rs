//! `%(u)s`: the user of basic authentication (RFC 7617).

/// The user name that an `Authorization` header names.
pub(super) fn name_of(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut name = decode_base64(rest.trim_ascii());
    if let Some(end) = name.iter().position(|&byte| byte == b':') {
        name.truncate(end);
    }
    (!name.is_empty()).then_some(name)
}

/// Decodes what can be decoded: this is for a log line, not for access.
fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn what_counts_as_a_user() {
        for (value, name) in [
            (
                &b"Basic YWxhZGRpbjpvcGVuc2VzYW1l"[..],
                Some(&b"aladdin"[..]),
            ),
            (b"basic  dXNlcg== ", Some(b"user")),
            (b"Basic OnNlY3JldA==", None),
            (b"Basic ", None),
            (b"Bearer YWxhZGRpbg==", None),
            (b"Basi", None),
        ] {
            assert_eq!(name_of(value).as_deref(), name, "{value:?}");
        }
    }
}
