//! The checks: what is counted (see [`cost`](super::cost)), and the clock.
//!
//! The server is a thread of this process, so the time includes it. The empty program, which only
//! exits, shows how much of the time is that of any process: the ratios are relative to it. If
//! another process uses the cores, only the times change.

use std::time::Duration;

use super::cost::server::Server;
use super::cost::{self, Costs, PerByte, Result, Row};
use super::programs::Programs;
use super::run::{self, Output, Program, Rounds, Sample, median};
use super::table::{NOT_MEASURED, Table, count, sign, with_ratio};
use super::{Measured, sizes};

/// How often each program runs for the clock; `PORTHOLE_BENCH_RUNS` sets another number.
const RUNS: usize = 300;
/// See [`Rounds::warm_up`].
const WARM_UP: usize = 20;

/// What the tables need to be understood.
const ABOUT_CHECKS: &str = "\
What a check costs, from spawn to exit, with a server on loopback. Instructions are those in user mode, counted by
callgrind; system calls include the exec. Time and CPU are medians, and their ratio to a program that only exits. A number
after ≤ is a bound, which the tests of the static binaries hold; > marks one that is exceeded. `listen` makes no connection:
it queries the kernel (sock_diag(7)) and looks for the process that owns the socket.
";
const ABOUT_SIZES: &str =
    "What takes up space in an image: the file, and the shared libraries that it loads.\n";

/// A row and what was measured of it.
struct Check {
    row: Row,
    costs: Costs,
    samples: Vec<Sample>,
}

/// A row whose cost depends on the response.
struct Search {
    row: PerByte,
    /// Instructions a byte.
    cost: Option<f64>,
}

/// Measures all rows whose programs are installed.
pub fn measure(programs: &Programs, runs: Option<usize>) -> Result<Measured> {
    let server = Server::start()?;
    eprintln!("bench: counting what checks cost");
    // Reported if it is missing.
    programs.find("valgrind");
    if server.tls().is_none() {
        programs.find("openssl");
    }
    let (mut rows, mut turn) = (Vec::new(), Vec::new());
    for row in cost::rows(&server) {
        let Some(file) = programs.find(row.program) else { continue };
        let file = cost::copy(&file, &server)?;
        let costs = cost::measure(&file, &row, &server)?;
        turn.push(Program::new(&file, &row.arguments, Output::Discarded));
        rows.push((row, costs));
    }
    let mut searches = Vec::new();
    for row in cost::per_byte(&server) {
        let Some(file) = programs.find(row.program) else { continue };
        let cost = cost::measure_per_byte(&file, &row, &server)?;
        searches.push(Search { row, cost });
    }

    let rounds = Rounds { warm_up: WARM_UP, runs: runs.unwrap_or(RUNS), limit: Duration::MAX };
    eprintln!("bench: timing checks, {} runs each", rounds.runs);
    let samples = run::in_turn(&turn, vec![Vec::new(); turn.len()], &rounds, |at| {
        rows.get(at).map_or(Ok(()), |(row, _)| {
            server.expect(row.request).map_err(|error| format!("{}: {error}", row.name).into())
        })
    })?;
    let checks = rows.into_iter().zip(samples);
    let checks = checks.map(|((row, costs), samples)| Check { row, costs, samples }).collect::<Vec<_>>();

    let sizes =
        sizes::measure(&["porthole-probe", "porthole-probe-tls", "porthole", "busybox", "curl"], |name| {
            programs.find(name)
        })?;
    let mut exceeded: Vec<String> = sizes.iter().filter_map(sizes::Size::exceeded).collect();
    exceeded.extend(checks.iter().flat_map(Check::exceeded));
    exceeded.extend(searches.iter().filter_map(Search::exceeded));
    let (costs, sizes) = (table(&checks, &searches), sizes::table(&sizes));
    let text = format!("{ABOUT_CHECKS}\n{costs}\n{ABOUT_SIZES}\n{sizes}");
    Ok(Measured { text, exceeded, skipped: Vec::new() })
}

impl Check {
    fn exceeded(&self) -> Vec<String> {
        let judged = self.costs.judged(&self.row.at_most);
        let failed = judged.iter().filter(|judged| !judged.holds());
        failed.map(|judged| format!("{}: {judged}", self.row.name)).collect()
    }
}

impl Search {
    fn holds(&self) -> bool {
        self.cost.is_none_or(|cost| cost <= self.row.at_most)
    }

    fn exceeded(&self) -> Option<String> {
        let cost = self.cost.filter(|_| !self.holds())?;
        Some(format!("{}: {cost:.2} instructions a byte, at most {}", self.row.name, self.row.at_most))
    }
}

fn table(checks: &[Check], searches: &[Search]) -> Table {
    let mut table =
        Table::new(&["", "instructions", "page faults", "system calls", "KiB, peak", "time", "CPU"], &[0]);
    let base = |value: fn(&Sample) -> Duration| median(&checks.first()?.samples, value);
    let (base_time, base_cpu) = (base(|sample| sample.time), base(|sample| sample.cpu));
    for Check { row, costs, samples } in checks {
        let at_most = &row.at_most;
        table.row(vec![
            row.name.to_owned(),
            count(costs.instructions, at_most.instructions),
            count(costs.faults, at_most.faults),
            count(costs.calls, at_most.calls),
            count(costs.peak, at_most.peak),
            with_ratio(median(samples, |sample| sample.time), base_time),
            with_ratio(median(samples, |sample| sample.cpu), base_cpu),
        ]);
    }
    for search in searches {
        let sign = sign(search.holds());
        let cost = search.cost.map_or(NOT_MEASURED.to_owned(), |cost| {
            format!("{cost:.2} a byte {sign} {}", search.row.at_most)
        });
        table.row(vec![search.row.name.to_owned(), cost]);
    }
    table
}
