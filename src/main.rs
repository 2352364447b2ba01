//! porthole: is the service in this container healthy, and if not, what is going on in here?

use std::process::ExitCode;

/// Only here the process ends.
fn main() -> ExitCode {
    porthole::run().into()
}
