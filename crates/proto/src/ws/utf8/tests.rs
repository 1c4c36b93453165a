use super::*;

/// The number of bytes that are accepted, one by one, before one is refused.
fn accepted(text: &[u8]) -> Option<usize> {
    let mut utf8 = Utf8::default();
    text.iter().position(|byte| utf8.push(&[*byte]).is_err())
}

#[test]
fn every_text_of_three_bytes_is_judged_like_the_whole() {
    // Bytes on each side of every border that the table of Unicode 3.9 (D92) has.
    let borders = [
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ];
    for a in borders {
        for b in borders {
            for c in borders {
                for d in [b'x', 0x80, 0xbf, 0xc2] {
                    let text = [a, b, c, d];
                    for cut in 0..=4 {
                        let mut utf8 = Utf8::default();
                        let (front, back) = text.split_at(cut);
                        let got = utf8
                            .push(front)
                            .and_then(|()| utf8.push(back))
                            .and_then(|()| utf8.end());
                        assert_eq!(got.is_ok(), from_utf8(&text).is_ok(), "{text:x?} at {cut}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_first_wrong_byte_is_refused() {
    let table: [(&[u8], Option<usize>); 12] = [
        (b"\xce\xba\xe1\xbd\xb9", None),
        (b"\xf4\x8f\xbf\xbf", None),
        (b"\xf4\x90\x80\x80", Some(1)),
        (b"\xf5", Some(0)),
        (b"\xc0\xaf", Some(0)),
        (b"\xe0\x9f\xbf", Some(1)),
        (b"\xed\xa0\x80", Some(1)),
        (b"\xf0\x8f", Some(1)),
        (b"\xe1\x80x", Some(2)),
        (b"\xf1\x80\x80x", Some(3)),
        (b"\x80", Some(0)),
        (b"abc\xff", Some(3)),
    ];
    for (text, wrong) in table {
        assert_eq!(accepted(text), wrong, "{text:x?}");
    }
}

#[test]
fn a_cut_character_is_no_end() {
    let table: [(&[u8], bool); 5] = [
        (b"", true),
        (b"\xc3", false),
        (b"\xe1\x80", false),
        (b"\xf1\x80\x80", false),
        (b"\xf1\x80\x80\x80", true),
    ];
    for (text, whole) in table {
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.push(text), Ok(()));
        assert_eq!(utf8.end().is_ok(), whole, "{text:x?}");
        // The next text begins anew.
        assert_eq!(
            utf8,
            Utf8 {
                begun: utf8.begun,
                len: 0
            }
        );
    }
}
