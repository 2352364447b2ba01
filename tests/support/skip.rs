//! Tests that cannot run everywhere.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::io::Write as _;

/// Reports, past the test harness's capture, that the running test is skipped and why. Fails the
/// test if PORTHOLE_SKIP_NOTHING is set.
#[track_caller]
pub fn skip(why: &str) {
    assert!(std::env::var_os("PORTHOLE_SKIP_NOTHING").is_none(), "{why}");
    skip_by_design(why);
}

/// Reports that the running test is skipped because it has nothing to test in this kind of build;
/// never fails.
pub fn skip_by_design(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {why}");
}

/// Returns whether the tests run as root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Returns whether this machine has IPv6 on loopback; if not, reports the test as skipped.
pub fn has_ipv6() -> bool {
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has_ipv6 {
        skip("this machine has no IPv6");
    }
    has_ipv6
}
