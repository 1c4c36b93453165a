//! Any bytes as a compressed message, and as one to be compressed: another implementation inflates
//! to the same, and what is deflated comes back.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::ws::{Seen, Side, agree, fragmented};
use libfuzzer_sys::fuzz_target;
use licorne_proto::ws::{Compression, Header, Kind, Opcode, Reject};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use pieces::Choices;

const LIMIT: usize = 1 << 13;
/// What the end of each message stands for (RFC 7692, section 7.2.2).
const TAIL: &[u8] = &[0x00, 0x00, 0xff, 0xff];

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let compression = Compression {
        window_bits: 9 + choices.which % 7,
        context_takeover: choices.bit(0),
    };
    let agreed = agree("permessage-deflate; client_max_window_bits", compression);
    inflates(&choices);

    // Twice: the second message may refer to the first.
    let mut client = Side::client(agreed);
    client.policy.compress_from = 0;
    client.send(Kind::Binary, choices.rest);
    client.send(Kind::Binary, choices.rest);
    let mut server = Side::server(agreed);
    for piece in choices.cut(&client.sent) {
        server.read(piece, false);
    }
    let sent = Seen::Binary(choices.rest.to_vec());
    assert_eq!(server.seen, [sent.clone(), sent]);
});

fn inflates(choices: &Choices<'_>) {
    // The window of the other implementation is the whole message.
    let compression = Compression {
        window_bits: 15,
        context_takeover: true,
    };
    let agreed = agree("permessage-deflate", compression);
    let header = Header {
        fin: true,
        compressed: true,
        opcode: Opcode::Binary,
        mask: Some([1, 2, 3, 4]),
        len: choices.rest.len() as u64,
    };
    let mut frame = Vec::new();
    header.push_with(choices.rest, &mut frame);
    let mut server = Side::server(agreed);
    server.policy.message_size = LIMIT;
    server.read(&frame, false);
    let mut in_pieces = Side::server(agreed);
    in_pieces.policy.message_size = LIMIT;
    let fragments = match choices.rest {
        [] => frame.clone(),
        _ => fragmented(&frame, 1 + usize::from(choices.which)),
    };
    for piece in choices.cut(&fragments) {
        in_pieces.read(piece, false);
    }
    assert_eq!(in_pieces.seen, server.seen, "in fragments and pieces");

    let mut input = choices.rest.to_vec();
    input.extend_from_slice(TAIL);
    let mut output = vec![0; 4 * LIMIT];
    let mut state = Box::<DecompressorOxide>::default();
    let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, len) = decompress(&mut state, &input, &mut output, 0, flags);
    output.truncate(len);
    match (status, &server.seen[..]) {
        // Another stream may follow the end of one, which the other implementation does not read. A
        // set of codes that cannot be one it refuses with the first of them, which may not come.
        (TINFLStatus::Done, _)
        | (TINFLStatus::NeedsMoreInput, [Seen::Refused(Reject::InvalidDeflate)])
        | (TINFLStatus::HasMoreOutput, [Seen::Refused(Reject::MessageTooBig)])
        | (TINFLStatus::Failed, [Seen::Refused(Reject::InvalidDeflate | Reject::MessageTooBig)]) => {
        }
        (TINFLStatus::NeedsMoreInput, [Seen::Binary(message)]) => assert_eq!(*message, output),
        (TINFLStatus::NeedsMoreInput, [Seen::Refused(Reject::MessageTooBig)]) => {
            assert!(output.len() > LIMIT);
        }
        // Lengths of codes are looked at when all of them are there, and a message may end before.
        (TINFLStatus::Failed, [Seen::Binary(message)]) => assert!(message.starts_with(&output)),
        other => panic!("{other:?}"),
    }
}
