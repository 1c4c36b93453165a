//! Connections and the poller: registered, removed, given away.

use std::io;
use std::os::fd::OwnedFd;

use super::Reactor;
use super::writing::busy;
use crate::conn::{Conn, Registration};
use crate::exchange::{RequestKey, Token};
use crate::notice::Level;

impl Reactor {
    /// Registers a connection with the poller; most short ones end before they need it.
    pub(super) fn register(&mut self, token: Token) {
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.registered != Registration::None {
            return;
        }
        conn.registered = Registration::Reading;
        if let Err(error) = self.poller.add_stream(conn.stream.fd(), token.to_bits()) {
            self.notices
                .push(Level::Error, format!("Cannot watch a connection: {error}"));
            self.remove(token);
        }
    }

    /// Has the poller report room to write too, from the first time that there is none.
    pub(super) fn register_for_writing(&mut self, token: Token) {
        self.register(token);
        let Some(conn) = self.conns.get_mut(token) else {
            return;
        };
        if conn.registered == Registration::Both {
            return;
        }
        conn.registered = Registration::Both;
        let fd = conn.stream.fd();
        if let Err(error) = self.poller.add_writing(fd, token.to_bits()) {
            self.notices
                .push(Level::Error, format!("Cannot watch a connection: {error}"));
            self.remove(token);
        }
    }

    /// Closes a connection now. A response still to come meets no connection.
    pub(super) fn remove(&mut self, token: Token) {
        let Some(mut conn) = self.conns.remove(token) else {
            return;
        };
        self.uncount_client(&conn);
        self.news.of_lost(&conn.serving, token);
        if let Some(mut streams) = conn.streams.take() {
            for open in streams.take_all() {
                self.lose_stream(open, token);
            }
            self.tally().connections.streams(&mut streams.counts);
        }
        if let Some(websocket) = conn.serving.websocket.take() {
            self.keep_waiting(conn.serving.key(token), websocket);
        }
        self.news.room = true;
        self.board.set_connections(self.slot, self.conns.len());
        self.connection_is_spare();
    }

    /// Takes a connection out, whose socket goes on elsewhere.
    pub(super) fn release(&mut self, token: Token) -> Option<Conn> {
        let conn = self.conns.remove(token)?;
        self.uncount_client(&conn);
        if conn.registered != Registration::None
            && let Err(error) = self.poller.remove(conn.stream.fd())
        {
            self.notices.push(
                Level::Error,
                format!("Cannot release a connection: {error}"),
            );
        }
        self.board.set_connections(self.slot, self.conns.len());
        self.connection_is_spare();
        Some(conn)
    }

    /// Gives the socket away, with the bytes that were read and not consumed, and those that were not
    /// written yet. `None`: the connection has gone or has switched.
    pub(crate) fn detach(
        &mut self,
        key: RequestKey,
    ) -> Option<(OwnedFd, Vec<u8>, io::Result<Vec<u8>>)> {
        let conn = busy(&mut self.conns, key)?;
        let framed = conn.output.in_records() || conn.streams.is_some();
        if framed || conn.is_tunnel() {
            return None;
        }
        let mut conn = self.release(key.connection)?;
        let input = conn.take_input();
        let unsent = conn.output.take_bytes();
        match conn.stream.into_fd() {
            Ok(fd) => Some((fd, input, unsent)),
            Err(error) => {
                let text = format!("Cannot give a connection to the application: {error}");
                self.notices.push(Level::Error, text);
                None
            }
        }
    }
}
