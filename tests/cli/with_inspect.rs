//! The commands that look inside, and what else only a build with inspections does.

// The inspections.
mod access;
mod bytes;
mod df;
mod doctor;
mod env;
mod find;
mod id;
mod limits;
mod ls;
mod lsof;
mod mounts;
mod ps;
mod report;
mod ss;
mod stat;

// What carries something out.
mod install;
mod tar;

// The option --watch.
mod watch;

/// What the README shows, which is the full build.
mod with_tls {
    mod readme;
}
