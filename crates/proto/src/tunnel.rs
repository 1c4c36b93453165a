//! Bytes that are no HTTP: what follows the response that has switched away from it (RFC 9110,
//! sections 7.8 and 9.3.6).

use crate::event::{Event, Received, StreamId};

/// The receiving half of such a connection: data, then its end.
#[derive(Debug)]
pub struct Tunnel {
    /// The stream of the request that has asked for it.
    stream: StreamId,
    ended: bool,
}

impl Tunnel {
    /// Nothing has come through it yet.
    pub(crate) fn new(stream: StreamId) -> Self {
        Self {
            stream,
            ended: false,
        }
    }

    /// Takes one step: all of `input` is data. `eof` says that no more will come.
    pub fn receive(&mut self, input: &[u8], eof: bool) -> Received {
        let (consumed, event) = match input.len() {
            _ if self.ended => (0, Event::Closed),
            0 if eof => {
                self.ended = true;
                (0, Event::End(self.stream))
            }
            0 => (0, Event::NeedMore),
            count => (count, Event::Body(self.stream, 0..count)),
        };
        Received { consumed, event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_data_until_the_end() {
        let mut tunnel = Tunnel::new(StreamId::HTTP1);
        let stream = StreamId::HTTP1;
        let table = [
            (&b""[..], false, 0, Event::NeedMore),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                false,
                18,
                Event::Body(stream, 0..18),
            ),
            (b"\0\n", true, 2, Event::Body(stream, 0..2)),
            (b"", true, 0, Event::End(stream)),
            (b"", true, 0, Event::Closed),
            (b"x", false, 0, Event::Closed),
        ];
        for (input, eof, consumed, event) in table {
            let expected = Received { consumed, event };
            assert_eq!(tunnel.receive(input, eof), expected, "{input:?}");
        }
    }
}
