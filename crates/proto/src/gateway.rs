//! Request heads out of the variables that a web server passes on (CGI, RFC 3875, section 4.1), be it
//! by uwsgi or by FastCGI.
//!
//! The variables become the head that the client has sent to that server, in the text of HTTP/1.0, and
//! the parser of HTTP/1 reads it: its rules and limits are the only ones. What a head has no place for
//! (`SCRIPT_NAME`, the path after rewriting, `REMOTE_ADDR`, HTTPS) is added behind.

mod fields;

use core::net::IpAddr;

use crate::chars;
use crate::event::{Event, Received};
use crate::h1;
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::parts::{Announced, Param, Path, Span};
use crate::reject::Reject;
use crate::semantics::method;

/// What a peer is refused with whose variables are no request.
const INVALID: Reject = Reject::InvalidVariables;

/// A variable: its name and its value.
pub(crate) type Variable<'a> = (&'a [u8], &'a [u8]);

/// How the bytes of a request are framed where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The body follows as it is, and the end of the connection ends the answer.
    Raw,
    /// Body and answer come in records; with `keep` another request may follow.
    Records { keep: bool },
}

/// Variables of a request at most, as in gunicorn.
const MOST: usize = 1000;

/// How far the request in hand has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// None has begun.
    Before,
    /// Its variables are to come.
    Head,
    /// Its body is to come.
    Body,
    /// It is complete, or was refused.
    Over,
}

/// One step of a connection.
#[expect(clippy::unnecessary_wraps, reason = "as the steps that refuse")]
pub(crate) fn step(consumed: usize, event: Event) -> Result<Received, Reject> {
    Ok(Received { consumed, event })
}

/// What a step comes to at the end of the connection, of whose last `len` bytes it was taken: a request
/// that is not complete never will be.
pub(crate) fn at_end(
    outcome: Result<Received, Reject>,
    stage: Stage,
    len: usize,
) -> Result<Received, Reject> {
    let received = outcome?;
    if received.event != Event::NeedMore {
        return Ok(received);
    }
    match stage {
        Stage::Before if received.consumed == len => step(len, Event::Closed),
        Stage::Before | Stage::Head => Err(Reject::IncompleteHead),
        Stage::Body => Err(Reject::IncompleteBody),
        Stage::Over => Ok(received),
    }
}

/// Whether all variables are there, and are not too many: `None` is one that is cut.
pub(crate) fn check<'a>(
    variables: impl Iterator<Item = Option<Variable<'a>>>,
) -> Result<(), Reject> {
    let mut count = 0;
    for variable in variables {
        variable.ok_or(INVALID)?;
        count += 1;
    }
    if count > MOST {
        return Err(Reject::TooManyVariables);
    }
    Ok(())
}

/// What the variables say that are not fields of the client's.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent variable"
)]
struct Said<'a> {
    method: &'a [u8],
    uri: &'a [u8],
    script_name: &'a [u8],
    path_info: Option<&'a [u8]>,
    query: Option<&'a [u8]>,
    protocol: &'a [u8],
    server_name: &'a [u8],
    server_port: &'a [u8],
    remote_addr: &'a [u8],
    remote_port: &'a [u8],
    https: bool,
    host: bool,
    length: bool,
    chunked: bool,
}

impl<'a> Said<'a> {
    /// The last one of a name counts, as in gunicorn.
    fn by(variables: impl Iterator<Item = Variable<'a>>) -> Self {
        let mut said = Self::default();
        for (name, value) in variables {
            match name {
                b"REQUEST_METHOD" => said.method = value,
                b"REQUEST_URI" => said.uri = value,
                b"SCRIPT_NAME" => said.script_name = value,
                b"PATH_INFO" => said.path_info = Some(value),
                b"QUERY_STRING" => said.query = Some(value),
                b"SERVER_PROTOCOL" => said.protocol = value,
                b"SERVER_NAME" => said.server_name = value,
                b"SERVER_PORT" => said.server_port = value,
                b"REMOTE_ADDR" => said.remote_addr = value,
                b"REMOTE_PORT" => said.remote_port = value,
                b"HTTPS" => {
                    let yes = [&b"on"[..], b"1", b"true"];
                    said.https |= yes.iter().any(|yes| value.eq_ignore_ascii_case(yes));
                }
                b"REQUEST_SCHEME" | b"wsgi.url_scheme" => {
                    said.https |= value.eq_ignore_ascii_case(b"https");
                }
                b"HTTP_HOST" => said.host = true,
                b"CONTENT_LENGTH" => said.length = !value.is_empty(),
                b"HTTP_TRANSFER_ENCODING" => said.chunked = true,
                _ => {}
            }
        }
        if said.path_info.is_none() && !said.script_name.is_empty() {
            // As nginx and Apache name the whole path, where nothing says which part is the script.
            said.path_info = Some(std::mem::take(&mut said.script_name));
        }
        said
    }

    fn client(&self) -> Option<(IpAddr, Option<u16>)> {
        let text = |bytes| core::str::from_utf8(bytes).ok();
        let ip = text(self.remote_addr)?.parse().ok()?;
        let port = text(self.remote_port).and_then(|port| port.parse().ok());
        Some((ip, port.filter(|port| *port != 0)))
    }

    /// `SCRIPT_NAME` and `PATH_INFO`, which are not encoded.
    fn path(&self) -> Option<Vec<u8>> {
        let path = [self.script_name, self.path_info?].concat();
        Some(if path.is_empty() { b"/".to_vec() } else { path })
    }
}

/// Gives the head what the variables say. They come from `socket`, and are about the client whose
/// address they name: that decides what its fields may say. Of a head that is refused the method
/// stays.
pub(crate) fn complete<'a>(
    variables: impl Iterator<Item = Variable<'a>> + Clone,
    framing: Framing,
    policy: &Policy,
    socket: Sender,
    head: &mut RequestHead,
) -> Result<(), Reject> {
    let said = Said::by(variables.clone());
    let outcome = read(&said, variables, framing, policy, socket, head);
    if outcome.is_err() {
        let method = method::recognise(said.method, &policy.permissions);
        head.refused(method.ok().flatten());
    }
    outcome
}

fn read<'a>(
    said: &Said<'a>,
    variables: impl Iterator<Item = Variable<'a>> + Clone,
    framing: Framing,
    policy: &Policy,
    socket: Sender,
    head: &mut RequestHead,
) -> Result<(), Reject> {
    let client = said.client();
    let trusted = client.map_or(socket.trusted, |(ip, _)| {
        policy.forwarding.trusted.contains(ip)
    });
    let sender = Sender {
        trusted,
        local: socket.local,
    };
    let text = request(said, variables.clone())?;
    h1::read_whole(&text, policy, sender, head)?;
    head.complete = Some(sender);
    place(said, head);
    for (name, value) in variables {
        if fields::is_param(name) && value.iter().all(|byte| *byte != 0) {
            let (name, value) = (append(head, name), append(head, value));
            head.params.push(Param { name, value });
        }
    }
    let meaning = &mut head.meaning;
    meaning.came.client = meaning.came.client.or(client);
    if said.https {
        meaning.came.https = Some(true);
    }
    if let Framing::Records { keep } = framing {
        meaning.records = true;
        meaning.keep_alive = keep;
        if said.chunked && !said.length {
            // Its end is a record.
            meaning.body = Announced::Chunked;
        }
    } else {
        meaning.keep_alive = false;
    }
    Ok(())
}

/// The request as a client of HTTP/1.0 sends it.
fn request<'a>(
    said: &Said<'a>,
    variables: impl Iterator<Item = Variable<'a>>,
) -> Result<Vec<u8>, Reject> {
    let mut text = Vec::with_capacity(1024);
    let method = if said.method.is_empty() {
        b"GET"
    } else {
        said.method
    };
    text.extend_from_slice(plain(method)?);
    text.push(b' ');
    if said.uri.is_empty() {
        let path = said.path().unwrap_or_else(|| b"/".to_vec());
        percent_encode(&path, &mut text);
        if let Some(query) = said.query.filter(|query| !query.is_empty()) {
            text.push(b'?');
            text.extend_from_slice(plain(query)?);
        }
    } else {
        text.extend_from_slice(plain(said.uri)?);
    }
    text.extend_from_slice(b" HTTP/1.0\r\n");
    if !said.host && !said.server_name.is_empty() {
        text.extend_from_slice(b"Host: ");
        text.extend_from_slice(plain(said.server_name)?);
        if !matches!(said.server_port, b"" | b"80" | b"443") {
            text.push(b':');
            text.extend_from_slice(plain(said.server_port)?);
        }
        text.extend_from_slice(b"\r\n");
    }
    for (name, value) in variables {
        fields::push(name, value, &mut text)?;
    }
    text.extend_from_slice(b"\r\n");
    Ok(text)
}

/// Something that stays within its line, and within its part of the request line.
fn plain(value: &[u8]) -> Result<&[u8], Reject> {
    let visible = chars::visible(value) == value.len();
    visible.then_some(value).ok_or(INVALID)
}

/// What the head says beside its text: where the application is, and which path it has to answer.
fn place(said: &Said<'_>, head: &mut RequestHead) {
    let script_name = append(head, said.script_name);
    head.line.parts.script_name = Some(script_name);
    if let Some(path) = said.path()
        && percent_decode(head.path()) != path
    {
        // Rewritten on the way: the target is what the client has sent.
        let mut encoded = Vec::new();
        percent_encode(&path, &mut encoded);
        head.line.parts.path = Path::Sent(append(head, &encoded));
    }
    if let Some(query) = said.query
        && query != head.query()
        && chars::visible(query) == query.len()
    {
        head.line.parts.query = append(head, query);
    }
    if is_protocol(said.protocol) {
        head.line.protocol = append(head, said.protocol);
    }
}

/// `HTTP/2.0`, or any other that a client may speak with the server in front.
fn is_protocol(protocol: &[u8]) -> bool {
    protocol.strip_prefix(b"HTTP/").is_some_and(|version| {
        (1..=3).contains(&version.len())
            && version
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    })
}

fn append(head: &mut RequestHead, bytes: &[u8]) -> Span {
    let start = head.bytes.len();
    head.bytes.extend_from_slice(bytes);
    Span::new(start, head.bytes.len())
}

/// Appends a path as it stands in a target (RFC 3986, section 3.3).
fn percent_encode(path: &[u8], out: &mut Vec<u8>) {
    for &byte in path {
        let plain = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
        if plain {
            out.push(byte);
        } else {
            out.push(b'%');
            for digit in [byte >> 4, byte & 0xF] {
                out.extend(b"0123456789ABCDEF".get(usize::from(digit)));
            }
        }
    }
}

/// What a path of a target stands for. A `%` without two digits stands for itself.
fn percent_decode(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| {
            behind
                .get(at)
                .and_then(|&byte| char::from(byte).to_digit(16))
        };
        rest = if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            out.extend(u8::try_from(high << 4 | low));
            behind.get(2..).unwrap_or_default()
        } else {
            out.push(*first);
            behind
        };
    }
    out
}

#[cfg(test)]
mod tests;
