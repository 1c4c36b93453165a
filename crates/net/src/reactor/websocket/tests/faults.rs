//! What a client gets that breaks a rule of WebSocket, and when.

use super::*;

/// Each fault has its close frame, one line of the log, and the same code for the application.
#[test]
fn a_client_that_breaks_a_rule() {
    let mut unmasked = frame(TEXT, b"x");
    unmasked.drain(2..6);
    unmasked[1] &= 0x7f;
    let table = [
        (unmasked, 1002, "not masked"),
        (frame(0x83, b""), 1002, "Reserved opcode"),
        (frame(TEXT, b"\xff"), 1007, "not UTF-8"),
        (frame(0x80, b""), 1002, "Continuation frame"),
        (closing(1005, ""), 1002, "Invalid close code"),
        (frame(BINARY, &[0; 2_000]), 1009, "too big"),
    ];
    for (sent, code, why) in table {
        let (mut rig, mut client, key) = open(|config| {
            config.websocket.policy.message_size = 1_000;
        });
        client.send(frame(TEXT, b"fine"));
        rig.turn();
        assert_eq!(take_all(&mut rig, key), [text("fine")]);
        client.send(&sent);
        client.send(frame(TEXT, b"never looked at"));
        rig.turn();
        let got = client.receive_some().unwrap();
        assert_eq!(got[2..4], u16::to_be_bytes(code), "{why}");
        assert!(client.has_ended());
        let notices = rig.notices();
        let [line] = &notices[..] else {
            panic!("{notices:?}");
        };
        assert!(line.starts_with("Invalid WebSocket data from ip=unix: "));
        let answer = format!("closed with {code}");
        assert!(line.contains(why) && line.contains(&answer), "{line}");
        let all = take_all(&mut rig, key);
        let [Message::Closed { code: told, reason }] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(*told, code);
        assert!(reason.contains(why), "{reason}");
        client.send([b'x'; 1_000]);
        rig.turn();
        drop(client);
        rig.turn();
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}

/// What came before a frame that may not be is taken and answered first; then the client is told, also
/// when it sends no more.
#[test]
fn messages_before_a_bad_frame_can_be_answered() {
    for bad in [frame(0x83, b""), frame(0x80, b""), frame(0xa1, b"rsv2")] {
        for (asked, leaves) in [(true, false), (false, false), (false, true)] {
            let (mut rig, mut client, key) = open(|_| {});
            if asked {
                assert_eq!(take(&mut rig, key), Message::Later);
            }
            let one_and_two = [frame(TEXT, b"one"), frame(TEXT, b"two")].concat();
            client.send([one_and_two, bad.clone(), frame(PING, b"")].concat());
            if leaves {
                client.send_end();
            }
            for word in ["one", "two"] {
                rig.turn();
                assert_eq!(rig.notices(), [""; 0]);
                assert_eq!(take(&mut rig, key), text(word));
                assert_eq!(send(&mut rig, key, Kind::Text, word.as_bytes()), Room::Yes);
                rig.turn();
                assert_eq!(client.receive(5)[2..], *word.as_bytes());
            }
            assert_eq!(rig.notices(), [""; 0]);
            let Message::Closed { code: 1002, .. } = take(&mut rig, key) else {
                panic!("the fault is told when the application asks");
            };
            assert_eq!(rig.notices().len(), 1);
            let got = client.receive_some().unwrap();
            assert_eq!((got[0], &got[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
            assert!(client.has_ended());
            assert_eq!(take(&mut rig, key), Message::Gone);
        }
    }
}

/// An application that closes, or is done, does not wait for the fault.
#[test]
fn a_bad_frame_that_is_never_asked_for() {
    for ends in [false, true] {
        let (mut rig, mut client, key) = open(|_| {});
        client.send([frame(TEXT, b"one"), frame(0x83, b"")].concat());
        rig.turn();
        assert_eq!(take(&mut rig, key), text("one"));
        if ends {
            rig.reactor.end_websocket(key);
        } else {
            rig.reactor.close_websocket(key, 1000, "").unwrap();
        }
        rig.turn();
        assert_eq!(client.receive(4), close_frame(1000, ""));
        assert!(client.has_ended());
        drop(client);
        rig.turn();
        assert_eq!(rig.reactor.conns.len(), 0);
    }
}
