//! Responses in parts: interim ones, blocks of a body as they come, parts of files.

use proto::StreamId;

use super::Reactor;
use super::writing::{LOW_WATER, busy};
use crate::conn::Beside;
use crate::exchange::RequestKey;
use crate::output::{FilePart, Shared};

/// A block of a response body whose end is not known; small ones are copied.
pub enum Block<'a, S: Shared> {
    /// Nothing.
    None,
    /// As it is.
    Bytes(&'a [u8]),
    /// As a chunk, or a part of one.
    Chunk(&'a [u8]),
    /// A large one, as it is.
    Shared(S),
    /// A large one as a chunk.
    SharedChunk(S),
}

/// Whether a connection can take more of a streamed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Go on.
    Yes,
    /// The client reads slowly: wait for [`crate::baton::Loop::wait_for_room`].
    Full,
    /// The client has gone.
    Gone,
}

impl Reactor {
    /// A part of a response: head and blocks of a body whose end is not known.
    pub(crate) fn stream<S: Shared + 'static>(
        &mut self,
        key: RequestKey,
        head: &[u8],
        block: Block<'_, S>,
    ) -> Room {
        if key.stream != StreamId::HTTP1 {
            return self.stream_on_stream(key, head, block);
        }
        let Some(conn) = busy(&mut self.conns, key) else {
            return Room::Gone;
        };
        conn.serving.begun = true;
        conn.output.copy(head);
        match block {
            Block::None => {}
            Block::Bytes(bytes) => conn.output.copy(bytes),
            Block::Chunk(bytes) => conn.output.chunk(bytes),
            Block::Shared(shared) => conn.output.share(Box::new(shared), 0),
            Block::SharedChunk(shared) => conn.output.share_chunk(Box::new(shared)),
        }
        self.hold_or_flush(key.connection);
        match busy(&mut self.conns, key) {
            None => Room::Gone,
            Some(conn) if conn.wants_no_more() => Room::Full,
            Some(_) => Room::Yes,
        }
    }

    /// An interim response: the final one is still to come.
    pub(crate) fn interim(&mut self, key: RequestKey, bytes: &[u8]) {
        if key.stream != StreamId::HTTP1 {
            return self.give_stream(key, bytes, Beside::Nothing, false);
        }
        if let Some(conn) = busy(&mut self.conns, key) {
            conn.output.copy(bytes);
            self.hold_or_flush(key.connection);
        }
    }

    /// A part of a response that is in a file.
    pub(crate) fn stream_file(&mut self, key: RequestKey, part: FilePart) {
        if key.stream != StreamId::HTTP1 {
            return self.file_on_stream(key, part);
        }
        if let Some(conn) = busy(&mut self.conns, key) {
            conn.serving.begun = true;
            conn.output.file(part);
            self.hold_or_flush(key.connection);
        }
    }

    /// Whether a streaming application that had to wait may go on.
    pub(crate) fn room(&mut self, key: RequestKey) -> Option<Room> {
        if key.stream != StreamId::HTTP1 {
            return self.room_on_stream(key);
        }
        match busy(&mut self.conns, key) {
            None => Some(Room::Gone),
            Some(conn) if conn.output.queued() <= LOW_WATER => Some(Room::Yes),
            Some(_) => None,
        }
    }
}
