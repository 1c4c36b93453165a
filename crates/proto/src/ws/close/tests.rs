use super::*;

#[test]
fn every_code() {
    for code in 0..=u16::MAX {
        let named = matches!(code, 1000..=1003 | 1007..=1014);
        let private = matches!(code / 1000, 3 | 4);
        assert_eq!(is_sendable(code), named || private, "{code}");
        let expected = if is_sendable(code) {
            Ok(code)
        } else {
            Err(Reject::InvalidCloseCode)
        };
        assert_eq!(read(&code.to_be_bytes()), expected);
    }
    assert!(!is_sendable(NO_CODE) && !is_sendable(ABNORMAL));
}

#[test]
fn payloads_of_the_peer() {
    let table: [(&[u8], Result<u16, Reject>); 6] = [
        (b"", Ok(NO_CODE)),
        (b"\x03", Err(Reject::CloseTooShort)),
        (b"\x03\xe8", Ok(NORMAL)),
        (b"\x03\xe9bye \xc3\xbc", Ok(GOING_AWAY)),
        (b"\x03\xe8\xc3", Err(Reject::InvalidCloseReason)),
        (b"\x03\xe8\xff", Err(Reject::InvalidCloseReason)),
    ];
    for (payload, expected) in table {
        assert_eq!(read(payload), expected, "{payload:x?}");
    }
}

#[test]
fn payloads_of_our_own() {
    let long = "x".repeat(123);
    let longer = "x".repeat(124);
    let table = [
        (None, "", Ok(0)),
        (None, "why", Err(Misuse::ReasonWithoutCode)),
        (Some(NORMAL), "", Ok(2)),
        (Some(NORMAL), "why", Ok(5)),
        (Some(NORMAL), &long[..], Ok(125)),
        (Some(NORMAL), &longer[..], Err(Misuse::ReasonTooLong)),
        (Some(NO_CODE), "", Err(Misuse::InvalidCloseCode)),
        (Some(5000), "", Err(Misuse::InvalidCloseCode)),
    ];
    for (code, reason, expected) in table {
        let mut out = Vec::new();
        let got = push(&mut out, code, reason).map(|()| out.len());
        assert_eq!(got, expected, "{code:?} {reason}");
        assert!(expected.is_ok() || out.is_empty());
    }
}
