use super::{LOOK_NS, State};
use crate::clock;
use crate::testing::{Client, Rig, pass_ms, set_clock_ns};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn connections_and_their_requests_come_in_one_turn() {
    let (mut rig, listener) = Rig::listening(|_| {});
    let mut clients: Vec<_> = (0..20).map(|_| Client::to(&listener)).collect();
    for client in &mut clients {
        client.send(GET);
    }
    let exchange = rig.take().unwrap();
    assert_eq!(rig.reactor.conns.len(), 20);
    assert_eq!(rig.reactor.inbox.len(), 19);
    assert_eq!(rig.board.read(0).connections, 20);
    let address = clients[0].0.local_addr().unwrap().to_string();
    assert_eq!(exchange.peer.unwrap().to_string(), address);
}

/// At the limit the connection that has been idle for longest makes room; if all are busy, new
/// ones wait in the kernel until one is done.
#[test]
fn idle_clients_make_room() {
    let (mut rig, listener) = Rig::listening(|config| config.max_connections = 2);
    let mut clients = [Client::to(&listener), Client::to(&listener)];
    for client in &mut clients {
        client.send(GET);
        let exchange = rig.take().unwrap();
        rig.answer(exchange, ANSWER, true);
        client.expect(ANSWER);
        pass_ms(1);
    }
    let mut third = Client::to(&listener);
    third.send(GET);
    let busy = rig.take().unwrap();
    assert!(clients[0].has_ended(), "it was idle for longest");
    assert!(clients[1].is_quiet());
    clients[1].send(GET);
    let other = rig.take().unwrap();
    let mut fourth = Client::to(&listener);
    fourth.send(GET);
    assert!(rig.take().is_none());
    assert!(
        rig.reactor.acceptor.state == State::Paused,
        "a full worker is not woken for those that wait"
    );
    rig.answer(busy, ANSWER, true);
    assert!(rig.take().is_some(), "the third is idle now");
    assert_eq!(rig.reactor.conns.len(), 2);
    rig.answer(other, ANSWER, true);
}

/// The first request of one that has come a moment ago is on its way.
#[test]
fn new_clients_make_room_only_after_a_while() {
    let (mut rig, listener) = Rig::listening(|config| config.max_connections = 1);
    let mut silent = Client::to(&listener);
    rig.turn();
    let mut next = Client::to(&listener);
    next.send(GET);
    for _ in 0..2 {
        assert!(rig.take().is_none() && silent.is_quiet());
        pass_ms(500);
    }
    assert!(rig.take().is_some());
    assert!(silent.has_ended());
}

/// A worker with no thread free leaves new clients to its siblings.
#[test]
fn a_busy_worker_leaves_clients_to_its_siblings() {
    let (mut rig, listener) = Rig::listening(|config| config.siblings = true);
    rig.reactor.set_accepting(false);
    let _client = Client::to(&listener);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 0);
    rig.reactor.set_accepting(true);
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 1);
    let (mut alone, listener) = Rig::listening(|_| {});
    alone.reactor.set_accepting(false);
    let _client = Client::to(&listener);
    alone.turn();
    assert_eq!(alone.reactor.conns.len(), 1);
}

/// Clients that leave no pause do not keep the others out for ever.
#[test]
fn after_each_round_a_few_come_in() {
    let (mut rig, listener) = Rig::listening(|config| config.siblings = true);
    let mut clients = [Client::to(&listener), Client::to(&listener)];
    rig.turn();
    rig.turn();
    assert_eq!(rig.reactor.conns.len(), 2);
    rig.reactor.set_accepting(false);
    let _third = Client::to(&listener);
    for client in &mut clients {
        client.send(GET.repeat(8));
    }
    rig.turn();
    let serve = |rig: &mut Rig, requests: usize| {
        for _ in 0..requests {
            rig.reactor.accept_between_rounds();
            let exchange = rig.take().unwrap();
            rig.answer(exchange, ANSWER, true);
        }
        rig.reactor.conns.len()
    };
    let began_ns = clock::monotonic_ns();
    set_clock_ns(began_ns);
    assert_eq!(serve(&mut rig, 2), 2, "no round is over");
    assert_eq!(serve(&mut rig, 2), 3);
    let _fourth = Client::to(&listener);
    set_clock_ns(began_ns + LOOK_NS - 1);
    assert_eq!(serve(&mut rig, 4), 3, "the last look is too near");
    set_clock_ns(began_ns + LOOK_NS);
    assert_eq!(serve(&mut rig, 4), 4);
}
