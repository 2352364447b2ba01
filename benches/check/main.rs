//! Measures what checks and inspections cost a user, compared with what a user would run instead.
//!
//! A run here is a whole process, not a function: the engine starts one for every check, every few
//! seconds, in every container. `scripts/bench.sh` builds and installs what is needed and runs
//! this. The results are printed to stdout, as they stand in docs/comparison.md; progress, and the
//! bounds that do not hold, to stderr.
//!
//! The harness can also hold sockets for another one: see [`inspections::hold_sockets`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints what it measured")]

mod checks;
#[path = "../../tests/support/cost/mod.rs"]
mod cost;
mod inspections;
mod machine;
mod programs;
mod run;
mod sizes;
mod table;

use std::env;
use std::process::ExitCode;

use cost::Result;
use inspections::{STAGES, Stage};
use programs::Programs;

/// What is measured, and how often; see `scripts/bench.sh`.
struct Settings {
    checks: bool,
    stages: Vec<&'static Stage>,
    runs: Option<usize>,
}

impl Settings {
    fn read() -> Result<Self> {
        let only = env::var("PORTHOLE_BENCH_ONLY").unwrap_or_default();
        let (checks, stages) = match only.as_str() {
            "" => (true, STAGES.iter().collect()),
            "checks" => (true, Vec::new()),
            "inspections" => (false, STAGES.iter().collect()),
            name => {
                let stage = STAGES.iter().find(|stage| stage.name == name);
                (false, vec![stage.ok_or_else(|| unknown_part(name))?])
            }
        };
        let runs =
            match env::var("PORTHOLE_BENCH_RUNS").as_deref() {
                Err(_) | Ok("") => None,
                Ok(text) => Some(text.parse().ok().filter(|&runs| runs > 0).ok_or_else(|| {
                    format!("PORTHOLE_BENCH_RUNS: expected a number of runs, got '{text}'")
                })?),
            };
        Ok(Settings { checks, stages, runs })
    }
}

fn unknown_part(name: &str) -> String {
    let names = STAGES.iter().map(|stage| stage.name).collect::<Vec<_>>().join(", ");
    format!("PORTHOLE_BENCH_ONLY: expected checks, inspections or one of {names}; got '{name}'")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [inspections::HOLD_SOCKETS, first, count] => inspections::hold_sockets(first, count).map(|()| true),
        // `cargo test --all-targets` starts benches too, but without this argument; then nothing is
        // measured.
        words if words.contains(&"--bench") => bench(),
        _ => Ok(true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, and prints the results; returns whether all bounds hold.
fn bench() -> Result<bool> {
    let settings = Settings::read()?;
    let programs = Programs::default();
    let machine = machine::describe();
    let mut report = Vec::new();
    let mut exceeded = Vec::new();
    let mut skipped = Vec::new();
    let mut add = |measured: Measured| {
        report.push(measured.text);
        exceeded.extend(measured.exceeded);
        skipped.extend(measured.skipped);
    };
    if settings.checks {
        add(checks::measure(&programs, settings.runs)?);
    }
    if !settings.stages.is_empty() {
        add(inspections::measure(&settings.stages, &programs, settings.runs)?);
    }
    for text in report {
        println!("{text}");
    }
    let versions = programs.versions();
    let versions = if versions.is_empty() { versions } else { format!(" With {versions}.") };
    println!("{}", wrapped(&format!("{machine}{versions}")));
    let missing = programs.missing();
    if !missing.is_empty() {
        skipped.push(format!("what needs {}, which is not installed", missing.join(", ")));
    }
    for what in skipped {
        println!("Not measured: {what}.");
    }
    for bound in &exceeded {
        eprintln!("bench: FAILS: {bound}");
    }
    if exceeded.is_empty() {
        eprintln!("bench: all bounds that were measured hold");
    }
    Ok(exceeded.is_empty())
}

/// Breaks a paragraph into lines as long as those of the manual.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 125;
    let (mut lines, mut length) = (String::new(), 0);
    for word in text.split(' ') {
        let is_first = lines.is_empty();
        length += 1 + word.chars().count();
        if !is_first && length > WIDTH {
            lines.push('\n');
            length = word.chars().count();
        } else if !is_first {
            lines.push(' ');
        }
        lines.push_str(word);
    }
    lines
}

/// The results of a part.
struct Measured {
    /// A table and what it needs to be understood.
    text: String,
    /// The bounds that do not hold.
    exceeded: Vec<String>,
    /// What this user may not measure.
    skipped: Vec<String>,
}
