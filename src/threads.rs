//! The threads that porthole starts. All have the same type, so that the code that starts one is in
//! the binary only once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, park_timeout};
use std::time::Duration;

use crate::deadline::{Deadline, Passed};

/// The stack of a thread, in bytes. Only the touched part uses memory, but all of it uses address
/// space. Without optimisation frames are larger.
const STACK: usize = if cfg!(debug_assertions) { 256 << 10 } else { 128 << 10 };

/// Whether to start no more threads, because one was refused or would be. The kernel counts each
/// thread that it refuses (pids.events of cgroups(7)), which would look as if the application had
/// tried to start it.
static ALONE: AtomicBool = AtomicBool::new(false);

/// From now on starts no more threads: everything runs in the existing ones.
pub fn start_no_more() {
    ALONE.store(true, Ordering::Relaxed);
}

/// Starts a thread and returns whether that succeeded.
pub fn start(spawn: impl FnOnce(Builder) -> bool) -> bool {
    let started = !ALONE.load(Ordering::Relaxed) && spawn(Builder::new().stack_size(STACK));
    if !started {
        start_no_more();
    }
    started
}

/// The work of a thread.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Stores a result for the thread that waits for it.
pub fn fill<T>(place: &Mutex<Option<T>>, result: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
}

/// Runs work that cannot have a deadline itself in a separate thread and returns its result. Once
/// the deadline has passed, the thread is no longer waited for. If no thread can be started, the
/// work runs in this one.
pub fn bounded<T: Send + 'static>(
    deadline: Deadline,
    work: Box<dyn Fn() -> T + Send + Sync>,
) -> Result<T, Passed> {
    let place = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&place);
    let work: Arc<dyn Fn() + Send + Sync> = Arc::new(move || fill(&theirs, work()));
    wait_for(deadline, &work)?;
    place.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Passed)
}

/// Like [`bounded`], for work without a result. If the deadline passes, the work may be unfinished.
/// This code is in the binary once, whatever the work.
pub fn wait_for(deadline: Deadline, work: &Arc<dyn Fn() + Send + Sync>) -> Result<(), Passed> {
    wait_while(STACK, work, &mut || deadline.remaining().ok()).ok_or(Passed)
}

/// Like [`wait_for`], with a stack of this size. It waits as long as `pause` returns the time until
/// `pause` is called again.
pub fn wait_while(
    stack: usize,
    work: &Arc<dyn Fn() + Send + Sync>,
    pause: &mut dyn FnMut() -> Option<Duration>,
) -> Option<()> {
    let done = Arc::new(AtomicBool::new(false));
    let (theirs, is_done, waiting) = (Arc::clone(work), Arc::clone(&done), std::thread::current());
    let job: Job<'static> = Box::new(move || {
        theirs();
        is_done.store(true, Ordering::Release);
        waiting.unpark();
    });
    if !start(|thread| thread.stack_size(stack).spawn(job).is_ok()) {
        work();
        return Some(());
    }
    while !done.load(Ordering::Acquire) {
        park_timeout(pause()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn work_is_not_waited_for_past_the_deadline() {
        assert_eq!(bounded(Deadline::after(Duration::from_mins(1)), Box::new(|| 7)), Ok(7));
        let (near, far) = UnixStream::pair().unwrap();
        let work = move || (&near).read(&mut [0]).is_ok();
        assert_eq!(bounded(Deadline::after(Duration::from_millis(30)), Box::new(work)), Err(Passed));
        drop(far);
    }
}
