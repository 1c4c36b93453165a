//! Any bytes as records of FastCGI: cuts do not matter, what a connection keeps has a bound, requests
//! come one after the other, and what is sent is in records that say it again.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod memory;
mod pieces;

use common::any::{Any, Said, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::Connection;
use licorne_proto::fastcgi::Reply;
use licorne_proto::protocol::{Gateway, Served};
use pieces::Choices;

/// Bytes that a connection may keep: variables twice (they are read, and written as a head), and what
/// a growing buffer has in reserve.
const KEPT: usize = 8 * (64 << 10);

const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const GET_VALUES_RESULT: u8 = 10;
const UNKNOWN_TYPE: u8 = 11;

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = choices.policy(0, 10);
    let input = if choices.bit(1) {
        built(choices.rest)
    } else {
        choices.rest.to_vec()
    };
    let eof = choices.bit(2);
    let by_pieces = |pieces: &[&[u8]]| run(&policy, SERVED, None, pieces, eof);
    let whole = by_pieces(&[&input]);
    assert_eq!(by_pieces(&choices.cut(&input)), whole, "in pieces");
    in_order(&whole.0);
    for (kind, _, _) in records(&whole.1).0 {
        assert!([END_REQUEST, GET_VALUES_RESULT, UNKNOWN_TYPE].contains(&kind));
    }
    let begin = || Connection::begin(SERVED, false, true, false);
    memory::is_bounded(begin, &policy, &choices.cut(&input), KEPT);
    let mut any = Any::new(&policy, SERVED, None);
    any.read(
        &[1, 1, 0, choices.which, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
        false,
    );
    if choices.which > 0 {
        assert_eq!(any.said, [Said::Begun]);
        comes_back(any.connection.reply().unwrap(), &choices);
    }
});

const SERVED: Served = Served {
    gateway: Some(Gateway::FastCgi),
    ..Served::HTTP1
};

/// Records whose lengths are right: kind, id, length, padding, content.
fn built(mut rest: &[u8]) -> Vec<u8> {
    let mut input = Vec::new();
    while let [kind, id, len, padding, behind @ ..] = rest {
        let (content, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        let len = u8::try_from(content.len()).unwrap();
        input.extend([1, *kind, 0, *id, 0, len, *padding, 0]);
        input.extend(content);
        input.resize(input.len() + usize::from(*padding), 0);
        rest = behind;
    }
    input
}

/// A request begins, has one head, a body, one end; then the next.
fn in_order(said: &[Said]) {
    let mut place = 0;
    for each in said {
        place = match (place, each) {
            (0, Said::Begun) => 1,
            (1, Said::Head(0, _)) => 2,
            (2 | 3, Said::Body(0, _)) => 3,
            (2 | 3, Said::End(0)) => 0,
            (_, Said::Failed(_)) | (0, Said::Closed) => 4,
            other => panic!("{other:?} in {said:?}"),
        };
    }
}

/// Output in the records that a reply makes of it.
fn comes_back(mut reply: Reply, choices: &Choices<'_>) {
    let mut out = Vec::new();
    for piece in choices.pieces() {
        reply.push(piece, &mut out);
    }
    reply.end(&mut out);
    let (records, half) = records(&out);
    assert_eq!(half, b"");
    let (end, output) = records.split_last().unwrap();
    assert_eq!(*end, (END_REQUEST, choices.which, &[0; 8][..]));
    let (last, output) = output.split_last().unwrap();
    assert_eq!(*last, (STDOUT, choices.which, &b""[..]));
    let mut said = Vec::new();
    for (kind, id, content) in output {
        assert_eq!((*kind, *id), (STDOUT, choices.which));
        assert!(!content.is_empty());
        said.extend_from_slice(content);
    }
    let line = &b"HTTP/1.1 "[..];
    // The line is in the first piece, whole, where there is one.
    let first = choices.pieces().into_iter().find(|piece| !piece.is_empty());
    let expected = match first.and_then(|first| first.strip_prefix(line)) {
        Some(_) => [b"Status: ", &choices.rest[line.len()..]].concat(),
        None => choices.rest.to_vec(),
    };
    assert_eq!(said, expected);
}

/// Kind, id and content.
type Record<'a> = (u8, u8, &'a [u8]);

/// The records of some bytes, and what is behind the last whole one.
fn records(mut rest: &[u8]) -> (Vec<Record<'_>>, &[u8]) {
    let mut all = Vec::new();
    while let [1, kind, 0, id, high, low, padding, 0, behind @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, behind) = behind.split_at(len);
        all.push((*kind, *id, content));
        rest = &behind[usize::from(*padding)..];
    }
    (all, rest)
}
