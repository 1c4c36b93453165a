//! The cases of Autobahn's fuzzing client as data: what a client sends to an echo server, and what
//! it gets. Numbers are Autobahn's.

mod common;

use common::ws::{Seen, Side, agree, fragmented, frame};
use licorne_proto::ws::{Compression, Kind};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The same without FIN.
const TEXT_PART: u8 = 0x01;
const BINARY_PART: u8 = 0x02;
const PART: u8 = 0x00;
const LAST_PART: u8 = 0x80;

/// The number, the frames of the client, and what it gets from the server.
type Case = (&'static str, Vec<Vec<u8>>, Vec<Seen>);

fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

fn binary(len: usize) -> Seen {
    Seen::Binary(vec![0xfe; len])
}

fn pong(payload: &[u8]) -> Seen {
    Seen::Pong(payload.to_vec())
}

/// Refused: the close frame. Its reason, which is the message of the table, is left out.
fn failed(code: u16) -> Vec<Seen> {
    vec![Seen::Close(code, String::new())]
}

fn closed(code: u16) -> Seen {
    Seen::Close(code, String::new())
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// What the server sends for the frames, handed over in pieces of `size` bytes.
fn got(frames: &[Vec<u8>], size: usize) -> Vec<Seen> {
    let mut server = Side::server(None);
    server.echo = true;
    for piece in frames.concat().chunks(size) {
        server.read(piece, false);
    }
    let refused = matches!(server.seen.last(), Some(Seen::Refused(_)));
    let mut sent = server.decoded(None);
    if let (true, Some(Seen::Close(_, reason))) = (refused, sent.last_mut()) {
        assert!(!reason.is_empty());
        reason.clear();
    }
    sent
}

fn check(cases: &[Case]) {
    for (number, frames, expected) in cases {
        for size in [usize::MAX, 1, 2, 3, 7, 997] {
            assert_eq!(&got(frames, size), expected, "{number} in pieces of {size}");
        }
    }
}

#[test]
fn framing() {
    let mut cases = Vec::new();
    for len in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let star = "*".repeat(len);
        cases.push(("1.1", vec![frame(TEXT, star.as_bytes())], vec![text(&star)]));
        cases.push((
            "1.2",
            vec![frame(BINARY, &vec![0xfe; len])],
            vec![binary(len)],
        ));
    }
    check(&cases);
}

#[test]
fn pings_and_pongs() {
    let bytes = [0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let long = [0xfe; 125];
    let ten: Vec<_> = (0..10)
        .map(|each| format!("payload-{each}").into_bytes())
        .collect();
    check(&[
        ("2.1", vec![frame(PING, b"")], vec![pong(b"")]),
        (
            "2.2",
            vec![frame(PING, b"Hello, world!")],
            vec![pong(b"Hello, world!")],
        ),
        ("2.3", vec![frame(PING, &bytes)], vec![pong(&bytes)]),
        ("2.4", vec![frame(PING, &long)], vec![pong(&long)]),
        ("2.5", vec![frame(PING, &[0xfe; 126])], failed(1002)),
        ("2.7", vec![frame(PONG, b"")], vec![]),
        ("2.8", vec![frame(PONG, b"unsolicited")], vec![]),
        (
            "2.9",
            vec![frame(PONG, b"x"), frame(PING, b"ping")],
            vec![pong(b"ping")],
        ),
        (
            "2.10",
            ten.iter().map(|each| frame(PING, each)).collect(),
            ten.iter().map(|each| pong(each)).collect(),
        ),
    ]);
}

#[test]
fn reserved_bits_and_opcodes() {
    let hello = || frame(TEXT, b"Hello, world!");
    let mut echoed = vec![text("Hello, world!")];
    echoed.extend(failed(1002));
    check(&[
        ("3.1", vec![frame(TEXT | 0x40, b"Hello")], failed(1002)),
        (
            "3.2",
            vec![hello(), frame(TEXT | 0x20, b"Hello"), frame(PING, b"")],
            echoed.clone(),
        ),
        (
            "3.3",
            vec![hello(), frame(TEXT | 0x30, b"Hello"), frame(PING, b"")],
            echoed.clone(),
        ),
        (
            "3.4",
            vec![hello(), frame(TEXT | 0x40, b"Hello"), frame(PING, b"")],
            echoed.clone(),
        ),
        ("3.5", vec![frame(BINARY | 0x50, b"Hello")], failed(1002)),
        ("3.6", vec![frame(PING | 0x60, b"Hello")], failed(1002)),
        ("3.7", vec![frame(CLOSE | 0x70, b"")], failed(1002)),
    ]);
    for opcode in (3..8).chain(11..16) {
        check(&[
            (
                "4.1.1, 4.2.1",
                vec![frame(0x80 | opcode, b"")],
                failed(1002),
            ),
            (
                "4.1.2, 4.2.2",
                vec![frame(0x80 | opcode, b"reserved")],
                failed(1002),
            ),
            (
                "4.1.3, 4.2.3",
                vec![hello(), frame(0x80 | opcode, b""), frame(PING, b"")],
                echoed.clone(),
            ),
        ]);
    }
}

/// A message in five fragments.
fn five(with_pings: bool) -> Vec<Vec<u8>> {
    let ping = || with_pings.then(|| frame(PING, b"ping"));
    let mut frames = vec![frame(TEXT_PART, b"fragment1")];
    for part in [b"fragment2", b"fragment3", b"fragment4"] {
        frames.extend(ping());
        frames.push(frame(PART, part));
    }
    frames.extend(ping());
    frames.push(frame(LAST_PART, b"fragment5"));
    frames
}

#[test]
fn fragments() {
    let (one, two) = (b"fragment1", b"fragment2");
    let both = || text("fragment1fragment2");
    let begun = || frame(TEXT_PART, one);
    let ended = || frame(LAST_PART, two);
    let ping = || frame(PING, b"ping");
    let hello = || frame(TEXT, b"Hello");
    let all = text("fragment1fragment2fragment3fragment4fragment5");
    check(&[
        ("5.1", vec![frame(0x09, one), ended()], failed(1002)),
        ("5.2", vec![frame(0x0a, one), ended()], failed(1002)),
        ("5.3", vec![begun(), ended()], vec![both()]),
        (
            "5.6",
            vec![begun(), ping(), ended()],
            vec![pong(b"ping"), both()],
        ),
        ("5.9", vec![frame(LAST_PART, b"x"), hello()], failed(1002)),
        ("5.12", vec![frame(PART, b"x"), hello()], failed(1002)),
        (
            "5.15",
            vec![
                begun(),
                ended(),
                frame(PART, b"fragment3"),
                frame(TEXT, b"fragment4"),
            ],
            vec![both(), closed(1002)],
        ),
        (
            "5.16",
            vec![frame(PART, one), frame(TEXT_PART, one), ended()],
            failed(1002),
        ),
        (
            "5.17",
            vec![frame(LAST_PART, one), frame(TEXT_PART, one), ended()],
            failed(1002),
        ),
        ("5.18", vec![begun(), frame(TEXT, two)], failed(1002)),
        (
            "5.18 binary",
            vec![begun(), frame(BINARY_PART, two)],
            failed(1002),
        ),
        (
            "5.19",
            five(true),
            vec![
                pong(b"ping"),
                pong(b"ping"),
                pong(b"ping"),
                pong(b"ping"),
                all.clone(),
            ],
        ),
        ("5.20 without pings", five(false), vec![all]),
    ]);
}

#[test]
fn utf8_in_one_piece_and_in_fragments() {
    let hello = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";
    let kosme = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";
    let bytes = kosme.as_bytes();
    let bad = [bytes, b"\xed\xa0\x80edited"].concat();
    let octets = |text: &[u8]| {
        let mut frames: Vec<_> = text.iter().map(|byte| frame(PART, &[*byte])).collect();
        frames[0][0] = TEXT_PART;
        frames.push(frame(LAST_PART, b""));
        frames
    };
    let empties = vec![
        frame(TEXT_PART, b""),
        frame(PART, b""),
        frame(LAST_PART, b""),
    ];
    let middle = vec![
        frame(TEXT_PART, b""),
        frame(PART, b"middle"),
        frame(LAST_PART, b""),
    ];
    let (front, back) = hello.as_bytes().split_at(8);
    check(&[
        ("6.1.1", vec![frame(TEXT, b"")], vec![text("")]),
        ("6.1.2", empties, vec![text("")]),
        ("6.1.3", middle, vec![text("middle")]),
        (
            "6.2.1",
            vec![frame(TEXT, hello.as_bytes())],
            vec![text(hello)],
        ),
        (
            "6.2.2",
            vec![frame(TEXT_PART, front), frame(LAST_PART, back)],
            vec![text(hello)],
        ),
        ("6.2.3", octets(hello.as_bytes()), vec![text(hello)]),
        ("6.2.4", octets(bytes), vec![text(kosme)]),
        ("6.3.1", vec![frame(TEXT, &bad)], failed(1007)),
        ("6.3.2", octets(&bad), failed(1007)),
    ]);
}

#[test]
fn utf8_fails_at_once() {
    let begin = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}".as_bytes();
    // What comes first is valid so far, or not; the last frame never comes.
    for (number, wrong, fails) in [
        ("6.4.1", &b"\xf4\x90\x80\x80"[..], true),
        ("6.4.2", b"\xf4\x90", true),
        ("6.4.2 cut before", b"\xf4", false),
        ("6.4.2 surrogate", b"\xed\xa0", true),
        ("6.4.2 overlong", b"\xc0", true),
    ] {
        let expected = if fails { failed(1007) } else { vec![] };
        let parts = [frame(TEXT_PART, begin), frame(PART, wrong)];
        check(&[(number, parts.to_vec(), expected.clone())]);
        // Also inside of a frame: its rest is missing.
        let whole = frame(TEXT, &[begin, wrong, b"edited"].concat());
        let cut = whole[..whole.len() - 6].to_vec();
        check(&[("6.4.3", vec![cut], expected)]);
    }
}

#[test]
fn utf8_sequences() {
    // Sections 6.5 to 6.23: every border of the encoding.
    let ranges = [
        0x00, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x1_0000, 0x1_fffe,
        0x1_ffff, 0x10_fffe, 0x10_ffff,
    ];
    for character in ranges.map(|number| char::from_u32(number).unwrap()) {
        let whole = character.to_string();
        let cases = [(
            "6.6",
            vec![frame(TEXT, whole.as_bytes())],
            vec![text(&whole)],
        )];
        check(&cases);
        if whole.len() > 1 {
            let cut = frame(TEXT, &whole.as_bytes()[..whole.len() - 1]);
            check(&[("6.6 cut", vec![cut], failed(1007))]);
        }
    }
    let invalid: [&[u8]; 30] = [
        b"\xf7\xbf\xbf\xbf",
        b"\xf8\x88\x80\x80\x80",
        b"\xfb\xbf\xbf\xbf\xbf",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfd\xbf\xbf\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf",
        b"\x80\xbf\x80\xbf\x80\xbf",
        b"\xc0\x20\xc1\x20\xc2\x20",
        b"\xe0\x20\xe1\x20",
        b"\xf0\x20\xf1\x20",
        b"\xf8\x20",
        b"\xfc\x20",
        b"\xfe",
        b"\xff",
        b"\xfe\xfe\xff\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xed\xaf\xbf\xed\xbf\xbf",
    ];
    for sequence in invalid {
        check(&[("6.12", vec![frame(TEXT, sequence)], failed(1007))]);
    }
}

#[test]
fn closing() {
    let hello = || frame(TEXT, b"Hello World!");
    let echo = || text("Hello World!");
    let bye = || close(1000, b"");
    let long = vec![b'*'; 123];
    let large = "*".repeat(262_144);
    check(&[
        ("7.1.1", vec![hello(), bye()], vec![echo(), closed(1000)]),
        ("7.1.2", vec![bye(), bye()], vec![closed(1000)]),
        ("7.1.3", vec![bye(), frame(PING, b"")], vec![closed(1000)]),
        ("7.1.4", vec![bye(), hello()], vec![closed(1000)]),
        (
            "7.1.5",
            vec![
                frame(TEXT_PART, b"fragment1"),
                bye(),
                frame(LAST_PART, b"fragment2"),
            ],
            vec![closed(1000)],
        ),
        (
            "7.1.6",
            vec![frame(TEXT, large.as_bytes()), bye(), frame(PING, b"")],
            vec![text(&large), closed(1000)],
        ),
        ("7.3.1", vec![frame(CLOSE, b"")], vec![closed(1005)]),
        ("7.3.2", vec![frame(CLOSE, b"a")], failed(1002)),
        ("7.3.3", vec![bye()], vec![closed(1000)]),
        (
            "7.3.4",
            vec![close(1000, b"Hello World!")],
            vec![closed(1000)],
        ),
        ("7.3.5", vec![close(1000, &long)], vec![closed(1000)]),
        (
            "7.3.6",
            vec![close(1000, &[&long[..], b"*"].concat())],
            failed(1002),
        ),
        (
            "7.5.1",
            vec![close(1000, b"\xce\xba\xed\xa0\x80edited")],
            failed(1007),
        ),
    ]);
    let valid = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999,
    ];
    for code in valid {
        check(&[("7.7", vec![close(code, b"")], vec![closed(code)])]);
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        check(&[("7.9, 7.13", vec![close(code, b"")], failed(1002))]);
    }
}

#[test]
fn large_messages() {
    for len in [65_536, 262_144, 1 << 20] {
        let message = "*".repeat(len);
        let whole = frame(TEXT, message.as_bytes());
        for size in [64, 1024, len] {
            let frames = vec![fragmented(&whole, size)];
            for piece in [usize::MAX, 128, 4096] {
                assert_eq!(
                    got(&frames, piece),
                    [text(&message)],
                    "9.3: {len} by {size}"
                );
            }
        }
    }
}

/// Offers of sections 12 and 13.
const OFFERS: [&str; 9] = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
    "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=8",
];

/// Messages that are alike, as Autobahn takes them from documents.
fn documents(len: usize, count: usize) -> Vec<String> {
    let document = |each: usize| {
        let mut document = String::new();
        for line in 0.. {
            if document.len() >= len {
                break;
            }
            let row = format!(
                "{{\"id\": {}, \"name\": \"\u{e4}{}\"}}\n",
                line * each,
                line % 7
            );
            document.push_str(&row);
        }
        let end = (0..=len).rev().find(|end| document.is_char_boundary(*end));
        document.truncate(end.unwrap_or(0));
        document
    };
    (1..=count).map(document).collect()
}

#[test]
fn compressed_messages() {
    let lens = [
        (16, 30),
        (64, 30),
        (256, 30),
        (1024, 20),
        (8192, 8),
        (131_072, 2),
    ];
    for offer in OFFERS {
        for wanted in [
            Compression::default(),
            Compression {
                window_bits: 15,
                context_takeover: true,
            },
        ] {
            for (len, count) in lens {
                let agreed = agree(offer, wanted);
                assert!(agreed.is_some(), "{offer}");
                let mut client = Side::client(agreed);
                let mut server = Side::server(agreed);
                server.echo = true;
                let mut expected = Vec::new();
                for (place, message) in documents(len, count).iter().enumerate() {
                    client.send(Kind::Text, message.as_bytes());
                    let bytes = std::mem::take(&mut client.sent);
                    let size = [len, 64, 1000, 1][place % 4].max(1);
                    for piece in fragmented(&bytes, size).chunks(1500) {
                        server.read(piece, false);
                    }
                    expected.push(text(message));
                }
                assert_eq!(server.seen, expected, "{offer} {len}");
                assert_eq!(server.decoded(agreed), expected, "{offer} {len}");
                let sent = server.sent.len();
                assert!(
                    len < 256 || sent * 2 < len * count,
                    "{offer} {len}: {sent} bytes"
                );
            }
        }
    }
}
