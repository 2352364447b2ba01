//! Processes: who holds a socket, and how a process is. proc_pid_stat(5), proc_pid_fd(5).

use std::fs;
use std::path::Path;

use crate::files::read_regular;
use crate::net::deadline::Deadline;

/// The most of one `stat` that is read, in bytes.
const STAT_LIMIT: u64 = 4096;

/// A process by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number in this pid namespace.
    pub pid: u32,
    /// Its name, at most 15 bytes, as it chose it.
    pub name: Vec<u8>,
    /// Its state: `R`, `S`, `D`, `T`, `Z`, …
    pub state: char,
}

/// The process of this number, if it is there and may be read.
pub fn process(proc: &Path, pid: u32) -> Option<Process> {
    let stat = read_regular(&proc.join(pid.to_string()).join("stat"), STAT_LIMIT).ok()?;
    parse_stat(&stat).map(|(name, state)| Process { pid, name: name.to_vec(), state })
}

/// The process that holds the socket of this inode, if its descriptors may be seen and it is found in time.
pub fn socket_owner(proc: &Path, inode: u64, deadline: Deadline) -> Option<Process> {
    let wanted = format!("socket:[{inode}]");
    let entries = fs::read_dir(proc).ok()?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids {
        deadline.remaining().ok()?;
        let Ok(descriptors) = fs::read_dir(proc.join(pid.to_string()).join("fd")) else { continue };
        let holds = descriptors.flatten().any(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
        });
        if holds {
            return process(proc, pid);
        }
    }
    None
}

/// Name and state. The name is raw: it stands between the first `(` and the last `)`.
fn parse_stat(stat: &[u8]) -> Option<(&[u8], char)> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let state = stat.get(close + 2).copied().filter(u8::is_ascii_alphabetic)?;
    Some((stat.get(open + 1..close)?, char::from(state)))
}

/// The state in words.
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
    fn our_own_socket_is_found() {
        use std::os::fd::AsRawFd as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        let owner =
            socket_owner(Path::new("/proc"), inode, Deadline::after(std::time::Duration::from_mins(1)))
                .unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert_eq!(process(Path::new("/proc"), u32::MAX), None);
    }
}
