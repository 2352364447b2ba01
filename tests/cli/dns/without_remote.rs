//! A build that stays local does not have `dns`.

use crate::support::command::porthole;

#[test]
#[cfg_attr(feature = "remote", ignore = "of a build without remote: scripts/suite.sh BINARY")]
fn a_build_that_stays_local_does_not_know_it() {
    porthole(["dns", "x"]).refused("dns is not in this build; the full build of porthole has it");
    assert!(!porthole(["--help"]).run().stdout.contains("dns NAME"));
}
