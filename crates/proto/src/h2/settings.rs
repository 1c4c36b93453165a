//! Settings of the peer and of the server (RFC 9113, section 6.5).

use super::config::Config;
use super::frame::SETTING;
use super::window;
use crate::reject::Reject;

/// Numbers of settings.
mod id {
    pub(super) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(super) const ENABLE_PUSH: u16 = 0x2;
    pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(super) const MAX_FRAME_SIZE: u16 = 0x5;
    pub(super) const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// RFC 8441, section 3.
    pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
    /// RFC 9218, section 2.1.
    pub(super) const NO_RFC7540_PRIORITIES: u16 = 0x9;
}

/// What counts of the peer's settings. Its table of fields is not used, it is never pushed to, and
/// how large its header lists may be is advice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// The largest frame that it takes.
    pub(super) frame: u32,
    /// The window that its streams begin with.
    pub(super) window: u32,
    /// It wants to hear that its table of fields has become smaller (RFC 7541, section 4.2).
    pub(super) smaller_table: bool,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            frame: Config::FRAME,
            window: Config::WINDOW,
            smaller_table: false,
        }
    }
}

/// The settings in a payload, in order, as they are checked.
pub(super) fn parse(payload: &[u8]) -> impl Iterator<Item = Result<(u16, u32), Reject>> + '_ {
    payload.chunks_exact(SETTING).map(|setting| {
        let [a, b, value @ ..] = *setting.first_chunk::<SETTING>().unwrap_or(&[0; SETTING]);
        let (name, value) = (u16::from_be_bytes([a, b]), u32::from_be_bytes(value));
        check(name, value).map(|()| (name, value))
    })
}

/// Values that a setting does not have (section 6.5.2).
fn check(name: u16, value: u32) -> Result<(), Reject> {
    match name {
        id::INITIAL_WINDOW_SIZE if i64::from(value) > window::MOST => {
            Err(Reject::InvalidInitialWindow)
        }
        id::MAX_FRAME_SIZE if !(Config::FRAME..=Config::FRAME_MOST).contains(&value) => {
            Err(Reject::InvalidSetting)
        }
        id::ENABLE_PUSH | id::ENABLE_CONNECT_PROTOCOL | id::NO_RFC7540_PRIORITIES if value > 1 => {
            Err(Reject::InvalidSetting)
        }
        _ => Ok(()),
    }
}

impl Peer {
    /// Takes one setting; by how much the windows of all streams change.
    pub(super) fn take(&mut self, name: u16, value: u32) -> i64 {
        match name {
            id::HEADER_TABLE_SIZE => self.smaller_table |= value < Config::HEADER_TABLE,
            id::MAX_FRAME_SIZE => self.frame = value,
            id::INITIAL_WINDOW_SIZE => {
                let change = i64::from(value) - i64::from(self.window);
                self.window = value;
                return change;
            }
            _ => {}
        }
        0
    }
}

/// What the server announces: the settings that differ from what holds without them.
pub(super) fn announced(config: &Config) -> Vec<(u16, u32)> {
    let mut settings = vec![
        (id::MAX_CONCURRENT_STREAMS, config.max_concurrent_streams),
        (id::INITIAL_WINDOW_SIZE, config.window()),
        (id::MAX_HEADER_LIST_SIZE, config.max_header_list_size),
        (id::NO_RFC7540_PRIORITIES, 1),
    ];
    if config.frame() != Config::FRAME {
        settings.push((id::MAX_FRAME_SIZE, config.frame()));
    }
    if config.connect_protocol {
        settings.push((id::ENABLE_CONNECT_PROTOCOL, 1));
    }
    settings
}

/// The payload that the value of HTTP2-Settings stands for: base64url without padding (RFC 7540,
/// section 3.2.1).
pub(super) fn from_token(token: &[u8]) -> Result<Vec<u8>, Reject> {
    let mut payload = Vec::with_capacity(token.len() * 3 / 4);
    let (mut bits, mut have) = (0_u32, 0);
    for letter in token {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return Err(Reject::InvalidUpgradeSettings),
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        have += 6;
        if have >= 8 {
            have -= 8;
            payload.push((bits >> have & 0xff) as u8);
        }
    }
    if payload.len() % SETTING != 0 || have >= 6 {
        return Err(Reject::InvalidUpgradeSettings);
    }
    Ok(payload)
}

#[cfg(test)]
mod tests;
