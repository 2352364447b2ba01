//! Follows files by their names: prints what is added, and goes on with a new file of the same name
//! when a log is rotated. tail(1), `-F`.
//!
//! The old file is read to its end before the new one. It stays open until the new one has a
//! content, because a service goes on writing to it until it is told to open its log again, and so
//! that its inode is not used for the new one.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::sys::inotify::WatchDescriptor;
use nix::sys::stat::fstat;

use super::notices::Notices;
use crate::error::Error;
use crate::file_type::FileType;
use crate::inspect::{Inspect, Target};
use crate::report::Answer;
use crate::text::Shown as _;
use crate::units::show_size;
use crate::view::content::{Content, Out, Part, heading, last_lines, without_lines};
use crate::view::input::{CHUNK_BYTES, open_file};
use crate::view::root::{Meta, Root};

/// How much of one file is printed before another one is looked at, in bytes.
const TURN_BYTES: usize = 16 * CHUNK_BYTES;

/// Files that are followed.
#[derive(Debug)]
pub(super) struct Follow(pub(super) Content);

impl Inspect for Follow {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let mut run = Run {
            content: &self.0,
            root: target.root()?,
            notices: Notices::new(),
            out: Out::new(answer),
            last: None,
            buffer: vec![0; CHUNK_BYTES],
        };
        let mut files: Vec<Followed<'_>> = Vec::new();
        for path in &self.0.paths {
            let mut file = Followed { path, open: None, error: None, is_due: true };
            if run.begin(&mut file) {
                files.push(file);
            }
        }
        let found = !files.is_empty();
        while !files.is_empty() && !run.out.answer.is_over() {
            let mut has_more = false;
            for (number, file) in files.iter_mut().enumerate() {
                has_more |= run.look(file, number);
            }
            run.out.answer.flush();
            if !has_more && !run.notices.wait() {
                break;
            }
        }
        Ok(found)
    }
}

/// A name, and the file that has it.
struct Followed<'a> {
    path: &'a Path,
    open: Option<Open>,
    /// Why no file of that name can be read, once that is reported.
    error: Option<String>,
    /// Whether its heading is printed even before anything is added: at the start.
    is_due: bool,
}

/// An open file.
struct Open {
    file: File,
    /// Its device and inode.
    identity: (u64, u64),
    is_regular: bool,
    /// How far it is printed, in bytes.
    at: u64,
    /// How many lines are left out before anything is printed.
    skip: u64,
    watch: Option<WatchDescriptor>,
}

struct Run<'a> {
    content: &'a Content,
    root: Root,
    notices: Notices,
    out: Out<'a>,
    /// The number of the file that was printed last.
    last: Option<usize>,
    buffer: Vec<u8>,
}

impl Run<'_> {
    /// Opens a file at the start, and returns whether its name is followed: also if there is no such
    /// file yet, or it may not be read.
    fn begin(&mut self, file: &mut Followed<'_>) -> bool {
        let parent = match file.path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => file.path,
        };
        if let Ok(directory) = self.root.handle(parent) {
            self.notices.watch_directory(&directory);
        }
        match self.open(file.path) {
            Ok(mut open) => {
                self.start(&mut open, file.path);
                file.open = Some(open);
                true
            }
            Err(error) if error.is_absent() || error.is_denied() => {
                self.report(file, error);
                true
            }
            Err(error) => {
                self.out.answer.error(error.at(file.path));
                false
            }
        }
    }

    fn open(&mut self, path: &Path) -> Result<Open, Error> {
        let (file, meta) = open_file(&self.root, path, Some(self.content.special))?;
        let watch = self.notices.watch_file(&file);
        let is_regular = FileType::of_mode(meta.st_mode).is_regular();
        Ok(Open { file, identity: identity(&meta), is_regular, at: 0, skip: 0, watch })
    }

    /// Finds where to begin.
    fn start(&mut self, open: &mut Open, path: &Path) {
        let size = if open.is_regular { size_of(&open.file) } else { 0 };
        let max = self.content.max;
        match self.content.part {
            Part::Last(lines) => {
                let file = &open.file;
                let start = last_lines(size, max, lines, &mut |piece, from| file.read_exact_at(piece, from));
                // If it shrinks meanwhile, it is printed from its start.
                let (start, is_cut) = start.unwrap_or_default();
                open.at = start;
                if is_cut && self.content.says {
                    let note = format!("{}: cut to the last {} (--max)", path.shown(), show_size(max));
                    self.out.answer.info(&note);
                }
            }
            Part::From(line) => open.skip = line.saturating_sub(1),
            Part::All | Part::First(_) => {}
        }
    }

    /// Prints what was added to a file, and opens a new one of its name. Returns whether there is
    /// more to print.
    fn look(&mut self, file: &mut Followed<'_>, number: usize) -> bool {
        let named = self.root.meta(file.path, true);
        if std::mem::take(&mut file.is_due) && file.open.is_some() {
            self.head(file.path, number);
        }
        let mut has_failed = false;
        if let Some(open) = &mut file.open {
            match self.added(open, file.path, number) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    has_failed = true;
                    self.report(file, error);
                }
            }
        }
        let meta = match named {
            Ok(meta) => meta,
            Err(error) => {
                self.report(file, error);
                return false;
            }
        };
        let same = file.open.as_ref().filter(|open| open.identity == identity(&meta));
        // With overlayfs(5), a file that was opened before it was first written to stays as it was.
        let size = u64::try_from(meta.st_size).unwrap_or_default();
        let is_stale = same.is_some_and(|open| open.is_regular && size > size_of(&open.file));
        if same.is_some() && !is_stale {
            file.error = file.error.take().filter(|_| has_failed);
            return false;
        }
        if file.open.is_some() && size == 0 && FileType::of_mode(meta.st_mode).is_regular() {
            return false;
        }
        let mut next = match self.open(file.path) {
            Ok(next) => next,
            Err(error) => {
                self.report(file, error);
                return false;
            }
        };
        let was_reported = file.error.take().is_some();
        if let Some(old) = file.open.take() {
            if is_stale {
                (next.at, next.skip) = (old.at, old.skip);
            } else {
                self.note(file.path, "was replaced; printing the new file from its start");
            }
            if let Some(watch) = old.watch {
                self.notices.forget(watch);
            }
        } else if was_reported {
            self.note(file.path, "is there now");
        }
        file.open = Some(next);
        !is_stale
    }

    /// Reports once why there is no file to read.
    fn report(&mut self, file: &mut Followed<'_>, error: Error) {
        let error = error.at(file.path).to_string();
        if file.error.as_ref() != Some(&error) {
            self.out.answer.info(&format!("{error}; waiting for a file of that name"));
            file.error = Some(error);
        }
    }

    fn note(&mut self, path: &Path, what: &str) {
        self.out.answer.info(&format!("{}: {what}", path.shown()));
    }

    /// Prints what was added, at most [`TURN_BYTES`], and returns whether there may be more.
    fn added(&mut self, open: &mut Open, path: &Path, number: usize) -> Result<bool, Error> {
        if open.is_regular && size_of(&open.file) < open.at {
            self.note(path, "was truncated; printing it from its start");
            (open.at, open.skip) = (0, 0);
        }
        let mut printed = 0;
        while printed < TURN_BYTES {
            let mut buffer = std::mem::take(&mut self.buffer);
            let count = open.read(&mut buffer);
            if let Ok(count) = count {
                let bytes = buffer.get(..count).unwrap_or_default();
                let bytes = without_lines(bytes, &mut open.skip);
                if !bytes.is_empty() {
                    self.head(path, number);
                    self.out.add(bytes);
                }
            }
            self.buffer = buffer;
            match count? {
                0 => return Ok(false),
                count => printed += count,
            }
            if self.out.answer.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Prints the heading of a file, if another one was printed before it.
    fn head(&mut self, path: &Path, number: usize) {
        if self.last == Some(number) || self.content.paths.len() < 2 {
            return;
        }
        self.out.end();
        let mut is_first = self.last.is_none();
        heading(path, &mut is_first, self.out.answer);
        self.last = Some(number);
    }
}

impl Open {
    /// Reads what follows; 0 if there is nothing for now.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let result =
            if self.is_regular { self.file.read_at(buffer, self.at) } else { self.file.read(buffer) };
        match result {
            Ok(count) => {
                self.at = self.at.saturating_add(count as u64);
                Ok(count)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn identity(meta: &Meta) -> (u64, u64) {
    (meta.st_dev, meta.st_ino)
}

fn size_of(file: &File) -> u64 {
    fstat(file).ok().and_then(|meta| u64::try_from(meta.st_size).ok()).unwrap_or_default()
}
