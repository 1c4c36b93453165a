//! The reactor of one worker process: sockets, timers, connections, exchanges — and no Python.
//!
//! ```text
//!  listener ─ accept ─► conn ─ bytes ─► proto ─ events ─► exchange ─► inbox ─► application thread
//!                        ▲                                                            │
//!                        └───────────── output ◄── respond · stream · finish ◄────────┘
//! ```
//!
//! The thread that holds the *baton* ([`baton::Loop`]) turns the [`reactor`]: an application thread
//! that wants work, or the stand-in thread while the application keeps that thread busy.

pub mod access_log;
mod admission;
pub mod attended;
pub mod baton;
pub mod body;
pub mod clock;
pub mod config;
mod conn;
pub mod drain;
pub mod edge;
pub mod exchange;
mod handover;
pub mod heap;
pub mod incoming;
mod listener;
pub mod notice;
pub mod output;
pub mod overdue;
pub mod path_limits;
pub mod peer;
mod poll;
mod reactor;
pub mod request_id;
pub mod scoreboard;
mod shared_memory;
mod slab;
pub mod spans;
mod stream;
pub mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_tls;
pub mod thread;
mod timer;
pub mod tls;
pub mod waited;
pub mod websocket;
