//! A request body, complete before the application is called: in memory up to a size, then in a
//! temporary file without a name.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes of a request body.
#[derive(Debug, Default)]
pub enum Body {
    /// There is none.
    #[default]
    Empty,
    /// Small enough for memory.
    Memory(Vec<u8>),
    /// Spooled: the file and its length.
    File(File, u64),
}

impl Body {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `room` from `position` on, as far as the body goes.
    pub fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        match self {
            Self::Empty => Ok(0),
            Self::Memory(bytes) => {
                let rest = usize::try_from(position)
                    .ok()
                    .and_then(|at| bytes.get(at..));
                let rest = rest.unwrap_or_default();
                let count = rest.len().min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Self::File(file, _) => read_file(file, room, position),
        }
    }

    /// Room for a body of `expected` bytes, as far as it is to be in memory.
    pub(crate) fn reserve(&mut self, expected: u64, limits: &BodyLimits) {
        if expected > 0 && expected <= limits.memory {
            *self = Self::Memory(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)));
        }
    }

    /// Adds what was read from the connection.
    pub(crate) fn append(&mut self, bytes: &[u8], limits: &BodyLimits) -> io::Result<()> {
        if let Self::Empty = self {
            *self = Self::Memory(Vec::new());
        }
        match self {
            Self::Empty => {}
            Self::Memory(kept) if (kept.len() + bytes.len()) as u64 <= limits.memory => {
                kept.extend_from_slice(bytes);
            }
            Self::Memory(kept) => {
                let mut file = unnamed_file(&limits.directory)?;
                file.write_all(kept)?;
                file.write_all(bytes)?;
                *self = Self::File(file, (kept.len() + bytes.len()) as u64);
            }
            Self::File(file, length) => {
                file.write_all(bytes)?;
                *length += bytes.len() as u64;
            }
        }
        Ok(())
    }
}

/// Where bodies are kept.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// Bytes of one body that are kept in memory.
    pub memory: u64,
    /// Directory of the temporary files.
    pub directory: std::path::PathBuf,
}

fn read_file(file: &File, room: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match file.read_at(&mut room[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A file that disappears with its last descriptor.
fn unnamed_file(directory: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    #[cfg(target_os = "linux")]
    match options
        .clone()
        .custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC)
        .open(directory)
    {
        Ok(file) => return Ok(file),
        // Some filesystems have only files with names.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT)
            ) && directory.is_dir() => {}
        Err(error) => return Err(error),
    }
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("licorne-body-{}-{count}", std::process::id()));
        match options.create_new(true).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_first_then_a_file() {
        let limits = BodyLimits {
            memory: 10,
            directory: std::env::temp_dir(),
        };
        let mut body = Body::default();
        body.append(b"0123456", &limits).unwrap();
        assert!(matches!(body, Body::Memory(_)));
        body.append(b"789", &limits).unwrap();
        assert!(matches!(body, Body::Memory(_)));
        body.append(b"a", &limits).unwrap();
        body.append(b"bc", &limits).unwrap();
        assert!(matches!(body, Body::File(_, 13)));
        let mut room = [0; 20];
        assert_eq!(body.read_at(&mut room, 5).unwrap(), 8);
        assert_eq!(&room[..8], b"56789abc");
        assert_eq!(body.read_at(&mut room, 13).unwrap(), 0);
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error() {
        let limits = BodyLimits {
            memory: 0,
            directory: "/nonexistent".into(),
        };
        assert!(Body::default().append(b"x", &limits).is_err());
    }
}
