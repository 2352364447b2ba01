//! Odd states of a process that a program inherits: its directory, umask, signals, arguments and
//! environment; and a tracer or a supervisor that interferes.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, io, ptr};

use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chdir};

use super::launcher::{Expected, finish, launch, prepared, read};
use super::{THREADS, Targets, each, full, inspections, programs, words};
use crate::place::Place;
use crate::server::{Server, answer, response};

/// What is odd about a process.
#[derive(Clone, Copy, Debug)]
enum Odd {
    /// All signals are ignored, as by nohup(1), but also SIGPIPE, SIGCHLD and SIGALRM.
    IgnoredSignals,
    /// All signals are blocked.
    BlockedSignals,
    /// Files get no permissions at all.
    Umask,
    /// The lowest priority.
    Nice,
    /// Its current directory is deleted.
    DeletedDirectory,
}

impl Odd {
    /// Makes this process odd. It makes system calls only.
    #[allow(unsafe_code, reason = "signal(2), nice(2) and rmdir(2), which nix lacks or makes unsafe")]
    fn be(self, directory: &CStr) -> io::Result<()> {
        match self {
            Odd::IgnoredSignals => {
                for one in Signal::iterator().filter(|one| !matches!(one, Signal::SIGKILL | Signal::SIGSTOP))
                {
                    // SAFETY: nothing in this process handles a signal.
                    unsafe { signal(one, SigHandler::SigIgn) }?;
                }
            }
            Odd::BlockedSignals => sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None)?,
            Odd::Umask => drop(umask(Mode::from_bits_truncate(0o777))),
            // SAFETY: it reads and writes no memory.
            Odd::Nice => drop(unsafe { libc::nice(19) }),
            // SAFETY: the path is a string that ends with a null byte.
            Odd::DeletedDirectory => drop(unsafe { libc::rmdir(directory.as_ptr()) }),
        }
        Ok(())
    }
}

/// What is odd changes no verdict, and no command leaves a file behind.
#[test]
fn an_odd_process_gives_the_same_verdicts() {
    use Odd::{BlockedSignals, DeletedDirectory, IgnoredSignals, Nice, Umask};
    let (targets, place) = (Targets::new(), Place::new());
    let Some(program) = full() else { return };
    let mut cases = Vec::new();
    for odd in [IgnoredSignals, BlockedSignals, Umask, Nice, DeletedDirectory] {
        let all = targets.checks().into_iter().chain(inspections(&place));
        cases.extend(all.map(|(words, expected)| (odd, words, expected)));
    }
    each(THREADS, &cases, |(odd, words, expected)| {
        let (odd, own) = (*odd, Place::new());
        let directory = CString::new(own.0.as_os_str().as_bytes()).unwrap();
        let end = launch(&program, words, move || {
            chdir(&*directory)?;
            odd.be(&directory)
        });
        end.unaffected(*expected).map_err(|problem| format!("{odd:?}: {problem}"))?;
        let left: Vec<_> = fs::read_dir(&own.0).into_iter().flatten().collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{odd:?}: {words:?} leaves {left:?}")) }
    });
}

/// Starts a program with exactly these arguments and this environment: neither needs to be what a
/// shell could write.
fn started_with(program: &Path, arguments: &[&[u8]], environment: &[&[u8]]) -> Command {
    let strings = |all: &[&[u8]]| all.iter().map(|one| CString::new(*one).unwrap()).collect::<Vec<_>>();
    let (path, arguments) = (CString::new(program.as_os_str().as_bytes()).unwrap(), strings(arguments));
    let environment = strings(environment);
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    prepared(&mut command, move || Err(execute(&path, &arguments, &environment)));
    command
}

/// Executes a program. It returns only if that fails. execve(2)
#[allow(unsafe_code, reason = "nix and std allow no list of arguments that is empty")]
fn execute(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    const MOST: usize = 64;
    let mut lists = [[ptr::null(); MOST]; 2];
    for (list, strings) in lists.iter_mut().zip([arguments, environment]) {
        for (pointer, string) in list[..MOST - 1].iter_mut().zip(strings) {
            *pointer = string.as_ptr();
        }
    }
    // SAFETY: both lists end with a null pointer, and their strings live on.
    unsafe { libc::execve(path.as_ptr(), lists[0].as_ptr(), lists[1].as_ptr()) };
    io::Error::last_os_error()
}

#[test]
fn odd_arguments_and_environments() {
    let server = Server::new(answer(response("200 OK", "ready")));
    let url = server.url("/");
    let long = vec![b'x'; 100_000];
    let long_value = [b"LONG=", &long[..]].concat();
    let own = format!("OWN={url}");
    let environments: [&[&[u8]]; 6] = [
        &[],
        // No name, no value, neither, and twice.
        &[b"=", b"=value", b"NAME", b"", b"TWICE=1", b"TWICE=2"],
        &[b"PORTHOLE_TIMEOUT", b"SSL_CERT_FILE", b"TERM", b"COLUMNS"],
        &[b"\xff\xfe=\xff", b"LANG=\xff", b"TERM=\xff\x1b[2J", b"COLUMNS=99999999999999999999", b"LINES=-1"],
        &[&long_value, &long_value, &long_value],
        &[b"COLUMNS=0", b"NO_COLOR", b"HOME=\xff", own.as_bytes(), b"OWN=second"],
    ];
    for program in programs() {
        for environment in environments {
            let words = [b"porthole", b"http".as_slice(), url.as_bytes()];
            let end = finish(&mut started_with(&program, &words, environment));
            end.unaffected(Expected::Healthy).unwrap();
            let end = finish(&mut started_with(
                &program,
                &[b"", b"http", url.as_bytes(), b"-s", b"500"],
                environment,
            ));
            end.judged(Expected::Broken).unwrap();
        }
        let arguments: [&[&[u8]]; 7] = [
            // Since Linux 5.18 the kernel makes it one empty argument; before, there was none.
            &[],
            &[b""],
            &[b"\xff\xfe"],
            &[b"", b""],
            &[&long, &long, &long],
            &[b"porthole", b"http", &long],
            &[b"porthole", b"\xff\x1b[2J", b"--\xff=\xff", b"${"],
        ];
        for arguments in arguments {
            finish(&mut started_with(&program, arguments, &[])).judged(Expected::Broken).unwrap();
        }
    }
}

/// A tracer that ends lets the program go on.
#[test]
fn a_tracer_that_goes_away() {
    let targets = Targets::new();
    let program = &programs();
    let Some(program) = program.first() else { return };
    for (words, expected) in targets.checks() {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new(program);
        command.args(&words).env_clear().stdin(Stdio::null());
        command.stderr(writer.try_clone().unwrap()).stdout(writer);
        prepared(&mut command, || Ok(ptrace::traceme()?));
        // The thread that starts a program is its tracer.
        let mut child = std::thread::scope(|scope| {
            let trace = || {
                let child = command.spawn().unwrap();
                let pid = Pid::from_raw(child.id().cast_signed());
                assert!(matches!(waitpid(pid, None), Ok(WaitStatus::Stopped(..))));
                ptrace::syscall(pid, None).unwrap();
                assert!(matches!(waitpid(pid, None), Ok(WaitStatus::Stopped(..))));
                child
            };
            scope.spawn(trace).join().unwrap()
        });
        drop(command);
        let status = super::launcher::ended(&mut child);
        let text = read(reader);
        let is_right = expected == Expected::Healthy;
        assert_eq!(status.code(), Some(i32::from(!is_right)), "{words:?}: {text}");
        assert!(!text.is_empty(), "{words:?}");
    }
}

/// Each stop interrupts the system call that waits, which must not shorten or prolong the timeout.
/// Stops and continues the process many times. It exists until it is waited for.
fn storm(child: &Child) {
    let pid = Pid::from_raw(child.id().cast_signed());
    for _ in 0..500 {
        kill(pid, Signal::SIGSTOP).unwrap();
        kill(pid, Signal::SIGCONT).unwrap();
    }
}

#[test]
fn a_storm_of_stops_changes_no_verdict() {
    let targets = Targets::new();
    for program in programs() {
        for (words, expected) in targets.checks() {
            let mut command = Command::new(&program);
            command
                .args(&words)
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            storm(&child);
            let status = super::launcher::ended(&mut child);
            let code = i32::from(expected != Expected::Healthy);
            assert_eq!(status.code(), Some(code), "{words:?}: {}", read(child.stdout.take().unwrap()));
        }
    }
}

#[test]
fn a_storm_of_stops_breaks_no_inspection() {
    let (Some(program), place) = (full(), Place::new()) else { return };
    for (words, _) in inspections(&place).into_iter().chain([(words("report"), Expected::Any)]) {
        let mut command = Command::new(&program);
        command.args(&words).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        storm(&child);
        let status = super::launcher::ended(&mut child);
        assert!(matches!(status.code(), Some(0 | 1)), "{words:?}: {status}");
    }
}
