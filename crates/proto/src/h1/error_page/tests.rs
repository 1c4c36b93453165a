use super::*;

fn at(date: u64) -> PageFacts<'static> {
    PageFacts {
        date,
        ..PageFacts::default()
    }
}

#[test]
fn the_page_has_gunicorns_shape() {
    let mut out = Vec::new();
    let told = (400, "Bad Request");
    error_page(&mut out, at(784_111_777), told, "<b> & \"c\" 'd'");
    let page = "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n    \
                <h1><p>Bad Request</p></h1>\n    &lt;b&gt; &amp; &quot;c&quot; &#x27;d&#x27;\n  \
                </body>\n</html>\n";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        page.len()
    );
    assert_eq!(String::from_utf8(out).unwrap(), head + page);
}

#[test]
fn a_page_tells_when_to_come_again() {
    let mut out = Vec::new();
    unavailable_page(&mut out, at(0));
    let text = String::from_utf8(out).unwrap();
    let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n";
    assert!(text.starts_with(head), "{text}");
    assert!(
        text.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        "{text}"
    );
}

#[test]
fn a_busy_server_keeps_the_connection_if_it_can() {
    for (head, keep) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut out = Vec::new();
        let facts = PageFacts { head, ..at(0) };
        let content = busy_page(&mut out, facts, keep);
        let text = String::from_utf8(out).unwrap();
        let (fields, page) = text.split_once("\r\n\r\n").unwrap();
        assert!(fields.starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"));
        assert_eq!(fields.contains("\r\nConnection: close"), !keep, "{text}");
        assert_eq!(page.len(), content);
        assert_eq!(page.is_empty(), head, "{text}");
        // To HEAD too: the length that GET would have.
        assert!(fields.contains("\r\nContent-Length: 174\r\n"), "{text}");
    }
}

#[test]
fn the_answer_to_head_has_no_content() {
    type Page = fn(&mut Vec<u8>, PageFacts<'_>);
    let pages: [Page; 3] = [
        |out, facts| error_page(out, facts, (400, "Bad Request"), "x"),
        |out, facts| failure_page(out, facts, None),
        |out, facts| unavailable_page(out, facts),
    ];
    for page in pages {
        let (mut to_get, mut to_head) = (Vec::new(), Vec::new());
        page(&mut to_get, at(0));
        let facts = PageFacts {
            head: true,
            ..at(0)
        };
        page(&mut to_head, facts);
        assert!(to_head.ends_with(b"\r\n\r\n") && to_get.len() > to_head.len());
        assert!(to_get.starts_with(&to_head));
    }
}

#[test]
fn a_failure_has_a_date_and_the_id_of_its_request() {
    let mut out = Vec::new();
    failure_page(&mut out, at(0), Some("abc"));
    let text = String::from_utf8(out).unwrap();
    let head = "HTTP/1.1 500 Internal Server Error\r\nX-Request-ID: abc\r\nConnection: close\r\n";
    assert!(text.starts_with(head), "{text}");
    assert!(
        text.contains("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        "{text}"
    );
}

#[test]
fn text_is_latin1() {
    let mut out = Vec::new();
    error_page(&mut out, at(0), (400, "Bad Request"), "\u{e9} \u{20ac}");
    let end = out.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = out.split_at(end.unwrap() + 4);
    assert!(body.windows(5).any(|bytes| bytes == b" \xe9 ?\n"));
    let length = format!("Content-Length: {}\r\n", body.len());
    assert!(String::from_utf8_lossy(head).contains(&length));
}

#[test]
fn a_page_over_tls_asks_for_tls() {
    let mut out = Vec::new();
    let facts = PageFacts {
        hsts: Some("max-age=60"),
        ..at(0)
    };
    error_page(&mut out, facts, (400, "Bad Request"), "");
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("\r\nStrict-Transport-Security: max-age=60\r\n"),
        "{text}"
    );
}
