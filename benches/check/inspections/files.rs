//! A directory with many files, a tree, many small files, and a large log.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::super::cost::Result;
use super::super::cost::log::Log;
use super::super::cost::random::Random;
use super::super::programs::{BUSYBOX, FIND, GREP, LS, Programs, RIPGREP, TAR};
use super::{Created, Fixture, Inspection};

/// How many files `ls` lists.
const MANY: usize = 50_000;
/// How many files `find` visits.
const TREE: usize = 200_000;
/// How many small files `grep -r` and `tar` read.
const SMALL: usize = 50_000;
/// How many files a directory of these has.
const HUNDRED: usize = 100;
/// The size of the log, in blocks that are alike.
const BLOCKS: usize = 64;
const BLOCK: usize = 1 << 24;
/// How often a block contains [`FOUND`].
const FOUND_EVERY: usize = 1 << 20;

/// The line that the searches find.
const FOUND: &str = "2026-11-25T13:52:14.083Z WARN stock[4123] the needle 204-lost7 is gone\n";
const FIXED: &str = "the needle";
const IGNORING_CASE: &str = "THE NEEDLE";
/// An expression of which no part is fixed, so that a line must be looked at byte by byte.
const EXPRESSION: &str = "[0-9]{3}-[a-z]+[0-9]";

struct Files {
    folder: PathBuf,
    /// How many of the small files contain [`FIXED`].
    found: usize,
}

pub fn create(folder: &Path, _: &Programs) -> Created {
    let many = folder.join("many");
    fs::create_dir(&many)?;
    for number in 0..MANY {
        File::create(many.join(format!("file-{number}")))?;
    }
    in_hundreds(&folder.join("tree"), TREE, |_| Ok(()))?;
    let block = block();
    let mut log = File::create(folder.join("log"))?;
    for _ in 0..BLOCKS {
        log.write_all(block.as_bytes())?;
    }
    let mut random = Random::default();
    let (mut from, mut found) = (0, 0);
    in_hundreds(&folder.join("small"), SMALL, |file| {
        let size = 200 + random.below(3500).unwrap_or_default();
        // ASCII, so it can be cut anywhere.
        let text = block.get(from..from + size).unwrap_or_default();
        found += usize::from(text.contains(FIXED));
        from = if text.is_empty() { 0 } else { from + size };
        file.write_all(text.as_bytes())
    })?;
    Ok(Some(Box::new(Files { folder: folder.to_owned(), found })))
}

/// Creates files in directories of a hundred, and these in ten directories.
fn in_hundreds(
    folder: &Path,
    count: usize,
    mut write: impl FnMut(&mut File) -> std::io::Result<()>,
) -> Result<()> {
    for hundred in 0..count / HUNDRED {
        let folder = folder.join(format!("{}/{hundred}", hundred % 10));
        fs::create_dir_all(&folder)?;
        for number in 0..HUNDRED {
            write(&mut File::create(folder.join(format!("file-{number}")))?)?;
        }
    }
    Ok(())
}

/// Returns the lines that the log repeats.
fn block() -> String {
    let mut log = Log::default();
    let mut block = String::with_capacity(BLOCK + (1 << 16));
    for _ in 0..BLOCK / FOUND_EVERY {
        block.push_str(&log.lines(FOUND_EVERY - FOUND.len()));
        block.push_str(FOUND);
    }
    block
}

impl Fixture for Files {
    fn inspections(&self) -> Vec<Inspection> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let (many, tree, log, small, folder) =
            (path("many"), path("tree"), path("log"), path("small"), self.folder.display().to_string());
        let lines = BLOCKS * BLOCK / FOUND_EVERY * FOUND.len();
        let piped = ["cf", "-", "-C", &folder];
        vec![
            Inspection::new("`ls`, 50,000 files", &["ls", &many], MANY * "file-1".len())
                .against(BUSYBOX, "`busybox ls -l`", &["ls", "-l", &many], 1.0)
                .against(LS, "GNU `ls -l`", &["-l", &many], 0.8),
            Inspection::new("`find`, 200,000 files", &["find", &tree], TREE * tree.len()).against(
                FIND,
                "GNU `find`",
                &[&tree],
                1.0,
            ),
            Inspection::new(
                "`find --name`, 200,000 files",
                &["find", &tree, "--name", "*7"],
                TREE / 10 * tree.len(),
            )
            .against(FIND, "GNU `find -name`", &[&tree, "-name", "*7"], 1.0),
            Inspection::new(
                "`grep -r`, 50,000 small files",
                &["grep", "-r", FIXED, &small],
                self.found * small.len(),
            )
            .against(RIPGREP, "`rg -j1 -uu`", &["-j1", "-uu", "-F", FIXED, &small], 1.1),
            Inspection::new("`grep`, 1 GiB", &["grep", FIXED, &log], lines)
                .against(RIPGREP, "`rg -F --no-mmap`", &["-j1", "--no-mmap", "-F", FIXED, &log], 1.5)
                .against(GREP, "GNU `grep -F`", &["-F", FIXED, &log], None),
            Inspection::new("`grep -i`, 1 GiB", &["grep", "-i", IGNORING_CASE, &log], lines)
                .against(
                    RIPGREP,
                    "`rg -iF --no-mmap`",
                    &["-j1", "--no-mmap", "-iF", IGNORING_CASE, &log],
                    None,
                )
                .against(GREP, "GNU `grep -iF`", &["-iF", IGNORING_CASE, &log], 0.7),
            Inspection::new("`grep -E`, 1 GiB", &["grep", "-E", EXPRESSION, &log], lines)
                .against(RIPGREP, "`rg --no-mmap`", &["-j1", "--no-mmap", EXPRESSION, &log], None)
                .against(GREP, "GNU `grep -E`", &["-E", EXPRESSION, &log], 2.0),
            Inspection::new("`tar`, 1 GiB", &[&["tar"], piped.as_slice(), &["log"]].concat(), BLOCKS * BLOCK)
                .against(TAR, "GNU `tar`", &[piped.as_slice(), &["log"]].concat(), 1.0),
            Inspection::new(
                "`tar`, 50,000 small files",
                &[&["tar"], piped.as_slice(), &["small"]].concat(),
                SMALL * 512,
            )
            .against(TAR, "GNU `tar`", &[piped.as_slice(), &["small"]].concat(), 1.0),
        ]
    }
}
