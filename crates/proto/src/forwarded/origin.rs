//! Where a message came from before it met the first proxy that is trusted.
//!
//! Each proxy adds what it knows at the right. So the client is the rightmost entry that names no
//! trusted proxy; everything left of it can be made up. Where all are trusted it is the first.

use super::element::{Element, Node, elements, loose_node};
use super::{ClientAddress, Trusted};
use crate::chars::trim;
use crate::head::RequestHead;
use crate::known::Known;
use crate::reject::Reject;

/// What the outermost trusted proxy says. Empty if none says anything.
pub(super) fn of<'a>(
    head: &'a RequestHead,
    source: ClientAddress,
    trusted: &Trusted,
) -> Result<Element<'a>, Reject> {
    match source {
        ClientAddress::Peer => Ok(Element::default()),
        ClientAddress::XForwardedFor => {
            let entries = lines(head, Known::XForwardedFor)
                .flat_map(|line| line.split(|byte| *byte == b','))
                .map(trim)
                .filter(|entry| !entry.is_empty());
            let named = entries.map(|entry| {
                Ok(Element {
                    node: Some(loose_node(entry)),
                    ..Element::default()
                })
            });
            outermost(named, trusted)
        }
        ClientAddress::Forwarded => {
            outermost(lines(head, Known::Forwarded).flat_map(elements), trusted)
        }
    }
}

fn lines(head: &RequestHead, known: Known) -> impl Iterator<Item = &[u8]> {
    let entries = head.entries.iter();
    let named = entries.filter(move |entry| entry.known == Some(known));
    named.map(|entry| entry.value.of(&head.bytes))
}

fn outermost<'a>(
    said: impl Iterator<Item = Result<Element<'a>, Reject>>,
    trusted: &Trusted,
) -> Result<Element<'a>, Reject> {
    let mut first = None;
    let mut client = None;
    for element in said {
        let element = element?;
        let is_proxy = match element.node {
            Some(Node::Address(address, _)) => trusted.contains(address),
            Some(Node::Hidden) | None => trusted.every_peer(),
        };
        first = first.or(Some(element));
        if !is_proxy {
            client = Some(element);
        }
    }
    Ok(client.or(first).unwrap_or_default())
}
