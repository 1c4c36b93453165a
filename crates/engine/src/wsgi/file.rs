//! `wsgi.file_wrapper`: which part of which file a wrapper stands for.

use std::fs::{File, Metadata};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt;

use net::output::FilePart;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

/// The part of a regular file from its present position to its end, on a descriptor of our own;
/// `None` if the source object is something else, to be read block by block.
pub(super) fn part(wrapper: &Bound<'_, PyAny>) -> PyResult<Option<FilePart>> {
    part_of(&wrapper.getattr(intern!(wrapper.py(), "filelike"))?)
}

/// Where a file object stands, and how many bytes are left, if a copy from its descriptor has the
/// bytes that it would read; else `None`.
#[pyfunction]
pub(crate) fn file_extent(source: &Bound<'_, PyAny>) -> PyResult<Option<(u64, u64)>> {
    let part = part_of(source)?;
    Ok(part.map(|part| (part.offset, part.remaining)))
}

fn part_of(source: &Bound<'_, PyAny>) -> PyResult<Option<FilePart>> {
    let py = source.py();
    let Some(reader) = reader(source)? else {
        return Ok(None);
    };
    // A closed file, or one that cannot be asked for its position, is left to its own methods.
    let Ok(fd) = reader
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
    let Some(metadata) = file.metadata().ok().filter(has_its_size) else {
        return Ok(None);
    };
    // The object's own idea of its position: it may have read ahead.
    let Ok(offset) = reader
        .call_method0(intern!(py, "tell"))
        .and_then(|at| at.extract::<u64>())
    else {
        return Ok(None);
    };
    let remaining = metadata.len().saturating_sub(offset);
    Ok(Some(FilePart {
        file,
        offset,
        remaining,
    }))
}

/// Files of /proc and /sys have a made-up size and no blocks.
fn has_its_size(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.blocks() > 0
}

/// The object of `io` whose method the `read` of a file object is, if that reads a descriptor. What
/// decompresses, decrypts or counts has a `fileno` too, but a `read` of its own.
fn reader<'py>(source: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = source.py();
    let kind = source.get_type();
    let named = kind.name()? == "_TemporaryFileWrapper" && kind.module()? == "tempfile";
    let file = if named {
        source.getattr(intern!(py, "file"))?
    } else {
        source.clone()
    };
    // Objects may raise whatever they like instead of having an attribute.
    let Ok(read) = file.getattr(intern!(py, "read")) else {
        return Ok(None);
    };
    if !read.is_instance_of::<PyCFunction>() {
        return Ok(None);
    }
    let owner = read.getattr(intern!(py, "__self__"))?;
    let io = py.import(intern!(py, "io"))?;
    let raw_class = io.getattr(intern!(py, "FileIO"))?;
    // Text files are sent as they lie on the disk.
    let owner = if owner.is_instance(&io.getattr(intern!(py, "TextIOWrapper"))?)? {
        owner.getattr(intern!(py, "buffer"))?
    } else {
        owner
    };
    if owner.is_instance(&raw_class)? {
        return Ok(Some(owner));
    }
    let buffered = owner.is_instance(&io.getattr(intern!(py, "BufferedReader"))?)?
        || owner.is_instance(&io.getattr(intern!(py, "BufferedRandom"))?)?;
    if !buffered {
        return Ok(None);
    }
    let raw = owner.getattr(intern!(py, "raw"))?;
    Ok(raw.get_type().is(&raw_class).then_some(owner))
}
