//! `install DEST`: this very program, copied to where another container finds it. install(1).
//!
//! The only command that writes a file, and only this program's own bytes: into a new file beside DEST, which takes its
//! place in one step (rename(2)), so that DEST is at any time the old file or all of the new one. As with install(1) of
//! coreutils a link is replaced, not what it leads to, unless that is a directory, which takes the program under its
//! own name.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operand};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::procfs;
use crate::report::Answer;
use crate::sys::started_as;
use crate::units::show_short_size;
use crate::view::input::PIECE;
use crate::view::metadata::octal;

/// The name that it takes in a directory.
const NAME: &str = "porthole";
/// What the name of a file that is not whole yet begins with.
const UNFINISHED: &str = ".porthole.install-";
/// The mode of the copy, whatever the umask.
const MODE: u32 = 0o755;

pub(super) const COMMAND: Command = Command {
    name: "install",
    summary: "copy this program to DEST, mode 0755, in one step",
    options: &[&[operand("DEST", "the new file, or a directory, in which it is called porthole")]],
    plan,
    examples: r"porthole install /shared/porthole
porthole install /shared/",
    properties: Properties {
        lacks: &[
            ("pid", "a file is written in our own view alone"),
            ("proc", "the program that is copied is the one that runs"),
        ],
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Install {
    dest: PathBuf,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let dest = given.paths("DEST").pop().unwrap_or_default();
    if dest.as_os_str().is_empty() {
        return Err(given.unexpected("DEST", "the path of a file or directory"));
    }
    Ok(Box::new(Install { dest }))
}

impl Inspect for Install {
    fn run(&self, _target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let program = running()?;
        let dest = destination(&self.dest)?;
        let size = replace(program, &dest)?;
        if answer.is_json() {
            answer.document(vec![
                ("path", Fact::Bytes(dest.as_os_str().as_bytes().to_vec())),
                ("size", Fact::Count(size)),
                ("mode", Fact::Text(octal(MODE))),
            ]);
        } else {
            let line = [b"installed ", dest.as_os_str().as_bytes()].concat();
            answer.line(&[line, format!(" ({})", show_short_size(size)).into_bytes()].concat());
        }
        Ok(true)
    }
}

/// The program that runs, also where its name is gone by now. Without proc it is found by the path that it was
/// started by.
fn running() -> Result<File, Error> {
    let link = Path::new(procfs::ROOT).join("self/exe");
    let refused = |path: &Path, error: io::Error| {
        Error::from(format!("{}: the program that runs is to be read there", Error::from(error))).at(path)
    };
    match File::open(&link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(path) = started_as() else { return Err(refused(&link, error)) };
            File::open(path).map_err(|error| {
                format!("{}, and no proc is mounted at {}", refused(path, error), procfs::ROOT).into()
            })
        }
        result => result.map_err(|error| refused(&link, error)),
    }
}

/// The path of the new file: DEST itself, or our name in it where it is a directory or has to be one.
fn destination(dest: &Path) -> Result<PathBuf, Error> {
    let found = fs::metadata(dest);
    let path = match found {
        Ok(found) if found.is_dir() => dest.join(NAME),
        Err(error) if dest.as_os_str().as_bytes().ends_with(b"/") => return Err(failed(dest, error)),
        _ => dest.to_owned(),
    };
    // A device's place is never what was meant, nor is that of a FIFO or socket on which another process waits.
    match fs::symlink_metadata(&path).map(|found| FileType::of_mode(found.mode())) {
        Ok(kind) if !(kind.is_regular() || kind.is_link()) => {
            Err(Error::from(format!("is {}, and is not replaced", kind.described())).at(&path))
        }
        _ => Ok(path),
    }
}

/// Puts a copy of the file in the place of `dest`; how many bytes it has. Where that fails nothing is left behind.
fn replace(from: File, dest: &Path) -> Result<u64, Error> {
    let folder = match dest.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (file, path) = unfinished(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => failed(folder, error),
        _ => failed(dest, error),
    })?;
    let done = copy(from, file).and_then(|size| fs::rename(&path, dest).map(|()| size));
    done.map_err(|error| {
        let why = failed(dest, error);
        match fs::remove_file(&path) {
            Ok(()) => why,
            Err(error) => format!("{why}; left behind is {}", Error::from(error).at(&path)).into(),
        }
    })
}

/// A new file in this folder, under a name that tells what it is should we be killed in between.
fn unfinished(folder: &Path) -> io::Result<(File, PathBuf)> {
    loop {
        // Not by the pid: in a container it is often 1, also that of the one that was killed.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = folder.join(format!("{UNFINISHED}{}-{}", now.as_secs(), now.subsec_nanos()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (file, path)),
        }
    }
}

/// Copies all of it, and has it on the disk before it gets its name.
fn copy(mut from: File, mut to: File) -> io::Result<u64> {
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                to.write_all(piece.get(..count).unwrap_or_default())?;
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    to.set_permissions(Permissions::from_mode(MODE))?;
    to.sync_all()?;
    Ok(size)
}

/// Why a file cannot be written, and what to do.
fn failed(path: &Path, error: io::Error) -> Error {
    let todo = match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
        Errno::EROFS => ": mount a volume there",
        Errno::ENOSPC | Errno::EDQUOT => ": make room there, or name another place",
        Errno::EACCES | Errno::EPERM => {
            ": run as a user who may write there, or give the volume to this one (fsGroup in Kubernetes)"
        }
        Errno::ENOENT | Errno::ENOTDIR => ": name a directory that is there, or mount a volume",
        _ => "",
    };
    Error::from(Error::from(error).to_string() + todo).at(path)
}
