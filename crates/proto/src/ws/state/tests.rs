use super::*;

const STATES: [State; 4] = [State::Open, State::Closing, State::Closed, State::Refused];

#[test]
fn receiving_every_pair() {
    use State::{Closed, Refused};
    //                Open     Closing  Closed  Refused
    let table = [
        (Got::Close, [Closed, Closed, Closed, Refused]),
        (Got::Eof, [Closed, Closed, Closed, Refused]),
        (Got::Fault, [Refused, Refused, Closed, Refused]),
    ];
    for (got, after) in table {
        for (state, expected) in STATES.into_iter().zip(after) {
            assert_eq!(state.on(got), expected, "{state:?} {got:?}");
        }
    }
}

#[test]
fn sending_every_pair() {
    use State::{Closing, Open};
    let table = [
        (Command::Text, Open),
        (Command::Binary, Open),
        (Command::Ping, Open),
        (Command::Pong, Open),
        (Command::Close, Closing),
    ];
    for (command, after) in table {
        for state in STATES {
            let expected = match state {
                Open => Ok(after),
                _ => Err(OutOfTurn { state, command }),
            };
            assert_eq!(state.send(command), expected, "{state:?} {command:?}");
        }
    }
}
