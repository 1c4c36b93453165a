//! Any bytes as a packet of uwsgi: cuts do not matter, and the same variables say the same when they
//! come by FastCGI.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;
mod pieces;

use common::any::{Said, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::Reject;
use licorne_proto::protocol::{Gateway, Served};
use pieces::Choices;

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let policy = choices.policy(0, 10);
    let served = |gateway| Served {
        gateway: Some(gateway),
        gateway_barred: choices.bit(1),
        ..Served::HTTP1
    };
    // With the front of a packet, or without.
    let input = if choices.bit(2) {
        let len = u16::try_from(choices.rest.len()).unwrap_or(u16::MAX);
        [&[0], &len.to_le_bytes()[..], &[0], choices.rest].concat()
    } else {
        choices.rest.to_vec()
    };
    let eof = choices.bit(3);
    let by_uwsgi = |pieces: &[&[u8]]| run(&policy, served(Gateway::Uwsgi), None, pieces, eof);
    let whole = by_uwsgi(&[&input]);
    assert_eq!(by_uwsgi(&choices.cut(&input)), whole, "in pieces");
    let Some((variables, body)) = read(&input) else {
        assert!(!matches!(whole.0.first(), Some(Said::Head(..))));
        return;
    };
    let mut records = record(1, &[0, 1, 0, 0, 0, 0, 0, 0]);
    for piece in choices.cut(&variables) {
        if !piece.is_empty() {
            records.extend(record(4, piece));
        }
    }
    records.extend(record(4, b""));
    let other = run(&policy, served(Gateway::FastCgi), None, &[&records], false);
    match (&whole.0[..], &other.0[..]) {
        ([Said::Head(_, head), rest @ ..], [Said::Begun, Said::Head(_, same), ..]) => {
            assert_eq!(head, same);
            let length = head.content_length.unwrap_or(0);
            let read: usize = rest.iter().map(len).sum();
            assert_eq!(read as u64, length.min(body.len() as u64));
            assert_eq!(rest.contains(&Said::End(0)), read as u64 == length);
        }
        ([Said::Failed(Reject::ForbiddenUwsgi)], [Said::Failed(Reject::ForbiddenFastCgi)]) => {}
        ([Said::Failed(reject)], [Said::Begun, Said::Failed(same)]) => assert_eq!(reject, same),
        other => panic!("{other:?}"),
    }
});

fn len(said: &Said) -> usize {
    match said {
        Said::Body(_, bytes) => bytes.len(),
        _ => 0,
    }
}

/// The variables of a packet as pairs of FastCGI, and what stands behind them.
fn read(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&[0, low, high, _], rest) = input.split_first_chunk()? else {
        return None;
    };
    let (mut rest, body) = rest.split_at_checked(u16::from_le_bytes([low, high]).into())?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (name, behind) = text(rest)?;
        let (value, behind) = text(behind)?;
        for text in [name, value] {
            let len = u32::try_from(text.len()).unwrap();
            pairs.extend((len | 1 << 31).to_be_bytes());
        }
        pairs.extend([name, value].concat());
        rest = behind;
    }
    Some((pairs, body))
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*len).into())
}

/// A record of request 1.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, kind, 0, 1], &len[..], &[0, 0], content].concat()
}
