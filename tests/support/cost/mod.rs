//! What a check costs, counted exactly, and what it may cost at most. `make bench` prints these
//! numbers, and the tests of the static binaries hold the bounds.
//!
//! Other than time, these numbers hardly differ from run to run, or between machines of one
//! architecture. The environment is empty, and the server is at 127.0.0.1.
//!
//! - **Instructions** are those that the program executes in user mode, counted by callgrind.
//! - **Page faults** are those of the whole process, minor and major. They include the few from the
//!   spawn to the exec; a program that only exits has four.
//! - **System calls** are those of all threads, counted as strace(1) does: from the exec, which is
//!   one, to the exit.
//! - **Peak memory** is what is resident, read just before the process ends.
//!
//! Each number is the lowest of a few runs: a run costs more than the check needs if a response
//! arrives in pieces, or if the server is slower than the program. Only the page faults are the
//! median of more runs, because the random addresses of the stack and of mappings decide about one
//! or two of them. The program is a fresh copy: how its file came into the page cache decides about
//! two more.

#![allow(dead_code, reason = "not every binary needs all of it")]

pub mod callgrind;
mod faults;
pub mod log;
pub mod random;
mod rows;
pub mod server;
pub mod trace;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use rows::{MAX_SIZES, PerByte, Row, per_byte, rows};
use server::{Request, Server};

/// A result whose error is a message.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Of how many runs the lowest number counts.
const RUNS: usize = 3;
/// Of how many runs the median counts.
const FAULT_RUNS: usize = 201;

/// What a run costs, as far as it was measured; or what it may cost at most.
#[derive(Debug, Clone, Copy, Default)]
pub struct Costs {
    pub instructions: Option<u64>,
    pub faults: Option<u64>,
    pub calls: Option<u64>,
    /// In KiB.
    pub peak: Option<u64>,
}

/// One of the [`Costs`] that has a bound.
pub struct Judged {
    pub unit: &'static str,
    pub found: u64,
    pub at_most: u64,
}

impl Judged {
    /// Returns whether the bound holds.
    pub fn holds(&self) -> bool {
        self.found <= self.at_most
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, at most {}", self.found, self.unit, self.at_most)
    }
}

impl Costs {
    /// Returns those costs that were measured and have a bound.
    pub fn judged(&self, bounds: &Costs) -> Vec<Judged> {
        let costs = [
            ("instructions", self.instructions, bounds.instructions),
            ("page faults", self.faults, bounds.faults),
            ("system calls", self.calls, bounds.calls),
            ("KiB at the peak", self.peak, bounds.peak),
        ];
        let judged = costs
            .into_iter()
            .filter_map(|(unit, found, at_most)| Some(Judged { unit, found: found?, at_most: at_most? }));
        judged.collect()
    }

    /// Returns the lower of each two costs.
    fn lowest(self, other: Costs) -> Costs {
        let lower = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Costs {
            instructions: lower(self.instructions, other.instructions),
            faults: lower(self.faults, other.faults),
            calls: lower(self.calls, other.calls),
            peak: lower(self.peak, other.peak),
        }
    }
}

/// Returns a fresh copy of a program, in the server's directory. cp(1) creates it: a file that this
/// process has open for writing cannot be run, and neither can one that a child of another thread
/// has inherited.
pub fn copy(file: &Path, server: &Server) -> Result<PathBuf> {
    let copy = server.folder().join(file.file_name().ok_or("not a file")?);
    let status = Command::new("cp").arg(file).arg(&copy).status()?;
    if status.success() { Ok(copy) } else { Err(format!("cp {}: {status}", file.display()).into()) }
}

/// Measures what a row costs. What this machine does not permit (ptrace(2)) or lacks (valgrind) is
/// not measured.
pub fn measure(file: &Path, row: &Row, server: &Server) -> Result<Costs> {
    let measure = || -> Result<Costs> {
        let mut lowest = Costs::default();
        for _ in 0..RUNS {
            lowest = lowest.lowest(run(file, &row.arguments, row.request, server)?);
        }
        let faults = (0..FAULT_RUNS).map(|_| {
            attempt(server, row.request, |environment| {
                faults::count(bare(file, &row.arguments).envs(environment.iter().copied()))
            })
        });
        let mut faults = faults.collect::<Result<Vec<u64>>>()?;
        faults.sort_unstable();
        Ok(Costs { faults: faults.get(FAULT_RUNS / 2).copied(), ..lowest })
    };
    measure().map_err(|error| format!("{} {}: {error}", file.display(), row.arguments.join(" ")).into())
}

/// Counts what differs little from run to run.
fn run(file: &Path, arguments: &[String], request: Request, server: &Server) -> Result<Costs> {
    let traced = attempt(server, request, |environment| {
        let mut command = trace::held(file, arguments);
        quiet(&mut command).envs(environment.iter().copied());
        let traced = trace::run(&mut command, trace::Calls::Count)?;
        traced.as_ref().map_or(Ok(()), trace::Traced::succeeded)?;
        Ok(traced)
    })?;
    let instructions = count_instructions(file, arguments, request, server)?;
    Ok(Costs {
        instructions,
        faults: None,
        calls: traced.as_ref().map(|traced| traced.calls),
        peak: traced.as_ref().map(|traced| traced.peak),
    })
}

/// Counts the instructions of a run; `None` if valgrind is not installed.
fn count_instructions(
    file: &Path,
    arguments: &[String],
    request: Request,
    server: &Server,
) -> Result<Option<u64>> {
    if callgrind::valgrind().is_none() {
        return Ok(None);
    }
    attempt(server, request, |environment| callgrind::instructions(file, arguments, environment))
}

/// The variables of a run.
pub type Environment<'a> = &'a [(&'a str, &'a str)];

/// On a busy machine, a check under callgrind or ptrace(2) may take longer than its timeout.
const MORE_TIME: Environment<'_> = &[("PORTHOLE_TIMEOUT", "60")];

/// Runs a program that sends a request, with an empty environment; if that fails, once more and with
/// more time. Reading that variable costs 1,400 instructions.
fn attempt<T>(server: &Server, request: Request, run: impl Fn(Environment<'_>) -> Result<T>) -> Result<T> {
    let result = run(&[]).or_else(|_| {
        server.forget();
        run(MORE_TIME)
    })?;
    server.expect(request)?;
    Ok(result)
}

/// Measures how many instructions each further byte of a response costs; `None` if valgrind is not
/// installed.
pub fn measure_per_byte(file: &Path, row: &PerByte, server: &Server) -> Result<Option<f64>> {
    let lowest = |arguments: &[String]| -> Result<Option<u64>> {
        let mut lowest = None;
        for _ in 0..RUNS {
            let found = count_instructions(file, arguments, Request::Http, server)?;
            lowest = lowest.into_iter().chain(found).min();
        }
        Ok(lowest)
    };
    let (Some(short), Some(long)) = (lowest(&row.short)?, lowest(&row.long)?) else { return Ok(None) };
    // These are far below 2^32, so the conversions are exact.
    let more = f64::from(u32::try_from(long.saturating_sub(short))?);
    Ok(Some(more / f64::from(u32::try_from(server::MORE_BYTES)?)))
}

/// Returns a command with an empty environment that reads and prints nothing.
pub fn bare(file: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(file);
    command.args(arguments);
    quiet(&mut command).stdin(Stdio::null());
    command
}

fn quiet(command: &mut Command) -> &mut Command {
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::null())
}
