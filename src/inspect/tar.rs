//! `tar cf - PATH...`: writes files to stdout as an archive, as `kubectl cp` expects. tar(1),
//! pax(1).
//!
//! Invariant: the contents of a member are exactly as long as its header says, whatever happens to
//! the file in the meantime. A file that grows is truncated; one that shrinks is padded with zeros.
//! Memory use is bounded, however many files there are and however large they are.
//!
//! If not one entry can be read, nothing is written: kubectl takes an archive without members for a
//! success, and shows stderr only if there is no archive.

mod archive;
pub mod header;
mod links;
pub mod names;
mod options;
mod source;
mod sparse;

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use self::archive::Archive;
use self::options::{OPTIONS, REFUSED};
use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::report::Answer;

pub(super) const COMMAND: Command = Command {
    name: "tar",
    summary: "write files to standard output as an archive, as kubectl cp expects",
    options: &[OPTIONS, REFUSED],
    plan,
    examples: r"porthole tar cf - /var/log > log.tar
porthole tar -p 7 -c -C /etc app --exclude '*.key' > etc.tar
kubectl exec POD -- /porthole tar cf - /etc/app | tar xf -",
    properties: Properties { lacks: &[("json", "an archive is not JSON")], ..Properties::WATCHED },
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
        return Err(given.unexpected("file", "-, as porthole writes no files: redirect standard output"));
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
            return Err("refusing to write an archive to a terminal: redirect standard output".into());
        }
        let root = target.root()?;
        let mut archive = Archive::new(self, target, answer);
        for path in &self.paths {
            if archive.is_over() {
                break;
            }
            archive.path(&root, path);
        }
        archive.end();
        Ok(true)
    }
}
