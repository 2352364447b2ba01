//! `--explain`, in builds with inspections.

use crate::support::command::porthole;

/// These checks have no endpoint to inspect, but findings about the processes are relevant to them.
#[test]
fn explain_reports_the_first_process() {
    for check in [&["process", "nobody-is-called-so"][..], &["file", "/none"]] {
        let ran = porthole([check, &["--explain"]].concat()).run();
        let line = ran.stdout.lines().nth(1).unwrap_or_default();
        assert!(line.starts_with("  the container's first process is pid 1 ("), "{}", ran.story());
    }
}
