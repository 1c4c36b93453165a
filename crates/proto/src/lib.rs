//! HTTP/1.1, HTTP/2 and WebSocket as values: bytes to events, responses and messages to bytes.
//!
//! Nothing here reads a socket, a clock or a setting by itself: the owner of the connection hands in
//! the bytes it has, and does what the returned value says.
//!
//! ```text
//!   first bytes, ALPN ──▶ protocol ──▶ Connection::{Undecided, H1, Uwsgi, FastCgi, Tunnel}
//!
//!   bytes ──▶ Connection::receive ──▶ Event::{Head, Body, End}(stream), Closed, Switched │ Reject
//!                  ▲      fills ▼
//!               Policy     RequestHead
//!
//!   header blocks, data ──▶ h2::Connection::{headers, data} ──▶ frames
//!
//!   status, fields ──▶ h1::Response ── Interim, Head, Body, End, Reset ──▶ bytes
//!
//!   RequestHead ──▶ ws::Handshake ──▶ 101 ──▶ ws::Connection: bytes ──▶ messages ──▶ bytes
//! ```
//!
//! A parser in doubt about a length or a boundary refuses (RFC 9112, section 11.2): a refusal is
//! one row of [`Reject`], and after it a connection never yields anything else.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod fastcgi;
pub mod forwarded;
pub mod h1;
pub mod h2;
pub mod protocol;
pub mod proxy;
pub mod record;
pub mod trace_context;
pub mod uwsgi;
pub mod ws;

mod chars;
mod connection;
mod event;
mod gateway;
mod head;
mod host;
mod known;
mod limits;
mod parts;
mod reject;
mod semantics;
mod status;
mod tunnel;
mod undecided;

pub use connection::Connection;
pub use event::{Event, Received, StreamId};
pub use forwarded::{ClientAddress, Forwarding, HeaderMap, SchemeHeader, Trusted};
pub use head::{Field, RequestHead, Version};
pub use known::{Known, KnownMethod};
pub use limits::{Limits, Permissions, Policy};
pub use reject::Reject;
pub use status::reason_phrase;
pub use tunnel::Tunnel;
