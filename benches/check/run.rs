//! Runs programs in turn, and measures each run from spawn to exit.
//!
//! - **Time** is the wall-clock time from before the spawn to after the wait. It includes the spawn
//!   (std uses `posix_spawn`, which copies no pages), the exec and the scheduler, equally for all
//!   programs.
//! - **CPU** is user and system time: the difference of `getrusage(RUSAGE_CHILDREN)` around one run.
//!   The children run strictly one after another, so the values are exact.
//!
//! Every round runs every program once, in a new random order, so that a slow moment of the machine
//! affects all of them, and none always follows the same other one. Nothing is pinned to a core,
//! because no engine does that. Absolute times vary with the machine; compare the ratios of the
//! medians of one run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::cost::random::Random;
use super::cost::trace::{self, Calls};
use super::cost::{Result, bare};

/// Where a program's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// To /dev/null.
    Discarded,
    /// Through a pipe to the bench. Some programs do less if it is /dev/null: GNU grep stops at the
    /// first match, GNU tar reads no files.
    Piped,
}

/// A program that can be run repeatedly.
pub struct Program {
    file: PathBuf,
    arguments: Vec<String>,
    output: Output,
    /// Whether it may exit with 1, because that depends on what it finds on this machine.
    pub may_find_faults: bool,
}

/// The measurements of one run.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub time: Duration,
    pub cpu: Duration,
}

/// What a first run tells, which is not timed.
pub struct FirstRun {
    /// How many bytes it printed, if its output is piped.
    pub printed: u64,
    /// The peak memory in KiB, if it was measured.
    pub peak: Option<u64>,
    sample: Sample,
}

impl FirstRun {
    /// Returns the measurements of this run if it took so long that the program is not run again.
    pub fn if_slow(&self) -> Vec<Sample> {
        Some(self.sample).into_iter().filter(Sample::is_slow).collect()
    }
}

impl Sample {
    fn is_slow(&self) -> bool {
        self.time > SLOW
    }
}

impl Program {
    pub fn new(file: &Path, arguments: &[String], output: Output) -> Self {
        Program { file: file.to_owned(), arguments: arguments.to_vec(), output, may_find_faults: false }
    }

    /// Runs it, and measures that.
    pub fn run(&self) -> Result<Sample> {
        let mut command = self.command();
        let (sample, ()) = measured(|| {
            let mut child = command.spawn()?;
            if let Some(stdout) = child.stdout.take() {
                trace::drain(stdout)?;
            }
            self.succeeded(child.wait()?.code())
        })?;
        Ok(sample)
    }

    /// Runs it in order to see what it prints, and how much memory it takes if this process may
    /// trace it.
    pub fn first_run(&self, traced: bool) -> Result<FirstRun> {
        let (sample, (printed, peak)) = measured(|| {
            if traced {
                let mut command = trace::held(&self.file, &self.arguments);
                let stdout = if self.output == Output::Piped { Stdio::piped() } else { Stdio::null() };
                command.env_clear().stdout(stdout).stderr(Stdio::null());
                if let Some(traced) = trace::run(&mut command, Calls::Ignore)? {
                    self.succeeded(Some(traced.status))?;
                    return Ok((traced.printed, Some(traced.peak)));
                }
            }
            let mut child = self.command().spawn()?;
            let printed = child.stdout.take().map_or(Ok(0), trace::drain)?;
            self.succeeded(child.wait()?.code())?;
            Ok((printed, None))
        })?;
        Ok(FirstRun { printed, peak, sample })
    }

    fn command(&self) -> Command {
        let mut command = bare(&self.file, &self.arguments);
        if self.output == Output::Piped {
            command.stdout(Stdio::piped());
        }
        command
    }

    fn succeeded(&self, status: Option<i32>) -> Result<()> {
        match status {
            Some(0) => Ok(()),
            Some(1) if self.may_find_faults => Ok(()),
            Some(status) => Err(format!("{}: exit status {status}", self.shown()).into()),
            None => Err(format!("{}: ended by a signal", self.shown()).into()),
        }
    }

    /// Returns its command line, for messages.
    pub fn shown(&self) -> String {
        format!("{} {}", self.file.display(), self.arguments.join(" "))
    }
}

/// How often programs are run.
pub struct Rounds {
    /// How often each is run before that without being counted, to warm up the page cache, the CPU
    /// frequency and the server.
    pub warm_up: usize,
    pub runs: usize,
    /// After this time no further round begins, if there have been [`LEAST`].
    pub limit: Duration,
}

/// The least number of rounds that are counted, except for programs that take longer than [`SLOW`].
const LEAST: usize = 3;
/// A program that takes longer than this is run only once.
const SLOW: Duration = Duration::from_secs(10);

/// Runs all programs once per round, and returns their samples in the given order, added to those
/// that they have. `after` is called after each run with the program's position.
pub fn in_turn(
    programs: &[Program],
    mut samples: Vec<Vec<Sample>>,
    rounds: &Rounds,
    after: impl Fn(usize) -> Result<()>,
) -> Result<Vec<Vec<Sample>>> {
    let mut order = Random::default();
    let start = Instant::now();
    for round in 0..rounds.warm_up + rounds.runs {
        if round >= rounds.warm_up + LEAST && start.elapsed() > rounds.limit {
            break;
        }
        let mut turn: Vec<_> = programs.iter().zip(&mut samples).enumerate().collect();
        while let Some(at) = order.below(turn.len()) {
            let (number, (program, samples)) = turn.swap_remove(at);
            if samples.iter().any(Sample::is_slow) {
                continue;
            }
            let sample = program.run()?;
            after(number)?;
            if round >= rounds.warm_up {
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// Calls a function that runs one child and waits for it, and measures that.
fn measured<T>(run: impl FnOnce() -> Result<T>) -> Result<(Sample, T)> {
    let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    let result = run()?;
    let time = start.elapsed();
    let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = Duration::from_micros(u64::try_from(cpu(&after) - cpu(&before))?);
    Ok((Sample { time, cpu }, result))
}

/// Returns the median of a kind of measurement, in microseconds.
pub fn median(samples: &[Sample], value: fn(&Sample) -> Duration) -> Option<f64> {
    let mut values: Vec<Duration> = samples.iter().map(value).collect();
    values.sort_unstable();
    values.get(values.len() / 2).map(|value| value.as_secs_f64() * 1e6)
}

/// Returns the CPU time in microseconds.
fn cpu(usage: &Usage) -> i64 {
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    micros(usage.user_time()) + micros(usage.system_time())
}
