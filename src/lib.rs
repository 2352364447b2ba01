//! The modules ("rooms") of porthole. Each uses only those below it. Only the program in `main.rs`
//! is above them. This is a library for the sake of fuzz targets; it is not an interface for other
//! programs.
//!
//! From `argv` to an exit status: [`commands`] creates a plan, [`check`] executes it, and
//! [`report`] prints the outcome.
#![doc(hidden)]

/// Declares the modules. They are public only for fuzz targets, so that the compiler still reports
/// unused code.
macro_rules! rooms {
    ($($(#[$condition:meta])* $name:ident,)*) => {
        $(
            #[cfg(fuzzing)]
            $(#[$condition])*
            #[allow(missing_docs, reason = "each has a description at its head")]
            pub mod $name;
            #[cfg(not(fuzzing))]
            $(#[$condition])*
            mod $name;
        )*
    };
}

// From the top to the ground floor. tests/house.rs enforces the order.
rooms! {
    commands,
    check,
    #[cfg(feature = "inspect")]
    doctor,
    #[cfg(feature = "inspect")]
    inspection,
    #[cfg_attr(not(feature = "inspect"), path = "inspect/list.rs")]
    inspect,
    #[cfg(feature = "inspect")]
    view,
    procfs,
    report,
    args,
    net,
    #[cfg(feature = "inspect")]
    redact,
    expand,
    files,
    outcome,
    secrets,
    #[cfg(feature = "inspect")]
    table,
    bytes,
    deadline,
    directory,
    error,
    expression,
    file_type,
    sys,
    text,
    threads,
    units,
    version,
}

use commands::Action;
use outcome::Conclusion;

/// Why a set-user-ID or set-group-ID program does nothing.
const SET_ID: &str = "refusing to run as a set-user-ID or set-group-ID program: anyone could use it to read \
    files as its owner; remove the bit with chmod ug-s";

/// Why a program whose file has capabilities does nothing.
const FILE_CAPABILITIES: &str = "refusing to run with file capabilities: anyone could use them through it; remove \
    them with setcap -r, and give capabilities to the container instead";

/// Runs the command in the arguments.
pub fn run() -> Conclusion {
    sys::explain_aborts();
    if sys::is_set_id() {
        report::error(SET_ID);
        return Conclusion::Bad;
    }
    if sys::has_file_capabilities() {
        report::error(FILE_CAPABILITIES);
        return Conclusion::Bad;
    }
    match commands::parse(std::env::args_os().collect(), &expand::System) {
        Ok(Action::Check(plan)) => {
            let log = check::open_log(&plan);
            sys::sandbox::arm();
            let outcome = check::run(&plan);
            report::run(&outcome, plan.options.style, &plan.secrets);
            if let Some(why) = log.and_then(|log| check::log(&outcome, &plan, log))
                && plan.options.style.verbose
            {
                report::error(&why);
            }
            #[cfg(not(feature = "inspect"))]
            point_to_doctor(&outcome, plan.options.style);
            outcome.conclusion()
        }
        #[cfg(feature = "inspect")]
        Ok(Action::Inspect(plan)) => inspection::run(plan),
        Ok(Action::Print(text, conclusion)) => report::text(&text, conclusion),
        Err(error) => {
            report::usage_error(&error.to_string(), commands::asks_for_json(std::env::args_os()));
            Conclusion::Bad
        }
    }
}

/// Tells who looks at a failure on a terminal how to find its cause, which this build cannot. To an
/// engine, which keeps what a probe prints, it would be the same line each time.
#[cfg(not(feature = "inspect"))]
fn point_to_doctor(outcome: &outcome::RunOutcome, style: report::Style) {
    use std::io::IsTerminal as _;

    if !outcome.is_healthy() && !style.quiet && !style.json && std::io::stderr().is_terminal() {
        report::error(&["to find out why: ", &commands::debug_container("doctor")].concat());
    }
}
