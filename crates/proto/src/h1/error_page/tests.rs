use super::*;

#[test]
fn the_page_has_gunicorns_shape() {
    let mut out = Vec::new();
    error_page(&mut out, 400, "Bad Request", "<b> & \"c\" 'd'");
    let page = "<html>\n  <head>\n    <title>Bad Request</title>\n  </head>\n  <body>\n    \
                <h1><p>Bad Request</p></h1>\n    &lt;b&gt; &amp; &quot;c&quot; &#x27;d&#x27;\n  \
                </body>\n</html>\n";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\n\r\n",
        page.len()
    );
    assert_eq!(String::from_utf8(out).unwrap(), head + page);
}

#[test]
fn who_may_come_again_is_told_when() {
    let mut out = Vec::new();
    come_again_page(&mut out);
    let text = String::from_utf8(out).unwrap();
    let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n";
    assert!(text.starts_with(head), "{text}");
}
