//! A clock that is wrong: a machine that starts without one, or whose certificates are older than
//! it believes.

use std::fs::{self, File};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use serde_json::Value;

use crate::checks::{CERTIFICATE, tls_server};
use crate::guest::{Running, assert_found, assert_guest, assert_not_found, command, document, patient};
use crate::support::command::porthole;
use crate::support::server::folder;

const YEAR_2000: u64 = 946_684_800;
const YEAR_2040: u64 = 2_208_988_800;

/// The wall clock at another time. Dropping it sets the clock right again.
struct Clock {
    right: SystemTime,
    since: TimeSpec,
}

impl Clock {
    fn at(seconds: u64) -> Self {
        assert_guest();
        let clock =
            Clock { right: SystemTime::now(), since: clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap() };
        set(Duration::from_secs(seconds));
        clock
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let passed = clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap() - self.since;
        set(self.right.duration_since(UNIX_EPOCH).unwrap() + Duration::from(passed));
    }
}

/// Returns a time as a day: `2026-12-01`.
fn day(time: &Value) -> String {
    let time = format!("@{}", time.as_u64().unwrap());
    command(&["/bin/busybox", "date", "-u", "-d", &time, "+%F"]).trim().to_owned()
}

fn set(time: Duration) {
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(time)).unwrap();
}

#[test]
fn a_certificate_is_not_yet_valid_in_2000_and_expired_in_2040() {
    for time in [YEAR_2000, YEAR_2040] {
        // The server is older than the clock.
        let port = tls_server("");
        let known =
            porthole(["tls", &format!("localhost:{port}"), "--ca-file", CERTIFICATE, "--json"]).json();
        let certificate = &known["checks"][0]["facts"]["certificate"];
        let words = if time == YEAR_2000 {
            let from = day(&certificate["not_before"]);
            format!("the certificate is not yet valid: it is valid from {from} (is the clock right?)")
        } else {
            format!("the certificate expired on {}", day(&certificate["not_after"]))
        };
        let _clock = Clock::at(time);
        for arguments in [["tls", "localhost:", ""], ["http", "https://localhost:", "/"]] {
            let target = format!("{}{port}{}", arguments[1], arguments[2]);
            let ran = porthole([arguments[0], &target, "--ca-file", CERTIFICATE]).run();
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
            let start = format!("unhealthy: {} {target}: {words}", arguments[0]);
            assert!(ran.stdout.starts_with(&start), "{start}\n{}", ran.story());
        }
    }
}

#[test]
fn a_file_from_the_future_is_not_fresh() {
    let path = folder().join("beat");
    drop(File::create(&path).unwrap());
    let modified = fs::metadata(&path).unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let seconds = format!("@{}", modified.as_secs());
    let utc = command(&["/bin/busybox", "date", "-u", "-d", &seconds, "+%FT%TZ"]);
    let path = path.to_str().unwrap();
    for (time, why) in [
        (YEAR_2000, "last modified in the future".to_owned()),
        (YEAR_2040, format!("0 bytes, last modified {}, older than 60 m", utc.trim())),
    ] {
        let _clock = Clock::at(time);
        let line = format!("unhealthy: file {path}: {why}");
        porthole(["file", path, "--max-age", "1h"]).run().is(1, &line, "");
        let listed = document(0, &["ls", "-l", path]);
        let shown = listed["entries"][0]["modified"].as_f64().unwrap();
        assert!((shown - modified.as_secs_f64()).abs() < 0.001, "{listed}");
    }
}

/// The kernel counts the age of a process from the boot, not by the wall clock.
#[test]
fn the_age_of_a_process_does_not_depend_on_the_clock() {
    let own = std::process::id();
    // In clock ticks, of which there are a hundred a second. proc_pid_stat(5)
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let begun = stat.split(' ').nth(21).unwrap().parse::<u64>().unwrap() * 10;
    let since_boot = || {
        u64::try_from(Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap()).as_millis()).unwrap()
    };
    for time in [YEAR_2000, YEAR_2040] {
        let _clock = Clock::at(time);
        let before = since_boot();
        let list = document(0, &["ps"]);
        let after = since_boot();
        let processes = list["processes"].as_array().unwrap();
        let row = processes.iter().find(|process| process["pid"] == own).unwrap();
        let elapsed = row["elapsed_ms"].as_u64().unwrap_or_else(|| panic!("{row}"));
        // /proc/uptime and the start are cut to ticks.
        assert!(
            (before - begun..=after - begun + 10).contains(&(elapsed + 10)),
            "{before} {begun} {after} {row}"
        );
        let top = document(0, &["top"]);
        assert!(top["processes"].as_array().unwrap().iter().any(|row| row["pid"] == own), "{top}");
        let report = document(0, &["report", "-p", &own.to_string()]);
        let told = report["about"]["time"].as_u64().unwrap();
        assert!((time..time + 60).contains(&told), "{report}");
    }
}

/// A clock in the future is not wrong for certain: a certificate may be valid for that long.
#[test]
fn doctor_reports_a_clock_that_is_behind() {
    let process = Running::until_ready(&mut patient(["allocate", "1"]));
    let words = "the clock is wrong: it is earlier than the program of the application was built";
    {
        let _clock = Clock::at(YEAR_2000);
        assert_found(process.pid(), "warning", &[words]);
    }
    assert_not_found(process.pid(), "the clock is wrong");
    let _clock = Clock::at(YEAR_2040);
    assert_not_found(process.pid(), "the clock is wrong");
}
