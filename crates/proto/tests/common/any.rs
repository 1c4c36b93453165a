//! A connection of any protocol in memory: bytes in pieces, everything that it said out.

use licorne_proto::protocol::Served;
use licorne_proto::{Connection, Event, Policy, Reject, RequestHead};

/// What a connection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A PROXY header, as the environ has it.
    Proxied(Vec<(&'static str, Vec<u8>)>),
    Begun,
    Head(u32, Box<Head>),
    /// In one piece where nothing else is between.
    Body(u32, Vec<u8>),
    End(u32),
    Refused(u32, Reject),
    Reset(u32, Option<Reject>),
    Closed,
    Failed(Reject),
}

/// What a request head says in any protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) script_name: Option<Vec<u8>>,
    pub(crate) protocol: Vec<u8>,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) params: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) content_length: Option<u64>,
    pub(crate) https: Option<bool>,
    pub(crate) client: Option<(core::net::IpAddr, Option<u16>)>,
}

impl Head {
    fn of(head: &RequestHead) -> Self {
        let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
        let fields: Vec<_> = head
            .fields()
            .map(|field| (field.name.to_vec(), field.value.to_vec()))
            .collect();
        for (name, value) in &fields {
            let breaks = |byte: &u8| matches!(byte, b'\r' | b'\n' | b'\0');
            assert!(!name.iter().chain(value).any(breaks), "{name:?} {value:?}");
        }
        Self {
            method: head.method().to_vec(),
            target: head.target().to_vec(),
            path: head.path().to_vec(),
            query: head.query().to_vec(),
            script_name: head.script_name().map(<[u8]>::to_vec),
            protocol: head.protocol().to_vec(),
            fields,
            params: head.params().map(owned).collect(),
            content_length: head.content_length(),
            https: head.https(),
            client: head.client(),
        }
    }
}

/// A peer that is answered as soon as its request is complete, and what came of that.
pub(crate) struct Any<'a> {
    policy: &'a Policy,
    pub(crate) connection: Connection,
    head: RequestHead,
    kept: Vec<u8>,
    pub(crate) said: Vec<Said>,
    /// What is sent beside answers to requests.
    pub(crate) answers: Vec<u8>,
}

impl<'a> Any<'a> {
    /// A connection of a trusted peer; `agreed` is what TLS has agreed on.
    pub(crate) fn new(policy: &'a Policy, served: Served, agreed: Option<&[u8]>) -> Self {
        let mut connection = Connection::begin(served, agreed.is_some(), true, false);
        if let Some(protocol) = agreed {
            connection.agreed(protocol);
        }
        Self {
            policy,
            connection,
            head: RequestHead::default(),
            kept: Vec::new(),
            said: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Some more bytes; `eof`: the last ones.
    pub(crate) fn read(&mut self, piece: &[u8], eof: bool) {
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let (used, more) = self.step(&kept[at..], eof);
            at += used;
            if !more {
                break;
            }
        }
        kept.drain(..at);
        self.kept = kept;
        let own = match &mut self.connection {
            Connection::H2(connection) => Some(connection.answers()),
            other => other.answers(),
        };
        if let Some(own) = own {
            self.answers.append(own);
        }
    }

    /// How many bytes were used up, and whether there may be more to say.
    fn step(&mut self, rest: &[u8], eof: bool) -> (usize, bool) {
        let received = self
            .connection
            .receive(self.policy, rest, eof, &mut self.head);
        let received = match received {
            Ok(received) => received,
            Err(reject) => {
                match self.said.last() {
                    Some(Said::Failed(before)) => assert_eq!(*before, reject, "another refusal"),
                    _ => self.said.push(Said::Failed(reject)),
                }
                return (0, false);
            }
        };
        let over = matches!(self.said.last(), Some(Said::Failed(_)));
        assert!(!over, "{received:?} after a refusal");
        assert!(received.consumed <= rest.len());
        match received.event {
            Event::NeedMore => return (received.consumed, false),
            Event::Room => {}
            Event::Answers => self.answers.append(self.connection.answers().unwrap()),
            Event::Body(stream, range) => {
                assert!(!range.is_empty() && range.end == received.consumed);
                self.body(stream.number(), &rest[range]);
            }
            Event::Proxied => {
                let header = self.connection.proxied().unwrap();
                assert_eq!(header.raw(), &rest[..received.consumed]);
                let variables = header.variables().into_iter();
                let owned = variables.map(|(name, value)| (name, value.into_owned()));
                self.said.push(Said::Proxied(owned.collect()));
            }
            Event::Begun => self.said.push(Said::Begun),
            Event::Head(stream) => {
                let head = Box::new(Head::of(&self.head));
                self.said.push(Said::Head(stream.number(), head));
            }
            Event::End(stream) => {
                self.connection.finished(stream);
                self.said.push(Said::End(stream.number()));
            }
            Event::Refused(stream, why) => self.said.push(Said::Refused(stream.number(), why)),
            Event::Reset(stream, why) => self.said.push(Said::Reset(stream.number(), why)),
            Event::Closed => {
                if self.said.last() != Some(&Said::Closed) {
                    self.said.push(Said::Closed);
                }
                return (received.consumed, false);
            }
            Event::Switched => unreachable!("its owner switches"),
        }
        (received.consumed, true)
    }

    fn body(&mut self, stream: u32, bytes: &[u8]) {
        if let Some(Said::Body(before, body)) = self.said.last_mut()
            && *before == stream
        {
            body.extend_from_slice(bytes);
            return;
        }
        self.said.push(Said::Body(stream, bytes.to_vec()));
    }
}

/// What was said, and what is sent beside answers to requests.
pub(crate) type Outcome = (Vec<Said>, Vec<u8>);

/// Hands the pieces to a connection, one after the other, as a reader of a socket would.
pub(crate) fn run(
    policy: &Policy,
    served: Served,
    agreed: Option<&[u8]>,
    pieces: &[&[u8]],
    eof: bool,
) -> Outcome {
    let mut any = Any::new(policy, served, agreed);
    for piece in pieces {
        any.read(piece, false);
    }
    any.read(b"", eof);
    (any.said, any.answers)
}
