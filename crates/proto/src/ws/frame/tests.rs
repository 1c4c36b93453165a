use super::*;

const OPCODES: [Opcode; 6] = [
    Opcode::Continuation,
    Opcode::Text,
    Opcode::Binary,
    Opcode::Close,
    Opcode::Ping,
    Opcode::Pong,
];

fn expected(masked: bool, deflate: bool) -> Expected {
    Expected { masked, deflate }
}

#[test]
fn every_first_byte() {
    for byte in 0..=u8::MAX {
        let (rsv1, fin, number) = (byte & 0x40 != 0, byte & 0x80 != 0, byte & 0x0f);
        for deflate in [false, true] {
            let got = Header::read(&[byte], expected(true, deflate));
            let control = number >= 8;
            let wanted = if byte & 0x30 != 0 || (rsv1 && !deflate) {
                Err(Reject::ReservedBits)
            } else if !matches!(number, 0..=2 | 8..=10) {
                Err(Reject::ReservedOpcode)
            } else if control && !fin {
                Err(Reject::FragmentedControl)
            } else if rsv1 && !matches!(number, 1 | 2) {
                Err(Reject::MisplacedCompression)
            } else {
                Ok(None)
            };
            assert_eq!(got, wanted, "{byte:08b} {deflate}");
        }
    }
}

#[test]
fn every_second_byte() {
    for opcode in OPCODES {
        for byte in 0..=u8::MAX {
            for masked in [false, true] {
                let got = Header::read(&[0x80 | opcode as u8, byte], expected(masked, false));
                let wanted = match (byte & 0x80 != 0, masked) {
                    (false, true) => Err(Reject::UnmaskedFrame),
                    (true, false) => Err(Reject::MaskedFrame),
                    _ if opcode.is_control() && byte & 0x7f > 125 => Err(Reject::ControlTooLong),
                    (true, true) => Ok(false),
                    (false, false) => Ok(byte & 0x7f < 126),
                };
                assert_eq!(
                    got.map(|header| header.is_some()),
                    wanted,
                    "{opcode:?} {byte:08b}"
                );
            }
        }
    }
}

#[test]
fn lengths_are_minimal() {
    let two = |len: u16| [&[0x82, 126][..], &len.to_be_bytes()].concat();
    let eight = |len: u64| [&[0x82, 127][..], &len.to_be_bytes()].concat();
    let table = [
        (two(0), Err(Reject::LongLength)),
        (two(125), Err(Reject::LongLength)),
        (two(126), Ok(126)),
        (two(u16::MAX), Ok(0xffff)),
        (eight(0), Err(Reject::LongLength)),
        (eight(0xffff), Err(Reject::LongLength)),
        (eight(0x1_0000), Ok(0x1_0000)),
        (eight(i64::MAX as u64), Ok(i64::MAX as u64)),
        (eight(1 << 63), Err(Reject::InvalidLength)),
        (eight(u64::MAX), Err(Reject::InvalidLength)),
    ];
    for (bytes, wanted) in table {
        let got = Header::read(&bytes, expected(false, false));
        assert_eq!(
            got.map(|header| header.unwrap().0.len),
            wanted,
            "{bytes:x?}"
        );
    }
}

#[test]
fn what_is_written_is_read_again_and_not_before_it_is_whole() {
    let lens = [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 1 << 40];
    for opcode in OPCODES {
        for len in lens
            .into_iter()
            .filter(|len| *len < 126 || !opcode.is_control())
        {
            for (fin, mask) in [
                (true, None),
                (false, Some([1, 2, 3, 4])),
                (true, Some([0; 4])),
            ] {
                let header = Header {
                    fin: fin || opcode.is_control(),
                    compressed: matches!(opcode, Opcode::Text | Opcode::Binary) && len % 2 == 1,
                    opcode,
                    mask,
                    len,
                };
                let mut bytes = Vec::new();
                header.push(&mut bytes);
                let whole = bytes.len();
                bytes.extend_from_slice(b"payload");
                for end in 0..bytes.len() {
                    let got = Header::read(&bytes[..end], expected(mask.is_some(), true));
                    assert_eq!(
                        got,
                        Ok((end >= whole).then_some((header, whole))),
                        "{header:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_examples_of_the_rfc() {
    // Section 5.7.
    let mut out = Vec::new();
    let header = Header {
        fin: true,
        compressed: false,
        opcode: Opcode::Text,
        mask: Some([0x37, 0xfa, 0x21, 0x3d]),
        len: 5,
    };
    header.push_with(b"Hello", &mut out);
    assert_eq!(
        out,
        [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
        ]
    );
    let table: [(u64, &[u8]); 2] = [
        (256, &[0x82, 0x7e, 0x01, 0x00]),
        (65536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
    ];
    for (len, bytes) in table {
        let mut out = Vec::new();
        let opcode = Opcode::Binary;
        Header {
            mask: None,
            opcode,
            len,
            ..header
        }
        .push(&mut out);
        assert_eq!(out, bytes);
    }
}
