//! Frames: their headers in and out, and the small ones whole (RFC 9113, sections 4 and 6).

use super::code::ErrorCode;

/// Bytes in front of each frame's payload.
pub(crate) const HEADER: usize = 9;
/// Bytes of PING.
pub(super) const PING: usize = 8;
/// Bytes of one setting.
pub(super) const SETTING: usize = 6;
/// The largest number of a stream.
pub(super) const LAST_STREAM: u32 = 0x7fff_ffff;

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// RFC 9218, section 7.1.
    PriorityUpdate,
    /// Any other: it is ignored (section 5.5).
    Unknown,
}

/// Types and their numbers.
const KINDS: [(Kind, u8); 11] = [
    (Kind::Data, 0x0),
    (Kind::Headers, 0x1),
    (Kind::Priority, 0x2),
    (Kind::Reset, 0x3),
    (Kind::Settings, 0x4),
    (Kind::PushPromise, 0x5),
    (Kind::Ping, 0x6),
    (Kind::GoAway, 0x7),
    (Kind::WindowUpdate, 0x8),
    (Kind::Continuation, 0x9),
    (Kind::PriorityUpdate, 0x10),
];

impl Kind {
    fn of(number: u8) -> Self {
        let mut kinds = KINDS.iter();
        let found = kinds.find(|(_, each)| *each == number);
        found.map_or(Self::Unknown, |(kind, _)| *kind)
    }

    pub(super) fn number(self) -> u8 {
        let mut kinds = KINDS.iter();
        let found = kinds.find(|(kind, _)| *kind == self);
        found.map_or(0xff, |(_, number)| *number)
    }
}

/// Flags; a bit means nothing on frames that do not define it.
pub(super) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// What stands in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) len: u32,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Header {
    /// The header at the front of `input`, if all of it is there. The reserved bit is ignored.
    #[inline]
    pub(super) fn parse(input: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *input.first_chunk::<HEADER>()?;
        Some(Self {
            len: u32::from_be_bytes([0, a, b, c]),
            kind: Kind::of(kind),
            flags,
            stream: u32::from_be_bytes(stream) & LAST_STREAM,
        })
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Appends it.
    #[inline]
    pub(super) fn push(self, out: &mut Vec<u8>) {
        let [_, a, b, c] = self.len.to_be_bytes();
        out.extend_from_slice(&[a, b, c, self.kind.number(), self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
    }
}

/// The number at the front of a payload, with its highest bit.
pub(super) fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.first_chunk().copied().unwrap_or_default())
}

/// Appends a frame whose payload is short.
fn push(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    let header = Header {
        len: u32::try_from(payload.len()).unwrap_or_default(),
        kind,
        flags,
        stream,
    };
    header.push(out);
    out.extend_from_slice(payload);
}

/// Appends `RST_STREAM` (section 6.4).
pub(super) fn push_reset(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    push(out, Kind::Reset, 0, stream, &code.number().to_be_bytes());
}

/// Appends SETTINGS (section 6.5).
pub(super) fn push_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let mut payload = Vec::with_capacity(settings.len() * SETTING);
    for (name, value) in settings {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    push(out, Kind::Settings, 0, 0, &payload);
}

/// Appends the answer to SETTINGS.
pub(super) fn push_settings_ack(out: &mut Vec<u8>) {
    push(out, Kind::Settings, flag::ACK, 0, &[]);
}

/// Appends PING (section 6.7).
pub(super) fn push_ping(out: &mut Vec<u8>, flags: u8, payload: [u8; PING]) {
    push(out, Kind::Ping, flags, 0, &payload);
}

/// Appends GOAWAY (section 6.8); `why` is for a person on the other side.
pub(super) fn push_go_away(out: &mut Vec<u8>, last: u32, code: ErrorCode, why: &str) {
    let mut payload = Vec::with_capacity(8 + why.len());
    payload.extend_from_slice(&last.to_be_bytes());
    payload.extend_from_slice(&code.number().to_be_bytes());
    payload.extend_from_slice(why.as_bytes());
    push(out, Kind::GoAway, 0, 0, &payload);
}

/// Appends `WINDOW_UPDATE` (section 6.9).
pub(super) fn push_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    push(out, Kind::WindowUpdate, 0, stream, &increment.to_be_bytes());
}

#[cfg(test)]
mod tests;
