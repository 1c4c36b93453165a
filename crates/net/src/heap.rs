//! The C library's heap, as bodies meet it.

/// The size of one block, in bytes.
const BLOCK: usize = 8 * 1024 * 1024;

/// Has the heap keep up to sixteen megabytes at its top: what some hundred requests bring and take away.
///
/// glibc gives what is free there back to the system once it is more than twice the largest block that
/// was freed so far, 128 KiB at first (`mallopt(3)`, `M_MMAP_THRESHOLD`: it is dynamic). Where nothing
/// larger was freed, each body of 64 KiB costs a dozen page faults and calls of `brk(2)`, which take
/// twice as long as all else. A block that is freed here raises that as one of the application would; its
/// pages are never touched.
pub(crate) fn keep_its_top() {
    let block = Vec::<u8>::with_capacity(BLOCK);
    drop(std::hint::black_box(block));
}
