//! `mounts [PATH]`: every mount that a process sees, or the one that a path is on. mount(8), findmnt(8).

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use super::{Command, Inspect, Target};
use crate::cli::{Given, UsageError, operand};
use crate::deadline::Deadline;
use crate::files::read_start;
use crate::outcome::Fact;
use crate::procfs::cgroup::count;
use crate::procfs::mountinfo::{Mount, Mounts};
use crate::redact::mounted;
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::text::Shown as _;
use crate::threads::bounded;
use crate::view::root::{FileError, Root};

/// How long a filesystem may take to answer: that of a dead server never does.
const PATIENCE: Duration = Duration::from_secs(1);

/// The options of an overlay that name its layers: Documentation/filesystems/overlayfs.rst of the kernel.
const LAYERS: [&str; 5] = ["lowerdir=", "lowerdir+=", "datadir+=", "upperdir=", "workdir="];

pub(super) const COMMAND: Command = Command {
    name: "mounts",
    summary: "print the mounts, or the one that a path is on",
    options: &[&[operand("PATH", "only the mount that this path is on").optional()]],
    plan,
    examples: r"porthole mounts
porthole mounts /var/lib/data
porthole mounts -p 7 --json",
};

#[derive(Debug)]
struct Show {
    path: Option<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Show { path: given.paths("PATH").pop() }))
}

impl Inspect for Show {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, String> {
        answer.list("mounts");
        let mounts = read(target, answer)?;
        let Some(path) = &self.path else {
            print(&mounts.mounts, answer);
            return Ok(true);
        };
        let root = target.root()?;
        let (proc, sought) = (target.proc.clone(), path.clone());
        let place = patient(Deadline::after(PATIENCE), move || Place::find(&proc, &root, &sought))
            .map_err(|why| format!("{}: {why}", path.shown()))?;
        let mount = place.mount(&mounts).ok_or_else(|| {
            let is_namespace =
                fstatfs(&place.handle).is_ok_and(|system| system.filesystem_type() == NSFS_MAGIC);
            let why = if is_namespace {
                "is a namespace, which is on no mount (nsfs)"
            } else {
                "its mount is none that the process sees: its root directory is below (chroot(2)), or a link of proc leads \
                 to what is in another mount namespace or, as a pipe, on no mount"
            };
            format!("{}: {why}", path.shown())
        })?;
        print(std::slice::from_ref(mount), answer);
        Ok(true)
    }
}

/// The mounts of the process.
pub(super) fn read(target: &Target, answer: &mut Answer) -> Result<Mounts, String> {
    let mounts = Mounts::parse(&target.read("mountinfo")?);
    if mounts.odd > 0 {
        answer.complain(&format!("mountinfo: odd lines that were passed over: {}", mounts.odd));
    }
    Ok(mounts)
}

/// A path that was found, and where.
#[derive(Debug)]
pub(super) struct Place {
    /// Stands for what the path leads to.
    pub handle: OwnedFd,
    /// The number of the mount that it is on, where the kernel says it.
    pub id: Option<u32>,
    path: PathBuf,
}

impl Place {
    /// Finds the path as the target sees it, which may wait for a dead server for ever.
    pub fn find(proc: &Path, root: &Root, path: &Path) -> Result<Self, String> {
        let handle = root.handle(path).map_err(FileError::words)?;
        let info = format!("self/fdinfo/{}", handle.as_raw_fd());
        let id = parse_fdinfo(&read_start(&proc.join(info), 4096).unwrap_or_default().0);
        // Only where that is not to be had does the path count, as it was given.
        let path = std::path::absolute(path).unwrap_or_default();
        Ok(Place { handle, id, path })
    }

    /// The mount that it is on.
    pub fn mount<'a>(&self, mounts: &'a Mounts) -> Option<&'a Mount> {
        match self.id {
            Some(id) => mounts.by_id(id),
            None => mounts.by_path(self.path.as_os_str().as_bytes()),
        }
    }
}

/// What this comes to, unless a filesystem does not answer.
pub(super) fn patient<T: Send + 'static>(
    deadline: Deadline,
    work: impl Fn() -> Result<T, String> + Send + Sync + 'static,
) -> Result<T, String> {
    bounded(deadline, Box::new(work)).unwrap_or_else(|_| Err("the filesystem does not answer".to_owned()))
}

/// How long to wait for the next filesystem, so that many dead ones do not add up beyond `whole`, and one leaves half of
/// it to those behind it.
pub(super) fn patience(whole: Deadline) -> Deadline {
    whole.at_most(PATIENCE.min(whole.remaining().unwrap_or_default() / 2))
}

/// The line `mnt_id:`, proc_pid_fdinfo(5).
fn parse_fdinfo(text: &[u8]) -> Option<u32> {
    let id = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"mnt_id:"))?;
    count(id).and_then(|id| u32::try_from(id).ok())
}

/// What is mounted, with the folder of it where it is not all: `/dev/vda[/var/lib]`, as findmnt(8) has it. It may have
/// a password in it.
fn source(mount: &Mount) -> Vec<u8> {
    let mut source = mounted(&mount.source);
    if mount.root != b"/" {
        for part in [b"[", mount.root.as_slice(), b"]"] {
            source.extend_from_slice(part);
        }
    }
    source
}

/// The options of a mount, as they may be shown.
pub(super) fn options(mount: &Mount) -> Vec<Vec<u8>> {
    mount.all_options().into_iter().map(mounted).collect()
}

/// The same without the folders that an overlay is made of, which are many and long, and on the host.
pub(super) fn options_of_interest(mount: &Mount) -> Vec<Vec<u8>> {
    let is_layer = |option: &[u8]| LAYERS.iter().any(|layer| option.starts_with(layer.as_bytes()));
    let mut options = options(mount);
    options.retain(|option| mount.kind != b"overlay" || !is_layer(option));
    options
}

fn print(mounts: &[Mount], answer: &mut Answer) {
    if answer.is_json() {
        for mount in mounts {
            if answer.is_over() {
                break;
            }
            let options = if answer.is_kept() { options_of_interest(mount) } else { options(mount) };
            answer.item("mounts", &fact(mount, options));
        }
        return;
    }
    let left = |name| (name, Align::Left);
    let mut table = Table::new(&[left("MOUNT"), left("TYPE"), left("SOURCE"), left("OPTIONS")]);
    for mount in mounts {
        let options = options(mount).join(&b',');
        table.row(&[&mount.point, &mount.kind, &source(mount), &options]);
        if mount.is_read_only() {
            table.mark(3, Mark::Notable);
        }
    }
    answer.table(&table);
}

fn fact(mount: &Mount, options: Vec<Vec<u8>>) -> Fact {
    let options = options.into_iter().map(Fact::Bytes);
    Fact::Object(vec![
        ("mount_point", Fact::Bytes(mount.point.clone())),
        ("type", Fact::Bytes(mount.kind.clone())),
        ("source", Fact::Bytes(mounted(&mount.source))),
        ("root", Fact::Bytes(mount.root.clone())),
        ("device", Fact::Bytes(mount.device.clone())),
        ("read_only", Fact::Bool(mount.is_read_only())),
        ("options", Fact::List(options.collect())),
        ("id", Fact::Count(mount.id.into())),
        ("parent", Fact::Count(mount.parent.into())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_descriptor() {
        assert_eq!(parse_fdinfo(b"pos:\t0\nflags:\t012100000\nmnt_id:\t27\nino:\t2\n"), Some(27));
        for text in [&b""[..], b"mnt_id:", b"mnt_id:\tx", b"mnt_id:\t4294967296"] {
            assert_eq!(parse_fdinfo(text), None);
        }
    }
}
