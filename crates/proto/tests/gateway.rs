//! uwsgi and FastCGI under whatever bytes a peer may send.

#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

mod common;

use common::any::{self, Outcome};
use licorne_proto::protocol::{Gateway, Served};
use licorne_proto::{Connection, Policy, RequestHead};
use proptest::collection::vec;
use proptest::prelude::*;

fn run(gateway: Gateway, pieces: &[&[u8]]) -> Outcome {
    let served = Served {
        gateway: Some(gateway),
        ..Served::HTTP1
    };
    any::run(&Policy::default(), served, None, pieces, false)
}

/// Names that mean something, and others.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("REQUEST_URI".to_owned()),
        Just("REQUEST_METHOD".to_owned()),
        Just("PATH_INFO".to_owned()),
        Just("SCRIPT_NAME".to_owned()),
        Just("CONTENT_LENGTH".to_owned()),
        "HTTP_[A-Z_]{0,6}",
        "[A-Z.a-z_ ]{0,6}",
    ]
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "/[a-z%/?]{0,8}",
        "[0-9]{1,2}",
        "GET|POST",
        "[ -~\r\n\0]{0,8}"
    ]
}

fn variables() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((names(), values()), 0..8)
}

fn uwsgi(variables: &[(String, String)], modifier: u8, cut: usize) -> Vec<u8> {
    let text = |text: &String| {
        let len = u16::try_from(text.len()).unwrap().to_le_bytes();
        [&len[..], text.as_bytes()].concat()
    };
    let mut pairs: Vec<u8> = variables
        .iter()
        .flat_map(|(name, value)| [text(name), text(value)].concat())
        .collect();
    pairs.truncate(pairs.len().saturating_sub(cut));
    let [low, high] = u16::try_from(pairs.len()).unwrap().to_le_bytes();
    [&[modifier, low, high, 0], &pairs[..]].concat()
}

fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = [
        &[1, kind],
        &id.to_be_bytes()[..],
        &len,
        &[padding, 0],
        content,
    ]
    .concat();
    out.resize(out.len() + usize::from(padding), 0);
    out
}

/// Records of one request or two, mostly in an order that has a meaning.
fn records() -> impl Strategy<Value = Vec<u8>> {
    let begin = (1..3_u16, 1..3_u8, 0..2_u8)
        .prop_map(|(id, role, keep)| record(1, id, &[0, role, keep, 0, 0, 0, 0, 0], 0));
    let params = (1..3_u16, variables(), 0..9_u8).prop_map(|(id, variables, padding)| {
        let pair = |(name, value): &(String, String)| {
            let lengths = [name.len(), value.len()].map(|len| u8::try_from(len).unwrap());
            [&lengths, name.as_bytes(), value.as_bytes()].concat()
        };
        record(
            4,
            id,
            &variables.iter().flat_map(pair).collect::<Vec<_>>(),
            padding,
        )
    });
    let end_of_params = (1..3_u16).prop_map(|id| record(4, id, b"", 0));
    let stdin = (1..3_u16, vec(any::<u8>(), 0..12), 0..9_u8)
        .prop_map(|(id, content, padding)| record(5, id, &content, padding));
    let other = (0..13_u8, 0..3_u16, vec(any::<u8>(), 0..12), any::<u8>())
        .prop_map(|(kind, id, content, padding)| record(kind, id, &content, padding));
    let request = (
        begin,
        vec(params, 0..3),
        end_of_params,
        vec(stdin, 0..3),
        vec(other, 0..2),
    )
        .prop_map(|(begin, params, end, stdin, other)| {
            [begin, params.concat(), end, stdin.concat(), other.concat()].concat()
        });
    vec(request, 1..3).prop_map(|requests| requests.concat())
}

proptest! {
    #[test]
    fn uwsgi_does_not_depend_on_cuts(
        variables in variables(),
        modifier in prop_oneof![9 => Just(0), 1 => any::<u8>()],
        cut in prop_oneof![9 => Just(0), 1 => 0..4_usize],
        body in vec(any::<u8>(), 0..12),
    ) {
        let input = [uwsgi(&variables, modifier, cut), body].concat();
        let whole = run(Gateway::Uwsgi, &[&input]);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(&run(Gateway::Uwsgi, &bytes), &whole);
    }

    #[test]
    fn fastcgi_does_not_depend_on_cuts(input in records(), at in any::<prop::sample::Index>()) {
        let whole = run(Gateway::FastCgi, &[&input]);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(&run(Gateway::FastCgi, &bytes), &whole);
        let (before, after) = input.split_at(at.index(input.len()));
        prop_assert_eq!(&run(Gateway::FastCgi, &[before, after]), &whole);
    }

    #[test]
    fn any_bytes_at_all(input in vec(any::<u8>(), 0..64)) {
        for gateway in [Gateway::Uwsgi, Gateway::FastCgi] {
            let whole = run(gateway, &[&input]);
            let bytes: Vec<&[u8]> = input.chunks(1).collect();
            prop_assert_eq!(&run(gateway, &bytes), &whole);
        }
    }

    #[test]
    fn the_path_is_what_was_sent(path in "/[ -~]{0,12}", mounted in "(/[a-z]{1,3})?") {
        let variables = [("SCRIPT_NAME".to_owned(), mounted.clone()), ("PATH_INFO".to_owned(), path.clone())];
        let input = uwsgi(&variables, 0, 0);
        let served = Served { gateway: Some(Gateway::Uwsgi), ..Served::HTTP1 };
        let mut connection = Connection::begin(served, false, false, false);
        let mut head = RequestHead::default();
        connection.receive(&Policy::default(), &input, false, &mut head).unwrap();
        prop_assert_eq!(head.script_name(), Some(mounted.as_bytes()));
        let mut decoded = Vec::new();
        let mut rest = head.path();
        while let [first, behind @ ..] = rest {
            if *first == b'%' {
                let digits = core::str::from_utf8(&behind[..2]).unwrap();
                decoded.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &behind[2..];
            } else {
                decoded.push(*first);
                rest = behind;
            }
        }
        prop_assert_eq!(decoded, [mounted, path].concat().into_bytes());
    }
}
