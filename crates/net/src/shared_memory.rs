//! Anonymous memory that processes share: mapped before a fork, each process has it afterwards.

use std::io;
use std::ptr::NonNull;

/// A mapping, for as long as this lives.
pub(crate) struct SharedMemory {
    base: NonNull<u8>,
    size: usize,
}

impl SharedMemory {
    /// So many bytes, at least one: zeroed, and aligned to a page. The kernel takes pages when they are
    /// written.
    ///
    /// # Errors
    /// What `mmap(2)` says.
    pub(crate) fn new(size: usize) -> io::Result<Self> {
        let size = size.max(1);
        // SAFETY: a fresh anonymous mapping, zeroed by the kernel.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, size })
    }

    /// Where it begins.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; its owner lets no reference outlive it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
    }
}
