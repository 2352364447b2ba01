//! A program that is not well, in the ways that `porthole doctor` knows, for the tests with a real engine.
//!
//! Its arguments are done in turn, each with the one behind it; then it does nothing, with no handler for any signal:
//!
//! - `children N`: starts N children that end at once, and does not wait for them.
//! - `orphans N`: the same, by another child that ends too: whoever is the first process has them now. Prints `left`.
//! - `eats MIB`: a child takes so much memory and ends. Prints `fed`, or how the child ended.
//! - `listens ADDRESS`: it never accepts what connects there.

use std::env;
use std::hint::black_box;
use std::io::{Error, Write as _, stdout};
use std::net::TcpListener;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match live() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "patient: {error}");
            ExitCode::FAILURE
        }
    }
}

fn live() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    let mut listeners = Vec::new();
    for pair in words.chunks(2) {
        let [what, how] = pair else { return Err(Error::other("expected a word behind each")) };
        match what.as_str() {
            // What the children do.
            "ends" => return Ok(()),
            "leaves" => return children(number(how)?),
            "holds" => {
                hold(number(how)?);
                return Ok(());
            }
            "children" => children(number(how)?)?,
            "orphans" => {
                ourselves(["leaves", how])?.status()?;
                writeln!(stdout(), "left")?;
            }
            "eats" => {
                let status = ourselves(["holds", how])?.status()?;
                let ended = if status.success() { "fed".to_owned() } else { status.to_string() };
                writeln!(stdout(), "{ended}")?;
            }
            "listens" => listeners.push(TcpListener::bind(how)?),
            _ => return Err(Error::other(format!("expected another word than {what}"))),
        }
    }
    loop {
        std::thread::park();
    }
}

fn number(word: &str) -> Result<usize, Error> {
    word.parse().map_err(Error::other)
}

/// This program with other arguments.
fn ourselves(words: [&str; 2]) -> Result<Command, Error> {
    let mut command = Command::new(env::current_exe()?);
    command.args(words);
    Ok(command)
}

/// Starts as many children, and lets go of them.
fn children(count: usize) -> Result<(), Error> {
    for _ in 0..count {
        drop(ourselves(["ends", "now"])?.spawn()?);
    }
    Ok(())
}

/// Takes memory, each page of it.
fn hold(mebibytes: usize) {
    let mut held = Vec::new();
    for _ in 0..mebibytes {
        held.push(vec![1_u8; 1 << 20]);
    }
    black_box(&held);
}
