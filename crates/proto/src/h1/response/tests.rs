use super::*;

const GET: RequestFacts = RequestFacts {
    version: Version::Http11,
    head_method: false,
    connect: false,
    keep_alive: true,
    records: false,
};
const STATES: [Sending; 4] = [Sending::Head, Sending::Body, Sending::Done, Sending::Closed];
const COMMANDS: [Command; 5] = [
    Command::Interim,
    Command::Head,
    Command::Body,
    Command::End,
    Command::Reset,
];

fn started() -> Response {
    let mut response = Response::default();
    response.draft.start(b"200 OK").unwrap();
    response
}

/// A response whose head was sent, and nothing else of it.
fn begun(request: RequestFacts, size: BodySize) -> Response {
    let mut response = started();
    let server = ServerFields::new("");
    response
        .head(request, size, &server, &mut Vec::new())
        .unwrap();
    response
}

fn in_state(state: Sending) -> Response {
    let mut response = match state {
        Sending::Head | Sending::Closed => started(),
        Sending::Body | Sending::Done => begun(GET, BodySize::Unknown),
    };
    match state {
        Sending::Head | Sending::Body => {}
        Sending::Done => {
            response.end(&mut Vec::new()).unwrap();
        }
        Sending::Closed => response.reset(),
    }
    response
}

type Way = fn(&mut Response, &mut Vec<u8>) -> Result<(), Unsendable>;

/// Gives the command in each way that there is to give it.
fn give(response: &Response, command: Command) -> Vec<(Result<(), Unsendable>, Sending, Vec<u8>)> {
    let ways: &[Way] = match command {
        Command::Interim => {
            &[|response, out| response.interim(Version::Http11, b"103 Early Hints", [], out)]
        }
        Command::Head => &[|response, out| {
            let server = ServerFields::new("");
            response
                .head(GET, BodySize::Unknown, &server, out)
                .map(drop)
        }],
        Command::Body => &[
            |response, out| Ok(response.body(b"abc", out).map(drop)?),
            |response, out| Ok(response.piece(3, out).map(drop)?),
            |response, out| Ok(response.file(3, out).map(drop)?),
        ],
        Command::End => &[|response, out| Ok(response.end(out).map(drop)?)],
        Command::Reset => &[|response, _| {
            response.reset();
            Ok(())
        }],
    };
    ways.iter()
        .map(|way| {
            let (mut response, mut out) = (response.clone(), Vec::new());
            let result = way(&mut response, &mut out);
            (result, response.state, out)
        })
        .collect()
}

#[test]
fn every_pair_of_state_and_command_is_as_the_table_says() {
    for state in STATES {
        let response = in_state(state);
        assert_eq!(response.state, state);
        for command in COMMANDS {
            let expected = state.on(command);
            for (result, after, out) in give(&response, command) {
                match expected {
                    Ok(next) => {
                        assert_eq!((result, after), (Ok(()), next), "{state:?} {command:?}");
                    }
                    // Refused, and without a trace.
                    Err(error) => {
                        assert_eq!(result, Err(Unsendable::OutOfTurn(error)));
                        assert_eq!((after, &out[..]), (state, &b""[..]));
                    }
                }
            }
        }
    }
}

#[test]
fn without_a_status_there_is_no_head() {
    let mut response = Response::default();
    let mut out = Vec::new();
    let result = response.head(GET, BodySize::Unknown, &ServerFields::new(""), &mut out);
    assert_eq!(result, Err(Unsendable::Misuse(Misuse::NotStarted)));
    assert!(out.is_empty() && !response.begun());
}

#[test]
fn an_old_peer_gets_no_interim_response() {
    let mut out = Vec::new();
    let mut response = started();
    let hints = b"103 Early Hints";
    response
        .interim(Version::Http10, hints, [], &mut out)
        .unwrap();
    assert!(out.is_empty());
    response
        .interim(Version::Http11, hints, [], &mut out)
        .unwrap();
    assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\n\r\n");
    let bad = response.interim(Version::Http11, b"200 OK", [], &mut out);
    assert_eq!(bad, Err(Unsendable::Misuse(Misuse::InvalidStatus)));
}

#[test]
fn chunks_of_every_kind() {
    let mut response = begun(GET, BodySize::Unknown);
    assert!(response.chunked() && !response.bodiless() && !response.is_full());
    let mut out = Vec::new();
    assert_eq!(response.body(b"0123456789abcdef", &mut out), Ok(16));
    assert_eq!(response.body(b"", &mut out), Ok(0));
    assert_eq!(out, b"10\r\n0123456789abcdef\r\n");
    // What the connection writes, it frames.
    out.clear();
    let piece = Piece {
        len: 5,
        chunk: true,
    };
    assert_eq!(response.piece(5, &mut out), Ok(piece));
    let nothing = Piece {
        len: 0,
        chunk: false,
    };
    assert_eq!(response.piece(0, &mut out), Ok(nothing));
    assert!(out.is_empty());
    // Between the two lines of a file stands what the caller sends.
    assert_eq!(response.file(0x1234, &mut out), Ok(0x1234));
    assert_eq!(out, b"1234\r\n");
    out.clear();
    assert_eq!(response.body(b"x", &mut out), Ok(1));
    assert_eq!(out, b"\r\n1\r\nx\r\n");
    response.file(1, &mut Vec::new()).unwrap();
    out.clear();
    assert_eq!(response.end(&mut out), Ok(Ending::Complete));
    assert_eq!(out, b"\r\n0\r\n\r\n");
}

#[test]
fn never_more_than_announced() {
    let mut out = Vec::new();
    let mut response = begun(GET, BodySize::Known(5));
    assert_eq!(response.body(b"abc", &mut out), Ok(3));
    assert!(!response.is_full());
    assert_eq!(response.file(7, &mut out), Ok(2));
    assert!(response.is_full());
    assert_eq!(response.piece(7, &mut out).unwrap().len, 0);
    assert_eq!(response.end(&mut out), Ok(Ending::Complete));
    assert_eq!(out, b"abc");
}

#[test]
fn fewer_than_announced_are_told() {
    let mut response = begun(GET, BodySize::Known(5));
    response.body(b"abc", &mut Vec::new()).unwrap();
    assert_eq!(response.end(&mut Vec::new()), Ok(Ending::Short));
}

#[test]
fn where_no_body_may_follow_none_does() {
    let head = RequestFacts {
        head_method: true,
        ..GET
    };
    for size in [BodySize::Unknown, BodySize::Known(3)] {
        let mut out = Vec::new();
        let mut response = begun(head, size);
        assert!(response.bodiless() && response.is_full() && !response.chunked());
        assert_eq!(response.body(b"abc", &mut out), Ok(0));
        assert_eq!(response.end(&mut out), Ok(Ending::Complete));
        assert!(out.is_empty());
    }
}

#[test]
fn a_failure_is_a_page_or_the_end() {
    let mut out = Vec::new();
    let mut response = started();
    assert!(response.fail(PageFacts::default(), Some("id"), &mut out));
    assert!(out.starts_with(b"HTTP/1.1 500 Internal Server Error\r\nX-Request-ID: id\r\n"));
    assert!(response.begun() && !response.draft.started());
    assert!(response.end(&mut out).is_err());
    out.clear();
    let mut response = begun(GET, BodySize::Known(5));
    assert!(!response.fail(PageFacts::default(), None, &mut out));
    assert!(out.is_empty());
    assert!(response.body(b"a", &mut out).is_err());
}

#[test]
fn the_next_response_begins_anew() {
    let mut response = begun(GET, BodySize::Unknown);
    response.file(1, &mut Vec::new()).unwrap();
    response.clear();
    assert!(!response.begun() && !response.chunked() && !response.is_full());
    assert!(!response.draft.started());
}

/// The rest at once is a body and its end, whatever is said of its size, in every state.
#[test]
fn the_rest_at_once_is_a_body_and_its_end() {
    let old = RequestFacts {
        version: Version::Http10,
        ..GET
    };
    let head = RequestFacts {
        head_method: true,
        ..GET
    };
    let sizes = [0, 2, 3, 9].map(BodySize::Known);
    let mut responses: Vec<Response> = STATES.map(in_state).into();
    for request in [GET, old, head] {
        responses.push(begun(request, BodySize::Unknown));
        responses.extend(sizes.map(|size| begun(request, size)));
    }
    for response in responses {
        let (mut at_once, mut apart) = (response.clone(), response);
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        let said = at_once.rest(b"abc", &mut bytes);
        let taken = apart.body(b"abc", &mut expected);
        let both = taken.and_then(|taken| Ok((taken, apart.end(&mut expected)?)));
        assert_eq!((said, bytes), (both, expected));
        assert_eq!(format!("{at_once:?}"), format!("{apart:?}"));
    }
}
