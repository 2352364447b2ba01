//! Threads of our own: all of one kind, so that what starts one is in the binary once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, park_timeout};
use std::time::Duration;

use crate::deadline::{Deadline, Passed};

/// The stack of a thread, in bytes; only what is touched of it is used, but all of it is address space. Without
/// optimisation frames are larger.
const STACK: usize = if cfg!(debug_assertions) { 256 << 10 } else { 128 << 10 };

/// Whether no more threads are asked for: one was refused, or is known to be. The kernel counts each that it refuses, and
/// that would look as if the application had wanted it (pids.events of cgroups(7)).
static ALONE: AtomicBool = AtomicBool::new(false);

/// From now on everything is done in the threads that there are.
pub fn forgo() {
    ALONE.store(true, Ordering::Relaxed);
}

/// Starts a thread; whether there is one.
pub fn start(spawn: impl FnOnce(Builder) -> bool) -> bool {
    let started = !ALONE.load(Ordering::Relaxed) && spawn(Builder::new().stack_size(STACK));
    if !started {
        forgo();
    }
    started
}

/// What a thread does.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Puts a result where whoever waits for it looks.
pub fn fill<T>(place: &Mutex<Option<T>>, result: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
}

/// What this work comes to, which knows no deadline: it has a thread of its own, and past the deadline that is not
/// waited for. Where no thread can be had, it is done here.
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

/// As [`bounded`], for work that comes to nothing: it is done, or begun where the deadline passes. In the binary once,
/// whatever the work.
pub fn wait_for(deadline: Deadline, work: &Arc<dyn Fn() + Send + Sync>) -> Result<(), Passed> {
    wait_while(STACK, work, &mut || deadline.remaining().ok()).ok_or(Passed)
}

/// As [`wait_for`], with so large a stack, for as long as `pause` says how long to wait before it is asked again.
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
