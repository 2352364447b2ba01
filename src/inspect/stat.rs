//! `stat PATH...`: the metadata of files. stat(1), inode(7).

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operands};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::report::Answer;
use crate::text::{decode, encode};
use crate::units::{minute, show_short_size};
use crate::view::metadata::{count, device, facts, is_device, letters, moment, octal};
use crate::view::resolve::follow;
use crate::view::root::{Meta, Root};
use crate::view::users::Names;

pub(super) const COMMAND: Command = Command {
    name: "stat",
    summary: "print the metadata of files: type, mode, owner, size, times (UTC)",
    options: &[&[operands("PATH", "the files; links are not followed, but their targets are shown")]],
    plan,
    examples: r"porthole stat /etc/app/config.yaml
porthole stat -p 7 /run/app.sock",
    properties: Properties::WATCHED,
};

#[derive(Debug)]
struct Stat {
    paths: Vec<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "the plans of other commands may fail")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Stat { paths: given.paths("PATH") }))
}

impl Inspect for Stat {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        let names = Names::of(target, answer);
        answer.list("files");
        let mut first = true;
        for path in &self.paths {
            if answer.is_over() {
                break;
            }
            let meta = match root.meta(path, false) {
                Ok(meta) => meta,
                Err(error) => {
                    answer.error(error.at(path));
                    continue;
                }
            };
            let link = FileType::of_mode(meta.st_mode).is_link().then(|| Link::of(&root, path));
            if answer.is_json() {
                answer.item("files", &fact(path, &meta, link, &names));
                continue;
            }
            if !first {
                answer.line(b"");
            }
            first = false;
            print(path, &meta, link.as_ref(), &names, answer);
        }
        Ok(true)
    }
}

/// A symbolic link.
struct Link {
    /// Its text.
    text: Option<Vec<u8>>,
    /// The path without links that it resolves to, or why it does not.
    end: Result<Vec<u8>, String>,
}

impl Link {
    /// Reads the link and follows it.
    fn of(root: &Root, path: &Path) -> Self {
        let text = root.link(path).ok().map(|text| text.as_bytes().to_vec());
        let end = match follow(root, path, &mut |_| true) {
            Ok(end) => Ok(end.unwrap_or_default()),
            Err(dead) => Err(format!("nothing ({}: {})", decode(&dead.path), dead.error)),
        };
        Link { text, end }
    }
}

fn print(path: &Path, meta: &Meta, symlink: Option<&Link>, names: &Names, answer: &mut Answer) {
    let mode = meta.st_mode;
    let mut line = |key: &str, value: &[u8]| {
        // As wide as the longest key, "resolves to:".
        let key = format!("{key}:");
        answer.line(&[format!("{key:<13}").as_bytes(), value].concat());
    };
    line("path", path.as_os_str().as_bytes());
    line("type", FileType::of_mode(mode).name().as_bytes());
    if let Some(symlink) = symlink {
        line("link to", symlink.text.as_deref().unwrap_or(b"?"));
        match &symlink.end {
            Ok(end) => line("resolves to", end),
            Err(why) => line("resolves to", &encode(why)),
        }
    }
    if is_device(mode) {
        let (major, minor) = device(meta.st_rdev);
        line("numbers", format!("{major}, {minor}").as_bytes());
    } else {
        let size = meta.st_size.cast_unsigned();
        let short = if size < 1024 { String::new() } else { format!(" ({})", show_short_size(size)) };
        line("size", format!("{size}{short}").as_bytes());
    }
    line("blocks", format!("{} of 512 bytes", meta.st_blocks).as_bytes());
    let (major, minor) = device(meta.st_dev);
    line("device", format!("{major}, {minor}").as_bytes());
    line("inode", meta.st_ino.to_string().as_bytes());
    line("links", meta.st_nlink.to_string().as_bytes());
    line("mode", format!("{} {}", octal(mode), letters(mode)).as_bytes());
    for (key, id, name) in
        [("user", meta.st_uid, names.user(meta.st_uid)), ("group", meta.st_gid, names.group(meta.st_gid))]
    {
        let id = id.to_string();
        if name == id.as_bytes() {
            line(key, id.as_bytes());
        } else {
            line(key, &[id.as_bytes(), b" (", &name, b")"].concat());
        }
    }
    for (key, [seconds, nanos]) in times(meta) {
        let second = seconds.rem_euclid(60);
        line(key, format!("{}:{second:02}.{nanos:09} UTC", minute(seconds)).as_bytes());
    }
}

/// Returns the times of a file in seconds and nanoseconds, with their names.
#[allow(clippy::useless_conversion, reason = "the types differ between architectures")]
fn times(meta: &Meta) -> [(&'static str, [i64; 2]); 3] {
    [
        ("accessed", [meta.st_atime.into(), meta.st_atime_nsec.into()]),
        ("modified", [meta.st_mtime.into(), meta.st_mtime_nsec.into()]),
        ("changed", [meta.st_ctime.into(), meta.st_ctime_nsec.into()]),
    ]
}

/// `254:0`, as mounts shows it.
fn shown_device(number: u64) -> String {
    let (major, minor) = device(number);
    format!("{major}:{minor}")
}

fn fact(path: &Path, meta: &Meta, link: Option<Link>, names: &Names) -> Fact {
    let mut entries = vec![("path", Fact::Bytes(path.as_os_str().as_bytes().to_vec()))];
    entries.extend(facts(meta.st_mode, meta.st_uid, meta.st_gid, names));
    if is_device(meta.st_mode) {
        let (major, minor) = device(meta.st_rdev);
        entries.extend([("major", count(major)), ("minor", count(minor))]);
    }
    entries.extend([
        ("size", count(meta.st_size)),
        ("blocks", count(meta.st_blocks)),
        ("device", Fact::Text(shown_device(meta.st_dev))),
        ("inode", count(meta.st_ino)),
        ("links", count(meta.st_nlink)),
    ]);
    entries.extend(times(meta).map(|(key, [seconds, nanos])| (key, moment(seconds, nanos))));
    if let Some(Link { text, end }) = link {
        entries.push(("link", text.map_or(Fact::Null, Fact::Bytes)));
        entries.push(("resolves_to", end.map_or(Fact::Null, Fact::Bytes)));
    }
    Fact::Object(entries)
}
