//! `lsof`: open files of a process, or of all. lsof(8), proc_pid_fd(5), proc_pid_fdinfo(5).
//!
//! Invariant: no file is opened. What a descriptor is comes from its link in proc, and from stat(2)
//! of the target of that link. A file is deleted if its link count is 0; " (deleted)" does not
//! tell, because it may be part of a name.

mod link;
mod row;
mod spaces;

use std::ffi::{CStr, OsStr};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use self::link::{Link, descriptors, info};
use self::row::{Holder, Open, Row, Size, held, type_name};
use self::spaces::Spaces;
use super::{Command, Habits, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, flag};
use crate::error::{Cause, Error};
use crate::file_type::FileType;
use crate::procfs::handle::{Fate, Handle, read_once};
use crate::procfs::maps;
use crate::procfs::process::{MALFORMED, Process, own_pid, parse_socket};
use crate::procfs::status::Status;
use crate::report::{Answer, cells, object, table};
use crate::table::{Mark, Table};
use crate::text::Shown as _;
use crate::units::{push_number, show_short_size};
use crate::view::root::Root;
use crate::view::target::HIDDEN_PROCESSES;
use crate::view::users::Names;

/// The rows that are aligned with each other; then they are printed, and no longer kept in memory.
const ROWS: usize = 4096;
/// The most of a process's maps that is read, in bytes.
const MAPS_LIMIT: usize = 4 << 20;
pub(super) const COMMAND: Command = Command {
    name: "lsof",
    summary: "list the open files of a process, or of all",
    options: &[&[flag(
        "deleted",
        "only deleted files that are still open or mapped, with the space they use",
    )]],
    plan,
    examples: r"porthole lsof -p 7
porthole lsof --deleted",
    properties: Properties {
        scope: Scope::Processes,
        // Names are never looked up, and ports are always numbers.
        habits: Habits { letters: "nP", ..Habits::NONE },
        ..Properties::WATCHED
    },
};

#[derive(Debug)]
struct Lsof {
    deleted: bool,
}

#[allow(clippy::unnecessary_wraps, reason = "this is what every command's plan looks like")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Lsof { deleted: given.has("deleted") }))
}

impl Inspect for Lsof {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        // If its root cannot be opened, neither can its open files be read, and that is reported.
        let names = target.root().map(|root| Names::read(target, root, answer)).unwrap_or_default();
        let list = List {
            deleted: self.deleted,
            is_of_kernel: target.is_of_kernel(),
            names,
            answer,
            spaces: Spaces::default(),
            table: None,
            rows: 0,
            listed: false,
            held: Vec::new(),
            unsized_pid: None,
            said: false,
        };
        list.run(target)
    }
}

/// The list, while it is being printed.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other, not one state")]
struct List<'a> {
    deleted: bool,
    /// Whether this is the kernel's proc, not a fabricated one.
    is_of_kernel: bool,
    names: Names,
    answer: &'a mut Answer,
    spaces: Spaces,
    /// The rows that are not printed yet.
    table: Option<Table>,
    rows: usize,
    listed: bool,
    /// Device, inode and allocated space of each deleted file.
    held: Vec<(u64, u64, u64)>,
    /// A process with a mapped file whose size cannot be read.
    unsized_pid: Option<u32>,
    /// Whether an unknown user has been reported.
    said: bool,
}

/// Processes whose files are missing.
#[derive(Default)]
struct Missing {
    count: u32,
    /// The reason for the first of them.
    why: Option<Error>,
}

impl Missing {
    fn add(&mut self, why: impl FnOnce() -> Error) {
        self.why.get_or_insert_with(why);
        self.count += 1;
    }
}

impl List<'_> {
    fn run(mut self, target: &Target) -> Result<bool, Error> {
        self.answer.list("files");
        let done = match &target.process {
            Some(process) => self.one(process, target),
            None => self.all(target),
        };
        if self.listed || done.is_ok() {
            self.end_table(true);
        }
        if let Some(pid) = self.unsized_pid {
            self.answer.warn(&format!(
                "?: the size of a mapped file can be read only with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN: {}",
                target.proc.join(pid.to_string()).join("map_files").shown()
            ));
        }
        if let Some((process, unread)) = &self.spaces.unread {
            let why = target.explain_all(unread, process);
            self.answer.warn(&format!("the addresses of sockets are missing: {why}"));
        }
        if self.deleted && !self.answer.is_json() && !self.held.is_empty() {
            self.held.sort_unstable();
            self.held.dedup();
            let total = self.held.iter().fold(0_u64, |sum, &(_, _, held)| sum.saturating_add(held));
            let (count, total) = (self.held.len(), show_short_size(total));
            let files = if count == 1 { "file holds" } else { "files hold" };
            self.answer.line(format!("{count} deleted {files} {total}").as_bytes());
        }
        done.map(|()| true)
    }

    /// The requested process.
    fn one(&mut self, process: &Handle, target: &Target) -> Result<(), Error> {
        let done = self.process(process);
        // For root the folder of descriptors of a zombie is merely empty.
        if !self.listed && matches!(process.fate(), Fate::Zombie(_)) {
            return Err(target.explain(Cause::Gone.into(), process, "fd"));
        }
        done.map_err(|(name, error)| target.explain(error, process, name))
    }

    fn all(&mut self, target: &Target) -> Result<(), Error> {
        let ours = own_pid(&target.proc);
        let all = target.processes()?.pids;
        let mut is_any = ours.is_some_and(|ours| all.contains(&ours));
        let is_hiding = target.hides_some(all.first().copied());
        let (mut denied, mut failed) = (Missing::default(), Missing::default());
        // Ours are left out: they are mostly the ones used for listing.
        for pid in all.iter().copied().filter(|&pid| Some(pid) != ours) {
            if self.answer.is_over() {
                break;
            }
            let (name, error, process) = match Handle::open(&target.proc, pid) {
                Err(error) => ("stat", error, None),
                Ok(process) => match self.process(&process) {
                    Ok(()) => {
                        is_any = true;
                        continue;
                    }
                    Err((name, error)) => (name, error, Some(process)),
                },
            };
            is_any |= name != "stat" || !error.is_gone();
            if error.is_gone() {
                // It has ended since.
                continue;
            }
            let missing = if error.is_denied() { &mut denied } else { &mut failed };
            missing.add(|| match process {
                Some(process) => target.explain(error, &process, name),
                None => error.at(&target.proc.join(pid.to_string())),
            });
        }
        if !is_any && !self.answer.is_over() {
            return Err(Error::from("no processes").at(&target.proc));
        }
        let mut lacks = Vec::new();
        if let Some(why) = denied.why {
            let processes = crate::view::target::processes(denied.count);
            lacks.push(format!("the open files of {processes} cannot be read and are missing: {why}"));
        }
        if is_hiding {
            lacks.push(HIDDEN_PROCESSES.to_owned());
        }
        if let Some(why) = failed.why {
            let processes = crate::view::target::processes(failed.count);
            self.answer.error(format!("cannot read the open files of {processes}: {why}"));
        }
        // An empty list does not mean that nothing is open.
        let last = if self.listed || self.answer.is_over() { None } else { lacks.pop() };
        for why in lacks {
            self.answer.warn(&why);
        }
        last.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Lists what a process has open. The error names the file of proc that could not be read.
    fn process(&mut self, process: &Handle) -> Result<(), (&'static str, Error)> {
        let mut stat = [0; 1024];
        let length =
            read_once(process, c"stat", &mut stat).map_err(|errno| ("stat", Error::of_process(errno)))?;
        let Some(known) = stat.get(..length).and_then(|stat| Process::parse(process.pid, stat)) else {
            return Err(("stat", MALFORMED.into()));
        };
        let uid = self.user_of(process);
        let user = uid.map_or_else(|| b"?".to_vec(), |uid| self.names.user(uid));
        let holder = Holder { process: known, user, uid };
        let mut program = Vec::new();
        for (fd, name) in [("cwd", c"cwd"), ("root", c"root"), ("exe", c"exe")] {
            let link = Link { folder: process.as_fd(), name };
            match link.target() {
                // Kernel threads have no executable, and a zombie has none of these.
                Err(error) if error.is_gone() => {}
                Err(error) => return Err((fd, error)),
                Ok(path) => {
                    if fd == "exe" {
                        program.clone_from(&path);
                    }
                    self.file(process, &holder, fd, link, path);
                }
            }
        }
        let (list, numbers) = descriptors(process).map_err(|error| ("fd", error))?;
        let mut name = Vec::new();
        for number in numbers {
            name.clear();
            push_number(&mut name, number.into());
            name.push(0);
            let Ok(name) = CStr::from_bytes_with_nul(&name) else { continue };
            let link = Link { folder: list.as_fd(), name };
            // A descriptor that has been closed since is left out.
            if let Ok(path) = link.target() {
                self.file(process, &holder, name.to_str().unwrap_or_default(), link, path);
            }
            if self.answer.is_over() {
                break;
            }
        }
        if self.deleted {
            self.mapped(process, &holder, &program);
        }
        if uid.is_none() && self.listed && !std::mem::replace(&mut self.said, true) {
            self.answer.warn(&process.missing_line("Uid"));
        }
        Ok(())
    }

    /// Returns the user that a process runs as: `None` if that is unknown.
    fn user_of(&self, process: &Handle) -> Option<u32> {
        if self.is_of_kernel {
            // To whom the directory belongs, even if the process is not dumpable: see procfs::all.
            return process.owner();
        }
        let status = Status::parse(&process.read("status", 4096).unwrap_or_default());
        status.known.ids.then_some(status.uids[1])
    }

    /// Lists the target of one of the links of a process.
    fn file(&mut self, process: &Handle, holder: &Holder, fd: &str, link: Link<'_>, name: Vec<u8>) {
        let inode = parse_socket(&name);
        let plain =
            ["socket:[", "pipe:[", "anon_inode:"].iter().any(|kind| name.starts_with(kind.as_bytes()));
        let meta = if plain { None } else { link.file() };
        let deleted = meta.is_some_and(|meta| meta.st_nlink == 0);
        if self.deleted && !deleted {
            return;
        }
        let kind = match (&meta, inode) {
            (_, Some(_)) => "sock",
            (None, _) if name.starts_with(b"pipe:[") => "FIFO",
            (None, _) if plain => "anon",
            (None, _) => "?",
            (Some(meta), _) => type_name(meta),
        };
        let file_type = match (&meta, inode) {
            (Some(meta), None) => FileType::of_mode(meta.st_mode),
            _ => FileType::Unknown,
        };
        let has_offset = file_type.is_regular() || file_type.is_device();
        let (mode, offset) = match fd.parse::<u32>() {
            // The rest is in the link, and a table has no offsets.
            Ok(_) if self.is_of_kernel && !(has_offset && self.answer.is_json()) => (link.mode(), None),
            Ok(_) => info(process, fd),
            Err(_) => ("", None),
        };
        let name = match inode {
            Some(inode) => self.spaces.socket(process, inode).unwrap_or(name),
            None => name,
        };
        if deleted && let Some(meta) = &meta {
            self.held.push((meta.st_dev, meta.st_ino, held(meta)));
        }
        let size = match &meta {
            Some(meta) if file_type.is_regular() => Size::Bytes(meta.st_size.cast_unsigned()),
            _ => Size::None,
        };
        let held = meta.as_ref().map(held);
        let offset = offset.filter(|_| has_offset);
        // With --deleted every file is deleted, so none stands out.
        let mark = if deleted && !self.deleted { Mark::Notable } else { Mark::None };
        self.row(holder, Open { fd, mode, kind, size, offset, held, deleted, name, mark });
    }

    /// Lists the deleted files that are mapped, except for the executable, which is listed already.
    fn mapped(&mut self, process: &Handle, holder: &Holder, program: &[u8]) {
        let Ok(text) = process.read("maps", MAPS_LIMIT) else { return };
        let root = process.descriptor("root", OFlag::O_PATH).ok();
        let root = root.map(|root| Root::of(root, "/".into()));
        for mapped in maps::deleted(&text) {
            let (_, inode) = mapped.file;
            if mapped.path == program {
                continue;
            }
            let meta = process.meta(&format!("map_files/{}", mapped.range));
            let deleted = match &meta {
                Ok(meta) => meta.st_nlink == 0,
                // It is not deleted if that path still leads to it.
                Err(_) => !root.as_ref().is_some_and(|root| {
                    let there = root.meta(Path::new(OsStr::from_bytes(mapped.path)), false);
                    there.is_ok_and(|there| there.st_ino == inode)
                }),
            };
            if !deleted {
                continue;
            }
            let (size, held) = if let Ok(meta) = &meta {
                self.held.push((meta.st_dev, meta.st_ino, held(meta)));
                (Size::Bytes(meta.st_size.cast_unsigned()), Some(held(meta)))
            } else {
                self.unsized_pid = self.unsized_pid.or(Some(process.pid));
                (Size::Unknown, None)
            };
            let name = mapped.path.to_vec();
            self.row(
                holder,
                Open {
                    fd: "mem",
                    mode: "",
                    kind: "REG",
                    size,
                    offset: None,
                    held,
                    deleted,
                    name,
                    mark: Mark::None,
                },
            );
        }
    }

    fn row(&mut self, holder: &Holder, open: Open<'_>) {
        self.listed = true;
        let row = Row { holder, open };
        if self.answer.is_json() {
            return self.answer.item("files", &object(Row::COLUMNS, &row));
        }
        let table = self.table.get_or_insert_with(|| table(Row::COLUMNS, self.deleted));
        table.row(cells(Row::COLUMNS, self.deleted, &row));
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS) {
            self.end_table(false);
        }
    }

    /// Prints the rows that are not printed yet.
    fn end_table(&mut self, last: bool) {
        if self.answer.is_json() {
            return;
        }
        match self.table.take() {
            Some(table) => self.answer.table(&table),
            None if last && self.rows == 0 => self.answer.table(&table(Row::COLUMNS, self.deleted)),
            None => {}
        }
        if !last {
            self.table = Some(table(Row::COLUMNS, self.deleted).without_titles());
        }
    }
}
