//! Where memory comes from: large blocks from the system, all others from the C library's heap.

use std::alloc::{GlobalAlloc, Layout, System};

/// The size from which on a block is large, in bytes.
const LARGE: usize = 1024 * 1024;
/// The size of one block, in bytes.
const BLOCK: usize = 8 * 1024 * 1024;

/// An allocator that maps each large block for itself and gives it back to the system with its end.
///
/// glibc does that only until the first large block is freed (`mallopt(3)`, `M_MMAP_THRESHOLD`: it is
/// dynamic). From then on bodies of requests come from the heap of the thread that reads them, and what
/// is free below a block that is not stays: a worker with some threads or a loop kept hundreds of
/// megabytes after a few uploads.
#[derive(Debug)]
pub struct LargeApart;

// SAFETY: a block is mapped by `mapping`, or it is System's; which one its layout alone says.
unsafe impl GlobalAlloc for LargeApart {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_apart(layout.size(), layout.align()) {
            mapping::map(layout.size())
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_apart(layout.size(), layout.align()) {
            mapping::map(layout.size())
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_apart(layout.size(), layout.align()) {
            // SAFETY: it was mapped with this size, and the caller has done with it.
            unsafe { mapping::unmap(block, layout.size()) }
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let before = is_apart(layout.size(), layout.align());
        match (before, is_apart(size, layout.align())) {
            // SAFETY: as the caller promises.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            // SAFETY: it was mapped with this size.
            (true, true) => unsafe { mapping::remap(block, layout.size(), size) },
            // SAFETY: the size is valid for this alignment, as the caller promises; both blocks are as
            // long as what is copied, and the new one is not the old one.
            _ => unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                if !new.is_null() {
                    std::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                new
            },
        }
    }
}

/// Whether a block of this size is mapped for itself: no page is smaller than 4 KiB.
const fn is_apart(size: usize, align: usize) -> bool {
    cfg!(target_os = "linux") && size >= LARGE && align <= 4096
}

/// Anonymous memory of this process; the kernel rounds sizes up to whole pages.
#[cfg(target_os = "linux")]
mod mapping {
    use std::ptr::null_mut;

    /// A zeroed block; null if there is no memory.
    pub(super) fn map(size: usize) -> *mut u8 {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping at a place that the kernel chooses.
        found(unsafe { libc::mmap(null_mut(), size, access, kind, -1, 0) })
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// It was mapped with this size, and is not used any more.
    pub(super) unsafe fn unmap(block: *mut u8, size: usize) {
        // SAFETY: as the caller promises. It fails for what is no mapping only.
        unsafe { libc::munmap(block.cast(), size) };
    }

    /// The block with another size, in another place maybe, without a copy; null if there is no memory:
    /// then it is as before.
    ///
    /// # Safety
    /// It was mapped with the size `before`.
    pub(super) unsafe fn remap(block: *mut u8, before: usize, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        found(unsafe { libc::mremap(block.cast(), before, size, libc::MREMAP_MAYMOVE) })
    }

    fn found(block: *mut libc::c_void) -> *mut u8 {
        if block == libc::MAP_FAILED {
            null_mut()
        } else {
            block.cast()
        }
    }
}

/// Blocks are not mapped here.
#[cfg(not(target_os = "linux"))]
mod mapping {
    pub(super) fn map(_size: usize) -> *mut u8 {
        std::ptr::null_mut()
    }

    pub(super) unsafe fn unmap(_block: *mut u8, _size: usize) {}

    pub(super) unsafe fn remap(_block: *mut u8, _before: usize, _size: usize) -> *mut u8 {
        std::ptr::null_mut()
    }
}

/// Has the C library keep up to sixteen megabytes at its heap's top: what some hundred requests bring and
/// take away.
///
/// glibc gives what is free there back to the system once it is more than twice the largest block that
/// was freed so far, 128 KiB at first. Where nothing larger was freed, each body of 64 KiB costs a dozen
/// page faults and calls of `brk(2)`, which take twice as long as all else. A block that is freed here
/// raises that as one of the application would; its pages are never touched.
pub(crate) fn keep_its_top() {
    // SAFETY: what malloc gives is freed once, and a null pointer may be freed.
    unsafe { libc::free(std::hint::black_box(libc::malloc(BLOCK))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(size: usize) -> Vec<u8> {
        (0..251).cycle().take(size).collect()
    }

    #[test]
    fn a_block_keeps_its_bytes_whatever_size_it_gets() {
        let heap = LargeApart;
        let sizes = [
            1,
            LARGE - 1,
            LARGE,
            LARGE + 1,
            5 * LARGE + 3,
            2 * LARGE,
            LARGE - 1,
            7,
        ];
        for first in sizes {
            let mut layout = Layout::from_size_align(first, 8).unwrap();
            // SAFETY: the layout is the block's; as many bytes are written as it has.
            unsafe {
                let mut block = heap.alloc(layout);
                block.copy_from_nonoverlapping(filled(first).as_ptr(), first);
                for size in sizes {
                    block = heap.realloc(block, layout, size);
                    let kept = size.min(layout.size());
                    assert!(std::slice::from_raw_parts(block, kept) == filled(kept));
                    layout = Layout::from_size_align(size, 8).unwrap();
                    block.copy_from_nonoverlapping(filled(size).as_ptr(), size);
                }
                heap.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zeroed() {
        for size in [10, LARGE + 10] {
            let layout = Layout::from_size_align(size, 1).unwrap();
            // SAFETY: the layout is the block's.
            unsafe {
                let block = LargeApart.alloc_zeroed(layout);
                assert!(
                    std::slice::from_raw_parts(block, size)
                        .iter()
                        .all(|byte| *byte == 0)
                );
                LargeApart.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn without_memory_there_is_none_and_the_block_stays() {
        let layout = Layout::from_size_align(2 * LARGE, 1).unwrap();
        let too_much = isize::MAX as usize - 4096;
        // SAFETY: the layout is the block's, and the size is one that a layout may have.
        unsafe {
            let block = LargeApart.alloc(layout);
            block.write(7);
            assert!(LargeApart.realloc(block, layout, too_much).is_null());
            assert_eq!(block.read(), 7);
            LargeApart.dealloc(block, layout);
        }
    }
}
