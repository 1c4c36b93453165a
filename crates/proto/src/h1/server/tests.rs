use super::*;

fn date(unix_seconds: u64) -> String {
    let mut out = Vec::new();
    push_date(&mut out, unix_seconds);
    String::from_utf8(out).unwrap()
}

#[test]
fn dates_have_the_fixed_form() {
    assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
    assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
    assert_eq!(date(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
}

#[test]
fn every_day_follows_the_one_before() {
    let mut before = civil(0);
    for days in 1..200_000 {
        let today = civil(days);
        let next_day = (before.0, before.1, before.2 + 1);
        let next_month = (before.0, before.1 + 1, 1);
        let next_year = (before.0 + 1, 1, 1);
        assert!(
            [next_day, next_month, next_year].contains(&today),
            "{before:?} {today:?}"
        );
        before = today;
    }
    assert_eq!(before.0, 2517);
}

#[test]
fn blocks_change_with_the_second() {
    let mut fields = ServerFields::new("lico\r\nrne");
    fields.set_date(784_111_777);
    assert_eq!(
        fields.block(Persistence::Close, true),
        b"Server: licorne\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n"
    );
    fields.set_date(784_111_778);
    let keep_alive = fields.block(Persistence::KeepAlive, true);
    assert!(keep_alive.ends_with(b":38 GMT\r\nConnection: keep-alive\r\n"));
    assert!(
        fields
            .block(Persistence::Switch, true)
            .ends_with(b"\r\nConnection: upgrade\r\n")
    );
    assert!(
        fields
            .block(Persistence::Offer, true)
            .ends_with(b"\r\nConnection: upgrade, close\r\n")
    );
    assert!(
        !ServerFields::new("")
            .block(Persistence::Close, true)
            .starts_with(b"Server")
    );
}

#[test]
fn tls_is_asked_for_unless_the_application_does() {
    let fields = ServerFields::new("us").with_hsts("max-age=60");
    let line = b"Strict-Transport-Security: max-age=60\r\n";
    for persistence in [
        Persistence::KeepAlive,
        Persistence::Close,
        Persistence::Switch,
        Persistence::Offer,
        Persistence::Unsaid,
    ] {
        let with = fields.block(persistence, true);
        assert!(with.ends_with(line));
        assert_eq!(with, [fields.block(persistence, false), line].concat());
    }
    assert!(fields.fields(true).len() > fields.fields(false).len());
    let without = ServerFields::new("us");
    assert_eq!(without.fields(true), fields.fields(false));
}
