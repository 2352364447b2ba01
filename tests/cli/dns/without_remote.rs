//! Builds without `remote` do not have `dns`.

use crate::support::command::porthole;

#[test]
#[cfg_attr(feature = "remote", ignore = "only for builds without remote: scripts/suite.sh BINARY")]
fn dns_needs_a_build_with_remote() {
    porthole(["dns", "x"]).refused("dns is not in this build; the full build of porthole has it");
    assert!(!porthole(["--help"]).run().stdout.contains("dns NAME"));
}
