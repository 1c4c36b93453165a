//! What may follow what on a WebSocket connection of an ASGI application.

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The application has not decided.
    Connecting,
    /// It refuses with a response of its own, whose body is to come.
    Denying,
    /// Messages go both ways.
    Open,
    /// The application has closed it, or refused it; or its client has.
    Closed,
}

/// What an application may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Accept,
    Message,
    Close,
    DenialStart,
    DenialBody,
}

impl Kind {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "websocket.accept" => Self::Accept,
            "websocket.send" => Self::Message,
            "websocket.close" => Self::Close,
            "websocket.http.response.start" => Self::DenialStart,
            "websocket.http.response.body" => Self::DenialBody,
            _ => return None,
        })
    }

    /// Whether it may come at this stage.
    pub(super) const fn fits(self, stage: Stage) -> bool {
        matches!(
            (self, stage),
            (
                Self::Accept | Self::Close | Self::DenialStart,
                Stage::Connecting
            ) | (Self::DenialBody, Stage::Denying)
                | (Self::Message | Self::Close, Stage::Open)
        )
    }
}

/// How it has come there, for messages.
pub(super) const fn said(stage: Stage) -> &'static str {
    match stage {
        Stage::Connecting => "the connection is neither accepted nor refused",
        Stage::Denying => "websocket.http.response.body is to follow",
        Stage::Open => "the connection is open",
        Stage::Closed => "the connection is closed",
    }
}

/// Every pair: a build fails where one of them is another.
const _: () = {
    let fitting: [(Stage, [bool; 5]); 4] = [
        (Stage::Connecting, [true, false, true, true, false]),
        (Stage::Denying, [false, false, false, false, true]),
        (Stage::Open, [false, true, true, false, false]),
        (Stage::Closed, [false; 5]),
    ];
    let kinds = [
        Kind::Accept,
        Kind::Message,
        Kind::Close,
        Kind::DenialStart,
        Kind::DenialBody,
    ];
    let mut row = 0;
    while row < fitting.len() {
        let (stage, fits) = fitting[row];
        let mut column = 0;
        while column < kinds.len() {
            assert!(kinds[column].fits(stage) == fits[column]);
            column += 1;
        }
        row += 1;
    }
};
