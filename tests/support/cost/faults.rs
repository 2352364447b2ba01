//! The page faults of a process. They are read while it is a zombie, from `/proc/PID/stat`
//! (proc_pid_stat(5)): unlike `getrusage(RUSAGE_CHILDREN)`, this counts no other child.

use std::fs;
use std::process::Command;

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::Result;

/// Runs the command, which must succeed, and returns its page faults, minor and major.
pub fn count(command: &mut Command) -> Result<u64> {
    let mut child = command.spawn()?;
    let pid = child.id();
    waitid(Id::Pid(Pid::from_raw(i32::try_from(pid)?)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = child.wait()?;
    if !status.success() {
        return Err(status.to_string().into());
    }
    // The name, in parentheses, may contain anything. State is the third field, minflt the tenth,
    // majflt the twelfth.
    let (_, after_name) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let number = |number: usize| -> Result<u64> {
        Ok(fields.get(number - 3).ok_or("/proc/PID/stat ends early")?.parse()?)
    };
    Ok(number(10)? + number(12)?)
}
