//! Writes the archive: finds the members, and copies their contents.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::sys::stat::fstat;

use super::header::{BLOCK, Member, padding};
use super::links::Links;
use super::source::Source;
use super::{Tar, names, sparse};
use crate::error::Error;
use crate::file_type::FileType;
use crate::report::Answer;
use crate::text::decode;
use crate::units::show_size;
use crate::view::metadata::device;
use crate::view::root::{Meta, Root, is_of_kernel};
use crate::view::target::Target;
use crate::view::users::Names;
use crate::view::walk::{Event, Walk};

/// How much is read at once, in bytes. A smaller file is read before its header is written, and so
/// is never truncated. Of a file whose size is unknown, as in proc, no more than this is read.
const CHUNK_BYTES: usize = 128 << 10;
/// How much of the archive is held back while no entry could be read, in bytes.
const HELD_LIMIT: usize = 1 << 20;
/// The padding for files that have shrunk, a piece of it.
const ZEROS: [u8; 4096] = [0; 4096];

/// An archive that is being written.
pub struct Archive<'a> {
    tar: &'a Tar,
    answer: &'a mut Answer,
    names: Names,
    links: Links,
    buffer: Vec<u8>,
    /// Device and inode of standard output.
    output: Option<(u64, u64)>,
    /// Where the name of a member begins in the paths below the named one.
    name_start: usize,
    /// The leading part that was last reported as removed from member names.
    removed: Vec<u8>,
    /// Whether there are more hard-linked files than are remembered.
    is_full: bool,
    /// The headers of directories that are held back until an entry could be read; `None` since
    /// then.
    held: Option<Vec<u8>>,
    /// Whether something could not be read.
    failed: bool,
}

impl<'a> Archive<'a> {
    pub fn new(tar: &'a Tar, target: &Target, answer: &'a mut Answer) -> Self {
        Archive {
            tar,
            names: Names::of(target, answer),
            answer,
            links: Links::default(),
            buffer: vec![0; CHUNK_BYTES],
            output: fstat(io::stdout()).ok().map(|out| (out.st_dev, out.st_ino)),
            name_start: 0,
            removed: Vec::new(),
            is_full: false,
            held: Some(Vec::new()),
            failed: false,
        }
    }
}

impl Archive<'_> {
    /// Whether nobody reads the archive any more.
    pub fn is_over(&self) -> bool {
        self.answer.is_over()
    }

    /// Adds a named file and everything below it.
    pub fn path(&mut self, root: &Root, path: &Path) {
        let named = names::trimmed(path.as_os_str().as_bytes());
        if names::is_excluded_from_above(&self.tar.patterns, named) {
            return;
        }
        let path = self.tar.folder.join(OsStr::from_bytes(named));
        let leading = named.get(..names::leading(named)).unwrap_or_default();
        self.name_start = path.as_os_str().len() - named.len() + leading.len();
        if !leading.is_empty() && self.removed != leading {
            self.removed = leading.to_vec();
            let leading = decode(leading);
            self.answer.info(&format!("removing leading '{leading}' from member names"));
        }
        if self
            .add(Source::Named(root, &path))
            .is_none_or(|meta| !FileType::of_mode(meta.st_mode).is_directory())
        {
            return;
        }
        match Walk::new(root, &path) {
            Ok(mut walk) => self.walk(&mut walk, path.as_os_str().len() - named.len()),
            Err(error) => self.error(path.as_os_str().as_bytes(), &error),
        }
    }

    /// Writes the end of the archive, unless nothing could be read.
    pub fn end(&mut self) {
        if !self.failed {
            self.release();
        }
        if self.held.is_none() {
            // Two empty blocks mark the end.
            self.zeros(2 * BLOCK as u64);
        }
    }

    /// Adds what a walk meets. `from` is where the names begin that patterns apply to.
    fn walk(&mut self, walk: &mut Walk, from: usize) {
        // A directory was readable if it is empty, or if one of its entries is met.
        let (mut has_entered, mut is_empty) = (false, true);
        while let Some(met) = walk.next() {
            if self.answer.is_over() {
                return;
            }
            is_empty = false;
            if std::mem::take(&mut has_entered) && !matches!(met, Event::Failed(_)) {
                self.release();
            }
            if let Event::Failed(error) = met {
                self.error(walk.path(), &error);
                continue;
            }
            if names::is_excluded(&self.tar.patterns, walk.path().get(from..).unwrap_or_default()) {
                continue;
            }
            let Some(meta) =
                self.add(Source::Event(walk)).filter(|meta| FileType::of_mode(meta.st_mode).is_directory())
            else {
                continue;
            };
            if walk.is_kernel_mount(&meta) {
                self.warn(walk.path(), "contents skipped: a kernel file system; name it to include them");
            } else {
                walk.enter();
                has_entered = true;
            }
        }
        if has_entered || is_empty {
            self.release();
        }
    }

    /// Writes what was held back, because an entry could be read.
    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.answer.bytes(&held);
        }
    }

    /// Writes or holds back bytes of the archive.
    fn write(&mut self, bytes: &[u8]) {
        match &mut self.held {
            Some(held) if held.len() < HELD_LIMIT => held.extend_from_slice(bytes),
            _ => {
                self.release();
                self.answer.bytes(bytes);
            }
        }
    }

    /// Adds one file, and returns its metadata if it exists.
    fn add(&mut self, source: Source<'_>) -> Option<Meta> {
        let added = source.meta().and_then(|meta| {
            self.member(source, &meta)?;
            Ok(meta)
        });
        added.map_err(|error| self.error(source.path(), &error)).ok()
    }

    fn member(&mut self, source: Source<'_>, meta: &Meta) -> Result<(), Error> {
        let file_type = FileType::of_mode(meta.st_mode);
        let path = source.path().get(self.name_start..).unwrap_or_default();
        let start = path.iter().take_while(|&&b| b == b'/').count();
        let name = path.get(start..).filter(|name| !name.is_empty()).unwrap_or(b".");
        let of_directory;
        let name = if file_type.is_directory() {
            of_directory = [name, b"/"].concat();
            &of_directory
        } else {
            name
        };
        if self.tar.verbose {
            Answer::progress(name);
        }
        let first_name = if file_type.is_directory() { None } else { self.links.first_name(meta) };
        if let Some(link) = first_name {
            self.header(meta, &Member { name, kind: b'1', link: &link, ..Member::default() });
            return Ok(());
        }
        let kind = match file_type {
            FileType::Regular => return self.file(source, meta, name),
            FileType::Directory => b'5',
            FileType::Link => b'2',
            FileType::Fifo => b'6',
            FileType::CharacterDevice => b'3',
            FileType::BlockDevice => b'4',
            FileType::Socket | FileType::Unknown => {
                let what = file_type.described();
                self.warn(source.path(), &format!("is {what}; skipped"));
                return Ok(());
            }
        };
        let link = if file_type.is_link() { source.link()? } else { Vec::new() };
        let device = if file_type.is_device() { device(meta.st_rdev) } else { (0, 0) };
        self.header(meta, &Member { name, kind, link: &link, device, ..Member::default() });
        if !file_type.is_directory() {
            self.remember(meta, name);
        }
        Ok(())
    }

    /// Adds a regular file.
    fn file(&mut self, source: Source<'_>, seen: &Meta, name: &[u8]) -> Result<(), Error> {
        if self.output == Some((seen.st_dev, seen.st_ino)) {
            self.warn(source.path(), "is the archive itself; skipped");
            return Ok(());
        }
        let member = Member { name, kind: b'0', ..Member::default() };
        if source.is_empty_file(seen) {
            self.header(seen, &member);
            self.remember(seen, name);
            return Ok(());
        }
        let (file, meta) = source.open(seen)?;
        let reported = u64::try_from(meta.st_size).unwrap_or_default();
        if let Some(parts) = sparse::parts(&file, &meta) {
            return self.sparse_file(&file, &meta, &parts, &Member { whole_size: Some(reported), ..member });
        }
        let count = self.fill(&file, reported)?;
        let is_whole = count < CHUNK_BYTES;
        let has_no_size = reported > CHUNK_BYTES as u64 && meta.st_blocks == 0 && is_of_kernel(&file);
        let reported = if has_no_size { 0 } else { reported };
        let size = if is_whole { count as u64 } else { reported.max(count as u64) };
        self.header(&meta, &Member { size, ..member });
        self.remember(&meta, name);
        self.answer.bytes(self.buffer.get(..count).unwrap_or_default());
        let copied = self.copy(&file, count as u64, size - count as u64);
        self.zeros(padding(size) as u64);
        copied?;
        if !is_whole && file.read_at(&mut [0], size).is_ok_and(|more| more > 0) {
            let size = show_size(size);
            if reported == 0 {
                return Err(format!("truncated after {size}, because its size is unknown").into());
            }
            self.warn(source.path(), &format!("grew while it was read: the archive has the first {size}"));
        }
        Ok(())
    }

    /// Adds a file with holes: a map of its parts, and the parts.
    fn sparse_file(
        &mut self,
        file: &File,
        meta: &Meta,
        parts: &[(u64, u64)],
        member: &Member<'_>,
    ) -> Result<(), Error> {
        let map = sparse::map(parts);
        let kept: u64 = parts.iter().map(|(_, length)| length).sum();
        let size = map.len() as u64 + kept;
        self.header(meta, &Member { size, ..*member });
        self.remember(meta, member.name);
        self.write(&map);
        let mut copied = Ok(());
        for &(start, length) in parts {
            copied = copied.and(self.copy(file, start, length));
        }
        self.zeros(padding(kept) as u64);
        copied
    }

    /// Writes the header of a member, with the owner, mode and time in `meta`.
    fn header(&mut self, meta: &Meta, member: &Member<'_>) {
        let header = Member {
            mode: meta.st_mode & 0o7777,
            uid: meta.st_uid,
            gid: meta.st_gid,
            modified: meta.st_mtime,
            user: self.names.known_user(meta.st_uid).unwrap_or_default(),
            group: self.names.known_group(meta.st_gid).unwrap_or_default(),
            ..*member
        }
        .header();
        if member.kind != b'5' {
            self.release();
        }
        self.write(&header);
    }

    /// Remembers the name of a file that may have more hard links.
    fn remember(&mut self, meta: &Meta, name: &[u8]) {
        if !self.links.remember(meta, name) && !self.is_full {
            self.is_full = true;
            self.answer.info("too many hard-linked files to remember: some are archived as separate files");
        }
    }

    /// Fills the buffer with the first bytes of the file, and returns their number. Its end is not
    /// looked for where it is reported to be.
    fn fill(&mut self, file: &File, reported: u64) -> Result<usize, Error> {
        let mut count = 0;
        while let Some(room) = self.buffer.get_mut(count..).filter(|room| !room.is_empty()) {
            match file.read_at(room, count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if count as u64 == reported {
                break;
            }
        }
        Ok(count)
    }

    /// Writes a part of the file. If the file has become shorter, writes zeros instead and returns
    /// an error.
    fn copy(&mut self, file: &File, start: u64, length: u64) -> Result<(), Error> {
        let (mut at, end) = (start, start.saturating_add(length));
        let mut can_splice = true;
        while at < end && !self.answer.is_over() {
            if can_splice {
                let moved = self.answer.splice(file, at, usize::try_from(end - at).unwrap_or(usize::MAX));
                can_splice = moved.is_some_and(|count| count > 0);
                at += moved.unwrap_or_default() as u64;
                continue;
            }
            let most = usize::try_from(end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let room = self.buffer.get_mut(..most).unwrap_or_default();
            let why = match file.read_at(room, at) {
                Ok(0) => Error::from("shrank while it was read"),
                Ok(count) => {
                    self.answer.bytes(room.get(..count).unwrap_or_default());
                    at += count as u64;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error.into(),
            };
            self.zeros(end - at);
            let missing = show_size(end - at);
            return Err(format!("{why}: the archive has zeros in place of its last {missing}").into());
        }
        Ok(())
    }

    fn zeros(&mut self, count: u64) {
        let mut left = count;
        while left > 0 && !self.answer.is_over() {
            let some = usize::try_from(left).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write(ZEROS.get(..some).unwrap_or_default());
            left -= some as u64;
        }
    }

    fn warn(&mut self, path: &[u8], why: &str) {
        self.answer.info(&with_path(path, why));
    }

    fn error(&mut self, path: &[u8], error: &Error) {
        self.failed = true;
        self.answer.error(with_path(path, &error.reason()));
    }
}

/// Returns a message with the path in front.
fn with_path(path: &[u8], why: &str) -> String {
    format!("{}: {why}", decode(path))
}
