use super::*;

#[test]
fn token_characters_are_those_of_the_grammar() {
    for byte in 0..=u8::MAX {
        let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(is_tchar(byte), expected, "{byte:#x}");
    }
    assert_eq!(token(b"X_Y: 1"), (3, true));
    assert_eq!(token(b"X-Y: 1"), (3, false));
    assert!(!is_token(b""));
}

#[test]
fn wide_scans_agree_with_the_definition_at_every_position() {
    for byte in 0..=u8::MAX {
        for before in 0..20 {
            for after in 0..12 {
                let mut bytes = vec![b'a'; before];
                bytes.push(byte);
                bytes.extend(core::iter::repeat_n(b'z', after));
                let ends_value = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
                let expected = if ends_value { before } else { bytes.len() };
                assert_eq!(field_text(&bytes), expected, "{byte:#x} after {before}");
                let expected = if byte.is_ascii_graphic() {
                    bytes.len()
                } else {
                    before
                };
                assert_eq!(visible(&bytes), expected, "{byte:#x} after {before}");
            }
        }
    }
}

#[test]
fn borrowing_never_hits_below_the_lowest_hit() {
    // Each pair of neighbours: the subtraction may borrow from the second because of the first.
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            let bytes = [b'a', first, second, 0x80, 0xff, b'~', b' ', b'a'];
            let slow = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
            let expected = bytes.iter().position(slow).unwrap_or(8);
            assert_eq!(field_text(&bytes), expected, "{first:#x} {second:#x}");
        }
    }
}

#[test]
fn tabs_do_not_end_a_value() {
    assert_eq!(field_text(b"\t\ta\tb\tc\td\te\tf\r\n"), 13);
}

#[test]
fn numbers_are_plain_and_fit() {
    assert_eq!(decimal(b"0"), Some(0));
    assert_eq!(
        decimal(b"9999999999999999999"),
        Some(9_999_999_999_999_999_999)
    );
    for wrong in [
        &b""[..],
        b"+1",
        b"-1",
        b" 1",
        b"1 ",
        b"0x1",
        b"1_0",
        b"10000000000000000000",
    ] {
        assert_eq!(decimal(wrong), None);
    }
}

#[test]
fn trimming_takes_spaces_and_tabs_only() {
    assert_eq!(trim(b" \t a b \t"), b"a b");
    assert_eq!(trim(b" \t "), b"");
    assert_eq!(trim(b"\x0ba\x0b"), b"\x0ba\x0b");
}
