use super::*;

fn read(lines: &mut Lines, policy: &Policy, input: &[u8]) -> Result<Progress, Reject> {
    let reading = Reading {
        policy,
        trusted: false,
        input,
    };
    lines.read(reading, &mut RequestHead::default())
}

#[test]
fn judged_lines_are_not_judged_again() {
    let policy = Policy::default();
    let mut lines = Lines::default();
    let input = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nCook";
    assert_eq!(read(&mut lines, &policy, input), Ok(Progress::Partial));
    assert_eq!((lines.line, lines.field, lines.count), (36, 25, 2));
    assert_eq!(lines.searched, input.len());
}

#[test]
fn a_line_is_not_read_before_its_end_is_there() {
    let policy = Policy::default();
    let mut lines = Lines::default();
    let start = b"GET / HTTP/1.1\r\n";
    assert_eq!(read(&mut lines, &policy, start), Ok(Progress::Partial));
    // What follows is invalid, but is not looked at: each call searches what is new only.
    let mut input = start.to_vec();
    for _ in 0..100 {
        input.push(0);
        assert_eq!(read(&mut lines, &policy, &input), Ok(Progress::Partial));
        assert_eq!((lines.line, lines.searched), (start.len(), input.len()));
    }
    input.extend_from_slice(b"\r\n");
    assert_eq!(
        read(&mut lines, &policy, &input),
        Err(Reject::InvalidHeader)
    );
}

#[test]
fn the_verdict_prefers_length_then_line_end_then_fault() {
    let judge = |line, limit| judge(line, limit, Reject::FieldTooLarge, Reject::InvalidHeader);
    assert_eq!(judge(b"", 3), Ok(()));
    assert_eq!(judge(b"abc", 3), Ok(()));
    assert_eq!(judge(b"abcd", 3), Err(Reject::FieldTooLarge));
    assert_eq!(judge(b"abc\n", 3), Err(Reject::FieldTooLarge));
    assert_eq!(judge(b"ab\n", 3), Err(Reject::BareLineFeed));
    assert_eq!(judge(b"\n", 3), Err(Reject::BareLineFeed));
    assert_eq!(judge(b"a\r\n", 3), Err(Reject::InvalidHeader));
    assert_eq!(judge(b"\r\r\n", 3), Err(Reject::BareCarriageReturn));
    assert_eq!(judge(b"a\r\nbcdef", 3), Err(Reject::InvalidHeader));
}
