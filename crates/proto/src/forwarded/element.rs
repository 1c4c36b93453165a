//! The grammar of `Forwarded` (RFC 7239, section 4), element by element; and of the entries of
//! `X-Forwarded-For`, which no standard describes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str;

use crate::chars;
use crate::host;
use crate::reject::Reject;

/// The sender of a message, as the proxy that got it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Node {
    /// An address, and the port if that was said too.
    Address(IpAddr, Option<u16>),
    /// `unknown`, an obfuscated identifier, or nothing.
    #[default]
    Hidden,
}

/// What one proxy says of a message that it got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// `for`: the sender.
    pub node: Option<Node>,
    /// `proto`: the scheme it came by.
    pub proto: Option<&'a [u8]>,
    /// `host`: its Host.
    pub host: Option<&'a [u8]>,
    /// `by`: the receiver.
    pub by: Option<Node>,
}

/// The elements of one `Forwarded` line, from the client to us. After a fault there are no more:
/// a quotation mark that was left open may swallow what others have added.
pub fn elements(value: &[u8]) -> impl Iterator<Item = Result<Element<'_>, Reject>> {
    let mut cursor = Some(Cursor { rest: value });
    std::iter::from_fn(move || {
        let mut at = cursor.take()?;
        while at.blank().next_is(b',') {
            at.skip();
        }
        if at.rest.is_empty() {
            return None;
        }
        match at.element() {
            Some(element) => {
                cursor = Some(at);
                Some(Ok(element))
            }
            None => Some(Err(Reject::InvalidForwarded)),
        }
    })
}

/// One entry of `X-Forwarded-For`: an address, some with brackets, some with a port. Whatever else
/// people write there names no client.
pub(super) fn loose_node(entry: &[u8]) -> Node {
    let Ok(entry) = str::from_utf8(entry) else {
        return Node::Hidden;
    };
    if let Ok(address) = entry.parse() {
        return Node::Address(address, None);
    }
    if let Ok(address) = entry.parse::<SocketAddr>() {
        return Node::Address(address.ip(), Some(address.port()));
    }
    let inner = entry.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match inner.map(str::parse::<Ipv6Addr>) {
        Some(Ok(address)) => Node::Address(IpAddr::V6(address), None),
        _ => Node::Hidden,
    }
}

/// A parameter's value without its quotation marks.
struct Value<'a> {
    text: &'a [u8],
    /// It has backslashes; nothing that is understood here needs one.
    escaped: bool,
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// `[pair] *( ";" [pair] )`, up to a comma or the end. Around semicolons white space is let
    /// pass, as many write it.
    fn element(&mut self) -> Option<Element<'a>> {
        let mut element = Element::default();
        loop {
            self.blank();
            if !self.next_is(b';') && !self.ends() {
                let name = self.token()?;
                self.byte(b'=')?;
                let value = self.value()?;
                element.hear(name, &value)?;
                self.blank();
            }
            if self.ends() {
                return Some(element);
            }
            self.byte(b';')?;
        }
    }

    fn ends(&self) -> bool {
        self.rest.is_empty() || self.next_is(b',')
    }

    fn next_is(&self, byte: u8) -> bool {
        self.rest.first() == Some(&byte)
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.next_is(byte).then(|| self.skip())
    }

    fn blank(&mut self) -> &Self {
        while self.next_is(b' ') || self.next_is(b'\t') {
            self.skip();
        }
        self
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let (token, rest) = self.rest.split_at_checked(chars::token(self.rest).0)?;
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// `token / quoted-string` (RFC 9110, section 5.6.4).
    fn value(&mut self) -> Option<Value<'a>> {
        if !self.next_is(b'"') {
            let text = self.token()?;
            return Some(Value {
                text,
                escaped: false,
            });
        }
        self.skip();
        let (mut at, mut escaped) = (0, false);
        loop {
            match *self.rest.get(at)? {
                b'"' => break,
                b'\\' => {
                    at += 1;
                    escaped = true;
                    is_text(*self.rest.get(at)?).then_some(())?;
                }
                byte => is_text(byte).then_some(())?,
            }
            at += 1;
        }
        let (text, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        self.skip();
        Some(Value { text, escaped })
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

impl<'a> Element<'a> {
    /// Takes one parameter in; `None` if it is wrong, or there twice (section 4).
    fn hear(&mut self, name: &[u8], value: &Value<'a>) -> Option<()> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"for") {
            return once(&mut self.node, node(value.plain()?)?);
        }
        if is(b"by") {
            return once(&mut self.by, node(value.plain()?)?);
        }
        if is(b"proto") {
            let proto = value.plain()?;
            return once(&mut self.proto, is_scheme(proto).then_some(proto)?);
        }
        if is(b"host") {
            let text = value.plain()?;
            return once(&mut self.host, host::is_host_value(text).then_some(text)?);
        }
        // Extensions (section 5.5) are not looked at.
        Some(())
    }
}

impl<'a> Value<'a> {
    fn plain(&self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.text)
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &[u8]) -> bool {
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(goes_on)
}

/// `nodename [ ":" node-port ]` (section 6).
fn node(text: &[u8]) -> Option<Node> {
    if let [b'[', literal @ ..] = text {
        let end = literal.iter().position(|byte| *byte == b']')?;
        let (address, rest) = literal.split_at_checked(end)?;
        let address: Ipv6Addr = str::from_utf8(address).ok()?.parse().ok()?;
        let port = node_port(rest.get(1..)?).ok()?;
        return Some(Node::Address(IpAddr::V6(address), port));
    }
    let colon = text.iter().position(|byte| *byte == b':');
    let (name, rest) = text.split_at_checked(colon.unwrap_or(text.len()))?;
    let port = node_port(rest).ok()?;
    if name.eq_ignore_ascii_case(b"unknown") || is_obfuscated(name) {
        return Some(Node::Hidden);
    }
    let address: Ipv4Addr = str::from_utf8(name).ok()?.parse().ok()?;
    Some(Node::Address(IpAddr::V4(address), port))
}

/// What follows a node's name: nothing, `:` and digits, or `:` and an obfuscated port.
fn node_port(text: &[u8]) -> Result<Option<u16>, Reject> {
    match text {
        [] => Ok(None),
        [b':', port @ ..] if is_obfuscated(port) => Ok(None),
        [b':', port @ ..] if port.len() <= 5 => {
            let port = chars::decimal(port).and_then(|port| u16::try_from(port).ok());
            port.map(Some).ok_or(Reject::InvalidForwarded)
        }
        _ => Err(Reject::InvalidForwarded),
    }
}

/// Section 6.3.
fn is_obfuscated(text: &[u8]) -> bool {
    let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    matches!(text, [b'_', rest @ ..] if !rest.is_empty() && rest.iter().all(goes_on))
}
