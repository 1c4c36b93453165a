use std::collections::HashSet;

use super::*;
use crate::status::reason_phrase;

#[test]
fn every_row_is_complete_and_its_own() {
    let mut names = HashSet::new();
    let mut messages = HashSet::new();
    for reject in Reject::ALL {
        assert!(matches!(
            reject.status(),
            400 | 403 | 408 | 413 | 414 | 417 | 431 | 501
        ));
        assert!(names.insert(reject.name()));
        assert!(messages.insert(reject.message()), "{}", reject.message());
        assert!(reject.message().is_ascii() && !reject.message().is_empty());
        let section = reject.section();
        let elsewhere = [
            "header_map",
            "secure_scheme_headers",
            "permit_connect",
            "http2_cleartext",
            "proxy_protocol",
            "proxy_allow_ips",
            "PROXY protocol, 2",
            "uwsgi_allow_ips",
            "uwsgi protocol",
            "fastcgi_allow_ips",
        ];
        let known = elsewhere.contains(&section)
            || section.starts_with("RFC ")
            || section.starts_with("FastCGI, ");
        assert!(known, "{section}");
        assert_eq!(reason_phrase(reject.status()), Some(reject.reason()));
        assert_eq!(reject.reason() == "Bad Request", reject.status() == 400);
    }
}
