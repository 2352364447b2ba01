//! Which processes there are.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use super::process::parse_folder;
use crate::directory::Directory;

/// The processes that a proc mount showed when it was listed, and its directory. A copy shares
/// both.
#[derive(Debug, Clone)]
pub struct Listing {
    proc: Arc<Directory>,
    /// Their pids, the lowest first.
    pub pids: Arc<[u32]>,
}

impl Listing {
    /// Lists the processes of this proc mount.
    pub fn of(proc: &Path) -> Result<Self, Errno> {
        let mut list = Directory::open(proc)?;
        let mut pids = Vec::new();
        while let Some(entry) = list.next()? {
            pids.extend(parse_folder(entry.name));
        }
        // A fabricated proc (tests) has another order.
        if !pids.is_sorted() {
            pids.sort_unstable();
        }
        Ok(Listing { proc: Arc::new(list), pids: pids.into() })
    }
}

impl AsFd for Listing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.proc.as_fd()
    }
}
