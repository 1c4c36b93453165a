//! `wsgi.file_wrapper`: which part of which file a wrapper stands for.

use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};

use net::output::FilePart;
use pyo3::intern;
use pyo3::prelude::*;

/// The part of a regular file from its present position to its end, on a descriptor of our own;
/// `None` if the source object is something else, to be read block by block.
pub(super) fn part(wrapper: &Bound<'_, PyAny>) -> PyResult<Option<FilePart>> {
    let py = wrapper.py();
    let source = wrapper.getattr(intern!(py, "filelike"))?;
    // Objects without a real descriptor (BytesIO, sockets of test clients) raise or lack it.
    let Ok(fd) = source
        .call_method0(intern!(py, "fileno"))
        .and_then(|fd| fd.extract::<RawFd>())
    else {
        return Ok(None);
    };
    if fd < 0 {
        return Ok(None);
    }
    // SAFETY: the file object keeps its descriptor open during this call.
    let Ok(own) = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned() else {
        return Ok(None);
    };
    let file = File::from(own);
    let Ok(metadata) = file.metadata() else {
        return Ok(None);
    };
    // The object's own idea of its position: it may have read ahead.
    let Ok(offset) = source
        .call_method0(intern!(py, "tell"))
        .and_then(|at| at.extract::<u64>())
    else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let remaining = metadata.len().saturating_sub(offset);
    Ok(Some(FilePart {
        file,
        offset,
        remaining,
    }))
}
