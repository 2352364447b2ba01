//! Whose view an inspection takes: our own, or that of another process, which is held for as long.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::error::{Cause, Error};
use crate::files::read_start;
use crate::procfs::handle::{Fate, Handle, MAX_PROC_FILE_BYTES, is_proc};
use crate::procfs::listing::Listing;
use crate::procfs::process::{Process, explain_absence, hiding_option, own_pid};
use crate::procfs::status::Status;
use crate::report::Subject;
use crate::text::Shown as _;
use crate::view::application::{Application, mounts_of};
use crate::view::root::Root;

/// A proc mount and the process to inspect.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where proc is mounted.
    pub proc: PathBuf,
    /// The process to inspect; `None` is our own view.
    pub process: Option<Handle>,
    /// How it was chosen.
    pub choice: Choice,
    /// All processes, if they have been listed for several commands at once.
    pub listing: Option<Listing>,
}

/// How the process to inspect was chosen.
#[derive(Debug, Clone)]
pub enum Choice {
    /// It was named, or it is our own because that is what the command shows.
    Named,
    /// It is the application, because none was named. Other containers of the pod, by the pid and
    /// name of their first processes, might be meant too.
    Application(Vec<(u32, Vec<u8>)>),
    /// It is our own, because none was named and no application is visible.
    Fallback,
}

impl Target {
    /// Selects our own view, or that of this process. The error tells why there is none.
    pub fn new(proc: &Path, pid: Option<u32>) -> Result<Self, Error> {
        let process = match pid {
            None => None,
            Some(pid) => Some(Handle::open(proc, pid).map_err(|error| match error.cause {
                Cause::Gone if !proc.join("self").exists() => not_mounted(proc),
                Cause::Gone => format!("pid {pid}: no such process{}", or_hidden(proc)).into(),
                _ => error.at(&proc.join(pid.to_string())),
            })?),
        };
        Ok(Target { proc: proc.to_owned(), process, choice: Choice::Named, listing: None })
    }

    /// Selects our own view.
    pub fn own(proc: &Path) -> Self {
        Target { proc: proc.to_owned(), process: None, choice: Choice::Named, listing: None }
    }

    /// Selects the view of the application; our own if none is visible, or proc cannot be read.
    pub fn application(proc: &Path) -> Self {
        let own = Target::own(proc);
        match own.ourselves().ok().and_then(|ours| Application::of(proc, &ours)) {
            Some(found) => {
                let choice = Choice::Application(found.containers);
                Target { process: Some(found.process), choice, ..own }
            }
            None => Target { choice: Choice::Fallback, ..own },
        }
    }

    /// Returns the process to inspect: our own if none was requested.
    pub fn handle(&self) -> Result<Handle, Error> {
        self.process.clone().map_or_else(|| self.ourselves(), Ok)
    }

    /// Returns the process to inspect; `None` if proc does not show it.
    pub fn subject(&self) -> Option<Subject> {
        let process = self.handle().ok()?;
        let stat = process.read("stat", MAX_PROC_FILE_BYTES).ok();
        let name = stat.and_then(|text| Process::parse(process.pid, &text)).map(|process| process.name);
        Some(Subject { pid: process.pid, name })
    }

    /// Returns which processes there are. The error tells why proc cannot be listed.
    pub fn processes(&self) -> Result<Listing, Error> {
        let list = self.listing.clone().map_or_else(|| Listing::of(&self.proc), Ok);
        list.map_err(|errno| Error::from(errno).at(&self.proc))
    }

    /// Returns our own process, as this proc shows it.
    pub fn ourselves(&self) -> Result<Handle, Error> {
        let pid = own_pid(&self.proc).ok_or_else(|| not_mounted(&self.proc))?;
        Handle::open(&self.proc, pid).map_err(|error| error.at(&self.proc.join(pid.to_string())))
    }

    /// Whether the process sees the same mounts as porthole, so that its root is porthole's.
    fn has_our_mounts(&self, process: &Handle) -> bool {
        let ours = self.is_of_kernel().then(|| mounts_of(&self.ourselves().ok()?)).flatten();
        ours.is_some() && mounts_of(process) == ours
    }

    /// Returns the root directory of the process. The error tells what denies access to it.
    pub fn root(&self) -> Result<Root, Error> {
        let Some(process) = &self.process else {
            return Ok(Root::own());
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let root: OwnedFd = match process.descriptor("root", flags) {
            Ok(root) => root,
            Err(error) if error.is_denied() && self.has_our_mounts(process) => {
                // Its working directory is not visible.
                let root = open("/", flags | OFlag::O_CLOEXEC, Mode::empty());
                return root.map(|root| Root::of(root, PathBuf::from("/"))).map_err(Error::from);
            }
            Err(error) => return Err(self.explain(error, process, "root")),
        };
        // Paths are relative to that root; if the working directory of the process is not visible,
        // they start at the top. Both links are written as seen from our own root, as far as it
        // contains them: a process that changed its root shares our mounts.
        let link = |name| process.link(name).ok().map(|path| PathBuf::from(os(path)));
        let folder = link("cwd").zip(link("root"));
        let folder =
            folder.and_then(|(folder, root)| Some(Path::new("/").join(folder.strip_prefix(root).ok()?)));
        Ok(Root::of(root, folder.unwrap_or_else(|| PathBuf::from("/"))))
    }

    /// Reads a file of the process, such as `net/tcp`.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        if let Some(process) = &self.process {
            return process
                .read(name, MAX_PROC_FILE_BYTES)
                .map_err(|error| self.explain(error, process, name));
        }
        self.start_of(Path::new("self").join(name))
    }

    /// Reads the first bytes of a file of proc, such as `uptime`. The error contains its path.
    pub fn start_of(&self, name: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        let path = self.proc.join(name);
        let (bytes, _) = read_start(&path, MAX_PROC_FILE_BYTES as u64).map_err(|error| error.at(&path))?;
        Ok(bytes)
    }

    /// Adds to the error why a file of a process is not available: what became of the process, or
    /// which rule denies access and what would help.
    pub fn explain(&self, error: Error, process: &Handle, name: &str) -> Error {
        let path = process.path(name);
        if error.is_denied() {
            return self.denied(error, process.pid, &path);
        }
        match process.fate() {
            Fate::Gone if process.is_hidden() => {
                let option = hiding_option(&self.proc).map(|option| mounted_with(&self.proc, &option));
                let why = option.map_or_else(|| " (hidepid of proc(5))".to_owned(), |why| format!(": {why}"));
                let help = "run as its user, or as root with the capability SYS_PTRACE";
                Error::from(Cause::Denied(format!("the process is hidden{why}: {help}"))).at(&path)
            }
            Fate::Gone => Error::from(Cause::Gone).at(&path),
            Fate::Zombie(process) => {
                format!("{} is a zombie: it has ended and no longer has {name}", process.shown()).into()
            }
            Fate::Kernel(process) => {
                format!("{} is a kernel thread, which has no {name}", process.shown()).into()
            }
            Fate::Lives if error.is_gone() => {
                let absent = Error::from(Errno::ENOENT);
                let is_table = self.is_of_kernel() && name.starts_with("net/");
                if is_table { explain_absence(&self.proc, absent) } else { absent }.at(&path)
            }
            Fate::Lives => error.at(&path),
        }
    }

    /// Says which files of a process are not available and why, those with the same reason together.
    pub fn explain_all(&self, unread: &[(&'static str, Error)], process: &Handle) -> String {
        let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
        for (name, error) in unread {
            let error = self.explain(error.clone(), process, name);
            let (reason, path) = (error.reason().into_owned(), process.path(name).shown());
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, paths)) => paths.push(path),
                None => reasons.push((reason, vec![path])),
            }
        }
        let groups = reasons.into_iter().map(|(reason, paths)| [paths.join(", "), reason].join(": "));
        groups.collect::<Vec<_>>().join("; ")
    }

    fn denied(&self, error: Error, pid: u32, path: &Path) -> Error {
        let status =
            |pid: &str| self.start_of(Path::new(pid).join("status")).map(|text| Status::parse(&text));
        let why = match (status("self"), status(&pid.to_string())) {
            (Ok(ours), Ok(theirs)) => {
                format!("permission denied: {} (ptrace(2))", ours.describe_barrier(&theirs))
            }
            _ if self.is_of_kernel() => {
                "permission denied, even to its status (hidepid of proc(5))".to_owned()
            }
            _ => return error.at(path),
        };
        Error::from(Cause::Denied(why)).at(path)
    }

    /// Whether processes of other users may be missing from a list of all processes that begins
    /// with `first`. Every pid namespace has a pid 1; if it is listed because it runs as our own
    /// user, the mount option tells.
    pub fn hides_some(&self, first: Option<u32>) -> bool {
        self.is_of_kernel() && (first != Some(1) || hiding_option(&self.proc).is_some())
    }

    /// Whether this is the kernel's proc, not a directory that looks like one.
    pub fn is_of_kernel(&self) -> bool {
        is_proc(&self.proc)
    }
}

/// Why a process of another user may be missing, or has nothing but its number.
pub const HIDDEN_PROCESSES: &str = "processes of other users are hidden here (hidepid of proc(5)): run as their user, or as root \
                          with the capability SYS_PTRACE";

/// `1 process`, `12 processes`
pub fn processes(count: u32) -> String {
    format!("{count} {}", if count == 1 { "process" } else { "processes" })
}

/// Returns the error for a directory that is not a proc mount.
pub fn not_mounted(proc: &Path) -> Error {
    Error::from("no proc is mounted there").at(proc)
}

/// Returns what else may be true if there is no such process: `, or hidden: /proc is mounted with
/// hidepid=2`.
fn or_hidden(proc: &Path) -> String {
    let option = hiding_option(proc);
    option.map_or_else(String::new, |option| format!(", or hidden: {}", mounted_with(proc, &option)))
}

/// `/proc is mounted with hidepid=2`
fn mounted_with(proc: &Path, option: &str) -> String {
    format!("{} is mounted with {option}", proc.shown())
}

/// Converts bytes to a path.
fn os(bytes: Vec<u8>) -> std::ffi::OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}
