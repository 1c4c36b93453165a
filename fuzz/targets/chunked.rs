//! Any bytes as a chunked body: cuts do not matter, a decoder of ten lines reads the same, and so
//! does this one from the chunks of a response.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::{Outcome, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::h1::{BodySize, RequestFacts, Response, ServerFields};
use licorne_proto::{Policy, Version};
use pieces::Choices;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = choices.policy(0, 40);
    let input = [HEAD, choices.rest].concat();
    let whole = run(&policy, false, &[&input], choices.bit(1));
    let in_pieces = run(&policy, false, &choices.cut(&input), choices.bit(1));
    if whole.reject.is_none() {
        assert_eq!(in_pieces, whole, "in pieces");
    } else {
        // Of a body that is refused more or less was handed on before.
        assert_eq!(in_pieces.reject, whole.reject);
    }
    let first = &whole.requests[0];
    if first.complete {
        assert_eq!(decoded(choices.rest).as_deref(), Some(&first.body[..]));
        comes_back(&first.body, &choices);
    }
});

/// The body, read without a thought of pieces or faults.
fn decoded(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = rest[..end].split(|byte| !byte.is_ascii_hexdigit()).next()?;
        let size = usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// The body in the chunks that a response makes of it.
fn comes_back(body: &[u8], choices: &Choices<'_>) {
    let facts = RequestFacts {
        version: Version::Http11,
        head_method: false,
        connect: false,
        keep_alive: true,
        records: false,
    };
    let mut response = Response::default();
    response.draft.start(b"200 OK").unwrap();
    let server = ServerFields::new("");
    response
        .head(facts, BodySize::Unknown, &server, &mut Vec::new())
        .unwrap();
    let mut bytes = HEAD.to_vec();
    for piece in choices.cut(body) {
        response.body(piece, &mut bytes).unwrap();
    }
    response.end(&mut bytes).unwrap();
    let Outcome {
        requests, reject, ..
    } = run(&Policy::default(), false, &choices.cut(&bytes), true);
    assert_eq!(reject, None);
    assert!(requests.len() == 1 && requests[0].complete);
    assert_eq!(requests[0].body, body);
}
