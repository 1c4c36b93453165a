use super::*;

fn decoded(input: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut out = Vec::new();
    decode(input, &mut out).map(|()| out)
}

fn encoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(text, &mut out);
    assert_eq!(out.len(), encoded_len(text));
    out
}

#[test]
fn some_rows_of_the_appendix() {
    // RFC 7541, appendix B: of each length the first and the last one.
    let table = [
        (b'0', 0x0, 5),
        (b't', 0x9, 5),
        (b' ', 0x14, 6),
        (b'u', 0x2d, 6),
        (b':', 0x5c, 7),
        (b'z', 0x7b, 7),
        (b'&', 0xf8, 8),
        (b'Z', 0xfd, 8),
        (b'!', 0x3f8, 10),
        (b'?', 0x3fc, 10),
        (b'\'', 0x7fa, 11),
        (b'|', 0x7fc, 11),
        (b'#', 0xffa, 12),
        (0, 0x1ff8, 13),
        (b'~', 0x1ffd, 13),
        (b'^', 0x3ffc, 14),
        (b'<', 0x7ffc, 15),
        (b'{', 0x7ffe, 15),
        (b'\\', 0x7fff0, 19),
        (0x80, 0xfffe6, 20),
        (0x09, 0xff_ffea, 24),
        (0x7f, 0xfff_fffc, 28),
        (0x0a, 0x3fff_fffc, 30),
        (0x16, 0x3fff_fffe, 30),
    ];
    for (byte, bits, len) in table {
        let code = code(byte);
        assert_eq!((code.bits, code.len), (bits, len), "{byte:#x}");
    }
    assert_eq!((CODES[256].bits, CODES[256].len), (0x3fff_ffff, 30));
}

#[test]
fn the_code_is_complete() {
    let spent: u64 = LENGTHS
        .iter()
        .map(|len| 1 << (LONGEST - u32::from(*len)))
        .sum();
    assert_eq!(
        spent,
        1 << LONGEST,
        "each sequence of bits begins with one code"
    );
}

#[test]
fn every_byte_comes_back_at_every_place() {
    for byte in 0..=255 {
        for front in 0..16 {
            let mut text = vec![b'0'; front];
            text.extend([byte, b'a', byte]);
            assert_eq!(decoded(&encoded(&text)), Ok(text));
        }
    }
}

#[test]
fn padding_is_the_beginning_of_the_end_and_short() {
    assert_eq!(decoded(b""), Ok(vec![]));
    // `0` is five zeros; three ones fill up.
    assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
    for bad in [
        &[0b0000_0110][..],
        &[0b0000_0000],
        // A whole byte of padding.
        &[0b0000_0111, 0xff],
        &[0xff],
        // The end itself.
        &[0xff, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xfc],
        // A code that is cut short.
        &[0xff, 0xc0],
    ] {
        assert_eq!(decoded(bad), Err(Reject::InvalidHuffman), "{bad:x?}");
    }
}

#[test]
fn whatever_the_bits_are_nothing_panics() {
    for a in 0..=255 {
        for b in 0..=255 {
            for c in [0, 0x55, 0xfe, 0xff] {
                if let Ok(text) = decoded(&[a, b, c, 0xff, b]) {
                    assert_eq!(encoded(&text), [a, b, c, 0xff, b]);
                }
            }
        }
    }
}
