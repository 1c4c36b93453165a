//! The fields that are the server's own: Server, Date and Connection, and Strict-Transport-Security
//! if it is asked for, as ready bytes.
//!
//! They change once a second, so a response copies one block instead of writing three lines.

use super::encode::{push_decimal, push_padded};
use crate::h2::hpack::push_field;

/// `Server`, `Date` and `Connection`, rendered whenever the second changes.
#[derive(Clone, Debug)]
pub struct ServerFields {
    server: String,
    second: u64,
    keep_alive: Vec<u8>,
    close: Vec<u8>,
    switch: Vec<u8>,
    offer: Vec<u8>,
    /// Without Connection, as fields of a block.
    fields: Vec<u8>,
    unsaid: Vec<u8>,
    /// The line and the field of Strict-Transport-Security, with which each of them ends.
    hsts_line: Vec<u8>,
    hsts_field: Vec<u8>,
}

/// What the Connection field of a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    KeepAlive,
    Close,
    /// 101: from here on another protocol is spoken.
    Switch,
    /// Another protocol is asked for, in a last response (426 for example).
    Offer,
    /// There is no such field: the connection is not HTTP.
    Unsaid,
}

impl ServerFields {
    /// The fields of a server that calls itself `server`; the date starts at 1970.
    /// What could break a line is left out of the name.
    pub fn new(server: &str) -> Self {
        let mut fields = Self {
            server: server
                .chars()
                .filter(|letter| matches!(letter, ' '..='~'))
                .collect(),
            second: 0,
            keep_alive: Vec::new(),
            close: Vec::new(),
            switch: Vec::new(),
            offer: Vec::new(),
            fields: Vec::new(),
            unsaid: Vec::new(),
            hsts_line: Vec::new(),
            hsts_field: Vec::new(),
        };
        fields.render();
        fields
    }

    /// The same with Strict-Transport-Security, for a server that only speaks TLS.
    #[must_use]
    pub fn with_hsts(mut self, value: &str) -> Self {
        self.hsts_line = format!("Strict-Transport-Security: {value}\r\n").into_bytes();
        push_field(
            &mut self.hsts_field,
            b"strict-transport-security",
            value.as_bytes(),
        );
        self.render();
        self
    }

    /// Sets the date (RFC 9110, section 5.6.7) from seconds since 1970. Cheap within one second.
    pub fn set_date(&mut self, unix_seconds: u64) {
        if self.second != unix_seconds {
            self.second = unix_seconds;
            self.render();
        }
    }

    /// The lines for a response; `hsts`: it may say Strict-Transport-Security, as the application has
    /// not.
    pub(super) fn block(&self, persistence: Persistence, hsts: bool) -> &[u8] {
        let block = match persistence {
            Persistence::KeepAlive => &self.keep_alive,
            Persistence::Close => &self.close,
            Persistence::Switch => &self.switch,
            Persistence::Offer => &self.offer,
            Persistence::Unsaid => &self.unsaid,
        };
        ending_with(block, &self.hsts_line, hsts)
    }

    /// The same as fields of a block, for responses that say nothing of their connection.
    pub(super) fn fields(&self, hsts: bool) -> &[u8] {
        ending_with(&self.fields, &self.hsts_field, hsts)
    }

    fn render(&mut self) {
        let mut date = Vec::new();
        push_date(&mut date, self.second);
        self.fields.clear();
        if !self.server.is_empty() {
            push_field(&mut self.fields, b"server", self.server.as_bytes());
        }
        push_field(&mut self.fields, b"date", &date);
        self.fields.extend_from_slice(&self.hsts_field);
        let mut fields = Vec::with_capacity(96);
        if !self.server.is_empty() {
            fields.extend_from_slice(b"Server: ");
            fields.extend_from_slice(self.server.as_bytes());
            fields.extend_from_slice(b"\r\n");
        }
        fields.extend_from_slice(b"Date: ");
        fields.extend_from_slice(&date);
        fields.extend_from_slice(b"\r\n");
        self.unsaid.clone_from(&fields);
        self.unsaid.extend_from_slice(&self.hsts_line);
        fields.extend_from_slice(b"Connection: ");
        let blocks = [
            (&mut self.keep_alive, &b"keep-alive\r\n"[..]),
            (&mut self.close, b"close\r\n"),
            (&mut self.switch, b"upgrade\r\n"),
            (&mut self.offer, b"upgrade, close\r\n"),
        ];
        for (block, connection) in blocks {
            block.clear();
            block.extend_from_slice(&fields);
            block.extend_from_slice(connection);
            block.extend_from_slice(&self.hsts_line);
        }
    }
}

/// A block with its end, or without.
#[inline]
fn ending_with<'a>(block: &'a [u8], end: &[u8], with: bool) -> &'a [u8] {
    let length = if with {
        block.len()
    } else {
        block.len() - end.len()
    };
    block.get(..length).unwrap_or_default()
}

/// Appends an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn push_date(out: &mut Vec<u8>, unix_seconds: u64) {
    let days = unix_seconds / 86_400;
    let second = unix_seconds % 86_400;
    let (year, month, day) = civil(days);
    // The first of January 1970 was a Thursday.
    out.extend_from_slice(nth(b"ThuFriSatSunMonTueWed", days % 7));
    out.extend_from_slice(b", ");
    push_padded(out, day, 2);
    out.push(b' ');
    out.extend_from_slice(nth(b"JanFebMarAprMayJunJulAugSepOctNovDec", month - 1));
    out.push(b' ');
    push_decimal(out, year);
    out.push(b' ');
    push_padded(out, second / 3600, 2);
    out.push(b':');
    push_padded(out, second / 60 % 60, 2);
    out.push(b':');
    push_padded(out, second % 60, 2);
    out.extend_from_slice(b" GMT");
}

/// The three letters at position `n`.
fn nth(names: &[u8], n: u64) -> &[u8] {
    usize::try_from(n)
        .ok()
        .and_then(|n| names.chunks_exact(3).nth(n))
        .unwrap_or_default()
}

/// Year, month and day of a day counted from 1970 (proleptic Gregorian calendar). Years are counted
/// from March, so that the leap day is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    // Day 0 is the first of March of year 0: 719,468 days before 1970.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
