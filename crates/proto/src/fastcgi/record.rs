//! Records of FastCGI: eight bytes, content, padding (section 3.3).

use crate::reject::Reject;

/// Version, type, id (two bytes), length of the content (two bytes), of the padding, reserved.
pub(super) const FRONT: usize = 8;
/// The longest record of those that are read when they are whole.
pub(super) const LONGEST_VALUES: usize = 4096;

const VERSION: u8 = 1;
const KEEP_CONN: u8 = 1;

pub(super) const END_REQUEST: u8 = 3;
pub(super) const STDOUT: u8 = 6;
pub(super) const GET_VALUES_RESULT: u8 = 10;
const UNKNOWN_TYPE: u8 = 11;

const REQUEST_COMPLETE: u8 = 0;
const CANT_MPX_CONN: u8 = 1;
const UNKNOWN_ROLE: u8 = 3;

/// Types of records that a responder gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BeginRequest,
    AbortRequest,
    Params,
    Stdin,
    GetValues,
    Unknown(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Responder,
    /// Authorizer, filter, or none.
    Other,
}

/// What the first bytes of a record say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    pub(super) kind: Kind,
    pub(super) id: u16,
    pub(super) content: usize,
    pub(super) padding: usize,
}

impl Front {
    /// Of the record at the front; `None` while it is incomplete.
    pub(super) fn read(input: &[u8]) -> Result<Option<Self>, Reject> {
        if input.first().is_some_and(|version| *version != VERSION) {
            return Err(Reject::InvalidRecord);
        }
        let Some(&[_, kind, id_high, id_low, high, low, padding, _]) = input.first_chunk::<FRONT>()
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            kind: match kind {
                1 => Kind::BeginRequest,
                2 => Kind::AbortRequest,
                4 => Kind::Params,
                5 => Kind::Stdin,
                9 => Kind::GetValues,
                other => Kind::Unknown(other),
            },
            id: u16::from_be_bytes([id_high, id_low]),
            content: usize::from(u16::from_be_bytes([high, low])),
            padding: padding.into(),
        }))
    }
}

/// Role and whether the connection is kept, of the content of `FCGI_BEGIN_REQUEST` (section 5.1).
pub(super) fn begin_request(content: &[u8]) -> Option<(Role, bool)> {
    let &[high, low, flags, ..] = content.first_chunk::<8>()?;
    let role = match u16::from_be_bytes([high, low]) {
        1 => Role::Responder,
        _ => Role::Other,
    };
    Some((role, flags & KEEP_CONN != 0))
}

/// Appends the front of a record.
pub(super) fn push_front(kind: u8, id: u16, content: u16, padding: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, kind]);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&content.to_be_bytes());
    out.extend_from_slice(&[padding, 0]);
}

/// Appends the end of a request that is answered.
pub(super) fn complete(id: u16, out: &mut Vec<u8>) {
    end(id, REQUEST_COMPLETE, out);
}

/// Appends the end of one that is not served, since another is in hand.
pub(super) fn cannot_multiplex(id: u16, out: &mut Vec<u8>) {
    end(id, CANT_MPX_CONN, out);
}

/// Appends the end of one for another role than a responder's.
pub(super) fn unknown_role(id: u16, out: &mut Vec<u8>) {
    end(id, UNKNOWN_ROLE, out);
}

fn end(id: u16, status: u8, out: &mut Vec<u8>) {
    push_front(END_REQUEST, id, 8, 0, out);
    out.extend_from_slice(&[0, 0, 0, 0, status, 0, 0, 0]);
}

/// Appends the answer to a record about the connection that is not known (section 4.2).
pub(super) fn unknown_type(kind: u8, out: &mut Vec<u8>) {
    push_front(UNKNOWN_TYPE, 0, 8, 0, out);
    out.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
}
