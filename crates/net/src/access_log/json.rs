//! JSON as the access log needs it (RFC 8259): strings of whatever bytes a client sends.

use std::io::Write;

/// Appends the inside of a JSON string: bytes that are UTF-8 as such, any others as latin-1.
pub(super) fn escape(line: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        escape_chars(line, text.chars());
    } else {
        escape_chars(line, bytes.iter().map(|&byte| char::from(byte)));
    }
}

/// Appends characters as the inside of a JSON string.
fn escape_chars(line: &mut Vec<u8>, text: impl Iterator<Item = char>) {
    for letter in text {
        match letter {
            '"' | '\\' => line.extend_from_slice(&[b'\\', letter as u8]),
            // Readers of lines, and JavaScript, end a line at some beyond ASCII too.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                // Vec's writer cannot fail.
                drop(write!(line, "\\u{:04x}", u32::from(letter)));
            }
            _ => line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    fn escaped(bytes: &[u8]) -> String {
        let mut line = Vec::new();
        escape(&mut line, bytes);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn any_bytes() {
        assert_eq!(escaped(b"/plain"), "/plain");
        assert_eq!(escaped("/\u{e9}\u{1f600}".as_bytes()), "/\u{e9}\u{1f600}");
        assert_eq!(escaped(b"/\xe9\""), "/\u{e9}\\\"");
        assert_eq!(escaped(b"\x00\n\\\x7f"), "\\u0000\\u000a\\\\\\u007f");
        assert_eq!(escaped("\u{85}\u{2028}".as_bytes()), "\\u0085\\u2028");
    }
}
