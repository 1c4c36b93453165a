//! Any bytes as frames of a client: cuts do not matter, memory keeps to its bounds, and what is sent
//! back is read as it was.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::ws::{Seen, Side, agree};
use libfuzzer_sys::fuzz_target;
use licorne_proto::ws::{Agreed, Compression, Policy};
use pieces::Choices;

/// Room beside the bytes of a message: what is inflated in one step, doubled by a growing buffer.
const SLACK: usize = 512 * 1024;
const OFFERS: [&str; 4] = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
];

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let agreed = choices.bit(0).then(|| {
        let wanted = Compression {
            window_bits: 9 + choices.which % 7,
            context_takeover: choices.bit(1),
        };
        let offer = choices.one_of(&OFFERS);
        agree(offer, wanted).unwrap()
    });
    let policy = Policy {
        message_size: if choices.bit(2) { 100 } else { 1 << 16 },
        fragments: if choices.bit(3) { 4 } else { 1 << 10 },
        compress_from: if choices.bit(4) { 0 } else { 64 },
    };
    let whole = heard(&[choices.rest], agreed, policy, choices.bit(5));
    let in_pieces = heard(&choices.pieces(), agreed, policy, choices.bit(5));
    assert_eq!(in_pieces.seen, whole.seen, "in pieces");
    let answers = whole.decoded(agreed);
    let messages = |all: &[Seen]| -> Vec<_> {
        let is_message = |seen: &&Seen| matches!(seen, Seen::Text(_) | Seen::Binary(_));
        all.iter().filter(is_message).cloned().collect()
    };
    assert_eq!(messages(&answers), messages(&whole.seen));
    if let Some(Seen::Refused(reject)) = whole.seen.last() {
        let Some(Seen::Close(code, _)) = answers.last() else {
            panic!("no close frame for {reject:?}");
        };
        assert_eq!(*code, reject.code());
    }
});

fn heard(pieces: &[&[u8]], agreed: Option<Agreed>, policy: Policy, eof: bool) -> Side {
    let mut server = Side::server(agreed);
    server.policy = policy;
    server.echo = true;
    for piece in pieces {
        server.read(piece, false);
        let bound = 2 * (policy.message_size + (1 << 15)) + SLACK;
        assert!(
            server.connection.held() <= bound,
            "{}",
            server.connection.held()
        );
    }
    server.read(b"", eof);
    let over = matches!(
        server.seen.last(),
        Some(Seen::Refused(_) | Seen::Close(..) | Seen::Lost)
    );
    assert!(over || !eof, "{:?}", server.seen);
    server
}
