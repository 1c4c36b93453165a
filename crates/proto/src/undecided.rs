//! A connection before it is known what it speaks: until its first bytes, or TLS, have decided.

use crate::event::{Event, Received};
use crate::head::Sender;
use crate::protocol::{self, Beginning, Protocol, ProxyHeader, Served};
use crate::proxy;
use crate::reject::Reject;

/// A connection that may still speak several protocols.
#[derive(Debug)]
pub struct Undecided {
    served: Served,
    /// TLS is to agree on its protocol.
    secure: bool,
    sender: Sender,
    /// What TLS has agreed on.
    agreed: Option<Protocol>,
    /// The PROXY header that it has begun with, until it is handed out.
    header: Option<Box<proxy::Header>>,
    refused: Option<Reject>,
}

/// What its bytes have decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing yet.
    Open(Received),
    /// It speaks this: none of the bytes was consumed.
    Speaks(Protocol),
}

impl Undecided {
    /// A connection of which nothing was received; an error is the only protocol that it can speak.
    pub(crate) fn new(served: Served, secure: bool, sender: Sender) -> Result<Self, Protocol> {
        match protocol::beginning(served, None, &[]) {
            Beginning::Of(protocol) if !secure => Err(protocol),
            _ => Ok(Self {
                served,
                secure,
                sender,
                agreed: None,
                header: None,
                refused: None,
            }),
        }
    }

    /// Its peer, as the settings see it.
    pub(crate) fn sender(&self) -> Sender {
        self.sender
    }

    /// The peer may not speak what is spoken in the place of HTTP.
    pub(crate) fn gateway_barred(&self) -> bool {
        self.served.gateway_barred
    }

    /// TLS has agreed on this.
    pub(crate) fn agreed(&mut self, protocol: &[u8]) {
        self.agreed = Some(
            match protocol::beginning(self.served, Some(protocol), &[]) {
                Beginning::Of(protocol) => protocol,
                Beginning::Undecided
                | Beginning::Proxy
                | Beginning::NoProxy
                | Beginning::NoPreface => Protocol::Http1,
            },
        );
    }

    /// HTTP/2 is to be spoken, as TLS has agreed on it or nothing else is served to this peer.
    pub(crate) fn expects_preface(&self) -> bool {
        let cleartext = self.served.http2_cleartext && self.served.http2_demanded;
        self.agreed == Some(Protocol::Http2) || self.agreed.is_none() && cleartext && !self.secure
    }

    /// The PROXY header that was read last.
    pub(crate) fn proxied(&mut self) -> Option<Box<proxy::Header>> {
        self.header.take()
    }

    /// Takes one step. After a refusal every further call gives the same refusal.
    pub(crate) fn receive(&mut self, input: &[u8], eof: bool) -> Result<Decision, Reject> {
        if let Some(reject) = self.refused {
            return Err(reject);
        }
        let decision = self.decide(input, eof);
        self.refused = decision.as_ref().err().copied();
        decision
    }

    fn decide(&mut self, input: &[u8], eof: bool) -> Result<Decision, Reject> {
        if let Some(protocol) = self.agreed {
            return Ok(Decision::Speaks(protocol));
        }
        match protocol::beginning(self.served, None, input) {
            Beginning::Of(protocol) if !self.secure => return Ok(Decision::Speaks(protocol)),
            Beginning::NoProxy => return Err(Reject::MissingProxyHeader),
            Beginning::NoPreface => return Err(Reject::MissingPreface),
            Beginning::Proxy if self.served.proxy_barred => {
                return Err(Reject::ForbiddenProxyHeader);
            }
            Beginning::Proxy => {
                if let Some((header, consumed)) = proxy::decode(input)? {
                    self.header = Some(Box::new(header));
                    // There is one at the most.
                    self.served.proxy = ProxyHeader::Off;
                    let event = Event::Proxied;
                    return Ok(Decision::Open(Received { consumed, event }));
                }
            }
            Beginning::Of(_) | Beginning::Undecided => {}
        }
        let event = match (eof, input) {
            (false, _) => Event::NeedMore,
            (true, []) => Event::Closed,
            (true, _) => return Err(Reject::IncompleteHead),
        };
        Ok(Decision::Open(Received { consumed: 0, event }))
    }
}
