//! Connections that another worker has handed over, from the message on.

use std::io;

use proto::protocol::{Protocol, ProxyHeader, Served};

use super::super::Reactor;
use crate::body::Body;
use crate::config::Config;
use crate::conn::{Conn, Fed, Feeding};
use crate::handover::{Arrived, FRONT, HandedOver};
use crate::stream::Stream;

impl Reactor {
    /// A connection goes on here.
    pub(super) fn go_on_here(&mut self, arrived: Arrived) {
        let Arrived {
            waiting,
            socket,
            file,
            length,
        } = arrived;
        let before_body = waiting.proxied.saturating_add(waiting.head);
        if FRONT.saturating_add(before_body) > length {
            return self.lost_on_the_way(Some(waiting.peer), "its message was cut.");
        }
        self.board
            .begin_reading(self.slot, self.last_id + 1, waiting.peer);
        let conn = self.go_on_as(&waiting, Stream::plain(socket));
        let token = self.conns.insert(conn);
        self.board.set_connections(self.slot, self.conns.len());
        let tally = self.board.tally(self.slot);
        tally.taken();
        let Self {
            conns,
            config,
            pool,
            scratch,
            ..
        } = self;
        let bytes = scratch.get(FRONT..length).unwrap_or_default();
        let (Some(conn), Some((head, rest))) =
            (conns.get_mut(token), bytes.split_at_checked(before_body))
        else {
            return;
        };
        let body = match file {
            Some(file) => Ok((Body::File(file, waiting.body), rest)),
            None => inline_body(rest, waiting.body, config),
        };
        let mut feeding = Feeding::of(config, pool);
        let fed = match body {
            Ok((body, rest)) => conn.resume(head, body, rest, &mut feeding),
            Err(error) => Fed::Failed(error),
        };
        match fed {
            Fed::Ready(mut exchange) => {
                exchange.handed_over = true;
                exchange.pipelined = false;
                let before = self.inbox.len();
                self.ready(token, exchange, waiting.ready_ns);
                if waiting.requests <= 1 {
                    self.tally().connections.spoke_elsewhere(Protocol::Http1);
                }
                if self.inbox.len() > before {
                    // It has waited before those that this worker has read, and may not go again.
                    self.inbox.rotate_right(1);
                }
            }
            // A newer configuration may refuse what the older one has let through.
            other => self.on_fed(token, other, true),
        }
    }

    fn go_on_as(&self, waiting: &HandedOver, stream: Stream) -> Conn {
        let peer = waiting.peer;
        let trusted = &self.config.policy.forwarding.trusted;
        let trusted = trusted.contains_peer(peer.ip());
        let mut conn = Conn::new(stream, peer, waiting.listener, trusted, served(waiting));
        // It is counted again when it is complete here.
        conn.requests = waiting.requests.saturating_sub(1);
        conn
    }
}

/// How a connection goes on: the worker that has accepted it has seen how it begins, and passes on what a
/// proxy has said there.
fn served(waiting: &HandedOver) -> Served {
    let proxy = match waiting.proxied {
        0 => ProxyHeader::Off,
        _ => ProxyHeader::Auto,
    };
    Served {
        proxy,
        ..Served::HTTP1
    }
}

/// A body that came with the message, and what follows it.
fn inline_body<'a>(bytes: &'a [u8], length: u64, config: &Config) -> io::Result<(Body, &'a [u8])> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some((bytes, rest)) = bytes.split_at_checked(length) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let mut body = Body::default();
    if !bytes.is_empty() {
        body.append(bytes, &config.body)?;
    }
    Ok((body, rest))
}
