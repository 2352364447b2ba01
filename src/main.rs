//! porthole: is the service in this container healthy, and if not, what is going on in here?

use std::process::ExitCode;

/// The process ends only here.
fn main() -> ExitCode {
    porthole::run().into()
}
