use super::*;

#[test]
fn chunk_sizes() {
    for (len, line) in [
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xabc_def0, "abcdef0\r\n"),
    ] {
        let mut out = Vec::new();
        chunk_start(&mut out, len);
        assert_eq!(out, line.as_bytes());
    }
    let mut out = Vec::new();
    chunk_start(&mut out, usize::MAX);
    assert_eq!(out, format!("{:x}\r\n", usize::MAX).as_bytes());
}

#[test]
fn numbers() {
    for number in [0, 9, 10, 99, 100, 12_345, 99_999_999, 100_000_000, u64::MAX] {
        let mut out = b"x".to_vec();
        push_decimal(&mut out, number);
        assert_eq!(out, format!("x{number}").as_bytes());
        for width in 0..=20 {
            let mut out = b"x".to_vec();
            push_padded(&mut out, number, width);
            assert_eq!(out, format!("x{number:0width$}").as_bytes());
        }
    }
}

#[test]
fn eight_digits_of_many_numbers() {
    let near_powers = (0..=8).flat_map(|power| {
        let ten = 10_u32.pow(power);
        ten.saturating_sub(1000)..ten.saturating_add(1000).min(100_000_000)
    });
    for number in (0..100_000_000)
        .step_by(997)
        .chain(0..100_000)
        .chain(near_powers)
    {
        let text = format!("{number:08}");
        let digits = eight_digits(number) | 0x3030_3030_3030_3030;
        assert_eq!(digits.to_le_bytes(), text.as_bytes(), "{number}");
    }
}

#[test]
fn interim_responses() {
    let link = (&b"Link"[..], &b"</a>; rel=preload"[..]);
    let mut out = b"x".to_vec();
    interim(&mut out, b"103 Early Hints", [link, (b"Server", b"y")]).unwrap();
    assert_eq!(
        out,
        b"xHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    );
    let misuse = interim(&mut out, b"103 Early Hints", [link, (b"A", b"\n")]);
    assert_eq!(misuse, Err(Misuse::InvalidFieldValue));
    for status in [&b"101 Switching Protocols"[..], b"200 OK", b"099", b"1"] {
        assert_eq!(interim(&mut out, status, []), Err(Misuse::InvalidStatus));
    }
    assert!(out.ends_with(b"rel=preload\r\n\r\n"));
}
