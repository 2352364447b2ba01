//! `cat PATH...`: the bytes of files. cat(1).

use std::io::Read as _;
use std::path::PathBuf;

use super::{Command, Inspect, Target};
use crate::cli::{Given, UsageError, flag, operands, option};
use crate::outcome::Fact;
use crate::report::Answer;
use crate::units::{self, show_size};

/// The default of `--max`, in bytes.
const MAX: u64 = 1 << 20;
/// How much is read at once, in bytes.
const PIECE: usize = 32 << 10;

pub(super) const COMMAND: Command = Command {
    name: "cat",
    summary: "print the bytes of files",
    options: &[&[
        operands("PATH", "the files"),
        option("max", "SIZE", "at most so much of each (1M)"),
        flag("special", "read from FIFOs and devices too, which may wait or have effects"),
    ]],
    plan,
    examples: r"porthole cat /etc/resolv.conf
porthole cat -p 7 /etc/app/config.yaml",
};

#[derive(Debug)]
struct Cat {
    paths: Vec<PathBuf>,
    max: u64,
    special: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let max = given.parsed("max", units::SIZE, units::size)?.unwrap_or(MAX);
    Ok(Box::new(Cat { paths: given.paths("PATH"), max, special: given.has("special") }))
}

impl Inspect for Cat {
    fn run(&self, target: &Target, answer: &mut Answer) -> bool {
        let root = match target.root() {
            Ok(root) => root,
            Err(why) => {
                answer.complain(&why);
                return false;
            }
        };
        answer.list("files");
        let mut found = true;
        for path in &self.paths {
            if answer.is_over() {
                break;
            }
            let shown = path.display();
            match root.open(path, self.special) {
                Ok((mut file, _)) => found &= self.print(&mut file, path, answer),
                Err(why) => answer.complain(&format!("{shown}: {why}")),
            }
        }
        found
    }
}

impl Cat {
    fn print(&self, file: &mut std::fs::File, path: &std::path::Path, answer: &mut Answer) -> bool {
        let mut left = self.max;
        let mut whole = Vec::new();
        let mut piece = vec![0; PIECE];
        loop {
            let count = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    answer.complain(&format!("{}: {}", path.display(), crate::net::words(&error)));
                    return false;
                }
            };
            let taken = usize::try_from(left).map_or(count, |left| left.min(count));
            let bytes = piece.get(..taken).unwrap_or_default();
            if answer.is_json() {
                whole.extend_from_slice(bytes);
            } else {
                answer.content(bytes);
            }
            left -= taken as u64;
            if taken < count {
                answer.note(&format!("{}: cut after {} (--max)", path.display(), show_size(self.max)));
                break;
            }
            if answer.is_over() {
                return true;
            }
        }
        if answer.is_json() {
            use std::os::unix::ffi::OsStrExt as _;
            answer.item(
                "files",
                &Fact::Object(vec![
                    ("path", Fact::Bytes(path.as_os_str().as_bytes().to_vec())),
                    ("content", Fact::Bytes(whole)),
                ]),
            );
        }
        true
    }
}
