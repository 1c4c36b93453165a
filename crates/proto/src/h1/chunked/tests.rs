use super::*;

const STATES: [State; 15] = [
    State::Size,
    State::Digit,
    State::SizeSpace,
    State::Semicolon,
    State::Name,
    State::NameSpace,
    State::Equals,
    State::Value,
    State::Quoted,
    State::Escaped,
    State::ValueSpace,
    State::SizeEnd,
    State::Data,
    State::DataEnd,
    State::DataLineFeed,
];

/// Every pair that goes on; all others are refused.
#[expect(clippy::match_same_arms, reason = "one row for one state")]
fn goes_on(state: State, class: Class) -> Option<State> {
    use Class as C;
    use State as S;
    let word = matches!(class, C::Hex(_) | C::Token);
    let quotable = word || matches!(class, C::Space | C::Semicolon | C::Equals | C::Text);
    match state {
        S::Size => matches!(class, C::Hex(_)).then_some(S::Digit),
        S::Digit => match class {
            C::Hex(_) => Some(S::Digit),
            C::Space => Some(S::SizeSpace),
            C::Semicolon => Some(S::Semicolon),
            C::Return => Some(S::SizeEnd),
            _ => None,
        },
        S::SizeSpace => match class {
            C::Space => Some(S::SizeSpace),
            C::Semicolon => Some(S::Semicolon),
            _ => None,
        },
        S::Semicolon if word => Some(S::Name),
        S::Semicolon => (class == C::Space).then_some(S::Semicolon),
        S::Name if word => Some(S::Name),
        S::Name => match class {
            C::Return => Some(S::SizeEnd),
            _ => goes_on(S::NameSpace, class),
        },
        S::NameSpace => match class {
            C::Space => Some(S::NameSpace),
            C::Equals => Some(S::Equals),
            C::Semicolon => Some(S::Semicolon),
            _ => None,
        },
        S::Equals if word => Some(S::Value),
        S::Equals => match class {
            C::Space => Some(S::Equals),
            C::Quote => Some(S::Quoted),
            _ => None,
        },
        S::Value if word => Some(S::Value),
        S::Value | S::ValueSpace => match class {
            C::Space => Some(S::ValueSpace),
            C::Semicolon => Some(S::Semicolon),
            C::Return => Some(S::SizeEnd),
            _ => None,
        },
        S::Quoted => match class {
            C::Quote => Some(S::ValueSpace),
            C::Backslash => Some(S::Escaped),
            _ => quotable.then_some(S::Quoted),
        },
        S::Escaped => (quotable || matches!(class, C::Quote | C::Backslash)).then_some(S::Quoted),
        S::SizeEnd => (class == C::LineFeed).then_some(S::Data),
        S::Data => None,
        S::DataEnd => (class == C::Return).then_some(S::DataLineFeed),
        S::DataLineFeed => (class == C::LineFeed).then_some(S::Size),
    }
}

#[test]
fn every_pair() {
    for state in STATES {
        for byte in 0..=u8::MAX {
            let class = Class::of(byte);
            assert_eq!(
                state.on(class).ok(),
                goes_on(state, class),
                "{state:?} {byte:#x}"
            );
        }
    }
}

#[test]
fn refusals_name_what_is_wrong() {
    for state in STATES {
        let expected = match state {
            State::Data | State::DataEnd | State::DataLineFeed => Reject::InvalidChunkEnd,
            State::SizeEnd => Reject::BareCarriageReturn,
            State::Size | State::Digit | State::SizeSpace => Reject::InvalidChunkSize,
            _ => Reject::InvalidChunkExtension,
        };
        assert_eq!(state.on(Class::Control), Err(expected), "{state:?}");
    }
    assert_eq!(State::Quoted.on(Class::LineFeed), Err(Reject::BareLineFeed));
    assert_eq!(State::Digit.on(Class::LineFeed), Err(Reject::BareLineFeed));
}

#[test]
fn classes_cover_every_byte() {
    for byte in 0..=u8::MAX {
        let digit = char::from(byte).to_digit(16);
        match Class::of(byte) {
            Class::Hex(value) => assert_eq!(Some(u32::from(value)), digit),
            Class::Token => assert!(chars::is_tchar(byte) && digit.is_none()),
            Class::Control => assert!(byte.is_ascii_control()),
            Class::Text => assert!(!byte.is_ascii_control() && !chars::is_tchar(byte)),
            Class::Space => assert!(matches!(byte, b' ' | b'\t')),
            _ => assert!(b";=\"\\\r\n".contains(&byte)),
        }
    }
}

#[test]
fn data_is_found_where_it_is() {
    let mut chunked = Chunked::new();
    assert_eq!(chunked.decode(b"5;a\r\nab", None), Ok(Found::Data(5..7)));
    assert_eq!(chunked.decode(b"", None), Ok(Found::Nothing));
    assert_eq!(chunked.decode(b"cde\r\n0", None), Ok(Found::Data(0..3)));
    assert_eq!(chunked.decode(b"\r\n0", None), Ok(Found::Nothing));
    assert_eq!(chunked.decode(b"\r\n\r\n", None), Ok(Found::LastChunk(2)));
}
