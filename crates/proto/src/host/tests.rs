use super::*;

#[test]
fn hosts() {
    for good in [
        "",
        "a",
        "localhost:8000",
        "example.com",
        "EXAMPLE.com:",
        "127.0.0.1:80",
        "a_b.c",
        "[::1]",
        "[::1]:8000",
        "[2001:db8::ff:1.2.3.4]:1",
        "xn--bcher-kva.example",
        "a%2Db",
        "a.",
        "x:65535",
        "x:0",
    ] {
        assert!(is_host_value(good.as_bytes()), "{good}");
    }
    for bad in [
        ":80",
        "a:b",
        "a:65536",
        "a:000080",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "user@a",
        "a@",
        "[::1",
        "[::g]",
        "[]",
        "[::1]x",
        "[::1]:x",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "::1",
        "a%",
        "a%2",
        "a%zz",
        "a\\b",
        "a\"",
        "<a>",
        "a:80:80",
        "\u{fc}.de",
        "a,b",
        "a:80,b",
    ] {
        assert!(!is_host_value(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn what_does_no_harm_on_a_unix_socket() {
    for good in ["/tmp/x.sock", "[fe80::1%eth0]", "a/b", "a:b", "::1", "%"] {
        assert!(is_harmless(good.as_bytes()), "{good}");
    }
    for bad in [
        "a,b", "a b", "user@a", "a?b", "a#b", "<a>", "a\"", "a\\b", "\u{fc}", "a\t", "\0",
    ] {
        assert!(!is_harmless(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn authorities_are_not_empty() {
    assert!(is_authority(b"a"));
    assert!(!is_authority(b""));
    assert!(is_authority_with_port(b"a:443"));
    assert!(is_authority_with_port(b"[::1]:443"));
    for bad in [&b"a"[..], b"a:", b":443", b"", b"[::1]"] {
        assert!(!is_authority_with_port(bad));
    }
}
