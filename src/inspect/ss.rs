//! `ss`: sockets, by default those that listen, and who holds them. ss(8), proc_net(5).
//!
//! The tables are those of the network namespace of the target; owners are looked for among all processes, for the
//! inodes of sockets are those of the whole machine.

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::diag::{Backlog, backlogs, is_full};
use crate::procfs::owners::{Owners, Unseen};
use crate::procfs::process::Process;
use crate::procfs::sockets::{Socket, Sockets, Wanted};
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::text::Shown as _;
use crate::units;
use crate::view::target::HIDDEN;
use crate::view::users::Names;

/// How many owners of one socket a table names.
const NAMED: usize = 8;

pub(super) const COMMAND: Command = Command {
    name: "ss",
    summary: "listening sockets, their accept queues and owners",
    options: &[&[
        flag("all", "in every state, with their peers").short('a'),
        flag("tcp", "those of TCP; without -t, -u and -x: TCP and UDP").short('t'),
        flag("udp", "those of UDP, which listen where they have no peer").short('u'),
        flag("unix", "Unix sockets").short('x'),
        flag("listening", "those that listen, which is the default").short('l'),
        flag("numeric", "numbers for ports, which is always so").short('n'),
    ]],
    plan,
    examples: r"porthole ss
porthole ss -a -t -p 7
porthole ss -x --json",
    properties: Properties {
        // The processes of sockets are always shown.
        habits: Habits { before_number: Some(b'p'), ..Habits::NONE },
        ..Properties::PLAIN
    },
};

#[derive(Debug)]
struct Ss {
    wanted: Wanted,
    all: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let all = given.has("all");
    if all && given.has("listening") {
        return Err(given.wrong("all", "cannot be used together with --listening"));
    }
    let [tcp, udp, unix] = ["tcp", "udp", "unix"].map(|name| given.has(name));
    let none = !(tcp || udp || unix);
    Ok(Box::new(Ss { wanted: Wanted { tcp: tcp || none, udp: udp || none, unix }, all }))
}

impl Inspect for Ss {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        answer.list("sockets");
        let own;
        let process = if let Some(process) = &target.process {
            process
        } else {
            own = target.handle()?;
            &own
        };
        let mut sockets = Sockets::read(process, self.wanted, self.all)
            .map_err(|(name, error)| target.explain(error, process, name))?;
        for name in &sockets.cut {
            answer.complain(format!(
                "{}: too large to be read to its end; sockets are missing",
                process.path(name).shown()
            ));
        }
        for (name, odd) in &sockets.odd {
            answer.complain(format!("{}: malformed lines ignored: {odd}", process.path(name).shown()));
        }
        // In place: there may be more than a hundred thousand.
        sockets.list.sort_unstable_by(|a, b| {
            let place = |socket: &Socket| (socket.protocol, !socket.listens(), socket.port);
            let rest =
                |a: &Socket, b: &Socket| (&a.local, &a.peer, a.inode).cmp(&(&b.local, &b.peer, b.inode));
            place(a).cmp(&place(b)).then_with(|| rest(a, b))
        });
        let inodes = sockets.list.iter().map(|socket| socket.inode).collect();
        let owners = Owners::find(&target.proc, inodes)?;
        let names = Names::of(target, answer);
        if answer.is_json() {
            let limits = Limits::of(target);
            for socket in &sockets.list {
                if answer.is_over() {
                    break;
                }
                answer.item("sockets", &fact(socket, &owners, &names, limits.asked(socket)));
            }
        } else {
            answer.table(&self.table(&sockets.list, &owners, &names, &Limits::of(target)));
        }
        let is_unknown = |socket: &Socket| socket.inode != 0 && owners.of(socket.inode).next().is_none();
        if sockets.list.iter().any(is_unknown) {
            let is_hiding = target.hides_some(owners.has_first.then_some(1));
            answer.lack(&match &owners.unread {
                Some((count, Unseen { pid, handle, error })) => format!(
                    "?: an owner may be among {} whose descriptors cannot be read: {}",
                    crate::view::target::processes(*count),
                    match handle {
                        Some(process) => target.explain(error.clone(), process, "fd"),
                        None => error.clone().at(&target.proc.join(pid.to_string())),
                    }
                ),
                None if is_hiding => format!("?: {HIDDEN}"),
                None => format!(
                    "?: no process in {} holds the socket: its owner is in another pid namespace, or it is the kernel",
                    target.proc.shown()
                ),
            });
        }
        Ok(true)
    }
}

impl Ss {
    fn table(&self, sockets: &[Socket], owners: &Owners, names: &Names, limits: &Limits) -> Table {
        let mut columns = vec![("PROTO", Align::Left), ("STATE", Align::Left), ("QUEUE", Align::Left)];
        columns.push(("LOCAL", Align::Left));
        if self.all {
            columns.push(("PEER", Align::Left));
        }
        columns.extend([("USER", Align::Left), ("PROCESS", Align::Left)]);
        let mut table = Table::new(&columns);
        for socket in sockets {
            let (queue, mark) = queue(socket, limits);
            let protocol = if socket.kind.is_empty() {
                socket.protocol.to_owned()
            } else {
                [socket.protocol, socket.kind].join("-")
            };
            let user = socket.uid.map_or_else(|| b"-".to_vec(), |uid| names.user(uid));
            let processes = processes(socket, owners);
            let mut cells = vec![protocol.as_bytes(), socket.state.as_bytes(), queue.as_bytes()];
            cells.push(or_dash(&socket.local));
            if self.all {
                cells.push(or_dash(&socket.peer));
            }
            cells.extend([user.as_slice(), processes.as_slice()]);
            table.row(&cells);
            table.mark(2, mark);
        }
        table
    }
}

fn or_dash(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"-" } else { bytes }
}

/// How many connections may wait: listen(2).
struct Limits {
    /// What each listener asked for, as far as the kernel tells, which is of our own network namespace.
    asked: Vec<Backlog>,
    /// The most for any. It is our network namespace's, even where we look at another's; few set it apart.
    most: Option<u64>,
}

impl Limits {
    fn of(target: &Target) -> Self {
        let text = target.start_of("sys/net/core/somaxconn").unwrap_or_default();
        let most = std::str::from_utf8(text.trim_ascii()).ok();
        // The kernel's word, which fits no made-up table.
        let asked = if target.is_of_kernel() { backlogs() } else { Vec::new() };
        Limits { asked, most: most.and_then(|text| units::number(text, u64::MAX)) }
    }

    fn asked(&self, socket: &Socket) -> Option<u64> {
        let asked = self.asked.iter().find(|asked| socket.inode != 0 && asked.inode == socket.inode);
        asked.map(|asked| u64::from(asked.most))
    }

    fn is_full(&self, socket: &Socket) -> bool {
        self.asked(socket).or(self.most).is_some_and(|most| is_full(socket.receive, most))
    }
}

/// What waits, in words where it is anything.
fn queue(socket: &Socket, limits: &Limits) -> (String, Mark) {
    if !socket.counted {
        return ("-".to_owned(), Mark::None);
    }
    match (socket.receive, socket.send) {
        (0, 0) => ("0".to_owned(), Mark::None),
        (waiting, _) if socket.listens() => {
            let (word, mark) =
                if limits.is_full(socket) { ("FULL", Mark::Wrong) } else { ("waiting", Mark::Notable) };
            (format!("{waiting} {word}"), mark)
        }
        (receive, 0) => (format!("recv {receive}"), Mark::Notable),
        (0, send) => (format!("send {send}"), Mark::Notable),
        (receive, send) => (format!("recv {receive}, send {send}"), Mark::Notable),
    }
}

/// `7 (nginx), 8 (nginx)`
fn processes(socket: &Socket, owners: &Owners) -> Vec<u8> {
    if socket.inode == 0 {
        return b"-".to_vec();
    }
    let mut text = Vec::new();
    let mut count = 0_usize;
    for process in owners.of(socket.inode) {
        count += 1;
        if count > NAMED {
            continue;
        }
        if count > 1 {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(process.pid.to_string().as_bytes());
        text.extend_from_slice(b" (");
        text.extend_from_slice(&process.name);
        text.push(b')');
    }
    match count {
        0 => text.push(b'?'),
        1..=NAMED => {}
        more => text.extend_from_slice(format!(" and {} more", more - NAMED).as_bytes()),
    }
    text
}

fn fact(socket: &Socket, owners: &Owners, names: &Names, backlog: Option<u64>) -> Fact {
    let mut entries = vec![("protocol", Fact::Text(socket.protocol.to_owned()))];
    if !socket.kind.is_empty() {
        entries.push(("type", Fact::Text(socket.kind.to_owned())));
    }
    entries.push(("state", Fact::Text(socket.state.to_owned())));
    entries.push(("local", Fact::Bytes(socket.local.clone())));
    if !socket.peer.is_empty() {
        entries.push(("peer", Fact::Bytes(socket.peer.to_vec())));
    }
    if socket.listens() {
        entries.push(("accept_queue", socket.counted.then_some(socket.receive).into()));
        entries.push(("backlog", backlog.into()));
    } else if socket.counted {
        entries.push(("receive_queue", Fact::Count(socket.receive)));
        entries.push(("send_queue", Fact::Count(socket.send)));
    }
    if let Some(uid) = socket.uid {
        entries.push(("uid", Fact::Count(u64::from(uid))));
        entries.push(("user", Fact::Bytes(names.user(uid))));
    }
    entries.push(("inode", Fact::Count(socket.inode)));
    let holder = |process: &Process| {
        Fact::Object(vec![
            ("pid", Fact::Count(u64::from(process.pid))),
            ("name", Fact::Bytes(process.name.clone())),
        ])
    };
    let holders: Vec<Fact> = owners.of(socket.inode).map(holder).collect();
    let unknown = holders.is_empty() && socket.inode != 0;
    entries.push(("processes", if unknown { Fact::Null } else { Fact::List(holders) }));
    Fact::Object(entries)
}
