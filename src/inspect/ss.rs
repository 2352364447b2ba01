//! `ss`: sockets, by default the listening ones, and the processes that hold them. ss(8),
//! proc_net(5).
//!
//! The tables are those of the target's network namespace. Owners are searched for among all
//! processes, because inodes of sockets are unique on the whole machine.

use std::ops::Range;

use super::{Command, Habits, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, flag};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::diag::{Backlog, backlogs, is_full};
use crate::procfs::owners::{Owners, Unseen};
use crate::procfs::process::Process;
use crate::procfs::sockets::{Socket, Sockets, Wanted};
use crate::report::{Answer, Column};
use crate::table::{Cell, Mark};
use crate::text::Shown as _;
use crate::units::{number, push_number};
use crate::view::named::Named;
use crate::view::target::HIDDEN_PROCESSES;
use crate::view::users::Names;

/// The size of the smallest entry of a socket in a JSON document, in bytes.
const SMALLEST: usize = 90;
/// The most owners of one socket that a table names.
const NAMED: usize = 8;

pub(super) const COMMAND: Command = Command {
    name: "ss",
    summary: "list listening sockets, their accept queues and owners",
    options: &[&[
        flag("all", "sockets in all states, with their peers").short('a'),
        flag("tcp", "TCP sockets; without -t, -u and -x: TCP and UDP").short('t'),
        flag("udp", "UDP sockets, which count as listening without a peer").short('u'),
        flag("unix", "Unix sockets").short('x'),
        flag("listening", "listening sockets, the default").short('l'),
        flag("numeric", "ports as numbers (always on)").short('n'),
    ]],
    plan,
    examples: r"porthole ss
porthole ss -a -t -p 7
porthole ss -x --json",
    properties: Properties {
        scope: Scope::Network,
        // The owners of sockets are always shown.
        habits: Habits { before_pid: Some(b'p'), ..Habits::NONE },
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
        let sockets = Sockets::read(process, self.wanted, self.all)
            .map_err(|(name, error)| target.explain(error, process, name))?;
        if !sockets.unread.is_empty() {
            answer.error(target.explain_all(&sockets.unread, process) + "; sockets are missing");
        }
        for name in &sockets.cut {
            answer.error(format!(
                "{}: too large to be read to its end; sockets are missing",
                process.path(name).shown()
            ));
        }
        for (name, odd) in &sockets.odd {
            answer.error(format!("{}: malformed lines ignored: {odd}", process.path(name).shown()));
        }
        let (text, ends) = texts(&sockets.list);
        let mut lines = lines(&sockets.list, &text, &ends);
        lines.truncate(answer.room_for(SMALLEST).saturating_add(1));
        let mut inodes: Vec<u64> = lines.iter().map(|line| line.socket.inode).collect();
        inodes.retain(|&inode| inode != 0);
        let owners = if inodes.is_empty() {
            Owners::default()
        } else {
            Owners::find(&target.proc, &target.processes()?, inodes)
        };
        let names = Names::of(target, answer);
        let users = Named::of(lines.iter().filter_map(|line| line.socket.uid), &names);
        let view = View { owners, users, limits: Limits::of(target) };
        let mut rows = lines.iter().map(|line| Row {
            view: &view,
            socket: line.socket,
            local: line.local,
            peer: line.peer,
        });
        answer.rows("sockets", Row::COLUMNS, self.all, &mut rows);
        let owners = &view.owners;
        let is_unknown = |inode: u64| inode != 0 && owners.of(inode).next().is_none();
        if lines.iter().any(|line| is_unknown(line.socket.inode)) {
            let is_hiding = target.hides_some(owners.has_first.then_some(1));
            answer.warn(&match &owners.unread {
                Some((count, Unseen { pid, handle, error })) => format!(
                    "?: an owner may be among {} whose descriptors cannot be read: {}",
                    crate::view::target::processes(*count),
                    match handle {
                        Some(process) => target.explain(error.clone(), process, "fd"),
                        None => error.clone().at(&target.proc.join(pid.to_string())),
                    }
                ),
                None if is_hiding => format!("?: {HIDDEN_PROCESSES}"),
                None => format!(
                    "?: no process in {} holds the socket: its owner is in another pid namespace, or it is the kernel",
                    target.proc.shown()
                ),
            });
        }
        Ok(true)
    }
}

/// A socket and its addresses as text.
struct Line<'a> {
    socket: &'a Socket,
    /// Its place among the others, except for addresses and inode.
    place: u32,
    /// Both addresses, with a NUL between them: less than any byte of an address, so that they are
    /// compared one after the other.
    text: &'a [u8],
    local: &'a [u8],
    peer: &'a [u8],
}

/// Returns the addresses of the sockets as text, and where the two of each socket end.
fn texts(sockets: &[Socket]) -> (Vec<u8>, Vec<(usize, usize)>) {
    let (mut text, mut ends) = (Vec::new(), Vec::with_capacity(sockets.len()));
    for socket in sockets {
        socket.local.push(&mut text);
        let middle = text.len();
        text.push(0);
        socket.peer.push(&mut text);
        ends.push((middle, text.len()));
    }
    (text, ends)
}

/// Returns the sockets in the order in which they are listed, with their addresses from [`texts`].
fn lines<'a>(sockets: &'a [Socket], text: &'a [u8], ends: &[(usize, usize)]) -> Vec<Line<'a>> {
    let (mut lines, mut start) = (Vec::with_capacity(sockets.len()), 0);
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    for (socket, &(middle, end)) in sockets.iter().zip(ends) {
        let place =
            (socket.protocol as u32) << 17 | u32::from(!socket.listens()) << 16 | u32::from(socket.port);
        let (text, local, peer) = (part(start..end), part(start..middle), part(middle + 1..end));
        lines.push(Line { socket, place, text, local, peer });
        start = end;
    }
    lines.sort_by(|a, b| {
        let rest = || a.text.cmp(b.text).then_with(|| a.socket.inode.cmp(&b.socket.inode));
        a.place.cmp(&b.place).then_with(rest)
    });
    lines
}

/// What all rows have in common.
struct View {
    owners: Owners,
    users: Named,
    limits: Limits,
}

/// A socket and the texts of its addresses.
struct Row<'a> {
    view: &'a View,
    socket: &'a Socket,
    local: &'a [u8],
    peer: &'a [u8],
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::new("PROTO", Row::protocol, "protocol", |row| {
            Some(Fact::Text(row.socket.protocol.name().to_owned()))
        })
        .left(),
        C::json("socket_type", |row| {
            (!row.socket.kind.is_empty()).then(|| Fact::Text(row.socket.kind.to_owned()))
        }),
        C::new(
            "STATE",
            |row| row.socket.state.name().into(),
            "state",
            |row| Some(Fact::Text(row.socket.state.name().to_owned())),
        )
        .left(),
        C::shown("QUEUE", |row| queue(row.socket, &row.view.limits)).left(),
        C::new("LOCAL", |row| or_dash(row.local).into(), "local", |row| Some(row.local.to_vec().into())),
        C::new(
            "PEER",
            |row| or_dash(row.peer).into(),
            "peer",
            |row| (!row.peer.is_empty()).then(|| row.peer.to_vec().into()),
        )
        .extra(),
        C::json("accept_queue", |row| {
            let counted = row.socket.counted.then_some(row.socket.receive);
            row.socket.listens().then(|| counted.into())
        }),
        C::json("backlog", |row| row.socket.listens().then(|| row.view.limits.asked(row.socket).into())),
        C::json("receive_queue", |row| row.waiting(row.socket.receive)),
        C::json("send_queue", |row| row.waiting(row.socket.send)),
        C::json("uid", |row| row.socket.uid.map(|uid| Fact::Count(uid.into()))),
        C::new(
            "USER",
            |row| row.user().map_or_else(|| "-".into(), Cell::from),
            "user",
            |row| row.user().map(|user| Fact::Bytes(user.to_vec())),
        ),
        C::json("inode", |row| Some(row.socket.inode.into())),
        C::new(
            "PROCESS",
            |row| processes(row.socket, &row.view.owners).into(),
            "processes",
            |row| Some(row.holders()),
        )
        .cut(0),
    ];

    fn protocol(&self) -> Cell {
        if self.socket.kind.is_empty() {
            self.socket.protocol.name().into()
        } else {
            [self.socket.protocol.name(), self.socket.kind].join("-").into()
        }
    }

    fn user(&self) -> Option<&[u8]> {
        self.socket.uid.map(|uid| self.view.users.name(uid))
    }

    /// One of the queues of a socket that does not listen.
    fn waiting(&self, count: u64) -> Option<Fact> {
        (!self.socket.listens() && self.socket.counted).then_some(Fact::Count(count))
    }

    fn holders(&self) -> Fact {
        let holder = |process: &Process| {
            Fact::Object(vec![
                ("pid", Fact::Count(u64::from(process.pid))),
                ("process", Fact::Bytes(process.name.clone())),
            ])
        };
        let holders: Vec<Fact> = self.view.owners.of(self.socket.inode).map(holder).collect();
        if holders.is_empty() && self.socket.inode != 0 { Fact::Null } else { Fact::List(holders) }
    }
}

fn or_dash(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"-" } else { bytes }
}

/// How many connections may wait to be accepted: listen(2).
struct Limits {
    /// The backlog of each listener, sorted by inode. The kernel reports only those of our own
    /// network namespace.
    asked: Vec<Backlog>,
    /// The upper bound of every backlog, `somaxconn`. It is read in our own network namespace even
    /// if the sockets are of another, where it rarely differs.
    most: Option<u64>,
}

impl Limits {
    fn of(target: &Target) -> Self {
        let text = target.start_of("sys/net/core/somaxconn").unwrap_or_default();
        let most = std::str::from_utf8(text.trim_ascii()).ok();
        // The kernel's own listeners would not match the tables of a fabricated proc.
        let mut asked = if target.is_of_kernel() { backlogs() } else { Vec::new() };
        asked.sort_by_key(|asked| asked.inode);
        Limits { asked, most: most.and_then(|text| number(text, u64::MAX)) }
    }

    fn asked(&self, socket: &Socket) -> Option<u64> {
        let at = self.asked.binary_search_by_key(&socket.inode, |asked| asked.inode).ok();
        at.filter(|_| socket.inode != 0).and_then(|at| self.asked.get(at)).map(|asked| asked.most.into())
    }

    fn is_full(&self, socket: &Socket) -> bool {
        self.asked(socket).or(self.most).is_some_and(|most| is_full(socket.receive, most))
    }
}

/// What waits in the queues.
fn queue(socket: &Socket, limits: &Limits) -> Cell {
    if !socket.counted {
        return "-".into();
    }
    let notable = |text: String| Cell::from(text).marked(Mark::Notable);
    match (socket.receive, socket.send) {
        (0, 0) => "0".into(),
        (waiting, _) if socket.listens() => {
            if limits.is_full(socket) {
                Cell::from(format!("{waiting} FULL")).marked(Mark::Wrong)
            } else {
                notable(format!("{waiting} waiting"))
            }
        }
        (receive, 0) => notable(format!("recv {receive}")),
        (0, send) => notable(format!("send {send}")),
        (receive, send) => notable(format!("recv {receive}, send {send}")),
    }
}

/// `7 (nginx), 8 (nginx)`
fn processes(socket: &Socket, owners: &Owners) -> Vec<u8> {
    if socket.inode == 0 {
        return b"-".to_vec();
    }
    let mut text = Vec::with_capacity(32);
    let mut count = 0_usize;
    for process in owners.of(socket.inode) {
        count += 1;
        if count > NAMED {
            continue;
        }
        if count > 1 {
            text.extend_from_slice(b", ");
        }
        push_number(&mut text, process.pid.into());
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
