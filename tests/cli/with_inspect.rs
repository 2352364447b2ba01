//! The inspection commands, and whatever else only a build with inspections does.

// The inspections.
mod access;
mod bytes;
mod contract;
mod df;
mod doctor;
mod du;
mod env;
mod find;
mod id;
mod ip;
mod limits;
mod ls;
mod lsof;
mod mounts;
mod ps;
mod report;
mod ss;
mod stat;
mod tail;
mod terminal;
mod top;
mod whose;

// Commands that copy something out.
mod install;
mod tar;

// The option `--watch`.
mod watch;

/// The README, which shows the full build.
mod with_tls {
    mod readme;
}
