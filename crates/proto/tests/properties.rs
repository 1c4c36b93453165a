//! What holds for any bytes: cuts do not matter, refusals are final, nothing panics, and what the
//! encoder writes the decoder reads.

mod common;

use common::{Outcome, run, run_with};
use licorne_proto::h1::{BodySize, Ending, RequestFacts, Response, ServerFields, chunk_bounds};
use licorne_proto::{Limits, Permissions, Policy, RequestHead, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const GET: RequestFacts = RequestFacts {
    version: Version::Http11,
    head_method: false,
    connect: false,
    keep_alive: true,
    records: false,
};

proptest! {
    #[test]
    fn cuts_do_not_matter_to_near_requests(
        input in near_requests(), cuts in vec(any::<u16>(), 0..6), policy in policies(),
        trusted in any::<bool>(), eof in any::<bool>(),
    ) {
        prop_assert_eq!(
            run(&policy, trusted, &pieces(&input, &cuts), eof),
            run(&policy, trusted, &[&input], eof)
        );
    }

    #[test]
    fn cuts_do_not_matter_to_any_bytes(
        input in vec(any::<u8>(), 0..200), cuts in vec(any::<u16>(), 0..6), eof in any::<bool>(),
    ) {
        let policy = Policy::default();
        prop_assert_eq!(
            run(&policy, true, &pieces(&input, &cuts), eof),
            run(&policy, true, &[&input], eof)
        );
    }

    #[test]
    fn a_head_remembers_nothing_wrong(
        inputs in vec(near_requests(), 1..4), order in vec((any::<u16>(), any::<bool>()), 1..12),
        cut in any::<u16>(), policy in policies(),
    ) {
        let mut head = RequestHead::default();
        for (which, trusted) in order {
            let input = &inputs[usize::from(which) % inputs.len()];
            let pieces = pieces(input, &[cut]);
            prop_assert_eq!(
                run_with(&mut head, &policy, trusted, &pieces, false),
                run(&policy, trusted, &pieces, false)
            );
        }
    }

    #[test]
    fn one_changed_byte_never_confuses_the_boundaries(
        at in any::<u16>(), byte in any::<u8>(), cuts in vec(any::<u16>(), 0..6),
    ) {
        let mut input = PIPELINE.concat().into_bytes();
        let at = usize::from(at) % input.len();
        input[at] = byte;
        let policy = Policy::default();
        let whole = run(&policy, false, &[&input], true);
        prop_assert_eq!(&run(&policy, false, &pieces(&input, &cuts), true), &whole);
        // Every byte is accounted for: either all requests are there, or the peer was refused, or
        // the changed byte made a request the last one.
        let last = whole.requests.last().is_some_and(|request| !request.keep_alive);
        prop_assert!(whole.requests.len() >= PIPELINE.len() || whole.reject.is_some() || last);
    }

    #[test]
    fn chunks_come_back(parts in vec(vec(any::<u8>(), 1..300), 0..8), cuts in vec(any::<u16>(), 0..6)) {
        let mut input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let mut response = Response::default();
        response.draft.start(b"200 OK").unwrap();
        let server = ServerFields::new("");
        response.head(GET, BodySize::Unknown, &server, &mut Vec::new()).unwrap();
        for part in &parts {
            prop_assert_eq!(response.body(part, &mut input), Ok(part.len()));
        }
        response.end(&mut input).unwrap();
        let outcome = run(&Policy::default(), false, &pieces(&input, &cuts), true);
        prop_assert_eq!(body(&outcome), Some(parts.concat()));
    }

    #[test]
    fn the_framing_is_whole_on_every_way(
        parts in vec((0..3_u8, vec(any::<u8>(), 0..300)), 0..8), length in select(vec![None, Some(700)]),
    ) {
        let mut response = Response::default();
        response.draft.start(b"200 OK").unwrap();
        let size = length.map_or(BodySize::Unknown, BodySize::Known);
        response.head(GET, size, &ServerFields::new(""), &mut Vec::new()).unwrap();
        let (mut wire, mut given) = (Vec::new(), Vec::new());
        for (way, part) in &parts {
            given.extend_from_slice(part);
            match way {
                0 => drop(response.body(part, &mut wire).unwrap()),
                // The caller writes behind what is there already.
                1 => {
                    let count = response.file(part.len() as u64, &mut wire).unwrap();
                    wire.extend_from_slice(&part[..usize::try_from(count).unwrap()]);
                }
                _ => {
                    let piece = response.piece(part.len(), &mut wire).unwrap();
                    let (before, behind) = chunk_bounds(piece.len);
                    wire.extend_from_slice(if piece.chunk { &before } else { b"" });
                    wire.extend_from_slice(&part[..piece.len]);
                    wire.extend_from_slice(if piece.chunk { behind } else { b"" });
                }
            }
        }
        let ending = response.end(&mut wire).unwrap();
        if let Some(length) = length {
            given.truncate(usize::try_from(length).unwrap());
            prop_assert_eq!(ending == Ending::Short, (given.len() as u64) < length);
            prop_assert_eq!(wire, given);
            return Ok(());
        }
        let mut input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        input.extend_from_slice(&wire);
        let outcome = run(&Policy::default(), false, &[&input], true);
        prop_assert_eq!(body(&outcome), Some(given));
    }

    #[test]
    fn bodies_of_a_length_come_back(data in vec(any::<u8>(), 0..600), cuts in vec(any::<u16>(), 0..6)) {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", data.len());
        let input = [head.as_bytes(), &data].concat();
        let outcome = run(&Policy::default(), false, &pieces(&input, &cuts), true);
        prop_assert_eq!(body(&outcome), Some(data));
    }

    #[test]
    fn fields_come_back(fields in vec((names(), values()), 0..20)) {
        let mut input = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        let mut sent = vec![(b"Host".to_vec(), b"a".to_vec())];
        for (name, value) in fields {
            input.extend_from_slice(&[&name[..], b":", &value, b"\r\n"].concat());
            sent.push((name, trim(&value).to_vec()));
        }
        input.extend_from_slice(b"\r\n");
        let outcome = run(&Policy::default(), false, &[&input], true);
        prop_assert_eq!(outcome.reject, None);
        prop_assert_eq!(&outcome.requests[0].fields, &sent);
    }

    #[test]
    fn no_field_breaks_a_response(
        status in vec(any::<u8>(), 0..12), name in vec(any::<u8>(), 0..12),
        value in vec(any::<u8>(), 0..40), known in any::<bool>(), keep_alive in any::<bool>(),
    ) {
        let mut response = Response::default();
        let status = if known { b"200 OK".to_vec() } else { status };
        if response.draft.start(&status).is_err() {
            return Ok(());
        }
        let accepted = response.draft.field(&name, &value).is_ok();
        let request = RequestFacts { keep_alive, ..GET };
        let mut out = Vec::new();
        let server = ServerFields::new("x");
        response.head(request, BodySize::Unknown, &server, &mut out).unwrap();
        prop_assert!(out.ends_with(b"\r\n\r\n"));
        let lines: Vec<_> = out.split(|byte| *byte == b'\n').collect();
        // Status, Server, Date, Connection, perhaps framing, perhaps ours, an empty one and the end.
        let framed = usize::from(response.chunked());
        let ours = lines.len() - 6 - framed;
        prop_assert!(ours <= usize::from(accepted));
        prop_assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with(b"\r")));
        prop_assert!(!out.iter().any(|byte| matches!(byte, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f)));
    }
}

/// No length that one changed byte makes of the 5 ends at the end of another request.
const PIPELINE: [&str; 3] = [
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
    "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: yz\r\n\r\n",
    "GET /c HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// The body of an outcome that is one whole request.
fn body(outcome: &Outcome) -> Option<Vec<u8>> {
    match &outcome.requests[..] {
        [request] if request.complete && outcome.reject.is_none() => Some(request.body.clone()),
        _ => None,
    }
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

/// Pieces of requests in any order: far more of it gets deep into the parser than of random bytes.
fn near_requests() -> impl Strategy<Value = Vec<u8>> {
    let common = select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "GET http://b/c HTTP/1.0\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "Host: a\r\n",
        "Host: a\r\n\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "X_A: b\r\n",
        "Accept : x\r\n",
        "\r\n",
    ]);
    let rare = select(vec![
        "GET",
        " ",
        "HTTP/1.1",
        "\r",
        "\n",
        ":",
        ";",
        "=",
        "\"",
        "0\r\n",
        "0\r\n\r\n",
        "3\r\nabc\r\n",
        "5;a=\"b\\\"\"\r\n",
        "abcde",
        " folded\r\n",
        "\t\r\n",
        "\0",
        "\u{7f}",
        "A: b",
        "0123456789",
    ]);
    let piece = prop_oneof![4 => common, 2 => rare].prop_map(|text| text.as_bytes().to_vec());
    let piece = prop_oneof![8 => piece, 1 => vec(any::<u8>(), 1..4)];
    // A good beginning, so that what follows is read as fields, as chunks or as another request.
    let begin = select(vec![
        "",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ]);
    (begin, vec(piece, 0..16)).prop_map(|(begin, rest)| [begin.as_bytes(), &rest.concat()].concat())
}

fn policies() -> impl Strategy<Value = Policy> {
    let limits = prop_oneof![
        Just(Limits::default()),
        Just(Limits {
            request_line: 16,
            fields: 3,
            field_size: 24,
            body: Some(4)
        }),
    ];
    (limits, any::<[bool; 7]>()).prop_map(|(limits, [a, b, c, d, e, f, g])| Policy {
        limits,
        permissions: Permissions {
            obsolete_folding: a,
            strip_header_spaces: b,
            unconventional_http_method: c,
            unconventional_http_version: d,
            casefold_http_method: e,
            missing_host: f,
            connect: g,
        },
        ..Policy::default()
    })
}

/// Names without a meaning.
fn names() -> impl Strategy<Value = Vec<u8>> {
    "[Xx]-[A-Za-z0-9!#$%&'*+.^`|~-]{0,30}".prop_map(String::into_bytes)
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8],
        0..60,
    )
}

fn trim(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    &value[start..end]
}
