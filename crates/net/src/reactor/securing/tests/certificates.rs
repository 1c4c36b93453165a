//! Certificates of both sides, and sessions.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};

use super::{ANSWER, REQUEST, secured};
use crate::testing::{Rig, pass_ms};
use crate::testing_tls::{Authority, SecureClient, listening, material, terms};
use crate::tls::{ClientCertificates, TICKET_KEY};

#[test]
fn clients_show_their_certificates() {
    let authority = Authority::new();
    let mut material = material(&[authority.pair("a.example")]);
    material.authorities = authority.pem();
    for clients in [ClientCertificates::Optional, ClientCertificates::Required] {
        let mut terms = terms();
        terms.clients = clients;
        let listening = listening(terms, &material);
        let mut rig = secured(&listening);
        let config = authority.client_with(&authority.pair("me.example"));
        let mut client = SecureClient::connect(&mut rig, config, "a.example");
        client.send(REQUEST);
        client.talk(&mut rig).unwrap();
        let exchange = rig.next().unwrap();
        let tls = exchange.tls.as_ref().unwrap();
        let identity = tls.identity.as_ref().unwrap();
        assert_eq!(identity.common_name.as_deref(), Some("me.example"));
        assert!(
            identity.subject.contains("O=A\\, B"),
            "{}",
            identity.subject
        );
        assert_eq!(identity.serial, "8F01");
        assert_eq!(identity.dns, ["me.example"]);
        assert_eq!(identity.emails, ["a@b.example"]);
        assert_eq!(tls.chain.len(), 1);
        rig.answer(exchange, ANSWER, true);

        // Those without one, and those with one of another authority.
        let config = authority.client(&TLS13);
        let mut client = SecureClient::connect(&mut rig, config, "a.example");
        client.send(REQUEST);
        let refused = client.talk(&mut rig).is_err();
        assert_eq!(refused, clients == ClientCertificates::Required);
        assert_eq!(rig.next().is_some(), !refused);
        let stranger = Authority::new().pair("me.example");
        let config = authority.client_with(&stranger);
        let mut client = SecureClient::connect(&mut rig, config, "a.example");
        client.send(REQUEST);
        assert!(client.talk(&mut rig).is_err());
        assert!(rig.next().is_none());
        assert!(rig.notices()[0].contains("certificate"));
    }
}

#[test]
fn a_session_goes_on_with_another_worker() {
    let authority = Authority::new();
    let pair = authority.pair("a.example");
    for version in [&TLS12, &TLS13] {
        let config = Arc::new(authority.client(version));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            // Each with a store of its own: only the keys are the same.
            let listening = listening(terms(), &material(std::slice::from_ref(&pair)));
            let mut rig = secured(&listening);
            let (ours, theirs) = UnixStream::pair().unwrap();
            rig.accept_tls(ours, false);
            let mut client = SecureClient::on(theirs, Arc::clone(&config), "a.example");
            client.send(REQUEST);
            client.talk(&mut rig).unwrap();
            kinds.push(client.session.handshake_kind().unwrap());
        }
        assert_eq!(kinds[1], rustls::HandshakeKind::Resumed, "{kinds:?}");
    }
}

/// By the name asked for, with one label for a star; renewed ones are shown without a restart.
#[test]
fn certificates_are_chosen_by_name_and_renewed() {
    let authority = Authority::new();
    let [first, second] = ["a.example", "*.b.example"].map(|name| authority.pair(name));
    let listening = listening(terms(), &material(&[first, second]));
    let mut rig = secured(&listening);
    let connect = |rig: &mut Rig, name: &str| {
        let mut client = SecureClient::connect(rig, authority.client(&TLS13), name);
        client.send(REQUEST);
        client.talk(rig).is_ok()
    };
    assert!(connect(&mut rig, "a.example"));
    assert!(connect(&mut rig, "x.b.example"));
    assert!(!connect(&mut rig, "x.y.b.example"));
    assert!(!connect(&mut rig, "c.example"));
    let renewed = material(&[authority.pair("c.example")]);
    assert!(listening.store.publish(&renewed.pack()));
    pass_ms(1100);
    rig.turn();
    assert!(connect(&mut rig, "c.example"));
    drop(rig.notices());
    // What cannot be used leaves the old ones.
    let mut bad = material(&[authority.pair("d.example")]);
    bad.pairs[0].key = authority.pair("e.example").key;
    assert!(listening.store.publish(&bad.pack()));
    pass_ms(1100);
    rig.turn();
    assert_eq!(
        rig.notices(),
        [
            "Renewed certificates are not used, the old ones go on: the key does not belong to the \
          certificate"
        ]
    );
    assert!(connect(&mut rig, "c.example"));
    assert_eq!(renewed.tickets.len(), TICKET_KEY);
}
