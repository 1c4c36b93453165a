//! The dynamic table of a decoder (RFC 7541, section 2.3.2): the fields that were sent last.
//!
//! Their bytes stand one behind the other in one buffer; those of fields that have left it are
//! dropped from its front in one go, so that no field costs an allocation of its own.

use std::collections::VecDeque;

use crate::known::Known;

/// What a field counts beside its bytes (section 4.1).
pub(super) const OVERHEAD: usize = 32;

/// A field of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableField<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) known: Option<Known>,
}

/// The newest fields, as many as the size allows.
#[derive(Debug)]
pub(super) struct Dynamic {
    bytes: Vec<u8>,
    /// How many bytes were ever dropped from the front of `bytes`.
    dropped: usize,
    /// The newest one first.
    entries: VecDeque<Entry>,
    size: usize,
    most: usize,
}

/// Where a field is.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Counted from the first byte that ever was in the buffer.
    start: usize,
    name: u32,
    value: u32,
    known: Option<Known>,
}

impl Entry {
    fn size(&self) -> usize {
        self.name as usize + self.value as usize + OVERHEAD
    }
}

impl Dynamic {
    /// An empty table of at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            dropped: 0,
            entries: VecDeque::new(),
            size: 0,
            most,
        }
    }

    /// The field at a position; 0 is the newest one.
    #[inline]
    pub(super) fn get(&self, position: usize) -> Option<TableField<'_>> {
        let entry = self.entries.get(position)?;
        let start = entry.start.wrapping_sub(self.dropped);
        let (name, value) = self
            .bytes
            .get(start..start + entry.name as usize + entry.value as usize)?
            .split_at_checked(entry.name as usize)?;
        Some(TableField {
            name,
            value,
            known: entry.known,
        })
    }

    /// Adds a field; the oldest ones make room (section 4.4). One that is larger than the table
    /// leaves it empty.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a field is smaller than the table, whose size has 32 bits"
    )]
    pub(super) fn insert(&mut self, field: TableField<'_>) {
        let TableField { name, value, known } = field;
        let size = name.len() + value.len() + OVERHEAD;
        self.evict(self.most.saturating_sub(size));
        if size > self.most {
            return;
        }
        if self.bytes.len() + size > 2 * self.most {
            self.compact();
        }
        self.entries.push_front(Entry {
            start: self.dropped.wrapping_add(self.bytes.len()),
            name: name.len() as u32,
            value: value.len() as u32,
            known,
        });
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.size += size;
    }

    /// Another size (section 4.3).
    pub(super) fn resize(&mut self, most: usize) {
        self.most = most;
        self.evict(most);
    }

    /// The oldest fields leave until the rest has at most `most` bytes.
    fn evict(&mut self, most: usize) {
        while self.size > most {
            let Some(oldest) = self.entries.pop_back() else {
                return;
            };
            self.size -= oldest.size();
        }
    }

    /// Drops the bytes of fields that have left.
    fn compact(&mut self) {
        let end = self.dropped.wrapping_add(self.bytes.len());
        let start = self.entries.back().map_or(end, |oldest| oldest.start);
        let gone = start.wrapping_sub(self.dropped);
        self.bytes.drain(..gone.min(self.bytes.len()));
        self.dropped = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(name: &'a [u8], value: &'a [u8]) -> TableField<'a> {
        TableField {
            name,
            value,
            known: None,
        }
    }

    #[test]
    fn the_newest_field_is_the_first_one() {
        let mut table = Dynamic::new(100);
        table.insert(field(b"a", b"1"));
        table.insert(field(b"b", b"2"));
        assert_eq!(table.get(0), Some(field(b"b", b"2")));
        assert_eq!(table.get(1), Some(field(b"a", b"1")));
        assert_eq!(table.get(2), None);
        assert_eq!(table.size, 68);
        table.insert(field(b"c", b""));
        assert_eq!(
            (table.get(1), table.get(2)),
            (Some(field(b"b", b"2")), None)
        );
    }

    #[test]
    fn a_field_that_is_too_large_empties_the_table() {
        let mut table = Dynamic::new(64);
        table.insert(field(b"a", b"1"));
        table.insert(field(&[b'x'; 33], b""));
        assert_eq!((table.get(0), table.size), (None, 0));
        table.insert(field(&[b'x'; 32], b""));
        assert_eq!(table.get(0), Some(field(&[b'x'; 32], b"")));
        table.resize(63);
        assert_eq!((table.get(0), table.size), (None, 0));
        table.resize(0);
        table.insert(field(b"", b""));
        assert_eq!(table.get(0), None);
    }

    #[test]
    fn it_is_what_a_list_would_be_and_its_memory_is_bounded() {
        let size = |all: &[(Vec<u8>, Vec<u8>)]| -> usize {
            let sizes = all.iter().map(|(name, value)| name.len() + value.len());
            sizes.map(|size| size + OVERHEAD).sum()
        };
        let evict = |model: &mut Vec<(Vec<u8>, Vec<u8>)>, most| {
            while size(model) > most {
                model.pop();
            }
        };
        let mut table = Dynamic::new(400);
        let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for turn in 0..2000_usize {
            let name = vec![b'n'; turn * 7 % 23];
            let value = vec![b'v'; turn * 13 % 61];
            table.insert(field(&name, &value));
            model.insert(0, (name, value));
            evict(&mut model, table.most);
            if turn % 97 == 0 {
                table.resize(200 + turn % 201);
                evict(&mut model, table.most);
            }
            for (at, (name, value)) in model.iter().enumerate() {
                assert_eq!(table.get(at), Some(field(name, value)));
            }
            assert_eq!(table.get(model.len()), None);
            assert!(table.bytes.len() <= 800, "{}", table.bytes.len());
        }
    }
}
