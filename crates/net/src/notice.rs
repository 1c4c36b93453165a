//! What the reactor has to tell the logs that Python writes. It may happen where no Python can run,
//! so it is kept here until an application thread comes by; the number kept is bounded and the excess
//! counted.

use std::collections::VecDeque;
use std::fmt;

use proto::{Forwarding, Reject, RequestHead, ws};

use crate::access_log::unserved::Unserved;
use crate::peer::Peer;
use crate::tls::Failure;

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The fault of a peer, or worth knowing.
    Warning,
    /// Something here does not work.
    Error,
}

/// One thing for the logs.
pub enum Notice {
    /// A line of the error log: how loud, and the whole sentence.
    Text(Level, String),
    /// A request that was answered without the application, and whose access log line Python writes.
    Unserved(Unserved),
}

/// Notices kept at most.
const LIMIT: usize = 1000;

/// The address of a peer, without its port.
struct Ip(Peer);

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Tcp(ip, _) => ip.fmt(f),
            Peer::Unix => f.write_str("unix"),
        }
    }
}

/// Notices not yet logged.
#[derive(Default)]
pub(crate) struct Notices {
    kept: VecDeque<Notice>,
    lost: u64,
    lost_lines: u64,
    /// It was told that a forwarded header was ignored: once is enough.
    ignored_header: bool,
}

impl Notices {
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(crate) fn push(&mut self, level: Level, text: String) {
        if self.kept.len() < LIMIT {
            self.kept.push_back(Notice::Text(level, text));
        } else {
            self.lost += 1;
        }
    }

    /// A request whose access log line Python has to write.
    pub(crate) fn unserved(&mut self, unserved: Unserved) {
        if self.kept.len() < LIMIT {
            self.kept.push_back(Notice::Unserved(unserved));
        } else {
            self.lost_lines += 1;
        }
    }

    /// A request that was refused (gunicorn's wording).
    pub(crate) fn rejected(&mut self, peer: Peer, reject: Reject) {
        let (message, section) = (reject.message(), reject.section());
        let answered = match reject.code() {
            None => format!("answered {}", reject.status()),
            Some(code) => format!("ended with {code:?}"),
        };
        let ip = Ip(peer);
        let text = format!("Invalid request from ip={ip}: {message} ({section}, {answered})");
        self.push(Level::Warning, text);
    }

    /// A connection whose TLS has failed.
    pub(crate) fn tls_failed(&mut self, peer: Peer, failure: &Failure) {
        let text = format!("TLS with ip={}: {failure}", Ip(peer));
        self.push(Level::Warning, text);
    }

    /// A WebSocket connection whose client has broken a rule.
    pub(crate) fn websocket_failed(&mut self, peer: Peer, reject: ws::Reject) {
        let text = format!(
            "Invalid WebSocket data from ip={}: {} ({}, closed with {})",
            Ip(peer),
            reject.message(),
            reject.section(),
            reject.code()
        );
        self.push(Level::Warning, text);
    }

    /// A peer that is not trusted has said how a request came; told of the first one.
    #[inline]
    pub(crate) fn ignored_header(
        &mut self,
        peer: Peer,
        head: &RequestHead,
        forwarding: &Forwarding,
    ) {
        if !std::mem::replace(&mut self.ignored_header, true) {
            self.first_ignored_header(peer, head, forwarding);
        }
    }

    #[cold]
    fn first_ignored_header(&mut self, peer: Peer, head: &RequestHead, forwarding: &Forwarding) {
        let (Some(name), Some(ip)) = (head.ignored_forwarded_header(), peer.ip()) else {
            return;
        };
        let text = format!(
            "{} from {ip} was ignored: this peer is not in forwarded_allow_ips. If it is your \
             proxy, add it: {}. Not told again by this worker.",
            name.escape_ascii(),
            forwarding.advice(ip)
        );
        self.push(Level::Warning, text);
    }

    pub(crate) fn take(&mut self) -> Vec<Notice> {
        let mut all: Vec<_> = self.kept.drain(..).collect();
        if self.lost > 0 {
            let text = format!("{} more notices of the engine were dropped", self.lost);
            all.push(Notice::Text(Level::Warning, text));
            self.lost = 0;
        }
        if self.lost_lines > 0 {
            let text = format!(
                "{} more requests were answered 503 without the application, and have no line in the \
                 access log: no thread came by to write them",
                self.lost_lines
            );
            all.push(Notice::Text(Level::Warning, text));
            self.lost_lines = 0;
        }
        all
    }
}
