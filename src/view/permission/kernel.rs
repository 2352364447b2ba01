//! Files of the kernel's, of which more than a mode decides: what is in proc, settings, the log. proc(5), syslog(2).

use nix::sys::stat::makedev;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use super::{EXEC, Note, Row, Who, verb};
use crate::file_type::FileType;
use crate::procfs::status::{NET_ADMIN, SYSLOG};
use crate::view::metadata::octal;
use crate::view::resolve::Step;
use crate::view::root::Meta;
use crate::view::target::Target;

/// Why nothing is known of what a user namespace has to say in `/proc/sys`.
const SYSCTL: &str = "is a setting of the kernel, which has other rules in a user namespace";
/// Why the kernel's log may not be read.
const LOG: &str = "is the kernel's log, which takes CAP_SYSLOG (syslog(2))";
/// The number of `/dev/kmsg`, admin-guide/devices.txt of the kernel.
const KMSG: (u64, u64) = (1, 11);

/// A place in proc.
pub(super) struct Inside<'a> {
    /// Its path there.
    below: &'a [u8],
    /// Whether that begins at the root of proc, not further inside.
    is_whole: bool,
}

/// Where in proc a place is; nothing where it is elsewhere.
pub(super) fn below_proc<'a>(step: &Step<'a>, rows: &[Row]) -> Option<Inside<'a>> {
    if !fstatfs(step.handle).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC) {
        return None;
    }
    // Its root has this number; a path may also begin further inside.
    let top = rows.iter().find(|row| row.meta.st_dev == step.meta.st_dev);
    let (root, above) = top.map_or((step.meta, step.path), |row| (&row.meta, &row.path));
    let below = step.path.get(above.len()..).unwrap_or_default();
    Some(Inside { below: below.strip_prefix(b"/").unwrap_or(below), is_whole: root.st_ino == 1 })
}

impl Inside<'_> {
    /// Whether more than a mode decides of it: what is below the number of a process other than `itself`, and the links
    /// that only look like links.
    pub(super) fn is_guarded(&self, step: &Step<'_>, itself: Option<&(u64, String)>, is_ours: bool) -> bool {
        let below = self.below;
        let is_numbered = below.first().is_some_and(u8::is_ascii_digit) && below.contains(&b'/');
        let is_inside = is_numbered || !self.is_whole;
        if step.link.is_some() {
            return is_inside || !is_ours && matches!(below, b"self" | b"thread-self");
        }
        is_inside
            && !itself
                .is_some_and(|(device, own)| *device == step.meta.st_dev && below.starts_with(own.as_bytes()))
    }
}

/// What decides of a file besides its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Mode,
    /// A setting of the kernel, and whether it is of the network.
    Setting(bool),
    /// The kernel's log, and whether it takes a capability to be read; nothing where that cannot be told.
    Log(Option<bool>),
}

impl Rule {
    pub(super) fn of(target: &Target, meta: &Meta, inside: Option<&Inside<'_>>) -> Self {
        let below = inside.filter(|inside| inside.is_whole).map(|inside| inside.below).unwrap_or_default();
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
    /// As [`Who::may`], of a setting of the kernel: root is judged as its owner, root's group as its group, and whoever
    /// rules the network as the owner of its settings.
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
            note.is_unknown = true;
            return Err(SYSCTL.to_owned());
        }
        let mode = octal(mode);
        Err(format!(
            "mode {mode} of a setting of the kernel gives {class} no {verb}, whatever the capabilities"
        ))
    }

    /// Whether the kernel's log may be read, as far as that takes a capability.
    pub(super) fn may_read_log(&self, takes: Option<bool>, note: &mut Note) -> Result<(), String> {
        // Outside of the first user namespace it is good for nothing.
        if takes == Some(false) || self.mapped.is_none() && self.capabilities & SYSLOG != 0 {
            return Ok(());
        }
        note.is_unknown |= takes.is_none();
        Err(LOG.to_owned())
    }
}
