//! Whether a user may read, write or execute what a path leads to, and which component of the path
//! denies it.
//!
//! The rules are those of path_resolution(7), acl(5), capabilities(7), `fs.protected_symlinks` of
//! proc_sys_fs(5) and the flags of chattr(1), applied to each component of the path; nothing is
//! opened. In proc, files below `sys` have rules of their own, which no file capability overrides
//! (test_perm and net_ctl_permissions of the kernel), and the kernel's log requires CAP_SYSLOG
//! (syslog(2)). Where something else decides, such as ptrace(2) in proc, a mode never grants
//! access: the result is unknown.

mod kernel;
mod list;
mod who;

use std::ffi::OsStr;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::sys::statvfs::{FsFlags, fstatvfs};

use self::kernel::{ProcPath, Rule, path_in_proc};
pub use self::list::Named;
use self::who::NOBODY;
pub use self::who::Who;
use super::resolve::{DeadEnd, Step, follow};
use crate::error::Cause;
use crate::file_type::FileType;
use crate::procfs::status::{DAC_OVERRIDE, DAC_READ_SEARCH};
use crate::sys::{APPEND_ONLY, IMMUTABLE, flags, read_attribute};
use crate::text::Shown as _;
use crate::view::metadata::{letters, octal};
use crate::view::root::{Meta, Root};
use crate::view::target::Target;

/// Why the owner of a file that is shown as [`NOBODY`]'s is unknown.
const UNMAPPED_OWNER: &str = "belongs to user or group 65534, which our user namespace shows for all unmapped ids \
     (user_namespaces(7))";

/// Why the mode alone does not decide if [`ProcPath::is_guarded`].
const GUARDED: &str =
    "belongs to a process, so ptrace(2) decides too: try it as that user (docker exec --user, setpriv)";

/// What a denial means that concerns porthole, not the user.
pub const CANNOT_LOOK: &str = "porthole cannot look further, even if the user can; run as root";

/// Access to a file, as the bits of a mode.
pub const READ: u32 = 4;
/// See [`READ`].
pub const WRITE: u32 = 2;
/// See [`READ`]. For a directory: the permission to search it.
pub const EXEC: u32 = 1;

/// The result for one component of the path.
pub struct Row {
    /// Its path, which contains no link.
    pub path: Vec<u8>,
    /// Its metadata.
    pub meta: Meta,
    /// Its target, if it is a link.
    pub link: Option<Vec<u8>>,
    /// Whether the path ends there.
    pub is_end: bool,
    /// What is granted, or why access is denied.
    pub outcome: Result<String, String>,
    /// Whether the outcome is certain. If not, the outcome is the reason why it is unknown.
    pub is_known: bool,
    /// Whose bits denied access, if the mode or an access control list did.
    pub by: Option<Class>,
}

/// Whose bits decide: the classes of a mode, and what replaces them in an access control list.
/// acl(5)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The owner's bits.
    Owner,
    /// The group's bits.
    Group,
    /// The bits of all others.
    Others,
    /// The bits of a `user` or `group` entry; without a number, of the entry of the file's own
    /// group.
    Entry(Named, Option<u32>),
    /// The mask, which is stored in the group's bits: the entry grants access, but the mask does
    /// not.
    Mask,
}

/// Details of an outcome.
#[derive(Default)]
struct Note {
    /// See [`Row::is_known`].
    is_unknown: bool,
    /// See [`Row::by`].
    by: Option<Class>,
}

/// The result of [`examine`].
pub struct Examined {
    /// Whether access is granted; `None` if we cannot tell.
    pub allowed: Option<bool>,
    /// The same as text.
    pub reason: String,
    /// Where and why the path leads nowhere, if it does.
    pub dead_end: Option<DeadEnd>,
    /// The components of the path, as far as it was followed.
    pub rows: Vec<Row>,
}

/// Follows the path and applies the rules to each component. `wanted` contains bits such as
/// [`READ`].
pub fn examine(target: &Target, root: &Root, path: &Path, who: &Who, wanted: &[u32]) -> Examined {
    let mut rows: Vec<Row> = Vec::new();
    let process = target.handle().ok();
    let protected = target.start_of("sys/fs/protected_symlinks").ok();
    let protected = protected.map(|value| value.trim_ascii() == b"1");
    let descriptors = target.proc.join("self/fd");
    let has_proc = descriptors.exists();
    // How the process finds itself in proc: the device of its proc, and its directory there.
    let itself = process.as_ref().filter(|_| who.is_process);
    let itself = itself.and_then(|own| Some((fstat(own).ok()?.st_dev, format!("{}/", own.pid))));
    let is_ours = who.is_process && target.process.is_none();
    let shown = |path: &[u8]| Path::new(OsStr::from_bytes(path)).shown();
    let end = follow(root, path, &mut |step| {
        let held = if has_proc || !root.is_own() {
            descriptors.join(step.handle.as_raw_fd().to_string())
        } else {
            Path::new(OsStr::from_bytes(step.path)).to_owned()
        };
        let mut note = Note::default();
        let inside = path_in_proc(step, &rows);
        let rule = Rule::of(target, step.meta, inside.as_ref());
        let mut outcome = match step.link {
            Some((_, folder)) => who.may_follow(step.meta, folder, protected, &mut note),
            None if step.is_end => who.may_all(wanted, step, &held, rule, &mut note),
            None => match FileType::of_mode(step.meta.st_mode) {
                FileType::Directory => who.may(step.meta, EXEC, &held, &mut note),
                kind => Err(format!("is {}, not a directory", kind.described())),
            },
        };
        let is_guarded = |inside: &ProcPath<'_>| inside.is_guarded(step, itself.as_ref(), is_ours);
        if outcome.is_ok() && inside.as_ref().is_some_and(is_guarded) {
            note.is_unknown = true;
            outcome = Err(GUARDED.to_owned());
        }
        let granted = outcome.is_ok();
        let link = step.link.map(|(text, _)| text.to_vec());
        let (path, meta, is_end) = (step.path.to_vec(), *step.meta, step.is_end);
        let Note { is_unknown, by } = note;
        rows.push(Row { path, meta, link, is_end, outcome, is_known: !is_unknown, by });
        granted
    });
    let (uid, gid) = (who.uid, who.gid);
    // Directories before the end are searched, whatever the end is.
    let is_folder =
        rows.last().is_some_and(|row| row.is_end && FileType::of_mode(row.meta.st_mode).is_directory());
    let verbs: Vec<&str> = wanted.iter().map(|&bit| verb(bit, is_folder)).collect();
    let verbs = verbs.join(" and ");
    let (allowed, reason) = match (&end, rows.last()) {
        (Ok(Some(end)), _) => (Some(true), format!("{uid}:{gid} may {verbs} {}", shown(end))),
        (Ok(None), Some(Row { path: place, outcome: Err(why), is_known, .. })) => {
            let (path, place) = (path.shown(), shown(place));
            if *is_known {
                (Some(false), format!("{uid}:{gid} may not {verbs} {path}: {place}: {why}"))
            } else {
                (None, format!("cannot tell whether {uid}:{gid} may {verbs} {path}: {place}: {why}"))
            }
        }
        // Without openat2(2) nothing was examined.
        (Err(dead), _) if matches!(dead.error.cause, Cause::Unsupported(_)) => {
            (None, format!("{}: {}", shown(&dead.path), dead.error.reason()))
        }
        (Err(dead), _) if dead.error.is_denied() => {
            // The rules would let the user pass, but we are not allowed to look.
            let path = shown(&dead.path);
            (None, format!("{path}: {}: {CANNOT_LOOK}", dead.error.reason()))
        }
        (Err(dead), _) => (Some(false), format!("{}: {}", shown(&dead.path), dead.error.reason())),
        (Ok(None), _) => (Some(false), String::new()),
    };
    Examined { allowed, reason, dead_end: end.err(), rows }
}

/// Returns what a bit grants, as a verb.
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
    /// Applies the rules for all that is wanted to what the path leads to, and to its mount.
    fn may_all(
        &self,
        wanted: &[u32],
        step: &Step<'_>,
        held: &Path,
        rule: Rule,
        note: &mut Note,
    ) -> Result<String, String> {
        let kind = FileType::of_mode(step.meta.st_mode);
        let mount = fstatvfs(step.handle).map_or(FsFlags::empty(), |found| found.flags());
        let mut granted = Vec::new();
        for &bit in wanted {
            // Writing to a device, FIFO or socket does not write to its file system.
            let is_kept = bit == WRITE && (kind.is_regular() || kind.is_directory());
            let flags = if is_kept { flags(step.handle) } else { 0 };
            if is_kept && mount.contains(FsFlags::ST_RDONLY) {
                return Err("is on a read-only mount".to_owned());
            }
            if flags & IMMUTABLE != 0 {
                return Err("is immutable for all users (chattr +i)".to_owned());
            }
            if flags & APPEND_ONLY != 0 && kind.is_regular() {
                return Err("is append-only (chattr +a): it opens only with O_APPEND".to_owned());
            }
            if bit == EXEC && !(kind.is_regular() || kind.is_directory()) {
                return Err(format!("is {}, which cannot be executed", kind.described()));
            }
            if kind.is_device() && mount.contains(FsFlags::ST_NODEV) {
                return Err(format!("is {} on a mount with nodev", kind.described()));
            }
            if bit == EXEC && mount.contains(FsFlags::ST_NOEXEC) && kind.is_regular() {
                return Err("is on a mount with noexec".to_owned());
            }
            granted.push(match rule {
                Rule::Setting(is_of_network) => self.may_set(step.meta, bit, is_of_network, note)?,
                _ => self.may(step.meta, bit, held, note)?,
            });
            if let (READ, Rule::Log(takes)) = (bit, rule) {
                self.may_read_log(takes, note)?;
            }
        }
        Ok(granted.join(", "))
    }

    /// Whether the mode or an access control list grants this bit, and by which rule. `held` leads
    /// to the file itself. Sets `note` if the result is unknown, and to whose bits deny access.
    fn may(&self, meta: &Meta, bit: u32, held: &Path, note: &mut Note) -> Result<String, String> {
        let mode = meta.st_mode;
        let is_folder = FileType::of_mode(mode).is_directory();
        let verb = verb(bit, is_folder);
        let (is_owner, is_member) = (meta.st_uid == self.uid, self.is_in(meta.st_gid));
        let mut unknown = |why: &str| {
            note.is_unknown = true;
            Err(why.to_owned())
        };
        // The owner may only look like this user; then it is unknown which class applies.
        let is_hidden = is_owner && meta.st_uid == NOBODY || is_member && meta.st_gid == NOBODY;
        if self.hides && is_hidden && mode & (0o111 * bit) != 0o111 * bit {
            return unknown(UNMAPPED_OWNER);
        }
        let mut listed = String::new();
        let (class, by, bits) = if is_owner {
            ("the owner", Class::Owner, mode >> 6)
        } else {
            let mut list = [0; 4096];
            // The kernel ignores the list if its mask, stored in the group's bits, is empty.
            let length = match read_attribute(held, c"system.posix_acl_access", &mut list) {
                Err(Errno::ERANGE) => list.len(),
                Ok(length) if mode & 0o070 != 0 => length,
                _ => 0,
            };
            match self.by_list(list.get(..length).unwrap_or_default(), meta.st_gid, bit) {
                Err(()) => return unknown("has an access control list in an unknown format"),
                Ok(Some((named, id, bits))) => {
                    let letters = letters(mode);
                    let mask = letters.get(4..7).unwrap_or_default();
                    listed = format!("{}:{id} of its access control list (mask {mask})", named.name());
                    let is_masked = bits & bit != 0;
                    let has_id = named == Named::User || id != meta.st_gid;
                    let entry = Class::Entry(named, has_id.then_some(id));
                    ("", if is_masked { Class::Mask } else { entry }, bits & mode >> 3)
                }
                Ok(None) if is_member && length == 0 => ("the group", Class::Group, mode >> 3),
                // The mode's bits for others apply to users whom the list does not name.
                Ok(None) => ("others", Class::Others, mode),
            }
        };
        if bits & bit != 0 {
            return Ok(verb.to_owned());
        }
        let reads = if is_folder { bit != WRITE } else { bit == READ };
        let overrides = is_folder || bit != EXEC || mode & 0o111 != 0;
        for (capability, name, helps) in
            [(DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", reads), (DAC_OVERRIDE, "CAP_DAC_OVERRIDE", overrides)]
        {
            if helps && self.capabilities & capability != 0 {
                match self.has_power_over(meta) {
                    Some(true) => return Ok(format!("{verb} (by {name})")),
                    Some(false) => {}
                    None => return unknown(UNMAPPED_OWNER),
                }
            }
        }
        note.by = Some(by);
        let is_unbound = overrides && self.unbound & DAC_OVERRIDE != 0;
        let unbound = if is_unbound { ", and CAP_DAC_OVERRIDE is not in the bounding set" } else { "" };
        let owner = format!("owner {}:{} mode {}", meta.st_uid, meta.st_gid, octal(mode));
        Err(format!("{owner} does not let {class}{listed} {verb}{unbound}"))
    }

    /// Whether the user may follow a link. In a sticky world-writable directory, only a link of the
    /// user or of the directory's owner may be followed.
    fn may_follow(
        &self,
        link: &Meta,
        folder: &Meta,
        protected: Option<bool>,
        note: &mut Note,
    ) -> Result<String, String> {
        let is_shared = folder.st_mode & 0o1002 == 0o1002;
        if !is_shared || link.st_uid == self.uid || link.st_uid == folder.st_uid || protected == Some(false) {
            return Ok("follow".to_owned());
        }
        note.is_unknown |= protected.is_none();
        Err(format!(
            "a link of user {} in a sticky directory is not followed by user {} (fs.protected_symlinks)",
            link.st_uid, self.uid
        ))
    }
}
