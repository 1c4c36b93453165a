//! Messages and control frames to bytes. Whether they may be sent now is the connection's to say.

use super::deflate::Deflating;
use super::extension::Context;
use super::frame::{Header, Opcode};
use super::message::{Kind, Policy};
use super::pool::Pool;
use super::role::Role;

/// The sending half of a connection.
#[derive(Debug)]
pub(super) struct Sending {
    role: Role,
    deflating: Option<Box<Deflating>>,
}

impl Sending {
    /// Compresses as `context` says, if messages are compressed at all.
    pub(super) fn new(role: Role, context: Option<Context>) -> Self {
        Self {
            role,
            deflating: context.map(|context| Box::new(Deflating::new(context))),
        }
    }

    /// Appends a message, in one frame: nothing that is here already has to be cut.
    pub(super) fn message(
        &mut self,
        kind: Kind,
        policy: &Policy,
        pool: &mut Pool,
        message: &[u8],
        out: &mut Vec<u8>,
    ) {
        let compressed = match &mut self.deflating {
            Some(deflating) if message.len() >= policy.compress_from => {
                deflating.deflate(pool, message)
            }
            Some(_) | None => None,
        };
        let payload = compressed.unwrap_or(message);
        self.header(kind.opcode(), compressed.is_some(), payload.len())
            .push_with(payload, out);
    }

    /// Appends the header of a message that is sent as it is. False: it would be compressed or masked.
    pub(super) fn announce(
        &mut self,
        kind: Kind,
        policy: &Policy,
        len: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let compresses = self.deflating.is_some() && len >= policy.compress_from;
        let as_it_is = !compresses && self.role == Role::Server;
        if as_it_is {
            self.header(kind.opcode(), false, len).push(out);
        }
        as_it_is
    }

    /// Appends a control frame.
    pub(super) fn control(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        self.header(opcode, false, payload.len())
            .push_with(payload, out);
    }

    /// No message will be sent any more.
    pub(super) fn release(&mut self) {
        self.deflating = None;
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.deflating.as_ref().map_or(0, |each| each.held())
    }

    fn header(&mut self, opcode: Opcode, compressed: bool, len: usize) -> Header {
        Header {
            fin: true,
            compressed,
            opcode,
            mask: self.role.key(),
            len: len as u64,
        }
    }
}
