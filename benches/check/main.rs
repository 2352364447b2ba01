//! Measures what a check costs a user, from spawn to exit, compared with what a user would run
//! instead.
//!
//! The engine starts a process for every check, every few seconds, in every container. Therefore a
//! run here is a whole process, not a function. `scripts/bench.sh` builds what is needed and runs
//! this.
//!
//! - **Time** is the wall-clock time from before the spawn to after the wait. It includes the spawn
//!   (std uses `posix_spawn`, which copies no pages), the exec and the scheduler, equally for all
//!   programs. The floor, a program that only exits, shows how much that is. It also includes the
//!   server, a thread of this process.
//! - **CPU** and **page faults** are the difference of `getrusage(RUSAGE_CHILDREN)` around one run.
//!   The children run strictly one after another, so the values are exact. They include the few
//!   faults between spawn and exec.
//! - **Peak memory** comes from separate runs under ptrace, see [`memory`].
//!
//! Every round runs every program once, in a new random order, so that a slow moment of the machine
//! affects all of them, and none always follows the same other one. Nothing is pinned to a core,
//! because no engine does that. The absolute times vary with the machine; compare the ratios of the
//! medians of one run. If another process uses the cores, the p99 is noise: it shows the
//! scheduler's time slice. Page faults and memory hardly vary at all.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

mod bounds;
mod inspections;
mod memory;
mod run;
mod server;
mod sizes;
mod table;

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use run::{Program, Summary};
use server::{Request, Server, certificate};
use table::{Table, cell};

/// A result whose error is a message that stops the bench.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How often each program runs; `PORTHOLE_BENCH_RUNS` sets another number.
const RUNS: usize = 500;
/// How often it runs before that without being counted, to warm up the page cache, the CPU
/// frequency and the server.
const WARM_UP: usize = 20;

/// How often each inspection runs: it takes tens of milliseconds or more, so it varies less.
const INSPECTION_RUNS: usize = 15;
/// See [`WARM_UP`].
const INSPECTION_WARM_UP: usize = 2;

/// One row of the table: a program, and the one that its numbers are compared with.
struct Row {
    name: &'static str,
    /// A file in the directory of built binaries, or a program in `PATH`.
    program: &'static str,
    arguments: Vec<String>,
    /// What the server must have received from each run.
    request: Request,
    /// The name of the row that this one is compared with.
    base: &'static str,
}

/// A row and its measurements.
struct Measured {
    row: Row,
    summary: Summary,
}

/// Returns the rows. A new check needs one more row here and, if it has a bound, an entry in
/// [`bounds`].
fn rows(server: &Server) -> Vec<Row> {
    let base = bounds::BASE;
    let url = format!("http://{}/", server.address());
    let row = |name, program, arguments: &[&str], request| Row {
        name,
        program,
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        request,
        base,
    };
    let address = server.address().to_string();
    let port = server.address().port().to_string();
    let grpc = server.grpc().to_string();
    let path = server.path().to_string_lossy();
    let mut rows = vec![
        row("nothing but exit", "floor", &[], Request::None),
        row(bounds::PROBE_HTTP, "porthole-probe", &["http", &url], Request::Http),
        row(bounds::FULL_HTTP, "porthole", &["http", &url], Request::Http),
        row("porthole-probe tcp", "porthole-probe", &["tcp", &address], Request::Connection),
        row("porthole tcp", "porthole", &["tcp", &address], Request::Connection),
        row("porthole-probe unix", "porthole-probe", &["unix", &path], Request::Connection),
        row("porthole unix", "porthole", &["unix", &path], Request::Connection),
        row("porthole-probe grpc", "porthole-probe", &["grpc", &grpc], Request::Grpc),
        row("porthole grpc", "porthole", &["grpc", &grpc], Request::Grpc),
        row("porthole-probe listen", "porthole-probe", &["listen", &port], Request::None),
        row("porthole listen", "porthole", &["listen", &port], Request::None),
        row(base, "busybox", &["wget", "-q", "-O", "/dev/null", &url], Request::Http),
        row("curl", "curl", &["-s", "-o", "/dev/null", "-f", &url], Request::Http),
    ];
    if let Some(tls) = server.tls() {
        let url = format!("https://{tls}/");
        let trust = certificate();
        let https = |name, program, arguments: &[&str]| Row {
            base: bounds::CURL_HTTPS,
            ..row(name, program, arguments, Request::Http)
        };
        rows.push(https(bounds::FULL_HTTPS, "porthole", &["http", &url, "--ca-file", trust]));
        rows.push(https(
            bounds::CURL_HTTPS,
            "curl",
            &["-s", "-o", "/dev/null", "-f", "--cacert", trust, &url],
        ));
    }
    rows
}

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benches too, but without this argument; then nothing is
    // measured.
    if !env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match bench() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints the results; returns whether all bounds hold.
fn bench() -> Result<bool> {
    let runs = match env::var("PORTHOLE_BENCH_RUNS") {
        Ok(text) => text
            .parse()
            .ok()
            .filter(|&runs| runs > 0)
            .ok_or_else(|| format!("PORTHOLE_BENCH_RUNS: expected a number, got '{text}'"))?,
        Err(_) => RUNS,
    };
    println!("{}", machine(runs));
    let server = Server::start()?;
    let checks = measure(rows(&server), &server, WARM_UP, runs)?;
    let fixture = inspections::Fixture::create()?;
    let inspections = measure(fixture.rows(), &server, INSPECTION_WARM_UP, runs.min(INSPECTION_RUNS))?;
    drop(fixture);
    println!("\n{}", costs(&checks));
    println!("\n{}", costs(&inspections));
    let sizes = sizes::measure(&["porthole-probe", "porthole", "busybox", "curl"], find)?;
    println!("{}", sizes::table(&sizes));
    let measured: Vec<Measured> = checks.into_iter().chain(inspections).collect();
    let bounds = bounds::judge(&measured, &sizes);
    for bound in &bounds {
        println!("{bound}");
    }
    Ok(bounds.iter().all(bounds::Bound::holds))
}

/// Runs the programs of the rows in turn. Programs that are missing are reported and not measured.
fn measure(rows: Vec<Row>, server: &Server, warm_up: usize, runs: usize) -> Result<Vec<Measured>> {
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for row in rows {
        match find(row.program) {
            Some(file) => found.push((Program::new(&file, &row.arguments, row.request)?, row)),
            None => missing.push(row.program),
        }
    }
    missing.dedup();
    for program in missing {
        println!("{program} is missing; rows that need it are not measured");
    }

    let (mut programs, rows): (Vec<Program>, Vec<Row>) = found.into_iter().unzip();
    let summaries = run::in_turn(&mut programs, server, warm_up, runs)?;
    Ok(rows.into_iter().zip(summaries).map(|(row, summary)| Measured { row, summary }).collect())
}

fn costs(measured: &[Measured]) -> Table {
    let mut table =
        Table::new(&["", "time, median", "time, p99", "CPU, median", "page faults", "peak memory"]);
    for Measured { row, summary } in measured {
        let base = measured.iter().find(|other| other.row.name == row.base).map(|other| &other.summary);
        table.row(vec![
            row.name.to_owned(),
            cell(Some(summary.time), "us", base.map(|base| base.time)),
            cell(Some(summary.time_p99), "us", base.map(|base| base.time_p99)),
            cell(Some(summary.cpu), "us", base.map(|base| base.cpu)),
            cell(Some(summary.faults), "", base.map(|base| base.faults)),
            cell(summary.peak, "KiB", base.and_then(|base| base.peak)),
        ]);
    }
    table
}

/// Finds a row's program: among those built for the bench, then in `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let built =
        env::var_os("PORTHOLE_BENCH_DIR").map_or_else(|| PathBuf::from("target/static"), PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [built, PathBuf::from("target/bench")].into_iter().chain(env::split_paths(&path));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())?.canonicalize().ok()
}

/// Describes the machine that the numbers were measured on.
fn machine(runs: usize) -> String {
    let line = |file: &str, key: &str| -> String {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap_or("?").trim_start_matches(['\t', ' ', ':']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |n| n.to_string());
    format!(
        "{runs} runs each; Linux {}, {cores} cores, {}, load {}",
        line("/proc/sys/kernel/osrelease", ""),
        line("/proc/cpuinfo", "model name"),
        line("/proc/loadavg", "").split(' ').next().unwrap_or("?"),
    )
}
