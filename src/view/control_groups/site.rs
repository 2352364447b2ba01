//! The files of a group and of the groups above it.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::resource::Resource;
use crate::error::{Cause, Error};
use crate::procfs::cgroup::{self, Membership, NoNumber, amount};
use crate::text::clip;
use crate::view::root::Root;

/// The most of one file that is read, in bytes.
const MAX_CGROUP_FILE_BYTES: u64 = 64 << 10;
/// The most groups above one another that are looked at.
const MAX_DEPTH: usize = 128;

/// Reads a number from the text of a file.
type Parse = fn(&[u8]) -> Result<Option<u64>, NoNumber>;

/// Where a group's files are, and those of the groups above it.
pub(super) struct Site<'a> {
    pub(super) root: &'a Root,
    pub(super) v2: bool,
    pub(super) membership: &'a Membership,
    pub(super) point: &'a [u8],
    /// The group below what is mounted.
    pub(super) group: &'a [u8],
    /// The group that has the tightest limit, once it is known.
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

    /// The path of a group's file.
    pub(super) fn source(&self, group: Option<&[u8]>, file: &str) -> PathBuf {
        group.map(|group| self.path(group, file)).unwrap_or_default()
    }

    /// The text of a file; nothing where the group has none of that name, as the root has none of limits.
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

    /// The text of the file of the nearest group that has it: one that does not count itself is counted above.
    pub(super) fn nearest(&mut self, file: &str) -> Option<(Vec<u8>, &'a [u8])> {
        cgroup::upwards(self.group).take(MAX_DEPTH).find_map(|group| Some((self.read(group, file)?, group)))
    }

    /// The number in a group's file. One that has something else in it is not as if it had none.
    pub(super) fn number(&mut self, group: &[u8], file: &str, parse: Parse) -> Option<u64> {
        let text = self.read(group, file)?;
        parse(&text).unwrap_or_else(|NoNumber| {
            let path = self.path(group, file);
            let why = || Error::from(format!("not a number: '{}'", clip(text.trim_ascii()))).at(&path);
            self.unread.get_or_insert_with(why);
            None
        })
    }

    /// The number in the file of the nearest group that has it.
    pub(super) fn nearest_amount(&mut self, file: &str) -> Option<u64> {
        let (_, group) = self.nearest(file)?;
        self.number(group, file, amount)
    }

    /// Whether what is mounted begins below the root of the hierarchy: the one file that no root has, or only a root.
    fn is_cut(&self) -> bool {
        let file = if self.v2 { "cgroup.events" } else { "release_agent" };
        self.root.meta(&self.path(b"", file), true).is_ok() == self.v2
    }

    /// The lowest limit of the group and those above, the nearest of several that are the same.
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

    /// The group as the process's own file names it.
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

    /// A resource of which limit and use have a file each.
    pub(super) fn resource(&mut self, limit: &str, used: &str, peak: &str) -> Resource {
        let tightest = self.tightest(&|site, group| site.number(group, limit, cgroup::limit));
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
