//! Deleted files that are still open, whose space a full file system lacks. unlink(2),
//! proc_pid_fd(5), proc_pid_fdinfo(5).

use std::path::Path;
use std::sync::Arc;

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT};
use crate::error::Error;
use crate::file_type::FileType;
use crate::procfs::handle::Handle;
use crate::procfs::handle::MAX_PROC_FILE_BYTES;
use crate::procfs::mountinfo::Mounts;
use crate::procfs::process::Process;
use crate::text::decode;
use crate::units::show_short_size;
use crate::view::mounts::parse_fdinfo;

/// The most processes whose files are looked at.
const MAX_PROCESSES: usize = 256;
/// The least share of the file system that is reported, in percent.
const MIN_PERCENT: u64 = 5;
/// The size of a block in the metadata of a file, in bytes: stat(2).
const BLOCK_BYTES: u64 = 512;

/// A deleted file that a process holds open.
struct Held {
    process: Process,
    fd: String,
    path: Vec<u8>,
    /// The space that it takes, in bytes.
    size: u64,
    /// Device and inode.
    identity: (u64, u64),
}

/// Adds a finding if a deleted file takes a good part of this full file system.
pub(super) fn on_full(case: &mut Case<'_>, device: &[u8], point: &str, size: u64, level: Level) {
    let pids: Vec<u32> = case.listing.pids.iter().copied().take(MAX_PROCESSES).collect();
    let (proc, device, mounts) = (case.target.proc.clone(), device.to_vec(), case.mounts.clone());
    // stat(2) of an open file may block on a file system that does not answer.
    let found = case.with_timeout(move || {
        let mut held: Vec<Held> = Vec::new();
        for &pid in &pids {
            // What has ended holds nothing; whose files may not be read is reported elsewhere.
            let _ = collect(&proc, pid, &device, mounts.as_ref(), &mut held);
        }
        Ok(held)
    });
    let largest = match found {
        Ok(held) => held.into_iter().max_by_key(|held| held.size),
        Err(error) => return case.unread.push(error),
    };
    let Some(held) = largest.filter(|held| held.size >= size / 100 * MIN_PERCENT) else { return };
    let (process, name, size) = (held.process.shown(), decode(&held.path), show_short_size(held.size));
    let what = format!(
        "{process} holds {size} of {point} in a deleted file; the space is free once it closes the file"
    );
    let fd = case.target.proc.join(held.process.pid.to_string()).join("fd").join(&held.fd);
    case.add(
        Finding::new(level, what)
            .brief(format!("{process} holds a deleted file open that takes space of {point}"))
            .seen(fd.display(), format!("{name}, 0 links, {size}"))
            .application(format!(
                "close the file after it was deleted (for a log: reopen it after rotation, or rotate with copytruncate); a restart of {process} closes it too"
            ))
            .docker("docker restart NAME")
            .kubernetes("kubectl rollout restart deployment NAME"),
    );
}

/// Adds the deleted files on this device that a process holds open, each once.
fn collect(
    proc: &Path,
    pid: u32,
    device: &[u8],
    known: Option<&Arc<Mounts>>,
    held: &mut Vec<Held>,
) -> Result<(), Error> {
    let handle = Handle::open(proc, pid)?;
    let mut descriptors: Vec<String> = Vec::new();
    handle.each("fd", &mut |name| descriptors.extend(std::str::from_utf8(name).map(str::to_owned)))?;
    let mut own: Option<Mounts> = None;
    for fd in descriptors {
        let Ok(info) = handle.read(&["fdinfo/", &fd].concat(), PROC_FILE_LIMIT) else { continue };
        let Some(id) = parse_fdinfo(&info) else { continue };
        let mount = match known.and_then(|mounts| mounts.by_id(id)) {
            Some(mount) => Some(mount),
            // Of a process in another mount namespace, which may share a volume.
            None => own
                .get_or_insert_with(|| {
                    Mounts::parse(&handle.read("mountinfo", MAX_PROC_FILE_BYTES).unwrap_or_default())
                })
                .by_id(id),
        };
        if mount.is_none_or(|mount| mount.device != device) {
            continue;
        }
        let link = ["fd/", &fd].concat();
        let Ok(meta) = handle.meta(&link) else { continue };
        let size = u64::try_from(meta.st_blocks).unwrap_or_default().saturating_mul(BLOCK_BYTES);
        let identity = (meta.st_dev, meta.st_ino);
        let is_deleted = meta.st_nlink == 0 && FileType::of_mode(meta.st_mode).is_regular();
        if !is_deleted || size == 0 || held.iter().any(|known| known.identity == identity) {
            continue;
        }
        let stat = handle.read("stat", PROC_FILE_LIMIT)?;
        let Some(process) = Process::parse(pid, &stat) else { return Ok(()) };
        let path = handle.link(&link)?;
        // The kernel appends this to the path of a deleted file.
        let path = path.strip_suffix(b" (deleted)").unwrap_or(&path).to_vec();
        held.push(Held { process, fd, path, size, identity });
    }
    Ok(())
}
