use super::*;
use crate::drain::FRESH_MS;
use crate::testing::{Client, Rig, START_MS, pass_ms};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const GRACE_MS: u64 = 30_000;

/// Turns at each of the next so many ms, in steps.
fn turns(rig: &mut Rig, ms: u64) {
    for _ in 0..ms / 50 {
        pass_ms(50);
        rig.turn();
    }
}

#[test]
fn connections_leave_by_what_they_are_doing() {
    let (mut rig, listener) = Rig::listening(|_| {});
    let address = listener.local_addr().unwrap();
    let (mut idle, mut busy, mut fresh) = (rig.connect(), rig.connect(), rig.connect());
    idle.send(GET);
    let exchange = rig.take().unwrap();
    rig.answer(exchange, ANSWER, true);
    idle.expect(ANSWER);
    busy.send(GET);
    let exchange = rig.take().unwrap();
    rig.reactor.stop(START_MS + GRACE_MS);
    assert!(rig.reactor.last_answer(exchange.key.unwrap()));
    assert!(std::net::TcpStream::connect(address).is_err());
    rig.turn();
    assert!(idle.is_quiet() && fresh.is_quiet());
    turns(&mut rig, QUIET_MS + 50);
    assert!(idle.has_ended());
    assert!(busy.is_quiet() && fresh.is_quiet());
    drop(idle);
    rig.answer(exchange, ANSWER, false);
    assert_eq!(busy.receive_all().as_bytes(), ANSWER);
    drop(busy);
    turns(&mut rig, FRESH_MS - QUIET_MS);
    assert!(fresh.has_ended());
    assert_eq!(rig.reactor.drain, Drain::Draining(START_MS + GRACE_MS));
    drop(fresh);
    turns(&mut rig, 1_000);
    assert_eq!(rig.reactor.drain, Drain::Stopped);
}

/// Clients that keep their idle connections open hold a stop up for a second, and no longer.
#[test]
fn idle_clients_hold_a_stop_up_for_a_second() {
    let mut rig = Rig::new();
    let mut clients = [rig.connect(), rig.connect()];
    for client in &mut clients {
        client.send(GET);
        let exchange = rig.take().unwrap();
        rig.answer(exchange, ANSWER, true);
        client.expect(ANSWER);
    }
    rig.reactor.stop(START_MS + GRACE_MS);
    turns(&mut rig, QUIET_MS - 50);
    assert!(clients.iter_mut().all(Client::is_quiet));
    turns(&mut rig, 1_050 - (QUIET_MS - 50));
    assert!(clients.iter_mut().all(Client::has_ended));
    assert_eq!(rig.reactor.drain, Drain::Stopped);
}

/// A connection that the kernel had announced when the stop began is served.
#[test]
fn announced_clients_are_served() {
    let (mut rig, listener) = Rig::listening(|_| {});
    let mut client = Client::to(&listener);
    rig.reactor.stop(START_MS + GRACE_MS);
    assert_eq!(rig.reactor.conns.len(), 1);
    client.send(GET);
    let exchange = rig.take().unwrap();
    assert!(!exchange.keep_alive);
    rig.answer(exchange, ANSWER, false);
    assert_eq!(client.receive_all().as_bytes(), ANSWER);
}

/// What a client has pipelined before the stop is answered, and only its last answer is the last.
#[test]
fn pipelined_requests_are_all_answered() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    client.send(GET.repeat(3));
    let mut exchange = rig.take().unwrap();
    rig.reactor.stop(START_MS + GRACE_MS);
    for last in [false, false, true] {
        assert_eq!(rig.reactor.last_answer(exchange.key.unwrap()), last);
        rig.answer(exchange, ANSWER, !last);
        match rig.take() {
            Some(next) => exchange = next,
            None => break,
        }
    }
    assert_eq!(client.receive_all().as_bytes(), ANSWER.repeat(3));
}

/// At the deadline requests that no thread has begun are answered 503, and no other ones.
#[test]
fn requests_that_were_not_begun_can_be_sent_again() {
    let mut rig = Rig::new();
    let (mut begun, mut queued, mut half) = (rig.connect(), rig.connect(), rig.connect());
    begun.send(GET);
    let exchange = rig.take().unwrap();
    queued.send(GET);
    half.send(&GET[..9]);
    rig.turn();
    rig.reactor.stop(START_MS + 1_000);
    turns(&mut rig, 1_000);
    assert_eq!(rig.reactor.drain, Drain::Stopped);
    assert!(rig.reactor.inbox.is_empty());
    for client in [&mut queued, &mut half] {
        let bytes = client.receive_some().unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
    }
    assert!(begun.is_quiet());
    let notices = rig.notices();
    assert!(
        notices[0].contains("503") && notices[0].contains('1'),
        "{notices:?}"
    );
    rig.answer(exchange, ANSWER, false);
    assert_eq!(begun.receive_all().as_bytes(), ANSWER);
}
