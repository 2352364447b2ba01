//! A program with the faults that `porthole doctor` detects, for the tests with a real engine.
//!
//! It executes its arguments in order, in pairs, prints `ready`, and then does nothing, without a
//! handler for any signal:
//!
//! - `children N`: starts N children that end at once, and does not wait for them.
//! - `orphans N`: the same, but from a child that ends too, so that the first process inherits
//!   them. Prints `orphaned`.
//! - `allocate MIB`: starts a child that allocates this much memory and ends. Prints `allocated`,
//!   or how the child ended.
//! - `listen ADDRESS`: listens, but never accepts a connection.
//! - `resolve ADDRESS`: answers every DNS query that it receives at this address: no such name.
//! - `write KIB:PATH`: writes a file of this size, or as much of it as there is space for.
//! - `hold KIB:PATH`: the same; then deletes the file, and keeps it open.
//! - `rotate KIB:PATH`: the same, but closes the deleted file.
//! - `open N`: opens this many file descriptors.
//! - `threads N`: starts this many threads, or as many as it may.
//! - `burn PERCENT`: uses this share of one CPU in each tenth of a second, 80 times before it
//!   executes the next argument.

use std::env;
use std::fs::{File, remove_file};
use std::hint::black_box;
use std::io::{Error, ErrorKind, Write as _, stdout};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// How many times a program that uses a CPU does so before it counts as ready.
const SLICES: usize = 80;
/// How often it does.
const SLICE: Duration = Duration::from_millis(100);

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
    let (mut listeners, mut files) = (Vec::new(), Vec::new());
    for pair in words.chunks(2) {
        let [what, how] = pair else { return Err(Error::other("expected pairs of arguments")) };
        match what.as_str() {
            // These are for the children.
            "end" => return Ok(()),
            "leave" => return children(number(how)?),
            "take" => {
                take(number(how)?);
                return Ok(());
            }
            "children" => children(number(how)?)?,
            "orphans" => {
                this_program(["leave", how])?.status()?;
                writeln!(stdout(), "orphaned")?;
            }
            "allocate" => {
                let status = this_program(["take", how])?.status()?;
                let ended = if status.success() { "allocated".to_owned() } else { status.to_string() };
                writeln!(stdout(), "{ended}")?;
            }
            "listen" => listeners.push(TcpListener::bind(how)?),
            "resolve" => resolve(UdpSocket::bind(how)?),
            "write" => drop(written(how)?),
            "hold" => files.push(deleted(how)?),
            "rotate" => drop(deleted(how)?),
            "open" => {
                for _ in 0..number(how)? {
                    files.push(File::open("/")?);
                }
            }
            "threads" => {
                for _ in 0..number(how)? {
                    // At the limit this fails, which is the fault.
                    let _ = thread::Builder::new().spawn(rest);
                }
            }
            "burn" => burn(Duration::from_millis(u64::try_from(number(how)?).map_err(Error::other)?))?,
            _ => return Err(Error::other(format!("unknown argument {what}"))),
        }
    }
    writeln!(stdout(), "ready")?;
    rest();
    Ok(())
}

fn rest() {
    loop {
        thread::park();
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
fn take(mebibytes: usize) {
    let mut held = Vec::new();
    for _ in 0..mebibytes {
        held.push(vec![1_u8; 1 << 20]);
    }
    black_box(&held);
}

/// Writes a file of this size, and returns it open.
fn written(how: &str) -> Result<File, Error> {
    let (size, path) = how.split_once(':').ok_or_else(|| Error::other("expected KIB:PATH"))?;
    let mut file = File::create(path)?;
    for _ in 0..number(size)? {
        match file.write_all(&[b'x'; 1024]) {
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            result => result?,
        }
    }
    Ok(file)
}

/// Writes a file of this size, deletes it, and returns it open.
fn deleted(how: &str) -> Result<File, Error> {
    let file = written(how)?;
    remove_file(how.split_once(':').map_or(how, |(_, path)| path))?;
    Ok(file)
}

/// Answers queries in a thread. RFC 1035, section 4.1.1: QR is the first bit of the third byte,
/// RCODE the second half of the fourth.
fn resolve(socket: UdpSocket) {
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((size, from)) = socket.recv_from(&mut query) {
            query[2] |= 0x80;
            query[3] = 3;
            let _ = socket.send_to(query.get(..size).unwrap_or_default(), from);
        }
    });
}

/// Uses a CPU for this time in each slice, in a thread of its own. By the time that it is given, not
/// by the clock, so that the need is the same on a busy machine.
fn burn(time: Duration) -> Result<(), Error> {
    let (done, slices) = mpsc::channel();
    thread::spawn(move || {
        for slice in 0_usize.. {
            let (start, used) = (Instant::now(), cpu_time());
            while cpu_time().saturating_sub(used) < time {}
            if slice < SLICES && done.send(()).is_err() {
                return;
            }
            thread::sleep(SLICE.saturating_sub(start.elapsed()));
        }
    });
    for _ in 0..SLICES {
        slices.recv().map_err(Error::other)?;
    }
    Ok(())
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_THREAD)
        .map_or(0, |usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    Duration::from_micros(u64::try_from(used).unwrap_or_default())
}
