use std::collections::HashSet;

use super::super::close;
use super::*;

#[test]
fn every_row_of_the_handshake_is_complete_and_its_own() {
    let mut names = HashSet::new();
    let mut messages = HashSet::new();
    for reject in HandshakeReject::ALL {
        assert!(names.insert(reject.name()));
        assert!(messages.insert(reject.message()), "{}", reject.message());
        assert!(reject.message().is_ascii() && !reject.message().is_empty());
        assert!(reject.section().starts_with("RFC "));
        match reject.status() {
            400 => assert_eq!(reject.reason(), "Bad Request"),
            status => assert_eq!((status, reject.reason()), (426, "Upgrade Required")),
        }
    }
}

#[test]
fn every_row_of_the_frames_fits_into_a_close_frame() {
    let mut names = HashSet::new();
    let mut messages = HashSet::new();
    for reject in Reject::ALL {
        assert!(names.insert(reject.name()));
        assert!(messages.insert(reject.message()), "{}", reject.message());
        assert!(reject.message().is_ascii() && !reject.message().is_empty());
        assert!(reject.section().starts_with("RFC "));
        assert!(matches!(reject.code(), 1002 | 1007 | 1008 | 1009));
        let mut payload = Vec::new();
        let written = close::push(&mut payload, Some(reject.code()), reject.message());
        assert_eq!(written, Ok(()), "{}", reject.name());
    }
}
