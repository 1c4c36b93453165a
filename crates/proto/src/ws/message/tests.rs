use super::*;

const OPCODES: [Opcode; 6] = [
    Opcode::Continuation,
    Opcode::Text,
    Opcode::Binary,
    Opcode::Close,
    Opcode::Ping,
    Opcode::Pong,
];

#[test]
fn every_frame_after_every_frame() {
    use Kind::{Binary, Text};
    const NOTHING: Result<Kind, Reject> = Err(Reject::NothingToContinue);
    const INSIDE: Result<Kind, Reject> = Err(Reject::InterleavedMessage);
    // Continuation, Text, Binary, and the control frames, which never come here.
    let table = [
        (
            None,
            [NOTHING, Ok(Text), Ok(Binary), NOTHING, NOTHING, NOTHING],
        ),
        (
            Some(Text),
            [Ok(Text), INSIDE, INSIDE, INSIDE, INSIDE, INSIDE],
        ),
        (
            Some(Binary),
            [Ok(Binary), INSIDE, INSIDE, INSIDE, INSIDE, INSIDE],
        ),
    ];
    for (open, row) in table {
        for (opcode, expected) in OPCODES.into_iter().zip(row) {
            assert_eq!(next(open, opcode), expected, "{open:?} {opcode:?}");
        }
    }
}

fn frame(opcode: Opcode, len: u64) -> Header {
    Header {
        fin: false,
        compressed: false,
        opcode,
        mask: None,
        len,
    }
}

#[test]
fn fragments_are_counted() {
    let policy = Policy {
        fragments: 2,
        ..Policy::default()
    };
    let mut message = Message::default();
    let mut pool = Pool::default();
    for _ in 0..2 {
        assert!(message.frame(&frame(Opcode::Text, 0), &policy).is_ok());
        assert!(
            message
                .frame(&frame(Opcode::Continuation, 0), &policy)
                .is_ok()
        );
        assert_eq!(message.end(None, &policy, &mut pool), Ok(()));
    }
    assert!(message.frame(&frame(Opcode::Binary, 0), &policy).is_ok());
    assert!(
        message
            .frame(&frame(Opcode::Continuation, 0), &policy)
            .is_ok()
    );
    assert_eq!(
        message.frame(&frame(Opcode::Continuation, 0), &policy),
        Err(Reject::TooManyFragments)
    );
}

#[test]
fn sizes_are_added_up_before_the_bytes_come() {
    let policy = Policy {
        message_size: 10,
        ..Policy::default()
    };
    let mut pool = Pool::default();
    for (first, then, expected) in [
        (0, 10, Ok(Kind::Binary)),
        (4, 6, Ok(Kind::Binary)),
        (4, 7, Err(Reject::MessageTooBig)),
        (10, 0, Ok(Kind::Binary)),
        (10, 1, Err(Reject::MessageTooBig)),
        (4, u64::MAX >> 1, Err(Reject::MessageTooBig)),
    ] {
        let mut message = Message::default();
        assert!(
            message
                .frame(&frame(Opcode::Binary, first), &policy)
                .is_ok()
        );
        let piece = vec![0; usize::try_from(first).unwrap()];
        assert_eq!(message.push(&piece, 0, None, &policy, &mut pool), Ok(()));
        let got = message.frame(&frame(Opcode::Continuation, then), &policy);
        assert_eq!(got, expected, "{first} + {then}");
    }
}

#[test]
fn room_is_made_for_what_was_announced_within_reason() {
    let policy = Policy {
        message_size: 0,
        ..Policy::default()
    };
    let mut pool = Pool::default();
    for (to_come, most) in [(0, 3), (1000, 1003), (1 << 40, ROOM + 3)] {
        let mut message = Message::default();
        assert!(
            message
                .frame(&frame(Opcode::Text, to_come + 3), &policy)
                .is_ok()
        );
        assert_eq!(
            message.push(b"abc", to_come, None, &policy, &mut pool),
            Ok(())
        );
        assert!(message.held() >= 3 && message.held() <= most);
        assert_eq!(message.bytes(), b"abc");
    }
}
