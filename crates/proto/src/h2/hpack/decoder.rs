//! From a header block to fields (RFC 7541, sections 3.2 and 6).

use super::dynamic::{Dynamic, OVERHEAD, TableField};
use super::{fixed, huffman, integer};
use crate::known::Known;
use crate::parts::Span;
use crate::reject::Reject;

/// What is kept of the header blocks that a peer has sent: the state of one direction of a
/// connection. Every block must pass through it, in order, whatever becomes of its fields.
#[derive(Debug)]
pub struct Decoder {
    table: Dynamic,
    /// What the table may be set to (section 4.2).
    limit: usize,
}

/// A header block that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    rest: &'a [u8],
    /// A field was read: the size of the table may not change any more.
    begun: bool,
}

impl<'a> Block<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            begun: false,
        }
    }
}

/// Name and value.
pub type OwnedField = (Vec<u8>, Vec<u8>);

/// A field that was read: where its parts are in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) name: Span,
    pub(crate) value: Span,
    /// Recognised in any case: whether it is in lower case was not looked at.
    pub(crate) known: Option<Known>,
}

impl Line {
    /// What it counts in a table, and in the size of a header list (RFC 9113, section 6.5.2).
    pub(crate) fn size(self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// What the first bits of a field say.
#[derive(Clone, Copy)]
enum Form {
    /// Name and value of a table.
    Indexed,
    /// A literal that is added to the dynamic table.
    Added,
    /// A literal that is not.
    Plain,
}

impl Decoder {
    /// A decoder whose dynamic table has at most `limit` bytes (`SETTINGS_HEADER_TABLE_SIZE`).
    pub fn new(limit: usize) -> Self {
        Self {
            table: Dynamic::new(limit),
            limit,
        }
    }

    /// All fields of a block, names with their values.
    pub fn decode(&mut self, block: &[u8]) -> Result<Vec<OwnedField>, Reject> {
        let mut block = Block::new(block);
        let (mut fields, mut out) = (Vec::new(), Vec::new());
        while let Some(line) = self.next(&mut block, &mut out)? {
            fields.push((line.name.of(&out).to_vec(), line.value.of(&out).to_vec()));
            out.clear();
        }
        Ok(fields)
    }

    /// The next field of a block, if there is one: appended to `out` as name, colon, space, value,
    /// CRLF. After an error nothing more can be decoded.
    #[inline]
    pub(crate) fn next(
        &mut self,
        block: &mut Block<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Line>, Reject> {
        loop {
            let Some(first) = block.rest.first() else {
                return Ok(None);
            };
            let (form, bits) = match first {
                0x80.. => (Form::Indexed, 7),
                0x40.. => (Form::Added, 6),
                0x20.. => {
                    self.resize(block)?;
                    continue;
                }
                // Never indexed or just not indexed: that matters to intermediaries (section 7.1.3).
                0x00.. => (Form::Plain, 4),
            };
            block.begun = true;
            let index = integer::decode(&mut block.rest, bits)?;
            return match form {
                Form::Indexed => self.indexed(index, out).map(Some),
                Form::Added => {
                    let line = self.literal(index, block, out)?;
                    self.table.insert(TableField {
                        name: line.name.of(out),
                        value: line.value.of(out),
                        known: line.known,
                    });
                    Ok(Some(line))
                }
                Form::Plain => self.literal(index, block, out).map(Some),
            };
        }
    }

    /// The size of the dynamic table changes (section 6.3): in front of the first field only.
    #[cold]
    fn resize(&mut self, block: &mut Block<'_>) -> Result<(), Reject> {
        let size = integer::decode(&mut block.rest, 5)?;
        if block.begun || size > self.limit {
            return Err(Reject::InvalidTableSize);
        }
        self.table.resize(size);
        Ok(())
    }

    /// The field with this index (section 2.3.3).
    #[inline]
    fn get(&self, index: usize) -> Result<TableField<'_>, Reject> {
        let field = match index.checked_sub(fixed::COUNT + 1) {
            Some(position) => self.table.get(position),
            None => fixed::get(index),
        };
        field.ok_or(Reject::InvalidHeaderIndex)
    }

    #[inline]
    fn indexed(&self, index: usize, out: &mut Vec<u8>) -> Result<Line, Reject> {
        let TableField { name, value, known } = self.get(index)?;
        let start = out.len();
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        let line = Line {
            name: Span::new(start, start + name.len()),
            value: Span::new(start + name.len() + 2, out.len()),
            known,
        };
        out.extend_from_slice(b"\r\n");
        Ok(line)
    }

    /// A field whose value, and whose name if `index` is 0, stand in the block (section 6.2).
    fn literal(
        &self,
        index: usize,
        block: &mut Block<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Line, Reject> {
        let start = out.len();
        let known = if index == 0 {
            string(&mut block.rest, out)?;
            Known::of(out.get(start..).unwrap_or_default())
        } else {
            let field = self.get(index)?;
            out.extend_from_slice(field.name);
            field.known
        };
        let name = Span::new(start, out.len());
        out.extend_from_slice(b": ");
        let start = out.len();
        string(&mut block.rest, out)?;
        let value = Span::new(start, out.len());
        out.extend_from_slice(b"\r\n");
        Ok(Line { name, value, known })
    }
}

/// Appends the string at the front of `input` (section 5.2).
#[inline]
fn string(input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
    let huffman = input.first().is_some_and(|first| first & 0x80 != 0);
    let len = integer::decode(input, 7)?;
    let Some((text, rest)) = input.split_at_checked(len) else {
        return Err(Reject::HeaderBlockCutShort);
    };
    *input = rest;
    if huffman {
        return huffman::decode(text, out);
    }
    out.extend_from_slice(text);
    Ok(())
}
