//! `id`: the credentials of a process: ids, capabilities, restrictions and namespaces. id(1),
//! credentials(7), capabilities(7), namespaces(7).

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::capabilities::{DOCKER_DEFAULT, LAST_KNOWN, all, names};
use crate::procfs::handle::Handle;
use crate::procfs::id_map::{is_mapped, ranges};
use crate::procfs::status::Status;
use crate::report::Answer;
use crate::view::users::Names;

/// The most that is read of one file in proc, in bytes.
const PROC_FILE_LIMIT: usize = 64 << 10;
/// If at most this many capabilities are missing, they are listed instead of the ones present.
const FEW_MISSING: u32 = 10;
/// The column in which the values begin.
const VALUE_COLUMN: usize = 14;
/// The kinds of ids, in the order of `status`.
const KINDS: [&str; 4] = ["real", "effective", "saved", "fs"];
/// The links in `ns/` to the namespaces that the process itself is in.
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

pub(super) const COMMAND: Command = Command {
    name: "id",
    summary: "print user, groups, capabilities and namespaces",
    options: &[],
    plan: |_: &mut Given<'_>| -> Result<Box<dyn Inspect>, UsageError> { Ok(Box::new(Id)) },
    examples: r"porthole id
porthole id -p 7",
    properties: Properties::of_process(Some("ids")),
};

#[derive(Debug)]
struct Id;

impl Inspect for Id {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let process = target.handle()?;
        let status = process
            .read("status", PROC_FILE_LIMIT)
            .map_err(|error| target.explain(error, &process, "status"))?;
        let mut status = Status::parse(&status);
        match status.missing_line() {
            Some(line) if !status.known.has_credentials() => return Err(process.missing_line(line).into()),
            // The other lines are about restrictions, which not every system reports.
            Some(line) => answer.error(process.missing_line(line)),
            None => {}
        }
        if !status.known.seccomp {
            // Shown like an unknown mode.
            status.seccomp = u32::MAX;
        }
        let names = Names::of(target, answer);
        let last = target.start_of("sys/kernel/cap_last_cap").ok();
        let last = last
            .and_then(|text| std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok())
            .unwrap_or(LAST_KNOWN);
        let seen = Seen {
            label: label(&process),
            namespaces: namespaces(&process, target, answer),
            uid_map: ranges(&process, "uid_map"),
            gid_map: ranges(&process, "gid_map"),
            status,
            names,
            all: all(last),
        };
        if answer.is_json() {
            answer.document(seen.json());
        } else {
            seen.print(answer);
        }
        Ok(true)
    }
}

/// What is known of a process.
struct Seen {
    status: Status,
    names: Names,
    /// All capabilities that this kernel has.
    all: u64,
    /// Its label from a security module: `docker-default (enforce)`.
    label: Option<Vec<u8>>,
    /// The inode numbers of its namespaces; `None` for one that cannot be read.
    namespaces: Vec<(&'static str, Option<Vec<u8>>)>,
    uid_map: Vec<[u64; 3]>,
    gid_map: Vec<[u64; 3]>,
}

impl Seen {
    /// Returns its capability sets by the names of capabilities(7).
    fn sets(&self) -> [(&'static str, u64); 5] {
        let status = &self.status;
        [
            ("permitted", status.cap_permitted),
            ("effective", status.cap_effective),
            ("bounding", status.cap_bounding),
            ("ambient", status.cap_ambient),
            ("inheritable", status.cap_inheritable),
        ]
    }

    fn print(&self, answer: &mut Answer) {
        let status = &self.status;
        let mut line = |name: &str, value: &[u8]| {
            let mut line = format!("{name:<VALUE_COLUMN$}").into_bytes();
            line.extend_from_slice(value);
            answer.line(&line);
        };
        let (user, group) = (|id| self.names.user(id), |id| self.names.group(id));
        line("user", &ids(status.uids, &user));
        line("group", &ids(status.gids, &group));
        let groups: Vec<Vec<u8>> = status.groups.iter().map(|&id| named(id, &group)).collect();
        line("groups", or_none(&groups.join(&b", "[..])));
        for (name, set) in self.sets() {
            line(name, self.set(set).as_bytes());
        }
        let restricted = match (status.known.no_new_privs, status.no_new_privs) {
            (false, _) => "?",
            (_, true) => "yes",
            (_, false) => "no",
        };
        line("no_new_privs", restricted.as_bytes());
        line("seccomp", seccomp(status.seccomp).as_bytes());
        if let Some(label) = &self.label {
            line("label", label);
        }
        for (name, map) in [("uid_map", &self.uid_map), ("gid_map", &self.gid_map)] {
            if is_mapped(map) {
                line(name, show_map(map).as_bytes());
            }
        }
        let namespaces: Vec<Vec<u8>> = self
            .namespaces
            .iter()
            .map(|(name, number)| [name.as_bytes(), b" ", number.as_deref().unwrap_or(b"?")].concat())
            .collect();
        line("namespaces", or_none(&namespaces.join(&b", "[..])));
    }

    fn set(&self, set: u64) -> String {
        match set {
            0 => "none".to_owned(),
            all if all == self.all => "all".to_owned(),
            DOCKER_DEFAULT => format!("{} (Docker's default)", names(set).join(", ")),
            most if (self.all & !most).count_ones() <= FEW_MISSING && most & !self.all == 0 => {
                format!("all but {}", names(self.all & !most).join(", "))
            }
            _ => names(set).join(", "),
        }
    }

    fn json(&self) -> Vec<(&'static str, Fact)> {
        let status = &self.status;
        let count = |id: u32| Fact::Count(u64::from(id));
        let ids = |ids: [u32; 4]| Fact::Object(KINDS.into_iter().zip(ids.map(count)).collect());
        let groups = status.groups.iter().map(|&gid| self.names.group_fact(gid));
        let sets = self
            .sets()
            .map(|(name, set)| (name, Fact::List(names(set).into_iter().map(Fact::Text).collect())));
        let namespaces = self.namespaces.iter().map(|(name, number)| {
            let number = number.as_deref().and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
            Fact::Object(vec![
                ("namespace", Fact::Text((*name).to_owned())),
                ("inode", number.map_or(Fact::Null, Fact::Count)),
            ])
        });
        let map = |map: &[[u64; 3]]| {
            let row = |&[inside, outside, count]: &[u64; 3]| {
                Fact::Object(vec![
                    ("inside", Fact::Count(inside)),
                    ("outside", Fact::Count(outside)),
                    ("count", Fact::Count(count)),
                ])
            };
            Fact::List(map.iter().map(row).collect())
        };
        let no_new_privs = status.known.no_new_privs.then_some(status.no_new_privs);
        vec![
            ("user", Fact::Bytes(self.names.user(status.uids[1]))),
            ("group", Fact::Bytes(self.names.group(status.gids[1]))),
            ("uids", ids(status.uids)),
            ("gids", ids(status.gids)),
            ("groups", Fact::List(groups.collect())),
            ("capabilities", Fact::Object(sets.into())),
            ("no_new_privs", no_new_privs.map_or(Fact::Null, Fact::Bool)),
            ("seccomp", Fact::Text(seccomp(status.seccomp).to_owned())),
            ("label", self.label.clone().map_or(Fact::Null, Fact::Bytes)),
            ("uid_map", map(&self.uid_map)),
            ("gid_map", map(&self.gid_map)),
            ("namespaces", Fact::List(namespaces.collect())),
        ]
    }
}

/// Shows ids as `1000 (app)`, or each kind if they differ.
fn ids(ids: [u32; 4], name: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
    if ids.iter().all(|&id| id == ids[0]) {
        return named(ids[0], name);
    }
    let each =
        KINDS.into_iter().zip(ids).map(|(kind, id)| [kind.as_bytes(), b" ", &named(id, name)].concat());
    each.collect::<Vec<_>>().join(&b", "[..])
}

/// Shows an id as `1000 (app)`, or as `1000` if it has no name.
fn named(id: u32, name: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let (id, name) = (id.to_string().into_bytes(), name(id));
    if name == id { id } else { [&id, &b" ("[..], &name, b")"].concat() }
}

fn or_none(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"none" } else { text }
}

fn seccomp(mode: u32) -> &'static str {
    match mode {
        0 => "off",
        1 => "strict",
        2 => "filter",
        _ => "unknown",
    }
}

/// Reads the label that a security module gave the process. proc_pid_attr(5)
fn label(process: &Handle) -> Option<Vec<u8>> {
    let label = process.read("attr/current", PROC_FILE_LIMIT).ok()?;
    let end = label.iter().rposition(|b| !matches!(b, 0 | b'\n'))?;
    label.get(..=end).map(<[u8]>::to_vec)
}

/// Reads the inode number of each namespace. Only the first one that is denied is reported.
fn namespaces(
    process: &Handle,
    target: &Target,
    answer: &mut Answer,
) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut denied = false;
    for name in NAMESPACES {
        let path = format!("ns/{name}");
        match process.link(&path) {
            // `net:[4026531840]`
            Ok(link) => {
                let number = link.split(|b| matches!(b, b'[' | b']')).nth(1).map(<[u8]>::to_vec);
                found.push((name, number));
            }
            // Older kernels lack some of them.
            Err(error) if error.is_gone() => {}
            Err(error) => {
                if !std::mem::replace(&mut denied, true) {
                    answer.error(target.explain(error, process, &path));
                }
                found.push((name, None));
            }
        }
    }
    found
}

/// Shows a map as `0-65535 is 100000-165535 outside`.
fn show_map(map: &[[u64; 3]]) -> String {
    let range = |from: u64, count: u64| match count {
        0 | 1 => from.to_string(),
        _ => format!("{from}-{}", from.saturating_add(count - 1)),
    };
    let rows = map.iter().map(|&[inside, outside, count]| {
        format!("{} is {} outside", range(inside, count), range(outside, count))
    });
    crate::text::list(&rows.collect::<Vec<String>>())
}
