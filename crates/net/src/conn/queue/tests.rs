use std::fs::File;
use std::io::Write;

use proto::record;

use super::*;
use crate::testing::Bytes;

fn records(all: &[Record<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for each in all {
        record::push(&mut out, *each);
    }
    out
}

fn unnamed(content: &[u8]) -> File {
    let mut file = tempfile();
    file.write_all(content).unwrap();
    file
}

fn tempfile() -> File {
    let (path, mut options) = (std::env::temp_dir(), std::fs::OpenOptions::new());
    let name = path.join(format!("licorne-queue-{:?}", std::thread::current().id()));
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&name)
        .unwrap();
    std::fs::remove_file(name).unwrap();
    file
}

/// Everything that a queue gives in frames of this size: `(kind, bytes)`.
fn drain(queue: &mut Queue, most: usize) -> Vec<(Next, Vec<u8>)> {
    let mut sent = Vec::new();
    loop {
        let next = queue.next();
        let mut out = Vec::new();
        match next {
            Next::Nothing => return sent,
            Next::Fields { .. } => out = queue.take_fields(),
            Next::Data => {
                let (count, end) = queue.measure(most).unwrap();
                queue.take_data(count, end, &mut out);
                assert_eq!(out.len(), count);
                sent.push((if end { Next::End } else { Next::Data }, out));
                continue;
            }
            Next::End | Next::Reset(_) => {
                sent.push((next, out));
                return sent;
            }
        }
        sent.push((next, out));
    }
}

#[test]
fn a_whole_response_is_two_frames() {
    let mut queue = Queue::default();
    let given = records(&[Record::Fields(b"head"), Record::Data(b"body"), Record::End]);
    queue.add(&given, Beside::Nothing);
    assert!(queue.is_complete());
    assert_eq!(queue.queued(), 8);
    let sent = drain(&mut queue, 100);
    let head = (Next::Fields { end: false }, b"head".to_vec());
    assert_eq!(sent, [head, (Next::End, b"body".to_vec())]);
    assert_eq!(queue.queued(), 0);
}

#[test]
fn without_a_body_the_head_is_the_end() {
    for given in [
        records(&[Record::LastFields(b"head")]),
        records(&[Record::Fields(b"head"), Record::End]),
    ] {
        let mut queue = Queue::default();
        queue.add(&given, Beside::Nothing);
        let sent = drain(&mut queue, 100);
        assert_eq!(sent, [(Next::Fields { end: true }, b"head".to_vec())]);
    }
}

/// What lies beside the records has its place among them.
#[test]
fn what_lies_beside_is_where_it_was_announced() {
    let mut file = unnamed(b"--file--");
    file.flush().unwrap();
    let part = FilePart {
        file,
        offset: 2,
        remaining: 4,
    };
    let mut queue = Queue::default();
    let given = records(&[Record::Beside(3), Record::LastFields(b"sum")]);
    queue.add(&records(&[Record::Data(b"a")]), Beside::Bytes(b"b"));
    queue.add(&[], Beside::File(part));
    let large = vec![b'x'; 2 * COPY_LIMIT];
    queue.add(&given, Beside::Shared(Box::new(Bytes(large.clone()))));
    let sent = drain(&mut queue, usize::MAX >> 1);
    let trailers = (Next::Fields { end: true }, b"sum".to_vec());
    assert_eq!(sent[0], (Next::Data, b"ab".to_vec()));
    assert_eq!(sent[1], (Next::Data, [&b"file"[..], &large].concat()));
    assert_eq!(sent[2..], [trailers]);
}

#[test]
fn bodies_are_cut_to_frames() {
    let mut queue = Queue::default();
    queue.add(&records(&[Record::Data(b"abcde")]), Beside::Nothing);
    queue.add(
        &records(&[Record::Data(b"fgh"), Record::End]),
        Beside::Nothing,
    );
    let sent: Vec<_> = drain(&mut queue, 4);
    assert_eq!(
        sent,
        [
            (Next::Data, b"abcd".to_vec()),
            (Next::End, b"efgh".to_vec())
        ]
    );
    // An end that comes later stands alone.
    queue.add(&records(&[Record::Data(b"ij")]), Beside::Nothing);
    assert_eq!(drain(&mut queue, 4), [(Next::Data, b"ij".to_vec())]);
    queue.add(&records(&[Record::End]), Beside::Nothing);
    assert_eq!(drain(&mut queue, 4), [(Next::End, Vec::new())]);
}

#[test]
fn what_is_cut_off_is_reset() {
    let mut queue = Queue::default();
    queue.add(&records(&[Record::Data(b"a")]), Beside::Nothing);
    assert!(!queue.is_complete());
    queue.cut_off(ErrorCode::InternalError);
    assert!(queue.is_complete());
    let sent = drain(&mut queue, 4);
    let reset = (Next::Reset(ErrorCode::InternalError), Vec::new());
    assert_eq!(sent, [(Next::Data, b"a".to_vec()), reset]);
}

#[test]
fn a_file_that_has_become_shorter_is_an_error() {
    let mut queue = Queue::default();
    let part = FilePart {
        file: unnamed(b"abc"),
        offset: 0,
        remaining: 4,
    };
    queue.add(&[], Beside::File(part));
    assert!(queue.measure(10).is_err());
}

/// A block of the application stays in memory until its last byte has left; a file is none.
#[test]
fn what_is_kept_is_all_of_each_block() {
    let mut queue = Queue::default();
    let large = vec![b'x'; COPY_LIMIT + 1];
    queue.add(
        &records(&[Record::Data(b"small")]),
        Beside::Shared(Box::new(Bytes(large))),
    );
    let part = FilePart {
        file: unnamed(&vec![b'y'; FILE_BLOCK + 1]),
        offset: 0,
        remaining: FILE_BLOCK as u64 + 1,
    };
    queue.add(
        &records(&[Record::Beside(9), Record::LastFields(b"sum")]),
        Beside::File(part),
    );
    let whole = 5 + COPY_LIMIT as u64 + 1 + 3;
    assert_eq!(queue.kept(), whole);
    let mut out = Vec::new();
    let mut take = |queue: &mut Queue, most| {
        let (count, end) = queue.measure(most).unwrap();
        queue.take_data(count, end, &mut out);
        queue.kept()
    };
    assert_eq!(take(&mut queue, 4), whole);
    assert_eq!(take(&mut queue, 1), whole - 5);
    assert_eq!(take(&mut queue, COPY_LIMIT), whole - 5);
    assert_eq!(take(&mut queue, 1), 3);
    // The next block of the file has been read.
    assert_eq!(take(&mut queue, 1), 3 + FILE_BLOCK as u64);
    drain(&mut queue, FILE_BLOCK);
    assert_eq!((queue.kept(), queue.queued()), (0, 0));
}
