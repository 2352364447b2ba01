//! Commands that come to a halt: a file system that does not answer (a network's, FUSE) keeps whoever asks it, for good, and
//! no deadline of ours ends that. So these are made in a thread, which is left to itself once it has stood still.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Inspection, Target, made};
use crate::deadline::Deadline;
use crate::outcome::Conclusion;
use crate::procfs;
use crate::report::{error, has_written, is_writing};
use crate::threads::{fill, wait_while};
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::filesystems::listed;
use crate::view::mounts::read;

/// How often it is looked whether something has moved.
const PAUSE: Duration = Duration::from_secs(1);
/// How often nothing may have moved.
const MOST: u32 = 10;
/// How long may be taken to find out what does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The stack of the thread, in bytes, of which only what is touched is used.
const STACK: usize = 1 << 20;

/// Makes an inspection, or says that it stands still.
pub(super) fn run(inspection: Inspection) -> Conclusion {
    if !inspection.is_watched {
        return made(&inspection);
    }
    avoid_threads_at_pids_limit();
    let inspection = Arc::new(inspection);
    let theirs = Arc::clone(&inspection);
    unless_it_halts(Box::new(move || made(&theirs))).unwrap_or_else(|| halted(&inspection))
}

/// What this comes to; nothing once it stands still. Where no thread can be had it is done here.
fn unless_it_halts<T: Send + 'static>(work: Box<dyn Fn() -> T + Send + Sync>) -> Option<T> {
    let (result, thread) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
    let (theirs, itself) = (Arc::clone(&result), Arc::clone(&thread));
    let work: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        fill(&itself, fs::read_link("/proc/thread-self").unwrap_or_default());
        fill(&theirs, work());
    });
    let (mut last, mut still, mut since) = (Vec::new(), 0, Instant::now());
    let mut pause = || {
        let left = PAUSE.saturating_sub(since.elapsed());
        if left.is_zero() {
            let now = moves(thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref());
            // Whoever reads what is printed may take all the time of the world.
            let is_still = !now.is_empty() && now == last && !is_writing();
            still = if is_still { still + 1 } else { 0 };
            (last, since) = (now, Instant::now());
            return (still < MOST).then_some(PAUSE);
        }
        Some(left)
    };
    wait_while(STACK, &work, &mut pause)?;
    result.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// How long the thread has run so far, and how often: it has not moved where that is the same. Empty where the kernel does not
/// tell, and nothing is ever taken for still. `Documentation/scheduler/sched-stats.rst` of the kernel.
fn moves(thread: Option<&PathBuf>) -> Vec<u8> {
    let read = |thread| fs::read(Path::new(procfs::ROOT).join(thread).join("schedstat"));
    thread.and_then(|thread| read(thread).ok()).unwrap_or_default()
}

/// Says what does not answer, as far as that can be told.
fn halted(inspection: &Inspection) -> Conclusion {
    let mut silent = Vec::new();
    let mut answer = inspection.answer();
    let whole = Deadline::after(PATIENCE);
    let looked = Target::new(&inspection.proc, inspection.pid).and_then(|target| {
        let (mounts, root) = (read(&target, &mut answer)?, Arc::new(target.root()?));
        listed(&target, Some(&root), &mounts, whole, &mut |error| {
            silent.extend(error.is_unanswered().then(|| error.to_string()));
        });
        Ok(())
    });
    if looked.is_err() || silent.is_empty() {
        silent = vec!["a file system or device does not answer".to_owned()];
    }
    let has_written = answer.is_json() && has_written();
    for why in silent {
        let why = format!("{why}: no progress for {MOST} s, given up");
        if has_written {
            // A document that has begun has no end.
            error(&format!("{}: {why}", inspection.name));
        } else {
            answer.complain(&why);
        }
    }
    if has_written { Conclusion::Bad } else { answer.finish(false) }
}
