use super::*;

fn answer(lines: &[&str], wanted: Compression) -> Result<Option<String>, NotExtensions> {
    let lines = lines.iter().map(|line| line.as_bytes());
    let agreed = negotiate(lines, Some(wanted))?;
    Ok(agreed.map(|agreed| String::from_utf8(agreed.value()).unwrap()))
}

fn wanted(window_bits: u8, context_takeover: bool) -> Compression {
    Compression {
        window_bits,
        context_takeover,
    }
}

#[test]
fn offers_and_answers() {
    let plain = Some("permessage-deflate");
    let table = [
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate", plain),
        ("PerMessage-Deflate", plain),
        (" , permessage-deflate ,", plain),
        ("foo; bar=\"a\", permessage-deflate", plain),
        // What browsers send.
        (
            "permessage-deflate; client_max_window_bits",
            Some("permessage-deflate; client_max_window_bits=12"),
        ),
        (
            "permessage-deflate;client_max_window_bits=10",
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; client_max_window_bits=8",
            Some("permessage-deflate; client_max_window_bits=8"),
        ),
        (
            "permessage-deflate; server_max_window_bits=9",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "permessage-deflate; server_max_window_bits = \"1\\5\"",
            Some("permessage-deflate; server_max_window_bits=12"),
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        (
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=11; \
             server_no_context_takeover; client_max_window_bits=15",
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=11; client_max_window_bits=12",
            ),
        ),
        // The next offer is looked at when one cannot be kept to.
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate",
            plain,
        ),
        ("permessage-deflate; unknown, permessage-deflate", plain),
        (
            "permessage-deflate; server_no_context_takeover, permessage-deflate",
            Some("permessage-deflate; server_no_context_takeover"),
        ),
    ];
    for (offer, expected) in table {
        let got = answer(&[offer], Compression::default()).unwrap();
        assert_eq!(got.as_deref(), expected, "{offer}");
    }
}

#[test]
fn an_offer_that_breaks_a_rule_is_declined() {
    for parameters in [
        "server_max_window_bits",
        "server_max_window_bits=8",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=09",
        "server_max_window_bits=a",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=012",
        "client_max_window_bits; client_max_window_bits",
        "server_no_context_takeover=1",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover=\"1\"",
        "client_no_context_takeover; client_no_context_takeover",
        "mem_level=5",
        "SERVER_NO_CONTEXT_TAKEOVER",
    ] {
        let offer = format!("permessage-deflate; {parameters}");
        assert_eq!(
            answer(&[&offer], Compression::default()),
            Ok(None),
            "{offer}"
        );
    }
}

#[test]
fn what_is_no_list_is_refused() {
    for offer in [
        ";",
        "a b",
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate; a=",
        "permessage-deflate; a=\"",
        "permessage-deflate; a=\"b",
        "permessage-deflate; a=\"b\\",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=\"b c\"",
        "permessage-deflate; a=b c",
        "permessage-deflate/",
        "permessage-deflate, (",
    ] {
        assert_eq!(
            answer(&[offer], Compression::default()),
            Err(NotExtensions),
            "{offer}"
        );
    }
}

#[test]
fn every_wish_meets_every_offer() {
    for bits in 8..=16 {
        for takeover in [false, true] {
            for offered in MIN_BITS..=MAX_BITS {
                let offer = format!(
                    "permessage-deflate; server_max_window_bits={offered}; \
                     client_max_window_bits={offered}"
                );
                let agreed =
                    negotiate([offer.as_bytes()].into_iter(), Some(wanted(bits, takeover)));
                let Ok(Some(agreed)) = agreed else {
                    assert_eq!((offered, agreed), (8, Ok(None)));
                    continue;
                };
                assert!(agreed.server.window_bits <= offered, "{offer}");
                assert!((9..=15).contains(&agreed.server.window_bits));
                assert_eq!(
                    agreed.client.window_bits,
                    agreed.server.window_bits.min(offered)
                );
                assert_eq!(agreed.client.takeover, takeover);
                assert_eq!(agreed.server.takeover, takeover);
            }
        }
    }
}

#[test]
fn lines_are_one_list_and_without_a_wish_nothing_is_agreed_on() {
    let lines = [
        "foo",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate",
    ];
    let got = answer(&lines, wanted(15, false)).unwrap();
    assert_eq!(
        got.as_deref(),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    );
    let lines = || lines.iter().map(|line| line.as_bytes());
    assert_eq!(negotiate(lines(), None), Ok(None));
    assert_eq!(
        negotiate([&b"a b"[..]].into_iter(), None),
        Err(NotExtensions)
    );
}
