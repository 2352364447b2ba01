//! The checks: what a check is, and how a run performs them.
//!
//! A new check is one file with its [`Kind`], one line in the list below, and one test file.

#[cfg(feature = "inspect")]
mod explain;
mod foreign;
mod headers;
mod http2;
mod layers;
mod listeners;
mod log;
#[cfg_attr(not(feature = "tls"), path = "insecure.rs")]
mod secure;
mod server;
mod stream;
mod tls_options;

use std::ffi::OsString;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::log::Log;
use crate::args::{Foreign, Given, Opt, UsageError};
use crate::deadline::{Deadline, Passed};
use crate::error::Error;
use crate::net::local::Reach;
use crate::net::socket::WireError;
use crate::net::target::Endpoint;
pub use crate::outcome::Place;
use crate::outcome::{Finding, Outcome, RunOutcome, Verdict, alternatives, is_healthy};
use crate::report::{Progress, Style};
use crate::secrets::Secrets;
use crate::threads::{Job, bounded, fill, start};

/// The time limit of `--explain`, for all checks of a run together.
#[cfg(feature = "inspect")]
const EXPLAINING: Duration = Duration::from_millis(500);

/// Declares each check's module and lists its [`Kind`], so that a new check is one line. A check
/// that requires a Cargo feature names it.
macro_rules! checks {
    ($($name:ident $(if $feature:literal)?,)*) => {
        $($(#[cfg(feature = $feature)])? pub mod $name;)*
        /// All checks, in the order in which help lists them.
        pub const KINDS: &[Kind] = &[$($(#[cfg(feature = $feature)])? $name::KIND,)*];
        /// The names of the checks that only other builds have.
        pub const ELSEWHERE: &[&str] = &[$($(#[cfg(not(feature = $feature))] stringify!($name),)?)*];
    };
}

checks! {
    http,
    tcp,
    unix,
    grpc,
    tls if "tls",
    listen,
    file,
    process,
    dns,
    redis,
    postgres,
    mysql,
    amqp,
    memcached,
    mongodb,
    kafka,
    nats,
    mqtt,
}

/// A kind of check: how the command line offers it.
pub struct Kind {
    /// The name of the command: `http`.
    pub name: &'static str,
    /// One line for the list of commands.
    pub summary: &'static str,
    /// The operand and options, in the order in which help lists them.
    pub options: &'static [&'static [Opt]],
    /// Turns the given arguments into a check that can run.
    pub plan: fn(&mut Given<'_>) -> Result<Box<dyn Check>, UsageError>,
    /// A few invocations for the help text.
    pub examples: &'static str,
    /// The options and arguments of other programs that people carry over to this command.
    pub foreign: Foreign,
}

/// One check of one target, with its arguments validated and expanded.
pub trait Check: Send + Sync + fmt::Debug {
    /// The target as it was given, without what must not be shown.
    fn target(&self) -> Vec<u8>;
    /// The endpoint that the check connects to, if any.
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "only --explain uses it"))]
    fn endpoint(&self) -> Option<&Endpoint>;
    /// Whether the state of the container's first process helps to explain a failure. That process
    /// is the application or what started it.
    #[cfg(feature = "inspect")]
    fn depends_on_first_process(&self) -> bool {
        false
    }
    /// Performs the check once.
    fn run(&self, attempt: &Attempt) -> Finding;
}

/// Whether a check uses TLS.
enum Need {
    /// It does.
    Always,
    /// It does after a redirect to https.
    Perhaps,
    /// It does not, and TLS options have no effect: the scheme may come from a variable.
    Unused,
    /// It does not, and TLS options are wrong usage for this reason.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there are no such options"))]
    Never(&'static str),
}

/// The limits of one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// When the attempt ends.
    pub deadline: Deadline,
    /// The addresses that it may connect to.
    pub reach: Reach,
}

/// The variable that stands for `--log`, unless it is empty or `0`.
const LOG_VARIABLE: &str = "PORTHOLE_LOG";

/// What [`in_time`] reports that it was doing when it looks at a file.
const AT_FILE: &str = "looking at the file";

/// Returns what `work` finds, or a timeout if the deadline passes first: a file system that does
/// not respond knows no deadline.
fn in_time(deadline: Deadline, doing: &str, work: Box<dyn Fn() -> Finding + Send + Sync>) -> Finding {
    bounded(deadline, work)
        .unwrap_or_else(|Passed| Finding::undecided(WireError::TimedOut.reason(deadline, doing)))
}

/// The options of a run, as plain data.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The time limit of one attempt.
    pub timeout: Duration,
    /// How long to retry, if at all.
    pub wait: Option<Duration>,
    /// The pause between attempts.
    pub every: Duration,
    /// The addresses that checks may connect to.
    pub reach: Reach,
    /// Whether to explain failures.
    #[cfg(feature = "inspect")]
    pub explain: bool,
    /// Whether an unhealthy verdict also goes to the log of the container, whatever
    /// [`LOG_VARIABLE`] says.
    pub log: bool,
    /// How the results are printed.
    pub style: Style,
}

/// One check of a run.
#[derive(Debug)]
pub struct Term {
    /// The name of its kind.
    pub name: &'static str,
    /// Its place in the sentence.
    pub place: Place,
    /// The check.
    pub check: Box<dyn Check>,
}

impl Term {
    /// Returns the outcome with this finding of the term.
    fn outcome(&self, finding: Finding, elapsed: Duration) -> Outcome {
        Outcome { check: self.name, place: self.place, target: self.check.target(), finding, elapsed }
    }
}

/// Everything that a run needs, validated, without types of the command line.
#[derive(Debug)]
pub struct Plan {
    /// The options of the run.
    pub options: RunOptions,
    /// The checks, in the order given.
    pub checks: Vec<Term>,
    /// What must not be printed.
    pub secrets: Secrets,
}

/// Performs the checks until their sentence holds or the wait is over; once if there is no wait.
pub fn run(plan: &Plan) -> RunOutcome {
    let outcome = attempts(plan);
    #[cfg(feature = "inspect")]
    let outcome = if plan.options.explain { explained(outcome, plan) } else { outcome };
    outcome
}

/// Opens the log of the container, if an unhealthy verdict is to be written there.
pub fn open_log(plan: &Plan) -> Option<Result<Log, Error>> {
    let is_on = |text: OsString| !text.is_empty() && text != "0";
    let is_wanted = plan.options.log || std::env::var_os(LOG_VARIABLE).is_some_and(is_on);
    is_wanted.then(|| Log::open(std::path::Path::new(crate::procfs::ROOT)))
}

/// Writes an unhealthy verdict to the log of the container. Returns why it could not be written.
pub fn log(outcome: &RunOutcome, plan: &Plan, log: Result<Log, Error>) -> Option<String> {
    if outcome.is_healthy() {
        return None;
    }
    let line = crate::report::log_line(outcome, &plan.secrets);
    let written = log.and_then(|log| log.append(&line));
    written.err().map(|error| format!("--log: cannot write to the log: {error}"))
}

/// Adds an explanation to each check that failed, if the sentence does not hold.
#[cfg(feature = "inspect")]
fn explained(mut outcome: RunOutcome, plan: &Plan) -> RunOutcome {
    if outcome.is_healthy() {
        return outcome;
    }
    let deadline = Deadline::after(plan.options.timeout.min(EXPLAINING));
    let surroundings = explain::Surroundings::new(std::path::Path::new(crate::procfs::ROOT), deadline);
    for (outcome, Term { check, .. }) in outcome.checks.iter_mut().zip(&plan.checks) {
        // What bears on a check that succeeded, although it should not, is no riddle.
        if outcome.is_healthy() || outcome.place.is_not {
            continue;
        }
        if check.depends_on_first_process() {
            outcome.finding.explanation.extend(surroundings.first_process());
        }
        if let Some(endpoint) = check.endpoint() {
            outcome.finding.explanation = surroundings.explain(endpoint, outcome.finding.reached);
        }
    }
    // What the container lacks bears on all that failed, and is said once.
    if let Some(failed) = outcome.checks.iter_mut().find(|outcome| !outcome.is_healthy()) {
        let lacks = crate::doctor::resource_problems(std::path::Path::new(crate::procfs::ROOT));
        failed.finding.explanation.extend(lacks);
    }
    outcome
}

fn attempts(plan: &Plan) -> RunOutcome {
    let options = &plan.options;
    let start = Instant::now();
    let mut attempts = 0;
    let mut last: Option<Vec<Outcome>> = None;
    let end = options.wait.map(Deadline::after);
    let mut progress = options.wait.is_some().then(Progress::new);
    loop {
        attempts += 1;
        let left = end.and_then(|end| end.remaining().ok());
        let cut_short = left.is_some_and(|left| left < options.timeout);
        let deadline = match end {
            // A wait shorter than an attempt is used in full, to the millisecond.
            Some(end) if cut_short && attempts == 1 => end,
            _ => Deadline::after(left.map_or(options.timeout, |left| left.min(options.timeout))),
        };
        let outcomes = attempt(&plan.checks, Attempt { deadline, reach: options.reach });
        // An attempt cut short by the end of the wait says less than the complete one before it.
        let tells_less = cut_short && deadline.remaining().is_err() && !is_healthy(&outcomes);
        let outcomes = match last.take() {
            Some(earlier) if tells_less => earlier,
            _ => outcomes,
        };
        // A check that the local rule forbids is never healthy, nor is what needs it.
        let is_refused = |outcome: &Outcome| outcome.finding.verdict == Verdict::Refused;
        let settled =
            is_healthy(&outcomes) || alternatives(&outcomes).all(|group| group.iter().any(is_refused));
        let over = settled
            || end.is_none_or(|end| {
                let failed = outcomes.iter().find(|outcome| !outcome.is_healthy());
                if let (Some(progress), Ok(left)) = (&mut progress, end.remaining()) {
                    progress.show(attempts, left, failed, &plan.secrets);
                }
                end.wait_any(&mut [], options.every).is_err() || end.remaining().is_err()
            });
        if over {
            // What happens after the last verdict, such as closing a connection, does not count.
            let decided = outcomes.iter().filter_map(|outcome| outcome.finding.decided).max();
            let decided = decided.filter(|_| settled || end.is_none());
            let elapsed = decided.unwrap_or_else(Instant::now).saturating_duration_since(start);
            return RunOutcome { elapsed, attempts, checks: outcomes };
        }
        last = Some(outcomes);
    }
}

/// Performs each check once, concurrently, in threads of this process.
fn attempt(checks: &[Term], attempt: Attempt) -> Vec<Outcome> {
    if let [only] = checks {
        return vec![perform(only, attempt)];
    }
    let slots: Vec<Mutex<Option<Outcome>>> = checks.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        let mut here = Vec::new();
        for (check, slot) in checks.iter().zip(&slots) {
            let job: Job<'_> = Box::new(move || fill(slot, perform(check, attempt)));
            let is_first = here.is_empty();
            if is_first || !start(|thread| thread.spawn_scoped(scope, job).is_ok()) {
                here.push((check, slot));
            }
        }
        // If the pids limit allows no thread, the checks run here, one after the other, while time
        // is left.
        for (check, slot) in here {
            fill(slot, perform_if_in_time(check, attempt));
        }
    });
    let mut outcomes = Vec::new();
    for (check, slot) in checks.iter().zip(slots) {
        let outcome = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.push(outcome.unwrap_or_else(|| perform(check, attempt)));
    }
    outcomes
}

/// Performs one check in a thread that has performed others before, if those left it time.
fn perform_if_in_time(term: &Term, attempt: Attempt) -> Outcome {
    if attempt.deadline.remaining().is_ok() {
        return perform(term, attempt);
    }
    let why = "not run: no thread could be started (pids limit), and the checks before it used all the time";
    term.outcome(Finding::unhealthy(why), Duration::ZERO)
}

/// Performs one check.
fn perform(term: &Term, attempt: Attempt) -> Outcome {
    let start = Instant::now();
    let mut finding = term.check.run(&attempt);
    let decided = *finding.decided.get_or_insert_with(Instant::now);
    let elapsed = decided.saturating_duration_since(start);
    term.outcome(if term.place.is_not { finding.negated() } else { finding }, elapsed)
}
