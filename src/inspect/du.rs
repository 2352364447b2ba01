//! `du [PATH...]`: what directories take on disk. du(1)
//!
//! Invariant: memory is bounded, whatever the tree. Only the largest directories are kept for the
//! list, and only files with several links are remembered, each until its last link was seen. The
//! totals are those of the whole tree all the same.

mod largest;
mod links;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use self::largest::{Largest, Line};
use self::links::Links;
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operands, option, refused};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::Shown as _;
use crate::units::{self, show_short_size};
use crate::view::root::{Meta, Root};
use crate::view::walk::{Event, Walk};

/// What `--max-depth` expects.
const DEPTH: &str = "a whole number, 0 for only the total of each PATH";
/// The unit of `st_blocks` in bytes: stat(3type).
const BLOCK: u64 = 512;

pub(super) const COMMAND: Command = Command {
    name: "du",
    summary: "print what directories take on disk, the largest first",
    options: &[&[
        operands("PATH", "the directories and files, on one file system (.)").optional(),
        option("max-depth", "DEPTH", "list directories at most DEPTH levels below PATH").short('d'),
        refused("all", "only directories are listed; porthole find PATH --larger SIZE lists files")
            .short('a'),
        refused("apparent-size", "it is in the document that --json prints"),
    ]],
    plan,
    examples: r"porthole du -d 1 /var
porthole du -p 7 /data",
    properties: Properties {
        habits: Habits {
            letters: "hxks",
            letter_synonyms: &[(b's', "--max-depth=0")],
            words: &["--human-readable", "--one-file-system"],
            synonyms: &[("--summarize", "--max-depth=0")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Du {
    paths: Vec<PathBuf>,
    max_depth: usize,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut paths = given.paths("PATH");
    if paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    let max_depth =
        given.parsed("max-depth", DEPTH, |text| units::number(text, u64::from(u32::MAX)).ok_or(DEPTH))?;
    let max_depth = max_depth.map_or(usize::MAX, |depth| usize::try_from(depth).unwrap_or(usize::MAX));
    Ok(Box::new(Du { paths, max_depth }))
}

impl Inspect for Du {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("paths");
        let mut sum = Sum {
            root: &root,
            answer,
            max_depth: self.max_depth,
            links: Links::new(),
            largest: Largest::default(),
        };
        for path in &self.paths {
            sum.operand(path);
        }
        let Sum { links, largest, .. } = sum;
        if links.is_incomplete() {
            answer.error(format!(
                "more than {} files with several links: some are counted once for each link",
                links::MAX_FILES
            ));
        }
        let left_out = largest.left_out();
        print(largest.sorted(), answer);
        if left_out > 0 {
            // Their sizes are in the totals.
            answer.warn(&format!("the {left_out} smallest directories are not listed; -d 1 lists fewer"));
        }
        Ok(true)
    }
}

/// What a file or a directory with everything in it takes.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    /// On disk, in bytes.
    size: u64,
    /// The sizes of files and links, in bytes.
    apparent: u64,
    /// The number of entries in a directory and those in it.
    entries: u64,
    /// Whether a part of it could not be read.
    is_incomplete: bool,
}

impl Total {
    /// What this file or directory takes itself.
    fn of(meta: &Meta) -> Self {
        let blocks = u64::try_from(meta.st_blocks).unwrap_or_default();
        // The size of a directory or device says nothing about what it holds.
        let has_size = matches!(FileType::of_mode(meta.st_mode), FileType::Regular | FileType::Link);
        let apparent = u64::try_from(meta.st_size).unwrap_or_default();
        Total {
            size: blocks.saturating_mul(BLOCK),
            apparent: if has_size { apparent } else { 0 },
            ..Total::default()
        }
    }

    /// Adds what another file or directory takes.
    fn add(&mut self, other: Total) {
        self.size = self.size.saturating_add(other.size);
        self.apparent = self.apparent.saturating_add(other.apparent);
        self.entries = self.entries.saturating_add(other.entries);
        self.is_incomplete |= other.is_incomplete;
    }
}

/// A directory that is being read.
struct Level {
    total: Total,
    /// The length of its path.
    length: usize,
    /// How many of its entries have unknown metadata, and why.
    unknown: Option<(u64, Error)>,
}

/// A calculation, and what all paths have in common.
struct Sum<'a> {
    root: &'a Root,
    answer: &'a mut Answer,
    max_depth: usize,
    links: Links,
    largest: Largest,
}

impl Sum<'_> {
    /// Adds up what this path takes, links not followed.
    fn operand(&mut self, path: &Path) {
        let meta = match self.root.meta(path, false) {
            Ok(meta) => meta,
            Err(error) => return self.answer.error(error.at(path)),
        };
        let name = path.as_os_str().as_bytes();
        if !FileType::of_mode(meta.st_mode).is_directory() {
            let total = if self.links.is_new(&meta) { Total::of(&meta) } else { Total::default() };
            return self.largest.push_operand(name, total);
        }
        let mut levels = Levels { path: name.to_vec(), levels: Vec::new() };
        levels.enter(b"", &meta);
        match Walk::new(self.root, path) {
            Ok(mut walk) => self.walk(&mut walk, meta.st_dev, &mut levels),
            Err(error) => {
                self.answer.error(error.at(path));
                levels.mark_incomplete();
            }
        }
        while levels.depth() > 0 {
            self.leave(&mut levels);
        }
    }

    /// Adds up what is in the first of the levels, which is on this device.
    fn walk(&mut self, walk: &mut Walk, device: u64, levels: &mut Levels) {
        while let Some(met) = walk.next() {
            if self.answer.is_over() {
                return;
            }
            // The directory that the walk is in, or the one in it that cannot be read.
            let depth = match &met {
                Event::Entry(_) => walk.depth(),
                Event::Failed(_) => walk.depth() + 1,
            };
            while levels.depth() > depth {
                self.leave(levels);
            }
            if let Event::Failed(error) = met {
                // It may have been removed in the meantime.
                if !error.is_absent() {
                    self.answer.error(error.at(Path::new(OsStr::from_bytes(walk.path()))));
                    levels.mark_incomplete();
                }
                continue;
            }
            // Another file system is left out before it is asked anything: it may not answer.
            let is_file = matches!(met, Event::Entry(Some(kind)) if !kind.is_directory());
            if !is_file && walk.device().is_some_and(|other| other != device) {
                continue;
            }
            let meta = match walk.meta() {
                Ok(meta) => meta,
                Err(error) => {
                    levels.cannot_stat(error);
                    continue;
                }
            };
            let is_directory = FileType::of_mode(meta.st_mode).is_directory();
            // On an overlay, a file has the device of its layer.
            if meta.st_dev != device && (is_directory || !walk.is_on_mount_of_folder()) {
                continue;
            }
            levels.count();
            if is_directory {
                levels.enter(walk.name(), &meta);
                walk.enter();
            } else if self.links.is_new(&meta) {
                levels.add(Total::of(&meta));
            }
        }
    }

    /// Ends the last level: adds it to the one above, or to the list.
    fn leave(&mut self, levels: &mut Levels) {
        let Some(level) = levels.levels.pop() else { return };
        let Level { mut total, length, unknown } = level;
        levels.path.truncate(length);
        let path = &levels.path;
        if let Some((count, error)) = unknown {
            let entries = if count == 1 { "entry" } else { "entries" };
            let path = Path::new(OsStr::from_bytes(path)).shown();
            self.answer.error(format!("{path}: cannot stat {count} {entries}: {error}"));
            total.is_incomplete = true;
        }
        if levels.depth() == 0 {
            self.largest.push_operand(path, total);
        } else {
            if levels.depth() <= self.max_depth {
                self.largest.push(path, total);
            }
            levels.add(total);
        }
    }
}

/// The directories on the way to where a walk is.
struct Levels {
    /// The path of the last one, perhaps with more behind it.
    path: Vec<u8>,
    levels: Vec<Level>,
}

impl Levels {
    fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Begins a directory of this name in the last one, or the first one, whose path is known.
    fn enter(&mut self, name: &[u8], meta: &Meta) {
        if let Some(last) = self.levels.last() {
            self.path.truncate(last.length);
            if self.path.last() != Some(&b'/') {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
        }
        self.levels.push(Level { total: Total::of(meta), length: self.path.len(), unknown: None });
    }

    fn add(&mut self, total: Total) {
        if let Some(last) = self.levels.last_mut() {
            last.total.add(total);
        }
    }

    /// Counts an entry of the last directory.
    fn count(&mut self) {
        self.add(Total { entries: 1, ..Total::default() });
    }

    fn mark_incomplete(&mut self) {
        self.add(Total { is_incomplete: true, ..Total::default() });
    }

    /// Remembers that an entry of the last directory has unknown metadata.
    fn cannot_stat(&mut self, error: Error) {
        if let Some(last) = self.levels.last_mut().filter(|_| !error.is_absent()) {
            let (count, _) = last.unknown.get_or_insert((0, error));
            *count += 1;
        }
    }
}

fn print(lines: Vec<Line>, answer: &mut Answer) {
    if answer.is_json() {
        for line in lines {
            if answer.is_over() {
                return;
            }
            let Total { size, apparent, entries, is_incomplete } = line.total;
            let item = Fact::Object(vec![
                ("path", Fact::Bytes(line.path.into())),
                ("size", size.into()),
                ("apparent_size", apparent.into()),
                ("entries", entries.into()),
                ("incomplete", is_incomplete.into()),
            ]);
            answer.item("paths", &item);
        }
        return;
    }
    let shown = |line: &Line| {
        let more = if line.total.is_incomplete { ">" } else { "" };
        [more, &show_short_size(line.total.size)].concat()
    };
    let width = lines.iter().map(|line| shown(line).len()).max().unwrap_or_default();
    for line in &lines {
        if answer.is_over() {
            return;
        }
        let head = format!("{:>width$}  ", shown(line));
        answer.line(&[head.as_bytes(), &line.path].concat());
    }
}
