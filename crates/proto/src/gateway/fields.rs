//! Which variables are fields of the client's, and which are the web server's own.

use super::INVALID;
use crate::chars;
use crate::reject::Reject;

/// Fields of the connection between the client and the web server, and of the framing there.
const OF_ITS_CONNECTION: [&[u8]; 9] = [
    b"CONNECTION",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"EXPECT",
    b"KEEP_ALIVE",
    b"PROXY_CONNECTION",
    b"TE",
    b"TRANSFER_ENCODING",
    b"UPGRADE",
];

/// Variables that a request head has its own places for.
const PLACED: [&[u8]; 13] = [
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"PATH_INFO",
    b"QUERY_STRING",
    b"REMOTE_ADDR",
    b"REMOTE_PORT",
    b"REQUEST_METHOD",
    b"REQUEST_URI",
    b"SCRIPT_NAME",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"wsgi.url_scheme",
];

/// Appends the field that a variable stands for, if it is one.
pub(super) fn push(name: &[u8], value: &[u8], text: &mut Vec<u8>) -> Result<(), Reject> {
    let field = match name {
        // Empty stands for none.
        b"CONTENT_LENGTH" | b"CONTENT_TYPE" if value.is_empty() => return Ok(()),
        b"CONTENT_LENGTH" | b"CONTENT_TYPE" => name,
        _ => match name.strip_prefix(b"HTTP_") {
            Some(field) if !OF_ITS_CONNECTION.contains(&field) => field,
            _ => return Ok(()),
        },
    };
    let token = chars::is_token(field);
    if !token || chars::field_text(value) != value.len() {
        return Err(INVALID);
    }
    let dashed = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    text.extend(field.iter().map(dashed));
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
    Ok(())
}

/// Whether an application is told of a variable as it is: one of the web server's own.
pub(super) fn is_param(name: &[u8]) -> bool {
    let own = [&b"HTTP_"[..], b"wsgi.", b"gunicorn.", b"licorne."];
    chars::is_token(name)
        && !PLACED.contains(&name)
        && !own.iter().any(|prefix| name.starts_with(prefix))
}
