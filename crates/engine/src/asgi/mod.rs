//! ASGI 3.0: a request as a scope, its events as awaitables, its task on the loop that polls.
//!
//! Everything here runs on the loop's thread, and waits for nothing: what an application has to wait
//! for is a future of its loop, which a turn of the engine completes.

mod arriving;
pub(crate) mod awaiting;
pub(crate) mod caller;
mod calling;
pub(crate) mod done;
mod event;
mod event_stream;
pub(crate) mod first_step;
pub(crate) mod leaving;
mod marks;
pub(crate) mod options;
pub(crate) mod receive;
pub(crate) mod request;
pub(crate) mod scope;
pub(crate) mod send;
pub(crate) mod shared;
mod stage;
pub(crate) mod start;
pub(crate) mod unchanged;
pub(crate) mod waiter;
pub(crate) mod waiting;
pub(crate) mod websocket;
mod websocket_stage;
pub(crate) mod within;
