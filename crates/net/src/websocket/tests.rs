use super::*;

/// More is wanted as long as there is room, or only the close frame is awaited.
#[test]
fn when_bytes_are_wanted() {
    let settings = Settings {
        queue: 1,
        ..Settings::default()
    };
    let mut tools = Tools::new(&settings);
    let mut websocket = WebSocket::new(None, 0);
    assert!(websocket.wants_bytes(&settings));
    let mut input = b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b".to_vec();
    let fed = websocket.feed(&mut input, false, &settings, &mut tools);
    assert!(fed.used == 7 && fed.reject.is_none());
    assert!(!websocket.wants_bytes(&settings));
    let Tools { pool, out } = &mut tools;
    websocket.protocol.close(Some(1000), "", pool, out).unwrap();
    assert!(websocket.wants_bytes(&settings) && !websocket.is_over());
    let fed = websocket.feed(&mut input[7..], true, &settings, &mut tools);
    assert_eq!(fed.used, 7);
    assert!(!websocket.wants_bytes(&settings) && websocket.is_over());
    assert_eq!(websocket.waiting.take(), Message::Text(b"a".to_vec()));
    let (code, reason) = (ws::close::ABNORMAL, String::new());
    assert_eq!(websocket.waiting.take(), Message::Closed { code, reason });
}
