//! Access log lines of requests that were answered without the application, by whichever thread
//! turned the reactor.

use crate::exchange::Exchange;

/// A request that was answered without the application.
pub struct Unserved {
    /// The request. It is with its connection no more.
    pub exchange: Box<Exchange>,
    /// The status of the answer.
    pub status: u16,
    /// The answer, as far as there was a client for it.
    pub page: Vec<u8>,
    /// Bytes of the answer's content that were given to the connection.
    pub sent: u64,
    /// Monotonic ns at which it was answered.
    pub at_ns: u64,
}

impl Unserved {
    /// The fields of the answer, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.page.split(|&byte| byte == b'\n').skip(1);
        lines
            .map(<[u8]>::trim_ascii_end)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| {
                let colon = line.iter().position(|&byte| byte == b':')?;
                Some((&line[..colon], line[colon + 1..].trim_ascii_start()))
            })
    }
}

/// What becomes of the line of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnservedLine {
    /// It is rendered.
    Rendered,
    /// Python has to write it, when a thread of the application comes by.
    Python,
    /// There is none.
    None,
}

/// Makes such lines, without Python.
pub trait LogUnserved: Send + Sync {
    /// Appends the line of `unserved`, its end included, unless Python has to write it or there is
    /// none.
    fn render(&self, unserved: &Unserved, line: &mut Vec<u8>) -> UnservedLine;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_answer() {
        let mut page = Vec::new();
        proto::h1::busy_page(&mut page, proto::h1::PageFacts::default(), true);
        let unserved = Unserved {
            exchange: Box::default(),
            status: 503,
            page,
            sent: 0,
            at_ns: 0,
        };
        let fields: Vec<_> = unserved.fields().collect();
        assert_eq!(fields[0], (&b"Retry-After"[..], &b"1"[..]));
        let names = ["Retry-After", "Content-Type", "Content-Length", "Date"];
        assert!(
            fields
                .iter()
                .map(|(name, _)| *name)
                .eq(names.map(str::as_bytes))
        );
    }
}
