//! Reads the files of a group and of the groups above it.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::resource::Resource;
use crate::error::{Cause, Error};
use crate::procfs::cgroup::{self, Membership, NotANumber, amount};
use crate::text::clip;
use crate::view::root::Root;

/// How much of one file is read, in bytes.
const MAX_CGROUP_FILE_BYTES: u64 = 64 << 10;
/// How many nested groups are read.
pub(super) const MAX_DEPTH: usize = 128;

/// Parses a number from the text of a file.
type Parse = fn(&[u8]) -> Result<Option<u64>, NotANumber>;

/// The location of a group's files, and of those of the groups above it.
pub(super) struct Site<'a> {
    pub(super) root: &'a Root,
    pub(super) v2: bool,
    pub(super) membership: &'a Membership,
    pub(super) point: &'a [u8],
    /// The path of the group below the mount.
    pub(super) group: &'a [u8],
    /// The group with the tightest limit, once it is known.
    pub(super) limit_group: Option<&'a [u8]>,
    pub(super) unread: Option<Error>,
}

impl<'a> Site<'a> {
    pub(super) fn names<const N: usize>(
        &self,
        v2: [&'static str; N],
        v1: [&'static str; N],
    ) -> [&'static str; N] {
        if self.v2 { v2 } else { v1 }
    }

    pub(super) fn path(&self, group: &[u8], file: &str) -> PathBuf {
        let folder = PathBuf::from(OsString::from_vec([self.point, group].concat()));
        if file.is_empty() { folder } else { folder.join(file) }
    }

    /// Returns the path of a group's file.
    pub(super) fn source(&self, group: Option<&[u8]>, file: &str) -> PathBuf {
        group.map(|group| self.path(group, file)).unwrap_or_default()
    }

    /// Reads a file; `None` if the group has no file of that name, as the root has no limits.
    pub(super) fn read(&mut self, group: &[u8], file: &str) -> Option<Vec<u8>> {
        let path = self.path(group, file);
        let text = self.root.open(&path, false).and_then(|(file, _)| {
            let mut text = Vec::new();
            let read = file.take(MAX_CGROUP_FILE_BYTES).read_to_end(&mut text);
            read.map(|_| text).map_err(Error::from)
        });
        match text {
            Ok(text) => Some(text),
            Err(_) if self.is_missing(&path) => None,
            Err(error) => {
                self.unread.get_or_insert_with(|| error.at(&path));
                None
            }
        }
    }

    fn is_missing(&self, path: &Path) -> bool {
        let is_missing = |error: Error| matches!(error.cause, Cause::System(Errno::ENOENT | Errno::ENODEV));
        self.root.meta(path, true).is_err_and(is_missing)
    }

    /// Reads the file of the nearest group that has it. A group that does not count itself is
    /// counted in a group above.
    pub(super) fn nearest(&mut self, file: &str) -> Option<(Vec<u8>, &'a [u8])> {
        cgroup::upwards(self.group).take(MAX_DEPTH).find_map(|group| Some((self.read(group, file)?, group)))
    }

    /// Reads the number in a group's file. Anything else in the file is an error, not a missing
    /// number.
    pub(super) fn number(&mut self, group: &[u8], file: &str, parse: Parse) -> Option<u64> {
        let text = self.read(group, file)?;
        parse(&text).unwrap_or_else(|NotANumber| {
            let path = self.path(group, file);
            let why = || Error::from(format!("not a number: '{}'", clip(text.trim_ascii()))).at(&path);
            self.unread.get_or_insert_with(why);
            None
        })
    }

    /// Reads the number in the file of the nearest group that has it.
    pub(super) fn nearest_amount(&mut self, file: &str) -> Option<u64> {
        let (_, group) = self.nearest(file)?;
        self.number(group, file, amount)
    }

    /// Whether the mount begins below the root of the hierarchy. In v2 only the root lacks this
    /// file; in v1 only the root has it.
    fn is_cut(&self) -> bool {
        let file = if self.v2 { "cgroup.events" } else { "release_agent" };
        self.root.meta(&self.path(b"", file), true).is_ok() == self.v2
    }

    /// Returns the group and those above it whose limits are in force for it, the lowest first. In v1
    /// a group whose parent has `memory.use_hierarchy` 0 is not counted there.
    pub(super) fn groups(&mut self) -> Vec<&'a [u8]> {
        let mut groups = Vec::new();
        for group in cgroup::upwards(self.group).take(MAX_DEPTH) {
            let is_counted =
                groups.is_empty() || self.v2 || self.number(group, "memory.use_hierarchy", amount) != Some(0);
            if !is_counted {
                break;
            }
            groups.push(group);
        }
        groups
    }

    /// Returns the limit that is reached first: that with the least room left; of equal ones, the
    /// nearest. The number of another may be smaller.
    fn binding(&mut self, limit: &str, used: &str) -> Option<(u64, &'a [u8])> {
        let mut binding: Option<(u64, u64, &[u8])> = None;
        for group in self.groups() {
            let Some(limit) = self.number(group, limit, cgroup::limit) else { continue };
            let room = limit.saturating_sub(self.number(group, used, amount).unwrap_or_default());
            if binding.is_none_or(|(least, number, _)| (room, limit) < (least, number)) {
                binding = Some((room, limit, group));
            }
        }
        binding.map(|(_, limit, group)| (limit, group))
    }

    /// Returns the lowest limit of the group and those above it; of equal limits, the nearest.
    pub(super) fn tightest(
        &mut self,
        limit: &dyn Fn(&mut Self, &[u8]) -> Option<u64>,
    ) -> Option<(u64, &'a [u8])> {
        let mut tightest: Option<(u64, &[u8])> = None;
        for group in cgroup::upwards(self.group).take(MAX_DEPTH) {
            if let Some(limit) = limit(self, group)
                && tightest.is_none_or(|(least, _)| limit < least)
            {
                tightest = Some((limit, group));
            }
        }
        tightest
    }

    /// Returns the name of the group as the process's own file writes it.
    fn name(&self, group: &[u8]) -> Vec<u8> {
        let path = &self.membership.path;
        let hidden = path.len().saturating_sub(self.group.len());
        let name = [path.get(..hidden).unwrap_or_default(), group].concat();
        if name.is_empty() { b"/".to_vec() } else { name }
    }

    pub(super) fn found(&self, tightest: Option<(u64, &[u8])>) -> Resource {
        Resource {
            v2: self.v2,
            group: self.membership.path.clone(),
            limit: tightest.map(|(limit, _)| limit),
            limit_group: tightest.map(|(_, group)| self.name(group)).unwrap_or_default(),
            ..Resource::default()
        }
    }

    /// Returns a resource whose limit and use have a file each.
    pub(super) fn resource(&mut self, limit: &str, used: &str, peak: &str) -> Resource {
        let tightest = self.binding(limit, used);
        let mut found = self.found(tightest);
        found.used = self.nearest_amount(used);
        let group = tightest.map(|(_, group)| group);
        self.limit_group = group;
        found.sources.limit = self.source(group, limit);
        found.sources.used = self.source(group, used);
        found.limit_used = tightest.and_then(|(_, group)| self.number(group, used, amount));
        found.peak = self.nearest_amount(peak);
        found
    }

    pub(super) fn done(self, mut found: Resource) -> Resource {
        found.cut = found.limit.is_none() && self.is_cut();
        found.unread = self.unread;
        found
    }
}
