//! The machine that the numbers were measured on.

use std::fs;
use std::process::Command;

/// Describes the machine, its state, and the program: a sentence.
pub fn describe() -> String {
    let line = |file: &str, key: &str| -> String {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap_or("?").trim_start_matches(['\t', ' ', ':']).to_owned()
    };
    let date = Command::new("date").args(["--utc", "+%F"]).output();
    let date = date.ok().and_then(|date| String::from_utf8(date.stdout).ok()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |n| n.to_string());
    format!(
        "Measured on {}: porthole {}, Linux {}, {cores} cores ({}), load {}.",
        date.trim(),
        env!("CARGO_PKG_VERSION"),
        line("/proc/sys/kernel/osrelease", ""),
        line("/proc/cpuinfo", "model name"),
        line("/proc/loadavg", "").split(' ').next().unwrap_or("?"),
    )
}
