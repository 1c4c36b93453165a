//! Access log lines on their way to where they go.
//!
//! Lines for a file wait for each other, some milliseconds at most: a write costs microseconds
//! however few bytes it has. Meanwhile they are on the scoreboard, where the master finds them if
//! this process dies. Where lines go to something else than a file, a reader waits for them: they leave
//! with each turn, in pieces that the lines of other workers cannot come between.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use crate::scoreboard::Scoreboard;

/// How long a line may wait, in ns.
const WAIT_NS: u64 = 10_000_000;
/// A pipe takes so many bytes in one piece (pipe(7)).
const WHOLE: usize = libc::PIPE_BUF;

/// Writes the lines of one worker.
pub(crate) struct Writer {
    board: Arc<Scoreboard>,
    slot: usize,
    /// A descriptor of our own: Python may close the one it has shown us at any time.
    to: Option<OwnedFd>,
    patience: Patience,
    /// When the oldest line came.
    since_ns: u64,
    /// The last write failed.
    failed: bool,
}

/// When lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// At once: no turn would come soon that could do it.
    None,
    /// At the end of the turn.
    Turn,
    /// When the oldest has waited long enough.
    Time,
}

impl Writer {
    pub(crate) fn new(board: Arc<Scoreboard>, slot: usize) -> Self {
        Self {
            board,
            slot,
            to: None,
            patience: Patience::Turn,
            since_ns: 0,
            failed: false,
        }
    }

    /// Where lines go from now on; those before should have been written. With `at_once` none waits.
    pub(crate) fn direct(&mut self, to: Option<RawFd>, at_once: bool) -> io::Result<()> {
        self.to = to.map(copy_of).transpose()?;
        self.patience = match &self.to {
            _ if at_once => Patience::None,
            Some(fd) if is_file(fd)? => Patience::Time,
            _ => Patience::Turn,
        };
        Ok(())
    }

    /// Adds a line at `now_ns`. The error is that of a write that became necessary, as in `write`.
    #[inline]
    pub(crate) fn add(&mut self, line: &[u8], now_ns: u64) -> Option<io::Error> {
        if self.board.kept_lines(self.slot).is_empty() {
            self.since_ns = now_ns;
        }
        if !self.board.keep_line(self.slot, line) {
            return self.make_room_and_add(line, now_ns);
        }
        match self.patience {
            Patience::None => self.write(),
            Patience::Turn | Patience::Time => None,
        }
    }

    #[cold]
    fn make_room_and_add(&mut self, line: &[u8], now_ns: u64) -> Option<io::Error> {
        let error = self.write();
        self.since_ns = now_ns;
        if self.board.keep_line(self.slot, line) {
            return error;
        }
        // Longer than all the room there is.
        let written = self.put(line);
        error.or(self.reported_once(written))
    }

    /// Whether it is time to write.
    #[inline]
    pub(crate) fn due(&self, now_ns: u64) -> bool {
        match self.patience {
            Patience::None | Patience::Turn => true,
            Patience::Time => now_ns.saturating_sub(self.since_ns) >= WAIT_NS,
        }
    }

    /// When it will be, in ms from now on.
    pub(crate) fn wait_ms(&self, now_ns: u64) -> Option<u64> {
        let due_ns = self.since_ns + WAIT_NS;
        let wait_ns = due_ns.saturating_sub(now_ns);
        (!self.board.kept_lines(self.slot).is_empty()).then_some(wait_ns.div_ceil(1_000_000))
    }

    /// Writes what there is. What cannot be written is lost: a log that is not read cannot stop the
    /// server. The error is given once, and not again for each write of a full disk.
    pub(crate) fn write(&mut self) -> Option<io::Error> {
        let lines = self.board.kept_lines(self.slot);
        if self.to.is_none() || lines.is_empty() {
            return None;
        }
        let written = self.put(lines);
        self.board.clear_lines(self.slot);
        self.reported_once(written)
    }

    fn put(&self, lines: &[u8]) -> io::Result<()> {
        let Some(to) = &self.to else { return Ok(()) };
        let most = match self.patience {
            Patience::Time => lines.len(),
            Patience::None | Patience::Turn => WHOLE,
        };
        let mut rest = lines;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_of(rest, most));
            write_all(to.as_raw_fd(), piece)?;
            rest = after;
        }
        Ok(())
    }

    fn reported_once(&mut self, written: io::Result<()>) -> Option<io::Error> {
        let before = std::mem::replace(&mut self.failed, written.is_err());
        written.err().filter(|_| !before)
    }
}

/// The length of as many whole lines as fit into `most` bytes, or of the first line.
fn piece_of(lines: &[u8], most: usize) -> usize {
    let end = |at: usize| at + 1;
    if lines.len() <= most {
        return lines.len();
    }
    let last = lines[..most].iter().rposition(|&byte| byte == b'\n');
    let first = || lines.iter().position(|&byte| byte == b'\n');
    last.or_else(first).map_or(lines.len(), end)
}

fn copy_of(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open: the handler that has shown it does not close it meanwhile.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}

fn is_file(fd: &OwnedFd) -> io::Result<bool> {
    // SAFETY: an all-zero stat is valid, and fstat writes only to it.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd.as_raw_fd(), &raw mut stat) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stat.st_mode & libc::S_IFMT == libc::S_IFREG)
    }
}

/// The whole of `bytes`; what a full pipe does not take at once is lost, with an error.
fn write_all(fd: RawFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable for its length.
        let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if count < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        bytes = &bytes[count.unsigned_abs()..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn pieces_end_with_lines() {
        for (lines, most, length) in [
            (&b"ab\ncd\n"[..], 6, 6),
            (b"ab\ncd\n", 5, 3),
            (b"ab\ncd\n", 3, 3),
            (b"abcd\nef\n", 3, 5),
            (b"abcd", 3, 4),
        ] {
            assert_eq!(piece_of(lines, most), length, "{lines:?} {most}");
        }
    }

    fn lines() -> (Writer, io::PipeReader, io::PipeWriter) {
        let board = Arc::new(Scoreboard::new(1, 1).unwrap());
        let (reader, writer) = io::pipe().unwrap();
        (Writer::new(board, 0), reader, writer)
    }

    fn read(reader: &mut io::PipeReader) -> String {
        let mut buffer = [0; 100];
        let count = reader.read(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[test]
    fn to_a_pipe_with_each_turn() {
        let (mut lines, mut reader, writer) = lines();
        lines.direct(Some(writer.as_raw_fd()), false).unwrap();
        drop(writer);
        assert!(lines.add(b"one\n", 5).is_none());
        assert!(lines.add(b"two\n", 6).is_none());
        assert!(lines.due(6));
        assert!(lines.write().is_none());
        assert_eq!(read(&mut reader), "one\ntwo\n");
    }

    #[test]
    fn at_once_where_no_turn_would_come() {
        let (mut lines, mut reader, writer) = lines();
        lines.direct(Some(writer.as_raw_fd()), true).unwrap();
        assert!(lines.add(b"one\n", 5).is_none());
        assert_eq!(read(&mut reader), "one\n");
    }

    #[test]
    fn to_a_file_when_the_oldest_has_waited() {
        let (mut lines, ..) = lines();
        let file = std::env::temp_dir().join(format!("licorne-lines-{}", std::process::id()));
        let log = std::fs::File::create(&file).unwrap();
        lines.direct(Some(log.as_raw_fd()), false).unwrap();
        assert_eq!(lines.wait_ms(7), None);
        assert!(lines.add(b"one\n", 1_000).is_none());
        assert!(lines.add(b"two\n", WAIT_NS).is_none());
        assert!(!lines.due(WAIT_NS) && lines.due(WAIT_NS + 1_000));
        assert_eq!(lines.wait_ms(1_000), Some(10));
        assert_eq!(lines.wait_ms(WAIT_NS), Some(1));
        assert_eq!(std::fs::read(&file).unwrap(), b"");
        assert!(lines.write().is_none());
        assert_eq!(std::fs::read(&file).unwrap(), b"one\ntwo\n");
        assert!(lines.add(&vec![b'x'; 20_000], 0).is_none());
        assert!(lines.add(&vec![b'y'; 20_000], 0).is_none());
        assert!(lines.add(&vec![b'z'; 40_000], 0).is_none());
        assert_eq!(std::fs::read(&file).unwrap().len(), 8 + 80_000);
        assert_eq!(lines.wait_ms(0), None);
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn an_error_is_reported_once() {
        let (mut lines, reader, writer) = lines();
        lines.direct(Some(writer.as_raw_fd()), true).unwrap();
        drop(reader);
        let error = lines.add(b"one\n", 0).map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::BrokenPipe));
        assert!(lines.add(b"two\n", 0).is_none());
        let (mut reader, writer) = io::pipe().unwrap();
        lines.direct(Some(writer.as_raw_fd()), true).unwrap();
        assert!(lines.add(b"three\n", 0).is_none());
        assert_eq!(read(&mut reader), "three\n");
        drop(reader);
        assert!(lines.add(b"four\n", 0).is_some());
    }
}
