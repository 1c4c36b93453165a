//! Any bytes as an authority: what Host accepts is one in each place in which it can stand.

#![no_main]

#[path = "../../crates/proto/tests/common/mod.rs"]
mod common;

use common::{Outcome, run};
use libfuzzer_sys::fuzz_target;
use licorne_proto::{Limits, Permissions, Policy, Reject};

fuzz_target!(|value: &[u8]| {
    // These end the line, or the target, or are no part of the value.
    if value.iter().any(|byte| b" \t\r\n/?#".contains(byte)) {
        return;
    }
    let in_host = request(&[b"GET / HTTP/1.1\r\nHost: ", value]);
    let in_target = request(&[b"GET http://", value, b"/p?q HTTP/1.1\r\nHost: ", value]);
    let in_connect = request(&[b"CONNECT ", value, b" HTTP/1.1\r\nHost: ", value]);
    if value.is_empty() {
        assert!(accepted(&in_host));
        return;
    }
    assert_eq!(accepted(&in_host), accepted(&in_target));
    let port = value.iter().rposition(|byte| *byte == b':');
    let port = port.map_or(&b""[..], |at| &value[at + 1..]);
    let has_port = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    assert_eq!(accepted(&in_connect), accepted(&in_host) && has_port);
    if accepted(&in_host) {
        assert_eq!(in_host.requests[0].host, value);
        assert_eq!(in_target.requests[0].authority.as_deref(), Some(value));
        assert_eq!(in_target.requests[0].path, b"/p");
        assert_eq!(in_target.requests[0].query, b"q");
        let none =
            |byte: &u8| byte.is_ascii_control() || !byte.is_ascii() || b"@,\\\"<>".contains(byte);
        assert!(!value.iter().any(none), "{value:?}");
        let port =
            port.is_empty() || !has_port || str::from_utf8(port).unwrap().parse::<u16>().is_ok();
        assert!(port || value.ends_with(b"]"), "{value:?}");
    } else {
        assert!(in_host.reject != Some(Reject::IncompleteHead));
    }
});

fn request(parts: &[&[u8]]) -> Outcome {
    let policy = Policy {
        limits: Limits {
            request_line: 0,
            field_size: 0,
            ..Limits::default()
        },
        permissions: Permissions {
            connect: true,
            ..Permissions::default()
        },
        ..Policy::default()
    };
    run(&policy, false, &[&parts.concat(), b"\r\n\r\n"], false)
}

fn accepted(outcome: &Outcome) -> bool {
    outcome.reject.is_none() && outcome.requests.len() == 1
}
