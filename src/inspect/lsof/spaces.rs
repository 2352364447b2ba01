//! The sockets of the network namespaces of the listed processes.

use crate::error::Error;
use crate::procfs::handle::Handle;
use crate::procfs::sockets::{Socket, Sockets, Wanted};

/// The number of network namespaces whose sockets are kept in memory.
const SPACES: usize = 4;

/// Device and inode of a network namespace.
type Id = (u64, u64);

/// The sockets of the namespaces that were needed last, by their inodes.
#[derive(Default)]
pub struct Spaces {
    list: Vec<(Id, Vec<Socket>)>,
    /// The process that was asked for last, and its namespace.
    last: Option<(u32, Id)>,
    /// The tables that could not be read of the first namespace that lacks some, and the process
    /// in it.
    pub unread: Option<(Handle, Unread)>,
}

/// Tables that could not be read, and the reasons.
type Unread = Vec<(&'static str, Error)>;

impl Spaces {
    /// Returns a socket as the tables of the process's network namespace describe it.
    pub fn socket(&mut self, process: &Handle, inode: u64) -> Option<Vec<u8>> {
        let id = self.id(process);
        if !self.list.iter().any(|(known, _)| *known == id) {
            if self.list.len() == SPACES {
                self.list.remove(0);
            }
            let wanted = Wanted { tcp: true, udp: true, unix: true };
            let (mut sockets, unread) = match Sockets::read(process, wanted, true) {
                Ok(sockets) => (sockets.list, sockets.unread),
                Err(first) => (Vec::new(), vec![first]),
            };
            // Of a process that has ended in between nothing can be read.
            if !unread.is_empty() && process.read("stat", 1).is_ok() {
                self.unread.get_or_insert_with(|| (process.clone(), unread));
            }
            sockets.sort_by_key(|socket| socket.inode);
            self.list.push((id, sockets));
        }
        let (_, sockets) = self.list.iter().find(|(known, _)| *known == id)?;
        let at = sockets.binary_search_by_key(&inode, |socket| socket.inode).ok()?;
        sockets.get(at).map(Socket::shown)
    }

    fn id(&mut self, process: &Handle) -> Id {
        match self.last {
            Some((pid, id)) if pid == process.pid => id,
            _ => {
                let meta = process.meta("ns/net");
                let id = meta.map_or((0, u64::from(process.pid)), |meta| (meta.st_dev, meta.st_ino));
                self.last = Some((process.pid, id));
                id
            }
        }
    }
}
