//! From fields to a header block, without a dynamic table (RFC 7541, section 6).

use super::{fixed, huffman, integer};

/// Sets the size of the peer's dynamic table to 0, which is all that this encoder uses of it
/// (section 6.3). It stands at the front of the first block after the peer has made its table
/// smaller (section 4.2).
pub(crate) const EMPTY_TABLE: u8 = 0x20;

/// Appends a header block of fields, names with their values. Upper case in a name becomes lower
/// case (RFC 9113, section 8.2); pseudo-header fields come first.
pub fn encode<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>, out: &mut Vec<u8>) {
    for (name, value) in fields {
        push_field(out, name, value);
    }
}

/// Appends `:status`, with which the block of a response begins (RFC 9113, section 8.3.2).
pub fn push_status(out: &mut Vec<u8>, status: u16) {
    let digits = [status / 100 % 10, status / 10 % 10, status % 10];
    let digits = digits.map(|digit| b'0' + u8::try_from(digit).unwrap_or_default());
    push_field(out, b":status", &digits);
}

/// Appends one field.
pub fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let mut short = [0; 32];
    if !name.iter().any(u8::is_ascii_uppercase) {
        return push_lower(out, name, value);
    }
    match short.get_mut(..name.len()) {
        Some(lower) => {
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            push_lower(out, lower, value);
        }
        None => push_lower(out, &name.to_ascii_lowercase(), value),
    }
}

/// The same for a name in lower case: indexed where the static table has all of it (section 6.1),
/// else a literal that is not added to the dynamic table (section 6.2.2).
fn push_lower(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let Some(index) = fixed::name_index(name) else {
        out.push(0);
        push_string(out, name);
        return push_string(out, value);
    };
    if let Some(index) = fixed::value_index(index, value) {
        return integer::encode(out, 0x80, 7, index);
    }
    integer::encode(out, 0, 4, index);
    push_string(out, value);
}

/// A string in the shorter of its two forms (section 5.2).
fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    let encoded = huffman::encoded_len(text);
    if encoded < text.len() {
        integer::encode(out, 0x80, 7, encoded);
        return huffman::encode(text, out);
    }
    integer::encode(out, 0, 7, text.len());
    out.extend_from_slice(text);
}
