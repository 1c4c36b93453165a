//! An answer in records: what the encoder of HTTP/1 makes, as the output of a CGI program (RFC 3875,
//! section 6), in `FCGI_STDOUT`, then the end of the request (sections 5.3 and 5.5).

use super::record;

/// How HTTP/1 begins a response.
const STATUS_LINE: &[u8] = b"HTTP/1.1 ";
/// How CGI does.
const STATUS: &[u8] = b"Status: ";
/// Content of a record at most: a multiple of eight, which needs no padding.
const LONGEST: u16 = 0xFFF8;

/// How the answer to one request is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    id: u16,
    begun: bool,
    cut: bool,
}

impl Reply {
    pub(super) fn new(id: u16) -> Self {
        Self {
            id,
            begun: false,
            cut: false,
        }
    }

    /// Appends bytes of a response as `h1` encodes it, head first, in records.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if !self.begun && !rest.is_empty() {
            self.begun = true;
            if let Some(behind) = rest.strip_prefix(STATUS_LINE) {
                let end = behind.iter().position(|byte| *byte == b'\n');
                let (line, fields) = behind
                    .split_at_checked(end.map_or(0, |end| end + 1))
                    .unwrap_or_default();
                self.record(&[STATUS, line].concat(), out);
                rest = fields;
            }
        }
        for content in rest.chunks(LONGEST.into()) {
            self.record(content, out);
        }
    }

    /// Appends the front of the next record of `remaining` bytes that are sent from elsewhere, and
    /// answers how many of them are its content; there is no padding.
    pub fn announce(&mut self, remaining: u64, out: &mut Vec<u8>) -> u64 {
        self.begun = true;
        let len = u16::try_from(remaining).map_or(LONGEST, |len| len.min(LONGEST));
        record::push_front(record::STDOUT, self.id, len, 0, out);
        len.into()
    }

    /// The output will not be whole: its end is not said, so that the web server knows.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Appends the end of the output, and of the request.
    pub fn end(&self, out: &mut Vec<u8>) {
        if self.cut {
            return;
        }
        record::push_front(record::STDOUT, self.id, 0, 0, out);
        record::complete(self.id, out);
    }

    fn record(&self, content: &[u8], out: &mut Vec<u8>) {
        let len = u16::try_from(content.len()).unwrap_or(LONGEST);
        // To a multiple of eight, as the specification advises.
        let padding = (8 - len % 8) % 8;
        let padding = padding.to_le_bytes()[0];
        record::push_front(record::STDOUT, self.id, len, padding, out);
        out.extend_from_slice(content);
        out.resize(out.len() + usize::from(padding), 0);
    }
}
