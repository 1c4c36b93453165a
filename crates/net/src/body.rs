//! A request body that is whole before the application is called: in memory up to a size, then in a
//! temporary file without a name. All bodies of a worker share one budget of memory, so that many
//! uploads at once cannot take more than was planned.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The bytes of a request body.
#[derive(Debug, Default)]
pub enum Body {
    /// There is none.
    #[default]
    Empty,
    /// Small enough for memory.
    Memory(Memory),
    /// Spooled: the file and its length.
    File(File, u64),
    /// Not here: it is handed out as it comes ([`crate::baton::Loop::read_body`]).
    Flowing,
}

impl Body {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty | Self::Flowing => 0,
            Self::Memory(memory) => memory.bytes.len() as u64,
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
            Self::Empty | Self::Flowing => Ok(0),
            Self::Memory(memory) => {
                let at = usize::try_from(position).ok();
                let rest = at.and_then(|at| memory.bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Self::File(file, _) => read_file(file, room, position),
        }
    }

    /// Room for a body of `expected` bytes, as far as it is to be in memory.
    pub(crate) fn reserve(&mut self, expected: u64, store: &Arc<BodyStore>) {
        if expected > 0
            && let Some(memory) = Memory::lease(expected, store)
        {
            *self = Self::Memory(memory);
        }
    }

    /// The bytes, if they are in memory.
    pub(crate) fn in_memory(&self) -> Option<&[u8]> {
        match self {
            Self::Empty => Some(&[]),
            Self::Memory(memory) => Some(&memory.bytes),
            Self::File(..) | Self::Flowing => None,
        }
    }

    /// Puts a body that is in memory into a file.
    pub(crate) fn spool(&mut self, store: &BodyStore) -> io::Result<()> {
        if let Self::Memory(memory) = self {
            let mut file = unnamed_file(&store.directory)?;
            file.write_all(&memory.bytes)?;
            *self = Self::File(file, memory.bytes.len() as u64);
        }
        Ok(())
    }

    /// Adds what was read from the connection.
    pub(crate) fn append(&mut self, bytes: &[u8], store: &Arc<BodyStore>) -> io::Result<()> {
        if let Self::Empty = self
            && let Some(memory) = Memory::lease(0, store)
        {
            *self = Self::Memory(memory);
        }
        match self {
            Self::Memory(memory) => {
                if !memory.extend(bytes) {
                    let mut file = unnamed_file(&store.directory)?;
                    file.write_all(&memory.bytes)?;
                    file.write_all(bytes)?;
                    let length = memory.bytes.len() + bytes.len();
                    *self = Self::File(file, length as u64);
                }
            }
            Self::Empty | Self::Flowing => {
                let mut file = unnamed_file(&store.directory)?;
                file.write_all(bytes)?;
                *self = Self::File(file, bytes.len() as u64);
            }
            Self::File(file, length) => {
                file.write_all(bytes)?;
                *length += bytes.len() as u64;
            }
        }
        Ok(())
    }
}

/// Where the bodies of a worker are kept.
#[derive(Debug)]
pub struct BodyStore {
    /// Bytes of one body that are kept in memory.
    each: u64,
    /// Bytes of all bodies that are kept in memory.
    all: u64,
    /// Directory of the temporary files.
    directory: PathBuf,
    used: AtomicU64,
    /// Large buffers whose pages are there already.
    spare: Mutex<Vec<Vec<u8>>>,
}

/// All bodies together may take this many times the memory of one.
const TOGETHER: u64 = 8;
/// Buffers from this size on are kept for the next body, while there is traffic.
const LARGE: usize = 256 * 1024;
/// Number of them.
const SPARE: usize = 8;

impl BodyStore {
    /// Up to `each` bytes of a body in memory, the rest in files in `directory`.
    pub fn new(each: u64, directory: PathBuf) -> Self {
        Self {
            each,
            all: each.saturating_mul(TOGETHER),
            directory,
            used: AtomicU64::new(0),
            spare: Mutex::default(),
        }
    }

    /// The directory of the temporary files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Gives spare buffers back to the system if no body is in memory.
    pub(crate) fn trim(&self) {
        if !self.holds_any() {
            self.spare().clear();
        }
    }

    /// Whether a body is in memory.
    pub fn holds_any(&self) -> bool {
        self.used.load(Ordering::Relaxed) != 0
    }

    fn take(&self, bytes: u64) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let granted = used.saturating_add(bytes) <= self.all;
        if !granted {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        granted
    }

    fn buffer(&self, capacity: usize) -> Vec<u8> {
        if capacity >= LARGE {
            let mut spare = self.spare();
            // The one that was used last: most of it is in the processor's caches.
            let fits = spare
                .iter()
                .rposition(|buffer| buffer.capacity() >= capacity);
            if let Some(index) = fits {
                return spare.remove(index);
            }
        }
        Vec::with_capacity(capacity)
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body in memory, with its share of the budget.
#[derive(Debug)]
pub struct Memory {
    bytes: Vec<u8>,
    leased: u64,
    store: Arc<BodyStore>,
}

impl Memory {
    fn lease(expected: u64, store: &Arc<BodyStore>) -> Option<Self> {
        if expected > store.each || !store.take(expected) {
            return None;
        }
        Some(Self {
            bytes: store.buffer(usize::try_from(expected).unwrap_or(0)),
            leased: expected,
            store: Arc::clone(store),
        })
    }

    /// Adds bytes; false if there is no memory for them.
    fn extend(&mut self, bytes: &[u8]) -> bool {
        let length = (self.bytes.len() + bytes.len()) as u64;
        if length > self.leased {
            let more = length - self.leased;
            if length > self.store.each || !self.store.take(more) {
                return false;
            }
            self.leased = length;
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Whether a body of `expected` bytes may be read in place: memory was reserved for all of it.
    pub(crate) fn reserved(&self, expected: usize) -> bool {
        self.leased >= expected as u64 && self.bytes.capacity() >= expected
    }

    /// The bytes, for reading in place; what is added must be within the reserved capacity.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.store.used.fetch_sub(self.leased, Ordering::Relaxed);
        if self.bytes.capacity() >= LARGE {
            let mut buffer = std::mem::take(&mut self.bytes);
            buffer.clear();
            let mut spare = self.store.spare();
            if spare.len() < SPARE {
                spare.push(buffer);
            }
        }
    }
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

    fn store(each: u64) -> Arc<BodyStore> {
        Arc::new(BodyStore::new(each, std::env::temp_dir()))
    }

    #[test]
    fn memory_first_then_a_file() {
        let store = store(10);
        let mut body = Body::default();
        body.append(b"0123456", &store).unwrap();
        assert!(matches!(body, Body::Memory(_)));
        body.append(b"789", &store).unwrap();
        assert!(matches!(body, Body::Memory(_)));
        body.append(b"a", &store).unwrap();
        body.append(b"bc", &store).unwrap();
        assert!(matches!(body, Body::File(_, 13)));
        let mut room = [0; 20];
        assert_eq!(body.read_at(&mut room, 5).unwrap(), 8);
        assert_eq!(&room[..8], b"56789abc");
        assert_eq!(body.read_at(&mut room, 13).unwrap(), 0);
        assert_eq!(store.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_bodies_share_one_budget() {
        let store = store(100);
        let mut bodies: Vec<Body> = (0..9).map(|_| Body::default()).collect();
        for body in &mut bodies {
            body.reserve(100, &store);
            body.append(&[1; 100], &store).unwrap();
        }
        assert!(
            bodies[..8]
                .iter()
                .all(|body| matches!(body, Body::Memory(_)))
        );
        assert!(matches!(bodies[8], Body::File(_, 100)));
        bodies.remove(0);
        let mut next = Body::default();
        next.append(&[1; 100], &store).unwrap();
        assert!(matches!(next, Body::Memory(_)));
        drop((bodies, next));
        assert_eq!(store.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn large_buffers_are_used_again_until_it_is_quiet() {
        let store = store(1 << 20);
        let mut body = Body::default();
        body.reserve(1 << 20, &store);
        drop(body);
        assert_eq!(store.spare().len(), 1);
        let mut body = Body::default();
        body.reserve(1 << 19, &store);
        assert_eq!(store.spare().len(), 0);
        store.trim();
        drop(body);
        store.trim();
        assert_eq!(store.spare().len(), 0);
    }

    #[test]
    fn a_directory_that_is_missing_is_an_error() {
        let store = Arc::new(BodyStore::new(0, "/nonexistent".into()));
        assert!(Body::default().append(b"x", &store).is_err());
    }
}
