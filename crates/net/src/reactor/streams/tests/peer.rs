//! A client that speaks in frames.

use std::os::unix::net::UnixStream;

use proto::h2::{PREFACE, hpack};

use crate::config::Config;
use crate::testing::{Client, Rig};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const END: u8 = 1;
pub(super) const WHOLE: u8 = 4;

/// A frame that has come: type, flags, stream, payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame(
    pub(super) u8,
    pub(super) u8,
    pub(super) u32,
    pub(super) Vec<u8>,
);

/// A client that speaks in frames.
pub(super) struct Framing {
    pub(super) client: Client<UnixStream>,
    kept: Vec<u8>,
}

pub(super) fn rig(change: impl FnOnce(&mut Config)) -> Rig {
    Rig::with(|config| {
        config.policy.served.http2_cleartext = true;
        config.policy.forwarding.trusted = proto::Trusted::parse(["*"]).unwrap();
        change(config);
    })
}

impl Framing {
    /// The prefaces have been exchanged; with this window for each stream.
    pub(super) fn new(rig: &mut Rig, window: u32) -> Self {
        let mut peer = Self {
            client: rig.connect(),
            kept: Vec::new(),
        };
        let mut setting = vec![0, 4];
        setting.extend(window.to_be_bytes());
        peer.client.send(PREFACE);
        peer.frame(SETTINGS, 0, 0, &setting);
        rig.turn();
        let kinds: Vec<_> = peer.frames().iter().map(|frame| frame.0).collect();
        assert_eq!(kinds, [SETTINGS, WINDOW_UPDATE, SETTINGS]);
        peer.frame(SETTINGS, 1, 0, &[]);
        peer.frame(WINDOW_UPDATE, 0, 0, &(1u32 << 20).to_be_bytes());
        peer
    }

    pub(super) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        self.client.send(bytes);
    }

    pub(super) fn ask(&mut self, stream: u32, method: &str, path: &str, end: bool) {
        self.ask_with(stream, method, path, end, &[]);
    }

    pub(super) fn ask_with(
        &mut self,
        stream: u32,
        method: &str,
        path: &str,
        end: bool,
        more: &[(&[u8], &[u8])],
    ) {
        let mut block = Vec::new();
        let head = [
            (&b":method"[..], method.as_bytes()),
            (b":scheme", b"http"),
            (b":path", path.as_bytes()),
            (b":authority", b"a"),
        ];
        hpack::encode(head.into_iter().chain(more.iter().copied()), &mut block);
        let flags = WHOLE | if end { END } else { 0 };
        self.frame(HEADERS, flags, stream, &block);
    }

    /// What has come.
    pub(super) fn frames(&mut self) -> Vec<Frame> {
        while let Some(bytes) = self.client.receive_some().filter(|bytes| !bytes.is_empty()) {
            self.kept.extend(bytes);
        }
        let mut frames = Vec::new();
        while let Some(front) = self.kept.first_chunk::<9>() {
            let [length @ .., kind, flags, _, _, _, _] = *front;
            let number = u32::from_be_bytes(front[5..].try_into().unwrap());
            let len = length
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            if self.kept.len() < 9 + len {
                break;
            }
            let payload = self.kept.drain(..9 + len).skip(9).collect();
            frames.push(Frame(kind, flags, number, payload));
        }
        frames
    }

    /// The same, without what keeps the windows open: type, flags, stream, length.
    pub(super) fn shapes(&mut self) -> Vec<(u8, u8, u32, usize)> {
        let frames = self.frames().into_iter();
        let frames = frames.filter(|frame| frame.0 != WINDOW_UPDATE);
        frames
            .map(|Frame(kind, flags, stream, payload)| (kind, flags, stream, payload.len()))
            .collect()
    }
}
