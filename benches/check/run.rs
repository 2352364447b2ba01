//! Runs programs in turn, and measures each run from spawn to exit.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::server::{Request, Server};
use super::{Result, memory};

/// A program that can be run repeatedly.
pub struct Program {
    file: PathBuf,
    arguments: Vec<String>,
    request: Request,
    command: Command,
}

/// The measurements of one run.
#[derive(Debug, Clone, Copy)]
struct Sample {
    time: Duration,
    cpu: Duration,
    faults: i64,
}

/// The summary of many runs of one program; times are in microseconds.
pub struct Summary {
    /// The median time from spawn to exit.
    pub time: f64,
    /// The time that 99 of 100 runs do not exceed.
    pub time_p99: f64,
    /// The median of the sum of user and system time.
    pub cpu: f64,
    /// The median number of page faults, minor and major.
    pub faults: f64,
    /// The peak memory, in KiB, if it could be measured.
    pub peak: Option<f64>,
}

impl Program {
    /// Returns a program that sends `request` to the server in each run.
    pub fn new(file: &Path, arguments: &[String], request: Request) -> Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let mut command = Command::new(file);
        // Opened once, not within each measured spawn.
        command.args(arguments).stdin(null.try_clone()?).stdout(null.try_clone()?).stderr(null);
        bare_environment(&mut command);
        Ok(Program { file: file.to_owned(), arguments: arguments.to_vec(), request, command })
    }

    fn run(&mut self, server: &Server) -> Result<Sample> {
        let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let start = Instant::now();
        let status = self.command.spawn()?.wait()?;
        let time = start.elapsed();
        let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let received = server.expect(self.request);
        if !status.success() {
            let received = received.err().map_or_else(String::new, |error| format!("; {error}"));
            return Err(format!("{}: {status}{received}", self.shown()).into());
        }
        received.map_err(|error| format!("{}: {error}", self.shown()))?;
        let micros = u64::try_from(cpu(&after) - cpu(&before))?;
        Ok(Sample { time, cpu: Duration::from_micros(micros), faults: faults(&after) - faults(&before) })
    }

    /// Measures the peak memory in traced runs. Returns `None` if tracing is not allowed.
    fn peak(&self, server: &Server) -> Result<Option<f64>> {
        let mut highest: Option<f64> = None;
        for _ in 0..memory::RUNS {
            let mut command = memory::held(&self.file, &self.arguments);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            bare_environment(&mut command);
            let peak = memory::peak(&mut command).map_err(|error| format!("{}: {error}", self.shown()))?;
            server.expect(self.request).map_err(|error| format!("{}: {error}", self.shown()))?;
            highest = match (highest, peak) {
                (Some(highest), Some(peak)) => Some(highest.max(peak)),
                (highest, peak) => highest.or(peak),
            };
        }
        Ok(highest)
    }

    fn shown(&self) -> String {
        format!("{} {}", self.file.display(), self.arguments.join(" "))
    }
}

/// Sets the environment of a process in a container, with nothing from the caller's, such as a
/// proxy or a home directory with rc files.
fn bare_environment(command: &mut Command) {
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/");
}

/// Runs each program `runs` times, all of them once per round, and returns their summaries in the
/// given order.
pub fn in_turn(
    programs: &mut [Program],
    server: &Server,
    warm_up: usize,
    runs: usize,
) -> Result<Vec<Summary>> {
    let mut samples: Vec<Vec<Sample>> = programs.iter().map(|_| Vec::with_capacity(runs)).collect();
    let mut order = Shuffle::default();
    for round in 0..warm_up + runs {
        let mut turn: Vec<_> = programs.iter_mut().zip(&mut samples).collect();
        while let Some(at) = order.below(turn.len()) {
            let (program, samples) = turn.swap_remove(at);
            let sample = program.run(server)?;
            if round >= warm_up {
                samples.push(sample);
            }
        }
    }
    programs
        .iter()
        .zip(samples)
        .map(|(program, samples)| {
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            let time = samples.iter().map(|sample| micros(sample.time)).collect::<Vec<_>>();
            let cpu = samples.iter().map(|sample| micros(sample.cpu)).collect();
            let faults = samples.iter().map(|sample| i32::try_from(sample.faults).map(f64::from));
            let faults = faults.collect::<std::result::Result<_, _>>()?;
            Ok(Summary {
                time: percentile(time.clone(), 50),
                time_p99: percentile(time, 99),
                cpu: percentile(cpu, 50),
                faults: percentile(faults, 50),
                peak: program.peak(server)?,
            })
        })
        .collect()
}

/// Returns the value that this percentage of the values does not exceed (nearest rank).
fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Returns the CPU time in microseconds.
fn cpu(usage: &Usage) -> i64 {
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    micros(usage.user_time()) + micros(usage.system_time())
}

fn faults(usage: &Usage) -> i64 {
    usage.minor_page_faults() + usage.major_page_faults()
}

/// Pseudorandom numbers for the order, the same in every run: Marsaglia's xorshift.
struct Shuffle(u64);

impl Default for Shuffle {
    fn default() -> Self {
        Shuffle(0x9E37_79B9_7F4A_7C15)
    }
}

impl Shuffle {
    /// Returns a number below `limit`, or `None` if `limit` is 0.
    fn below(&mut self, limit: usize) -> Option<usize> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).ok()?.checked_rem(limit)
    }
}
