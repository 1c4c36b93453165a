//! From lines that were read to a request head that can be handed on.

use crate::chars;
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::reject::Reject;
use crate::semantics::meaning;

/// Gives the head its bytes and its meaning; `raw` is what `lines` found to be whole.
pub(super) fn complete(
    head: &mut RequestHead,
    raw: &[u8],
    policy: &Policy,
    sender: Sender,
) -> Result<(), Reject> {
    head.bytes.extend_from_slice(raw);
    if policy.permissions.casefold_http_method {
        let method = head.line.method;
        method.of_mut(&mut head.bytes).make_ascii_uppercase();
    }
    if policy.permissions.obsolete_folding {
        unfold(head);
    }
    meaning::understand(head, policy, sender)
}

/// Makes each fold, with the white space around it, one space (RFC 9112, section 5.2).
#[cold]
fn unfold(head: &mut RequestHead) {
    let RequestHead { entries, bytes, .. } = head;
    for entry in entries {
        let value = entry.value.of_mut(bytes);
        if value.contains(&b'\n') {
            entry.value = entry.value.first(join_lines(value));
        }
    }
}

/// Joins the lines of a value at its front, and answers their length. Spaces take the place of the
/// rest: what is kept of the head, read once more, says the same.
fn join_lines(value: &mut [u8]) -> usize {
    let lines = value.split(|byte| *byte == b'\n');
    let lines: Vec<_> = lines
        .map(|line| chars::trim(line.strip_suffix(b"\r").unwrap_or(line)))
        .collect();
    let joined = lines.join(&b' ');
    let (front, rest) = value.split_at_mut(joined.len());
    front.copy_from_slice(&joined);
    rest.fill(b' ');
    joined.len()
}
