use super::*;

const STATES: [Receiving; 7] = [
    Receiving::Idle,
    Receiving::Head,
    Receiving::Body,
    Receiving::Done,
    Receiving::Closed,
    Receiving::Refused,
    Receiving::Switched,
];

#[test]
fn receiving_every_pair() {
    use Receiving::{Body, Closed, Done, Head, Idle, Refused, Switched};
    //                  Idle     Head     Body     Done     Closed   Refused  Switched
    let table = [
        (
            Got::Bytes,
            [Head, Head, Body, Done, Closed, Refused, Switched],
        ),
        (
            Got::Head,
            [Body, Body, Body, Done, Closed, Refused, Switched],
        ),
        (
            Got::End,
            [Idle, Head, Done, Done, Closed, Refused, Switched],
        ),
        (
            Got::Eof,
            [Closed, Refused, Refused, Closed, Closed, Refused, Switched],
        ),
        (
            Got::Fault,
            [
                Refused, Refused, Refused, Refused, Refused, Refused, Switched,
            ],
        ),
        (
            Got::Next,
            [Idle, Closed, Closed, Idle, Closed, Refused, Switched],
        ),
        (
            Got::Switch,
            [Closed, Closed, Closed, Switched, Closed, Refused, Switched],
        ),
        (
            Got::Last,
            [Closed, Closed, Closed, Closed, Closed, Refused, Switched],
        ),
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
