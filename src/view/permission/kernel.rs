//! Files of the kernel whose mode alone does not decide: proc, settings and the log. proc(5),
//! syslog(2)

use nix::sys::stat::makedev;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use super::{EXEC, Note, Row, Who, verb};
use crate::file_type::FileType;
use crate::procfs::status::{NET_ADMIN, SYSLOG};
use crate::view::metadata::octal;
use crate::view::resolve::Step;
use crate::view::root::Meta;
use crate::view::target::Target;

/// Why it is unknown what a user namespace may set in `/proc/sys`.
const SETTING_IN_NAMESPACE: &str = "is a kernel setting, which has other rules in a user namespace";
/// Why the kernel's log cannot be read.
const LOG_NEEDS_CAPABILITY: &str = "is the kernel's log, which requires CAP_SYSLOG (syslog(2))";
/// The device number of `/dev/kmsg`: admin-guide/devices.txt of the kernel.
const KMSG: (u64, u64) = (1, 11);

/// The location of a file in proc.
pub(super) struct ProcPath<'a> {
    /// Its path there.
    below: &'a [u8],
    /// Whether that path begins at the root of proc, not further inside.
    is_from_root: bool,
}

/// Returns the location of a file in proc; `None` if it is not in proc.
pub(super) fn path_in_proc<'a>(step: &Step<'a>, rows: &[Row]) -> Option<ProcPath<'a>> {
    if !fstatfs(step.handle).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC) {
        return None;
    }
    // The root of proc has inode 1; a path may also begin further inside.
    let top = rows.iter().find(|row| row.meta.st_dev == step.meta.st_dev);
    let (root, above) = top.map_or((step.meta, step.path), |row| (&row.meta, &row.path));
    let below = step.path.get(above.len()..).unwrap_or_default();
    Some(ProcPath { below: below.strip_prefix(b"/").unwrap_or(below), is_from_root: root.st_ino == 1 })
}

impl ProcPath<'_> {
    /// Whether more than a mode decides: for files below the number of a process other than
    /// `itself`, and for magic links.
    pub(super) fn is_guarded(&self, step: &Step<'_>, itself: Option<&(u64, String)>, is_ours: bool) -> bool {
        let below = self.below;
        let is_numbered = below.first().is_some_and(u8::is_ascii_digit) && below.contains(&b'/');
        let is_inside = is_numbered || !self.is_from_root;
        if step.link.is_some() {
            return is_inside || !is_ours && matches!(below, b"self" | b"thread-self");
        }
        is_inside
            && !itself
                .is_some_and(|(device, own)| *device == step.meta.st_dev && below.starts_with(own.as_bytes()))
    }
}

/// What decides about access to a file besides its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Mode,
    /// A setting of the kernel, and whether it is a network setting.
    Setting(bool),
    /// The kernel's log, and whether reading it requires a capability; `None` if that is unknown.
    Log(Option<bool>),
}

impl Rule {
    pub(super) fn of(target: &Target, meta: &Meta, inside: Option<&ProcPath<'_>>) -> Self {
        let below =
            inside.filter(|inside| inside.is_from_root).map(|inside| inside.below).unwrap_or_default();
        if below == b"kmsg" {
            return Rule::Log(Some(true));
        }
        if below == b"sys" || below.starts_with(b"sys/") {
            return Rule::Setting(below.starts_with(b"sys/net/"));
        }
        if FileType::of_mode(meta.st_mode) == FileType::CharacterDevice
            && meta.st_rdev == makedev(KMSG.0, KMSG.1)
        {
            let restricts = target.start_of("sys/kernel/dmesg_restrict").ok();
            return Rule::Log(restricts.map(|value| value.trim_ascii() != b"0"));
        }
        Rule::Mode
    }
}

impl Who {
    /// Works as [`Who::may`], but for a setting of the kernel: root counts as its owner and root's
    /// group as its group. For network settings, CAP_NET_ADMIN counts as the owner.
    pub(super) fn may_set(
        &self,
        meta: &Meta,
        bit: u32,
        is_of_network: bool,
        note: &mut Note,
    ) -> Result<String, String> {
        let mode = meta.st_mode;
        let is_folder = FileType::of_mode(mode).is_directory();
        let verb = verb(bit, is_folder);
        if bit == EXEC && !is_folder {
            return Err("is a kernel setting, which cannot be executed".to_owned());
        }
        let is_admin = is_of_network && self.capabilities & NET_ADMIN != 0;
        let (class, bits) = match (&self.mapped, self.uid, self.is_in(0)) {
            // Only root of the initial user namespace is root here.
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
            note.is_unknown = true;
            return Err(SETTING_IN_NAMESPACE.to_owned());
        }
        let mode = octal(mode);
        Err(format!("mode {mode} of a kernel setting does not let {class} {verb}, whatever its capabilities"))
    }

    /// Whether the capabilities allow reading the kernel's log.
    pub(super) fn may_read_log(&self, takes: Option<bool>, note: &mut Note) -> Result<(), String> {
        // The capability has no effect outside the initial user namespace.
        if takes == Some(false) || self.mapped.is_none() && self.capabilities & SYSLOG != 0 {
            return Ok(());
        }
        note.is_unknown |= takes.is_none();
        Err(LOG_NEEDS_CAPABILITY.to_owned())
    }
}
