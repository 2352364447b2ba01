//! Which tests need which feature of the build under test: the name of their module tells.
//!
//! The tests in a module `with_inspect` need a build with the feature `inspect`, and those in
//! `without_inspect` one without it; likewise for `tls` and `remote`. scripts/suite.sh reads the
//! features from the binary's `--version`, leaves out the modules that do not fit and reports them.
//! A test that runs on a build that does not fit fails.
//!
//! No test returns early because of a feature. [`has_feature`] is for expectations that differ
//! between builds, and for additional cases of a test.

use std::process::Command;
use std::sync::LazyLock;

/// The features that tests depend on.
const FEATURES: [&str; 3] = ["inspect", "tls", "remote"];

/// Returns the path of the program under test: that in PORTHOLE_BIN, or the host's own build.
pub fn program() -> String {
    std::env::var("PORTHOLE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_porthole").to_owned())
}

/// Returns whether the program under test has this Cargo feature, according to its own `--version`.
pub fn has_feature(name: &str) -> bool {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let output = Command::new(program()).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    });
    VERSION.contains(name)
}

/// Fails a test that does not fit the build under test. libtest names the thread of a test after
/// the test.
#[track_caller]
pub fn assert_fit() {
    let thread = std::thread::current();
    let modules = || thread.name().unwrap_or_default().split("::");
    for feature in FEATURES {
        let (with, without) = (format!("with_{feature}"), format!("without_{feature}"));
        let needed = if modules().any(|module| module == with) {
            "with"
        } else if modules().any(|module| module == without) {
            "without"
        } else {
            continue;
        };
        assert!(
            has_feature(feature) == (needed == "with"),
            "this test needs a build {needed} the feature {feature}, and {program} is not one; \
             scripts/suite.sh {program} leaves such tests out",
            program = program()
        );
    }
}
