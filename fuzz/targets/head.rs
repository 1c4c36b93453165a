//! Any bytes as requests: cuts do not matter, nor what a head was used for before, and what was
//! accepted means the same when it is written down again.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::{Outcome, Seen, run, run_with};
use libfuzzer_sys::fuzz_target;
use licorne_proto::{Limits, Permissions, Policy, RequestHead};
use pieces::Choices;

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = policy(&choices);
    let (trusted, eof) = (choices.which & 1 == 1, choices.which & 2 == 2);
    let whole = run(&policy, trusted, &[choices.rest], eof);
    let pieces = choices.pieces();
    assert_eq!(run(&policy, trusted, &pieces, eof), whole, "in pieces");
    let mut head = RequestHead::default();
    run_with(&mut head, &policy, trusted, &pieces, false);
    let again = run_with(&mut head, &policy, trusted, &[choices.rest], eof);
    assert_eq!(again, whole, "with a head that was used before");
    for request in &whole.requests {
        comes_back(&policy, trusted, request);
    }
});

fn policy(choices: &Choices<'_>) -> Policy {
    let tight = Limits {
        request_line: 16,
        fields: 3,
        field_size: 24,
        body: Some(4),
    };
    let limits = if choices.bit(7) {
        tight
    } else {
        Limits::default()
    };
    Policy {
        limits,
        permissions: Permissions {
            obsolete_folding: choices.bit(0),
            strip_header_spaces: choices.bit(1),
            unconventional_http_method: choices.bit(2),
            unconventional_http_version: choices.bit(3),
            casefold_http_method: choices.bit(4),
            missing_host: choices.bit(5),
            connect: choices.bit(6),
        },
        ..Policy::default()
    }
}

/// The head of a request, as a careful client would have sent it.
fn comes_back(policy: &Policy, trusted: bool, request: &Seen) {
    let mut bytes = [
        &request.method[..],
        b" ",
        &request.target,
        b" ",
        &request.protocol,
    ]
    .concat();
    for (name, value) in &request.fields {
        bytes.extend_from_slice(&[b"\r\n", &name[..], b": ", value].concat());
    }
    bytes.extend_from_slice(b"\r\n\r\n");
    // A line may have become longer by its space, and a field that is left out is not there.
    let policy = Policy {
        limits: Limits::default(),
        ..policy.clone()
    };
    let Outcome {
        requests, reject, ..
    } = run(&policy, trusted, &[&bytes], false);
    assert!(reject.is_none(), "{reject:?}");
    let [again] = &requests[..] else {
        panic!("{requests:?}");
    };
    let facts = |seen: &Seen| {
        (
            (seen.method.clone(), seen.target.clone(), seen.path.clone()),
            (
                seen.query.clone(),
                seen.authority.clone(),
                seen.host.clone(),
            ),
            (seen.fields.clone(), seen.protocol.clone()),
            (seen.content_length, seen.chunked, seen.keep_alive),
            (seen.expect_continue, seen.upgrade, seen.https, seen.client),
        )
    };
    assert_eq!(facts(again), facts(request));
}
