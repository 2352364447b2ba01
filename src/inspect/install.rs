//! `install DEST`: copies this program to where another container finds it. install(1).
//!
//! This is the only command that writes a file, and it writes only the program itself: to a new
//! file next to DEST, which then replaces DEST atomically (rename(2)). As with install(1) of
//! coreutils, a symbolic link is replaced, not its target; if DEST is a directory or a link to one,
//! the copy is put into it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::{Command, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, operand};
use crate::error::Error;
use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::procfs;
use crate::report::Answer;
use crate::sys::started_as;
use crate::units::show_short_size;
use crate::view::input::CHUNK_BYTES;
use crate::view::metadata::octal;

/// The name of the copy in a directory.
const NAME: &str = "porthole";
/// The start of the name of the temporary file.
const TEMPORARY: &str = ".porthole.install-";
/// The mode of the copy, whatever the umask.
const MODE: u32 = 0o755;

pub(super) const COMMAND: Command = Command {
    name: "install",
    summary: "copy this program to DEST, mode 0755, in one step",
    options: &[&[operand("DEST", "the new file, or a directory to copy it to as porthole")]],
    plan,
    examples: r"porthole install /shared/porthole
porthole install /shared/",
    properties: Properties {
        scope: Scope::Processes,
        lacks: &[
            ("pid", "it writes to porthole's own file system only"),
            ("proc", "it copies the running program"),
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

/// Opens the running program, even if its file has been deleted. Without proc it is found by the
/// path that it was started with.
fn running() -> Result<File, Error> {
    let link = Path::new(procfs::ROOT).join("self/exe");
    let refused = |path: &Path, error: io::Error| {
        Error::from(format!("{}: needed to read the running program", Error::from(error))).at(path)
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

/// Returns the path of the new file: DEST itself, or [`NAME`] in it if DEST is a directory.
fn destination(dest: &Path) -> Result<PathBuf, Error> {
    let found = fs::metadata(dest);
    let path = match found {
        Ok(found) if found.is_dir() => dest.join(NAME),
        Err(error) if dest.as_os_str().as_bytes().ends_with(b"/") => return Err(failed(dest, error)),
        _ => dest.to_owned(),
    };
    // Replacing a device is never intended, nor a FIFO or socket that another process may wait on.
    match fs::symlink_metadata(&path).map(|found| FileType::of_mode(found.mode())) {
        Ok(kind) if !(kind.is_regular() || kind.is_link()) => {
            Err(Error::from(format!("is {}; not replaced", kind.described())).at(&path))
        }
        _ => Ok(path),
    }
}

/// Replaces `dest` with a copy of the file, and returns its size. On failure the temporary file is
/// removed.
fn replace(from: File, dest: &Path) -> Result<u64, Error> {
    let folder = match dest.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (file, path) = temporary(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => failed(folder, error),
        _ => failed(dest, error),
    })?;
    let done = copy(from, file).and_then(|size| fs::rename(&path, dest).map(|()| size));
    done.map_err(|error| {
        let why = failed(dest, error);
        match fs::remove_file(&path) {
            Ok(()) => why,
            Err(error) => format!("{why}; cannot remove {}", Error::from(error).at(&path)).into(),
        }
    })
}

/// Creates a temporary file in this directory. Its name tells what it is if porthole is killed
/// before the file is renamed.
fn temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    loop {
        // Not the pid: in a container it is often 1, for a killed porthole too.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = folder.join(format!("{TEMPORARY}{}-{}", now.as_secs(), now.subsec_nanos()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (file, path)),
        }
    }
}

/// Copies the whole file and syncs it to disk, before it is renamed.
fn copy(mut from: File, mut to: File) -> io::Result<u64> {
    let mut piece = vec![0; CHUNK_BYTES];
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

/// Returns why a file cannot be written, and what to do.
fn failed(path: &Path, error: io::Error) -> Error {
    let todo = match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
        Errno::EROFS => ": mount a volume there",
        Errno::ENOSPC | Errno::EDQUOT => ": free some space, or choose another location",
        Errno::EACCES | Errno::EPERM => {
            ": run as a user who may write there, or give the volume to this one (fsGroup in Kubernetes)"
        }
        Errno::ENOENT | Errno::ENOTDIR => ": choose an existing directory, or mount a volume",
        _ => "",
    };
    Error::from(Error::from(error).to_string() + todo).at(path)
}
