//! `ls [PATH...]`: the entries of directories. ls(1).

mod lines;
mod rows;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use self::lines::Lines;
use self::rows::{By, Order, Row, Rows, Stat};
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operands};
use crate::error::{Cause, Error};
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::Shown as _;
use crate::view::root::{Folder, Root};
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
        flag("newest", "sort by modification time, the newest first").short('t'),
        flag("largest", "sort by size, the largest first").short('S'),
        flag("reverse", "reverse the order").short('r'),
    ]],
    plan,
    examples: r"porthole ls /etc
porthole ls -t /var/log
porthole ls -R -p 7 /run",
    properties: Properties {
        // All entries are always listed in the long format, one a line.
        habits: Habits {
            letters: "laA1h",
            synonyms: &[("--sort=time", "-t"), ("--sort=size", "-S")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Ls {
    paths: Vec<PathBuf>,
    recursive: bool,
    directory: bool,
    order: Order,
}

#[allow(clippy::unnecessary_wraps, reason = "the plans of other commands may fail")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut paths = given.paths("PATH");
    if paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    let by = match given.last_of(&["newest", "largest"]) {
        Some("newest") => By::Time,
        Some(_) => By::Size,
        None => By::Name,
    };
    Ok(Box::new(Ls {
        paths,
        recursive: given.has("recursive"),
        directory: given.has("directory"),
        order: Order { by, is_reversed: given.has("reverse") },
    }))
}

impl Inspect for Ls {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        let names = Names::of(target, answer);
        answer.list("entries");
        let (mut files, mut folders) = (Rows::default(), Rows::default());
        for path in &self.paths {
            match root.meta(path, false) {
                Ok(meta) => {
                    let is_listed = FileType::of_mode(meta.st_mode).is_directory() && !self.directory;
                    let rows = if is_listed { &mut folders } else { &mut files };
                    rows.push(path.as_os_str().as_bytes(), None);
                    rows.set_stat(Stat::from(&meta));
                }
                Err(error) => report_error(path, error, answer),
            }
        }
        files.sort(self.order);
        folders.sort(self.order);
        let (recursive, order) = (self.recursive, self.order);
        let mut listing = Listing { root: &root, names: &names, answer, recursive, order };
        listing.print(&files, None, &|name| {
            root.link(Path::new(OsStr::from_bytes(name))).ok().map(OsString::into_vec)
        });
        let headed = self.recursive || self.paths.len() > 1;
        let mut first = files.is_empty();
        // The last one is listed next, so that subdirectories come before siblings.
        let paths = folders.iter().rev().map(|(path, _)| PathBuf::from(OsStr::from_bytes(path)));
        let mut queue: Vec<(PathBuf, usize)> = paths.map(|path| (path, 0)).collect();
        while let Some((path, depth)) = queue.pop() {
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
            listing.folder(&path, depth, &mut queue);
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
    order: Order,
}

impl Listing<'_> {
    /// Lists a directory. With `-R` its subdirectories are queued to be listed next.
    fn folder(&mut self, path: &Path, depth: usize, queue: &mut Vec<(PathBuf, usize)>) {
        let mut folder = match self.root.folder(path) {
            Ok(folder) => folder,
            Err(error) => return report_error(path, error, self.answer),
        };
        let mut rows = self.read(path, &mut folder);
        rows.sort(self.order);
        self.print(&rows, Some(path), &|name| folder.link(name).ok());
        if !self.recursive {
            return;
        }
        let below = rows.iter().filter(|(_, row)| row.kind().is_directory());
        for (name, _) in below.rev() {
            if depth >= MAX_DEPTH || queue.len() >= MAX_QUEUED {
                let path = path.shown();
                self.answer.error(format!("{path}: subdirectories not listed: too deep or too many"));
                break;
            }
            queue.push((path.join(OsStr::from_bytes(name)), depth + 1));
        }
    }

    fn read(&mut self, path: &Path, folder: &mut Folder) -> Rows {
        let mut rows = Rows::default();
        let mut unknown: Option<(usize, Error)> = None;
        loop {
            match folder.next() {
                Ok(Some(_)) if rows.len() >= MAX_ENTRIES => {
                    let path = path.shown();
                    let message =
                        format!("{path}: cut after {MAX_ENTRIES} entries; porthole find {path} prints all");
                    self.answer.error(&message);
                    break;
                }
                Ok(Some(entry)) => rows.push(entry.name, entry.kind),
                Ok(None) => break,
                Err(error) => {
                    report_error(path, error, self.answer);
                    break;
                }
            }
            match folder.meta(rows.last_name()) {
                Ok(meta) => rows.set_stat(Stat::from(&meta)),
                // It was removed in the meantime.
                Err(error) if error.cause == Cause::System(Errno::ENOENT) => rows.pop(),
                Err(error) => {
                    let (count, _) = unknown.get_or_insert((0, error));
                    *count += 1;
                }
            }
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
    fn print(&mut self, rows: &Rows, folder: Option<&Path>, link: &dyn Fn(&[u8]) -> Option<Vec<u8>>) {
        if self.answer.is_json() {
            for (name, row) in rows.iter() {
                if self.answer.is_over() {
                    return;
                }
                self.answer.item("entries", &self.fact(name, row, folder, link));
            }
            return;
        }
        let mut lines = Lines::of(rows, self.names);
        for (name, row) in rows.iter() {
            if self.answer.is_over() {
                return;
            }
            self.answer.line(lines.line(name, row, link));
        }
    }

    fn fact(
        &self,
        name: &[u8],
        row: &Row,
        folder: Option<&Path>,
        link: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Fact {
        let path = OsStr::from_bytes(name);
        let path = folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        let mut entries = vec![
            ("path", Fact::Bytes(path.into_os_string().into_vec())),
            ("name", Fact::Bytes(name.to_vec())),
        ];
        entries.extend(row.facts(self.names));
        if row.kind().is_link() {
            entries.push(("link", link(name).map_or(Fact::Null, Fact::Bytes)));
        }
        Fact::Object(entries)
    }
}
