//! HTTP/1.1 as a value: bytes to events, responses to bytes.
//!
//! Nothing here reads a socket, a clock or a setting by itself: whoever owns the connection hands in
//! the bytes it has, and does what the returned value says.
//!
//! ```text
//!   bytes ──▶ h1::Connection::receive ──▶ Event::{Head, Body, End, Closed} │ Reject
//!                  ▲        fills ▼
//!               Policy       RequestHead
//!
//!   status, fields ──▶ h1::ResponseDraft ── finish ──▶ bytes + ResponseFraming
//! ```
//!
//! Whoever is in doubt about a length or a boundary refuses (RFC 9112, section 11.2): a refusal is
//! one row of [`Reject`], and after it a connection never yields anything else.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod forwarded;
pub mod h1;

mod chars;
mod event;
mod head;
mod host;
mod known;
mod limits;
mod parts;
mod reject;

pub use event::{Event, Received};
pub use forwarded::{ClientAddress, Forwarding, HeaderMap, SchemeHeader, Trusted};
pub use head::{Field, RequestHead, Version};
pub use known::{Known, KnownMethod};
pub use limits::{Limits, Permissions, Policy};
pub use reject::Reject;
