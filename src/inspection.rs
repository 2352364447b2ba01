//! Runs an inspection. A system call on a file system that does not answer (network, FUSE) blocks
//! forever, and no deadline of ours ends that. So a command that asks file systems runs in a thread
//! that is abandoned when it makes no progress.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::inspect::Inspect;
use crate::outcome::Conclusion;
use crate::procfs;
use crate::report::{Answer, error, has_written, is_writing};
use crate::threads::{fill, wait_while};
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::filesystems::listed;
use crate::view::input::is_waiting_for_stdin;
use crate::view::mounts::read;
use crate::view::target::Target;

/// The interval between two looks at the progress of the thread.
const PAUSE: Duration = Duration::from_secs(1);
/// After how many looks without progress the thread is abandoned.
const STILL_LIMIT: u32 = 10;
/// The time limit for finding out which file system does not answer.
const SEARCH_LIMIT: Duration = Duration::from_secs(5);
/// The stack of the thread, in bytes; only the pages that are touched use memory.
const STACK: usize = 1 << 20;

/// What to look at, and how to print the answer: plain data.
#[derive(Debug)]
pub struct Inspection {
    /// The command's name.
    pub name: &'static str,
    /// Whether it is watched: [`Properties::is_watched`](crate::inspect::Properties::is_watched).
    pub is_watched: bool,
    /// What it does.
    pub inspect: Box<dyn Inspect>,
    /// The process whose view is taken; our own if `None`.
    pub pid: Option<u32>,
    /// Where proc is mounted.
    pub proc: PathBuf,
    /// As JSON.
    pub json: bool,
    /// Whether the environment allows colours.
    pub colour: bool,
}

impl Inspection {
    /// Where its answer goes.
    fn answer(&self) -> Answer {
        Answer::new(self.name, self.json || self.inspect.is_document(), self.colour)
    }

    /// Runs it, however long it takes.
    fn run(&self) -> Conclusion {
        let mut answer = self.answer();
        let target = Target::new(&self.proc, self.pid);
        let found = target.and_then(|target| self.inspect.run(&target, &mut answer));
        let found = found.unwrap_or_else(|why| {
            answer.error(why);
            false
        });
        answer.finish(found)
    }
}

/// Runs an inspection and prints its answer, or reports that it makes no progress.
pub fn run(inspection: Inspection) -> Conclusion {
    crate::sys::fail_past_file_size();
    if !inspection.is_watched {
        return inspection.run();
    }
    avoid_threads_at_pids_limit();
    let inspection = Arc::new(inspection);
    let theirs = Arc::clone(&inspection);
    while_it_progresses(Box::new(move || theirs.run())).unwrap_or_else(|| report_halt(&inspection))
}

/// Returns the result of the work, or `None` when it makes no progress. If no thread can be
/// started, the work is done here.
fn while_it_progresses<T: Send + 'static>(work: Box<dyn Fn() -> T + Send + Sync>) -> Option<T> {
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
            let now = progress(thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref());
            // A slow reader of the output, or writer to stdin, may take as long as it likes.
            let waits = is_writing() || is_waiting_for_stdin();
            let is_still = !now.is_empty() && now == last && !waits;
            still = if is_still { still + 1 } else { 0 };
            (last, since) = (now, Instant::now());
            return (still < STILL_LIMIT).then_some(PAUSE);
        }
        Some(left)
    };
    wait_while(STACK, &work, &mut pause)?;
    result.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The scheduler statistics of the thread: how long and how often it has run. While they stay the
/// same it makes no progress. If the kernel has none they are empty, and the thread is never
/// abandoned. `Documentation/scheduler/sched-stats.rst` of the kernel.
fn progress(thread: Option<&PathBuf>) -> Vec<u8> {
    let read = |thread| fs::read(Path::new(procfs::ROOT).join(thread).join("schedstat"));
    thread.and_then(|thread| read(thread).ok()).unwrap_or_default()
}

/// Reports which file systems do not answer, if that can be found out.
fn report_halt(inspection: &Inspection) -> Conclusion {
    let mut silent = Vec::new();
    let mut answer = inspection.answer();
    let whole = Deadline::after(SEARCH_LIMIT);
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
        let why = format!("{why}: no progress for {STILL_LIMIT} s, given up");
        if has_written {
            // Part of the JSON document has been printed, and it cannot be completed.
            error(&format!("{}: {why}", inspection.name));
        } else {
            answer.error(&why);
        }
    }
    if has_written { Conclusion::Bad } else { answer.finish(false) }
}
