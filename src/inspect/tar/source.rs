//! Where a member of the archive comes from.

use std::fs::File;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::error::Error;
use crate::view::root::{Meta, Root};
use crate::view::walk::Walk;

/// A file to archive: one that was named, or the last one that a walk met.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    Named(&'a Root, &'a Path),
    Event(&'a Walk),
}

impl<'a> Source<'a> {
    pub fn path(self) -> &'a [u8] {
        match self {
            Source::Named(_, path) => path.as_os_str().as_bytes(),
            Source::Event(walk) => walk.path(),
        }
    }

    pub fn meta(&self) -> Result<Meta, Error> {
        match self {
            Source::Named(root, path) => root.meta(path, false),
            Source::Event(walk) => walk.meta(),
        }
    }

    /// Reads the text of a symbolic link.
    pub fn link(&self) -> Result<Vec<u8>, Error> {
        match self {
            Source::Named(root, path) => Ok(root.link(path)?.into_vec()),
            Source::Event(walk) => walk.link(),
        }
    }

    /// Whether a regular file with these metadata is surely empty, so that it need not be opened.
    pub fn is_empty_file(&self, meta: &Meta) -> bool {
        match self {
            // The only one.
            Source::Named(..) => false,
            Source::Event(walk) => walk.is_empty_file(meta),
        }
    }

    /// Opens a regular file, whose metadata are known.
    pub fn open(&self, seen: &Meta) -> Result<(File, Meta), Error> {
        match self {
            Source::Named(root, path) => root.open(path, false),
            Source::Event(walk) => {
                let found = walk.open_seen(seen)?;
                found.ok_or_else(|| "changed its type while it was read".into())
            }
        }
    }
}
