//! What waits for the application: messages, then the end of the connection.

use std::collections::VecDeque;

use proto::ws::Kind;

use super::Message;

/// Bytes of messages that wait above which the socket is not read. One message may have more.
const MOST_BYTES: usize = 1024 * 1024;

/// Messages and the end that were received and not taken.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Mostly there is one, which needs no queue.
    first: Option<(Kind, Vec<u8>)>,
    others: VecDeque<(Kind, Vec<u8>)>,
    bytes: usize,
    end: End,
}

/// How the connection has ended.
#[derive(Debug, Default)]
enum End {
    /// Not yet.
    #[default]
    Open,
    /// With this code and reason.
    Closed(u16, String),
    /// So, and the application was told.
    Told,
}

impl Waiting {
    /// No further message may come. `most` of them may wait.
    pub(crate) fn is_full(&self, most: usize) -> bool {
        self.first.is_some() && (self.bytes >= MOST_BYTES || self.others.len() + 1 >= most)
    }

    /// There is a message to take.
    pub(crate) fn has_message(&self) -> bool {
        self.first.is_some()
    }

    /// There is something to take.
    pub(crate) fn has_news(&self) -> bool {
        self.first.is_some() || matches!(self.end, End::Closed(..))
    }

    /// A message has come.
    pub(crate) fn push(&mut self, kind: Kind, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        let message = (kind, bytes);
        if self.first.is_none() {
            self.first = Some(message);
        } else {
            self.others.push_back(message);
        }
    }

    /// The connection has ended. The first end counts.
    pub(crate) fn end(&mut self, code: u16, reason: &str) {
        if matches!(self.end, End::Open) {
            self.end = End::Closed(code, reason.to_owned());
        }
    }

    /// The messages are not wanted any more.
    pub(crate) fn drop_messages(&mut self) {
        self.first = None;
        self.others = VecDeque::new();
        self.bytes = 0;
    }

    /// The next message, or the end, once.
    pub(crate) fn take(&mut self) -> Message {
        if let Some((kind, bytes)) = self.first.take() {
            self.bytes -= bytes.len();
            self.first = self.others.pop_front();
            if self.first.is_none() {
                // An idle connection keeps no queue.
                self.others = VecDeque::new();
            }
            return match kind {
                Kind::Text => Message::Text(bytes),
                Kind::Binary => Message::Binary(bytes),
            };
        }
        match std::mem::replace(&mut self.end, End::Told) {
            End::Open => {
                self.end = End::Open;
                Message::Later
            }
            End::Closed(code, reason) => Message::Closed { code, reason },
            End::Told => Message::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_in_order_and_then_the_end_once() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.take(), Message::Later);
        for number in 0..5 {
            waiting.push(Kind::Binary, vec![number]);
        }
        waiting.end(1000, "first");
        waiting.end(1006, "second");
        for number in 0..5 {
            assert!(waiting.has_news());
            assert_eq!(waiting.take(), Message::Binary(vec![number]));
        }
        assert!(waiting.has_news());
        let (code, reason) = (1000, "first".to_owned());
        assert_eq!(waiting.take(), Message::Closed { code, reason });
        assert!(!waiting.has_news());
        assert_eq!(waiting.take(), Message::Gone);
    }

    #[test]
    fn it_is_full_by_number_or_by_bytes_and_never_when_empty() {
        let mut waiting = Waiting::default();
        assert!(!waiting.is_full(0));
        for _ in 0..3 {
            assert!(!waiting.is_full(3));
            waiting.push(Kind::Text, Vec::new());
        }
        assert!(waiting.is_full(3));
        waiting.take();
        assert!(!waiting.is_full(3));
        waiting.push(Kind::Text, vec![b'x'; MOST_BYTES - 1]);
        assert!(!waiting.is_full(9));
        waiting.push(Kind::Text, vec![b'x']);
        assert!(waiting.is_full(9));
        waiting.drop_messages();
        assert!(!waiting.is_full(9) && !waiting.has_news());
        assert_eq!(waiting.others.capacity(), 0);
    }
}
