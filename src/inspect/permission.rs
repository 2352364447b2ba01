//! Whether somebody may read, write or execute what a path leads to, and what on the way denies it.
//!
//! The rules are those of path_resolution(7), capabilities(7) and `fs.protected_symlinks` of proc_sys_fs(5), applied
//! to what the path leads through; nothing is opened. Access control lists and the immutable flag are not looked at.

use std::ffi::OsStr;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::Target;
use super::id::{is_mapped, map};
use super::meta::octal;
use super::resolve::{Place, follow};
use crate::procfs::handle::Handle;
use crate::procfs::process::own_pid;
use crate::procfs::status::Status;
use crate::rootfs::{Meta, Root, kind};
use crate::sys::has_attribute;

/// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, their bits in a set of capabilities.
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;

/// What is shown for an id that has none in our user namespace: overflowuid of proc(5), as it comes.
const NOBODY: u32 = 65_534;

/// What may be wanted of a file, as the bits of a mode.
pub const READ: u32 = 4;
/// See [`READ`].
pub const WRITE: u32 = 2;
/// See [`READ`]. Of a directory: that it may be searched.
pub const EXEC: u32 = 1;

/// Who wants it.
#[derive(Debug, Clone)]
pub struct Who {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities.
    pub capabilities: u64,
    /// The ids of users and of groups, as they are out here, that its capabilities are good for; nothing where they are
    /// good for all: user_namespaces(7), "Interaction of user namespaces and other types of namespaces".
    pub mapped: Option<[Vec<[u64; 3]>; 2]>,
}

/// What became of a place on the way.
pub struct Row {
    /// Its path, in which there is no link.
    pub path: Vec<u8>,
    /// What it is.
    pub meta: Meta,
    /// Where it leads, for a link.
    pub link: Option<Vec<u8>>,
    /// Whether the path ends there.
    pub is_end: bool,
    /// What is granted there, or why not.
    pub outcome: Result<String, String>,
}

/// What came of it.
pub struct Examined {
    /// Whether it is granted; nothing where we may not look so far.
    pub allowed: Option<bool>,
    /// That in words.
    pub reason: String,
    /// The places on the way, as far as it goes.
    pub rows: Vec<Row>,
    /// What the verdict does not take into account.
    pub notes: Vec<String>,
}

/// Follows the path, and applies the rules to each place that it leads through. `wanted` are bits as [`READ`].
pub fn examine(target: &Target, root: &Root, path: &Path, who: &Who, wanted: &[u32]) -> Examined {
    let protected = target.start_of("sys/fs/protected_symlinks");
    let protected = protected.is_ok_and(|value| value.trim_ascii() == b"1");
    let mut rows: Vec<Row> = Vec::new();
    let mut notes = Vec::new();
    let shown = |path: &[u8]| Path::new(OsStr::from_bytes(path)).display().to_string();
    let end = follow(root, path, &mut |place| {
        let outcome = match place.link {
            Some((_, folder)) => who.may_follow(place.meta, folder, protected),
            None if place.is_end => who.may_all(wanted, place),
            None => who.may(place.meta, EXEC),
        };
        let granted = outcome.is_ok();
        let held = target.proc.join("self/fd").join(place.handle.as_raw_fd().to_string());
        if place.link.is_none() && has_attribute(&held, "system.posix_acl_access") {
            let path = shown(place.path);
            notes.push(format!("{path}: has an access control list; the verdict is by its mode alone"));
        }
        let link = place.link.map(|(text, _)| text.to_vec());
        rows.push(Row { path: place.path.to_vec(), meta: *place.meta, link, is_end: place.is_end, outcome });
        granted
    });
    let (uid, gid) = (who.uid, who.gid);
    // What is in front of the end is searched, whatever the end is.
    let is_folder = rows.last().is_some_and(|row| row.is_end && kind(row.meta.st_mode).0 == 'd');
    let verbs: Vec<&str> = wanted.iter().map(|&bit| verb(bit, is_folder)).collect();
    let verbs = verbs.join(" and ");
    let (allowed, reason) = match (end, rows.last()) {
        (Ok(Some(end)), _) => (Some(true), format!("{uid}:{gid} may {verbs} {}", shown(&end))),
        (Ok(None), Some(Row { path: place, outcome: Err(why), .. })) => {
            (Some(false), format!("{uid}:{gid} may not {verbs} {}: {}: {why}", path.display(), shown(place)))
        }
        // Without openat2(2) nothing of it was looked at.
        (Err(dead), _) if dead.error.0 == Errno::ENOSYS => {
            (None, format!("{}: {}", shown(&dead.path), dead.error.words()))
        }
        (Err(dead), _) if dead.error.is_denied() => {
            // The rules let it pass, but not us, who look.
            let path = shown(&dead.path);
            (
                None,
                format!("{path}: {}: we may not look further, whoever may; run as root", dead.error.words()),
            )
        }
        (Err(dead), _) => (Some(false), format!("{}: {}", shown(&dead.path), dead.error.words())),
        (Ok(None), _) => (Some(false), String::new()),
    };
    Examined { allowed, reason, rows, notes }
}

/// What a bit grants, in a word.
pub fn verb(bit: u32, is_folder: bool) -> &'static str {
    match (bit, is_folder) {
        (READ, false) => "read",
        (READ, true) => "list",
        (WRITE, _) => "write",
        (_, false) => "execute",
        (_, true) => "search",
    }
}

impl Who {
    /// This user, with no capabilities unless it is root.
    pub fn of_ids(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        let capabilities = if uid == 0 { DAC_OVERRIDE | DAC_READ_SEARCH } else { 0 };
        Who { uid, gid, groups, capabilities, mapped: None }
    }

    /// The same, if the process is in a user namespace of its own with that in mind.
    #[must_use]
    pub fn mapped(mut self, target: &Target, process: &Handle) -> Self {
        let maps = |process: &Handle| ["uid_map", "gid_map"].map(|name| map(process, name));
        let theirs = maps(process);
        if is_mapped(&theirs[0]) {
            // In it too, its ids are what is seen, and what has none there is shown as nobody.
            let ours = own_pid(&target.proc).and_then(|pid| Handle::open(&target.proc, pid).ok());
            let is_ours = ours.is_some_and(|ours| maps(&ours) == theirs);
            self.mapped = Some(theirs.map(|map| {
                let range =
                    |[inside, outside, count]: [u64; 3]| [if is_ours { inside } else { outside }, 0, count];
                map.into_iter().map(range).collect()
            }));
        }
        self
    }

    /// Whether its capabilities are good for a file of these ids.
    fn has_power_over(&self, meta: &Meta) -> bool {
        let covers = |map: &[[u64; 3]], id: u32| {
            map.iter().any(|&[from, _, count]| {
                (from..from.saturating_add(count)).contains(&id.into()) && id != NOBODY
            })
        };
        self.mapped
            .as_ref()
            .is_none_or(|[users, groups]| covers(users, meta.st_uid) && covers(groups, meta.st_gid))
    }

    /// A process.
    pub fn of_process(status: Status) -> Self {
        // Files are accessed by the ids of the file system: credentials(7).
        let ([.., uid], [.., gid]) = (status.uids, status.gids);
        Who { uid, gid, groups: status.groups, capabilities: status.cap_effective, mapped: None }
    }

    /// Whether all that is wanted is granted by what the path leads to, and by its mount.
    fn may_all(&self, wanted: &[u32], place: &Place<'_>) -> Result<String, String> {
        let letter = kind(place.meta.st_mode).0;
        let mount = fstatvfs(place.handle).map_or(FsFlags::empty(), |found| found.flags());
        let mut granted = Vec::new();
        for &bit in wanted {
            // Writing to a device, FIFO or socket does not write to its file system.
            if bit == WRITE && mount.contains(FsFlags::ST_RDONLY) && matches!(letter, '-' | 'd') {
                return Err("is on a read-only mount".to_owned());
            }
            if bit == EXEC && !matches!(letter, '-' | 'd') {
                return Err(format!("is {}, which cannot be executed", kind(place.meta.st_mode).1));
            }
            if bit == EXEC && mount.contains(FsFlags::ST_NOEXEC) && letter == '-' {
                return Err("is on a mount with noexec".to_owned());
            }
            granted.push(self.may(place.meta, bit)?);
        }
        Ok(granted.join(", "))
    }

    /// Whether this bit of what a mode grants is granted, and by which rule.
    fn may(&self, meta: &Meta, bit: u32) -> Result<String, String> {
        let mode = meta.st_mode;
        let (class, bits) = if meta.st_uid == self.uid {
            ("the owner", mode >> 6)
        } else if meta.st_gid == self.gid || self.groups.contains(&meta.st_gid) {
            ("the group", mode >> 3)
        } else {
            ("others", mode)
        };
        let is_folder = kind(mode).0 == 'd';
        let verb = verb(bit, is_folder);
        if bits & bit != 0 {
            return Ok(verb.to_owned());
        }
        let reads = if is_folder { bit != WRITE } else { bit == READ };
        let overrides = is_folder || bit != EXEC || mode & 0o111 != 0;
        for (capability, name, helps) in
            [(DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", reads), (DAC_OVERRIDE, "CAP_DAC_OVERRIDE", overrides)]
        {
            if helps && self.capabilities & capability != 0 && self.has_power_over(meta) {
                return Ok(format!("{verb} (by {name})"));
            }
        }
        let owner = format!("owner {}:{} mode {}", meta.st_uid, meta.st_gid, octal(mode));
        Err(format!("{owner} gives {class} no {verb}"))
    }

    /// Whether a link is followed: in a sticky directory that all may write to, only one of the follower's or of the
    /// directory's owner.
    fn may_follow(&self, link: &Meta, folder: &Meta, protected: bool) -> Result<String, String> {
        let is_shared = folder.st_mode & 0o1002 == 0o1002;
        if protected && is_shared && link.st_uid != self.uid && link.st_uid != folder.st_uid {
            return Err(format!(
                "a link of user {} in a sticky directory is not followed by user {} (fs.protected_symlinks)",
                link.st_uid, self.uid
            ));
        }
        Ok("follow".to_owned())
    }
}
