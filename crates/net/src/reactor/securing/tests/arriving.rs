//! Clients that have begun with TLS, at the limit of connections.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};

use super::{ANSWER, REQUEST, pair};
use crate::testing::{Rig, pass_ms};
use crate::testing_tls::{Authority, SecureClient, listening, material, terms};

/// Its client has a request ready, and others wait for that.
#[test]
fn one_in_its_handshake_makes_no_room() {
    for version in [&TLS12, &TLS13] {
        let (mut rig, mut client) = pair(version);
        client.step().unwrap();
        rig.turn();
        assert!(client.session.is_handshaking());
        assert!(!rig.reactor.make_room());
        client.talk(&mut rig).unwrap();
        assert!(!client.session.is_handshaking());
        assert!(!rig.reactor.make_room());
        client.send(REQUEST);
        client.talk(&mut rig).unwrap();
        let exchange = rig.next().unwrap();
        rig.answer(exchange, ANSWER, true);
        client.talk(&mut rig).unwrap();
        client.expect(ANSWER);
        assert!(rig.reactor.make_room(), "it is idle");
    }
}

/// One that says nothing does after a while, also if it has shaken hands.
#[test]
fn silent_clients_make_room() {
    for shakes_hands in [false, true] {
        let (mut rig, mut client) = pair(&TLS13);
        if shakes_hands {
            client.talk(&mut rig).unwrap();
        }
        pass_ms(999);
        rig.turn();
        assert!(!rig.reactor.make_room());
        pass_ms(1);
        rig.turn();
        assert!(rig.reactor.make_room());
    }
}

/// A full worker accepts the next client by itself, once the one that came before it stays silent.
#[test]
fn those_that_wait_for_a_silent_client_are_accepted() {
    let authority = Authority::new();
    let listening = listening(terms(), &material(&[authority.pair("a.example")]));
    let (mut rig, listener) = Rig::listening(|config| {
        config.tls = Some(listening);
        config.max_connections = 1;
    });
    let connect = || {
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = UnixStream::from(OwnedFd::from(socket));
        SecureClient::on(socket, Arc::new(authority.client(&TLS13)), "a.example")
    };
    let mut silent = connect();
    silent.talk(&mut rig).unwrap();
    let mut next = connect();
    next.send(REQUEST);
    next.talk(&mut rig).unwrap();
    assert!(next.session.is_handshaking() && silent.socket.read(&mut [0]).is_err());
    for _ in 0..3 {
        pass_ms(500);
        next.talk(&mut rig).unwrap();
    }
    assert!(rig.next().is_some());
}
