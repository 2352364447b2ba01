//! Processes: their pids, names and sockets. proc_pid_stat(5), proc_pid_fd(5), proc_pid_exe(5),
//! proc_pid_cmdline(5)

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::bytes::find;
use crate::deadline::Deadline;
use crate::directory::Directory;
use crate::error::{Cause, Error};
use crate::files::{read_regular, read_start};
use crate::text::{Shown as _, decode};

/// How much of a small file is read, in bytes.
const MAX_SMALL_FILE_BYTES: u64 = 4096;
/// How much of a command line is searched, in bytes. The kernel allows one argument so much.
const MAX_COMMAND_LINE_BYTES: u64 = 128 << 10;
/// The maximum pid: `PID_MAX_LIMIT` in the kernel's threads.h.
const PID_MAX_LIMIT: u32 = 4 << 20;
/// How much of `mountinfo` is read, in bytes.
const MAX_MOUNTINFO_BYTES: u64 = 4 << 20;
/// `CAP_SYS_PTRACE` as a bit of `CapEff`: capabilities(7).
const SYS_PTRACE: u64 = 1 << 19;
/// The length to which the kernel cuts a process's name: `TASK_COMM_LEN` without the NUL.
const MAX_NAME_BYTES: usize = 15;

/// The reason if `stat` of a process cannot be parsed.
pub const MALFORMED: &str = "malformed process state";

/// A process, its name and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid in this pid namespace.
    pub pid: u32,
    /// The name that it chose, at most 15 bytes.
    pub name: Vec<u8>,
    /// Its state: `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
}

impl Process {
    /// Parses its `stat`.
    pub fn parse(pid: u32, stat: &[u8]) -> Option<Self> {
        let (name, state) = parse_stat(stat)?;
        Some(Process { pid, name: name.to_vec(), state })
    }

    /// Formats it as `pid 7 (worker)`.
    pub fn shown(&self) -> String {
        format!("pid {} ({})", self.pid, decode(&self.name))
    }

    /// Whether it has ended and waits for its parent to collect its status.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether it was stopped, by a signal or a tracer.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Whether this is its name, its executable or the first word of its command line. The last two
    /// are compared without their directories unless `name` contains one. The kernel cuts names to
    /// 15 bytes, and a zombie has nothing else. `None` if it depends on the executable and that is
    /// not readable: only the process's own user may read it, and not for all processes (ptrace(2),
    /// "Ptrace access mode checking"). If the name and the first word are the same, the executable
    /// is assumed to have that name too.
    pub fn is_called(&self, proc: &Path, name: &[u8]) -> Option<bool> {
        if self.name == name {
            return Some(true);
        }
        if self.is_zombie() {
            return Some(self.name.len() == MAX_NAME_BYTES && name.starts_with(&self.name));
        }
        let is_it = |path: &[u8]| {
            let own = if name.contains(&b'/') { Some(path) } else { path.rsplit(|&b| b == b'/').next() };
            own == Some(name)
        };
        let command =
            read_start(&file(proc, self.pid, "cmdline"), MAX_SMALL_FILE_BYTES).unwrap_or_default().0;
        let word = command.split(|&b| b == 0).next().unwrap_or_default();
        if is_it(word) {
            return Some(true);
        }
        let link = file(proc, self.pid, "exe");
        let target = match fs::read_link(&link) {
            Ok(target) => target,
            Err(error) => {
                let is_known = kept(word) == self.name || !Error::from(error).is_denied();
                return is_known.then_some(false);
            }
        };
        let target = target.as_os_str().as_bytes();
        let is_called = is_it(target)
            // The kernel appends this to the name of a deleted file, but it may be part of an
            // existing file's name.
            || target.strip_suffix(b" (deleted)").is_some_and(|target| {
                is_it(target) && fs::metadata(&link).is_ok_and(|program| program.nlink() == 0)
            });
        Some(is_called)
    }
}

/// Returns whether the command line of a process contains this text, its words separated by spaces as
/// for `pgrep -f`. A zombie and a kernel thread have none. `None` if it may not be read.
pub fn has_arguments(proc: &Path, pid: u32, text: &[u8]) -> Option<bool> {
    match read_start(&file(proc, pid, "cmdline"), MAX_COMMAND_LINE_BYTES) {
        Ok((mut line, _)) => {
            line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
            Some(find(&line, text).is_some())
        }
        Err(error) if error.is_denied() => None,
        Err(_) => Some(false),
    }
}

/// Returns the part of a program's name that the kernel keeps, without its directories.
fn kept(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
    name.get(..MAX_NAME_BYTES).unwrap_or(name)
}

/// Returns the pids of all visible processes in the kernel's order, lowest first.
pub fn pids(proc: &Path) -> Result<Vec<u32>, Error> {
    let mut pids = Vec::new();
    let visit = &mut |name: &[u8]| {
        pids.extend(parse_folder(name));
        true
    };
    Directory::open(proc).and_then(|list| list.each(visit)).map_err(|errno| Error::from(errno).at(proc))?;
    Ok(pids)
}

/// Reads the process with this pid. The error contains the path; usually the process is gone.
pub fn process(proc: &Path, pid: u32) -> Result<Process, Error> {
    let path = file(proc, pid, "stat");
    let read = || Process::parse(pid, &read_regular(&path, MAX_SMALL_FILE_BYTES)?).ok_or(MALFORMED.into());
    read().map_err(|error: Error| error.at(&path))
}

/// Whether a process with this pid exists although proc does not show it, as with hidepid=2. The
/// kernel answers kill(2) with signal 0, which sends nothing. Pids are those of our own pid
/// namespace.
pub fn is_hidden(pid: u32) -> bool {
    let pid = pid.try_into().map(Pid::from_raw);
    pid.is_ok_and(|pid| matches!(kill(pid, None), Ok(()) | Err(Errno::EPERM)))
}

/// Returns the mount option that hides processes of other users from us, such as
/// `hidepid=invisible`; `None` if this proc has no such option or we see all processes regardless.
/// proc(5)
pub fn hiding_option(proc: &Path) -> Option<String> {
    let options = mount_options(proc)?;
    let option = |name: &str| options.split(',').find(|option| option.starts_with(name));
    let hidepid = option("hidepid=")?;
    let status = own_file(proc, "status", MAX_SMALL_FILE_BYTES).unwrap_or_default();
    let gid = option("gid=").and_then(|gid| gid.strip_prefix("gid=")).unwrap_or("0");
    (!sees_all(&status, gid)).then(|| hidepid.to_owned())
}

/// Explains why a table of the network in this proc does not exist. Mounted with `subset=pid`, proc
/// shows the tables in the directory of each process, but Linux 5.10 opens none of them: proc(5),
/// `proc_reg_open` in the kernel's fs/proc/inode.c.
pub fn explain_absence(proc: &Path, error: Error) -> Error {
    let options = if error.is_absent() { mount_options(proc) } else { None };
    match options.as_ref().and_then(|options| options.split(',').find(|option| option.starts_with("subset=")))
    {
        Some(option) => {
            let why = format!("{}: {} is mounted with {option}", error.reason(), proc.shown());
            Error { cause: Cause::Other(why.into()), path: error.path }
        }
        None => error,
    }
}

/// Returns the options of this proc.
fn mount_options(proc: &Path) -> Option<String> {
    options_of(&own_file(proc, "mountinfo", MAX_MOUNTINFO_BYTES)?, proc.as_os_str().as_bytes())
}

/// Reads a file of our own process.
fn own_file(proc: &Path, name: &str, limit: u64) -> Option<Vec<u8>> {
    Some(read_start(&proc.join("self").join(name), limit).ok()?.0)
}

/// Returns the options of the proc file system mounted here; of several, the last.
/// proc_pid_mountinfo(5)
fn options_of(mountinfo: &[u8], proc: &[u8]) -> Option<String> {
    let line =
        mountinfo.split(|&b| b == b'\n').rfind(|line| line.split(|&b| b == b' ').nth(4) == Some(proc))?;
    let rest = line.get(find(line, b" - proc ")? + b" - proc ".len()..)?;
    let options = rest.splitn(2, |&b| b == b' ').nth(1)?;
    Some(String::from_utf8_lossy(options).into_owned())
}

/// Whether hidepid hides nothing from a process with this status, because it has CAP_SYS_PTRACE or
/// is in the group of this number: `has_pid_permissions` in fs/proc/base.c.
fn sees_all(status: &[u8], gid: &str) -> bool {
    let line = |name: &str| {
        let line = status.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(name.as_bytes()));
        std::str::from_utf8(line.unwrap_or_default()).unwrap_or_default()
    };
    let capabilities = u64::from_str_radix(line("CapEff:").trim(), 16).unwrap_or_default();
    let groups =
        line("Gid:").split_ascii_whitespace().skip(3).chain(line("Groups:").split_ascii_whitespace());
    capabilities & SYS_PTRACE != 0 || groups.into_iter().any(|group| group == gid)
}

/// Returns the pid of the process that this thread belongs to; for a process, its own pid.
/// proc_pid_status(5)
pub fn thread_group(proc: &Path, pid: u32) -> Option<u32> {
    parse_group(&read_start(&file(proc, pid, "status"), MAX_SMALL_FILE_BYTES).ok()?.0)
}

/// Returns our own pid in the pid namespace that this proc shows; `None` if no proc is mounted.
pub fn own_pid(proc: &Path) -> Option<u32> {
    parse_pid(fs::read_link(proc.join("self")).ok()?.as_os_str().as_bytes())
}

/// Returns the process with the lowest pid that holds a socket with one of these inodes, if its
/// descriptors are visible and it is found before the deadline.
pub fn socket_owner(proc: &Path, inodes: &[u64], deadline: Deadline) -> Option<Process> {
    for pid in pids(proc).ok()? {
        let folder = file(proc, pid, "fd");
        let mut holds = false;
        let visit = &mut |name: &[u8]| {
            let target = fs::read_link(folder.join(OsStr::from_bytes(name))).unwrap_or_default();
            let inode = parse_socket(target.as_os_str().as_bytes());
            holds = inode.is_some_and(|inode| inodes.contains(&inode));
            !holds && deadline.remaining().is_ok()
        };
        // A directory that is not readable shows no sockets.
        let _ = Directory::open(&folder).and_then(|list| list.each(visit));
        if holds {
            return match process(proc, pid) {
                Err(error) if error.is_absent() => None,
                Err(_) => Some(Process { pid, name: b"?".to_vec(), state: '?' }),
                Ok(process) => Some(process),
            };
        }
        deadline.remaining().ok()?;
    }
    None
}

/// Parses a pid: decimal digits, from 1 to 2^22.
pub fn parse_pid(text: &[u8]) -> Option<u32> {
    parse_number(text).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| (1..=PID_MAX_LIMIT).contains(pid))
}

/// Parses the name of a process's directory in proc: a pid without leading zeros.
pub fn parse_folder(name: &[u8]) -> Option<u32> {
    if name.starts_with(b"0") { None } else { parse_pid(name) }
}

fn parse_number(text: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text {
        let digit = Some(byte).filter(|byte| byte.is_ascii_digit())? - b'0';
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(number).filter(|_| !text.is_empty())
}

fn file(proc: &Path, pid: u32, name: &str) -> PathBuf {
    proc.join(pid.to_string()).join(name)
}

/// Parses `socket:[109454]`.
pub fn parse_socket(target: &[u8]) -> Option<u64> {
    parse_number(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// Parses the line `Tgid:` of `status`. The name above it is escaped, so it contains no newline.
fn parse_group(status: &[u8]) -> Option<u32> {
    parse_pid(status.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"Tgid:\t"))?)
}

/// Returns the pid of a process's parent; `None` if that is outside of this pid namespace, or not
/// known.
pub fn parent(proc: &Path, pid: u32) -> Option<u32> {
    let stat = read_regular(&file(proc, pid, "stat"), MAX_SMALL_FILE_BYTES).ok()?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    parse_pid(stat.get(close + 4..)?.split(|&b| b == b' ').next()?)
}

/// Parses name and state. The name is raw: it is between the first `(` and the last `)`.
fn parse_stat(stat: &[u8]) -> Option<(&[u8], char)> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let state = stat.get(close + 2).copied().filter(u8::is_ascii_alphabetic)?;
    Some((stat.get(open + 1..close)?, char::from(state)))
}

/// Returns the state in words.
pub fn state_words(state: char) -> &'static str {
    match state {
        'R' => "running",
        'S' | 'I' => "sleeping",
        'D' => "in uninterruptible sleep",
        'T' => "stopped",
        't' => "stopped by a tracer",
        'Z' => "a zombie",
        'X' | 'x' => "dead",
        _ => "in an unknown state",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_may_hold_anything() {
        assert_eq!(parse_stat(b"1 (init) S 0 1"), Some((&b"init"[..], 'S')));
        assert_eq!(parse_stat(b"7 (a) Z (b)) T 1"), Some((&b"a) Z (b)"[..], 'T')));
        assert_eq!(parse_stat(b"7 (\n\x1b) R 1"), Some((&b"\n\x1b"[..], 'R')));
        for stat in [&b""[..], b"7", b"7 (", b"7 )x( S", b"7 (a)", b"7 (a) ", b"7 (a) 1"] {
            assert_eq!(parse_stat(stat), None, "{}", String::from_utf8_lossy(stat));
        }
    }

    #[test]
    fn links_and_status() {
        assert_eq!(parse_socket(b"socket:[109454]"), Some(109_454));
        for target in [&b""[..], b"/dev/null", b"socket:[]", b"socket:[1", b"pipe:[1]", b"socket:[x]"] {
            assert_eq!(parse_socket(target), None, "{}", String::from_utf8_lossy(target));
        }
        assert_eq!(parse_group(b"Name:\ta\\nTgid:\t1\nUmask:\t0022\nTgid:\t7\nPid:\t8\n"), Some(7));
        assert_eq!(parse_group(b"Name:\tTgid:\t1"), None);
    }

    #[test]
    fn our_own_socket_is_found() {
        use std::os::fd::AsRawFd as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode = parse_socket(link.as_os_str().as_bytes()).unwrap();
        let (proc, deadline) = (Path::new("/proc"), Deadline::after(Duration::from_mins(1)));
        assert_eq!(socket_owner(proc, &[1, inode], deadline).unwrap().pid, std::process::id());
        assert_eq!(own_pid(proc), Some(std::process::id()));
        assert_eq!(thread_group(proc, nix::unistd::gettid().as_raw().cast_unsigned()), own_pid(proc));
        let gone = process(proc, u32::MAX).unwrap_err();
        let why = format!("/proc/{}/stat: no such file or directory", u32::MAX);
        assert_eq!((gone.is_denied(), gone.is_absent(), gone.to_string()), (false, true, why));
    }

    #[test]
    fn hidepid_and_who_sees_all_processes() {
        let mounts = b"22 21 0:20 / / rw - ext4 /dev/root rw\n23 22 0:21 / /proc rw,nosuid - proc proc rw,gid=30,hidepid=2\n\
            24 22 0:22 / /proc/x rw - proc proc rw\n25 22 0:22 / /tmp rw - tmpfs proc rw,hidepid=1\n\n";
        assert_eq!(options_of(mounts, b"/proc").as_deref(), Some("rw,gid=30,hidepid=2"));
        assert_eq!(options_of(mounts, b"/proc/x").as_deref(), Some("rw"));
        for at in ["/tmp", "/", "/none", ""] {
            assert_eq!(options_of(mounts, at.as_bytes()), None, "{at}");
        }
        let status = |gid: &str, groups: &str, caps: &str| {
            format!("Gid:\t7\t7\t7\t{gid}\nGroups:\t{groups} \nCapPrm:\t0000000000080000\nCapEff:\t{caps}\n")
        };
        for (status, sees) in [
            (status("7", "", "0"), false),
            (status("30", "", "0"), true),
            (status("7", "1 30 2", "0"), true),
            (status("7", "", "0000000000080000"), true),
            (status("7", "3 0", "fff7ffff"), false),
            (String::new(), false),
        ] {
            assert_eq!(sees_all(status.as_bytes(), "30"), sees, "{status}");
        }
        assert!(is_hidden(std::process::id()) && !is_hidden(4 << 20) && !is_hidden(u32::MAX));
    }
}
