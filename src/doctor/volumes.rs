//! Secrets and configuration that the process cannot read, and volumes that it cannot write to.
//!
//! What counts as configuration is what is mounted for this container alone: a file, or a read-only
//! mount with a few files. What counts as a volume is a writable mount that is empty, or that the
//! runtime created; a directory of the host with files in it may be there to be read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use super::access::{denial, with_grant};
use super::finding::{Finding, Level, shell_quoted};
use super::{Case, Request, Root};
use crate::bytes::find;
use crate::error::Error;
use crate::file_type::FileType;
use crate::procfs::mountinfo::{Mount, below};
use crate::text::Shown as _;
use crate::view::filesystems::is_pseudo;
use crate::view::mounts::may_block;
use crate::view::permission::{EXEC, Examined, READ, WRITE, Who, examine};
use crate::view::target::Target;
use crate::view::walk::{Event, Walk};

/// Where runtimes mount secrets.
const SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
/// Mounts of the system, which only root writes to.
const OF_SYSTEM: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/var/run", "/boot"];
/// Where the runtimes of a host keep what they mount for others.
const OF_RUNTIMES: [&str; 10] = [
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/run/docker",
    "/run/containerd",
    "/run/netns",
    "/run/user",
    "/run/snapd",
    "/snap",
];
/// The most mounts that are looked at.
const MAX_MOUNTS: usize = 64;
/// The most files of a mount that counts as small.
const MAX_FILES: usize = 32;
/// How deep such a mount is looked at.
const MAX_DEPTH: usize = 4;

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    let Some(root) = case.root.clone() else { return case.skipped.push("mounted secrets and volumes") };
    let Some(mounts) = case.mounts.clone() else { return };
    // A container with porthole as PID 1 was started to look at the volumes that it was given: those
    // of an application that does not stay up.
    let is_of_others = case.is_fallback && !case.is_init();
    if is_of_others || !case.status.known.has_credentials() {
        return;
    }
    let may_block = may_block(&mounts);
    if may_block && case.at_pids_limit {
        let why = "the pids limit is reached, and looking at them takes one more thread";
        return case.unread.push(format!("mounted secrets and volumes: {why}").into());
    }
    let mut areas: Vec<Area> = SECRETS.iter().map(|path| Area::secrets(path)).collect();
    let is_candidate = |at: usize, mount: &Mount| !is_pseudo(mount) && !mounts.is_hidden(at);
    let candidates = mounts.list.iter().enumerate().filter(|&(at, mount)| is_candidate(at, mount));
    areas.extend(candidates.filter_map(|(_, mount)| Area::of(mount)).take(MAX_MOUNTS));
    let mut places = Vec::new();
    for area in areas {
        let path = area.path.clone();
        let view = View { target: case.target.clone(), root: Arc::clone(&root), who: case.who.clone() };
        let found =
            if may_block { case.with_timeout(move || view.trouble(&area)) } else { view.trouble(&area) };
        match found {
            Ok(Some(trouble)) => {
                let is_expected = |path: &Path| path.as_os_str().as_bytes() == trouble.path;
                let mut asked = request.files.iter().chain(&request.writable);
                // One of the two folders of secrets may be a link to the other.
                let place = trouble.found.rows.last().map(|row| row.path.clone());
                if !asked.any(|path| is_expected(path)) && !places.contains(&place) {
                    let finding = trouble.finding(case);
                    case.add(finding);
                }
                places.push(place);
            }
            Ok(None) => {}
            Err(error) => {
                let error = error.at(Path::new(OsStr::from_bytes(&path)));
                let is_over = error.is_unanswered();
                if !case.unread.contains(&error) {
                    case.unread.push(error);
                }
                // Those after it would wait as long.
                if is_over {
                    return;
                }
            }
        }
    }
}

/// A part of the file system that was mounted for the process.
#[derive(Debug, Clone)]
struct Area {
    path: Vec<u8>,
    /// Whether it is there to be written to, if it is a directory.
    is_writable: bool,
    /// Whether it is there for writing even if it contains files; `None` if that cannot be told.
    is_volume: Option<bool>,
    /// Whether all of it is read, however large.
    is_secret: bool,
}

impl Area {
    fn secrets(path: &str) -> Self {
        Area { path: path.as_bytes().to_vec(), is_writable: false, is_volume: None, is_secret: true }
    }

    /// Returns the mount, if it is one for this container.
    fn of(mount: &Mount) -> Option<Self> {
        let is_below = |folder: &&str| below(folder.as_bytes(), &mount.point).is_some();
        if mount.point == b"/" || SECRETS.iter().any(is_below) {
            return None;
        }
        // The root of another container, as a host sees it.
        let is_image = mount.kind.ends_with(b"overlay") || mount.kind.ends_with(b"overlayfs");
        if is_image || OF_RUNTIMES.iter().any(is_below) {
            return None;
        }
        let is_writable = !mount.is_read_only();
        if is_writable && OF_SYSTEM.iter().any(is_below) {
            return None;
        }
        // Docker and Podman: `…/volumes/NAME/_data`; Kubernetes: `…/volumes/kubernetes.io~…`. A whole
        // disk may be a claim of a pod, or one of the host with files to read.
        let is_volume = if find(&mount.root, b"/volumes/").is_some() {
            Some(true)
        } else if mount.root == b"/" && mount.source.starts_with(b"/dev/") {
            None
        } else {
            Some(false)
        };
        Some(Area { path: mount.point.clone(), is_writable, is_volume, is_secret: false })
    }
}

/// What the process sees, and as whom.
struct View {
    target: Target,
    root: Arc<Root>,
    who: Who,
}

/// A path to which the process has no access.
struct Trouble {
    level: Level,
    path: Vec<u8>,
    wanted: &'static [u32],
    found: Examined,
    /// How many more files of the same mount it cannot read.
    more: usize,
}

impl View {
    /// Applies the rules to a path. Returns `None` if the process has this access, and if it is not
    /// known or nothing is there.
    fn denied(&self, path: &[u8], wanted: &'static [u32]) -> Option<Trouble> {
        let place = Path::new(OsStr::from_bytes(path));
        let found = examine(&self.target, &self.root, place, &self.who, wanted);
        let is_denied = found.allowed == Some(false) && denial(&found).is_some();
        is_denied.then(|| Trouble { level: Level::Warning, path: path.to_vec(), wanted, found, more: 0 })
    }

    /// Returns the first path of the area to which the process lacks access.
    fn trouble(&self, area: &Area) -> Result<Option<Trouble>, Error> {
        let meta = match self.root.meta(Path::new(OsStr::from_bytes(&area.path)), true) {
            Ok(meta) => meta,
            // What porthole may not look at, the process may not either, or the rules say so.
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) if error.is_denied() => return Ok(self.denied(&area.path, &[READ])),
            Err(error) => return Err(error),
        };
        let kind = FileType::of_mode(meta.st_mode);
        if kind.is_regular() {
            return Ok(self.denied(&area.path, &[READ]));
        }
        if !kind.is_directory() {
            return Ok(None);
        }
        if area.is_writable {
            let level = match area.is_volume {
                Some(true) => Level::Warning,
                _ if self.is_empty(area) => Level::Warning,
                None => Level::Hint,
                Some(false) => return Ok(None),
            };
            let trouble = self.denied(&area.path, &[WRITE, EXEC]);
            return Ok(trouble.map(|trouble| Trouble { level, ..trouble }));
        }
        if let Some(trouble) = self.denied(&area.path, &[READ, EXEC]) {
            return Ok(Some(trouble));
        }
        self.unreadable(area)
    }

    /// Whether a directory contains nothing but what mkfs(8) creates.
    fn is_empty(&self, area: &Area) -> bool {
        let Ok(mut folder) = self.root.folder(Path::new(OsStr::from_bytes(&area.path))) else { return false };
        loop {
            match folder.next() {
                Ok(Some(entry)) if entry.name == b"lost+found" => {}
                Ok(None) => return true,
                _ => return false,
            }
        }
    }

    /// Returns the first file of a directory that the process cannot read, unless there are many
    /// files.
    fn unreadable(&self, area: &Area) -> Result<Option<Trouble>, Error> {
        let mut walk = match Walk::new(&self.root, Path::new(OsStr::from_bytes(&area.path))) {
            Ok(walk) => walk,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (mut first, mut count): (Option<Trouble>, usize) = (None, 0);
        while let Some(event) = walk.next() {
            // What cannot be listed was examined as an entry.
            let Event::Entry(_) = event else { continue };
            // Kubernetes keeps the files of a volume in a directory `..DATE`, and links lead there.
            if walk.name().starts_with(b"..") || walk.name() == b"lost+found" {
                continue;
            }
            count += 1;
            if count > MAX_FILES {
                return Ok(first.filter(|_| area.is_secret));
            }
            let Ok(meta) = walk.meta() else { continue };
            let kind = FileType::of_mode(meta.st_mode);
            let (wanted, plain): (&'static [u32], u32) = match kind {
                FileType::Directory => (&[READ, EXEC], 0o555),
                FileType::Regular => (&[READ], 0o444),
                FileType::Link => (&[READ], u32::MAX),
                _ => continue,
            };
            // If everyone has access, no rule has to be asked.
            let trouble = if meta.st_mode & plain == plain { None } else { self.denied(walk.path(), wanted) };
            if kind.is_directory() && trouble.is_none() && walk.depth() < MAX_DEPTH {
                walk.enter();
            }
            match (&mut first, trouble) {
                (Some(first), Some(_)) => first.more += 1,
                (None, trouble) => first = trouble,
                (Some(_), None) => {}
            }
        }
        Ok(first)
    }
}

impl Trouble {
    fn finding(&self, case: &Case<'_>) -> Finding {
        let (name, process) = (Path::new(OsStr::from_bytes(&self.path)).shown(), case.process.shown());
        let mut what = if self.wanted.contains(&WRITE) {
            format!("{process} cannot write to {name}, which is mounted for writing")
        } else {
            format!("{process} cannot read {name}")
        };
        if self.more > 0 {
            let s = if self.more == 1 { "" } else { "s" };
            what = format!("{what}, nor {} more file{s} of this mount", self.more);
        }
        let finding = Finding::new(self.level, what);
        let Some((place, why)) = denial(&self.found) else { return finding };
        let finding = finding.seen(&place, why);
        let last = self.found.rows.last();
        match last.and_then(|row| Some((row, row.by?))) {
            Some((row, by)) if row.link.is_none() => {
                let finding = with_grant(
                    finding,
                    &case.who,
                    row,
                    by,
                    &shell_quoted(&place),
                    self.wanted,
                    case.mounts.as_deref(),
                );
                let (uid, gid) = (row.meta.st_uid, row.meta.st_gid);
                if !self.wanted.contains(&WRITE) {
                    return finding;
                }
                let quoted = shell_quoted(&name);
                let finding = finding.docker(format!("if it only reads there: --volume SOURCE:{quoted}:ro"));
                // To be root is no advice.
                if uid == 0 {
                    finding
                } else {
                    finding.docker(format!("or run as its owner: --user {uid}:{gid}"))
                }
            }
            _ => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::mountinfo::Mounts;
    use crate::text::decode;

    #[test]
    fn which_mounts_are_for_the_container() {
        let areas = |text: &str| -> Vec<String> {
            let mounts = Mounts::parse(text.as_bytes());
            let shown = |area: Area| {
                let marks = [
                    (area.is_writable, " rw"),
                    (area.is_volume == Some(true), " volume"),
                    (area.is_volume.is_none(), " disk"),
                ];
                let marks = marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark);
                decode(&area.path) + &marks.collect::<String>()
            };
            mounts.list.iter().filter_map(Area::of).map(shown).collect()
        };
        assert_eq!(
            areas(
                "1 0 0:1 / / rw - overlay overlay rw\n\
                 2 1 254:1 /etc/app /etc/app ro - ext4 /dev/vda rw\n\
                 3 1 254:1 /srv/data /data rw - ext4 /dev/vda rw\n\
                 4 1 254:1 /var/lib/docker/volumes/x/_data /var/lib/x rw - ext4 /dev/vda rw\n\
                 5 1 254:2 / /pvc rw - ext4 /dev/vdb rw\n\
                 6 1 0:9 / /run rw - tmpfs tmpfs rw\n\
                 7 1 0:10 / /run/secrets/kubernetes.io/serviceaccount ro - tmpfs tmpfs ro\n\
                 8 1 0:11 / /dev/shm rw - tmpfs shm rw\n\
                 9 1 0:12 / /cache rw - tmpfs tmpfs rw\n\
                 10 1 0:13 / /srv/engine/merged rw - fuse.fuse-overlayfs fuse-overlayfs rw\n\
                 11 1 0:14 / /var/lib/kubelet/pods/x/volumes/secret ro - tmpfs tmpfs ro\n"
            ),
            ["/etc/app", "/data rw", "/var/lib/x rw volume", "/pvc rw disk", "/cache rw"]
        );
    }
}
