//! Responses as [records](crate::record), for connections that frame them later (HTTP/2): the same
//! commands and the same drafts, and other bytes (RFC 9113, section 8.3.2).

use super::draft::{BodySize, RequestFacts, ResponseDraft};
use super::encode::push_decimal;
use super::framing::{self, BodyFraming, ResponseFacts};
use super::misuse::Misuse;
use super::owner::{Owner, check_field, status_code};
use super::server::ServerFields;
use crate::h2::hpack::push_field;
use crate::record::{self, Record};

/// Appends the interim response that asks for the body (RFC 9110, section 15.2.1), as a record.
pub fn continue_record(out: &mut Vec<u8>) {
    record::push_fields(out, false, |out| push_field(out, b":status", b"100"));
}

/// Appends a whole response of the server's own, which was made for HTTP/1 ([`super::error_page()`]),
/// as records.
pub fn page_records(out: &mut Vec<u8>, page: &[u8]) {
    let (lines, content) = split_page(page);
    record::push_fields(out, content.is_empty(), |out| {
        let mut lines = lines_of(lines);
        push_status(out, lines.next().unwrap_or_default());
        for (name, value) in lines.filter_map(name_and_value) {
            if Owner::of(name) != Owner::Connection {
                push_field(out, name, value);
            }
        }
    });
    if !content.is_empty() {
        record::push(out, Record::Data(content));
        record::push(out, Record::End);
    }
}

/// Appends an interim response, or nothing if something in it is invalid.
pub(super) fn interim<'a>(
    out: &mut Vec<u8>,
    status: &[u8],
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    if !matches!(status_code(status)?, 100 | 102..=199) {
        return Err(Misuse::InvalidStatus);
    }
    let mut block = Vec::new();
    push_field(&mut block, b":status", status.get(..3).unwrap_or_default());
    push_checked(&mut block, fields)?;
    record::push(out, Record::Fields(&block));
    Ok(())
}

/// Appends trailer fields and the end of the stream, or nothing if one of them is invalid.
pub(super) fn trailers<'a>(
    out: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    let mut block = Vec::new();
    push_checked(&mut block, fields)?;
    if block.is_empty() {
        record::push(out, Record::End);
    } else {
        record::push(out, Record::LastFields(&block));
    }
    Ok(())
}

impl ResponseDraft {
    /// Completes the head and appends it to `out` as a record. The draft must have been started.
    pub(super) fn finish_record(
        &self,
        request: RequestFacts,
        body: BodySize,
        server: &ServerFields,
        out: &mut Vec<u8>,
    ) -> BodyFraming {
        let length = self.announced(request, body);
        let framing = framing::response(ResponseFacts {
            version: request.version,
            status: self.status(),
            head_method: request.head_method,
            connect: request.connect,
            length,
        });
        // There are no chunks: the stream has an end of its own.
        let framing = match framing {
            BodyFraming::Chunked => BodyFraming::UntilClose,
            other => other,
        };
        record::push_fields(out, framing == BodyFraming::None, |out| {
            let mut lines = lines_of(self.lines());
            push_status(out, lines.next().unwrap_or_default());
            out.extend_from_slice(server.fields(!self.has_hsts()));
            if let Some(length) = length {
                let mut digits = Vec::with_capacity(20);
                push_decimal(&mut digits, length);
                push_field(out, b"content-length", &digits);
            }
            for (name, value) in lines.filter_map(name_and_value) {
                // One for HTTP/1 alone (RFC 9113, section 8.2.2).
                if !name.eq_ignore_ascii_case(b"upgrade") {
                    push_field(out, name, value);
                }
            }
        });
        framing
    }
}

fn push_checked<'a>(
    block: &mut Vec<u8>,
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Misuse> {
    for (name, value) in fields {
        check_field(name, value)?;
        if matches!(Owner::of(name), Owner::Application | Owner::Hsts) {
            push_field(block, name, value);
        }
    }
    Ok(())
}

/// Of a status line the code.
fn push_status(out: &mut Vec<u8>, line: &[u8]) {
    let code = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    push_field(out, b":status", code);
}

fn split_page(page: &[u8]) -> (&[u8], &[u8]) {
    let end = page.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.map_or(page.len(), |at| at + 4);
    page.split_at_checked(end).unwrap_or_default()
}

fn lines_of(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn name_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name, value.get(1..)?.trim_ascii()))
}

#[cfg(test)]
mod tests;
