//! Follows a path name by name and link by link, as the kernel does: path_resolution(7).
//!
//! Each step opens one name, without following it, in the directory that is held open, so that it
//! stays below the root. The magic links of proc (`/proc/PID/cwd`) lead elsewhere than their text
//! says: the visitor has to stop there.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, fstat};

use crate::error::Error;
use crate::file_type::FileType;
use crate::view::root::{Meta, Root};

/// The maximum number of links in one path, as in the kernel.
const MAX_LINKS: usize = 40;
/// The size that a path has to stay below, in bytes: PATH_MAX of limits.h, which includes the NUL.
const MAX_PATH_BYTES: usize = 4096;

/// A file, directory or link that a path leads through.
pub struct Step<'a> {
    /// Its path, which contains no link.
    pub path: &'a [u8],
    /// Its metadata.
    pub meta: &'a Meta,
    /// A descriptor that refers to it.
    pub handle: &'a OwnedFd,
    /// For a link: its target, and the metadata of the directory that contains it.
    pub link: Option<(&'a [u8], &'a Meta)>,
    /// Whether the path ends here. A directory before the end only has to be searchable.
    pub is_end: bool,
}

/// The point at which a path leads nowhere.
pub struct DeadEnd {
    /// The path that failed.
    pub path: Vec<u8>,
    /// The reason.
    pub error: Error,
}

/// Follows the path and calls `visit` at each step until `visit` returns false. Returns the path
/// that it ends at, which contains no link, or `None` if `visit` stopped early.
pub fn follow(
    root: &Root,
    path: &Path,
    visit: &mut dyn FnMut(&Step<'_>) -> bool,
) -> Result<Option<Vec<u8>>, DeadEnd> {
    let raw = path.as_os_str().as_bytes();
    let mut here = start(root, path)?;
    if raw.is_empty() {
        return Err(DeadEnd { path: Vec::new(), error: Errno::ENOENT.into() });
    }
    if raw.len() >= MAX_PATH_BYTES {
        return Err(DeadEnd { path: raw.to_vec(), error: Errno::ENAMETOOLONG.into() });
    }
    // A slash at the end requires a directory; so does one at the end of a link that the path ends
    // with.
    let mut needs_directory = raw.ends_with(b"/");
    // In reverse order: the next name is the last.
    let mut names = Vec::new();
    push_names(&mut names, raw);
    let mut links = 0;
    loop {
        let (path, handle, meta) = &here;
        let is_end = names.is_empty();
        if !visit(&Step { path, meta, handle, link: None, is_end }) {
            return Ok(None);
        }
        let fail = |path: &[u8], errno: Errno| DeadEnd { path: path.to_vec(), error: errno.into() };
        let is_directory = FileType::of_mode(meta.st_mode).is_directory();
        let Some(name) = names.pop() else {
            if needs_directory && !is_directory {
                return Err(fail(path, Errno::ENOTDIR));
            }
            return Ok(Some(here.0));
        };
        if !is_directory {
            return Err(fail(path, Errno::ENOTDIR));
        }
        if name == b"." {
            continue;
        }
        if name == b".." {
            here = above(root, &here).map_err(|error| DeadEnd { path: path.clone(), error })?;
            continue;
        }
        let mut below = path.clone();
        if !below.ends_with(b"/") {
            below.push(b'/');
        }
        below.extend_from_slice(&name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let next = openat(handle, OsStr::from_bytes(&name), flags, Mode::empty())
            .and_then(|next| fstat(&next).map(|found| (next, found)));
        let (next, found) = next.map_err(|errno| fail(&below, errno))?;
        if !FileType::of_mode(found.st_mode).is_link() {
            here = (below, next, found);
            continue;
        }
        let text = readlinkat(&next, "").map(OsString::into_vec);
        // The visitor sees the link before the error: that we cannot read it does not mean that
        // others cannot.
        let shown = text.as_deref().unwrap_or_default();
        let link = Some((shown, meta));
        if !visit(&Step { path: &below, meta: &found, handle: &next, link, is_end: false }) {
            return Ok(None);
        }
        let text = text.map_err(|errno| fail(&below, errno))?;
        links += 1;
        if links > MAX_LINKS {
            return Err(fail(&below, Errno::ELOOP));
        }
        if text.starts_with(b"/") {
            here = start(root, Path::new("/"))?;
        }
        needs_directory |= names.is_empty() && text.ends_with(b"/");
        push_names(&mut names, &text);
    }
}

/// Pushes the names of a path so that they come before those that are left. Slashes only separate
/// names.
fn push_names(names: &mut Vec<Vec<u8>>, path: &[u8]) {
    for name in path.rsplit(|&b| b == b'/') {
        if !name.is_empty() {
            names.push(name.to_vec());
        }
    }
}

/// A path without links, a descriptor that refers to it, and its metadata.
type Located = (Vec<u8>, OwnedFd, Meta);

/// Returns where the path begins: at the root, or in the directory that relative paths start from.
fn start(root: &Root, path: &Path) -> Result<Located, DeadEnd> {
    let shown = if path.is_absolute() { Path::new("/").to_owned() } else { root.base() };
    open(root, if path.is_absolute() { &shown } else { Path::new(".") })
        .map(|(handle, meta)| (shown.as_os_str().as_bytes().to_vec(), handle, meta))
        .map_err(|error| DeadEnd { path: shown.as_os_str().as_bytes().to_vec(), error })
}

fn open(root: &Root, path: &Path) -> Result<(OwnedFd, Meta), Error> {
    let handle = root.handle(path)?;
    let meta = fstat(&handle)?;
    Ok((handle, meta))
}

/// Returns the directory above; above the root is the root itself.
fn above(root: &Root, from: &Located) -> Result<Located, Error> {
    let (path, handle, _) = from;
    let end = path.iter().rposition(|&b| b == b'/').unwrap_or_default();
    let above = path.get(..end.max(1)).unwrap_or_default().to_vec();
    let (handle, meta) = if root.is_own() {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let handle = openat(handle, "..", flags, Mode::empty())?;
        let meta = fstat(&handle)?;
        (handle, meta)
    } else {
        // ".." of a descriptor would lead out of the other process's root.
        open(root, Path::new(OsStr::from_bytes(&above)))?
    };
    Ok((above, handle, meta))
}
