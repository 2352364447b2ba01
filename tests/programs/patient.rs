//! A program with the faults that `porthole doctor` detects, for the tests with a real engine.
//!
//! It executes its arguments in order, in pairs, and then does nothing, without a handler for any
//! signal:
//!
//! - `children N`: starts N children that end at once, and does not wait for them.
//! - `orphans N`: the same, but from a child that ends too, so that the first process inherits
//!   them. Prints `orphaned`.
//! - `allocate MIB`: starts a child that allocates this much memory and ends. Prints `allocated`,
//!   or how the child ended.
//! - `listen ADDRESS`: listens, but never accepts a connection.

use std::env;
use std::hint::black_box;
use std::io::{Error, Write as _, stdout};
use std::net::TcpListener;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "patient: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    let mut listeners = Vec::new();
    for pair in words.chunks(2) {
        let [what, how] = pair else { return Err(Error::other("expected pairs of arguments")) };
        match what.as_str() {
            // These are for the children.
            "end" => return Ok(()),
            "leave" => return children(number(how)?),
            "hold" => {
                hold(number(how)?);
                return Ok(());
            }
            "children" => children(number(how)?)?,
            "orphans" => {
                this_program(["leave", how])?.status()?;
                writeln!(stdout(), "orphaned")?;
            }
            "allocate" => {
                let status = this_program(["hold", how])?.status()?;
                let ended = if status.success() { "allocated".to_owned() } else { status.to_string() };
                writeln!(stdout(), "{ended}")?;
            }
            "listen" => listeners.push(TcpListener::bind(how)?),
            _ => return Err(Error::other(format!("unknown argument {what}"))),
        }
    }
    loop {
        std::thread::park();
    }
}

fn number(word: &str) -> Result<usize, Error> {
    word.parse().map_err(Error::other)
}

/// Returns a command that runs this program with other arguments.
fn this_program(words: [&str; 2]) -> Result<Command, Error> {
    let mut command = Command::new(env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// Starts this many children, and does not wait for them.
fn children(count: usize) -> Result<(), Error> {
    for _ in 0..count {
        drop(this_program(["end", "now"])?.spawn()?);
    }
    Ok(())
}

/// Allocates memory, and touches each page of it.
fn hold(mebibytes: usize) {
    let mut held = Vec::new();
    for _ in 0..mebibytes {
        held.push(vec![1_u8; 1 << 20]);
    }
    black_box(&held);
}
