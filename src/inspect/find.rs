//! `find PATH`: the paths below a directory. find(1).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operand, option};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::units;
use crate::view::glob::fits;
use crate::view::metadata::type_name;
use crate::view::root::Meta;
use crate::view::walk::{Event, Walk};

/// What `--type` expects.
const TYPE: &str = "f (file), d (directory), l (link), s (socket) or p (FIFO)";
/// What `--max-depth` expects.
const DEPTH: &str = "a whole number, 0 for only PATH";

pub(super) const COMMAND: Command = Command {
    name: "find",
    summary: "print the paths below a directory, links not followed",
    options: &[&[
        operand("PATH", "where to start"),
        option("name", "GLOB", "the name matches this: * ? [a-z] [!a]"),
        option("type", "TYPE", "f, d, l, s or p: files, directories, links, sockets, FIFOs"),
        option("max-depth", "N", "descend at most N levels below PATH"),
        option("newer", "DUR", "modified at most this long ago"),
        option("larger", "SIZE", "larger than this"),
    ]],
    plan,
    examples: r"porthole find /etc --name '*.conf' --type f
porthole find /var/log -p 7 --larger 10M",
    properties: Properties {
        habits: Habits {
            words: &["-print"],
            synonyms: &[("-name", "--name"), ("-type", "--type"), ("-maxdepth", "--max-depth")],
            ..Habits::NONE
        },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Find {
    path: PathBuf,
    name: Option<Vec<u8>>,
    kind: Option<FileType>,
    max_depth: usize,
    /// The earliest modification time, in seconds and nanoseconds since the epoch.
    since: Option<(i64, i64)>,
    larger: Option<u64>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let kind = given.parsed("type", TYPE, |text| match text {
        "f" => Ok(FileType::Regular),
        "d" => Ok(FileType::Directory),
        "l" => Ok(FileType::Link),
        "s" => Ok(FileType::Socket),
        "p" => Ok(FileType::Fifo),
        _ => Err(TYPE),
    })?;
    let max_depth =
        given.parsed("max-depth", DEPTH, |text| units::number(text, u64::from(u32::MAX)).ok_or(DEPTH))?;
    let newer = given.parsed("newer", units::LONG_DURATION, units::long_duration)?;
    let since = newer.map(|newer| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = now.saturating_sub(newer);
        (since.as_secs().cast_signed(), i64::from(since.subsec_nanos()))
    });
    Ok(Box::new(Find {
        path: given.paths("PATH").pop().unwrap_or_default(),
        name: given.words("name").pop().map(|name| name.as_bytes().to_vec()),
        kind,
        max_depth: max_depth.map_or(usize::MAX, |depth| usize::try_from(depth).unwrap_or(usize::MAX)),
        since,
        larger: given.parsed("larger", units::SIZE, units::size)?,
    }))
}

impl Inspect for Find {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        answer.list("paths");
        let path = self.path.as_os_str().as_bytes();
        let meta = root.meta(&self.path, false).map_err(|error| error.at(&self.path))?;
        let top = FileType::of_mode(meta.st_mode);
        if self.fits(base_name(path), Some(top), || Ok(meta)).unwrap_or_default() {
            print(path, top, answer);
        }
        if !top.is_directory() || self.max_depth == 0 {
            return Ok(true);
        }
        match Walk::new(&root, &self.path) {
            Ok(mut walk) => self.walk(&mut walk, answer),
            Err(error) => report_error(path, error, answer),
        }
        Ok(true)
    }
}

impl Find {
    fn walk(&self, walk: &mut Walk, answer: &mut Answer) {
        while let Some(met) = walk.next() {
            if answer.is_over() {
                return;
            }
            let kind = match met {
                Event::Failed(error) => {
                    report_error(walk.path(), error, answer);
                    continue;
                }
                Event::Entry(Some(kind)) => kind,
                Event::Entry(None) => match walk.meta() {
                    Ok(meta) => FileType::of_mode(meta.st_mode),
                    Err(error) => {
                        report_error(walk.path(), error, answer);
                        continue;
                    }
                },
            };
            match self.fits(walk.name(), Some(kind), || walk.meta()) {
                Ok(true) => print(walk.path(), kind, answer),
                Ok(false) => {}
                Err(error) => report_error(walk.path(), error, answer),
            }
            if kind.is_directory() && walk.depth() < self.max_depth {
                walk.enter();
            }
        }
    }

    /// Whether an entry passes all filters. Its metadata is read only if a filter needs it.
    fn fits(
        &self,
        name: &[u8],
        kind: Option<FileType>,
        meta: impl FnOnce() -> Result<Meta, Error>,
    ) -> Result<bool, Error> {
        if self.name.as_ref().is_some_and(|pattern| !fits(pattern, name))
            || self.kind.is_some() && self.kind != kind
        {
            return Ok(false);
        }
        if self.since.is_none() && self.larger.is_none() {
            return Ok(true);
        }
        let meta = meta()?;
        let is_new = self.since.is_none_or(|since| (meta.st_mtime, meta.st_mtime_nsec) >= since);
        let is_large = self.larger.is_none_or(|size| u64::try_from(meta.st_size).is_ok_and(|own| own > size));
        Ok(is_new && is_large)
    }
}

fn print(path: &[u8], kind: FileType, answer: &mut Answer) {
    if answer.is_json() {
        let item = vec![("path", Fact::Bytes(path.to_vec())), ("type", type_name(kind))];
        answer.item("paths", &Fact::Object(item));
    } else {
        answer.line(path);
    }
}

fn report_error(path: &[u8], error: Error, answer: &mut Answer) {
    answer.error(error.at(Path::new(OsStr::from_bytes(path))));
}

/// Returns the last name in a path as find(1) does: `/` for the root, otherwise without trailing
/// slashes.
fn base_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    match path.get(..end) {
        Some(trimmed) if end > 0 => trimmed.rsplit(|&b| b == b'/').next().unwrap_or_default(),
        _ => path.get(..1).unwrap_or_default(),
    }
}
