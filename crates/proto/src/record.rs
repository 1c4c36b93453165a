//! Records: what a response comes to where its connection carries many of them at once (HTTP/2).
//!
//! An application's thread encodes its response by itself, and knows neither the windows of its
//! stream nor what others send meanwhile. So it gives records, each a kind and a length with so many
//! bytes behind them, and the thread that writes to the connection makes frames of them.

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A field block (RFC 9113, section 4.3), of an interim response or of a head.
    Fields(&'a [u8]),
    /// The same with the end of the stream: of a head without a body, or of trailers.
    LastFields(&'a [u8]),
    /// Bytes of the body.
    Data(&'a [u8]),
    /// Bytes of the body that are given beside the records: so many.
    Beside(u64),
    /// The end of the stream.
    End,
}

const FIELDS: u8 = 1;
const LAST_FIELDS: u8 = 2;
const DATA: u8 = 3;
const BESIDE: u8 = 4;
const END: u8 = 5;

/// Bytes before those of a record: its kind and its length.
const FRONT: usize = 9;

/// Appends a record.
pub fn push(out: &mut Vec<u8>, record: Record<'_>) {
    let (kind, len, bytes): (u8, u64, &[u8]) = match record {
        Record::Fields(block) => (FIELDS, block.len() as u64, block),
        Record::LastFields(block) => (LAST_FIELDS, block.len() as u64, block),
        Record::Data(bytes) => (DATA, bytes.len() as u64, bytes),
        Record::Beside(len) => (BESIDE, len, &[]),
        Record::End => (END, 0, &[]),
    };
    out.reserve(FRONT + bytes.len());
    out.push(kind);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a record of fields whose block `fill` appends; `last`: the stream ends with them.
pub(crate) fn push_fields(out: &mut Vec<u8>, last: bool, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; FRONT]);
    fill(out);
    let len = (out.len() - start - FRONT) as u64;
    if let Some(front) = out.get_mut(start..start + FRONT)
        && let Some((kind, length)) = front.split_first_mut()
    {
        *kind = if last { LAST_FIELDS } else { FIELDS };
        length.copy_from_slice(&len.to_be_bytes());
    }
}

/// The records in `bytes`, which only [`push`] has written, one after the other.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Those in `bytes`.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (front, rest) = self.rest.split_first_chunk::<FRONT>()?;
        let [kind, length @ ..] = *front;
        let length = u64::from_be_bytes(length);
        if kind == BESIDE {
            self.rest = rest;
            return Some(Record::Beside(length));
        }
        let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        match kind {
            FIELDS => Some(Record::Fields(bytes)),
            LAST_FIELDS => Some(Record::LastFields(bytes)),
            DATA => Some(Record::Data(bytes)),
            END => Some(Record::End),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in() {
        let records = [
            Record::Fields(b"head"),
            Record::Data(b"some bytes"),
            Record::Data(b""),
            Record::Beside(u64::MAX),
            Record::LastFields(b"trailers"),
            Record::End,
        ];
        let mut bytes = Vec::new();
        for record in records {
            push(&mut bytes, record);
        }
        assert!(Records::of(&bytes).eq(records));
        // What is cut off is none.
        assert_eq!(Records::of(&bytes[..4]).next(), None);
        assert_eq!(Records::of(&bytes[..12]).next(), None);
    }

    #[test]
    fn a_block_is_filled_in_its_place() {
        let mut bytes = Vec::new();
        push_fields(&mut bytes, false, |out| out.extend_from_slice(b"one"));
        push_fields(&mut bytes, true, |_| {});
        let expected = [Record::Fields(&b"one"[..]), Record::LastFields(b"")];
        assert!(Records::of(&bytes).eq(expected));
    }
}
