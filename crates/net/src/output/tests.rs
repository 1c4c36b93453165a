use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;

struct Bytes(Vec<u8>);

impl Shared for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A queue of every kind of segment, read slowly, arrives whole and in order.
#[test]
fn everything_arrives_in_order() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut stream = Stream::plain(OwnedFd::from(ours));
    let path = std::env::temp_dir().join(format!("licorne-output-{}", std::process::id()));
    let mut file = File::create_new(&path).unwrap();
    file.write_all(&vec![b'f'; 100_000]).unwrap();
    let part = FilePart {
        file: File::open(&path).unwrap(),
        offset: 10,
        remaining: 99_990,
    };
    std::fs::remove_file(&path).unwrap();

    let mut output = Output::default();
    let mut expected = Vec::new();
    output.share(Box::new(Bytes(vec![b'0'; 50])), 20);
    expected.extend([b'0'; 30]);
    for (index, size) in [10usize, 70_000, 5, 300_000].into_iter().enumerate() {
        let bytes = vec![b'a' + u8::try_from(index).unwrap(); size];
        expected.extend(&bytes);
        if size > COPY_LIMIT {
            output.share(Box::new(Bytes(bytes)), 0);
        } else {
            output.copy(&bytes);
        }
    }
    output.file(part);
    expected.extend(vec![b'f'; 99_990]);
    output.copy(b"end");
    expected.extend(b"end");
    assert_eq!(output.queued(), expected.len() as u64);

    let mut received = Vec::new();
    let mut room = [0; 4096];
    loop {
        let flushed = output.flush(&mut stream).unwrap();
        if flushed == Flushed::All {
            break;
        }
        let count = theirs.read(&mut room).unwrap();
        received.extend(&room[..count]);
    }
    assert_eq!(output.queued(), 0);
    drop(stream);
    theirs.read_to_end(&mut received).unwrap();
    assert!(received == expected);
}

/// Blocks that wait together are one chunk; what is written, shared or ended closes it.
#[test]
fn small_blocks_leave_as_one_chunk() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut stream = Stream::plain(OwnedFd::from(ours));
    let mut output = Output::default();
    let mut sent = |output: &mut Output| {
        let queued = usize::try_from(output.queued()).unwrap();
        assert_eq!(output.flush(&mut stream).unwrap(), Flushed::All);
        let mut room = vec![0; 65536];
        let count = theirs.read(&mut room).unwrap();
        room.truncate(count);
        // An open chunk is counted with the room for its length, and without its end.
        assert!(queued.abs_diff(count) < 8, "{queued} {count}");
        String::from_utf8(room).unwrap()
    };
    output.copy(b"HEAD");
    for block in ["a", "", "bcdefghijklmno", "p"] {
        output.chunk(block.as_bytes());
    }
    assert_eq!(sent(&mut output), "HEAD10\r\nabcdefghijklmnop\r\n");
    output.chunk(b"a");
    output.share_chunk(Box::new(Bytes(b"shared".to_vec())));
    output.chunk(b"b");
    output.copy(b"0\r\n\r\n");
    assert_eq!(
        sent(&mut output),
        "1\r\na\r\n6\r\nshared\r\n1\r\nb\r\n0\r\n\r\n"
    );
    output.chunk(&[b'x'; 5000]);
    output.chunk(&[b'y'; 5000]);
    let wire = sent(&mut output);
    assert!(wire.starts_with("2710\r\nxxx") && wire.ends_with("yyy\r\n"));
    assert_eq!(wire.len(), 10_000 + 8);
}

#[test]
fn a_run_that_is_full_is_left_for_another() {
    let mut output = Output::default();
    for _ in 0..3 {
        output.chunk(&vec![b'x'; RUN_LIMIT / 2]);
    }
    assert_eq!(output.segments.len(), 3);
    output.chunk(&vec![b'x'; 2 * RUN_LIMIT]);
    output.end_chunk();
    assert_eq!(output.segments.len(), 4);
    let written: usize = output
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Copied(run) => run.len(),
            Segment::Shared(_) | Segment::File(_) | Segment::FileRecord(_) => 0,
        })
        .sum();
    assert_eq!(output.queued(), written as u64);
}

#[test]
fn a_file_that_shrank_is_an_error() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let mut stream = Stream::plain(OwnedFd::from(ours));
    let mut output = Output::default();
    output.file(FilePart {
        file: File::open("/dev/null").unwrap(),
        offset: 0,
        remaining: 1,
    });
    assert!(output.flush(&mut stream).is_err());
}

/// What the records say: their content, which ends with the answer.
fn content(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut content, mut ended) = (Vec::new(), false);
    while let Some(&[1, kind, 0, 5, high, low, padding, 0]) = bytes.first_chunk::<8>() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        let (record, rest) = bytes[8..].split_at(len);
        bytes = &rest[usize::from(padding)..];
        match kind {
            6 => content.extend_from_slice(record),
            _ => ended = true,
        }
    }
    assert!(bytes.is_empty());
    (content, ended)
}

fn reply() -> fastcgi::Reply {
    let served = proto::protocol::Served {
        gateway: Some(proto::protocol::Gateway::FastCgi),
        ..proto::protocol::Served::HTTP1
    };
    let mut connection = proto::Connection::begin(served, false, false, false);
    let begin = [1, 1, 0, 5, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0];
    let mut head = proto::RequestHead::default();
    let got = connection.receive(&proto::Policy::default(), &begin, false, &mut head);
    assert_eq!(got.unwrap().event, proto::Event::Begun);
    connection.reply().unwrap()
}

#[test]
fn an_answer_of_every_kind_of_segment_in_records() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut stream = Stream::plain(OwnedFd::from(ours));
    let path = std::env::temp_dir().join(format!("licorne-records-{}", std::process::id()));
    std::fs::write(&path, vec![b'f'; 150_000]).unwrap();
    let part = FilePart {
        file: File::open(&path).unwrap(),
        offset: 10,
        remaining: 140_000,
    };
    std::fs::remove_file(&path).unwrap();
    let mut output = Output::default();
    output.begin_records(Some(reply()));
    output.copy(b"HTTP/1.1 200 OK\r\n\r\n");
    output.share(Box::new(Bytes(vec![b's'; 100_000])), 1);
    output.file(part);
    output.copy(b"end");
    output.end_records();
    assert!(!output.in_records());
    let mut got = Vec::new();
    while output.flush(&mut stream).unwrap() == Flushed::Blocked {
        let mut room = vec![0; 50_000];
        let count = theirs.read(&mut room).unwrap();
        got.extend_from_slice(&room[..count]);
    }
    assert_eq!(output.queued(), 0);
    drop(stream);
    theirs.read_to_end(&mut got).unwrap();
    let expected = [
        b"Status: 200 OK\r\n\r\n".to_vec(),
        vec![b's'; 99_999],
        vec![b'f'; 140_000],
        b"end".to_vec(),
    ];
    let (content, ended) = content(&got);
    assert!(content == expected.concat() && ended);
}
