//! `access PATH`: whether a process may read, write or execute a file, and which component of the
//! path denies it.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, option};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::status::Status;
use crate::report::Answer;
use crate::table::{Align, Cell, Heading, Mark, Table, Width};
use crate::text::encode;
use crate::units;
use crate::view::metadata::{facts, letters};
use crate::view::permission::{EXEC, Examined, READ, Row, WRITE, Who, examine, verb};
use crate::view::users::Names;

/// What `--uid`, `--gid` and each of `--groups` expect.
const ID: &str = "a number from 0 to 4294967294";

pub(super) const COMMAND: Command = Command {
    name: "access",
    summary: "show whether a process may read a file, or what on its path denies it",
    options: &[&[
        operand("PATH", "the file or directory"),
        option("uid", "N", "as this user, with no capabilities unless it is 0 (the process's own)"),
        option("gid", "N", "as this group (the process's own; 0 with --uid)"),
        option("groups", "N,N", "with these supplementary groups (the process's own; none with --uid)"),
        flag("write", "whether it may write the file"),
        flag("exec", "whether it may execute the file, or search the directory"),
    ]],
    plan,
    examples: r"porthole access /etc/app/config.yaml --uid 65532 --gid 65532
porthole access -p 7 /run/app.sock --write",
    properties: Properties::WATCHED,
};

#[derive(Debug)]
struct Access {
    path: PathBuf,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    /// The requested access, as bits of a mode.
    wanted: Vec<u32>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    // The last number means "no id".
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

impl Inspect for Access {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let root = target.root()?;
        let who = self.who(target)?;
        let names = Names::of(target, answer);
        let Examined { allowed, reason, rows, .. } = examine(target, &root, &self.path, &who, &self.wanted);
        if answer.is_json() {
            if allowed.is_none() {
                answer.error(&reason);
            }
            self.document(&who, &rows, &names, allowed, &reason, answer);
            return Ok(allowed == Some(true));
        }
        print(&rows, &names, answer);
        match allowed {
            Some(true) => answer.sentence(&format!("yes: {reason}")),
            Some(false) => answer.sentence(&format!("no: {reason}")),
            None => answer.error(&reason),
        }
        Ok(allowed == Some(true))
    }
}

impl Access {
    /// Returns the ids that were given, completed with those of the process.
    fn who(&self, target: &Target) -> Result<Who, Error> {
        let mut who = match self.uid {
            // No proc is needed: this user has no capabilities.
            Some(uid) if uid != 0 => {
                let who = Who::of_ids(uid, 0, Vec::new(), 0);
                match target.handle() {
                    Ok(process) => who.mapped(target, &process),
                    Err(_) => who.unmapped(),
                }
            }
            _ => self.root_or_process(target)?,
        };
        who.gid = self.gid.unwrap_or(who.gid);
        if let Some(groups) = &self.groups {
            who.groups.clone_from(groups);
        }
        Ok(who)
    }

    /// Returns root or the process, which may have capabilities.
    fn root_or_process(&self, target: &Target) -> Result<Who, Error> {
        let status = Status::parse(&target.read("status")?);
        let process = target.handle()?;
        // Root has the capabilities in the bounding set of the target.
        if let Some(line) = status.missing_line()
            && !status.known.has_credentials()
        {
            return Err(process.missing_line(line).into());
        }
        let who = match self.uid {
            Some(uid) => Who::of_ids(uid, 0, Vec::new(), status.cap_bounding),
            None => Who::of_process(status),
        };
        Ok(who.mapped(target, &process))
    }

    #[allow(clippy::too_many_arguments, reason = "each is one key of the document")]
    fn document(
        &self,
        who: &Who,
        rows: &[Row],
        names: &Names,
        allowed: Option<bool>,
        reason: &str,
        answer: &mut Answer,
    ) {
        let groups = who.groups.iter().map(|&gid| names.group_fact(gid));
        let wanted = self.wanted.iter().map(|&bit| Fact::Text(verb(bit, false).to_owned()));
        let components = rows.iter().map(|row| {
            let mut entries = vec![("path", Fact::Bytes(row.path.clone()))];
            entries.extend(facts(row.meta.st_mode, row.meta.st_uid, row.meta.st_gid, names));
            if let Some(link) = &row.link {
                entries.push(("link", Fact::Bytes(link.clone())));
            }
            let granted = if row.is_known { Fact::Bool(row.outcome.is_ok()) } else { Fact::Null };
            entries.push(("granted", granted));
            let (Ok(words) | Err(words)) = &row.outcome;
            entries.push(("reason", Fact::Text(words.clone())));
            Fact::Object(entries)
        });
        answer.document(vec![
            ("path", Fact::Bytes(self.path.as_os_str().as_bytes().to_vec())),
            ("uid", Fact::Count(who.uid.into())),
            ("gid", Fact::Count(who.gid.into())),
            ("groups", Fact::List(groups.collect())),
            ("wanted", Fact::List(wanted.collect())),
            ("allowed", allowed.map_or(Fact::Null, Fact::Bool)),
            ("reason", Fact::Text(reason.to_owned())),
            ("components", Fact::List(components.collect())),
        ]);
    }
}

/// Prints a line for each component of the path. One that is met again is not repeated.
fn print(rows: &[Row], names: &Names, answer: &mut Answer) {
    let heading = |(title, width)| Heading { title, align: Align::Left, width };
    let [whole, cut] = [Width::Whole, Width::Cut(0)];
    let titles = [("MODE", whole), ("OWNER", whole), ("GROUP", whole), ("NAME", whole), ("GRANTS", cut)];
    let mut table = Table::new(titles.map(heading).to_vec());
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
            Err(why) if row.is_known => (format!("DENIED: {why}"), Mark::Wrong),
            Err(why) => (format!("?: {why}"), Mark::Notable),
        };
        let grants = Cell::from(&*encode(&words)).marked(mark);
        table.row(vec![letters(row.meta.st_mode).into(), user.into(), group.into(), name.into(), grants]);
    }
    answer.table(&table);
}
