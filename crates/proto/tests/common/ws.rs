//! One side of a WebSocket connection in memory: bytes in pieces, what they meant and what was
//! answered out.

use licorne_proto::protocol::Served;
use licorne_proto::ws::{
    Agreed, Compression, Connection, Event, Expected, Handshake, Header, Kind, Mask, Opcode,
    Payload, Policy, Pool, Reject, Role,
};
use licorne_proto::{Connection as Http, Policy as HttpPolicy, RequestHead};

/// What a side was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Lost,
    Refused(Reject),
}

/// A side, with what it has not consumed, was told and has sent.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) connection: Connection,
    pub(crate) policy: Policy,
    pub(crate) pool: Pool,
    pub(crate) kept: Vec<u8>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) sent: Vec<u8>,
    /// Sends each message back.
    pub(crate) echo: bool,
    over: bool,
}

impl Side {
    pub(crate) fn server(agreed: Option<Agreed>) -> Self {
        Self::new(Role::Server, agreed)
    }

    pub(crate) fn client(agreed: Option<Agreed>) -> Self {
        Self::new(Role::Client(7), agreed)
    }

    fn new(role: Role, agreed: Option<Agreed>) -> Self {
        Self {
            connection: Connection::new(role, agreed),
            policy: Policy::default(),
            pool: Pool::default(),
            kept: Vec::new(),
            seen: Vec::new(),
            sent: Vec::new(),
            echo: false,
            over: false,
        }
    }

    /// Hands in some bytes, as a reader of a socket would.
    pub(crate) fn read(&mut self, piece: &[u8], eof: bool) {
        self.kept.extend_from_slice(piece);
        while !self.over {
            let refused = self.connection.will_refuse(&self.kept);
            let step = self.connection.receive(
                &self.policy,
                &mut self.pool,
                &mut self.kept,
                eof,
                &mut self.sent,
            );
            match step {
                Ok(step) => {
                    assert!(!refused, "{step:?} of a frame that would be refused");
                    self.over = !self.tell(&step.event);
                    self.kept.drain(..step.consumed);
                    if step.event == Event::NeedMore {
                        break;
                    }
                }
                Err(reject) => {
                    self.seen.push(Seen::Refused(reject));
                    self.over = true;
                }
            }
        }
    }

    /// Whether more may follow.
    fn tell(&mut self, event: &Event) -> bool {
        let bytes = |range: &std::ops::Range<usize>| self.kept[range.clone()].to_vec();
        let seen = match event {
            Event::NeedMore => return true,
            Event::Closed => return false,
            Event::Message(kind, payload) => {
                let message = match payload {
                    Payload::Input(range) => bytes(range),
                    Payload::Gathered => self.connection.gathered().to_vec(),
                };
                self.answer(*kind, &message);
                match kind {
                    Kind::Text => Seen::Text(String::from_utf8(message).unwrap()),
                    Kind::Binary => Seen::Binary(message),
                }
            }
            Event::Ping(range) => Seen::Ping(bytes(range)),
            Event::Pong(range) => Seen::Pong(bytes(range)),
            Event::Close(code, range) => {
                Seen::Close(*code, String::from_utf8(bytes(range)).unwrap())
            }
            Event::Lost => Seen::Lost,
        };
        self.seen.push(seen);
        true
    }

    fn answer(&mut self, kind: Kind, message: &[u8]) {
        if self.echo {
            self.send(kind, message);
        }
    }

    pub(crate) fn send(&mut self, kind: Kind, message: &[u8]) {
        let Self {
            connection,
            policy,
            pool,
            sent,
            ..
        } = self;
        let sent = match kind {
            Kind::Text => {
                let text = std::str::from_utf8(message).unwrap();
                connection.text(policy, pool, text, sent)
            }
            Kind::Binary => connection.binary(policy, pool, message, sent),
        };
        sent.unwrap();
    }

    pub(crate) fn ping(&mut self, payload: &[u8]) {
        self.connection.ping(payload, &mut self.sent).unwrap();
    }

    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.connection.pong(payload, &mut self.sent).unwrap();
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        let closed = self
            .connection
            .close(Some(code), reason, &mut self.pool, &mut self.sent);
        closed.unwrap();
    }

    /// What was sent, as the other side is told.
    pub(crate) fn decoded(&self, agreed: Option<Agreed>) -> Vec<Seen> {
        let mut client = Self::client(agreed);
        client.policy.message_size = 0;
        client.read(&self.sent, false);
        assert_eq!(client.kept, b"", "every frame is whole");
        client.seen
    }
}

/// A frame of a client: the first byte with its flags, and the payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        fin: first & 0x80 != 0,
        compressed: false,
        opcode: Opcode::of(first & 0x0f).unwrap_or(Opcode::Text),
        mask: Some([0x12, 0x34, 0x56, 0x78]),
        len: payload.len() as u64,
    };
    let mut bytes = Vec::new();
    header.push_with(payload, &mut bytes);
    // Reserved bits and opcodes, too.
    bytes[0] = first;
    bytes
}

/// The frame of a client, cut into fragments of `size` bytes.
pub(crate) fn fragmented(whole: &[u8], size: usize) -> Vec<u8> {
    let expected = Expected {
        masked: true,
        deflate: true,
    };
    let (header, at) = Header::read(whole, expected).unwrap().unwrap();
    let mut payload = whole[at..].to_vec();
    Mask::new(header.mask.unwrap()).apply(&mut payload);
    let mut bytes = Vec::new();
    let count = payload.chunks(size).count();
    for (place, piece) in payload.chunks(size).enumerate() {
        let part = Header {
            fin: place + 1 == count,
            compressed: header.compressed && place == 0,
            opcode: if place == 0 {
                header.opcode
            } else {
                Opcode::Continuation
            },
            len: piece.len() as u64,
            ..header
        };
        part.push_with(piece, &mut bytes);
    }
    bytes
}

/// What comes of an offer for permessage-deflate.
pub(crate) fn agree(offer: &str, wanted: Compression) -> Option<Agreed> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: {offer}\r\n\r\n"
    );
    let mut head = RequestHead::default();
    let policy = HttpPolicy::default();
    Http::begin(Served::HTTP1, false, false, false)
        .receive(&policy, request.as_bytes(), false, &mut head)
        .unwrap();
    Handshake::of(&head, Some(wanted)).unwrap().deflate()
}
