//! From lines that were read to a request head that can be handed on.

use super::meaning;
use crate::head::RequestHead;
use crate::limits::Policy;
use crate::reject::Reject;

/// Gives the head its bytes and its meaning; `raw` is what `lines` found to be whole.
pub(super) fn complete(
    head: &mut RequestHead,
    raw: &[u8],
    policy: &Policy,
    trusted: bool,
) -> Result<(), Reject> {
    head.bytes.extend_from_slice(raw);
    if policy.permissions.casefold_http_method {
        let method = head.line.method;
        method.of_mut(&mut head.bytes).make_ascii_uppercase();
    }
    if policy.permissions.obsolete_folding {
        unfold(head);
    }
    head.meaning = meaning::of(head, policy, trusted)?;
    Ok(())
}

/// Replaces the line ends inside of folded values by spaces (RFC 9112, section 5.2).
#[cold]
fn unfold(head: &mut RequestHead) {
    for entry in &head.entries {
        for byte in entry.value.of_mut(&mut head.bytes) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
}
