//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), without I/O.
//!
//! ```text
//!   RequestHead ──▶ Handshake ──▶ fields of the response that accepts │ HandshakeReject: 400, 426
//!                       │ Agreed
//!                       ▼
//!   bytes ──▶ Connection::receive ──▶ Event::{Message, Ping, Pong, Close, Lost} │ Reject
//!                  │ pongs, the close frame's answer ──▶ bytes
//!   text, binary, ping, pong, close ──▶ bytes
//! ```
//!
//! `handshake` judges the request with `extension`; `frame` reads and writes headers, `mask` their
//! payloads; `message` puts frames together with `utf8` and `deflate`; `sending` makes them; `close`
//! knows what a close frame may say; `state` says what may follow what; `connection` joins them. A message that is in
//! one frame, and not compressed, stays where it was received.
//!
//! Memory: what has come of the message that is coming in, a window for each direction that is
//! compressed with context takeover, and nothing else. Everything that is needed only now and then is
//! in the `pool`, which the connections of a reactor share. A compressed message that is there in part
//! has a state of 42 KiB lent.

pub mod close;

mod connection;
mod deflate;
mod event;
mod extension;
mod frame;
mod handshake;
mod mask;
mod message;
mod misuse;
mod pool;
mod reject;
mod role;
mod sending;
mod state;
mod utf8;

pub use connection::Connection;
pub use event::{Event, Payload, Received};
pub use extension::{Agreed, Compression, Context};
pub use frame::{Expected, Header, Opcode};
pub use handshake::{Handshake, is_extended_connect};
pub use mask::Mask;
pub use message::{Kind, Policy};
pub use misuse::Misuse;
pub use pool::Pool;
pub use reject::{HandshakeReject, Reject};
pub use role::Role;
pub use state::{Command, OutOfTurn, State};
