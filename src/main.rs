//! porthole: is the service in this container healthy, and if not, what is going on in here?
//!
//! From `argv` to an exit status: [`commands`] makes a plan, [`check`] carries it out, [`report`] prints what
//! came of it, and only here the process ends.

mod args;
mod bytes;
mod check;
mod commands;
mod deadline;
#[cfg(feature = "inspect")]
mod doctor;
mod error;
mod expand;
mod files;
#[cfg(feature = "inspect")]
mod inspect;
mod net;
mod outcome;
mod procfs;
#[cfg(feature = "inspect")]
mod redact;
mod report;
mod secrets;
mod sys;
#[cfg(feature = "inspect")]
mod table;
mod text;
mod threads;
mod units;
mod version;
#[cfg(feature = "inspect")]
mod view;

use std::process::ExitCode;

use commands::Action;
use outcome::Conclusion;

fn main() -> ExitCode {
    sys::explain_aborts();
    run().into()
}

fn run() -> Conclusion {
    match commands::parse(std::env::args_os().collect(), &expand::System) {
        Ok(Action::Check(plan)) => {
            let outcome = check::run(&plan);
            report::run(&outcome, plan.options.style, &plan.secrets);
            outcome.conclusion()
        }
        #[cfg(feature = "inspect")]
        Ok(Action::Inspect(inspection)) => inspect::run(inspection),
        Ok(Action::Print(text, conclusion)) => report::text(&text, conclusion),
        Err(error) => {
            report::error(&error.to_string());
            Conclusion::Bad
        }
    }
}
