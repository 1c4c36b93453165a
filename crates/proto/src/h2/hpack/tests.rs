use super::*;
use crate::reject::Reject;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn decode(decoder: &mut Decoder, hex: &str) -> Result<String, Reject> {
    let fields = decoder.decode(&bytes(hex))?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lines = fields
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)));
    Ok(lines.collect::<Vec<_>>().join("|"))
}

const FIRST: &str = ":method=GET|:scheme=http|:path=/|:authority=www.example.com";
const SECOND: &str =
    ":method=GET|:scheme=http|:path=/|:authority=www.example.com|cache-control=no-cache";
const THIRD: &str = ":method=GET|:scheme=https|:path=/index.html|:authority=www.example.com|custom-key=custom-value";

#[test]
fn single_fields_of_the_appendix() {
    // RFC 7541, appendix C.2.
    let table = [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key=custom-header",
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path=/sample/path"),
        (
            "1008 7061 7373 776f 7264 0673 6563 7265 74",
            "password=secret",
        ),
        ("82", ":method=GET"),
    ];
    for (hex, expected) in table {
        let mut decoder = Decoder::new(4096);
        assert_eq!(decode(&mut decoder, hex).unwrap(), expected);
    }
}

#[test]
fn requests_of_the_appendix() {
    // RFC 7541, appendices C.3 and C.4: without and with the Huffman code.
    for [one, two, three] in [
        [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ],
        [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ],
    ] {
        let mut decoder = Decoder::new(4096);
        assert_eq!(decode(&mut decoder, one).unwrap(), FIRST);
        assert_eq!(decode(&mut decoder, two).unwrap(), SECOND);
        assert_eq!(decode(&mut decoder, three).unwrap(), THIRD);
    }
}

#[test]
fn responses_of_the_appendix() {
    // RFC 7541, appendices C.5 and C.6: a table of 256 bytes, so that fields leave it.
    let date = |second| format!("cache-control=private|date=Mon, 21 Oct 2013 20:13:{second} GMT");
    let location = "location=https://www.example.com";
    let cookie = "set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    for [one, two, three] in [
        [
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
             2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
             6c65 2e63 6f6d",
            "4803 3330 37c1 c0bf",
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
             54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
             5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
             3d31",
        ],
        [
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
             2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
             77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
             9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ],
    ] {
        let mut decoder = Decoder::new(256);
        let first = format!(":status=302|{}|{location}", date(21));
        assert_eq!(decode(&mut decoder, one).unwrap(), first);
        let second = format!(":status=307|{}|{location}", date(21));
        assert_eq!(decode(&mut decoder, two).unwrap(), second);
        let third = format!(
            ":status=200|{}|{location}|content-encoding=gzip|{cookie}",
            date(22)
        );
        assert_eq!(decode(&mut decoder, three).unwrap(), third);
    }
}

#[test]
fn what_is_no_block_is_refused() {
    let table = [
        // Index 0, and one that no table has (section 6.1).
        ("80", Reject::InvalidHeaderIndex),
        ("be", Reject::InvalidHeaderIndex),
        ("7f00 0161", Reject::InvalidHeaderIndex),
        ("ff ffff ff7f", Reject::HeaderIntegerTooLarge),
        // A string that is longer than the block; a literal without its value.
        ("00 05 6162", Reject::HeaderBlockCutShort),
        ("00 01 61", Reject::HeaderBlockCutShort),
        ("44", Reject::HeaderBlockCutShort),
        // A whole byte of padding (section 5.2).
        ("04 82 07 ff", Reject::InvalidHuffman),
        // The size of the table behind a field, or above what was announced (section 4.2).
        ("82 20", Reject::InvalidTableSize),
        ("3f e2 1f", Reject::InvalidTableSize),
    ];
    for (hex, reject) in table {
        assert_eq!(decode(&mut Decoder::new(4096), hex), Err(reject), "{hex}");
    }
}

#[test]
fn the_size_of_the_table_changes_in_front_of_the_first_field() {
    let mut decoder = Decoder::new(4096);
    decode(&mut decoder, "40 0161 0162").unwrap();
    assert_eq!(decode(&mut decoder, "be").unwrap(), "a=b");
    // To nothing and back to 4096: the field is gone.
    assert_eq!(decode(&mut decoder, "20 3fe11f 82").unwrap(), ":method=GET");
    assert_eq!(decode(&mut decoder, "be"), Err(Reject::InvalidHeaderIndex));
    // A name may come from a field that leaves the table because of it (section 4.4).
    let mut decoder = Decoder::new(34);
    decode(&mut decoder, "40 0161 0162").unwrap();
    assert_eq!(decode(&mut decoder, "7e 0163 be").unwrap(), "a=c|a=c");
}

#[test]
fn the_encoder_takes_the_shortest_form_without_a_table() {
    let encoded = |name: &[u8], value: &[u8]| {
        let mut out = Vec::new();
        push_field(&mut out, name, value);
        out
    };
    assert_eq!(encoded(b":status", b"200"), bytes("88"));
    assert_eq!(encoded(b":status", b"302"), bytes("08 82 6402"));
    assert_eq!(encoded(b":path", b"/index.html"), bytes("85"));
    assert_eq!(encoded(b"Content-Length", b"5"), bytes("0f0d 01 35"));
    assert_eq!(encoded(b"X-A", b""), bytes("00 03 78 2d 61 00").as_slice());
    let long = "X-".repeat(40);
    for (name, value) in [
        (&b"Content-Type"[..], &b"text/html; charset=utf-8"[..]),
        (b"x-custom", &[0xff, 0x00, 0x80]),
        (long.as_bytes(), b"~~~~~~"),
        (b"accept-encoding", b"gzip, deflate"),
    ] {
        let fields = Decoder::new(0).decode(&encoded(name, value)).unwrap();
        assert_eq!(fields, [(name.to_ascii_lowercase(), value.to_vec())]);
    }
    for status in [100, 103, 200, 204, 404, 418, 599, 999] {
        let mut out = Vec::new();
        push_status(&mut out, status);
        let fields = Decoder::new(0).decode(&out).unwrap();
        assert_eq!(
            fields,
            [(b":status".to_vec(), status.to_string().into_bytes())]
        );
    }
}
