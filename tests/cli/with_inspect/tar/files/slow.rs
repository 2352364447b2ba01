//! Tests too slow for plain `cargo test`; `make test` runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::output_given;
use crate::support::command::binary;
use crate::support::place::Place;

#[test]
#[ignore = "slow: run by make test"]
fn many_and_large_files_are_archived_in_little_memory() {
    let place = Place::new();
    place.file("large", vec![b'x'; 64 << 20]);
    fs::create_dir(place.path("a")).unwrap();
    fs::create_dir(place.path("b")).unwrap();
    // More files with several names than are remembered.
    for at in 0..10_100 {
        let (first, second) = (place.path(&format!("a/{at}")), place.path(&format!("b/{at}")));
        fs::write(&first, "x").unwrap();
        fs::hard_link(first, second).unwrap();
    }
    let is_static = std::env::var_os("PORTHOLE_BIN").is_some();
    let limit = if is_static { "--as=16777216" } else { "--data=33554432" };
    let mut command = Command::new("prlimit");
    command.args([limit, &binary(), "tar", "cf", "-", "large", "a", "b"]).current_dir(&place.0);
    let output = command.output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        (
            "porthole: tar: too many hard-linked files to remember: some are archived as separate files\n",
            Some(0)
        )
    );
    let listed = output_given(&["tar", "-tvf"], Path::new("-"), &output.stdout);
    assert_eq!(listed.lines().count(), 3 + 2 * 10_100);
    assert_eq!(listed.matches(" link to ").count(), 10_000);
}
