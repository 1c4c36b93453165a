//! What the reactor must know, as plain values: read once when the worker starts.

use std::os::fd::RawFd;
use std::sync::Arc;

use proto::Policy;
use proto::h1::PageFacts;

use crate::body::BodyStore;
use crate::clock;
use crate::edge::Edge;
use crate::overdue::TimeLimits;
use crate::path_limits::PathLimits;
use crate::timer::{Cause, Deadline};
use crate::tls::Listening;

/// Configuration of one reactor.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches, in any combination"
)]
pub struct Config {
    /// What the parser accepts.
    pub policy: Policy,
    /// Where request bodies are kept.
    pub body: Arc<BodyStore>,
    /// A request goes to the application with its head, which then asks for the body
    /// ([`crate::baton::Loop::read_body`]); otherwise with its whole body.
    pub flowing_bodies: bool,
    /// The listeners speak TLS.
    pub tls: Option<Arc<Listening>>,
    /// Listeners that speak none, and send clients on to those that do.
    pub redirects: Redirects,
    /// Strict-Transport-Security of answers over TLS.
    pub hsts: Option<Arc<str>>,
    /// How WebSocket connections are served.
    pub websocket: crate::websocket::Settings,
    /// How long a kept connection may be idle, in ms; 0 closes after each response.
    pub keepalive_ms: u64,
    /// How long a request head may take, in ms; 0 for ever.
    pub header_timeout_ms: u64,
    /// How long a request body may pause, in ms; 0 for ever.
    pub body_timeout_ms: u64,
    /// How long a client may read nothing of a response, in ms; 0 for ever.
    pub write_timeout_ms: u64,
    /// What is asked of clients beyond that.
    pub edge: Edge,
    /// How long requests may run.
    pub limits: TimeLimits,
    /// How long complete requests may wait for a thread.
    pub queue_limits: PathLimits,
    /// Threads that run the application.
    pub threads: usize,
    /// Another loop polls the reactor, and its thread runs many requests at a time (greenlets,
    /// callbacks); each turn hands over all that is ready.
    pub polled: bool,
    /// A loop that polls asks for ready requests ([`crate::baton::Loop::take_ready`]) after each of
    /// its rounds with output: blocks of responses wait for that, and leave together.
    pub gathers: bool,
    /// Connections at most; accepting rests at the limit. 0 is unlimited.
    pub max_connections: usize,
    /// There are other workers on the same listeners: leave connections to them.
    pub siblings: bool,
    /// The queue by which workers hand connections to each other: its ends for sending and receiving.
    pub handover: Option<(RawFd, RawFd)>,
    /// The process that made this one: when it is gone, the worker stops. 0 does not look.
    pub parent: u32,
    /// A pipe that signal handlers write to; a driver that sees it acts on the signals.
    pub signal_fd: Option<RawFd>,
    /// Where the numbers of signals go on to, for a main thread that does not turn the reactor.
    pub signal_relay_fd: Option<RawFd>,
    /// The master's wake-up pipe: a byte makes it look at the scoreboard.
    pub master_fd: Option<RawFd>,
    /// How long a stop by ourselves may take, in ms.
    pub grace_ms: u64,
    /// At least this often, in ms, an idle driver looks up (heartbeat).
    pub beat_ms: u64,
    /// The stand-in's turns are a sign of life too (every worker type but sync).
    pub standin_beats: bool,
    /// The times of all requests are taken, for metrics: two looks at the clock each.
    pub timed: bool,
}

/// How long the preface of HTTP/2 may take where it has to come, in ms: clients send it at once
/// (RFC 9113, section 3.4; gunicorn's limit).
pub(crate) const PREFACE_MS: u64 = 1_000;

impl Config {
    /// Until when the first request of a client must have come, or what stands before it.
    pub(crate) fn first_deadline(&self, preface: bool, now_ms: u64) -> Deadline {
        let head = Deadline::after(Cause::Header, now_ms, self.header_timeout_ms);
        if preface {
            return head.sooner(Deadline::after(Cause::Header, now_ms, PREFACE_MS));
        }
        head
    }

    /// What a page of the server's own has beside its text; `secure`: it goes over TLS.
    pub(crate) fn page_facts(&self, secure: bool, head: bool) -> PageFacts<'_> {
        page_facts(self.hsts.as_deref(), secure, head)
    }
}

/// What a page of the server's own has beside its text: the time, and `hsts` if it goes over TLS
/// (`secure`). `head`: it is for HEAD.
pub fn page_facts(hsts: Option<&str>, secure: bool, head: bool) -> PageFacts<'_> {
    PageFacts {
        date: clock::coarse_unix_seconds(),
        hsts: hsts.filter(|_| secure),
        head,
    }
}

/// Which listeners send their clients on to those with TLS (`redirect_http`), and where to.
#[derive(Clone, Debug, Default)]
pub struct Redirects {
    /// For each listener whether it is one of them; those beyond are not.
    pub listeners: Vec<bool>,
    /// The port with TLS.
    pub port: u16,
}
