//! What a build with inspections explains.

use crate::support::command::porthole;

/// No endpoint to look at, and yet what is there bears on it.
#[test]
fn what_runs_is_explained() {
    for check in [&["process", "nobody-is-called-so"][..], &["file", "/none"]] {
        let ran = porthole([check, &["--explain"]].concat()).run();
        let line = ran.stdout.lines().nth(1).unwrap_or_default();
        assert!(line.starts_with("  the container's first process is pid 1 ("), "{}", ran.story());
    }
}
