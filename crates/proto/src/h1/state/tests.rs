use super::*;

const STATES: [Receiving; 6] = [
    Receiving::Idle,
    Receiving::Head,
    Receiving::Body,
    Receiving::Done,
    Receiving::Closed,
    Receiving::Refused,
];

#[test]
fn receiving_every_pair() {
    use Receiving::{Body, Closed, Done, Head, Idle, Refused};
    //                  Idle     Head     Body     Done     Closed   Refused
    let table = [
        (Got::Bytes, [Head, Head, Body, Done, Closed, Refused]),
        (Got::Head, [Body, Body, Body, Done, Closed, Refused]),
        (Got::End, [Idle, Head, Done, Done, Closed, Refused]),
        (
            Got::Eof,
            [Closed, Refused, Refused, Closed, Closed, Refused],
        ),
        (
            Got::Fault,
            [Refused, Refused, Refused, Refused, Refused, Refused],
        ),
        (Got::Next, [Idle, Closed, Closed, Idle, Closed, Refused]),
        (Got::Last, [Closed, Closed, Closed, Closed, Closed, Refused]),
    ];
    for (got, after) in table {
        for (state, expected) in STATES.into_iter().zip(after) {
            assert_eq!(state.on(got), expected, "{state:?} {got:?}");
        }
    }
}

#[test]
fn sending_every_pair() {
    use Sending::{Body, Closed, Done, Head};
    let table = [
        (Command::Interim, [Some(Head), None, None, None]),
        (Command::Head, [Some(Body), None, None, None]),
        (Command::Body, [None, Some(Body), None, None]),
        (Command::End, [None, Some(Done), None, None]),
        (
            Command::Reset,
            [Some(Closed), Some(Closed), Some(Closed), Some(Closed)],
        ),
    ];
    for (command, after) in table {
        for (state, expected) in [Head, Body, Done, Closed].into_iter().zip(after) {
            let expected = expected.ok_or(OutOfTurn { state, command });
            assert_eq!(state.on(command), expected);
        }
    }
}
