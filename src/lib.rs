//! The rooms of porthole, each of which uses only what stands below it. The program in `main.rs` is all that is on top of them;
//! that this is a library is for fuzz targets, and no interface for others.
//!
//! From `argv` to an exit status: [`commands`] makes a plan, [`check`] carries it out, [`report`] prints what came of it.
#![doc(hidden)]

/// The modules, which fuzz targets alone see from outside: so the compiler still tells of what nobody uses.
macro_rules! rooms {
    ($($(#[$condition:meta])* $name:ident,)*) => {
        $(
            #[cfg(fuzzing)]
            $(#[$condition])*
            #[allow(missing_docs, reason = "each says at its head what it is")]
            pub mod $name;
            #[cfg(not(fuzzing))]
            $(#[$condition])*
            mod $name;
        )*
    };
}

// From the top to the ground floor; tests/house.rs holds the order.
rooms! {
    commands,
    check,
    #[cfg(feature = "inspect")]
    doctor,
    #[cfg(feature = "inspect")]
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
    file_type,
    sys,
    text,
    threads,
    units,
    version,
}

use commands::Action;
use outcome::Conclusion;

/// Carries out what the arguments ask for.
pub fn run() -> Conclusion {
    sys::explain_aborts();
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
