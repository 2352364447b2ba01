//! Files that are read one after the other: every read is bounded, and errors name the file.
//!
//! Every read ends. A file may grow while it is read, but not forever. A file of proc, whose size
//! means nothing, is read up to a bound. A FIFO or device is waited for, but not forever. Only stdin
//! is waited for as long as it takes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::{Whence, lseek};

use crate::deadline::Deadline;
use crate::error::{Cause, Error};
use crate::file_type::FileType;
use crate::report::Answer;
use crate::units::{show_duration, show_size};
use crate::view::root::{Meta, Root};

/// How much is read at once, in bytes.
pub const CHUNK_BYTES: usize = 64 << 10;
/// How many bytes are read beyond the size that the file had when it was opened.
const MAX_GROWTH: u64 = 64 << 20;
/// How long the next byte of a FIFO or device may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The error for a file that ended early.
const SHRANK: &str = "shrank while it was read";

/// Whether a read of stdin is in progress.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Returns whether stdin is waited for.
pub fn is_waiting_for_stdin() -> bool {
    WAITING.load(Ordering::Relaxed)
}

/// Whether this path stands for stdin: `-`. A file of that name is `./-`.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Regular,
    Fifo,
    Device,
    /// Stdin is read from where it is, whatever it is.
    Stdin,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Input<'a> {
    /// The path as given.
    pub path: &'a Path,
    /// The file itself.
    pub file: File,
    /// Its size when it was opened; 0 for files without a size and for files of proc.
    pub size: u64,
    /// Its device and inode.
    pub identity: (u64, u64),
    kind: Kind,
    /// Whether parts of it may be holes.
    sparse: bool,
    read: u64,
    limit: u64,
}

/// The device and inode of the regular file that stdout goes to, if it is one.
pub fn output() -> Option<(u64, u64)> {
    let meta = fstat(io::stdout()).ok()?;
    FileType::of_mode(meta.st_mode).is_regular().then_some((meta.st_dev, meta.st_ino))
}

/// Opens each of the files and calls `visit` with it; reports the files for which that fails.
pub fn each(
    root: &Root,
    paths: &[PathBuf],
    special: Option<bool>,
    answer: &mut Answer,
    visit: &mut dyn FnMut(&mut Input<'_>, &mut Answer) -> Result<(), Error>,
) {
    for path in paths {
        if answer.is_over() {
            break;
        }
        let result = open(root, path, special).and_then(|mut input| visit(&mut input, answer));
        if let Err(error) = result {
            answer.error(error.at(path));
        }
    }
}

/// Opens one file, or stdin. `special` is `None` for a command that never reads a FIFO or device.
pub fn open<'a>(root: &Root, path: &'a Path, special: Option<bool>) -> Result<Input<'a>, Error> {
    if is_stdin(path) {
        return Input::stdin(path);
    }
    let (file, meta) = open_file(root, path, special)?;
    Ok(Input::new(file, &meta, path))
}

/// The same for a file that is read in another way.
pub fn open_file(root: &Root, path: &Path, special: Option<bool>) -> Result<(File, Meta), Error> {
    root.open(path, special.unwrap_or_default()).map_err(|mut error| {
        if let Cause::Special { has_option, .. } = &mut error.cause {
            *has_option = special.is_some();
        }
        error
    })
}

impl<'a> Input<'a> {
    /// Wraps an open file.
    pub fn new(file: File, meta: &Meta, path: &'a Path) -> Self {
        let kind = match FileType::of_mode(meta.st_mode) {
            FileType::Regular => Kind::Regular,
            FileType::Fifo => Kind::Fifo,
            _ => Kind::Device,
        };
        let is_regular = kind == Kind::Regular;
        let mut size = if is_regular { u64::try_from(meta.st_size).unwrap_or_default() } else { 0 };
        // /proc/kcore claims to be as large as the whole address space.
        if size > 0 && meta.st_blocks == 0 && is_of_proc(&file) {
            size = 0;
        }
        let limit = if is_regular { size.saturating_add(MAX_GROWTH) } else { u64::MAX };
        let blocks = u64::try_from(meta.st_blocks).unwrap_or_default();
        let sparse = blocks.saturating_mul(512) < size;
        let identity = (meta.st_dev, meta.st_ino);
        Input { path, file, size, identity, kind, sparse, read: 0, limit }
    }

    /// Reads stdin under this name.
    fn stdin(path: &'a Path) -> Result<Self, Error> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let meta = fstat(&file)?;
        Ok(Input {
            path,
            file,
            size: 0,
            identity: (meta.st_dev, meta.st_ino),
            kind: Kind::Stdin,
            sparse: false,
            read: 0,
            limit: u64::MAX,
        })
    }

    /// Whether it is a regular file, and not stdin.
    pub fn is_regular(&self) -> bool {
        self.kind == Kind::Regular
    }

    /// Whether it is stdin.
    pub fn is_stdin(&self) -> bool {
        self.kind == Kind::Stdin
    }

    /// Begins to read at this offset. Of stdin, which may be a pipe, so many bytes are skipped.
    pub fn start_at(&mut self, offset: u64) -> Result<(), Error> {
        if !self.is_stdin() {
            self.file.seek(SeekFrom::Start(offset))?;
            self.started_at(offset);
            return Ok(());
        }
        let mut left = offset;
        let mut piece = vec![0; CHUNK_BYTES];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            match self.read(piece.get_mut(..room).unwrap_or_default())? {
                0 => break,
                count => left -= count as u64,
            }
        }
        Ok(())
    }

    /// Records that the next read begins at this offset.
    fn started_at(&mut self, offset: u64) {
        self.read = offset;
        self.limit = self.limit.saturating_add(offset);
    }

    /// Whether as many bytes were read as the file had when it was opened. No size tells that of a
    /// file of proc.
    pub fn is_read_to_size(&self) -> bool {
        self.is_regular() && self.size > 0 && self.read == self.size
    }

    /// Reads the next bytes; 0 at the end.
    pub fn read(&mut self, piece: &mut [u8]) -> Result<usize, Error> {
        let mut deadline = None;
        // A FIFO that nobody has opened for writing yet reads as if it were at its end: pipe(7),
        // fifo(7).
        let mut waits = self.kind == Kind::Fifo;
        loop {
            if waits {
                let none = |_| format!("no data within {}", show_duration(READ_TIMEOUT));
                let deadline = deadline.get_or_insert_with(|| Deadline::after(READ_TIMEOUT));
                deadline.wait(self.file.as_fd(), PollFlags::POLLIN).map_err(none)?;
            }
            WAITING.store(self.is_stdin(), Ordering::Relaxed);
            let result = self.file.read(piece);
            WAITING.store(false, Ordering::Relaxed);
            match result {
                Ok(0) if self.has_shrunk() => return Err(SHRANK.into()),
                Ok(count) => {
                    self.read = self.read.saturating_add(count as u64);
                    if self.read > self.limit {
                        return Err(
                            format!("grew by more than {} while it was read", show_size(MAX_GROWTH)).into()
                        );
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The kernel's log has no more for now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.is_regular() => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.is_stdin() => self.wait()?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waits = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for stdin, which another process has made non-blocking.
    fn wait(&self) -> Result<(), Error> {
        WAITING.store(true, Ordering::Relaxed);
        let result = poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
        WAITING.store(false, Ordering::Relaxed);
        match result {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Skips a hole, lseek(2), if one begins here, and returns whether it did. What follows is data
    /// or the end.
    pub fn skip_hole(&mut self) -> bool {
        if !self.sparse {
            return false;
        }
        let mut there = lseek(&self.file, i64::try_from(self.read).unwrap_or_default(), Whence::SeekData);
        if there == Err(Errno::ENXIO) {
            // No data follows.
            there = lseek(&self.file, 0, Whence::SeekEnd);
        }
        // Not every file system supports holes.
        let there = there.map_or(0, i64::cast_unsigned);
        let skips = there > self.read;
        self.read = self.read.max(there);
        skips
    }

    /// Fills the buffer as far as the file has bytes.
    pub fn fill(&mut self, piece: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(room) = piece.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.read(room)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Returns the error for a file that ends too early; no error if its size never told how much
    /// it holds, as in sysfs.
    pub fn shrunk(&self) -> Result<(), Error> {
        if self.is_smaller() { Err(SHRANK.into()) } else { Ok(()) }
    }

    fn has_shrunk(&self) -> bool {
        self.read < self.size && self.is_smaller()
    }

    fn is_smaller(&self) -> bool {
        fstat(&self.file).is_ok_and(|meta| u64::try_from(meta.st_size).is_ok_and(|size| size < self.size))
    }
}

fn is_of_proc(file: &File) -> bool {
    fstatfs(file).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC)
}
