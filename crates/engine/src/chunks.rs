//! The memory of Python's frames, kept for the next greenlet.
//!
//! Since Python 3.11 the frames of each greenlet are in a chunk of its own, which the kernel maps,
//! clears and unmaps again: more work than the rest of a small request. A few are kept here.

use std::ffi::c_void;
use std::sync::{Mutex, OnceLock, PoisonError};

use pyo3::ffi::{PyObject_GetArenaAllocator, PyObject_SetArenaAllocator, PyObjectArenaAllocator};

/// The size of a chunk (`DATA_STACK_CHUNK_SIZE` of `pystate.c`). Arenas of objects are larger.
const CHUNK: usize = 16 * 1024;
/// Chunks that are kept at most: 4 MiB.
const KEPT: usize = 256;

/// Addresses of chunks that are not in use.
static SPARE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The allocator behind ours.
struct Behind(PyObjectArenaAllocator);

// SAFETY: two functions and their context, which the interpreter calls under its lock.
unsafe impl Send for Behind {}
// SAFETY: as above; it is never changed.
unsafe impl Sync for Behind {}

static BEHIND: OnceLock<Behind> = OnceLock::new();

/// Keeps chunks from now on, in this process; for workers whose greenlets come and go.
pub(crate) fn keep() {
    let mut allocator = PyObjectArenaAllocator {
        ctx: std::ptr::null_mut(),
        alloc: None,
        free: None,
    };
    // SAFETY: a plain struct to be filled in, under the interpreter lock.
    unsafe { PyObject_GetArenaAllocator(&raw mut allocator) };
    if BEHIND.set(Behind(allocator)).is_err() {
        // Ours is in its place already.
        return;
    }
    allocator.alloc = Some(alloc);
    allocator.free = Some(free);
    // SAFETY: under the interpreter lock. What ours is called with may have come from the other, and
    // goes back to it.
    unsafe { PyObject_SetArenaAllocator(&raw mut allocator) };
}

extern "C" fn alloc(_context: *mut c_void, size: usize) -> *mut c_void {
    if size == CHUNK
        && let Some(chunk) = spare(Vec::pop)
    {
        return chunk as *mut c_void;
    }
    match BEHIND.get() {
        Some(Behind(PyObjectArenaAllocator {
            ctx,
            alloc: Some(alloc),
            ..
        })) => alloc(*ctx, size),
        _ => std::ptr::null_mut(),
    }
}

extern "C" fn free(_context: *mut c_void, chunk: *mut c_void, size: usize) {
    let kept = size == CHUNK
        && spare(|chunks| {
            let room = chunks.len() < KEPT;
            if room {
                chunks.push(chunk as usize);
            }
            room
        });
    if !kept
        && let Some(Behind(PyObjectArenaAllocator {
            ctx,
            free: Some(free),
            ..
        })) = BEHIND.get()
    {
        free(*ctx, chunk, size);
    }
}

fn spare<R>(with: impl FnOnce(&mut Vec<usize>) -> R) -> R {
    with(&mut SPARE.lock().unwrap_or_else(PoisonError::into_inner))
}
