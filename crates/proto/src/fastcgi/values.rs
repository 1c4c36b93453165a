//! Name-value pairs (section 3.4), and what a web server may ask for by them (section 4.1).

use super::record;
use crate::gateway::Variable;
use crate::reject::Reject;

/// The pairs of some bytes; `None` for the first that is cut, after which there is nothing.
#[derive(Clone, Debug)]
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Option<Variable<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let pair = pair(self.0);
        self.0 = pair.map_or(&[], |(_, rest)| rest);
        Some(pair.map(|(pair, _)| pair))
    }
}

fn pair(bytes: &[u8]) -> Option<(Variable<'_>, &[u8])> {
    let (name, rest) = length(bytes)?;
    let (value, rest) = length(rest)?;
    let (name, rest) = rest.split_at_checked(name)?;
    let (value, rest) = rest.split_at_checked(value)?;
    Some(((name, value), rest))
}

/// One byte, or four of which the first has its highest bit set.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ ..0x80, rest @ ..] => Some((usize::from(*short), rest)),
        [a, b, c, d, rest @ ..] => {
            let long = u32::from_be_bytes([a & 0x7F, *b, *c, *d]);
            Some((usize::try_from(long).ok()?, rest))
        }
        _ => None,
    }
}

/// Appends the answer to `FCGI_GET_VALUES`: those of the values asked for that are known. How many
/// connections may be made is not this one's to say.
pub(super) fn answer(asked: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
    let mut said = Vec::new();
    for pair in Values(asked) {
        let (name, _) = pair.ok_or(Reject::InvalidRecord)?;
        let value: &[u8] = match name {
            b"FCGI_MAX_REQS" => b"1",
            b"FCGI_MPXS_CONNS" => b"0",
            _ => continue,
        };
        let lengths = [name.len(), value.len()].map(|len| u8::try_from(len).unwrap_or(0));
        said.extend_from_slice(&lengths);
        said.extend_from_slice(name);
        said.extend_from_slice(value);
    }
    let len = u16::try_from(said.len()).map_err(|_| Reject::InvalidRecord)?;
    record::push_front(record::GET_VALUES_RESULT, 0, len, 0, out);
    out.append(&mut said);
    Ok(())
}
