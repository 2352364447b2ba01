//! The user who requests access: ids, groups and capabilities. credentials(7), user_namespaces(7)

use crate::procfs::handle::Handle;
use crate::procfs::id_map::{is_mapped, is_unmapped, ranges};
use crate::procfs::status::Status;
use crate::view::root::Meta;
use crate::view::target::Target;

/// What an id without a mapping in our user namespace is shown as: the default overflowuid,
/// proc(5).
pub(super) const NOBODY: u32 = 65_534;

/// The user or process that requests access.
#[derive(Debug, Clone)]
pub struct Who {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities.
    pub capabilities: u64,
    /// The user ids and group ids, as seen from our namespace, that the capabilities apply to;
    /// `None` if they apply to all: user_namespaces(7), "Interaction of user namespaces and other
    /// types of namespaces".
    pub mapped: Option<[Vec<[u64; 3]>; 2]>,
    /// Whether an owner shown as [`NOBODY`] may be anyone, because we are in a user namespace with
    /// a map ourselves.
    pub(super) hides: bool,
    /// Capabilities that it would have if they were in the bounding set.
    pub(super) unbound: u64,
    /// Whether it is the target process; otherwise only ids are known.
    pub(super) is_process: bool,
}

impl Who {
    /// A user without capabilities; root has those of this bounding set.
    pub fn of_ids(uid: u32, gid: u32, groups: Vec<u32>, bounding: u64) -> Self {
        let (capabilities, unbound) = if uid == 0 { (bounding, !bounding) } else { (0, 0) };
        Who { uid, gid, groups, capabilities, mapped: None, hides: false, unbound, is_process: false }
    }

    /// Marks it as unknown which ids a user namespace may hide.
    #[must_use]
    pub fn unmapped(self) -> Self {
        Who { hides: true, ..self }
    }

    /// Takes the id maps into account if the process is in a user namespace of its own.
    #[must_use]
    pub fn mapped(mut self, target: &Target, process: &Handle) -> Self {
        let maps = |process: &Handle| ["uid_map", "gid_map"].map(|name| ranges(process, name));
        let theirs = maps(process);
        self.hides = is_unmapped(process) || target.ourselves().is_ok_and(|ours| is_unmapped(&ours));
        if is_mapped(&theirs[0]) {
            // If we are in the same namespace, its ids are the ones we see, and an id without a
            // mapping is shown as nobody.
            let ours = target.ourselves().ok().map(|ours| maps(&ours));
            self.hides |= ours.as_ref().is_some_and(|ours| is_mapped(&ours[0]));
            let is_ours = ours.is_some_and(|ours| ours == theirs);
            self.mapped = Some(theirs.map(|map| {
                let range =
                    |[inside, outside, count]: [u64; 3]| [if is_ours { inside } else { outside }, 0, count];
                map.into_iter().map(range).collect()
            }));
        }
        self
    }

    /// Whether its capabilities apply to a file with these ids; `None` if that is unknown.
    pub(super) fn has_power_over(&self, meta: &Meta) -> Option<bool> {
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
        // Access to files is checked with the file system ids: credentials(7).
        let ([.., uid], [.., gid]) = (status.uids, status.gids);
        let mut who = Who::of_ids(uid, gid, status.groups, status.cap_bounding);
        who.capabilities = status.cap_effective;
        who.is_process = true;
        who
    }

    pub(super) fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}
