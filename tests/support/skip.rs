//! Tests that cannot be made everywhere.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::io::Write as _;

/// Says past the capture of the test harness why the running test is skipped; fails where nothing may be.
#[track_caller]
pub fn skip(why: &str) {
    assert!(std::env::var_os("PORTHOLE_SKIP_NOTHING").is_none(), "{why}");
    skip_by_design(why);
}

/// Says so of a test that has nothing to look at in this kind of build, which is no failure anywhere.
pub fn skip_by_design(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {why}");
}

/// Whether the tests are run by root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|us| std::os::unix::fs::MetadataExt::uid(&us) == 0)
}

/// Whether this machine has IPv6 on loopback; says so aloud where not.
pub fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skip("this machine has no IPv6");
    }
    has
}
