use super::*;

fn tally() -> ConnectionTally {
    // SAFETY: all-zero bytes are a valid value, as in a fresh map.
    unsafe { std::mem::zeroed() }
}

/// The names of what was counted.
fn named<'a>(names: &'a [&str], counts: &[u64]) -> Vec<(&'a str, u64)> {
    assert_eq!(names.len(), counts.len());
    let both = names.iter().copied().zip(counts.iter().copied());
    both.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn each_count_has_its_name() {
    let tally = tally();
    for protocol in [Protocol::Http1, Protocol::Http2, Protocol::FastCgi] {
        tally.spoke(protocol);
        tally.spoke(protocol);
    }
    tally.spoke_elsewhere(Protocol::Http1);
    tally.handshake(Handshake::Resumed);
    tally.handshake(Handshake::Failed);
    tally.went_away();
    tally.sent_away(Reject::TooManyResets);
    tally.sent_away(Reject::WindowExceeded);
    let counts = tally.read();
    assert_eq!(
        named(&PROTOCOLS, &counts.protocols),
        [("http1", 1), ("http2", 2), ("fastcgi", 2)]
    );
    assert_eq!(
        named(&HANDSHAKES, &counts.handshakes),
        [("resumed", 1), ("failed", 1)]
    );
    assert_eq!(
        named(&ErrorCode::NAMES, &counts.goaways),
        [
            ("NO_ERROR", 1),
            ("FLOW_CONTROL_ERROR", 1),
            ("ENHANCE_YOUR_CALM", 1)
        ]
    );
    assert_eq!(named(&BUDGETS, &counts.budgets), [("resets", 1)]);
}

#[test]
fn streams_are_counted_once() {
    let tally = tally();
    let mut counts = StreamCounts {
        opened: 3,
        closed: 1,
        refused: 0,
        reset_by_client: 1,
        reset_by_server: 0,
    };
    tally.streams(&mut counts);
    tally.streams(&mut counts);
    assert_eq!(tally.open_streams(), 2);
    let read = tally.read();
    assert_eq!(
        named(&STREAMS, &read.streams),
        [("opened", 3), ("closed", 1), ("reset_by_client", 1)]
    );
    assert_eq!(read.plus(&read).streams[0], 6);
    for count in tally.all() {
        count.store(0, std::sync::atomic::Ordering::Relaxed);
    }
    assert_eq!(tally.read(), ConnectionCounts::default());
}
