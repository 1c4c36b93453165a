use super::super::close::{ABNORMAL, GOING_AWAY, NO_CODE, NORMAL};
use super::super::extension::Compression;
use super::super::state::OutOfTurn;
use super::*;

/// A connection with everything that its calls want.
struct Side {
    connection: Connection,
    policy: Policy,
    pool: Pool,
    out: Vec<u8>,
}

impl Side {
    fn new(role: Role) -> Self {
        Self {
            connection: Connection::new(role, None),
            policy: Policy::default(),
            pool: Pool::default(),
            out: Vec::new(),
        }
    }

    fn receive(&mut self, input: &mut [u8], eof: bool) -> Result<Received, Reject> {
        self.connection
            .receive(&self.policy, &mut self.pool, input, eof, &mut self.out)
    }

    fn text(&mut self, text: &str) -> Result<(), Misuse> {
        self.connection
            .text(&self.policy, &mut self.pool, text, &mut self.out)
    }

    fn close(&mut self, code: u16, reason: &str) -> Result<(), Misuse> {
        self.connection
            .close(Some(code), reason, &mut self.pool, &mut self.out)
    }
}

/// A frame of a client.
fn masked(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        fin,
        compressed: false,
        opcode,
        mask: Some([9, 8, 7, 6]),
        len: payload.len() as u64,
    };
    let mut bytes = Vec::new();
    header.push_with(payload, &mut bytes);
    bytes
}

#[test]
fn a_message_in_one_frame_stays_where_it_is() {
    let mut side = Side::new(Role::Server);
    let mut input = masked(true, Opcode::Text, b"Hello");
    input.extend(masked(true, Opcode::Binary, b"\xff"));
    let step = side.receive(&mut input, false).unwrap();
    let expected = Event::Message(Kind::Text, Payload::Input(6..11));
    assert_eq!(step, received(11, expected));
    assert_eq!(&input[6..11], b"Hello");
    let step = side.receive(&mut input[11..], false).unwrap();
    let expected = Event::Message(Kind::Binary, Payload::Input(6..7));
    assert_eq!(step, received(7, expected));
    assert_eq!(side.connection.held(), 0);
    assert_eq!(
        side.receive(&mut [], false),
        Ok(received(0, Event::NeedMore))
    );
}

#[test]
fn a_message_in_pieces_is_put_together_and_freed() {
    let mut side = Side::new(Role::Server);
    let mut input = masked(false, Opcode::Text, b"Hel");
    input.extend(masked(true, Opcode::Continuation, b"lo"));
    let step = side.receive(&mut input, false).unwrap();
    let expected = Event::Message(Kind::Text, Payload::Gathered);
    assert_eq!(step, received(input.len(), expected));
    assert_eq!(side.connection.gathered(), b"Hello");
    assert_eq!(
        side.receive(&mut [], false),
        Ok(received(0, Event::NeedMore))
    );
    assert_eq!(
        (side.connection.gathered(), side.connection.held()),
        (&b""[..], 0)
    );

    let mut input = masked(true, Opcode::Binary, b"Hello");
    let step = side.receive(&mut input[..8], false).unwrap();
    assert_eq!(step, received(8, Event::NeedMore));
    side.receive(&mut input[8..], false).unwrap();
    assert_eq!(side.connection.take_gathered(), b"Hello");
    assert_eq!(side.connection.held(), 0);
}

#[test]
fn what_is_not_consumed_is_as_it_was() {
    let mut side = Side::new(Role::Server);
    let whole = masked(true, Opcode::Ping, b"payload");
    for end in 0..whole.len() {
        let mut input = whole[..end].to_vec();
        assert_eq!(
            side.receive(&mut input, false),
            Ok(received(0, Event::NeedMore))
        );
        assert_eq!(input, whole[..end]);
    }
}

#[test]
fn the_peer_closes() {
    for (payload, code, reason, answer) in [
        (&b""[..], NO_CODE, &b""[..], &[0x88, 0][..]),
        (b"\x03\xe8", NORMAL, b"", &[0x88, 2, 3, 0xe8]),
        (b"\x03\xe9bye", GOING_AWAY, b"bye", &[0x88, 2, 3, 0xe9]),
    ] {
        let mut side = Side::new(Role::Server);
        let mut input = masked(true, Opcode::Close, payload);
        input.extend(masked(true, Opcode::Ping, b""));
        let step = side.receive(&mut input, false).unwrap();
        let Event::Close(got, range) = step.event else {
            panic!("{step:?}");
        };
        assert_eq!((got, &input[range]), (code, reason));
        assert_eq!(side.out, answer);
        let rest = &mut input[step.consumed..];
        assert_eq!(side.receive(rest, true), Ok(received(0, Event::Closed)));
        let late = OutOfTurn {
            state: State::Closed,
            command: Command::Text,
        };
        assert_eq!(side.text("late"), Err(Misuse::OutOfTurn(late)));
        assert_eq!(side.out, answer);
    }
}

#[test]
fn we_close_and_only_the_answer_counts() {
    let mut side = Side::new(Role::Server);
    let mut input = masked(false, Opcode::Text, b"begun");
    side.receive(&mut input, false).unwrap();
    assert_eq!(side.close(NORMAL, "done"), Ok(()));
    assert_eq!(side.out, b"\x88\x06\x03\xe8done");
    assert_eq!(
        (side.connection.state(), side.connection.held()),
        (State::Closing, 0)
    );
    assert!(side.close(NORMAL, "").is_err());

    // Not UTF-8, but it is not wanted; a ping gets no answer; the order still counts.
    let mut input = masked(true, Opcode::Continuation, b"\xff");
    input.extend(masked(true, Opcode::Binary, b"more"));
    input.extend(masked(true, Opcode::Ping, b"p"));
    let step = side.receive(&mut input, false).unwrap();
    assert_eq!(step.event, Event::Ping(input.len() - 1..input.len()));
    assert_eq!(step.consumed, input.len());
    let mut input = masked(true, Opcode::Close, b"\x03\xe8");
    let step = side.receive(&mut input, false).unwrap();
    assert_eq!(step.event, Event::Close(NORMAL, 8..8));
    assert_eq!(side.out, b"\x88\x06\x03\xe8done");
    assert_eq!(side.connection.held(), 0);
}

#[test]
fn what_breaks_a_rule_after_our_close_is_refused_without_another_one() {
    let mut side = Side::new(Role::Server);
    side.close(NORMAL, "").unwrap();
    let sent = side.out.clone();
    let mut input = masked(true, Opcode::Continuation, b"");
    assert_eq!(
        side.receive(&mut input, false),
        Err(Reject::NothingToContinue)
    );
    assert_eq!(side.out, sent);
}

#[test]
fn a_refusal_is_final_and_says_why() {
    let mut side = Side::new(Role::Server);
    for mut input in [
        vec![0x83, 0x80, 0, 0, 0, 0],
        vec![],
        masked(true, Opcode::Text, b"x"),
    ] {
        assert_eq!(side.receive(&mut input, false), Err(Reject::ReservedOpcode));
    }
    assert_eq!(side.out, b"\x88\x11\x03\xeaReserved opcode");
    assert_eq!(side.connection.state(), State::Refused);
    assert!(side.text("late").is_err());
}

#[test]
fn bytes_that_end_without_a_close_frame() {
    for cut in [0, 1, 3, 8] {
        let mut side = Side::new(Role::Server);
        let mut input = masked(true, Opcode::Text, b"Hello")[..cut].to_vec();
        assert_eq!(
            side.receive(&mut input, true),
            Ok(received(cut, Event::Lost))
        );
        assert_eq!(side.receive(&mut [], true), Ok(received(0, Event::Closed)));
        assert_eq!((&side.out[..], side.connection.held()), (&b""[..], 0));
    }
    assert!(!close::is_sendable(ABNORMAL));
}

#[test]
fn commands_that_are_misuse_send_nothing() {
    let mut side = Side::new(Role::Server);
    let long = [0; 126];
    assert_eq!(
        side.connection.ping(&long, &mut side.out),
        Err(Misuse::ControlTooLong)
    );
    assert_eq!(
        side.connection.pong(&long, &mut side.out),
        Err(Misuse::ControlTooLong)
    );
    assert_eq!(side.close(1006, ""), Err(Misuse::InvalidCloseCode));
    assert_eq!(
        side.close(NORMAL, &"x".repeat(124)),
        Err(Misuse::ReasonTooLong)
    );
    assert_eq!(
        (&side.out[..], side.connection.state()),
        (&b""[..], State::Open)
    );
}

#[test]
fn a_message_is_announced_where_it_is_sent_as_it_is() {
    let mut side = Side::new(Role::Server);
    let Side {
        connection,
        policy,
        out,
        ..
    } = &mut side;
    assert_eq!(
        connection.announce(policy, Kind::Binary, 300, out),
        Ok(true)
    );
    assert_eq!(side.out, [0x82, 126, 1, 44]);

    let mut client = Side::new(Role::Client(1));
    let Side {
        connection,
        policy,
        out,
        ..
    } = &mut client;
    assert_eq!(
        connection.announce(policy, Kind::Binary, 300, out),
        Ok(false)
    );

    let lines = [&b"permessage-deflate"[..]];
    let wanted = Some(Compression::default());
    let agreed = super::super::extension::negotiate(lines.into_iter(), wanted).unwrap();
    let mut side = Side::new(Role::Server);
    side.connection = Connection::new(Role::Server, agreed);
    let Side {
        connection,
        policy,
        out,
        ..
    } = &mut side;
    assert_eq!(connection.announce(policy, Kind::Text, 64, out), Ok(false));
    assert_eq!(out, b"");
    assert_eq!(connection.announce(policy, Kind::Text, 63, out), Ok(true));
    side.close(NORMAL, "").unwrap();
    let Side {
        connection,
        policy,
        out,
        ..
    } = &mut side;
    assert!(connection.announce(policy, Kind::Text, 1, out).is_err());
}

#[test]
fn a_client_masks_with_ever_other_keys_and_refuses_masks() {
    let mut client = Side::new(Role::Client(1));
    client.text("Hello").unwrap();
    client.text("Hello").unwrap();
    let (one, two) = client.out.split_at(11);
    assert_eq!(
        (&one[..2], &two[..2]),
        (&[0x81, 0x85][..], &[0x81, 0x85][..])
    );
    assert_ne!(one[2..6], two[2..6]);
    let mut input = masked(true, Opcode::Text, b"Hello");
    assert_eq!(client.receive(&mut input, false), Err(Reject::MaskedFrame));
}
