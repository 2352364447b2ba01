//! porthole: is the service in this container healthy, and if not, what is going on in here?
//!
//! From `argv` to an exit status: [`cli`] makes a plan, [`check`] carries it out, [`report`] prints what
//! came of it, and only here the process ends.

mod check;
mod cli;
mod expand;
mod files;
mod net;
mod outcome;
mod procfs;
mod report;
mod sys;
mod text;
mod threads;
mod units;

use std::process::ExitCode;

use cli::Action;
use outcome::Conclusion;

fn main() -> ExitCode {
    run().into()
}

fn run() -> Conclusion {
    match cli::parse(std::env::args_os().collect(), &expand::System) {
        Ok(Action::Check(plan)) => {
            let outcome = check::run(&plan);
            report::run(&outcome, plan.options.style, &plan.secrets);
            outcome.conclusion()
        }
        Ok(Action::Print(text, conclusion)) => {
            report::text(&text);
            conclusion
        }
        Err(error) => {
            report::error(&error.to_string());
            Conclusion::Bad
        }
    }
}
