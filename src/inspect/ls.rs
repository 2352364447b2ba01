//! `ls [PATH...]`: the entries of directories. ls(1).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operands};
use crate::error::{Cause, Error};
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::Shown as _;
use crate::units::{minute, show_short_size};
use crate::view::metadata::{count, device, facts, is_device, letters, moment, type_name};
use crate::view::root::{Folder, Meta, Root};
use crate::view::users::Names;

/// The most entries of one directory that are listed: they are sorted in memory.
const MAX_ENTRIES: usize = 100_000;
/// The most directories that are queued by `-R`.
const MAX_QUEUED: usize = 100_000;
/// How many levels `-R` descends.
const MAX_DEPTH: usize = 256;

pub(super) const COMMAND: Command = Command {
    name: "ls",
    summary: "list files: mode, owner, size, time (UTC), name, link target",
    options: &[&[
        operands("PATH", "the files and directories (.)").optional(),
        flag("recursive", "list subdirectories too, links not followed").short('R'),
        flag("directory", "list directories themselves, not their contents").short('d'),
    ]],
    plan,
    examples: r"porthole ls /etc
porthole ls -R -p 7 /run",
    properties: Properties {
        // All entries are always listed in the long format, one a line.
        habits: Habits { letters: "laA1h", ..Habits::NONE },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Ls {
    paths: Vec<PathBuf>,
    recursive: bool,
    directory: bool,
}

#[allow(clippy::unnecessary_wraps, reason = "the plans of other commands may fail")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut paths = given.paths("PATH");
    if paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    Ok(Box::new(Ls { paths, recursive: given.has("recursive"), directory: given.has("directory") }))
}

/// A file to list.
struct Row {
    name: Box<[u8]>,
    /// Its type, if the directory reported it.
    kind: Option<FileType>,
    /// Its metadata, unless that could not be read.
    stat: Option<Stat>,
}

/// The metadata that is listed; smaller than [`Meta`], because there may be many.
struct Stat {
    mode: u32,
    uid: u32,
    gid: u32,
    /// The size, or the device numbers of a device.
    size: u64,
    modified: i64,
    modified_nanos: i64,
}

impl From<&Meta> for Stat {
    fn from(meta: &Meta) -> Self {
        let size = if is_device(meta.st_mode) { meta.st_rdev } else { meta.st_size.cast_unsigned() };
        Stat {
            mode: meta.st_mode,
            uid: meta.st_uid,
            gid: meta.st_gid,
            size,
            modified: meta.st_mtime,
            modified_nanos: meta.st_mtime_nsec,
        }
    }
}

impl Inspect for Ls {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        let names = Names::of(target, answer);
        answer.list("entries");
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for path in &self.paths {
            match root.meta(path, false) {
                Ok(meta) if FileType::of_mode(meta.st_mode).is_directory() && !self.directory => {
                    folders.push((path.clone(), 0));
                }
                Ok(meta) => files.push(Row {
                    name: path.as_os_str().as_bytes().into(),
                    kind: None,
                    stat: Some(Stat::from(&meta)),
                }),
                Err(error) => report_error(path, error, answer),
            }
        }
        let mut listing = Listing { root: &root, names: &names, answer, recursive: self.recursive };
        listing.print(&mut files, None, &|name| {
            root.link(Path::new(OsStr::from_bytes(name))).ok().map(OsString::into_vec)
        });
        let headed = self.recursive || self.paths.len() > 1;
        let mut first = files.is_empty();
        // The last one is listed next, so that subdirectories come before siblings.
        folders.reverse();
        while let Some((path, depth)) = folders.pop() {
            if listing.answer.is_over() {
                break;
            }
            if headed && !listing.answer.is_json() {
                if !first {
                    listing.answer.line(b"");
                }
                listing.answer.line(&[path.as_os_str().as_bytes(), b":"].concat());
            }
            first = false;
            listing.folder(&path, depth, &mut folders);
        }
        Ok(true)
    }
}

fn report_error(path: &Path, error: Error, answer: &mut Answer) {
    answer.error(error.at(path));
}

/// A listing, and what all of its files have in common.
struct Listing<'a> {
    root: &'a Root,
    names: &'a Names,
    answer: &'a mut Answer,
    recursive: bool,
}

impl Listing<'_> {
    /// Lists a directory. With `-R` its subdirectories are queued to be listed next.
    fn folder(&mut self, path: &Path, depth: usize, queue: &mut Vec<(PathBuf, usize)>) {
        let mut folder = match self.root.folder(path) {
            Ok(folder) => folder,
            Err(error) => return report_error(path, error, self.answer),
        };
        let mut rows = self.read(path, &mut folder);
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.print(&mut rows, Some(path), &|name| folder.link(name).ok());
        if !self.recursive {
            return;
        }
        let below = rows.iter().filter(|row| row.kind().is_directory());
        for row in below.rev() {
            if depth >= MAX_DEPTH || queue.len() >= MAX_QUEUED {
                let path = path.shown();
                self.answer.error(format!("{path}: subdirectories not listed: too deep or too many"));
                break;
            }
            queue.push((path.join(OsStr::from_bytes(&row.name)), depth + 1));
        }
    }

    fn read(&mut self, path: &Path, folder: &mut Folder) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut unknown: Option<(usize, Error)> = None;
        loop {
            let entry = match folder.next() {
                Ok(Some(_)) if rows.len() >= MAX_ENTRIES => {
                    let path = path.shown();
                    let message =
                        format!("{path}: cut after {MAX_ENTRIES} entries; porthole find {path} prints all");
                    self.answer.error(&message);
                    break;
                }
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    report_error(path, error, self.answer);
                    break;
                }
            };
            let stat = match folder.meta(&entry.name) {
                Ok(meta) => Some(Stat::from(&meta)),
                // It was removed in the meantime.
                Err(error) if error.cause == Cause::System(Errno::ENOENT) => continue,
                Err(error) => {
                    let (count, _) = unknown.get_or_insert((0, error));
                    *count += 1;
                    None
                }
            };
            rows.push(Row { name: entry.name.into_boxed_slice(), kind: entry.kind, stat });
        }
        if let Some((count, error)) = unknown {
            let help = if error.is_denied() {
                ": the directory may be read, but not searched (no x in its mode)"
            } else {
                ""
            };
            let entries = if count == 1 { "entry" } else { "entries" };
            let message = format!("{}: cannot stat {count} {entries}: {error}{help}", path.shown());
            self.answer.error(&message);
        }
        rows
    }

    /// Prints rows in columns. `link` reads the target of a link.
    fn print(&mut self, rows: &mut [Row], folder: Option<&Path>, link: &dyn Fn(&[u8]) -> Option<Vec<u8>>) {
        if self.answer.is_json() {
            for row in rows {
                if self.answer.is_over() {
                    return;
                }
                let fact = self.fact(row, folder, link);
                self.answer.item("entries", &fact);
            }
            return;
        }
        let mut widths = [0; 3];
        let mut owner = Owner::default();
        for row in rows.iter() {
            owner.look_up(row.stat.as_ref(), self.names);
            let size = row.size().len();
            for (width, length) in widths.iter_mut().zip([owner.user.len(), owner.group.len(), size]) {
                *width = (*width).max(length);
            }
        }
        let [users, groups, sizes] = widths;
        let mut text = Vec::new();
        for row in rows.iter() {
            if self.answer.is_over() {
                return;
            }
            owner.look_up(row.stat.as_ref(), self.names);
            text.clear();
            let stat = row.stat.as_ref();
            let mode =
                stat.map_or_else(|| format!("{}?????????", row.kind().letter()), |stat| letters(stat.mode));
            text.extend_from_slice(mode.as_bytes());
            push(&mut text, &owner.user, users);
            push(&mut text, &owner.group, groups);
            let size = row.size();
            text.resize(text.len() + 2 + sizes.saturating_sub(size.len()), b' ');
            text.extend_from_slice(size.as_bytes());
            let time = stat.map_or_else(|| "?".to_owned(), |stat| minute(stat.modified));
            push(&mut text, time.as_bytes(), 16);
            text.extend_from_slice(b"  ");
            text.extend_from_slice(&row.name);
            if row.kind().is_link() {
                text.extend_from_slice(b" -> ");
                text.extend_from_slice(&link(&row.name).unwrap_or_else(|| b"?".to_vec()));
            }
            self.answer.line(&text);
        }
    }

    fn fact(&self, row: &Row, folder: Option<&Path>, link: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Fact {
        let name = OsStr::from_bytes(&row.name);
        let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        let mut entries = vec![
            ("path", Fact::Bytes(path.into_os_string().as_bytes().to_vec())),
            ("name", Fact::Bytes(row.name.to_vec())),
        ];
        entries.extend(row.facts(self.names));
        if row.kind().is_link() {
            entries.push(("link", link(&row.name).map_or(Fact::Null, Fact::Bytes)));
        }
        Fact::Object(entries)
    }
}

/// Appends two spaces and the text, padded to this width.
fn push(line: &mut Vec<u8>, text: &[u8], width: usize) {
    line.extend_from_slice(b"  ");
    line.extend_from_slice(text);
    line.resize(line.len() + width.saturating_sub(text.len()), b' ');
}

/// The names of the last file's owner, which the next file usually shares.
#[derive(Default)]
struct Owner {
    ids: Option<(u32, u32)>,
    user: Vec<u8>,
    group: Vec<u8>,
}

impl Owner {
    fn look_up(&mut self, stat: Option<&Stat>, names: &Names) {
        let ids = stat.map(|stat| (stat.uid, stat.gid));
        if self.ids == ids && !self.user.is_empty() {
            return;
        }
        self.ids = ids;
        self.user = ids.map_or_else(|| b"?".to_vec(), |(uid, _)| names.user(uid));
        self.group = ids.map_or_else(|| b"?".to_vec(), |(_, gid)| names.group(gid));
    }
}

impl Row {
    fn kind(&self) -> FileType {
        let known = self.stat.as_ref().map(|stat| FileType::of_mode(stat.mode));
        known.or(self.kind).unwrap_or(FileType::Unknown)
    }

    fn size(&self) -> String {
        match &self.stat {
            None => "?".to_owned(),
            Some(stat) if is_device(stat.mode) => {
                let (major, minor) = device(stat.size);
                format!("{major}, {minor}")
            }
            Some(stat) => show_short_size(stat.size),
        }
    }

    fn facts(&self, names: &Names) -> Vec<(&'static str, Fact)> {
        let Some(stat) = &self.stat else {
            let unknown = ["mode", "uid", "user", "gid", "group", "size", "modified"];
            let mut facts = vec![("type", type_name(self.kind()))];
            facts.extend(unknown.map(|name| (name, Fact::Null)));
            return facts;
        };
        let mut facts = facts(stat.mode, stat.uid, stat.gid, names);
        if is_device(stat.mode) {
            let (major, minor) = device(stat.size);
            facts.extend([("major", count(major)), ("minor", count(minor))]);
        } else {
            facts.push(("size", count(stat.size)));
        }
        facts.push(("modified", moment(stat.modified, stat.modified_nanos)));
        facts
    }
}
