//! Parsers for the control groups of a process and for the files of a group. cgroups(7),
//! proc_pid_cgroup(5), and the kernel's admin-guide/cgroup-v2.rst and admin-guide/cgroup-v1/.

use super::mountinfo::{Mount, Mounts, below};

/// The value from which a limit of v1 means no limit; v1 writes 2^63 minus a page.
pub const V1_UNLIMITED: u64 = 1 << 62;

/// The membership of a process in one group of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The controllers of a v1 hierarchy; empty for that of v2.
    pub controllers: Vec<Vec<u8>>,
    /// The path of the group below the root of the reader's cgroup namespace. It begins with `/..`
    /// if the group is outside that root.
    pub path: Vec<u8>,
}

/// Parses `/proc/PID/cgroup`: `4:memory:/a`, `0::/a`. Malformed lines are skipped.
pub fn parse(text: &[u8]) -> Vec<Membership> {
    let line = |line: &[u8]| {
        let mut fields = line.splitn(3, |&b| b == b':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if !path.starts_with(b"/") || (controllers.is_empty() && number != b"0") {
            return None;
        }
        let controllers = controllers.split(|&b| b == b',').filter(|name| !name.is_empty());
        Some(Membership { controllers: controllers.map(<[u8]>::to_vec).collect(), path: path.to_vec() })
    };
    text.split(|&b| b == b'\n').filter_map(line).collect()
}

/// Returns the hierarchy of this controller, a v1 hierarchy that names it or else that of v2, and
/// whether it is v2.
pub fn hierarchy<'a>(memberships: &'a [Membership], controller: &str) -> Option<(&'a Membership, bool)> {
    let named = |one: &&Membership| one.controllers.iter().any(|name| name == controller.as_bytes());
    let v1 = memberships.iter().find(named).map(|one| (one, false));
    v1.or_else(|| memberships.iter().find(|one| one.controllers.is_empty()).map(|one| (one, true)))
}

/// Locates a group: returns the mount, and the path of the group below the mount point.
///
/// The mount may show only a group far down, as in a container; then only the groups below it are
/// visible. Both paths begin at the root of the reader's cgroup namespace, so they are comparable
/// even if they lead above it.
pub fn locate<'a, 'b>(
    mounts: &'a Mounts,
    membership: &'b Membership,
    controller: &str,
    v2: bool,
) -> Option<(&'a Mount, &'b [u8])> {
    let candidates = mounts.visible().filter(|mount| is_of(mount, controller, v2));
    candidates
        .filter_map(|mount| Some((mount, below(&mount.root, &membership.path)?)))
        .max_by_key(|(_, rest)| rest.len())
}

/// Whether the mount is of the hierarchy of this controller.
pub fn is_of(mount: &Mount, controller: &str, v2: bool) -> bool {
    if v2 {
        mount.kind == b"cgroup2"
    } else {
        mount.kind == b"cgroup" && mount.has_super_option(controller.as_bytes())
    }
}

/// Iterates over the group and those above it, up to the root of the mount, which is the empty
/// path.
pub fn upwards(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = Some(path);
    std::iter::from_fn(move || {
        let path = next?;
        next = path.iter().rposition(|&b| b == b'/').and_then(|at| path.get(..at));
        Some(path)
    })
}

/// Parses a file that consists of one number.
pub fn count(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim_ascii().parse().ok()
}

/// The text of a file is not the number that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

/// Works as [`count`], but anything else is an error.
pub fn amount(text: &[u8]) -> Result<Option<u64>, NotANumber> {
    count(text).map(Some).ok_or(NotANumber)
}

/// Parses a file that consists of one limit. `max` means no limit, as do the values that v1 writes
/// for none.
pub fn limit(text: &[u8]) -> Result<Option<u64>, NotANumber> {
    match text.trim_ascii() {
        b"max" | b"-1" => Ok(None),
        text => Ok(amount(text)?.filter(|&limit| limit < V1_UNLIMITED)),
    }
}

/// Returns the number after this word in a file with one entry a line: `oom_kill 3`.
pub fn entry(text: &[u8], name: &str) -> Option<u64> {
    let value = |line: &[u8]| count(line.strip_prefix(name.as_bytes())?.strip_prefix(b" ")?);
    text.split(|&b| b == b'\n').find_map(value)
}

/// Parses `cpu.max` of v2, `50000 100000` or `max 100000`, into thousandths of a CPU.
pub fn cpu_max(text: &[u8]) -> Result<Option<u64>, NotANumber> {
    let text = text.trim_ascii();
    let (quota, period) = text.split_at(text.iter().position(|&b| b == b' ').unwrap_or(text.len()));
    let Some(quota) = limit(quota)? else { return Ok(None) };
    count(period).and_then(|period| millicores(quota, period)).map(Some).ok_or(NotANumber)
}

/// Converts a quota per period, both in microseconds, to thousandths of a CPU.
pub fn millicores(quota: u64, period: u64) -> Option<u64> {
    quota.checked_mul(1000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(controllers: &[&str], path: &str) -> Membership {
        Membership {
            controllers: controllers.iter().map(|name| name.as_bytes().to_vec()).collect(),
            path: path.into(),
        }
    }

    #[test]
    fn groups_of_a_process() {
        // v1 as systemd of Debian 10 mounts it; a path may contain a colon.
        let v1 = parse(b"12:cpu,cpuacct:/docker/ab:c\n4:memory:/m\n1:name=systemd:/s\n0::/unified\n");
        assert_eq!(
            hierarchy(&v1, "cpuacct"),
            Some((&membership(&["cpu", "cpuacct"], "/docker/ab:c"), false))
        );
        assert_eq!(hierarchy(&v1, "memory"), Some((&membership(&["memory"], "/m"), false)));
        assert_eq!(hierarchy(&v1, "pids"), Some((&membership(&[], "/unified"), true)));
        assert_eq!(hierarchy(&v1, "mem"), hierarchy(&v1, "pids"));
        let v2 = parse(b"0::/../x\n");
        assert_eq!(hierarchy(&v2, "memory"), Some((&membership(&[], "/../x"), true)));
        assert_eq!(parse(b"\n7\n7:\n7:memory\n7:memory:a\n7::/\n\xff:\xff:"), []);
        assert_eq!(hierarchy(&[], "memory"), None);
    }

    #[test]
    fn locations_of_groups() {
        let mounts = Mounts::parse(
            b"30 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            31 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
            32 30 0:30 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
            33 30 0:31 /../pod /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            34 1 0:31 / /covered rw - cgroup2 cgroup2 rw\n35 34 0:9 / /covered rw - tmpfs none rw\n",
        );
        let place = |controller: &str, path: &str, v2| {
            let membership = membership(&[], path);
            let found = locate(&mounts, &membership, controller, v2);
            found.map(|(mount, rest)| [mount.point.as_slice(), rest].concat().escape_ascii().to_string())
        };
        assert_eq!(place("cpuacct", "/a/b", false).unwrap(), "/sys/fs/cgroup/cpu/a/b");
        assert_eq!(place("cpu", "/", false).unwrap(), "/sys/fs/cgroup/cpu");
        assert_eq!(place("memory", "/docker/ab/c", false).unwrap(), "/sys/fs/cgroup/memory/c");
        assert_eq!(place("memory", "/docker/ab", false).unwrap(), "/sys/fs/cgroup/memory");
        assert_eq!(place("memory", "/docker/abc", false), None);
        assert_eq!(place("memory", "/", false), None);
        assert_eq!(place("pids", "/", false), None);
        assert_eq!(place("pids", "/../pod/x", true).unwrap(), "/sys/fs/cgroup/unified/x");
        assert_eq!(place("pids", "/", true), None, "hidden by another mount");
    }

    #[test]
    fn groups_from_the_bottom_up() {
        let of = |path: &'static str| -> Vec<&[u8]> { upwards(path.as_bytes()).collect() };
        assert_eq!(of("/a/b"), [&b"/a/b"[..], b"/a", b""]);
        assert_eq!(of(""), [b""]);
    }

    #[test]
    fn values_in_files() {
        assert_eq!(
            (limit(b"max\n"), limit(b"1048576\n"), limit(b"")),
            (Ok(None), Ok(Some(1 << 20)), Err(NotANumber))
        );
        assert_eq!((limit(b"9223372036854771712\n"), limit(b"-1\n")), (Ok(None), Ok(None)));
        for text in [&b"abc"[..], b"-5", b"99999999999999999999999", b"1 2", b"\xff"] {
            assert_eq!((limit(text), amount(text)), (Err(NotANumber), Err(NotANumber)));
        }
        // memory.events of Linux 6.18.
        let events = b"low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\noom_group_kill 0\n";
        assert_eq!(
            (entry(events, "oom_kill"), entry(events, "oom"), entry(events, "no")),
            (Some(3), Some(4), None)
        );
        assert_eq!(entry(b"oom_kill\noom_kill x\noom_kill 18446744073709551616", "oom_kill"), None);
        assert_eq!((cpu_max(b"50000 100000\n"), cpu_max(b"max 100000\n")), (Ok(Some(500)), Ok(None)));
        for text in [&b"1000 0\n"[..], b"1000", b"", b"x 1", b"1 x", b"1 2 3"] {
            assert_eq!(cpu_max(text), Err(NotANumber));
        }
        assert_eq!(millicores(u64::MAX, 1), None);
    }
}
