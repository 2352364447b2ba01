//! Waits until followed files may have changed. inotify(7) tells at once where it is available; if
//! not, and on file systems that change elsewhere (NFS, FUSE), files are looked at every second.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

/// How long to wait for a notice, in milliseconds.
const PAUSE_MS: u16 = 1000;

/// Notices of changes.
pub(super) struct Notices {
    /// `None` if it is not available: a limit of `/proc/sys/fs/inotify`, a seccomp(2) profile.
    inotify: Option<Inotify>,
}

impl Notices {
    pub(super) fn new() -> Self {
        Notices { inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok() }
    }

    /// Watches an open file.
    pub(super) fn watch_file(&self, file: impl AsFd) -> Option<WatchDescriptor> {
        self.watch(file, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_MOVE_SELF)
    }

    /// Watches for new names in an open directory.
    pub(super) fn watch_directory(&self, directory: impl AsFd) {
        self.watch(directory, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO);
    }

    /// Watches by the descriptor, so that the file need not be below our own root.
    fn watch(&self, file: impl AsFd, events: AddWatchFlags) -> Option<WatchDescriptor> {
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        self.inotify.as_ref()?.add_watch(path.as_str(), events).ok()
    }

    /// Ends a watch.
    pub(super) fn forget(&self, watch: WatchDescriptor) {
        if let Some(inotify) = &self.inotify {
            // It has ended by itself if the file is gone.
            let _ = inotify.rm_watch(watch);
        }
    }

    /// Waits for the next notice, or for a second, and returns whether stdout still has a reader.
    pub(super) fn wait(&self) -> bool {
        let stdout = io::stdout();
        let mut waited = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
        waited.extend(self.inotify.as_ref().map(|inotify| PollFd::new(inotify.as_fd(), PollFlags::POLLIN)));
        match poll(&mut waited, PollTimeout::from(PAUSE_MS)) {
            Ok(0) | Err(Errno::EINTR) => return true,
            Ok(_) => {}
            // Not to be looked at in a loop without a pause.
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(PAUSE_MS.into())),
        }
        let has_reader = waited.first().and_then(PollFd::revents).is_none_or(|events| events.is_empty());
        // What has changed is found by looking at every file.
        while self.inotify.as_ref().is_some_and(|inotify| inotify.read_events().is_ok()) {}
        has_reader
    }
}
