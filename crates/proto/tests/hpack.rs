//! HPACK as others encode it: stories of header blocks, each of one connection.

#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use licorne_proto::h2::hpack::{self, Decoder};
use serde::Deserialize;

/// The header blocks of one direction of a connection.
#[derive(Deserialize)]
struct Story {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// `SETTINGS_HEADER_TABLE_SIZE` from here on.
    header_table_size: Option<usize>,
    /// The block in hexadecimal digits; stories that are not encoded have none.
    wire: Option<String>,
    headers: Vec<BTreeMap<String, String>>,
}

#[test]
fn stories() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/hpack");
    let folder = std::env::var_os("HPACK_STORIES").map_or(corpus, PathBuf::from);
    let mut blocks = 0;
    for path in files(&folder) {
        let story: Story = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        blocks += told(&story, &path);
    }
    assert!(blocks > 0, "no stories in {}", folder.display());
}

/// All stories in a folder and its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "json") {
            found.push(path);
        }
    }
    found
}

/// How many blocks a story has; each is decoded, and its fields come back.
fn told(story: &Story, path: &Path) -> usize {
    // What an encoder makes of smaller sizes stands in its blocks.
    let sizes = story.cases.iter().filter_map(|case| case.header_table_size);
    let mut decoder = Decoder::new(sizes.chain([4096]).max().unwrap_or_default());
    for (number, case) in story.cases.iter().enumerate() {
        let pairs = case.headers.iter().flatten();
        let bytes = |text: &String| text.clone().into_bytes();
        let fields: Vec<_> = pairs
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect();
        if let Some(wire) = &case.wire {
            let read = decoder.decode(&unhex(wire));
            assert_eq!(read.as_ref(), Ok(&fields), "{} {number}", path.display());
        }
        let mut block = Vec::new();
        let pairs = fields.iter();
        let pairs = pairs.map(|(name, value)| (name.as_slice(), value.as_slice()));
        hpack::encode(pairs, &mut block);
        assert_eq!(Decoder::new(0).decode(&block), Ok(fields));
    }
    story.cases.len()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}
