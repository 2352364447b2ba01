//! Starts a program in a hostile environment, and holds what is true in any of them: it ends by
//! itself, in time, with exit status 0 or 1, and it says something.

use std::io::{self, Read};
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use nix::libc::{self, c_long, sock_filter, sock_fprog};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The timeout of checks: as long as a busy machine may need, because `not` takes a timeout for a
/// failure.
const TIMEOUT: &str = "10s";
/// After how many seconds a run hangs: the machine may be busy.
const HANG: u16 = 30;

/// How a run ended.
#[derive(Debug)]
pub struct End {
    shown: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl End {
    /// Returns what happened.
    fn story(&self) -> String {
        format!("{}: {}\nstdout: {}\nstderr: {}", self.shown, self.status, self.stdout, self.stderr)
    }

    /// Says what is wrong unless it ended by itself with 0 or 1, and with 1 if it checks what is
    /// broken.
    pub fn exited(&self, expected: Expected) -> Result<(), String> {
        self.unless(matches!(self.status.code(), Some(0 | 1)), "it did not exit with 0 or 1")?;
        let is_healthy = self.status.code() == Some(0);
        self.unless(!(is_healthy && expected == Expected::Broken), "what is broken is healthy")
    }

    /// Says what is wrong unless, besides, it printed something, which says what the exit status
    /// says.
    pub fn judged(&self, expected: Expected) -> Result<(), String> {
        self.exited(expected)?;
        self.unless(!self.stdout.is_empty() || !self.stderr.is_empty(), "it says nothing")?;
        let is_healthy = self.status.code() == Some(0);
        let says = self.stdout.starts_with("healthy: ");
        // Of several checks, one that could not be made is on stderr.
        let is_verdict = expected != Expected::Any && !self.stdout.is_empty() && self.stderr.is_empty();
        self.unless(!is_verdict || says == is_healthy, "the text does not say what the exit status says")
    }

    /// Says what is wrong unless the verdict is the one that is right where nothing is hostile.
    pub fn unaffected(&self, expected: Expected) -> Result<(), String> {
        self.judged(expected)?;
        let is_right = expected != Expected::Healthy || self.status.code() == Some(0);
        self.unless(is_right, "what is in order is not healthy")
    }

    fn unless(&self, holds: bool, problem: &str) -> Result<(), String> {
        if holds { Ok(()) } else { Err(format!("{problem}: {}", self.story())) }
    }
}

/// What the right result of a command is, in an environment that is not hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A check of what is in order.
    Healthy,
    /// A check of what is not in order: the exit status is 1, whatever happens.
    Broken,
    /// An inspection.
    Any,
}

/// Runs a program to its end. `hostile` prepares the new process just before it executes the
/// program; it may only make system calls.
pub fn launch(
    program: &Path,
    words: &[String],
    hostile: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> End {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PORTHOLE_TIMEOUT", TIMEOUT).stdin(Stdio::null());
    prepared(&mut command, hostile);
    finish(&mut command)
}

/// Lets the new process prepare itself.
#[allow(unsafe_code, reason = "what is between fork(2) and execve(2) may only make system calls")]
pub fn prepared(command: &mut Command, hostile: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: the closures of these tests make system calls only.
    unsafe { command.pre_exec(hostile) };
}

/// Runs a command to its end, and kills it if it hangs, which shows in its status.
pub fn finish(command: &mut Command) -> End {
    let shown = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (status, stdout, stderr) = thread::scope(|scope| {
        let stdout = scope.spawn(move || read(stdout));
        let stderr = scope.spawn(move || read(stderr));
        (ended(&mut child), stdout.join().unwrap(), stderr.join().unwrap())
    });
    End { shown, status, stdout, stderr }
}

/// Reads to the end.
pub fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for a child. It kills one that hangs, which shows in its status.
#[allow(unsafe_code, reason = "std has no pidfd")]
pub fn ended(child: &mut Child) -> ExitStatus {
    // SAFETY: the descriptor is new, and nobody else's. pidfd_open(2)
    let handle = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    assert!(handle >= 0, "pidfd_open: {}", io::Error::last_os_error());
    // SAFETY: as above.
    let handle = unsafe { OwnedFd::from_raw_fd(i32::try_from(handle).unwrap()) };
    let mut entries = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    if poll(&mut entries, PollTimeout::from(HANG * 1000)).unwrap() == 0 {
        child.kill().unwrap();
    }
    child.wait().unwrap()
}

/// Makes system calls fail with this error in this process and the programs that it executes:
/// seccomp(2).
pub fn refuse(calls: [c_long; 2], errno: i32) -> io::Result<()> {
    let [one, other] = calls.map(|call| u32::try_from(call).unwrap_or(u32::MAX));
    install(&mut [
        line(LOAD, 0, 0, NUMBER),
        line(JUMP, 1, 0, one),
        line(JUMP, 0, 1, other),
        line(END, 0, 0, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()),
        line(END, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}

/// Makes seccomp(2) fail as in a kernel before 4.17, which does not know the flag that a filter
/// needs no mitigation.
pub fn be_an_old_kernel() -> io::Result<()> {
    install(&mut [
        line(LOAD, 0, 0, NUMBER),
        line(JUMP, 0, 3, u32::try_from(libc::SYS_seccomp).unwrap_or(u32::MAX)),
        line(LOAD, 0, 0, SECOND_ARGUMENT),
        line(JUMP_IF_ANY, 0, 1, u32::try_from(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW).unwrap_or(u32::MAX)),
        line(END, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL.cast_unsigned()),
        line(END, 0, 0, libc::SECCOMP_RET_ALLOW),
    ])
}

/// The instructions of linux/filter.h.
const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const JUMP_IF_ANY: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const END: u32 = libc::BPF_RET | libc::BPF_K;
/// Where struct seccomp_data has the number of the call, and the low half of its second argument.
const NUMBER: u32 = 0;
const SECOND_ARGUMENT: u32 = 24;

fn line(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k }
}

#[allow(unsafe_code, reason = "nix has no seccomp")]
fn install(code: &mut [sock_filter]) -> io::Result<()> {
    let program = sock_fprog { len: u16::try_from(code.len()).unwrap_or(0), filter: code.as_mut_ptr() };
    // SAFETY: the kernel copies the filter.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}
