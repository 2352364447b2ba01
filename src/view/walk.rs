//! Walks a tree of directories through descriptors, without following links. So a path may be
//! longer than system calls accept, and a concurrent rename cannot lead elsewhere.
//!
//! However deep the tree, only a few directories are open at once. When one is closed to make room,
//! its remaining entries are kept. On the way back it is reopened as the parent of the one below,
//! if it still is.

use std::cell::OnceCell;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;

use crate::error::Error;
use crate::file_type::FileType;
use crate::view::root::{Folder, Meta, Root};

/// How many directories are open at once.
const MAX_OPEN: usize = 32;
/// How deep the walk goes.
const MAX_DEPTH: usize = 100_000;

/// A walk below a path.
pub struct Walk {
    levels: Vec<Level>,
    /// How many of the levels, counted from the top, are closed.
    closed: usize,
    /// The path of the last entry.
    path: Vec<u8>,
    /// The offset of the entry's name in the path.
    name: usize,
    /// Whether to descend into the last entry next.
    enter: bool,
}

struct Level {
    folder: Option<Folder>,
    /// The remaining entries, in reverse order, of a directory that had to be closed.
    rest: Option<Vec<Rest>>,
    /// Why it could not be read to its end when it was closed.
    lost: Option<Error>,
    /// Device and inode, by which it is recognized.
    identity: (u64, u64),
    /// See [`Folder::has_true_sizes`]; found when that is first needed.
    has_true_sizes: OnceCell<bool>,
    /// The length of its path.
    length: usize,
    /// Where the names of its entries begin in their paths, after a slash.
    names: usize,
}

/// An entry that is kept: its name, and its type if the file system reports it.
type Rest = (Box<[u8]>, Option<FileType>);

/// What a walk encounters.
pub enum Event {
    /// An entry; its type if the file system reports it.
    Entry(Option<FileType>),
    /// A directory that cannot be read, or not to its end.
    Failed(Error),
}

impl Walk {
    /// Starts a walk of the directory that the path leads to.
    pub fn new(root: &Root, path: &Path) -> Result<Self, Error> {
        let mut walk = Walk {
            levels: Vec::new(),
            closed: 0,
            path: path.as_os_str().as_bytes().to_vec(),
            name: 0,
            enter: false,
        };
        let folder = root.folder(path)?;
        walk.push(folder)?;
        Ok(walk)
    }

    /// Returns what comes next; `None` at the end.
    pub fn next(&mut self) -> Option<Event> {
        if self.enter {
            self.enter = false;
            if let Err(error) = self.descend() {
                return Some(Event::Failed(error));
            }
        }
        loop {
            let level = self.levels.last_mut()?;
            self.path.truncate(level.names);
            if self.path.len() < level.names {
                self.path.push(b'/');
            }
            self.name = level.names;
            let next = match (&mut level.rest, &mut level.folder) {
                (Some(rest), _) => match rest.pop() {
                    Some((name, kind)) => {
                        self.path.extend_from_slice(&name);
                        Ok(Some(kind))
                    }
                    None => level.lost.take().map_or(Ok(None), Err),
                },
                (None, Some(folder)) => folder.next().map(|entry| {
                    let entry = entry?;
                    self.path.extend_from_slice(entry.name);
                    Some(entry.kind)
                }),
                (None, None) => Ok(None),
            };
            match next {
                Ok(Some(kind)) => return Some(Event::Entry(kind)),
                end => {
                    self.path.truncate(level.length);
                    let lost = self.ascend().err();
                    if let Some(error) = end.err().or(lost) {
                        return Some(Event::Failed(error));
                    }
                }
            }
        }
    }

    /// Returns the path of the last entry.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the name of the last entry.
    pub fn name(&self) -> &[u8] {
        self.path.get(self.name..).unwrap_or_default()
    }

    /// Returns how far below the first directory the last entry is.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Returns the metadata of the last entry.
    pub fn meta(&self) -> Result<Meta, Error> {
        self.folder()?.meta(self.name())
    }

    /// Reads the target of the last entry, a link.
    pub fn link(&self) -> Result<Vec<u8>, Error> {
        self.folder()?.link(self.name())
    }

    /// Opens the last entry for reading; `None` if it is not a regular file.
    pub fn open(&self) -> Result<Option<(File, Meta)>, Error> {
        self.folder()?.open(self.name())
    }

    /// Like [`Walk::open`], for an entry that had these metadata just now.
    pub fn open_seen(&self, meta: &Meta) -> Result<Option<(File, Meta)>, Error> {
        self.folder()?.open_seen(self.name(), meta)
    }

    /// Whether the last entry, a file with these metadata, is surely empty.
    pub fn is_empty_file(&self, meta: &Meta) -> bool {
        let Some(level) = self.levels.last().filter(|_| meta.st_size == 0) else { return false };
        let has_true_sizes = || level.folder.as_ref().is_some_and(Folder::has_true_sizes);
        // Another file system may be mounted on a single file.
        level.identity.0 == meta.st_dev && *level.has_true_sizes.get_or_init(has_true_sizes)
    }

    /// Whether the last entry, a directory with this metadata, is the mount point of a proc or
    /// sysfs.
    pub fn is_kernel_mount(&self, meta: &Meta) -> bool {
        let crosses = self.levels.last().is_some_and(|level| level.identity.0 != meta.st_dev);
        let inner = || self.folder()?.folder(self.name());
        crosses && inner().is_ok_and(|inner| inner.is_of_kernel())
    }

    /// Returns the device of the last entry without asking the server of its file system; `None` if
    /// it cannot be found out.
    pub fn device(&self) -> Option<u64> {
        self.folder().ok()?.device(self.name())
    }

    /// Whether the last entry is on the mount of the directory that it is in; false if the kernel
    /// does not tell.
    pub fn is_on_mount_of_folder(&self) -> bool {
        self.folder().is_ok_and(|folder| folder.shares_mount(self.name()))
    }

    /// Descends into the last entry, a directory, next.
    pub fn enter(&mut self) {
        self.enter = true;
    }

    fn folder(&self) -> Result<&Folder, Error> {
        let folder = self.levels.last().and_then(|level| level.folder.as_ref());
        folder.ok_or(Errno::ESTALE.into())
    }

    fn descend(&mut self) -> Result<(), Error> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let folder = self.folder()?.folder(self.name())?;
        self.push(folder)
    }

    fn push(&mut self, folder: Folder) -> Result<(), Error> {
        let meta = folder.own_meta()?;
        if self.levels.len() - self.closed >= MAX_OPEN
            && let Some(level) = self.levels.get_mut(self.closed)
        {
            if let Some(mut folder) = level.folder.take() {
                // If it was reopened before, it is not read again.
                if level.rest.is_none() {
                    let mut rest = Vec::new();
                    loop {
                        match folder.next() {
                            Ok(Some(entry)) => rest.push((entry.name.into(), entry.kind)),
                            Ok(None) => break,
                            Err(error) => {
                                level.lost = Some(error);
                                break;
                            }
                        }
                    }
                    rest.reverse();
                    level.rest = Some(rest);
                }
            }
            self.closed += 1;
        }
        self.levels.push(Level {
            folder: Some(folder),
            rest: None,
            lost: None,
            identity: (meta.st_dev, meta.st_ino),
            has_true_sizes: OnceCell::new(),
            length: self.path.len(),
            names: self.path.len() + usize::from(self.path.last() != Some(&b'/')),
        });
        Ok(())
    }

    /// Returns to the directory above, and reopens it if it was closed.
    fn ascend(&mut self) -> Result<(), Error> {
        let Some(below) = self.levels.pop() else { return Ok(()) };
        let depth = self.levels.len();
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        if level.folder.is_some() {
            return Ok(());
        }
        self.closed = depth - 1;
        let found = match below.folder.as_ref().map(|folder| folder.folder(b"..")) {
            Some(Ok(parent)) => {
                let is_same =
                    parent.own_meta().is_ok_and(|meta| (meta.st_dev, meta.st_ino) == level.identity);
                if is_same { Ok(parent) } else { Err(Errno::ESTALE.into()) }
            }
            Some(Err(error)) => Err(error),
            None => Err(Errno::ESTALE.into()),
        };
        match found {
            Ok(parent) => {
                level.folder = Some(parent);
                Ok(())
            }
            Err(error) => {
                // Without it, the directories above are out of reach too.
                self.levels.clear();
                Err(error)
            }
        }
    }
}
