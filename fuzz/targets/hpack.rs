//! Any bytes as header blocks: another implementation reads the same, tables keep to their size, and
//! what is encoded comes back.

#![no_main]

mod memory;
mod pieces;

use libfuzzer_sys::fuzz_target;
use licorne_proto::Reject;
use licorne_proto::h2::hpack::{self, Decoder, OwnedField};
use loona_hpack::decoder::DecoderError;
use pieces::Choices;

/// `SETTINGS_HEADER_TABLE_SIZE`.
const LIMITS: [usize; 5] = [4096, 0, 64, 256, 1000];

fuzz_target!(|data: &[u8]| {
    let Some(choices) = Choices::of(data) else {
        return;
    };
    let limit = *choices.one_of(&LIMITS);
    let before = memory::used();
    let mut decoder = Decoder::new(limit);
    let mut other = loona_hpack::Decoder::new();
    other.set_max_allowed_table_size(limit);
    other.set_max_table_size(limit);
    for block in blocks(choices.rest) {
        match (decoder.decode(block), other.decode(block)) {
            (Ok(fields), Ok(read)) => {
                assert_eq!(fields, read);
                comes_back(fields);
            }
            (Ok(fields), Err(DecoderError::SizeUpdateAtEnd)) => assert_eq!(fields, []),
            // It must stand in front of the first field (RFC 7541, section 4.2).
            (Err(Reject::InvalidTableSize), Ok(_)) | (Err(_), Err(_)) => return,
            other => panic!("{other:?}"),
        }
    }
    drop(other);
    // The bytes of a table and as many that have left it, and where each field of it is.
    let kept = memory::used() - before;
    assert!(kept <= 4 * limit + 1024, "{kept} bytes for {limit}");
});

/// Blocks, each behind its length.
fn blocks(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while let [len, behind @ ..] = rest {
        let (block, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        blocks.push(block);
        rest = behind;
    }
    blocks
}

/// What was read, encoded without a table and with Huffman codes where they are shorter.
fn comes_back(fields: Vec<OwnedField>) {
    let mut block = Vec::new();
    let pairs = fields.iter();
    let pairs = pairs.map(|(name, value)| (name.as_slice(), value.as_slice()));
    hpack::encode(pairs, &mut block);
    let lower = |(name, value): OwnedField| (name.to_ascii_lowercase(), value);
    let expected: Vec<_> = fields.into_iter().map(lower).collect();
    assert_eq!(
        loona_hpack::Decoder::new().decode(&block).as_ref(),
        Ok(&expected)
    );
    assert_eq!(Decoder::new(0).decode(&block), Ok(expected));
}
