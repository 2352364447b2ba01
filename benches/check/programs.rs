//! The programs that are measured: where they are, and which versions.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A program that porthole is compared with.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Whose it is, as there are several programs with that name.
    pub name: &'static str,
    /// The program, in `PATH`.
    pub program: &'static str,
    /// The argument that makes it print its version.
    pub version: &'static str,
}

pub const BUSYBOX: Peer = Peer { name: "busybox", program: "busybox", version: "--help" };
pub const CURL: Peer = Peer { name: "curl", program: "curl", version: "--version" };
pub const DF: Peer = Peer { name: "GNU coreutils", program: "df", version: "--version" };
pub const FIND: Peer = Peer { name: "GNU findutils", program: "find", version: "--version" };
pub const FINDMNT: Peer = Peer { name: "util-linux", program: "findmnt", version: "--version" };
pub const GREP: Peer = Peer { name: "GNU grep", program: "grep", version: "--version" };
pub const LS: Peer = Peer { name: "GNU coreutils", program: "ls", version: "--version" };
pub const PROCPS: Peer = Peer { name: "procps", program: "ps", version: "--version" };
pub const RIPGREP: Peer = Peer { name: "ripgrep", program: "rg", version: "--version" };
pub const SS: Peer = Peer { name: "iproute2", program: "ss", version: "-V" };
pub const TAR: Peer = Peer { name: "GNU tar", program: "tar", version: "--version" };
pub const VALGRIND: Peer = Peer { name: "valgrind", program: "valgrind", version: "--version" };

/// Every one of them, for those that a table names only by their program.
const PEERS: [Peer; 12] = [BUSYBOX, CURL, DF, FIND, FINDMNT, GREP, LS, PROCPS, RIPGREP, SS, TAR, VALGRIND];

/// Finds programs, and remembers which were used and which are missing.
#[derive(Default)]
pub struct Programs {
    used: Mutex<BTreeSet<String>>,
    missing: Mutex<BTreeSet<String>>,
}

impl Programs {
    /// Finds a program: among those that are built, those built for the bench, then in `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let built =
            env::var_os("PORTHOLE_BENCH_DIR").map_or_else(|| PathBuf::from("target/static"), PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [built, PathBuf::from("target/bench")].into_iter().chain(env::split_paths(&path));
        let found = folders.map(|folder| folder.join(program)).find(|file| file.is_file());
        let found = found.and_then(|file| file.canonicalize().ok());
        let list = if found.is_some() { &self.used } else { &self.missing };
        locked(list).insert(program.to_owned());
        found
    }

    /// Returns the programs that were looked for and not found.
    pub fn missing(&self) -> Vec<String> {
        locked(&self.missing).iter().cloned().collect()
    }

    /// Returns the versions of the peers that were used: `busybox 1.35.0, GNU grep 3.8`.
    pub fn versions(&self) -> String {
        let used = locked(&self.used);
        let peers = PEERS.iter().filter(|peer| used.contains(peer.program));
        let versions: BTreeSet<String> = peers.filter_map(version).collect();
        versions.into_iter().collect::<Vec<_>>().join(", ")
    }
}

fn locked(list: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a peer's name and version. The first line that it prints contains the version, as a word
/// with a period: `iproute2-6.1.0`, `v1.35.0`.
fn version(peer: &Peer) -> Option<String> {
    let output = Command::new(peer.program).arg(peer.version).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8(text).ok()?;
    let word = text.lines().next()?.split([' ', '-', ',']).find(|word| {
        word.contains('.') && word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    })?;
    Some(format!("{} {}", peer.name, word.trim_start_matches('v')))
}
