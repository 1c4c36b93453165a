use super::*;

const SENDER: Sender = Sender {
    trusted: false,
    local: false,
};

fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(kind, id, content, 0)
}

fn padded(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let mut out = Vec::new();
    record::push_front(
        kind,
        id,
        u16::try_from(content.len()).unwrap(),
        padding,
        &mut out,
    );
    out.extend_from_slice(content);
    out.resize(out.len() + usize::from(padding), 0xAA);
    out
}

fn begin(id: u16, role: u8, flags: u8) -> Vec<u8> {
    record(1, id, &[0, role, flags, 0, 0, 0, 0, 0])
}

fn pairs(variables: &[(&str, &str)]) -> Vec<u8> {
    let len = |text: &str| match u8::try_from(text.len()) {
        Ok(short @ ..0x80) => vec![short],
        _ => (u32::try_from(text.len()).unwrap() | 1 << 31)
            .to_be_bytes()
            .to_vec(),
    };
    let pair = |(name, value): &(&str, &str)| {
        [
            len(name),
            len(value),
            name.as_bytes().to_vec(),
            value.as_bytes().to_vec(),
        ]
        .concat()
    };
    variables.iter().flat_map(pair).collect()
}

fn request(id: u16, flags: u8, variables: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = begin(id, 1, flags);
    if !variables.is_empty() {
        out.extend(record(4, id, &pairs(variables)));
    }
    out.extend(record(4, id, b""));
    if !body.is_empty() {
        out.extend(padded(5, id, body, 3));
    }
    out.extend(record(5, id, b""));
    out
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    said: Vec<String>,
    body: Vec<u8>,
    answers: Vec<u8>,
    reject: Option<Reject>,
}

fn run(pieces: &[&[u8]], eof: bool) -> Outcome {
    let mut connection = Connection::new(SENDER, false);
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let mut outcome = Outcome::default();
    let mut kept = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        kept.extend_from_slice(piece);
        let eof = eof && index + 1 == pieces.len();
        loop {
            let received = match connection.receive(&policy, &kept, eof, &mut head) {
                Ok(received) => received,
                Err(reject) => {
                    outcome.reject = Some(reject);
                    return outcome;
                }
            };
            let said = match received.event.clone() {
                Event::NeedMore => String::new(),
                Event::Begun => "BEGUN".to_owned(),
                Event::Answers => {
                    outcome.answers.append(connection.answers());
                    String::new()
                }
                Event::Head(_) => String::from_utf8_lossy(head.target()).into_owned(),
                Event::Body(_, range) => {
                    assert_eq!(range.end, received.consumed);
                    outcome.body.extend_from_slice(&kept[range]);
                    String::new()
                }
                Event::End(_) => {
                    connection.finished();
                    "END".to_owned()
                }
                Event::Closed => {
                    outcome.said.push("CLOSED".to_owned());
                    return outcome;
                }
                other => unreachable!("{other:?}"),
            };
            if !said.is_empty() {
                outcome.said.push(said);
            }
            kept.drain(..received.consumed);
            if received.event == Event::NeedMore {
                break;
            }
        }
    }
    outcome
}

const POST: &[(&str, &str)] = &[("REQUEST_URI", "/a"), ("CONTENT_LENGTH", "4")];

#[test]
fn a_request_however_its_bytes_come() {
    let input = request(1, 0, POST, b"body");
    let whole = run(&[&input], false);
    assert_eq!(whole.said, ["BEGUN", "/a", "END", "CLOSED"]);
    assert_eq!((&whole.body[..], whole.reject), (&b"body"[..], None));
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(run(&bytes, false), whole);
    for cut in 0..input.len() {
        let (before, after) = input.split_at(cut);
        assert_eq!(run(&[before, after], false), whole);
    }
}

#[test]
fn a_kept_connection_has_another_request() {
    let input = [request(1, 1, POST, b"body"), request(2, 1, &[], b"")].concat();
    let outcome = run(&[&input], true);
    let expected = ["BEGUN", "/a", "END", "BEGUN", "/", "END", "CLOSED"];
    assert_eq!(outcome.said, expected);
    let outcome = run(
        &[&[request(1, 0, &[], b""), request(2, 0, &[], b"")].concat()],
        false,
    );
    assert_eq!(outcome.said, ["BEGUN", "/", "END", "CLOSED"]);
}

#[test]
fn variables_in_several_records_with_long_values() {
    let long = "x".repeat(300);
    let all = pairs(&[("HTTP_X", &long), ("REQUEST_URI", "/a")]);
    let mut input = begin(1, 1, 0);
    for piece in all.chunks(7) {
        input.extend(padded(4, 1, piece, 1));
    }
    input.extend(record(4, 1, b""));
    assert_eq!(run(&[&input], false).said, ["BEGUN", "/a"]);
}

#[test]
fn a_second_request_beside_the_first_is_turned_away() {
    let mut input = begin(1, 1, 0);
    input.extend(begin(2, 1, 0));
    // What comes of it is ignored.
    input.extend(record(4, 2, &pairs(&[("REQUEST_URI", "/two")])));
    input.extend(record(4, 2, b""));
    input.extend(record(4, 1, &pairs(&[("REQUEST_URI", "/one")])));
    input.extend(record(4, 1, b""));
    input.extend(record(5, 2, b"ignored"));
    input.extend(record(5, 1, b""));
    let outcome = run(&[&input], false);
    assert_eq!(outcome.said, ["BEGUN", "/one", "END", "CLOSED"]);
    assert_eq!(outcome.answers, record(3, 2, &[0, 0, 0, 0, 1, 0, 0, 0]));
}

#[test]
fn other_roles_are_turned_away() {
    let input = [begin(1, 2, 1), request(2, 0, &[], b"")].concat();
    let outcome = run(&[&input], false);
    assert_eq!(outcome.said, ["BEGUN", "/", "END", "CLOSED"]);
    assert_eq!(outcome.answers, record(3, 1, &[0, 0, 0, 0, 3, 0, 0, 0]));
}

#[test]
fn questions_about_the_connection() {
    let asked = pairs(&[
        ("FCGI_MAX_CONNS", ""),
        ("FCGI_MAX_REQS", ""),
        ("FCGI_MPXS_CONNS", ""),
    ]);
    let input = [record(9, 0, &asked), record(77, 0, b"what")].concat();
    let outcome = run(&[&input], false);
    let said = pairs(&[("FCGI_MAX_REQS", "1"), ("FCGI_MPXS_CONNS", "0")]);
    let expected = [
        record(10, 0, &said),
        record(11, 0, &[77, 0, 0, 0, 0, 0, 0, 0]),
    ]
    .concat();
    assert_eq!((outcome.answers, outcome.reject), (expected, None));
}

#[test]
fn records_that_are_refused() {
    let with = |record: Vec<u8>| [begin(1, 1, 0), record].concat();
    let head = [record(4, 1, &pairs(POST)), record(4, 1, b"")].concat();
    let behind = |record: Vec<u8>| with([head.clone(), record].concat());
    let table = [
        (b"GET / HTTP/1.1\r\n".to_vec(), Reject::InvalidRecord),
        (vec![2], Reject::InvalidRecord),
        (begin(0, 1, 0), Reject::InvalidRecord),
        (record(1, 1, &[0, 1]), Reject::InvalidRecord),
        (record(9, 0, &[5]), Reject::InvalidRecord),
        (record(9, 0, &[0; 5000]), Reject::InvalidRecord),
        (with(begin(1, 1, 0)), Reject::InvalidRecord),
        (with(record(5, 1, b"early")), Reject::InvalidRecord),
        (behind(record(4, 1, b"late")), Reject::InvalidRecord),
        (with(record(2, 1, b"")), Reject::AbortedRequest),
        (behind(record(2, 1, b"")), Reject::AbortedRequest),
        (behind(record(5, 1, b"")), Reject::IncompleteBody),
        (behind(record(5, 1, b"too long")), Reject::BodyBeyondLength),
        (
            with([record(4, 1, &[9, 9]), record(4, 1, b"")].concat()),
            Reject::InvalidVariables,
        ),
        (
            with(record(4, 1, &vec![0; 60_000]).repeat(2)),
            Reject::VariablesTooLarge,
        ),
        (
            with([record(4, 1, &[0; 2002]), record(4, 1, b"")].concat()),
            Reject::TooManyVariables,
        ),
    ];
    for (input, reject) in table {
        let got = run(&[&input], false).reject;
        assert_eq!(got, Some(reject), "{:?}", input.get(..60));
    }
}

#[test]
fn a_peer_that_asks_and_asks() {
    let mut connection = Connection::new(SENDER, false);
    let (policy, mut head) = (Policy::default(), RequestHead::default());
    let input = record(77, 0, b"");
    for _ in 0..3 {
        let got = connection
            .receive(&policy, &input, false, &mut head)
            .unwrap();
        // Nothing more is read before the answer is taken out.
        assert_eq!(got.event, Event::Answers);
        assert_eq!(connection.answers().len(), 16);
        let again = connection
            .receive(&policy, &input, false, &mut head)
            .unwrap();
        assert_eq!((again.consumed, again.event), (0, Event::Answers));
        connection.answers().clear();
    }
}

#[test]
fn ends_that_come_too_early() {
    let input = request(1, 1, POST, b"body");
    assert_eq!(run(&[b""], true).said, ["CLOSED"]);
    for end in 1..input.len() {
        let reject = run(&[&input[..end]], true).reject;
        let early = [Reject::IncompleteHead, Reject::IncompleteBody].map(Some);
        assert!(early.contains(&reject), "{end}: {reject:?}");
    }
    assert_eq!(run(&[&input], true).reject, None);
}

#[test]
fn others_are_refused_at_their_first_byte() {
    let mut connection = Connection::new(SENDER, true);
    let (policy, mut head) = (Policy::default(), RequestHead::default());
    let got = connection.receive(&policy, &[1], false, &mut head);
    assert_eq!(got, Err(Reject::ForbiddenFastCgi));
}

#[test]
fn an_answer_in_records() {
    let mut reply = Reply::new(7);
    let mut out = Vec::new();
    reply.push(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", &mut out);
    reply.push(b"12345678", &mut out);
    assert_eq!(reply.announce(3, &mut out), 3);
    out.extend_from_slice(b"abc");
    reply.push(b"", &mut out);
    reply.end(&mut out);
    let mut padded_status = padded(6, 7, b"Status: 200 OK\r\n", 0);
    padded_status.extend(padded(6, 7, b"A: b\r\n\r\n", 0));
    let expected = [
        padded_status,
        record(6, 7, b"12345678"),
        record(6, 7, b"abc"),
        record(6, 7, b""),
        record(3, 7, &[0; 8]),
    ];
    assert_eq!(out, expected.concat());
    // One that is cut short has no end.
    reply.cut();
    out.clear();
    reply.end(&mut out);
    assert!(out.is_empty());
}

#[test]
fn long_answers_have_many_records() {
    let mut reply = Reply::new(1);
    let body = vec![b'x'; 200_003];
    let mut out = Vec::new();
    reply.push(&body, &mut out);
    let (mut content, mut rest) = (0, &out[..]);
    while let Some(&[1, 6, 0, 1, high, low, padding, 0]) = rest.first_chunk::<8>() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        assert_eq!((len + usize::from(padding)) % 8, 0);
        content += len;
        rest = &rest[8 + len + usize::from(padding)..];
    }
    assert_eq!((content, rest.len()), (body.len(), 0));
    assert_eq!(reply.announce(1 << 40, &mut out), 0xFFF8);
}
