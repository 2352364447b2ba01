//! The inspections, each compared with the programs that users have elsewhere, on many processes,
//! files, mounts and sockets. What is compared is CPU time: the wall-clock time is nearly the same.
//!
//! Each stage creates what its inspections examine, in a directory, in namespaces of its own or
//! both, and removes it afterwards. It runs in a thread of its own, so that the namespaces, and all
//! mounts in them, end with the thread.

mod files;
mod mounts;
mod processes;
mod sockets;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process, thread};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use super::Measured;
use super::cost::Result;
use super::programs::{Peer, Programs};
use super::run::{self, FirstRun, Output, Program, Rounds, Sample, median};
use super::table::{NOT_MEASURED, Table, count, sign};
pub use sockets::{HOLD_SOCKETS, hold_sockets};

/// How often each program runs at most; `PORTHOLE_BENCH_RUNS` sets a lower number.
const RUNS: usize = 15;
/// For how long an inspection and its peers are run, once each has had the least number of runs.
const LIMIT: Duration = Duration::from_secs(10);
/// The peak memory of every inspection, in KiB, is at most this: below 16 MiB.
const PEAK: u64 = (16 << 10) - 1;

/// What the table needs to be understood.
const ABOUT: &str = "\
What an inspection costs: its peak memory, and its CPU time compared with that of other programs, which run in turn with it.
";

/// What porthole is asked, and what that is compared with.
pub struct Inspection {
    /// The command and what it examines, as in the table.
    name: &'static str,
    arguments: Vec<String>,
    /// What each of the programs prints at least, in bytes. If it prints less, it did less work.
    prints: usize,
    /// See [`Program::may_find_faults`].
    may_find_faults: bool,
    /// Its CPU time is at most this, if no other program does the same.
    at_most: Option<Duration>,
    rivals: Vec<Rival>,
}

/// A program that does the same.
struct Rival {
    peer: Peer,
    /// Its command, as in the table.
    name: &'static str,
    arguments: Vec<String>,
    /// The CPU time of the inspection is at most this multiple of the program's.
    at_most: Option<f64>,
}

impl Inspection {
    /// Returns an inspection that is not yet compared with anything.
    fn new(name: &'static str, arguments: &[&str], prints: usize) -> Self {
        Inspection {
            name,
            arguments: owned(arguments),
            prints,
            may_find_faults: false,
            at_most: None,
            rivals: Vec::new(),
        }
    }

    /// Adds a program that does the same, and the maximum ratio to it.
    fn against(
        mut self,
        peer: Peer,
        name: &'static str,
        arguments: &[&str],
        at_most: impl Into<Option<f64>>,
    ) -> Self {
        self.rivals.push(Rival { peer, name, arguments: owned(arguments), at_most: at_most.into() });
        self
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// What inspections examine. Dropping it removes it.
trait Fixture {
    fn inspections(&self) -> Vec<Inspection>;
}

/// What a stage examines; `None` if a program that creates it is missing.
type Created = Result<Option<Box<dyn Fixture>>>;

/// Inspections that examine the same.
pub struct Stage {
    pub name: &'static str,
    /// The namespaces that it has for itself; creating these takes privileges.
    namespaces: CloneFlags,
    /// Creates what it examines, in this directory if it consists of files.
    create: fn(&Path, &Programs) -> Created,
}

/// All of them, in the order of the table.
pub const STAGES: [Stage; 4] = [
    Stage { name: "files", namespaces: CloneFlags::empty(), create: files::create },
    Stage { name: "processes", namespaces: CloneFlags::empty(), create: processes::create },
    Stage { name: "mounts", namespaces: CloneFlags::CLONE_NEWNS, create: mounts::create },
    Stage { name: "sockets", namespaces: CloneFlags::CLONE_NEWNET, create: sockets::create },
];

/// An inspection, and what was measured of it.
struct Row {
    inspection: Inspection,
    peak: Option<u64>,
    /// Its CPU time, in microseconds.
    cpu: Option<f64>,
    /// That of each of the programs that it is compared with.
    rivals: Vec<Option<f64>>,
}

/// What became of a stage.
enum Outcome {
    Measured(Vec<Result<Row>>),
    /// Why nothing was measured.
    Skipped(&'static str),
}

/// Measures those of the stages that this user may create.
pub fn measure(stages: &[&Stage], programs: &Programs, runs: Option<usize>) -> Result<Measured> {
    let rounds = Rounds { warm_up: 0, runs: runs.map_or(RUNS, |runs| runs.min(RUNS)), limit: LIMIT };
    let mut rows = Vec::new();
    let (mut exceeded, mut skipped) = (Vec::new(), Vec::new());
    for stage in stages {
        eprintln!("bench: inspections of {}", stage.name);
        let measured = thread::scope(|scope| {
            scope.spawn(|| stage.measure(programs, &rounds)).join().map_err(|_| "a stage panicked")
        })?;
        match measured {
            // One that fails does not keep the others from being measured.
            Ok(Outcome::Measured(results)) => {
                for row in results {
                    match row {
                        Ok(row) => rows.push(row),
                        Err(error) => exceeded.push(error.to_string()),
                    }
                }
            }
            Ok(Outcome::Skipped(why)) => skipped.push(format!("inspections of {}: {why}", stage.name)),
            Err(error) => exceeded.push(format!("inspections of {}: {error}", stage.name)),
        }
    }
    exceeded.extend(rows.iter().flat_map(Row::exceeded));
    let text = if rows.is_empty() { String::new() } else { format!("{ABOUT}\n{}", table(&rows)) };
    Ok(Measured { text, exceeded, skipped })
}

impl Stage {
    /// Measures the inspections of this stage.
    fn measure(&self, programs: &Programs, rounds: &Rounds) -> Result<Outcome> {
        if !self.namespaces.is_empty() {
            match unshare(self.namespaces) {
                Ok(()) => {}
                Err(Errno::EPERM) => return Ok(Outcome::Skipped("only root can create these")),
                Err(errno) => return Err(errno.into()),
            }
        }
        let folder = Folder::create(self.name)?;
        let Some(fixture) = (self.create)(&folder.0, programs)? else {
            return Ok(Outcome::Skipped("a program that creates these is not installed"));
        };
        let rows = fixture.inspections().into_iter();
        Ok(Outcome::Measured(rows.map(|inspection| inspection.measure(programs, rounds)).collect()))
    }
}

/// A directory that is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn create(name: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("porthole-bench-{}-{name}", process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Inspection {
    fn measure(self, programs: &Programs, rounds: &Rounds) -> Result<Row> {
        eprintln!("bench:   {}", self.name);
        let file = programs.find("porthole").ok_or("porthole is not built")?;
        let mut own = Program::new(&file, &self.arguments, Output::Piped);
        own.may_find_faults = self.may_find_faults;
        let first = self.first_run(&own, true)?;
        let peak = first.peak;
        // Those that are installed, with the runs that count already.
        let mut programs_in_turn = vec![(own, first.if_slow())];
        let mut is_found = Vec::new();
        for rival in &self.rivals {
            let file = programs.find(rival.peer.program);
            is_found.push(file.is_some());
            if let Some(file) = file {
                let program = Program::new(&file, &rival.arguments, Output::Piped);
                let first = self.first_run(&program, false)?;
                programs_in_turn.push((program, first.if_slow()));
            }
        }
        let (turn, slow): (Vec<Program>, Vec<Vec<Sample>>) = programs_in_turn.into_iter().unzip();
        let samples = run::in_turn(&turn, slow, rounds, |_| Ok(()))?;
        let mut medians = samples.iter().map(|samples| median(samples, |sample| sample.cpu));
        let cpu = medians.next().flatten();
        let rivals = is_found.iter().map(|&is_found| is_found.then(|| medians.next().flatten()).flatten());
        Ok(Row { cpu, rivals: rivals.collect(), peak, inspection: self })
    }

    /// Runs a program once, to see whether it does the work.
    fn first_run(&self, program: &Program, traced: bool) -> Result<FirstRun> {
        let run = program.first_run(traced)?;
        if run.printed >= u64::try_from(self.prints)? {
            return Ok(run);
        }
        let (shown, printed, least) = (program.shown(), run.printed, self.prints);
        Err(format!("{shown}: printed {printed} bytes, expected at least {least}").into())
    }
}

impl Row {
    /// Returns the ratio to the CPU time of another program, to two decimals.
    fn ratio(&self, rival: Option<f64>) -> Option<f64> {
        let ratio = self.cpu? / rival.filter(|&rival| rival > 0.0)?;
        Some((ratio * 100.0).round() / 100.0)
    }

    fn exceeded(&self) -> Vec<String> {
        let inspection = &self.inspection;
        let name = inspection.name.replace('`', "");
        let mut exceeded = Vec::new();
        for (rival, &cpu) in inspection.rivals.iter().zip(&self.rivals) {
            if let (Some(ratio), Some(at_most)) = (self.ratio(cpu), rival.at_most)
                && ratio > at_most
            {
                let peer = rival.name.replace('`', "");
                exceeded.push(format!("{name}: {ratio:.2} times the CPU of {peer}, at most {at_most}"));
            }
        }
        if let (Some(cpu), Some(at_most)) = (self.cpu, inspection.at_most)
            && cpu > micros(at_most)
        {
            exceeded.push(format!("{name}: {} of CPU, at most {at_most:?}", milliseconds(cpu)));
        }
        if let Some(peak) = self.peak.filter(|&peak| peak > PEAK) {
            exceeded.push(format!("{name}: {peak} KiB at the peak, at most {PEAK}"));
        }
        exceeded
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn milliseconds(micros: f64) -> String {
    format!("{:.1} ms", micros / 1e3)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&["", "KiB, peak", "CPU", "compared with", "its CPU", "ratio"], &[0, 3]);
    for row in rows {
        let inspection = &row.inspection;
        let own = match (row.cpu, inspection.at_most) {
            (Some(cpu), Some(at_most)) => {
                let sign = sign(cpu <= micros(at_most));
                format!("{} {sign} {}", milliseconds(cpu), at_most.as_millis())
            }
            (Some(cpu), None) => milliseconds(cpu),
            (None, _) => NOT_MEASURED.to_owned(),
        };
        let mut start = [inspection.name.to_owned(), count(row.peak, Some(PEAK)), own];
        if inspection.rivals.is_empty() {
            table.row(start.to_vec());
        }
        for (rival, &cpu) in inspection.rivals.iter().zip(&row.rivals) {
            let ratio = match (row.ratio(cpu), rival.at_most) {
                (Some(ratio), Some(at_most)) => format!("{ratio:.2} {} {at_most}", sign(ratio <= at_most)),
                (Some(ratio), None) => format!("{ratio:.2}"),
                (None, _) => NOT_MEASURED.to_owned(),
            };
            let its = cpu.map_or(NOT_MEASURED.to_owned(), milliseconds);
            table.row([start.as_slice(), &[rival.name.to_owned(), its, ratio]].concat());
            // Once for all of its programs.
            start = [const { String::new() }; 3];
        }
    }
    table
}
