use super::super::PageFacts;
use super::super::{Ending, Response};
use super::*;
use crate::h2::hpack::Decoder;
use crate::head::Version;
use crate::record::Records;

const GET: RequestFacts = RequestFacts {
    version: Version::Http11,
    head_method: false,
    connect: false,
    keep_alive: true,
    records: false,
};
const HEAD: RequestFacts = RequestFacts {
    head_method: true,
    ..GET
};

/// The fields of a block.
fn fields(block: &[u8]) -> Vec<String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let fields = Decoder::new(4096).decode(block).unwrap().into_iter();
    let lines = fields.map(|(name, value)| format!("{}: {}", text(name), text(value)));
    lines.collect()
}

fn started(status: &[u8]) -> Response {
    let mut response = Response::default();
    response.make_records();
    response.draft.start(status).unwrap();
    response
}

fn server() -> ServerFields {
    ServerFields::new("us")
}

#[test]
fn a_whole_response() {
    let mut response = started(b"200 OK");
    response.draft.field(b"X-Name", b"value: 1").unwrap();
    response.draft.field(b"Connection", b"close").unwrap();
    response
        .draft
        .field(b"Transfer-Encoding", b"chunked")
        .unwrap();
    response.draft.field(b"Upgrade", b"websocket").unwrap();
    let mut out = Vec::new();
    let kept = response.head(GET, BodySize::Known(2), &server(), &mut out);
    assert_eq!(kept, Ok(true));
    assert_eq!(response.rest(b"ok", &mut out), Ok((2, Ending::Complete)));
    let records: Vec<_> = Records::of(&out).collect();
    let [Record::Fields(block), Record::Data(b"ok"), Record::End] = records[..] else {
        panic!("{records:?}");
    };
    let date = "date: Thu, 01 Jan 1970 00:00:00 GMT";
    let expected = [
        ":status: 200",
        "server: us",
        date,
        "content-length: 2",
        "x-name: value: 1",
    ];
    assert_eq!(fields(block), expected);
}

#[test]
fn heads_without_a_body_end_their_stream() {
    for (facts, status) in [
        (HEAD, &b"200 OK"[..]),
        (GET, b"204 No Content"),
        (GET, b"304 Not"),
    ] {
        let mut response = started(status);
        let mut out = Vec::new();
        response
            .head(facts, BodySize::Known(5), &server(), &mut out)
            .unwrap();
        assert_eq!(response.rest(b"hello", &mut out), Ok((0, Ending::Complete)));
        let records: Vec<_> = Records::of(&out).collect();
        assert!(
            matches!(records[..], [Record::LastFields(_)]),
            "{records:?}"
        );
    }
}

#[test]
fn pieces_lie_beside_and_trailers_end() {
    let mut response = started(b"200 OK");
    let mut out = Vec::new();
    response
        .head(GET, BodySize::Unknown, &server(), &mut out)
        .unwrap();
    assert!(!response.chunked());
    let piece = response.piece(70_000, &mut out).unwrap();
    assert_eq!((piece.len, piece.chunk), (70_000, false));
    response.file(9, &mut out).unwrap();
    let trailer = [(&b"X-Sum"[..], &b"1"[..]), (b"Connection", b"close")];
    assert_eq!(response.end_with(trailer, &mut out), Ok(Ending::Complete));
    let records: Vec<_> = Records::of(&out).skip(1).collect();
    let [
        Record::Beside(70_000),
        Record::Beside(9),
        Record::LastFields(block),
    ] = records[..]
    else {
        panic!("{records:?}");
    };
    assert_eq!(fields(block), ["x-sum: 1"]);
}

#[test]
fn a_short_body_has_no_end() {
    let mut response = started(b"200 OK");
    response.draft.field(b"Content-Length", b"3").unwrap();
    let mut out = Vec::new();
    response
        .head(GET, BodySize::Unknown, &server(), &mut out)
        .unwrap();
    response.body(b"ab", &mut out).unwrap();
    assert_eq!(response.end(&mut out), Ok(Ending::Short));
    assert!(!Records::of(&out).any(|record| record == Record::End));
}

#[test]
fn interim_responses_and_pages() {
    let mut out = Vec::new();
    continue_record(&mut out);
    let link = [(&b"Link"[..], &b"</a>"[..])];
    started(b"200 OK")
        .interim(Version::Http11, b"103 Early Hints", link, &mut out)
        .unwrap();
    for head in [false, true] {
        let mut page = Vec::new();
        let facts = PageFacts {
            head,
            ..PageFacts::default()
        };
        super::super::busy_page(&mut page, facts, false);
        page_records(&mut out, &page);
    }
    let records: Vec<_> = Records::of(&out).collect();
    let [
        Record::Fields(first),
        Record::Fields(second),
        Record::Fields(third),
        Record::Data(content),
        Record::End,
        Record::LastFields(last),
    ] = records[..]
    else {
        panic!("{records:?}");
    };
    assert_eq!(fields(first), [":status: 100"]);
    assert_eq!(fields(second), [":status: 103", "link: </a>"]);
    assert!(content.starts_with(b"<html>"));
    assert_eq!(fields(third), fields(last));
    assert!(fields(last).contains(&"retry-after: 1".to_owned()));
    assert!(
        !fields(last)
            .iter()
            .any(|field| field.starts_with("connection"))
    );
}

#[test]
fn an_application_that_fails_gets_the_page_or_nothing() {
    let mut out = Vec::new();
    assert!(started(b"200 OK").fail(PageFacts::default(), Some("id"), &mut out));
    let records: Vec<_> = Records::of(&out).collect();
    assert!(matches!(
        records[..],
        [Record::Fields(_), Record::Data(_), Record::End]
    ));
    out.clear();
    let facts = PageFacts {
        head: true,
        ..PageFacts::default()
    };
    assert!(started(b"200 OK").fail(facts, None, &mut out));
    let records: Vec<_> = Records::of(&out).collect();
    assert!(matches!(records[..], [Record::LastFields(_)]));
    let mut response = started(b"200 OK");
    response
        .head(GET, BodySize::Unknown, &server(), &mut Vec::new())
        .unwrap();
    out.clear();
    assert!(!response.fail(PageFacts::default(), None, &mut out) && out.is_empty());
}
