//! `access PATH`: whether a process may read, write or execute a file, and what on the way denies it.
//!
//! The rules are those of path_resolution(7), capabilities(7) and `fs.protected_symlinks` of proc_sys_fs(5), applied
//! to what the path leads through; nothing is opened. Access control lists and the immutable flag are not looked at.

use std::ffi::OsStr;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::meta::{facts, letters, octal};
use super::resolve::{Place, follow};
use super::users::Names;
use super::{Command, Inspect, Target};
use crate::cli::{Given, UsageError, flag, operand, option};
use crate::outcome::Fact;
use crate::procfs::status::Status;
use crate::report::Answer;
use crate::rootfs::{Meta, kind};
use crate::sys::has_attribute;
use crate::table::{Align, Mark, Table};
use crate::units;

/// What an id is.
const ID: &str = "a number from 0 to 4294967294";
/// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, their bits in a set of capabilities.
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;

const READ: u32 = 4;
const WRITE: u32 = 2;
const EXEC: u32 = 1;

pub(super) const COMMAND: Command = Command {
    name: "access",
    summary: "tell whether a process may read a file, or what on its path denies it",
    options: &[&[
        operand("PATH", "the file or directory"),
        option("uid", "N", "as this user, with no capabilities unless it is 0 (the process's own)"),
        option("gid", "N", "as this group (the process's own; 0 with --uid)"),
        option("groups", "N,N", "with these supplementary groups (the process's own; none with --uid)"),
        flag("write", "may it be written"),
        flag("exec", "may it be executed; of a directory, searched"),
    ]],
    plan,
    examples: r"porthole access /etc/app/config.yaml --uid 65532 --gid 65532
porthole access -p 7 /run/app.sock --write",
};

#[derive(Debug)]
struct Access {
    path: PathBuf,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    /// What is wanted of it, as the bits of a mode.
    wanted: Vec<u32>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    // The last number stands for "none".
    let id = |text: &str| {
        let number = units::number(text, u64::from(u32::MAX) - 1);
        number.and_then(|id| u32::try_from(id).ok()).ok_or(ID)
    };
    let expected = "numbers with commas between, such as 5,20";
    let groups = given.parsed("groups", expected, |text| {
        text.split(',').filter(|part| !part.is_empty()).map(|part| id(part.trim())).collect()
    })?;
    let mut wanted = Vec::new();
    for (name, bit) in [("write", WRITE), ("exec", EXEC)] {
        if given.has(name) {
            wanted.push(bit);
        }
    }
    if wanted.is_empty() {
        wanted.push(READ);
    }
    Ok(Box::new(Access {
        path: given.paths("PATH").pop().unwrap_or_default(),
        uid: given.parsed("uid", ID, id)?,
        gid: given.parsed("gid", ID, id)?,
        groups,
        wanted,
    }))
}

/// Who wants it.
struct Who {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Effective capabilities.
    capabilities: u64,
}

/// What became of a place on the way.
struct Row {
    path: Vec<u8>,
    meta: Meta,
    link: Option<Vec<u8>>,
    /// Whether the path ends there.
    is_end: bool,
    /// What is granted there, or why not.
    outcome: Result<String, String>,
}

impl Inspect for Access {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, String> {
        let root = target.root()?;
        let who = self.who(target)?;
        let names = Names::read(&root);
        let protected = target.start_of("sys/fs/protected_symlinks");
        let protected = protected.is_ok_and(|value| value.trim_ascii() == b"1");
        let mut rows: Vec<Row> = Vec::new();
        let mut lists: Vec<Vec<u8>> = Vec::new();
        let end = follow(&root, &self.path, &mut |place| {
            let outcome = match place.link {
                Some((_, folder)) => who.may_follow(place.meta, folder, protected),
                None if place.is_end => self.wants(&who, place),
                None => who.may(place.meta, EXEC),
            };
            let granted = outcome.is_ok();
            let held = target.proc.join("self/fd").join(place.handle.as_raw_fd().to_string());
            if place.link.is_none() && has_attribute(&held, "system.posix_acl_access") {
                lists.push(place.path.to_vec());
            }
            let link = place.link.map(|(text, _)| text.to_vec());
            rows.push(Row {
                path: place.path.to_vec(),
                meta: *place.meta,
                link,
                is_end: place.is_end,
                outcome,
            });
            granted
        });
        let (uid, gid) = (who.uid, who.gid);
        let shown = |path: &[u8]| Path::new(OsStr::from_bytes(path)).display().to_string();
        let mut allowed = Some(false);
        // What is in front of the end is searched, whatever the end is.
        let is_folder = rows.last().is_some_and(|row| row.is_end && kind(row.meta.st_mode).0 == 'd');
        let verbs: Vec<&str> = self.wanted.iter().map(|&bit| verb(bit, is_folder)).collect();
        let verbs = verbs.join(" and ");
        let reason = match (end, rows.last()) {
            (Ok(Some(end)), _) => {
                allowed = Some(true);
                format!("{uid}:{gid} may {verbs} {}", shown(&end))
            }
            (Ok(None), Some(Row { path, outcome: Err(why), .. })) => {
                format!("{uid}:{gid} may not {verbs} {}: {}: {why}", self.path.display(), shown(path))
            }
            (Err(dead), _) if dead.error.is_denied() => {
                // The rules let it pass, but not us, who look.
                allowed = None;
                let path = shown(&dead.path);
                format!("{path}: {}: we may not look further, whoever may; run as root", dead.error.words())
            }
            (Err(dead), _) => format!("{}: {}", shown(&dead.path), dead.error.words()),
            (Ok(None), _) => String::new(),
        };
        let mut notes = Vec::new();
        for path in lists {
            notes.push(format!(
                "{}: has an access control list; the verdict is by its mode alone",
                shown(&path)
            ));
        }
        if answer.is_json() {
            if allowed.is_none() {
                answer.complain(&reason);
            }
            self.document(&who, &rows, &names, allowed, &reason, notes, answer);
            return Ok(allowed == Some(true));
        }
        print(&rows, &names, answer);
        for note in &notes {
            answer.note(note);
        }
        match allowed {
            Some(true) => answer.line(format!("yes: {reason}").as_bytes()),
            Some(false) => answer.line(format!("no: {reason}").as_bytes()),
            None => answer.complain(&reason),
        }
        Ok(allowed == Some(true))
    }
}

impl Access {
    /// The ids that were given, and those of the process for what was not.
    fn who(&self, target: &Target) -> Result<Who, String> {
        if let Some(uid) = self.uid {
            return Ok(Who {
                uid,
                gid: self.gid.unwrap_or_default(),
                groups: self.groups.clone().unwrap_or_default(),
                capabilities: if uid == 0 { DAC_OVERRIDE | DAC_READ_SEARCH } else { 0 },
            });
        }
        let status = Status::parse(&target.read("status")?);
        // Files are accessed by the ids of the file system: credentials(7).
        let ([.., uid], [.., gid]) = (status.uids, status.gids);
        Ok(Who {
            uid,
            gid: self.gid.unwrap_or(gid),
            groups: self.groups.clone().unwrap_or(status.groups),
            capabilities: status.cap_effective,
        })
    }

    /// Whether all that is wanted is granted by what the path leads to, and by its mount.
    fn wants(&self, who: &Who, place: &Place<'_>) -> Result<String, String> {
        let letter = kind(place.meta.st_mode).0;
        let mount = fstatvfs(place.handle).map_or(FsFlags::empty(), |found| found.flags());
        let mut granted = Vec::new();
        for &bit in &self.wanted {
            // Writing to a device, FIFO or socket does not write to its file system.
            if bit == WRITE && mount.contains(FsFlags::ST_RDONLY) && matches!(letter, '-' | 'd') {
                return Err("is on a read-only mount".to_owned());
            }
            if bit == EXEC && !matches!(letter, '-' | 'd') {
                return Err(format!("is {}, which cannot be executed", kind(place.meta.st_mode).1));
            }
            if bit == EXEC && mount.contains(FsFlags::ST_NOEXEC) && letter == '-' {
                return Err("is on a mount with noexec".to_owned());
            }
            granted.push(who.may(place.meta, bit)?);
        }
        Ok(granted.join(", "))
    }

    #[allow(clippy::too_many_arguments, reason = "each is one key of the document")]
    fn document(
        &self,
        who: &Who,
        rows: &[Row],
        names: &Names,
        allowed: Option<bool>,
        reason: &str,
        notes: Vec<String>,
        answer: &mut Answer,
    ) {
        let wanted = self.wanted.iter().map(|&bit| Fact::Text(verb(bit, false).to_owned()));
        let components = rows.iter().map(|row| {
            let mut entries = vec![("path", Fact::Bytes(row.path.clone()))];
            entries.extend(facts(row.meta.st_mode, row.meta.st_uid, row.meta.st_gid, names));
            if let Some(link) = &row.link {
                entries.push(("link", Fact::Bytes(link.clone())));
            }
            entries.push(("granted", Fact::Bool(row.outcome.is_ok())));
            let (Ok(words) | Err(words)) = &row.outcome;
            entries.push(("reason", Fact::Text(words.clone())));
            Fact::Object(entries)
        });
        answer.document(vec![
            ("path", Fact::Bytes(self.path.as_os_str().as_bytes().to_vec())),
            ("uid", Fact::Count(who.uid.into())),
            ("gid", Fact::Count(who.gid.into())),
            ("groups", Fact::List(who.groups.iter().map(|&group| Fact::Count(group.into())).collect())),
            ("wanted", Fact::List(wanted.collect())),
            ("allowed", allowed.map_or(Fact::Null, Fact::Bool)),
            ("reason", Fact::Text(reason.to_owned())),
            ("components", Fact::List(components.collect())),
            ("notes", Fact::List(notes.into_iter().map(Fact::Text).collect())),
        ]);
    }
}

impl Who {
    /// Whether this bit of what a mode grants is granted, and by which rule.
    fn may(&self, meta: &Meta, bit: u32) -> Result<String, String> {
        let mode = meta.st_mode;
        let (class, bits) = if meta.st_uid == self.uid {
            ("the owner", mode >> 6)
        } else if meta.st_gid == self.gid || self.groups.contains(&meta.st_gid) {
            ("the group", mode >> 3)
        } else {
            ("others", mode)
        };
        let is_folder = kind(mode).0 == 'd';
        let verb = verb(bit, is_folder);
        if bits & bit != 0 {
            return Ok(verb.to_owned());
        }
        let reads = if is_folder { bit != WRITE } else { bit == READ };
        let overrides = is_folder || bit != EXEC || mode & 0o111 != 0;
        for (capability, name, helps) in
            [(DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", reads), (DAC_OVERRIDE, "CAP_DAC_OVERRIDE", overrides)]
        {
            if helps && self.capabilities & capability != 0 {
                return Ok(format!("{verb} (by {name})"));
            }
        }
        let owner = format!("owner {}:{} mode {}", meta.st_uid, meta.st_gid, octal(mode));
        Err(format!("{owner} gives {class} no {verb}"))
    }

    /// Whether a link is followed: in a sticky directory that all may write to, only one of the follower's or of the
    /// directory's owner.
    fn may_follow(&self, link: &Meta, folder: &Meta, protected: bool) -> Result<String, String> {
        let is_shared = folder.st_mode & 0o1002 == 0o1002;
        if protected && is_shared && link.st_uid != self.uid && link.st_uid != folder.st_uid {
            return Err(format!(
                "a link of user {} in a sticky directory is not followed by user {} (fs.protected_symlinks)",
                link.st_uid, self.uid
            ));
        }
        Ok("follow".to_owned())
    }
}

/// What a bit grants, in a word.
fn verb(bit: u32, is_folder: bool) -> &'static str {
    match (bit, is_folder) {
        (READ, false) => "read",
        (READ, true) => "list",
        (WRITE, _) => "write",
        (_, false) => "execute",
        (_, true) => "search",
    }
}

/// A line for each place. One that is come by again is not repeated.
fn print(rows: &[Row], names: &Names, answer: &mut Answer) {
    let left = Align::Left;
    let mut table =
        Table::new(&[("MODE", left), ("OWNER", left), ("GROUP", left), ("NAME", left), ("GRANTS", left)]);
    let mut seen: Vec<(&[u8], &str)> = Vec::new();
    for row in rows {
        let (Ok(words) | Err(words)) = &row.outcome;
        if seen.contains(&(&row.path, words)) {
            continue;
        }
        seen.push((&row.path, words));
        let (user, group) = (names.user(row.meta.st_uid), names.group(row.meta.st_gid));
        let name = match &row.link {
            Some(link) => [&row.path, b" -> ".as_slice(), link].concat(),
            None => row.path.clone(),
        };
        let (words, mark) = match &row.outcome {
            Ok(words) => (words.clone(), Mark::None),
            Err(why) => (format!("DENIED: {why}"), Mark::Wrong),
        };
        table.row(&[letters(row.meta.st_mode).as_bytes(), &user, &group, &name, words.as_bytes()]);
        table.mark(4, mark);
    }
    answer.table(&table);
}
