//! Runs an inspection. A system call on a file system that does not answer (network, FUSE) blocks
//! forever, and no deadline of ours ends that. So a command that asks file systems runs in a thread
//! that is abandoned when it makes no progress.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::error::Error;
use crate::inspect::{Inspect, Scope};
use crate::outcome::Conclusion;
use crate::procfs;
use crate::report::{Answer, Subject, error, has_written, is_writing};
use crate::threads::{fill, wait_while};
use crate::view::application::Application;
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::filesystems::listed;
use crate::view::input::is_waiting_for_stdin;
use crate::view::mounts::read;
use crate::view::target::{Choice, Target};

/// The interval between two looks at the progress of the thread.
const PAUSE: Duration = Duration::from_secs(1);
/// After how many looks without progress the thread is abandoned.
const STILL_LIMIT: u32 = 10;
/// The time limit for finding out which file system does not answer.
const SEARCH_LIMIT: Duration = Duration::from_secs(5);
/// The stack of the thread, in bytes; only the pages that are touched use memory.
const STACK: usize = 1 << 20;

/// Which process was selected on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// None: the [`Scope`] of the command decides.
    Default,
    /// porthole itself.
    Own,
    /// This one.
    Pid(u32),
}

/// What to look at, and how to print the answer: plain data.
#[derive(Debug)]
pub struct Inspection {
    /// The command's name.
    pub name: &'static str,
    /// Whether it is watched: [`Properties::is_watched`](crate::inspect::Properties::is_watched).
    pub is_watched: bool,
    /// What it does.
    pub inspect: Box<dyn Inspect>,
    /// What it shows if no process is selected.
    pub scope: Scope,
    /// The process whose view is taken.
    pub selected: Selected,
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
        let target = match self.target() {
            Ok(target) => target,
            Err(why) => {
                answer.error(why);
                return answer.finish(false);
            }
        };
        self.introduce(&target, &mut answer);
        let found = self.inspect.run(&target, &mut answer).unwrap_or_else(|why| {
            let is_chosen = matches!(target.choice, Choice::Application(_)) && why.is_denied();
            let advice = if is_chosen { "; -p self shows porthole's own" } else { "" };
            answer.error(format!("{why}{advice}"));
            false
        });
        answer.finish(found)
    }

    /// Returns the process to inspect.
    fn target(&self) -> Result<Target, Error> {
        let own = Target::own(&self.proc);
        Ok(match (self.selected, self.scope) {
            (Selected::Pid(pid), _) => Target::new(&self.proc, Some(pid))?,
            (Selected::Default, Scope::Application(_)) => Target::application(&self.proc),
            // Of all processes only this one.
            (Selected::Own, Scope::Processes) => Target { process: Some(own.ourselves()?), ..own },
            _ => own,
        })
    }

    /// Tells whose the answer is: in JSON always, in text if the answer has a heading. In a debug
    /// container, whose files or network are not those of the application, stderr says so.
    fn introduce(&self, target: &Target, answer: &mut Answer) {
        if answer.is_json() {
            answer.set_subject(target.subject());
        } else if let Scope::Application(Some(heading)) = self.scope
            && let Some(subject) = target.subject()
        {
            answer.set_heading(&format!("{heading} of {}", subject.shown()));
        } else if self.selected == Selected::Default
            && target.is_of_kernel()
            && let Some(difference) = self.difference(target)
        {
            answer.info(&difference);
        }
    }

    /// Returns what the user should know who expects to see what is of the application.
    fn difference(&self, target: &Target) -> Option<String> {
        let own = target.ourselves().ok()?;
        let application = || Application::of(&target.proc, &own);
        let (application, what) = match self.scope {
            Scope::Files => (application().filter(|found| found.has_other_files(&own))?, "files are"),
            Scope::Network => (application().filter(|found| found.has_other_network(&own))?, "network is"),
            Scope::Application(_) | Scope::Processes => return None,
        };
        let Application { process, name, .. } = application;
        let subject = Subject { pid: process.pid, name: Some(name) };
        Some(format!(
            "the {what} porthole's own; to see what {} sees, add -p {}",
            subject.shown(),
            subject.pid
        ))
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
    let looked = inspection.target().and_then(|target| {
        answer.set_subject(target.subject());
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
