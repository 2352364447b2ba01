//! Whose view an inspection takes: our own, or that of another process, which is held for as long.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

use crate::files::{Unread, read_start};
use crate::procfs::handle::{Fate, Handle, Lost};
use crate::procfs::process::hiding_option;
use crate::procfs::status::Status;
use crate::text::Shown as _;
use crate::view::root::Root;

/// The most of one file of proc that is read, in bytes.
pub const LIMIT: usize = 4 << 20;

/// A proc mount and the process that is looked at.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where proc is mounted.
    pub proc: PathBuf,
    /// The process that was asked for.
    pub process: Option<Handle>,
}

impl Target {
    /// Our own view, or that of this process. The error is what to say where there is none.
    pub fn new(proc: &Path, pid: Option<u32>) -> Result<Self, String> {
        let process = match pid {
            None => None,
            Some(pid) => Some(Handle::open(proc, pid).map_err(|lost| match lost {
                Lost::Gone if !proc.join("self").exists() => {
                    format!("{}: no proc is mounted there", proc.shown())
                }
                Lost::Gone => format!("pid {pid}: no such process{}", or_hidden(proc)),
                lost => lost_words(&lost, &proc.join(pid.to_string())),
            })?),
        };
        Ok(Target { proc: proc.to_owned(), process })
    }

    /// The process that is looked at; our own where none was asked for.
    pub fn handle(&self) -> Result<Handle, String> {
        self.process.clone().map_or_else(|| self.ourselves(), Ok)
    }

    /// Our own process, as this proc has it.
    pub fn ourselves(&self) -> Result<Handle, String> {
        let pid = crate::procfs::process::own_pid(&self.proc)
            .ok_or_else(|| format!("{}: no proc is mounted there", self.proc.shown()))?;
        Handle::open(&self.proc, pid).map_err(|lost| lost_words(&lost, &self.proc.join(pid.to_string())))
    }

    /// The files as the process sees them. The error says what keeps us from it.
    pub fn root(&self) -> Result<Root, String> {
        let Some(process) = &self.process else {
            return Ok(Root::own());
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let root: OwnedFd =
            process.descriptor("root", flags).map_err(|lost| self.lost(&lost, process, "root"))?;
        // What it names is relative to that root; a process whose folder cannot be seen begins at the top.
        // Both are named as from our own root, as far as it has them: a process that changed its root shares our mounts.
        let link = |name| process.link(name).ok().map(|path| PathBuf::from(os(path)));
        let folder = link("cwd").zip(link("root"));
        let folder =
            folder.and_then(|(folder, root)| Some(Path::new("/").join(folder.strip_prefix(root).ok()?)));
        Ok(Root::of(root, folder.unwrap_or_else(|| PathBuf::from("/"))))
    }

    /// Bytes of a file of the process, such as `net/tcp`, or why they cannot be had.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if let Some(process) = &self.process {
            return process.read(name, LIMIT).map_err(|lost| self.lost(&lost, process, name));
        }
        self.start_of(Path::new("self").join(name)).map_err(|unread| unread.why)
    }

    /// The first bytes of a file of proc, such as `uptime`. The error has its path in front.
    pub fn start_of(&self, name: impl AsRef<Path>) -> Result<Vec<u8>, Unread> {
        let path = self.proc.join(name);
        let (bytes, _) = read_start(&path, LIMIT as u64).map_err(|unread| unread.at(&path))?;
        Ok(bytes)
    }

    /// Why a file of a process cannot be had: gone, or denied, by which rule, and what would help.
    pub fn lost(&self, lost: &Lost, process: &Handle, name: &str) -> String {
        let path = process.path(name);
        if *lost == Lost::Denied {
            return self.denied(process.pid, &path);
        }
        match process.fate() {
            Fate::Gone if process.is_hidden() => format!(
                "{}: the process is hidden{}: run as its user, or as root with the capability SYS_PTRACE",
                path.shown(),
                or_hidden(&self.proc).strip_prefix(", or hidden").unwrap_or(" (hidepid of proc(5))")
            ),
            Fate::Gone => lost_words(&Lost::Gone, &path),
            Fate::Zombie(process) => {
                format!("{} is a zombie: it has ended and has no {name} any more", process.shown())
            }
            Fate::Kernel(process) => {
                format!("{} is a thread of the kernel, which has no {name}", process.shown())
            }
            Fate::Lives if *lost == Lost::Gone => format!("{}: no such file or directory", path.shown()),
            Fate::Lives => lost_words(lost, &path),
        }
    }

    fn denied(&self, pid: u32, path: &Path) -> String {
        let status =
            |pid: &str| self.start_of(Path::new(pid).join("status")).map(|text| Status::parse(&text));
        match (status("self"), status(&pid.to_string())) {
            (Ok(ours), Ok(theirs)) => {
                format!("{}: permission denied: {} (ptrace(2))", path.shown(), ours.why_not(&theirs))
            }
            _ if self.is_of_kernel() => {
                format!("{}: permission denied, also to its status (hidepid of proc(5))", path.shown())
            }
            _ => lost_words(&Lost::Denied, path),
        }
    }

    /// Whether processes of other users may be missing from a list of all, of which this is the first: every pid namespace
    /// has a pid 1, and where that is our own user's the mount option tells.
    pub fn hides_some(&self, first: Option<u32>) -> bool {
        self.is_of_kernel() && (first != Some(1) || hiding_option(&self.proc).is_some())
    }

    /// Whether this is the kernel's proc, not a folder that looks like one.
    pub fn is_of_kernel(&self) -> bool {
        statfs(&self.proc).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC)
    }
}

/// Why a process of another user may be missing, or has no more than its number.
pub const HIDDEN: &str = "processes of other users are hidden here (hidepid of proc(5)): run as their user, or as root \
                          with the capability SYS_PTRACE";

/// `1 process`, `12 processes`
pub fn processes(count: u32) -> String {
    format!("{count} {}", if count == 1 { "process" } else { "processes" })
}

/// Why a file of a process cannot be had, with its path in front.
pub fn lost_words(lost: &Lost, path: &Path) -> String {
    match lost {
        Lost::Gone => format!("{}: the process is gone", path.shown()),
        Lost::Denied => format!("{}: permission denied", path.shown()),
        Lost::Failed(why) => format!("{}: {why}", path.shown()),
    }
}

/// What else may be the matter where there is no such process: `, or hidden: /proc is mounted with hidepid=2`.
fn or_hidden(proc: &Path) -> String {
    hiding_option(proc)
        .map_or_else(String::new, |option| format!(", or hidden: {} is mounted with {option}", proc.shown()))
}

/// Bytes as a path's text.
fn os(bytes: Vec<u8>) -> std::ffi::OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}
