//! `tar cf - PATH...`: files as an archive on stdout, which is how `kubectl cp` asks for them. tar(1), pax(1).
//!
//! Invariant: what a header promises follows it, byte for byte, whatever becomes of the file meanwhile. One that grows is
//! cut, one that shrinks is filled with zeros. Memory is bounded however many files there are and however large.
//!
//! Where not one entry could be read, nothing is written: kubectl takes an archive without members for a success, and shows
//! what is on stderr only where there is no archive.

mod header;
mod links;
mod names;
mod options;
mod sparse;

use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::fstat;

use self::header::{BLOCK, Member, padding};
use self::links::Links;
use self::options::{OPTIONS, REFUSED};
use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::file_type::FileType;
use crate::report::Answer;
use crate::text::decode;
use crate::units::show_size;
use crate::view::metadata::device;
use crate::view::root::{Meta, Root, is_of_kernel};
use crate::view::users::Names;
use crate::view::walk::{Met, Walk};

/// How much is read at once, in bytes. A file of no more is read before its header is written, and so is never cut;
/// of a file whose size says nothing, as in proc, no more is read.
const PIECE: usize = 128 << 10;
/// How much is held back of an archive of which nothing could be read yet, in bytes.
const HELD: usize = 1 << 20;
/// What is written in place of what a file no longer has, in bytes at once.
const ZEROS: [u8; 4096] = [0; 4096];

pub(super) const COMMAND: Command = Command {
    name: "tar",
    summary: "write files to standard output as an archive, as kubectl cp asks for it",
    options: &[OPTIONS, REFUSED],
    plan,
    examples: r"porthole tar cf - /var/log > log.tar
porthole tar -p 7 -c -C /etc app --exclude '*.key' > etc.tar
kubectl exec POD -- /porthole tar cf - /etc/app | tar xf -",
    properties: Properties { lacks: &[("json", "an archive is no JSON document")], ..Properties::WATCHED },
};

#[derive(Debug)]
struct Tar {
    paths: Vec<PathBuf>,
    folder: PathBuf,
    patterns: Vec<Vec<u8>>,
    verbose: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    if !given.has("create") {
        return Err(given.wrong("create", "is missing, as in porthole tar cf - PATH"));
    }
    if given.words("file").pop().is_some_and(|file| file != "-") {
        return Err(given.unexpected("file", "-, as porthole writes no file: redirect standard output"));
    }
    let paths = given.paths("PATH");
    if paths.iter().any(|path| path.as_os_str().is_empty()) {
        return Err(given.wrong("PATH", "is empty"));
    }
    Ok(Box::new(Tar {
        paths,
        folder: given.paths("directory").pop().unwrap_or_default(),
        patterns: given.words("exclude").into_iter().map(std::ffi::OsString::into_vec).collect(),
        verbose: given.has("verbose"),
    }))
}

impl Inspect for Tar {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        if answer.is_terminal() {
            return Err("standard output is a terminal, which an archive is not for: redirect it".into());
        }
        let root = target.root()?;
        let mut archive = Archive {
            tar: self,
            names: Names::of(target, answer),
            answer,
            links: Links::default(),
            buffer: vec![0; PIECE],
            output: fstat(io::stdout()).ok().map(|out| (out.st_dev, out.st_ino)),
            from: 0,
            left_out: Vec::new(),
            is_full: false,
            held: Some(Vec::new()),
            failed: false,
        };
        for path in &self.paths {
            if archive.answer.is_over() {
                break;
            }
            archive.path(&root, path);
        }
        if !archive.failed {
            archive.release();
        }
        if archive.held.is_none() {
            // Two empty blocks end it.
            archive.zeros(2 * BLOCK as u64);
        }
        Ok(true)
    }
}

/// An archive in the making.
struct Archive<'a> {
    tar: &'a Tar,
    answer: &'a mut Answer,
    names: Names,
    links: Links,
    buffer: Vec<u8>,
    /// Device and inode of standard output.
    output: Option<(u64, u64)>,
    /// Where in the paths of what was named the member's name begins.
    from: usize,
    /// What was last said to be no part of the names.
    left_out: Vec<u8>,
    /// Whether there are more files with several names than are kept in mind.
    is_full: bool,
    /// The headers of directories that are not written before some entry could be read; nothing once one was.
    held: Option<Vec<u8>>,
    /// Whether something could not be read.
    failed: bool,
}

/// Where a file is: at a path that was named, or where a walk has come to.
#[derive(Clone, Copy)]
enum Place<'a> {
    Named(&'a Root, &'a Path),
    Met(&'a Walk),
}

impl Place<'_> {
    fn path(&self) -> &[u8] {
        match self {
            Place::Named(_, path) => path.as_os_str().as_bytes(),
            Place::Met(walk) => walk.path(),
        }
    }

    fn meta(&self) -> Result<Meta, Error> {
        match self {
            Place::Named(root, path) => root.meta(path, false),
            Place::Met(walk) => walk.meta(),
        }
    }

    fn link(&self) -> Result<Vec<u8>, Error> {
        match self {
            Place::Named(root, path) => Ok(root.link(path)?.into_vec()),
            Place::Met(walk) => walk.link(),
        }
    }

    fn open(&self) -> Result<(File, Meta), Error> {
        match self {
            Place::Named(root, path) => root.open(path, false),
            Place::Met(walk) => {
                let found = walk.open()?;
                found.ok_or_else(|| "became something else while it was looked at".into())
            }
        }
    }
}

impl Archive<'_> {
    /// Adds what was named, and all that is in it.
    fn path(&mut self, root: &Root, path: &Path) {
        let named = names::trimmed(path.as_os_str().as_bytes());
        if names::is_excluded_from_above(&self.tar.patterns, named) {
            return;
        }
        let path = self.tar.folder.join(std::ffi::OsStr::from_bytes(named));
        let leading = named.get(..names::leading(named)).unwrap_or_default();
        self.from = path.as_os_str().len() - named.len() + leading.len();
        if !leading.is_empty() && self.left_out != leading {
            self.left_out = leading.to_vec();
            let leading = decode(leading);
            self.answer.note(&format!("the names in the archive are without the leading '{leading}'"));
        }
        if self
            .add(Place::Named(root, &path))
            .is_none_or(|meta| !FileType::of_mode(meta.st_mode).is_directory())
        {
            return;
        }
        match Walk::new(root, &path) {
            Ok(mut walk) => self.walk(&mut walk, path.as_os_str().len() - named.len()),
            Err(error) => self.complain(path.as_os_str().as_bytes(), &error),
        }
    }

    /// Adds what a walk meets; the names that patterns are for begin at `from`.
    fn walk(&mut self, walk: &mut Walk, from: usize) {
        // What was entered could be read where it is empty, or where an entry of it is met.
        let (mut has_entered, mut is_empty) = (false, true);
        while let Some(met) = walk.next() {
            if self.answer.is_over() {
                return;
            }
            is_empty = false;
            if std::mem::take(&mut has_entered) && !matches!(met, Met::Failed(_)) {
                self.release();
            }
            if let Met::Failed(error) = met {
                self.complain(walk.path(), &error);
                continue;
            }
            if names::is_excluded(&self.tar.patterns, walk.path().get(from..).unwrap_or_default()) {
                continue;
            }
            let Some(meta) =
                self.add(Place::Met(walk)).filter(|meta| FileType::of_mode(meta.st_mode).is_directory())
            else {
                continue;
            };
            if walk.is_kernel_mount(&meta) {
                self.note(
                    walk.path(),
                    "what is in it is the kernel's, and left out; name it to have that too",
                );
            } else {
                walk.enter();
                has_entered = true;
            }
        }
        if has_entered || is_empty {
            self.release();
        }
    }

    /// Some entry could be read: what was held back is written, and what comes from now on at once.
    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.answer.bytes(&held);
        }
    }

    /// Writes bytes of the archive.
    fn write(&mut self, bytes: &[u8]) {
        match &mut self.held {
            Some(held) if held.len() < HELD => held.extend_from_slice(bytes),
            _ => {
                self.release();
                self.answer.bytes(bytes);
            }
        }
    }

    /// Adds one file; what it is, if it is there.
    fn add(&mut self, place: Place<'_>) -> Option<Meta> {
        let added = place.meta().and_then(|meta| {
            self.member(place, &meta)?;
            Ok(meta)
        });
        added.map_err(|error| self.complain(place.path(), &error)).ok()
    }

    fn member(&mut self, place: Place<'_>, meta: &Meta) -> Result<(), Error> {
        let file_type = FileType::of_mode(meta.st_mode);
        let path = place.path().get(self.from..).unwrap_or_default();
        let start = path.iter().take_while(|&&b| b == b'/').count();
        let mut name = path.get(start..).filter(|name| !name.is_empty()).unwrap_or(b".").to_vec();
        if file_type.is_directory() {
            name.push(b'/');
        }
        if self.tar.verbose {
            Answer::progress(&name);
        }
        let first_name = if file_type.is_directory() { None } else { self.links.first_name(meta) };
        if let Some(link) = first_name {
            self.header(meta, &Member { name: &name, kind: b'1', link: &link, ..Member::default() });
            return Ok(());
        }
        let kind = match file_type {
            FileType::Regular => return self.file(place, &name),
            FileType::Directory => b'5',
            FileType::Link => b'2',
            FileType::Fifo => b'6',
            FileType::CharacterDevice => b'3',
            FileType::BlockDevice => b'4',
            FileType::Socket | FileType::Unknown => {
                let what = file_type.described();
                self.note(place.path(), &format!("is {what}, which no archive has, and left out"));
                return Ok(());
            }
        };
        let link = if file_type.is_link() { place.link()? } else { Vec::new() };
        let device = if file_type.is_device() { device(meta.st_rdev) } else { (0, 0) };
        self.header(meta, &Member { name: &name, kind, link: &link, device, ..Member::default() });
        if !file_type.is_directory() {
            self.keep(meta, &name);
        }
        Ok(())
    }

    /// Adds a regular file.
    fn file(&mut self, place: Place<'_>, name: &[u8]) -> Result<(), Error> {
        let (file, meta) = place.open()?;
        if self.output == Some((meta.st_dev, meta.st_ino)) {
            self.note(place.path(), "is the archive itself, and left out");
            return Ok(());
        }
        let told = u64::try_from(meta.st_size).unwrap_or_default();
        let member = Member { name, kind: b'0', ..Member::default() };
        if let Some(parts) = sparse::parts(&file, &meta) {
            let map = sparse::map(&parts);
            let kept: u64 = parts.iter().map(|(_, length)| length).sum();
            let size = map.len() as u64 + kept;
            self.header(&meta, &Member { size, whole_size: Some(told), ..member });
            self.keep(&meta, name);
            self.write(&map);
            let mut copied = Ok(());
            for (start, length) in parts {
                copied = copied.and(self.copy(&file, start, length));
            }
            self.zeros(padding(kept) as u64);
            return copied;
        }
        let count = self.fill(&file)?;
        let is_whole = count < PIECE;
        let told = if told > PIECE as u64 && meta.st_blocks == 0 && is_of_kernel(&file) { 0 } else { told };
        let size = if is_whole { count as u64 } else { told.max(count as u64) };
        self.header(&meta, &Member { size, ..member });
        self.keep(&meta, name);
        self.answer.bytes(self.buffer.get(..count).unwrap_or_default());
        let copied = self.copy(&file, count as u64, size - count as u64);
        self.zeros(padding(size) as u64);
        copied?;
        if !is_whole && file.read_at(&mut [0], size).is_ok_and(|more| more > 0) {
            let size = show_size(size);
            if told == 0 {
                return Err(format!("cut after {size}, as its size is not told").into());
            }
            self.note(place.path(), &format!("grew while it was read: the archive has the first {size}"));
        }
        Ok(())
    }

    /// The header of a member, of which these are owner, mode and time.
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

    fn keep(&mut self, meta: &Meta, name: &[u8]) {
        if !self.links.keep(meta, name) && !self.is_full {
            self.is_full = true;
            self.answer
                .note("more files have several names than are kept in mind: some become files of their own");
        }
    }

    /// Fills the buffer with the first bytes of the file; how many there were.
    fn fill(&mut self, file: &File) -> Result<usize, Error> {
        let mut count = 0;
        while let Some(room) = self.buffer.get_mut(count..).filter(|room| !room.is_empty()) {
            match file.read_at(room, count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    /// Writes a part of the file. Where it has no such part any more there are zeros, and that is the error.
    fn copy(&mut self, file: &File, start: u64, length: u64) -> Result<(), Error> {
        let (mut at, end) = (start, start.saturating_add(length));
        while at < end && !self.answer.is_over() {
            let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
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

    fn note(&mut self, path: &[u8], why: &str) {
        self.answer.note(&at(path, why));
    }

    fn complain(&mut self, path: &[u8], error: &Error) {
        self.failed = true;
        self.answer.complain(at(path, &error.reason()));
    }
}

/// A message with the path in front.
fn at(path: &[u8], why: &str) -> String {
    format!("{}: {why}", decode(path))
}
