//! Whether somebody may read, write or execute what a path leads to, and what on the way denies it.
//!
//! The rules are those of path_resolution(7), acl(5), capabilities(7), `fs.protected_symlinks` of proc_sys_fs(5) and the
//! flags of chattr(1), applied to what the path leads through; nothing is opened. Of proc it is known that files below
//! `sys` have rules of their own, which no capability for files overrides (test_perm and net_ctl_permissions of the kernel),
//! and that the kernel's log takes CAP_SYSLOG (syslog(2)). What is decided elsewhere, as by ptrace(2) in proc, is never
//! granted by a mode: it cannot be told.

use std::ffi::OsStr;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{fstat, makedev};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::Target;
use super::id::{is_mapped, map};
use super::meta::{letters, octal};
use super::resolve::{Place, follow};
use crate::procfs::handle::Handle;
use crate::procfs::status::{DAC_OVERRIDE, DAC_READ_SEARCH, NET_ADMIN, SYSLOG, Status};
use crate::rootfs::{Meta, Root, kind};
use crate::sys::{APPEND_ONLY, IMMUTABLE, flags, read_attribute};

/// What is shown for an id that has none in our user namespace: overflowuid of proc(5), as it comes.
const NOBODY: u32 = 65_534;

/// Why it is not known whose a file is that is shown as [`NOBODY`]'s.
const HIDDEN: &str =
    "is of user or group 65534, as which all are shown that our user namespace hides (user_namespaces(7))";

/// Why a mode does not tell of what [`is_guarded`].
const GUARDED: &str =
    "is of a process, where ptrace(2) decides too: try it as that user (docker exec --user, setpriv)";

/// Why nothing is known of what a user namespace has to say in `/proc/sys`.
const SYSCTL: &str = "is a setting of the kernel, which has other rules in a user namespace";
/// Why the kernel's log may not be read.
const LOG: &str = "is the kernel's log, which takes CAP_SYSLOG (syslog(2))";
/// The number of `/dev/kmsg`, admin-guide/devices.txt of the kernel.
const KMSG: (u64, u64) = (1, 11);

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
    /// Whether what is shown as [`NOBODY`] may be anybody: we are in a user namespace with a map ourselves.
    hides: bool,
    /// Capabilities that it would have, were they in the bounding set.
    unbound: u64,
    /// Whether it is the target; otherwise somebody of whom there are ids only.
    is_process: bool,
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
    /// Whether that is so; otherwise it cannot be told, for that reason.
    pub is_known: bool,
}

/// What came of it.
pub struct Examined {
    /// Whether it is granted; nothing where we may not look so far.
    pub allowed: Option<bool>,
    /// That in words.
    pub reason: String,
    /// The places on the way, as far as it goes.
    pub rows: Vec<Row>,
}

/// Follows the path, and applies the rules to each place that it leads through. `wanted` are bits as [`READ`].
pub fn examine(target: &Target, root: &Root, path: &Path, who: &Who, wanted: &[u32]) -> Examined {
    let mut rows: Vec<Row> = Vec::new();
    let process = target.handle().ok();
    let protected = target.start_of("sys/fs/protected_symlinks").ok();
    let protected = protected.map(|value| value.trim_ascii() == b"1");
    let descriptors = target.proc.join("self/fd");
    let has_proc = descriptors.exists();
    // Where the process is itself: the device of its proc, and its folder there.
    let itself = process.as_ref().filter(|_| who.is_process);
    let itself = itself.and_then(|own| Some((fstat(own).ok()?.st_dev, format!("{}/", own.pid))));
    let is_ours = who.is_process && target.process.is_none();
    let shown = |path: &[u8]| Path::new(OsStr::from_bytes(path)).display().to_string();
    let end = follow(root, path, &mut |place| {
        let held = if has_proc || !root.is_own() {
            descriptors.join(place.handle.as_raw_fd().to_string())
        } else {
            Path::new(OsStr::from_bytes(place.path)).to_owned()
        };
        let mut is_known = true;
        let inside = below_proc(place, &rows);
        let rule = Rule::of(target, place.meta, inside.as_ref());
        let mut outcome = match place.link {
            Some((_, folder)) => who.may_follow(place.meta, folder, protected, &mut is_known),
            None if place.is_end => who.may_all(wanted, place, &held, rule, &mut is_known),
            None => match kind(place.meta.st_mode) {
                ('d', _) => who.may(place.meta, EXEC, &held, &mut is_known),
                (_, what) => Err(format!("is {what}, not a directory")),
            },
        };
        let is_guarded = |inside: &Inside<'_>| inside.is_guarded(place, itself.as_ref(), is_ours);
        if outcome.is_ok() && inside.as_ref().is_some_and(is_guarded) {
            is_known = false;
            outcome = Err(GUARDED.to_owned());
        }
        let granted = outcome.is_ok();
        let link = place.link.map(|(text, _)| text.to_vec());
        let (path, meta, is_end) = (place.path.to_vec(), *place.meta, place.is_end);
        rows.push(Row { path, meta, link, is_end, outcome, is_known });
        granted
    });
    let (uid, gid) = (who.uid, who.gid);
    // What is in front of the end is searched, whatever the end is.
    let is_folder = rows.last().is_some_and(|row| row.is_end && kind(row.meta.st_mode).0 == 'd');
    let verbs: Vec<&str> = wanted.iter().map(|&bit| verb(bit, is_folder)).collect();
    let verbs = verbs.join(" and ");
    let (allowed, reason) = match (end, rows.last()) {
        (Ok(Some(end)), _) => (Some(true), format!("{uid}:{gid} may {verbs} {}", shown(&end))),
        (Ok(None), Some(Row { path: place, outcome: Err(why), is_known, .. })) => {
            let (path, place) = (path.display(), shown(place));
            if *is_known {
                (Some(false), format!("{uid}:{gid} may not {verbs} {path}: {place}: {why}"))
            } else {
                (None, format!("whether {uid}:{gid} may {verbs} {path} cannot be told: {place}: {why}"))
            }
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
    Examined { allowed, reason, rows }
}

/// A place in proc.
struct Inside<'a> {
    /// Its path there.
    below: &'a [u8],
    /// Whether that begins at the root of proc, not further inside.
    is_whole: bool,
}

/// Where in proc a place is; nothing where it is elsewhere.
fn below_proc<'a>(place: &Place<'a>, rows: &[Row]) -> Option<Inside<'a>> {
    if !fstatfs(place.handle).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC) {
        return None;
    }
    // Its root has this number; a path may also begin further inside.
    let top = rows.iter().find(|row| row.meta.st_dev == place.meta.st_dev);
    let (root, above) = top.map_or((place.meta, place.path), |row| (&row.meta, &row.path));
    let below = place.path.get(above.len()..).unwrap_or_default();
    Some(Inside { below: below.strip_prefix(b"/").unwrap_or(below), is_whole: root.st_ino == 1 })
}

impl Inside<'_> {
    /// Whether more than a mode decides of it: what is below the number of a process other than `itself`, and the links
    /// that only look like links.
    fn is_guarded(&self, place: &Place<'_>, itself: Option<&(u64, String)>, is_ours: bool) -> bool {
        let below = self.below;
        let is_numbered = below.first().is_some_and(u8::is_ascii_digit) && below.contains(&b'/');
        let is_inside = is_numbered || !self.is_whole;
        if place.link.is_some() {
            return is_inside || !is_ours && matches!(below, b"self" | b"thread-self");
        }
        is_inside
            && !itself.is_some_and(|(device, own)| {
                *device == place.meta.st_dev && below.starts_with(own.as_bytes())
            })
    }
}

/// What decides of a file besides its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Mode,
    /// A setting of the kernel, and whether it is of the network.
    Setting(bool),
    /// The kernel's log, and whether it takes a capability to be read; nothing where that cannot be told.
    Log(Option<bool>),
}

impl Rule {
    fn of(target: &Target, meta: &Meta, inside: Option<&Inside<'_>>) -> Self {
        let below = inside.filter(|inside| inside.is_whole).map(|inside| inside.below).unwrap_or_default();
        if below == b"kmsg" {
            return Rule::Log(Some(true));
        }
        if below == b"sys" || below.starts_with(b"sys/") {
            return Rule::Setting(below.starts_with(b"sys/net/"));
        }
        if kind(meta.st_mode).0 == 'c' && meta.st_rdev == makedev(KMSG.0, KMSG.1) {
            let restricts = target.start_of("sys/kernel/dmesg_restrict").ok();
            return Rule::Log(restricts.map(|value| value.trim_ascii() != b"0"));
        }
        Rule::Mode
    }
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
    /// This user, with no capabilities unless it is root, which has those of this bounding set.
    pub fn of_ids(uid: u32, gid: u32, groups: Vec<u32>, bounding: u64) -> Self {
        let (capabilities, unbound) = if uid == 0 { (bounding, !bounding) } else { (0, 0) };
        Who { uid, gid, groups, capabilities, mapped: None, hides: false, unbound, is_process: false }
    }

    /// The same, where it is not known what a user namespace may hide.
    #[must_use]
    pub fn unmapped(self) -> Self {
        Who { hides: true, ..self }
    }

    /// The same, if the process is in a user namespace of its own with that in mind.
    #[must_use]
    pub fn mapped(mut self, target: &Target, process: &Handle) -> Self {
        let maps = |process: &Handle| ["uid_map", "gid_map"].map(|name| map(process, name));
        let theirs = maps(process);
        if is_mapped(&theirs[0]) {
            // In it too, its ids are what is seen, and what has none there is shown as nobody.
            let ours = target.ourselves().ok().map(|ours| maps(&ours));
            self.hides = ours.as_ref().is_some_and(|ours| is_mapped(&ours[0]));
            let is_ours = ours.is_some_and(|ours| ours == theirs);
            self.mapped = Some(theirs.map(|map| {
                let range =
                    |[inside, outside, count]: [u64; 3]| [if is_ours { inside } else { outside }, 0, count];
                map.into_iter().map(range).collect()
            }));
        }
        self
    }

    /// Whether its capabilities are good for a file of these ids; nothing where that cannot be told.
    fn has_power_over(&self, meta: &Meta) -> Option<bool> {
        let Some(maps) = &self.mapped else { return Some(true) };
        let mut is_known = true;
        for (map, id) in maps.iter().zip([meta.st_uid, meta.st_gid]) {
            if !map.iter().any(|&[from, _, count]| (from..from.saturating_add(count)).contains(&id.into())) {
                return Some(false);
            }
            is_known &= !(self.hides && id == NOBODY);
        }
        is_known.then_some(true)
    }

    /// A process.
    pub fn of_process(status: Status) -> Self {
        // Files are accessed by the ids of the file system: credentials(7).
        let ([.., uid], [.., gid]) = (status.uids, status.gids);
        let mut who = Who::of_ids(uid, gid, status.groups, status.cap_bounding);
        who.capabilities = status.cap_effective;
        who.is_process = true;
        who
    }

    fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether all that is wanted is granted by what the path leads to, and by its mount.
    fn may_all(
        &self,
        wanted: &[u32],
        place: &Place<'_>,
        held: &Path,
        rule: Rule,
        is_known: &mut bool,
    ) -> Result<String, String> {
        let (letter, what) = kind(place.meta.st_mode);
        let mount = fstatvfs(place.handle).map_or(FsFlags::empty(), |found| found.flags());
        let mut granted = Vec::new();
        for &bit in wanted {
            // Writing to a device, FIFO or socket does not write to its file system.
            let is_kept = bit == WRITE && matches!(letter, '-' | 'd');
            let flags = if is_kept { flags(place.handle) } else { 0 };
            if is_kept && mount.contains(FsFlags::ST_RDONLY) {
                return Err("is on a read-only mount".to_owned());
            }
            if flags & IMMUTABLE != 0 {
                return Err("is immutable (chattr +i), whoever writes".to_owned());
            }
            if flags & APPEND_ONLY != 0 && letter == '-' {
                return Err("is append-only (chattr +a): it opens with O_APPEND alone".to_owned());
            }
            if bit == EXEC && !matches!(letter, '-' | 'd') {
                return Err(format!("is {what}, which cannot be executed"));
            }
            if matches!(letter, 'b' | 'c') && mount.contains(FsFlags::ST_NODEV) {
                return Err(format!("is {what} on a mount with nodev"));
            }
            if bit == EXEC && mount.contains(FsFlags::ST_NOEXEC) && letter == '-' {
                return Err("is on a mount with noexec".to_owned());
            }
            granted.push(match rule {
                Rule::Setting(is_of_network) => self.may_set(place.meta, bit, is_of_network, is_known)?,
                _ => self.may(place.meta, bit, held, is_known)?,
            });
            if let (READ, Rule::Log(takes)) = (bit, rule) {
                self.may_read_log(takes, is_known)?;
            }
        }
        Ok(granted.join(", "))
    }

    /// As [`Who::may`], of a setting of the kernel: root is judged as its owner, root's group as its group, and whoever
    /// rules the network as the owner of its settings.
    fn may_set(
        &self,
        meta: &Meta,
        bit: u32,
        is_of_network: bool,
        is_known: &mut bool,
    ) -> Result<String, String> {
        let mode = meta.st_mode;
        let is_folder = kind(mode).0 == 'd';
        let verb = verb(bit, is_folder);
        if bit == EXEC && !is_folder {
            return Err("is a setting of the kernel, which cannot be executed".to_owned());
        }
        let is_admin = is_of_network && self.capabilities & NET_ADMIN != 0;
        let (class, bits) = match (&self.mapped, self.uid, self.is_in(0)) {
            // Root is the one out here.
            (Some(_), ..) => ("others", mode),
            (None, 0, _) => ("the owner", mode >> 6),
            _ if is_admin => ("the owner", mode >> 6),
            (None, _, true) => ("the group", mode >> 3),
            _ => ("others", mode),
        };
        if bits & bit != 0 {
            return Ok(verb.to_owned());
        }
        if self.mapped.is_some() && mode & (0o111 * bit) != 0 {
            *is_known = false;
            return Err(SYSCTL.to_owned());
        }
        let mode = octal(mode);
        Err(format!(
            "mode {mode} of a setting of the kernel gives {class} no {verb}, whatever the capabilities"
        ))
    }

    /// Whether the kernel's log may be read, as far as that takes a capability.
    fn may_read_log(&self, takes: Option<bool>, is_known: &mut bool) -> Result<(), String> {
        // Outside of the first user namespace it is good for nothing.
        if takes == Some(false) || self.mapped.is_none() && self.capabilities & SYSLOG != 0 {
            return Ok(());
        }
        *is_known &= takes.is_some();
        Err(LOG.to_owned())
    }

    /// Whether this bit of what a mode grants is granted, and by which rule. `held` leads to the file itself; `is_known`
    /// is taken back where it cannot be told.
    fn may(&self, meta: &Meta, bit: u32, held: &Path, is_known: &mut bool) -> Result<String, String> {
        let mode = meta.st_mode;
        let is_folder = kind(mode).0 == 'd';
        let verb = verb(bit, is_folder);
        let (is_owner, is_member) = (meta.st_uid == self.uid, self.is_in(meta.st_gid));
        let mut unknown = |why: &str| {
            *is_known = false;
            Err(why.to_owned())
        };
        // Who it belongs to may only look like this one, and then every class is in question.
        let is_hidden = is_owner && meta.st_uid == NOBODY || is_member && meta.st_gid == NOBODY;
        if self.hides && is_hidden && mode & (0o111 * bit) != 0o111 * bit {
            return unknown(HIDDEN);
        }
        let mut listed = String::new();
        let (class, bits) = if is_owner {
            ("the owner", mode >> 6)
        } else {
            let mut list = [0; 4096];
            // To the kernel there is no list where its mask, which is the group's bits, is empty.
            let length = match read_attribute(held, c"system.posix_acl_access", &mut list) {
                Err(Errno::ERANGE) => list.len(),
                Ok(length) if mode & 0o070 != 0 => length,
                _ => 0,
            };
            match self.by_list(list.get(..length).unwrap_or_default(), meta.st_gid, bit) {
                Err(()) => return unknown("has an access control list that is not understood"),
                Ok(Some((kind, id, bits))) => {
                    let letters = letters(mode);
                    let mask = letters.get(4..7).unwrap_or_default();
                    listed = format!("{kind}:{id} of its access control list (mask {mask})");
                    ("", bits & mode >> 3)
                }
                Ok(None) if is_member && length == 0 => ("the group", mode >> 3),
                // Whom the list does not name has the mode's bits of others.
                Ok(None) => ("others", mode),
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
                    None => return unknown(HIDDEN),
                }
            }
        }
        let is_unbound = overrides && self.unbound & DAC_OVERRIDE != 0;
        let unbound = if is_unbound { ", and CAP_DAC_OVERRIDE is not in the bounding set" } else { "" };
        let owner = format!("owner {}:{} mode {}", meta.st_uid, meta.st_gid, octal(mode));
        Err(format!("{owner} gives {class}{listed} no {verb}{unbound}"))
    }

    /// The entry of an access control list that counts for somebody who is not the owner, as a mode's bits, before the
    /// mask; nothing where that is the others', and an error where this is no such list. acl(5), "Access check
    /// algorithm"; the bytes are those of linux/posix_acl_xattr.h.
    fn by_list(&self, list: &[u8], gid: u32, bit: u32) -> Result<Option<(&'static str, u32, u32)>, ()> {
        let mut found = None;
        if list.is_empty() {
            return Ok(found);
        }
        let (entries, rest) = list.strip_prefix(b"\x02\0\0\0").ok_or(())?.as_chunks::<8>();
        for &[tag, high, bits, zero, id @ ..] in entries {
            let id = u32::from_le_bytes(id);
            let (kind, id, is_theirs) = match tag {
                2 => ("user", id, id == self.uid),
                4 => ("group", gid, self.is_in(gid)),
                8 => ("group", id, self.is_in(id)),
                // The owner's, the mask, and that of others.
                1 | 0x10 | 0x20 => ("", id, false),
                _ => return Err(()),
            };
            if high != 0 || zero != 0 || bits > 7 {
                return Err(());
            }
            // A user's own goes before the groups', of which one that grants it is enough.
            let counts = found.is_none_or(|(kind, _, bits)| kind == "group" && bits & bit == 0);
            if is_theirs && counts {
                found = Some((kind, id, u32::from(bits)));
            }
        }
        if rest.is_empty() { Ok(found) } else { Err(()) }
    }

    /// Whether a link is followed: in a sticky directory that all may write to, only one of the follower's or of the
    /// directory's owner.
    fn may_follow(
        &self,
        link: &Meta,
        folder: &Meta,
        protected: Option<bool>,
        is_known: &mut bool,
    ) -> Result<String, String> {
        let is_shared = folder.st_mode & 0o1002 == 0o1002;
        if !is_shared || link.st_uid == self.uid || link.st_uid == folder.st_uid || protected == Some(false) {
            return Ok("follow".to_owned());
        }
        *is_known &= protected.is_some();
        Err(format!(
            "a link of user {} in a sticky directory is not followed by user {} (fs.protected_symlinks)",
            link.st_uid, self.uid
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `setfacl -m u:65532:r,g:5:-` makes of a file of mode 0640.
    const LIST: &[u8] =
        b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xfc\xff\0\0\x04\0\x04\0\xff\xff\xff\xff\
        \x08\0\0\0\x05\0\0\0\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";

    #[test]
    fn entries_of_an_access_control_list() {
        let by =
            |uid, groups: &[u32], list: &[u8]| Who::of_ids(uid, 7, groups.to_vec(), 0).by_list(list, 9, READ);
        assert_eq!(by(65_532, &[5], LIST), Ok(Some(("user", 65_532, 4))));
        assert_eq!(by(7, &[5], LIST), Ok(Some(("group", 5, 0))));
        assert_eq!(by(7, &[5, 9], LIST), Ok(Some(("group", 9, 4))));
        assert_eq!(by(7, &[], LIST), Ok(None));
        assert_eq!(by(7, &[], b""), Ok(None));
        for end in (1..LIST.len()).filter(|end| end % 8 != 4) {
            assert_eq!(by(65_532, &[], &LIST[..end]), Err(()), "{end}");
        }
        for (at, byte) in [(0, 1), (4, 3), (5, 1), (6, 8), (7, 1)] {
            let mut odd = LIST.to_vec();
            odd[at] = byte;
            assert_eq!(by(65_532, &[], &odd), Err(()), "{at}");
        }
        assert_eq!(by(65_532, &[], &[0; 4096]), Err(()));
    }
}
