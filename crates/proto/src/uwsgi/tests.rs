use super::*;
use crate::Limits;

const SENDER: Sender = Sender {
    trusted: false,
    local: false,
};

fn packet_of(variables: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        let len = u16::try_from(text.len()).unwrap().to_le_bytes();
        [&len[..], text.as_bytes()].concat()
    };
    let pairs = variables
        .iter()
        .flat_map(|(name, value)| [text(name), text(value)]);
    packet_with(0, &pairs.collect::<Vec<_>>().concat())
}

fn packet_with(modifier: u8, variables: &[u8]) -> Vec<u8> {
    let [low, high] = u16::try_from(variables.len()).unwrap().to_le_bytes();
    [&[modifier, low, high, 0], variables].concat()
}

/// The events of a connection that gets these bytes, with the target of its head; then how it ends.
fn run(pieces: &[&[u8]], eof: bool) -> (Vec<String>, Option<Reject>) {
    let mut connection = Connection::new(SENDER, false);
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let (mut said, mut kept) = (Vec::new(), Vec::new());
    for (index, piece) in pieces.iter().enumerate() {
        kept.extend_from_slice(piece);
        let eof = eof && index + 1 == pieces.len();
        loop {
            let received = match connection.receive(&policy, &kept, eof, &mut head) {
                Ok(received) => received,
                Err(reject) => return (said, Some(reject)),
            };
            match received.event.clone() {
                Event::NeedMore => {}
                Event::Head(_) => said.push(String::from_utf8_lossy(head.target()).into_owned()),
                Event::Body(_, range) => {
                    said.extend(kept[range].iter().map(|byte| char::from(*byte).to_string()));
                }
                Event::End(_) => {
                    said.push("END".to_owned());
                    connection.finished();
                }
                Event::Closed => {
                    said.push("CLOSED".to_owned());
                    return (said, None);
                }
                other => unreachable!("{other:?}"),
            }
            kept.drain(..received.consumed);
            if received.event == Event::NeedMore {
                break;
            }
        }
    }
    (said, None)
}

#[test]
fn a_request_with_its_body_however_it_comes() {
    let packet = packet_of(&[("REQUEST_URI", "/a"), ("CONTENT_LENGTH", "3")]);
    let whole = [&packet, &b"abc and more"[..]].concat();
    let expected = ["/a", "a", "b", "c", "END", "CLOSED"].map(str::to_owned);
    assert_eq!(run(&[&whole], false), (expected.to_vec(), None));
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(run(&bytes, false), (expected.to_vec(), None));
    for cut in 0..whole.len() {
        let (before, after) = whole.split_at(cut);
        assert_eq!(run(&[before, after], false), (expected.to_vec(), None));
    }
}

#[test]
fn no_variable_is_needed() {
    let (said, reject) = run(&[&packet_with(0, b"")], false);
    assert_eq!(
        (said.as_slice(), reject),
        (&["/", "END", "CLOSED"].map(str::to_owned)[..], None)
    );
}

#[test]
fn packets_that_are_refused() {
    let many: Vec<_> = (0..1001).map(|_| ("A", "")).collect();
    let table = [
        (packet_with(1, b""), Reject::UnsupportedModifier),
        (b"GET / HTTP/1.1\r\n".to_vec(), Reject::UnsupportedModifier),
        (packet_with(0, b"\x01"), Reject::InvalidVariables),
        (packet_with(0, b"\x02\x00A"), Reject::InvalidVariables),
        (packet_with(0, b"\x01\x00A"), Reject::InvalidVariables),
        (
            packet_with(0, b"\x01\x00A\x09\x00x"),
            Reject::InvalidVariables,
        ),
        (packet_of(&many), Reject::TooManyVariables),
    ];
    for (packet, reject) in table {
        assert_eq!(run(&[&packet], false), (vec![], Some(reject)));
    }
    assert_eq!(run(&[&packet_of(&many[1..])], false).1, None);
}

#[test]
fn ends_that_come_too_early() {
    let packet = packet_of(&[("CONTENT_LENGTH", "3")]);
    let with_body = [&packet, &b"ab"[..]].concat();
    assert_eq!(run(&[b""], true), (vec!["CLOSED".to_owned()], None));
    assert_eq!(run(&[&packet[..2]], true).1, Some(Reject::IncompleteHead));
    assert_eq!(run(&[&with_body], true).1, Some(Reject::IncompleteBody));
}

#[test]
fn others_are_refused_at_their_first_byte() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    let mut connection = Connection::new(SENDER, true);
    for input in [&b"\0"[..], b""] {
        let got = connection.receive(&policy, input, false, &mut head);
        assert_eq!(got, Err(Reject::ForbiddenUwsgi));
    }
}

#[test]
fn a_body_over_the_limit() {
    let policy = Policy {
        limits: Limits {
            body: Some(2),
            ..Limits::default()
        },
        ..Policy::default()
    };
    let packet = packet_of(&[("CONTENT_LENGTH", "3")]);
    let got = Connection::new(SENDER, false).receive(
        &policy,
        &packet,
        false,
        &mut RequestHead::default(),
    );
    assert_eq!(got, Err(Reject::ContentTooLarge));
}
