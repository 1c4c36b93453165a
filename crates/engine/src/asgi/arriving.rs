//! The body of a request, as `receive()` hands it out.

use std::io;

use net::baton::Loop;
use net::body::Body;
use net::exchange::RequestKey;
use net::incoming::BodyPart;

/// Bytes of a body in one event, at most.
const PART: usize = 64 * 1024;

/// What is still to be handed out.
pub(super) enum Arriving {
    /// It is here, and was handed out as far as this byte.
    Whole(Body, u64),
    /// It flows.
    Flowing,
    /// Nothing more.
    Over,
}

/// What asking for more has come to.
pub(super) enum Part {
    /// Bytes, and whether more is to come.
    Bytes(Vec<u8>, bool),
    /// There is none now, or all was handed out.
    Later,
    /// The client has gone, or has broken a rule.
    Gone,
}

impl Arriving {
    pub(super) fn of(body: Body) -> Self {
        match body {
            Body::Flowing => Self::Flowing,
            body => Self::Whole(body, 0),
        }
    }

    /// The next part of the body of `key`'s request; `None`: it is answered, or has no connection.
    pub(super) fn next(&mut self, reactor: &Loop, key: Option<RequestKey>) -> io::Result<Part> {
        let mut bytes = Vec::new();
        let more = match self {
            Self::Over => return Ok(Part::Later),
            Self::Whole(body, position) => {
                let left = body.len().saturating_sub(*position);
                bytes.resize(usize::try_from(left).map_or(PART, |left| left.min(PART)), 0);
                let count = body.read_at(&mut bytes, *position)?;
                bytes.truncate(count);
                *position += count as u64;
                // A file that is shorter than it was has no more, either.
                count > 0 && *position < body.len()
            }
            Self::Flowing => {
                let Some(key) = key else {
                    return Ok(Part::Gone);
                };
                match reactor.read_body(key, PART, &mut bytes) {
                    BodyPart::Later => return Ok(Part::Later),
                    BodyPart::Gone => return Ok(Part::Gone),
                    BodyPart::Bytes(_) => !reactor.body_is_over(key),
                    BodyPart::End => false,
                }
            }
        };
        if !more {
            *self = Self::Over;
        }
        Ok(Part::Bytes(bytes, more))
    }
}
