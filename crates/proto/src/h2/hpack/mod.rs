//! Header compression (RFC 7541): a decoder with its dynamic table, and an encoder without one.
//!
//! The encoder uses the static table and the Huffman code alone, so that a block of fields can be
//! made anywhere, without the connection and without an order among blocks.

mod decoder;
mod dynamic;
mod encoder;
mod fixed;
mod huffman;
mod integer;

pub use decoder::{Decoder, OwnedField};
pub use encoder::{encode, push_field, push_status};

pub(super) use decoder::{Block, Line};
pub(super) use encoder::EMPTY_TABLE;

#[cfg(test)]
mod tests;
