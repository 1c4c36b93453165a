//! How long a request has waited: here, and before, if a trusted balancer says when it came there.

use std::time::Duration;

use crate::clock;
use crate::exchange::Exchange;

/// The balancer's clock is not believed beyond this: it is a clock, or a unit, gone wrong.
const LONGEST: f64 = 3600.0;

/// Nanoseconds from the complete arrival of the request until `now_ns` (monotonic); with
/// `X-Request-Start` of a trusted peer from the moment that it names, if that is longer ago.
pub fn waited_ns(exchange: &Exchange, now_ns: u64) -> u64 {
    let here = now_ns.saturating_sub(exchange.ready_ns);
    if !exchange.trusted {
        return here;
    }
    let mut fields = exchange.head.fields_named(b"x-request-start");
    fields
        .next()
        .and_then(|field| since(field.value, clock::unix_time()))
        .map_or(here, |before| here.max(before))
}

/// Nanoseconds from the moment that the header names until `now` (since 1970).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked: between 0 and an hour"
)]
fn since(value: &[u8], now: Duration) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let number = text.strip_prefix("t=").unwrap_or(text);
    if !number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    let waited = now.as_secs_f64() - number / unit(number);
    (0.0..LONGEST)
        .contains(&waited)
        .then_some((waited * 1e9) as u64)
}

/// nginx says seconds (`t=${msec}`), Heroku milliseconds, Apache (`%t`) microseconds, others
/// nanoseconds: of the years from 1973 to 5138 each has a magnitude of its own.
fn unit(number: f64) -> f64 {
    if number < 1e11 {
        1.0
    } else if number < 1e14 {
        1e3
    } else if number < 1e17 {
        1e6
    } else {
        1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let now = Duration::new(1_700_000_000, 500_000_000);
        for text in [
            "t=1700000000.250",
            "1700000000.250",
            "t=1700000000250",
            "1700000000250",
            "t=1700000000250000",
            "1700000000250000000",
        ] {
            let waited = since(text.as_bytes(), now).unwrap();
            assert!(waited.abs_diff(250_000_000) < 1000, "{text}: {waited}");
        }
        for text in [
            "",
            "t=",
            "soon",
            "-1",
            "1e9",
            "inf",
            "1.2.3",
            // In the future, and far too long ago.
            "t=1700000001",
            "t=1600000000",
        ] {
            assert_eq!(since(text.as_bytes(), now), None, "{text}");
        }
    }
}
