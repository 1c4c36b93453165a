//! What the server announces of itself: data, named after the settings that carry it.

use crate::limits::Limits;

/// What an HTTP/2 connection announces in its first SETTINGS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `http2_max_concurrent_streams`: streams that may be open at a time.
    pub max_concurrent_streams: u32,
    /// `http2_initial_window_size`: bytes of one request body that may be on their way or wait here.
    pub initial_window_size: u32,
    /// `http2_max_frame_size`: bytes of one frame; less than 16,384 stands for 16,384.
    pub max_frame_size: u32,
    /// `http2_max_header_list_size`: bytes of all fields of a request, and 32 for each of them.
    pub max_header_list_size: u32,
    /// WebSocket is served, so extended CONNECT is (RFC 8441).
    pub connect_protocol: bool,
}

impl Config {
    /// The smallest value that `SETTINGS_MAX_FRAME_SIZE` can have, and what holds without it.
    pub(crate) const FRAME: u32 = 16_384;
    /// The largest value (RFC 9113, section 6.5.2).
    pub(crate) const FRAME_MOST: u32 = 0xff_ffff;
    /// `SETTINGS_INITIAL_WINDOW_SIZE` where nothing is said.
    pub(crate) const WINDOW: u32 = 65_535;
    /// What the window of a connection is raised to at least: one request that is not read must not
    /// keep the others from being read.
    const CONNECTION_WINDOW: u32 = 1 << 20;
    /// `SETTINGS_HEADER_TABLE_SIZE` where nothing is said: the server says nothing.
    pub(crate) const HEADER_TABLE: u32 = 4096;

    /// The largest frame that is accepted.
    pub(crate) fn frame(&self) -> u32 {
        self.max_frame_size.clamp(Self::FRAME, Self::FRAME_MOST)
    }

    /// The window of a stream.
    pub(crate) fn window(&self) -> u32 {
        self.initial_window_size.clamp(1, i32::MAX.unsigned_abs())
    }

    /// The window of the connection: room for several bodies.
    pub(crate) fn connection_window(&self) -> u32 {
        let several = self.window().saturating_mul(4);
        several.clamp(Self::CONNECTION_WINDOW, i32::MAX.unsigned_abs())
    }

    /// The largest header list that is accepted.
    pub(crate) fn list(&self) -> usize {
        (self.max_header_list_size as usize).min(Limits::HEAD_CAP / 4)
    }

    /// Bytes that the heads of all open requests may have together: one may be as large as the list,
    /// and next to nothing on its way.
    pub(crate) fn heads(&self) -> usize {
        (self.list() * 16).max(1 << 20)
    }

    /// Bytes that an encoded header block may have: Huffman codes are shorter than what they stand
    /// for, but for bytes that no usual field has.
    pub(crate) fn block(&self) -> usize {
        (self.list() * 2).max(Self::FRAME as usize)
    }

    /// Bytes of a header list that are decoded at most. What is above the limit is decoded and
    /// dropped, so that the request gets an answer and the others go on; a list that is above this
    /// is made to cost time.
    pub(crate) fn list_cap(&self) -> usize {
        (self.list() * 4).max(1 << 18)
    }
}

impl Default for Config {
    /// gunicorn's values.
    fn default() -> Self {
        Self {
            max_concurrent_streams: 100,
            initial_window_size: Self::WINDOW,
            max_frame_size: Self::FRAME,
            max_header_list_size: 65_536,
            connect_protocol: false,
        }
    }
}
