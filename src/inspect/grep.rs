//! `grep TEXT PATH...`: the lines of files that have a text in them. grep(1).
//!
//! In constant memory: of a line longer than [`LINE`] so much is looked at at a time, which is said.

mod literal;
mod pattern;

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use self::pattern::Pattern;
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, operands, refused};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::{Shown as _, escape};
use crate::view::input::{self, Input, PIECE};
use crate::view::root::Root;
use crate::view::walk::{Met, Walk};

/// The longest line that is looked at as a whole, in bytes.
const LINE: usize = 1 << 20;
/// What it is taken for that a text is one of several lines.
const EXPECTED: &str = "a text of one line";

pub(super) const COMMAND: Command = Command {
    name: "grep",
    summary: "print the lines of files that have a text in them",
    options: &[&[
        operand("TEXT", "what to look for"),
        operands("PATH", "the files"),
        flag("recursive", "look into folders, not through links").short('r'),
        flag("ignore-case", "take a and A for the same; of ASCII alone").short('i'),
        flag("line-number", "print the number of each line").short('n'),
        flag(
            "extended-regexp",
            r"TEXT is a regular expression; to \b, \w and [[:upper:]] all letters are ASCII",
        )
        .short('E'),
        flag("files-with-matches", "print the names of the files alone").short('l'),
        flag("with-filename", "with each line the name of its file (as of several)"),
        flag("no-filename", "without"),
        flag("quiet", "print nothing: the exit status says whether there is any").short('q'),
        refused("regexp", "TEXT stands without it; several are one expression: -E 'one|two'").short('e'),
        refused("invert-match", "lines that do not match cannot be asked for").short('v'),
    ]],
    plan,
    examples: r"porthole grep -rn upstream /etc/nginx
porthole grep -p 7 -iE 'error|fatal' /var/log/app.log",
    properties: Properties {
        habits: Habits {
            letters: "FhH",
            letter_synonyms: &[(b'h', "--no-filename"), (b'H', "--with-filename")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, not a state")]
struct Grep {
    pattern: Pattern,
    paths: Vec<PathBuf>,
    recursive: bool,
    numbers: bool,
    names_alone: bool,
    /// Whether each line is printed with the name of its file; as it comes where nothing is said.
    names: Option<bool>,
    quiet: bool,
    /// Whether the text has letters of which the case counts though it is not to.
    has_other_letters: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let text = given.words("TEXT").pop().unwrap_or_default().into_vec();
    if text.contains(&b'\n') {
        return Err(given.wrong("TEXT", &format!("expected {EXPECTED}")));
    }
    let any_case = given.has("ignore-case");
    let has_other_letters = any_case && !text.is_ascii();
    let pattern = if given.has("extended-regexp") {
        let text = String::from_utf8(text).map_err(|_| given.wrong("TEXT", "expected UTF-8 text"))?;
        Pattern::expression(given.expression("TEXT", &text, any_case)?, &text, any_case)
    } else {
        Pattern::text(text, any_case)
    };
    Ok(Box::new(Grep {
        pattern,
        paths: given.paths("PATH"),
        recursive: given.has("recursive"),
        numbers: given.has("line-number"),
        names_alone: given.has("files-with-matches"),
        names: if given.has("no-filename") {
            Some(false)
        } else {
            given.has("with-filename").then_some(true)
        },
        quiet: given.has("quiet"),
        has_other_letters,
    }))
}

impl Inspect for Grep {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("matches");
        if self.has_other_letters {
            answer.note("-i is for the letters of ASCII: of others in TEXT the case counts");
        }
        let mut search = Search {
            grep: self,
            answer,
            names: self.names.unwrap_or(self.recursive || self.paths.len() > 1),
            buffer: vec![0; LINE],
            found: false,
        };
        for path in &self.paths {
            if search.is_over() {
                break;
            }
            search.path(&root, path);
        }
        let found = search.found;
        if self.quiet && found {
            // "Exit immediately with zero status if any match is found, even if an error was detected", grep(1).
            answer.settle();
        }
        Ok(found)
    }
}

struct Search<'a> {
    grep: &'a Grep,
    answer: &'a mut Answer,
    /// Whether each line is printed with the name of its file.
    names: bool,
    buffer: Vec<u8>,
    found: bool,
}

impl Search<'_> {
    /// Whether there is nothing more to be found out.
    fn is_over(&self) -> bool {
        self.answer.is_over() || self.grep.quiet && self.found
    }

    /// Looks into what was named.
    fn path(&mut self, root: &Root, path: &Path) {
        if self.grep.recursive
            && root.meta(path, true).is_ok_and(|meta| FileType::of_mode(meta.st_mode).is_directory())
        {
            match Walk::new(root, path) {
                Ok(walk) => self.tree(walk),
                Err(why) => self.complain(path, why),
            }
            return;
        }
        match input::open(root, path, None) {
            Ok(input) => self.file(input),
            Err(why) => self.complain(path, why),
        }
    }

    /// Looks into the files below a folder, in the folders' own order.
    fn tree(&mut self, mut walk: Walk) {
        while let Some(met) = walk.next() {
            if self.is_over() {
                return;
            }
            let path = PathBuf::from(OsStr::from_bytes(walk.path()));
            let Met::Entry(kind) = met else {
                if let Met::Failed(why) = met {
                    self.complain(&path, why);
                }
                continue;
            };
            // Not every file system tells.
            let kind = kind.or_else(|| walk.meta().ok().map(|meta| FileType::of_mode(meta.st_mode)));
            match kind {
                Some(FileType::Directory) => match walk.meta() {
                    Ok(meta) if walk.is_kernel_mount(&meta) => {
                        let note = "not looked into: what it has is the kernel's; name it to have that done";
                        self.answer.note(&format!("{}: {note}", path.shown()));
                    }
                    Ok(_) => walk.enter(),
                    Err(why) => self.complain(&path, why),
                },
                Some(FileType::Regular) => match walk.open() {
                    Ok(None) => {}
                    Ok(Some((file, meta))) => self.file(Input::new(file, &meta, &path)),
                    Err(why) => self.complain(&path, why),
                },
                _ => {}
            }
        }
    }

    fn file(&mut self, mut input: Input<'_>) {
        let result =
            if input.is_output() { Err("is where the output goes".into()) } else { self.lines(&mut input) };
        if let Err(why) = result {
            self.complain(input.path, why);
        }
    }

    fn complain(&mut self, path: &Path, error: Error) {
        self.answer.complain(error.at(path));
    }

    /// Prints the lines that match.
    fn lines(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.lines_within(input, &mut buffer);
        self.buffer = buffer;
        result
    }

    fn lines_within(&mut self, input: &mut Input<'_>, buffer: &mut [u8]) -> Result<(), Error> {
        let mut file = Lines { path: input.path, number: 1, is_binary: false };
        let (mut filled, mut first) = (0_usize, true);
        // Whether a line longer than the buffer was met, and whether the rest of this one is of no interest.
        let (mut long, mut done) = (false, false);
        let skips = self.grep.pattern.needs_more_than_nuls();
        while !self.is_over() {
            // A line as long as that is looked at in parts first.
            if skips && filled + 1 < LINE && input.skip_hole() {
                // One of them is left of it: nothing matches across that, and lines it has none.
                if let Some(byte) = buffer.get_mut(filled) {
                    *byte = 0;
                    filled += 1;
                }
                file.is_binary = true;
            }
            let room = buffer.get_mut(filled..filled.saturating_add(PIECE).min(LINE)).unwrap_or_default();
            let count = input.read(room)?;
            let new = room.get(..count).unwrap_or_default();
            if first {
                file.is_binary |= memchr(0, new).is_some();
                first = false;
            }
            let newline = memrchr(b'\n', new);
            let start = filled;
            filled += count;
            let whole = if count == 0 { filled } else { newline.map_or(0, |at| start + at + 1) };
            let mut used = whole;
            if whole > 0 {
                let mut block = buffer.get(..whole).unwrap_or_default();
                if done {
                    let rest = memchr(b'\n', block).map_or(whole, |at| at + 1);
                    block = block.get(rest..).unwrap_or_default();
                    // Of the line that was left out nothing but its end counts.
                    file.number += 1;
                    done = false;
                }
                if self.block(block, &mut file) {
                    return Ok(());
                }
            } else if filled == LINE {
                if !long {
                    long = true;
                    let path = input.path.shown();
                    self.answer.note(&format!("{path}: a line longer than 1 MiB is looked at in parts"));
                }
                let part = buffer.get(..filled).unwrap_or_default();
                if !done && self.grep.pattern.find(part, 0).is_some() {
                    done = true;
                    if self.print(part, &mut file) {
                        return Ok(());
                    }
                }
                used = filled - self.grep.pattern.overlap();
            }
            if count == 0 {
                break;
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        Ok(())
    }

    /// Prints those that match of these lines, and says whether the file is done with.
    fn block(&mut self, block: &[u8], file: &mut Lines<'_>) -> bool {
        let (mut from, mut counted) = (0, 0);
        let counts = self.grep.numbers || self.answer.is_json();
        let newlines = |from: usize, to: usize| {
            let bytes = if counts { block.get(from..to) } else { None };
            memchr_iter(b'\n', bytes.unwrap_or_default()).count() as u64
        };
        while let Some((start, end)) = self.grep.pattern.find(block, from) {
            file.number += newlines(counted, start);
            counted = start;
            if self.print(block.get(start..end).unwrap_or_default(), file) || self.is_over() {
                return true;
            }
            from = end + 1;
        }
        file.number += newlines(counted, block.len());
        false
    }

    /// Prints this line of the file, and says whether the file is done with.
    fn print(&mut self, line: &[u8], file: &mut Lines<'_>) -> bool {
        self.found = true;
        if self.grep.quiet {
            return true;
        }
        let is_binary = file.is_binary || memchr(0, line).is_some();
        let path = file.path.as_os_str().as_bytes();
        if self.answer.is_json() {
            let mut entries = vec![("path", Fact::Bytes(path.to_vec()))];
            if is_binary {
                entries.push(("binary", Fact::Bool(true)));
            } else {
                entries.push(("line", Fact::Count(file.number)));
                entries.push(("text", Fact::Bytes(line.to_vec())));
            }
            self.answer.item("matches", &Fact::Object(entries));
        } else if self.grep.names_alone {
            self.answer.line(path);
        } else if is_binary {
            self.answer.line(&[b"Binary file ", path, b" matches"].concat());
        } else {
            if self.names {
                let mut name = escape(path);
                name.push(':');
                self.answer.content(name.as_bytes());
            }
            if self.grep.numbers {
                self.answer.content(format!("{}:", file.number).as_bytes());
            }
            self.answer.text(line);
            self.answer.content(b"\n");
        }
        is_binary || self.grep.names_alone
    }
}

/// Where in a file we are.
struct Lines<'a> {
    path: &'a Path,
    /// The number of the line that comes next, where it is counted.
    number: u64,
    is_binary: bool,
}
