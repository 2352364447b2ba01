//! A tree of directories, walked through descriptors, links not followed: a path may be longer than any call takes,
//! and what is renamed meanwhile leads nowhere else.
//!
//! However deep it goes, few directories are open at once. Of one that is closed to make room the rest of the entries
//! is kept, and on the way back it is opened as the parent of the one below, if it still is.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;

use crate::error::Error;
use crate::file_type::FileType;
use crate::view::root::{Entry, Folder, Meta, Root};

/// The most directories that are open at once.
const MAX_OPEN: usize = 32;
/// The deepest that is looked at.
const MAX_DEPTH: usize = 100_000;

/// A walk below a path.
pub struct Walk {
    levels: Vec<Level>,
    /// How many of the levels, from the top, are closed.
    closed: usize,
    /// The path of the last entry.
    path: Vec<u8>,
    /// Where its name begins.
    name: usize,
    /// Whether to look into it next.
    enter: bool,
}

struct Level {
    folder: Option<Folder>,
    /// What was left of a directory when it had to be closed, the next one last.
    rest: Option<Vec<Entry>>,
    /// Why it could not be read to its end, where that was then.
    lost: Option<Error>,
    /// Device and inode, by which it is known again.
    identity: (u64, u64),
    /// The length of its path.
    length: usize,
}

/// What a walk meets.
pub enum Met {
    /// An entry; its type where the directory tells it.
    Entry(Option<FileType>),
    /// A directory that cannot be read, or not to its end.
    Failed(Error),
}

impl Walk {
    /// Of what is in this directory, which the path leads to.
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

    /// What it meets next; nothing at its end.
    pub fn next(&mut self) -> Option<Met> {
        if self.enter {
            self.enter = false;
            if let Err(error) = self.descend() {
                return Some(Met::Failed(error));
            }
        }
        loop {
            let level = self.levels.last_mut()?;
            let next = match (&mut level.rest, &mut level.folder) {
                (Some(rest), _) => match rest.pop() {
                    None => level.lost.take().map_or(Ok(None), Err),
                    entry => Ok(entry),
                },
                (None, Some(folder)) => folder.next(),
                (None, None) => Ok(None),
            };
            self.path.truncate(level.length);
            match next {
                Ok(Some(entry)) => {
                    if self.path.last() != Some(&b'/') {
                        self.path.push(b'/');
                    }
                    self.name = self.path.len();
                    self.path.extend_from_slice(&entry.name);
                    return Some(Met::Entry(entry.kind));
                }
                end => {
                    let lost = self.ascend().err();
                    if let Some(error) = end.err().or(lost) {
                        return Some(Met::Failed(error));
                    }
                }
            }
        }
    }

    /// The path of what was met.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The name of what was met.
    pub fn name(&self) -> &[u8] {
        self.path.get(self.name..).unwrap_or_default()
    }

    /// How far below the first directory the entry is.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// What the entry is.
    pub fn meta(&self) -> Result<Meta, Error> {
        self.folder()?.meta(self.name())
    }

    /// Where the entry, a link, leads.
    pub fn link(&self) -> Result<Vec<u8>, Error> {
        self.folder()?.link(self.name())
    }

    /// Opens the entry for reading; nothing where it is no regular file.
    pub fn open(&self) -> Result<Option<(File, Meta)>, Error> {
        self.folder()?.open(self.name())
    }

    /// Whether the entry, a directory of which this is known, is where a proc or sysfs begins.
    pub fn is_kernel_mount(&self, meta: &Meta) -> bool {
        let crosses = self.levels.last().is_some_and(|level| level.identity.0 != meta.st_dev);
        let inner = || self.folder()?.folder(self.name());
        crosses && inner().is_ok_and(|inner| inner.is_of_kernel())
    }

    /// Makes the entry, a directory, the next to be looked into.
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
                // It may have been opened again, after which it is not read.
                if level.rest.is_none() {
                    let mut rest = Vec::new();
                    loop {
                        match folder.next() {
                            Ok(Some(entry)) => rest.push(entry),
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
            length: self.path.len(),
        });
        Ok(())
    }

    /// Back to the directory above, which is opened again where it was closed.
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
                // There is no way back to those above either.
                self.levels.clear();
                Err(error)
            }
        }
    }
}
