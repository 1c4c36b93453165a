//! Times the parser and the encoder: nanoseconds per head, the best of several rounds.
//!
//! `cargo run --release -p licorne-proto --example time_head [STEPS]`; with few steps, under
//! callgrind, it counts instructions.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use licorne_proto::h1::{BodySize, Connection, RequestFacts, Response, ServerFields};
use licorne_proto::{Policy, RequestHead, Version};

const WRK: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n";

const BROWSER: &[u8] = b"GET /static/app.css?v=3 HTTP/1.1\r\n\
Host: example.com:8000\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
Accept: text/css,*/*;q=0.1\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: no-cors\r\n\
Referer: http://example.com:8000/\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Accept-Language: en-US,en;q=0.9\r\n\
Cookie: sessionid=0123456789abcdef; theme=dark\r\n\
\r\n";

fn main() {
    let policy = Policy::default();
    let mut head = RequestHead::default();
    for (name, input) in [("wrk", WRK), ("browser", BROWSER)] {
        for trusted in [false, true] {
            let receive = |head: &mut RequestHead| {
                let mut connection = Connection::new(trusted);
                connection
                    .receive(&policy, black_box(input), false, head)
                    .unwrap();
            };
            let again = best(|| receive(&mut head));
            let parsed = best(|| {
                head.clear();
                receive(&mut head);
            });
            let len = input.len();
            println!("{name}, {len} bytes, trusted {trusted}: {parsed:.1} ns, again {again:.1} ns");
        }
    }

    let mut response = Response::default();
    let server = ServerFields::new("licorne");
    let mut out = Vec::with_capacity(4096);
    let request = RequestFacts {
        version: Version::Http11,
        head_method: false,
        connect: false,
        keep_alive: true,
        records: false,
    };
    let nanos = best(|| {
        out.clear();
        response.clear();
        response.draft.start(black_box(b"200 OK")).unwrap();
        response
            .draft
            .field(
                black_box(b"Content-Type"),
                black_box(b"text/plain; charset=utf-8"),
            )
            .unwrap();
        response
            .draft
            .field(black_box(b"Content-Length"), black_box(b"13"))
            .unwrap();
        response
            .head(request, BodySize::Known(13), &server, &mut out)
            .unwrap();
        response
            .body(black_box(b"Hello, world!"), &mut out)
            .unwrap();
        response.end(&mut out).unwrap();
        black_box(&out);
    });
    println!("response, {} bytes: {nanos:.1} ns", out.len());
}

fn best(mut step: impl FnMut()) -> f64 {
    let steps = std::env::args()
        .nth(1)
        .map_or(100_000, |steps| steps.parse().unwrap());
    let round = |_| {
        let start = Instant::now();
        (0..steps).for_each(|_| step());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(steps)
    };
    (0..20).map(round).fold(f64::INFINITY, f64::min)
}
