//! A process's `status`: its ids, its capabilities and its restrictions. proc_pid_status(5)

/// The contents of `status`. Ids are in the order real, effective, saved, file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Its user ids.
    pub uids: [u32; 4],
    /// Its group ids.
    pub gids: [u32; 4],
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// The pid of its parent; 0 if none is visible.
    pub ppid: u32,
    /// Its state: `S`, `Z`, …
    pub state: char,
    /// Its pid in each pid namespace, the reader's first.
    pub ns_pids: Vec<u32>,
    /// Inheritable capabilities, one bit each: capabilities(7).
    pub cap_inheritable: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
    /// The bounding set.
    pub cap_bounding: u64,
    /// Ambient capabilities.
    pub cap_ambient: u64,
    /// Whether exec cannot grant privileges: `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privs: bool,
    /// The seccomp(2) mode: 0 none, 1 strict, 2 filter.
    pub seccomp: u32,
    /// Blocked signals, one bit each; SIGHUP is bit 0.
    pub blocked: u64,
    /// Ignored signals.
    pub ignored: u64,
    /// Signals that have a handler.
    pub caught: u64,
    /// The lines that were present.
    pub known: Known,
}

/// Which lines of `status` were present: not every system has all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line on its own")]
pub struct Known {
    /// `Uid` and `Gid`.
    pub ids: bool,
    /// `CapPrm`.
    pub capabilities: bool,
    /// `NoNewPrivs`.
    pub no_new_privs: bool,
    /// `Seccomp`.
    pub seccomp: bool,
    /// `SigCgt`.
    pub signals: bool,
}

impl Known {
    /// Whether its ids and capabilities are known.
    pub fn has_credentials(self) -> bool {
        self.ids && self.capabilities
    }
}

/// CAP_SYS_PTRACE as a bit in a set of capabilities.
pub const SYS_PTRACE: u64 = 1 << 19;
/// CAP_DAC_OVERRIDE.
pub const DAC_OVERRIDE: u64 = 1 << 1;
/// CAP_DAC_READ_SEARCH.
pub const DAC_READ_SEARCH: u64 = 1 << 2;
/// CAP_NET_ADMIN.
pub const NET_ADMIN: u64 = 1 << 12;
/// CAP_SYSLOG.
pub const SYSLOG: u64 = 1 << 34;
/// Without one of them, only the owner can read a file of mode 0400.
const DAC: u64 = DAC_OVERRIDE | DAC_READ_SEARCH;

/// A rule of ptrace(2), "Ptrace access mode checking", that denies access to protected files of a
/// process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// It runs as another user.
    User,
    /// It runs as another group.
    Group,
    /// It has capabilities that the reader lacks.
    Capabilities,
    /// It is not dumpable, or is in another user namespace.
    Dumpable,
    /// Its files belong to another user and their modes admit only that user, which CAP_SYS_PTRACE
    /// does not override.
    Mode,
    /// None of these, because the reader has CAP_SYS_PTRACE: another user namespace or a security
    /// module.
    Beyond,
}

impl Status {
    /// Parses the text of the file; a malformed line leaves its field at the default.
    pub fn parse(text: &[u8]) -> Self {
        let mut status = Status::default();
        for line in text.split(|&b| b == b'\n') {
            let Some(at) = line.iter().position(|&b| b == b':') else { continue };
            let (name, value) = line.split_at(at);
            // Only the name may be other than ASCII; it is escaped, and is read elsewhere.
            let value = std::str::from_utf8(value).unwrap_or_default().trim_start_matches(':').trim_ascii();
            let numbers = || value.split_ascii_whitespace().map_while(|word| word.parse().ok());
            let set = || u64::from_str_radix(value, 16).unwrap_or_default();
            let known = &mut status.known;
            match name {
                b"Uid" => known.ids = numbers().next().is_some(),
                b"CapPrm" => known.capabilities = true,
                b"NoNewPrivs" => known.no_new_privs = true,
                b"Seccomp" => known.seccomp = true,
                b"SigCgt" => known.signals = true,
                _ => {}
            }
            match name {
                b"Uid" => fill(&mut status.uids, numbers()),
                b"Gid" => fill(&mut status.gids, numbers()),
                b"Groups" => status.groups = numbers().collect(),
                b"PPid" => status.ppid = numbers().next().unwrap_or_default(),
                b"State" => status.state = value.chars().next().unwrap_or_default(),
                b"NSpid" => status.ns_pids = numbers().collect(),
                b"CapInh" => status.cap_inheritable = set(),
                b"CapPrm" => status.cap_permitted = set(),
                b"CapEff" => status.cap_effective = set(),
                b"CapBnd" => status.cap_bounding = set(),
                b"CapAmb" => status.cap_ambient = set(),
                b"NoNewPrivs" => status.no_new_privs = value == "1",
                b"Seccomp" => status.seccomp = numbers().next().unwrap_or_default(),
                b"SigBlk" => status.blocked = set(),
                b"SigIgn" => status.ignored = set(),
                b"SigCgt" => status.caught = set(),
                _ => {}
            }
        }
        status
    }

    /// Returns the first line about ids, capabilities or restrictions that was missing.
    pub fn missing_line(&self) -> Option<&'static str> {
        let known = &self.known;
        if !known.ids {
            Some("Uid")
        } else if !known.capabilities {
            Some("CapPrm")
        } else if !known.no_new_privs {
            Some("NoNewPrivs")
        } else {
            (!known.seccomp).then_some("Seccomp")
        }
    }

    /// Returns the rule that keeps a process with these credentials from reading protected files of
    /// `target`. The rules are the kernel's. It does not report which one denied access, so this is
    /// the first that applies.
    pub fn barrier(&self, target: &Status) -> Barrier {
        let all_are = |ids: &[u32; 4], own: u32| ids[..3].iter().all(|&id| id == own);
        if self.cap_effective & SYS_PTRACE != 0 {
            let is_own = target.uids[1] == self.uids[3];
            if is_own || self.cap_effective & DAC != 0 { Barrier::Beyond } else { Barrier::Mode }
        } else if !all_are(&target.uids, self.uids[3]) {
            Barrier::User
        } else if !all_are(&target.gids, self.gids[3]) {
            Barrier::Group
        } else if target.cap_permitted & !self.cap_effective != 0 {
            Barrier::Capabilities
        } else {
            Barrier::Dumpable
        }
    }

    /// Whether SYS_PTRACE is only in the bounding set, where it is of no use to a user other than
    /// root.
    pub fn has_unused_ptrace(&self) -> bool {
        self.cap_bounding & !self.cap_effective & SYS_PTRACE != 0 && self.uids[3] != 0
    }

    /// Returns the user and group that could read `target` without further capabilities, unless
    /// they are ours already.
    pub fn would_pass_as(&self, target: &Status) -> Option<(u32, u32)> {
        let one = |ids: &[u32; 4]| ids[..3].iter().all(|&id| id == ids[0]).then_some(ids[0]);
        let ids = (one(&target.uids)?, one(&target.gids)?);
        (ids != (self.uids[3], self.gids[3])).then_some(ids)
    }

    /// Describes the rule that denies access, and what would help.
    pub fn describe_barrier(&self, target: &Status) -> String {
        let (uid, gid) = (self.uids[3], self.gids[3]);
        let unused = if self.has_unused_ptrace() {
            " (SYS_PTRACE is only in the bounding set, where a user other than root cannot use it)"
        } else {
            ""
        };
        let ptrace = match (self.would_pass_as(target), uid) {
            (Some((uid, gid)), _) => format!("run as {uid}:{gid}, or as root with the capability SYS_PTRACE"),
            (None, 0) => "run with the capability SYS_PTRACE".to_owned(),
            (None, _) => "run as root with the capability SYS_PTRACE".to_owned(),
        };
        let help = [&ptrace, unused].concat();
        match self.barrier(target) {
            Barrier::Beyond => {
                "porthole has CAP_SYS_PTRACE, but the process is in another user namespace, or a security module forbids it"
                    .to_owned()
            }
            Barrier::Mode => format!(
                "its uid is {}, ours is {uid}, and the file's mode admits only its owner: besides SYS_PTRACE, \
                 this requires the capability DAC_READ_SEARCH",
                target.uids[0]
            ),
            Barrier::User => format!("its uid is {}, ours is {uid}: {help}", foreign(&target.uids, uid)),
            Barrier::Group => format!("its gid is {}, ours is {gid}: {help}", foreign(&target.gids, gid)),
            Barrier::Capabilities => format!("it has capabilities that porthole lacks: {help}"),
            Barrier::Dumpable => {
                "it is not dumpable (a binary without read permission or with file capabilities, or \
                 prctl(PR_SET_DUMPABLE)), or in another user namespace: the capability SYS_PTRACE helps with the first"
                    .to_owned()
            }
        }
    }
}

/// Returns the one of the real, effective and saved id of a process that is not ours.
pub fn foreign(ids: &[u32; 4], own: u32) -> u32 {
    ids[..3].iter().copied().find(|&id| id != own).unwrap_or(own)
}

fn fill(ids: &mut [u32; 4], numbers: impl Iterator<Item = u32>) {
    for (id, number) in ids.iter_mut().zip(numbers) {
        *id = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"Name:\t\xff\\n\nState:\tS (sleeping)\nTgid:\t7\nPPid:\t1\nUid:\t65532\t65532\t65532\t65532\n\
        Gid:\t65532\t65532\t65532\t65532\nGroups:\t5 20 \nNSpid:\t4711\t7\nCapInh:\t0000000000000000\n\
        CapPrm:\t00000000a80425fb\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80c25fb\nCapAmb:\t0\nNoNewPrivs:\t1\n\
        Seccomp:\t2\nSigIgn:\t0000000000004000\nSigCgt:\t0000000180000000\n";

    #[test]
    fn fields_of_status() {
        let status = Status::parse(TEXT);
        assert_eq!((status.uids, status.gids), ([65_532; 4], [65_532; 4]));
        assert_eq!((&status.groups, status.ppid, status.state), (&vec![5, 20], 1, 'S'));
        assert_eq!((&status.ns_pids, status.cap_permitted), (&vec![4711, 7], 0xa804_25fb));
        assert_eq!((status.no_new_privs, status.seccomp, status.ignored), (true, 2, 0x4000));
        assert_eq!(status.missing_line(), None);
        let all = Known { ids: true, capabilities: true, no_new_privs: true, seccomp: true, signals: true };
        assert_eq!(status.known, all);
        assert_eq!(Status::parse(b"Uid:\tx\n\n:\nCapEff:\tzz\nUid"), Status::default());
        for (text, line) in [
            ("", "Uid"),
            ("Uid:\tx\nCapPrm:\t0\n", "Uid"),
            ("Uid:\t0\n", "CapPrm"),
            ("Uid:\t0\nCapPrm:\t0\nSeccomp:\t0\n", "NoNewPrivs"),
            ("Uid:\t0\nCapPrm:\t0\nNoNewPrivs:\t0\n", "Seccomp"),
        ] {
            assert_eq!(Status::parse(text.as_bytes()).missing_line(), Some(line));
        }
    }

    #[test]
    fn the_rule_that_denies() {
        let of = |uid, gid, caps| Status {
            uids: [uid; 4],
            gids: [gid; 4],
            cap_permitted: caps,
            cap_effective: caps,
            ..Status::default()
        };
        for (ours, theirs, rule) in [
            (
                of(0, 0, 0),
                of(65_532, 65_532, 0),
                "its uid is 65532, ours is 0: run as 65532:65532, or as root",
            ),
            (of(65_532, 0, 0), of(65_532, 65_532, 0), "its gid is 65532, ours is 0: run as 65532:65532"),
            (
                of(7, 7, 0),
                of(7, 7, 1),
                "it has capabilities that porthole lacks: run as root with the capability SYS_PTRACE",
            ),
            (
                of(0, 0, 0),
                of(0, 0, 1),
                "it has capabilities that porthole lacks: run with the capability SYS_PTRACE",
            ),
            (
                of(0, 0, 0),
                Status { uids: [0, 33, 33, 33], ..of(0, 0, 0) },
                "its uid is 33, ours is 0: run with the capability SYS_PTRACE",
            ),
            (of(7, 7, 0), of(7, 7, 0), "it is not dumpable"),
            (of(0, 0, SYS_PTRACE | DAC), of(7, 7, 0), "porthole has CAP_SYS_PTRACE"),
            (of(0, 0, SYS_PTRACE), of(7, 7, 0), "its uid is 7, ours is 0, and the file's mode"),
        ] {
            assert!(ours.describe_barrier(&theirs).starts_with(rule), "{}", ours.describe_barrier(&theirs));
        }
    }
}
