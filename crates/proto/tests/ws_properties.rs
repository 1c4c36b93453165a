//! What holds for any frames: cuts do not matter, messages come back, nothing panics, and memory
//! keeps to its bounds.

mod common;

use common::ws::{Seen, Side, agree, fragmented, frame};
use licorne_proto::ws::{Agreed, Compression, Kind, Policy, Reject, State};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Room beside the bytes of a message: what is inflated in one step, doubled by a growing buffer.
const SLACK: usize = 256 * 1024;

/// Something that a client sends.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Option<usize>),
    Binary(Vec<u8>, Option<usize>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

proptest! {
    #[test]
    fn every_sequence_comes_back(
        sequence in vec(sent(), 0..12), closes in close(), agreed in agreements(),
        cuts in vec(any::<u16>(), 0..8),
    ) {
        let (bytes, expected) = stream(&sequence, closes.clone(), agreed);
        let mut server = Side::server(agreed);
        server.echo = true;
        for piece in pieces(&bytes, &cuts) {
            server.read(piece, false);
        }
        prop_assert_eq!(&server.seen, &expected);
        // The answers: what was said back, and the close frame.
        let answers: Vec<_> = expected
            .into_iter()
            .filter_map(|seen| match seen {
                Seen::Ping(payload) => Some(Seen::Pong(payload)),
                Seen::Pong(_) => None,
                Seen::Close(code, _) => Some(Seen::Close(code, String::new())),
                other => Some(other),
            })
            .collect();
        prop_assert_eq!(server.decoded(agreed), answers);
    }

    #[test]
    fn cuts_do_not_matter_to_near_frames(
        bytes in near_frames(), cuts in vec(any::<u16>(), 0..8), agreed in agreements(),
        eof in any::<bool>(), size in select(vec![0, 10, 1000]),
    ) {
        let whole = told(&[&bytes], agreed, size, eof);
        prop_assert_eq!(told(&pieces(&bytes, &cuts), agreed, size, eof), whole);
    }

    #[test]
    fn any_bytes_keep_to_the_bounds(
        bytes in vec(any::<u8>(), 0..400), cuts in vec(any::<u16>(), 0..4), agreed in agreements(),
    ) {
        told(&pieces(&bytes, &cuts), agreed, 1000, true);
    }

    #[test]
    fn one_changed_byte_of_compressed_messages_keeps_to_the_bounds(
        sequence in vec(sent(), 1..6), at in any::<u16>(), byte in any::<u8>(),
        agreed in agreements(), cuts in vec(any::<u16>(), 0..4),
    ) {
        let (mut bytes, _) = stream(&sequence, None, agreed);
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
        let whole = told(&[&bytes], agreed, 4000, true);
        prop_assert_eq!(told(&pieces(&bytes, &cuts), agreed, 4000, true), whole);
    }
}

/// One stream of bytes with everything in it, cut 10,000 times.
#[test]
fn ten_thousand_splits_say_the_same() {
    let long = "\u{3ba}\u{1f79}\u{3c3}".repeat(200);
    let sequence = [
        Sent::Text("Hello".to_owned(), None),
        Sent::Ping(b"ping".to_vec()),
        Sent::Text(long.clone(), Some(7)),
        Sent::Binary(vec![0; 5000], None),
        Sent::Text(String::new(), None),
        Sent::Pong(Vec::new()),
        Sent::Binary((0..=255).cycle().take(700).collect(), Some(100)),
        Sent::Text(long, None),
    ];
    for agreed in [None, agree("permessage-deflate", Compression::default())] {
        let (bytes, expected) = stream(&sequence, Some((1001, "bye".to_owned())), agreed);
        let mut state = 1_u64;
        for round in 0..5000 {
            let count = round % 40;
            let cuts: Vec<_> = (0..count)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 48) as u16
                })
                .collect();
            let mut server = Side::server(agreed);
            for piece in pieces(&bytes, &cuts) {
                server.read(piece, false);
            }
            assert_eq!(server.seen, expected, "{cuts:?}");
            assert_eq!(server.connection.state(), State::Closed);
        }
    }
}

#[test]
fn an_idle_connection_holds_a_window_for_each_direction() {
    let offer = "permessage-deflate; client_max_window_bits";
    for (wanted, most) in [
        (Some(Compression::default()), 2 << 12),
        (
            Some(Compression {
                window_bits: 9,
                context_takeover: true,
            }),
            2 << 9,
        ),
        (
            Some(Compression {
                window_bits: 15,
                context_takeover: false,
            }),
            0,
        ),
        (None, 0),
    ] {
        let agreed = wanted.and_then(|wanted| agree(offer, wanted));
        let mut client = Side::client(agreed);
        let mut server = Side::server(agreed);
        server.echo = true;
        assert_eq!(server.connection.held(), 0);
        for len in [100, 3000, 100_000, 70] {
            client.send(Kind::Text, "Hello, world! ".repeat(len / 10).as_bytes());
            server.read(&std::mem::take(&mut client.sent), false);
            assert!(server.connection.held() <= most, "{wanted:?}");
        }
        assert_eq!(server.seen.len(), 4);
    }
}

#[test]
fn a_bomb_is_refused_within_its_limit() {
    let agreed = agree("permessage-deflate", Compression::default());
    let mut client = Side::client(agreed);
    client.send(Kind::Binary, &vec![0; 64 << 20]);
    assert!(client.sent.len() < 1 << 20);
    for size in [usize::MAX, 1000] {
        let mut server = Side::server(agreed);
        let mut most = 0;
        for piece in client.sent.chunks(size.min(client.sent.len())) {
            server.read(piece, false);
            most = most.max(server.connection.held());
        }
        assert_eq!(server.seen, [Seen::Refused(Reject::MessageTooBig)]);
        assert!(most <= 2 * server.policy.message_size + SLACK, "{most}");
        assert_eq!(server.connection.held(), 0);
        let [Seen::Close(1009, _)] = &server.decoded(agreed)[..] else {
            panic!("{:?}", server.decoded(agreed));
        };
    }
}

/// What a server is told; its memory is looked at after each piece.
fn told(pieces: &[&[u8]], agreed: Option<Agreed>, size: usize, eof: bool) -> Vec<Seen> {
    let mut server = Side::server(agreed);
    server.policy = Policy {
        message_size: size,
        fragments: 8,
        ..Policy::default()
    };
    let bound = match size {
        0 => pieces.concat().len() * 1200,
        size => size,
    };
    for piece in pieces {
        server.read(piece, false);
        assert!(server.connection.held() <= 2 * (bound + (1 << 15)) + SLACK);
    }
    server.read(b"", eof);
    let over = matches!(
        server.seen.last(),
        Some(Seen::Refused(_) | Seen::Close(..) | Seen::Lost)
    );
    assert!(over || !eof, "{:?}", server.seen);
    server.seen
}

/// The bytes of a client, and what they mean.
fn stream(
    sequence: &[Sent],
    closes: Option<(u16, String)>,
    agreed: Option<Agreed>,
) -> (Vec<u8>, Vec<Seen>) {
    let mut client = Side::client(agreed);
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for sent in sequence {
        let fragments = match sent {
            Sent::Text(message, fragments) => {
                client.send(Kind::Text, message.as_bytes());
                expected.push(Seen::Text(message.clone()));
                *fragments
            }
            Sent::Binary(message, fragments) => {
                client.send(Kind::Binary, message);
                expected.push(Seen::Binary(message.clone()));
                *fragments
            }
            Sent::Ping(payload) => {
                client.ping(payload);
                expected.push(Seen::Ping(payload.clone()));
                None
            }
            Sent::Pong(payload) => {
                client.pong(payload);
                expected.push(Seen::Pong(payload.clone()));
                None
            }
        };
        let whole = std::mem::take(&mut client.sent);
        let empty = whole.len() <= 6;
        match fragments {
            Some(size) if !empty => bytes.extend(fragmented(&whole, size)),
            _ => bytes.extend(whole),
        }
    }
    if let Some((code, reason)) = closes {
        client.close(code, &reason);
        bytes.extend_from_slice(&client.sent);
        expected.push(Seen::Close(code, reason));
    }
    (bytes, expected)
}

fn sent() -> impl Strategy<Value = Sent> {
    let fragments = || prop::option::of(1..300_usize);
    let words = vec(
        select(vec!["alpha ", "beta ", "\u{e4}\u{20ac}", "\u{1f600}", "0"]),
        0..200,
    );
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..300),
        (any::<u64>(), 0..40_000_usize).prop_map(|(seed, len)| noise(seed, len)),
        vec(select(vec![0_u8, 1]), 0..2000),
        (any::<u8>(), 0..70_000_usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let control = || vec(any::<u8>(), 0..=125);
    prop_oneof![
        4 => (words, fragments()).prop_map(|(words, size)| Sent::Text(words.concat(), size)),
        4 => (bytes, fragments()).prop_map(|(bytes, size)| Sent::Binary(bytes, size)),
        1 => control().prop_map(Sent::Ping),
        1 => control().prop_map(Sent::Pong),
    ]
}

/// What does not get smaller.
fn noise(mut seed: u64, len: usize) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

fn close() -> impl Strategy<Value = Option<(u16, String)>> {
    let reason = select(vec!["", "bye", "\u{20ac}"]).prop_map(str::to_owned);
    prop::option::of((select(vec![1000, 1001, 3000, 4999]), reason))
}

fn agreements() -> impl Strategy<Value = Option<Agreed>> {
    let offers = select(vec![
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=8",
    ]);
    let wanted =
        (9..=15_u8, any::<bool>()).prop_map(|(window_bits, context_takeover)| Compression {
            window_bits,
            context_takeover,
        });
    prop::option::of((offers, wanted)).prop_map(|both| {
        let (offer, wanted) = both?;
        agree(offer, wanted)
    })
}

/// Frames in any order, some of which may not be.
fn near_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => select(vec![0x01_u8, 0x02, 0x00, 0x80, 0x81, 0x82, 0x89, 0x8a, 0xc1, 0x41, 0xc2]),
        1 => select(vec![0x88, 0x09, 0x83, 0xb1, 0xc9, 0xc0]),
    ];
    let payload = prop_oneof![
        vec(
            select(vec![b'a', 0xc3, 0xa4, 0xf0, 0x9f, 0x98, 0x80]),
            0..20
        ),
        Just(vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        Just(vec![0xf2, 0x00, 0x11, 0x00, 0x00]),
        Just(vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        Just(b"\x03\xe8bye".to_vec()),
        vec(any::<u8>(), 0..140),
    ];
    let frames = (first, payload).prop_map(|(first, payload)| frame(first, &payload));
    let piece = prop_oneof![20 => frames, 1 => vec(any::<u8>(), 1..3)];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn pieces<'a>(input: &'a [u8], cuts: &[u16]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts
        .iter()
        .map(|cut| usize::from(*cut) % (input.len() + 1))
        .collect();
    places.extend([0, input.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &input[pair[0]..pair[1]])
        .collect()
}
