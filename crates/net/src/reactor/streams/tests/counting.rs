//! What the scoreboard is told of connections with streams.

use super::*;

#[test]
fn what_becomes_of_streams_is_counted() {
    let mut rig = rig(|config| config.policy.http2.max_concurrent_streams = 2);
    let mut peer = Framing::new(&mut rig, 1 << 20);
    for stream in [1, 3, 5] {
        peer.ask(stream, "GET", "/", true);
    }
    let (mut exchanges, _) = targets(&mut rig);
    assert_eq!(exchanges.len(), 2);
    assert_eq!(rig.board.read(0).streams, 2);
    peer.frame(RESET, 0, 1, &8u32.to_be_bytes());
    answer(&mut rig, exchanges.remove(1), 5);
    rig.turn();
    assert_eq!(rig.board.read(0).streams, 0);
    // A second SETTINGS of a wrong size ends the connection, and with it a stream.
    peer.ask(7, "GET", "/", true);
    rig.turn();
    assert_eq!(rig.board.read(0).streams, 1);
    peer.frame(SETTINGS, 0, 0, &[0]);
    rig.turn();
    assert_eq!(rig.board.read(0).streams, 0);
    let counts = rig.board.counts(0).connections;
    // Opened, closed, refused, reset by either side.
    assert_eq!(counts.streams, [3, 3, 1, 1, 0]);
    assert_eq!(counts.protocols, [0, 1, 0, 0]);
    let code = ErrorCode::FrameSizeError.number() as usize;
    assert_eq!(counts.goaways[code], 1);
    assert_eq!(counts.goaways.iter().sum::<u64>(), 1);
    assert_eq!(counts.budgets.iter().sum::<u64>(), 0);
}

#[test]
fn a_connection_that_goes_away_is_counted_once() {
    let mut rig = rig(|_| ());
    let mut peer = Framing::new(&mut rig, 1 << 20);
    peer.ask(1, "GET", "/", true);
    let exchange = rig.take().unwrap();
    answer(&mut rig, exchange, 5);
    rig.reactor.stop_streams();
    rig.turn();
    pass_ms(1_100);
    rig.turn();
    assert!(
        peer.frames()
            .iter()
            .filter(|frame| frame.0 == GO_AWAY)
            .count()
            > 1
    );
    let goaways = rig.board.counts(0).connections.goaways;
    assert_eq!((goaways[0], goaways.iter().sum::<u64>()), (1, 1));
}
