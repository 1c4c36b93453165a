//! How much memory is in use: an allocator that counts, and what a connection may keep.

#![allow(dead_code, reason = "each target uses its part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use licorne_proto::{Connection, Event, Policy, RequestHead};

static USED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; a number is counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes in use.
pub(crate) fn used() -> usize {
    USED.load(Ordering::Relaxed)
}

/// A connection that gets these pieces keeps no more than `most` bytes beside them. Its requests are
/// answered at once, and what it has to say by itself is taken.
pub(crate) fn is_bounded(
    begin: impl FnOnce() -> Connection,
    policy: &Policy,
    pieces: &[&[u8]],
    most: usize,
) {
    let input = pieces.concat();
    let (mut at, mut there) = (0, 0);
    let before = used();
    let mut connection = begin();
    let mut head = RequestHead::default();
    for piece in pieces {
        there += piece.len();
        while let Ok(received) = connection.receive(policy, &input[at..there], false, &mut head) {
            at += received.consumed;
            let kept = used().saturating_sub(before);
            assert!(kept <= most, "{kept} bytes");
            match received.event {
                Event::NeedMore | Event::Closed => break,
                Event::End(stream) => connection.finished(stream),
                _ => {}
            }
            let own = match &mut connection {
                Connection::H2(connection) => Some(connection.answers()),
                other => other.answers(),
            };
            own.into_iter().for_each(Vec::clear);
        }
    }
}
