//! What holds for any bytes of an HTTP/2 client: cuts do not matter, refusals are final, nothing
//! panics, what is encoded is decoded, and windows are what both sides think they are.

mod common;

use common::h2::*;
use licorne_proto::Policy;
use licorne_proto::h2::hpack::{self, Decoder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #[test]
    fn cuts_do_not_matter(
        parts in vec(near_frames(), 0..12), cuts in vec(any::<u16>(), 0..8), eof in any::<bool>(),
    ) {
        let input = [preface(), parts.concat()].concat();
        let policy = Policy::default();
        prop_assert_eq!(
            run(&policy, &pieces(&input, &cuts), eof),
            run(&policy, &[&input], eof)
        );
    }

    #[test]
    fn one_changed_byte_is_understood_the_same_however_it_comes(
        parts in vec(near_frames(), 1..8), at in any::<u16>(), byte in any::<u8>(),
        cuts in vec(any::<u16>(), 0..8),
    ) {
        let mut input = [preface(), parts.concat()].concat();
        let at = usize::from(at) % input.len();
        input[at] = byte;
        let policy = Policy::default();
        prop_assert_eq!(
            run(&policy, &pieces(&input, &cuts), true),
            run(&policy, &[&input], true)
        );
    }

    #[test]
    fn any_bytes_are_survived(
        begun in any::<bool>(), rest in vec(any::<u8>(), 0..300), cuts in vec(any::<u16>(), 0..4),
    ) {
        let input = if begun { [preface(), rest].concat() } else { rest };
        run(&Policy::default(), &pieces(&input, &cuts), true);
    }

    #[test]
    fn any_header_block_is_survived(blocks in vec(vec(any::<u8>(), 0..80), 1..6)) {
        let mut decoder = Decoder::new(4096);
        for block in &blocks {
            if decoder.decode(block).is_err() {
                break;
            }
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(fields in vec((names(), vec(any::<u8>(), 0..60)), 0..12)) {
        let mut block = Vec::new();
        let pairs = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
        hpack::encode(pairs, &mut block);
        prop_assert_eq!(Decoder::new(0).decode(&block), Ok(fields));
    }

    #[test]
    fn the_dynamic_table_is_the_same_on_both_sides(
        limit in 0..300_usize, blocks in vec(vec(operation(), 0..12), 1..12),
    ) {
        let mut decoder = Decoder::new(limit);
        let mut encoder = Encoder { table: Vec::new(), most: limit, limit };
        for operations in blocks {
            let (mut block, mut expected) = (Vec::new(), Vec::new());
            for operation in operations {
                expected.extend(encoder.carry_out(operation, expected.is_empty(), &mut block));
            }
            prop_assert_eq!(decoder.decode(&block), Ok(expected));
        }
    }
}

proptest! {
    #[test]
    fn streams_side_by_side_are_told_apart(
        requests in vec(body(), 1..8), order in vec(any::<u8>(), 0..60), cuts in vec(any::<u16>(), 0..12),
    ) {
        let mut waiting: Vec<_> = (1..).step_by(2).zip(&requests).map(|(stream, body)| body.frames(stream)).collect();
        let mut input = preface();
        // Streams are opened in their order; what is left at the end comes one after the other.
        let begun: Vec<u8> = waiting.iter_mut().flat_map(|frames| frames.remove(0)).collect();
        input.extend(begun);
        for which in order {
            let which = usize::from(which) % waiting.len();
            if !waiting[which].is_empty() {
                input.extend(waiting[which].remove(0));
            }
        }
        input.extend(waiting.concat().concat());
        let outcome = run(&Policy::default(), &pieces(&input, &cuts), true);
        for (stream, body) in (1..).step_by(2).zip(&requests) {
            let mut received = Vec::new();
            for said in &outcome.said {
                match said {
                    Said::Body(number, bytes) if *number == stream => received.extend_from_slice(bytes),
                    _ => {}
                }
            }
            prop_assert_eq!(received, body.whole());
            prop_assert!(outcome.said.contains(&Said::End(stream)));
        }
        let heads = outcome.said.iter().filter(|said| matches!(said, Said::Head(..)));
        prop_assert_eq!(heads.count(), requests.len());
        prop_assert_eq!(outcome.said.last(), Some(&Said::Closed));
    }
}

/// A request, and how it is cut into frames.
#[derive(Clone, Debug)]
struct Body {
    parts: Vec<(Vec<u8>, Option<u8>)>,
    /// Content-Length is there.
    announced: bool,
    trailers: bool,
    /// Where the header block is cut.
    cut: Option<u8>,
}

fn body() -> impl Strategy<Value = Body> {
    let padding = proptest::option::of(0..20_u8);
    let parts = vec((vec(any::<u8>(), 0..200), padding), 0..6);
    let cut = proptest::option::of(any::<u8>());
    (parts, any::<bool>(), any::<bool>(), cut).prop_map(|(parts, announced, trailers, cut)| Body {
        parts,
        announced,
        trailers,
        cut,
    })
}

impl Body {
    fn whole(&self) -> Vec<u8> {
        let parts: Vec<_> = self.parts.iter().map(|(part, _)| part.as_slice()).collect();
        parts.concat()
    }

    /// The head is the first of them; HEADERS and CONTINUATION are one.
    fn frames(&self, stream: u32) -> Vec<Vec<u8>> {
        let length = self.whole().len().to_string();
        let fields = if self.announced {
            request("POST", &[("content-length", &length)])
        } else {
            request("POST", &[])
        };
        let head = match self.cut {
            None => frame(HEADERS, END_HEADERS, stream, &fields),
            Some(at) => {
                let (front, rest) = fields.split_at(usize::from(at) % fields.len());
                let front = frame(HEADERS, NONE, stream, front);
                [front, frame(CONTINUATION, END_HEADERS, stream, rest)].concat()
            }
        };
        let mut frames = vec![head];
        for (part, padding) in &self.parts {
            frames.push(match padding {
                None => frame(DATA, NONE, stream, part),
                Some(padding) => {
                    let zeros = vec![0; usize::from(*padding)];
                    let payload = [&[*padding][..], part, &zeros].concat();
                    frame(DATA, PADDED, stream, &payload)
                }
            });
        }
        frames.push(if self.trailers {
            let trailers = block(&[("x-checksum", "abc")]);
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &trailers)
        } else {
            frame(DATA, END_STREAM, stream, &[])
        });
        frames
    }
}

/// What an encoder with a dynamic table may do.
#[derive(Clone, Debug)]
enum Operation {
    /// Changes the size of the table.
    Resize(usize),
    /// A field of a table, counted from the newest of the dynamic one.
    Indexed(usize),
    /// A literal: with a name of a table or its own, added to the table or not.
    Literal {
        name: Result<usize, Vec<u8>>,
        value: Vec<u8>,
        form: u8,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let name = prop_oneof![
        any::<u16>().prop_map(|at| Ok(at.into())),
        names().prop_map(Err)
    ];
    let value = vec(any::<u8>(), 0..20);
    let literal = (name, value, select(vec![0x00_u8, 0x10, 0x40]));
    prop_oneof![
        (0..400_usize).prop_map(Operation::Resize),
        any::<u16>().prop_map(|at| Operation::Indexed(at.into())),
        literal.prop_map(|(name, value, form)| Operation::Literal { name, value, form }),
    ]
}

/// A plain encoder, with its table as a list.
struct Encoder {
    table: Vec<(Vec<u8>, Vec<u8>)>,
    most: usize,
    limit: usize,
}

impl Encoder {
    /// Appends what the operation is in a block; the field that it stands for.
    fn carry_out(
        &mut self,
        operation: Operation,
        first: bool,
        out: &mut Vec<u8>,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        match operation {
            Operation::Resize(size) => {
                if first {
                    self.most = size.min(self.limit);
                    self.evict();
                    integer(out, 0x20, 5, self.most);
                }
                None
            }
            Operation::Indexed(at) => {
                if self.table.is_empty() {
                    return None;
                }
                let at = at % self.table.len();
                integer(out, 0x80, 7, 62 + at);
                Some(self.table[at].clone())
            }
            Operation::Literal { name, value, form } => {
                let bits = if form == 0x40 { 6 } else { 4 };
                let name = match name {
                    Ok(at) if !self.table.is_empty() => {
                        let at = at % self.table.len();
                        integer(out, form, bits, 62 + at);
                        self.table[at].0.clone()
                    }
                    Ok(_) => {
                        integer(out, form, bits, 31);
                        b"content-type".to_vec()
                    }
                    Err(name) => {
                        out.push(form);
                        string(out, &name);
                        name
                    }
                };
                string(out, &value);
                if form == 0x40 {
                    self.table.insert(0, (name.clone(), value.clone()));
                    self.evict();
                }
                Some((name, value))
            }
        }
    }

    fn evict(&mut self) {
        let size = |all: &[(Vec<u8>, Vec<u8>)]| -> usize {
            let sizes = all
                .iter()
                .map(|(name, value)| name.len() + value.len() + 32);
            sizes.sum()
        };
        while size(&self.table) > self.most {
            self.table.pop();
        }
    }
}

/// RFC 7541, section 5.1.
fn integer(out: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let low = |number: usize| number.to_le_bytes()[0];
    let most = (1 << bits) - 1;
    if value < most {
        out.push(first | low(value));
        return;
    }
    out.push(first | low(most));
    let mut rest = value - most;
    while rest >= 128 {
        out.push(low(rest) | 128);
        rest /= 128;
    }
    out.push(low(rest));
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    integer(out, 0, 7, text.len());
    out.extend_from_slice(text);
}

/// A frame that a client might send, or one that it must not.
fn near_frames() -> impl Strategy<Value = Vec<u8>> {
    let data = (
        select(vec![NONE, NONE, END_STREAM, PADDED]),
        streams(),
        vec(0..4_u8, 0..10),
    );
    let data = data.prop_map(|(flags, stream, payload)| frame(DATA, flags, stream, &payload));
    let updates = (streams(), any::<u32>());
    let updates =
        updates.prop_map(|(stream, by)| frame(WINDOW_UPDATE, NONE, stream, &by.to_be_bytes()));
    let values = select(vec![0, 1, 100, 16_384, 65_536, u32::MAX]);
    let settings = vec((1..10_u16, values), 0..4).prop_map(|pairs| settings(&pairs));
    prop_oneof![3 => heads(), 3 => data, 1 => any_kinds(), 1 => updates, 1 => settings]
}

fn streams() -> impl Strategy<Value = u32> {
    select(vec![1, 1, 1, 1, 1, 3, 3, 3, 5, 7, 0, 2])
}

/// HEADERS with blocks of all sorts.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let lengthy = [("content-length", "5"), ("cookie", "a"), ("cookie", "b")];
    let cookies = [
        ("cookie", "a"),
        ("x-a", "1"),
        ("te", "trailers"),
        ("cookie", "b"),
    ];
    let blocks = select(vec![
        request("GET", &[]),
        request("POST", &lengthy),
        request("POST", &cookies),
        request("POST", &[]),
        request("GET", &[("connection", "close")]),
        request("get", &[]),
        block(&[("x-trailer", "1")]),
        [&request("GET", &[])[..], &[0x40, 1, b'a', 1, b'b', 0xbe]].concat(),
        request("GET", &[]).split_at(4).0.to_vec(),
        vec![0x80],
    ]);
    let flags = select(vec![
        END_HEADERS,
        END_HEADERS,
        END_HEADERS | END_STREAM,
        NONE,
    ]);
    (flags, streams(), blocks)
        .prop_map(|(flags, stream, block)| frame(HEADERS, flags, stream, &block))
}

/// Frames with payloads of usual sizes.
fn any_kinds() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![
        0..10_u8,
        select(vec![
            PRIORITY_UPDATE,
            CONTINUATION,
            RST_STREAM,
            PING,
            GOAWAY,
            0xee
        ])
    ];
    let sizes = select(vec![0_usize, 4, 4, 5, 6, 8, 8, 12]);
    let parts = (kinds, any::<u8>(), streams(), sizes, any::<u8>());
    parts.prop_map(|(kind, flags, stream, len, byte)| frame(kind, flags, stream, &vec![byte; len]))
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    "[a-z0-9!#$%&'*+.^_`|~-]{1,40}".prop_map(String::into_bytes)
}

/// The input, cut at these places.
fn pieces<'a>(input: &'a [u8], cuts: &[u16]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts
        .iter()
        .map(|cut| usize::from(*cut) % (input.len() + 1))
        .collect();
    at.sort_unstable();
    let ends = at.iter().copied().chain([input.len()]);
    let mut start = 0;
    ends.map(|end| &input[std::mem::replace(&mut start, end)..end])
        .collect()
}
