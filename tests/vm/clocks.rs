//! A clock that is wrong: a machine that starts without one, or whose certificates are older than
//! it believes.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

use crate::checks::{CERTIFICATE, tls_server};
use crate::guest::assert_guest;
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

fn set(time: Duration) {
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(time)).unwrap();
}

#[test]
fn a_certificate_is_not_yet_valid_in_2000_and_expired_in_2040() {
    for (time, words) in [(YEAR_2000, "not yet valid: it is valid from 20"), (YEAR_2040, "expired on 20")] {
        // The server is older than the clock.
        let port = tls_server("");
        let _clock = Clock::at(time);
        for arguments in [["tls", ":", ""], ["http", "https://localhost:", "/"]] {
            let target = format!("{}{port}{}", arguments[1], arguments[2]);
            let ran = porthole([arguments[0], &target, "--ca-file", CERTIFICATE]).run();
            assert_eq!((ran.status, ran.stdout.contains(words)), (Some(1), true), "{}", ran.story());
        }
    }
}

#[test]
fn a_file_from_the_future_is_not_fresh() {
    let path = folder().join("beat");
    drop(File::create(&path).unwrap());
    let path = path.to_str().unwrap();
    {
        let _clock = Clock::at(YEAR_2000);
        let ran = porthole(["file", path, "--max-age", "1h"]).run();
        assert_eq!((ran.status, ran.stdout.contains("future")), (Some(1), true), "{}", ran.story());
        let ran = porthole(["ls", "-l", path]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
    let _clock = Clock::at(YEAR_2040);
    let ran = porthole(["file", path, "--max-age", "1h"]).run();
    assert_eq!(ran.status, Some(1), "{}", ran.story());
}

/// The kernel counts the age of a process from the boot, not by the wall clock.
#[test]
fn the_age_of_a_process_does_not_depend_on_the_clock() {
    for time in [YEAR_2000, YEAR_2040] {
        let _clock = Clock::at(time);
        let ran = porthole(["ps", "--json"]).run();
        let list: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let processes = list["processes"].as_array().unwrap();
        let init = processes.iter().find(|process| process["pid"] == 1).unwrap();
        let elapsed = init["elapsed_ms"].as_u64().unwrap_or_else(|| panic!("{init}"));
        assert!((0..3_600_000).contains(&elapsed), "{init}");
        for arguments in [&["doctor"][..], &["report"], &["top"]] {
            let ran = porthole(arguments.iter().copied()).run();
            assert!(!ran.stdout.is_empty(), "{}", ran.story());
        }
    }
}
