//! `ip`: the interfaces and their addresses, the routes and the neighbours of a network namespace.
//! ip(8), rtnetlink(7).

use std::net::IpAddr;

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::network::{Address, Interface, Lacks, MAIN_TABLE, Neighbour, Network, Route};
use crate::report::{Answer, Column, cells, object, table};
use crate::table::{Cell, Mark};

pub(super) const COMMAND: Command = Command {
    name: "ip",
    summary: "list interfaces with their addresses, routes and neighbours",
    options: &[&[
        operand("WHAT", "addr, route or neigh; without it, all three").optional(),
        flag("ipv4", "only addresses of IPv4").short('4'),
        flag("ipv6", "only addresses of IPv6").short('6'),
    ]],
    plan,
    examples: r"porthole ip
porthole ip route -p 7
porthole ip addr --json",
    properties: Properties {
        habits: Habits {
            words: &[
                "show", "list", "ls", "-br", "-brief", "-o", "-oneline", "-c", "-color", "-d", "-details",
                "-s",
            ],
            synonyms: &[("-j", "--json"), ("-json", "--json")],
            ..Habits::NONE
        },
        ..Properties::PLAIN
    },
};

/// A part of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Interfaces,
    Routes,
    Neighbours,
}

const PARTS: [Part; 3] = [Part::Interfaces, Part::Routes, Part::Neighbours];
/// The words for each part. Like ip(8), their beginnings suffice.
const WORDS: [(&str, Part); 5] = [
    ("address", Part::Interfaces),
    ("link", Part::Interfaces),
    ("route", Part::Routes),
    ("neighbour", Part::Neighbours),
    ("neighbor", Part::Neighbours),
];
const EXPECTED: &str = "addr, route or neigh";

#[derive(Debug)]
struct Ip {
    parts: Vec<Part>,
    /// Which families are listed.
    ipv4: bool,
    ipv6: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let part = |word: &str| {
        let known = WORDS.iter().find(|(name, _)| !word.is_empty() && name.starts_with(word));
        known.map(|&(_, part)| part).ok_or(EXPECTED)
    };
    let part = given.parsed("WHAT", EXPECTED, part)?;
    let [ipv4, ipv6] = ["ipv4", "ipv6"].map(|name| given.has(name));
    Ok(Box::new(Ip {
        parts: part.map_or(PARTS.to_vec(), |part| vec![part]),
        ipv4: ipv4 || !ipv6,
        ipv6: ipv6 || !ipv4,
    }))
}

impl Inspect for Ip {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let own;
        let process = if let Some(process) = &target.process {
            Some(process)
        } else {
            own = target.handle().ok();
            own.as_ref()
        };
        let (mut network, lacks) = Network::read(process).map_err(|(name, error)| match process {
            Some(process) => target.explain(error, process, name),
            None => error,
        })?;
        self.retain(&mut network);
        if let Some(why) = lacks {
            let why = match (why, process) {
                (Lacks::Namespace(error), Some(process)) => {
                    target.explain(error, process, "ns/net").to_string()
                }
                (Lacks::Entry(error), Some(process)) if error.is_denied() => format!(
                    "pid {} has another network namespace: to enter it takes the capability SYS_ADMIN",
                    process.pid
                ),
                (Lacks::Namespace(error) | Lacks::Entry(error), _) => error.to_string(),
                (Lacks::Netlink, _) => "the kernel does not answer by rtnetlink(7)".to_owned(),
            };
            answer.warn(&format!("?: {} cannot be read: {why}", self.lacks()));
        }
        if answer.is_json() {
            let list = |part| match part {
                Part::Interfaces => {
                    ("interfaces", Fact::List(network.interfaces.iter().map(Interface::fact).collect()))
                }
                Part::Routes => ("routes", objects(ROUTES, &network.routes)),
                Part::Neighbours => ("neighbours", objects(NEIGHBOURS, &network.neighbours)),
            };
            answer.document(self.parts.iter().copied().map(list).collect());
            return Ok(true);
        }
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                answer.line(b"");
            }
            match part {
                Part::Interfaces => {
                    let rows = network.interfaces.iter().flat_map(rows).collect::<Vec<_>>();
                    show(AddressRow::COLUMNS, false, &rows, answer);
                }
                Part::Routes => {
                    let is_by_rules = network.routes.iter().any(|route| route.table != MAIN_TABLE);
                    show(ROUTES, is_by_rules, &network.routes, answer);
                }
                Part::Neighbours => show(NEIGHBOURS, false, &network.neighbours, answer),
            }
        }
        Ok(true)
    }
}

impl Ip {
    /// Leaves out what is not of the families that are listed. Routes of the main table come first.
    fn retain(&self, network: &mut Network) {
        let is_listed = |ip: &IpAddr| if ip.is_ipv4() { self.ipv4 } else { self.ipv6 };
        for interface in &mut network.interfaces {
            interface.addresses.retain(|address| is_listed(&address.ip));
        }
        network.routes.retain(|route| is_listed(&route.destination));
        network.neighbours.retain(|neighbour| is_listed(&neighbour.ip));
        network.routes.sort_by_key(|route| (route.destination.is_ipv6(), route.table != MAIN_TABLE));
    }

    /// What the tables do not tell.
    fn lacks(&self) -> String {
        let what = self.parts.iter().map(|part| match part {
            Part::Interfaces => "state, MTU and MAC address of interfaces",
            Part::Routes => "the preferred source of routes and other routing tables",
            Part::Neighbours => "IPv6 neighbours and the state of others",
        });
        what.collect::<Vec<_>>().join(", ")
    }
}

fn objects<R>(columns: &[Column<R>], rows: &[R]) -> Fact {
    Fact::List(rows.iter().map(|row| object(columns, row)).collect())
}

fn show<R>(columns: &[Column<R>], with_extra: bool, rows: &[R], answer: &mut Answer) {
    let mut table = table(columns, with_extra);
    for row in rows {
        table.row(cells(columns, with_extra, row));
    }
    answer.table(&table);
}

/// An interface, or one more address of it.
struct AddressRow<'a> {
    interface: &'a Interface,
    address: Option<&'a Address>,
    is_first: bool,
}

/// The rows of an interface: one for each address, or one without.
fn rows(interface: &Interface) -> Vec<AddressRow<'_>> {
    let row = |address, is_first| AddressRow { interface, address, is_first };
    let more = interface.addresses.iter().skip(1).map(|address| row(Some(address), false));
    [row(interface.addresses.first(), true)].into_iter().chain(more).collect()
}

type I<'a> = Column<AddressRow<'a>>;

impl<'a> AddressRow<'a> {
    const COLUMNS: &'a [Column<AddressRow<'a>>] = &[
        I::shown("INTERFACE", |row| row.first(|interface| named(&interface.name))),
        I::shown("STATE", |row| {
            row.first(|interface| {
                let state = interface.state.map_or("?", state);
                let is_down = matches!(state, "DOWN" | "LOWERLAYERDOWN");
                Cell::from(state).marked(if is_down { Mark::Notable } else { Mark::None })
            })
        }),
        I::shown("MTU", |row| {
            row.first(|interface| interface.mtu.map_or_else(|| "?".into(), |mtu| mtu.to_string().into()))
        })
        .numbers(),
        I::shown("MAC", |row| {
            row.first(|interface| {
                interface.mac.as_ref().map_or_else(|| "?".into(), |mac| or_dash(&hardware(mac)))
            })
        }),
        I::shown("ADDRESS", |row| row.address.map_or_else(|| "-".into(), |address| address.shown().into())),
        I::shown("SCOPE", |row| row.address.map_or("-", |address| scope(address.scope)).into()),
    ];

    /// The cell of an interface, which is blank beside its further addresses.
    fn first(&self, cell: fn(&Interface) -> Cell) -> Cell {
        if self.is_first { cell(self.interface) } else { "".into() }
    }
}

/// The name of an interface; `?` if it is not known.
fn named(name: &[u8]) -> Cell {
    if name.is_empty() { "?".into() } else { name.into() }
}

fn or_dash(text: &str) -> Cell {
    if text.is_empty() { "-".into() } else { text.into() }
}

fn known<T>(value: Option<T>, fact: impl Fn(T) -> Fact) -> Fact {
    value.map_or(Fact::Null, fact)
}

impl Interface {
    fn fact(&self) -> Fact {
        let flags = self.flags.map(|flags| words(flags, &INTERFACE_FLAGS));
        Fact::Object(vec![
            ("name", if self.name.is_empty() { Fact::Null } else { self.name.clone().into() }),
            ("index", known(self.index, |index| Fact::Count(index.into()))),
            ("state", known(self.state, |number| Fact::Text(state(number).to_owned()))),
            ("mtu", known(self.mtu, |mtu| Fact::Count(mtu.into()))),
            (
                "mac",
                known(
                    self.mac.as_ref(),
                    |mac| {
                        if mac.is_empty() { Fact::Null } else { Fact::Text(hardware(mac)) }
                    },
                ),
            ),
            ("flags", known(flags, |flags| flags)),
            ("addresses", Fact::List(self.addresses.iter().map(Address::fact).collect())),
        ])
    }
}

impl Address {
    /// `10.0.0.7/24`, with what keeps it from being used.
    fn shown(&self) -> String {
        let prefix = self.prefix.map_or_else(|| "?".to_owned(), |prefix| prefix.to_string());
        let state = ADDRESS_FLAGS.iter().find(|(bit, _)| self.flags & bit != 0);
        let state = state.map_or_else(String::new, |(_, word)| format!(" ({word})"));
        format!("{}/{prefix}{state}", self.ip)
    }

    fn fact(&self) -> Fact {
        Fact::Object(vec![
            ("address", Fact::Text(self.ip.to_string())),
            ("prefix", known(self.prefix, |prefix| Fact::Count(prefix.into()))),
            ("scope", Fact::Text(scope(self.scope).to_owned())),
            ("flags", words(self.flags, &ADDRESS_FLAGS)),
        ])
    }
}

type R<'a> = Column<Route>;

const ROUTES: &[R<'_>] = &[
    R::new("DESTINATION", Route::shown, "destination", |route| {
        Some(Fact::Text(format!("{}/{}", route.destination, route.prefix)))
    }),
    R::json("type", |route| Some(Fact::Text(route_kind(route.kind).to_owned()))),
    R::new(
        "GATEWAY",
        |route| or_dash(&route.gateway.map(|ip| ip.to_string()).unwrap_or_default()),
        "gateway",
        |route| Some(known(route.gateway, |ip| Fact::Text(ip.to_string()))),
    ),
    R::new(
        "INTERFACE",
        |route| route.interface.as_ref().map_or_else(|| "-".into(), |name| Cell::from(name.as_slice())),
        "interface",
        |route| Some(known(route.interface.clone(), Fact::Bytes)),
    ),
    R::new(
        "METRIC",
        |route| route.metric.to_string().into(),
        "metric",
        |route| Some(Fact::Count(route.metric.into())),
    )
    .numbers(),
    R::new(
        "SOURCE",
        |route| or_dash(&route.source.map(|ip| ip.to_string()).unwrap_or_default()),
        "source",
        |route| Some(known(route.source, |ip| Fact::Text(ip.to_string()))),
    ),
    R::new(
        "TABLE",
        |route| if route.table == MAIN_TABLE { "main".into() } else { route.table.to_string().into() },
        "table",
        |route| Some(Fact::Count(route.table.into())),
    )
    .extra(),
];

impl Route {
    /// `default`, `10.0.0.0/8`, `blackhole 10.9.0.0/16`
    fn shown(&self) -> Cell {
        let kind = match route_kind(self.kind) {
            "unicast" => String::new(),
            kind => format!("{kind} "),
        };
        let destination = match (self.prefix, self.destination) {
            (0, IpAddr::V4(_)) => "default".to_owned(),
            (0, IpAddr::V6(_)) => "default (IPv6)".to_owned(),
            (prefix, ip) => format!("{ip}/{prefix}"),
        };
        Cell::from(kind + &destination)
    }
}

const NEIGHBOURS: &[Column<Neighbour>] = &[
    Column::new(
        "ADDRESS",
        |row: &Neighbour| row.ip.to_string().into(),
        "address",
        |row| Some(Fact::Text(row.ip.to_string())),
    ),
    Column::new(
        "MAC",
        |row: &Neighbour| or_dash(&hardware(&row.mac)),
        "mac",
        |row| Some(if row.mac.is_empty() { Fact::Null } else { Fact::Text(hardware(&row.mac)) }),
    ),
    Column::new(
        "INTERFACE",
        |row: &Neighbour| named(&row.interface),
        "interface",
        |row| Some(row.interface.clone().into()),
    ),
    Column::new(
        "STATE",
        |row: &Neighbour| {
            let state = row.state.map_or("?", neighbour_state);
            Cell::from(state).marked(if state == "FAILED" { Mark::Wrong } else { Mark::None })
        },
        "state",
        |row| Some(known(row.state, |state| Fact::Text(neighbour_state(state).to_owned()))),
    ),
];

/// A hardware address: six bytes as `02:42:ac:11:00:02`; that of a tunnel is an IP address.
fn hardware(mac: &[u8]) -> String {
    if let Some(ip) = mac.first_chunk::<4>().filter(|_| mac.len() == 4) {
        return IpAddr::from(*ip).to_string();
    }
    if let Some(ip) = mac.first_chunk::<16>().filter(|_| mac.len() == 16) {
        return IpAddr::from(*ip).to_string();
    }
    mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Flags of interfaces that matter, as ip(8) prints them: netdevice(7).
const INTERFACE_FLAGS: [(u32, &str); 9] = [
    (0x8, "LOOPBACK"),
    (0x2, "BROADCAST"),
    (0x10, "POINTOPOINT"),
    (0x1000, "MULTICAST"),
    (0x80, "NOARP"),
    (0x100, "PROMISC"),
    (0x1, "UP"),
    (0x1_0000, "LOWER_UP"),
    (0x2_0000, "DORMANT"),
];

/// Flags of addresses that keep them from being used, or will: `IFA_F_…` in if_addr.h.
const ADDRESS_FLAGS: [(u32, &str); 3] = [(0x08, "dadfailed"), (0x40, "tentative"), (0x20, "deprecated")];

fn words(flags: u32, known: &[(u32, &str)]) -> Fact {
    let set = known.iter().filter(|(bit, _)| flags & bit != 0);
    Fact::List(set.map(|&(_, word)| Fact::Text(word.to_owned())).collect())
}

/// The operational state of an interface, as ip(8) prints it. Drivers without one, such as that of
/// the loopback interface, leave it UNKNOWN.
fn state(number: u8) -> &'static str {
    match number {
        1 => "NOTPRESENT",
        2 => "DOWN",
        3 => "LOWERLAYERDOWN",
        4 => "TESTING",
        5 => "DORMANT",
        6 => "UP",
        _ => "UNKNOWN",
    }
}

/// Where an address is valid, as ip(8) prints it.
fn scope(number: u8) -> &'static str {
    match number {
        0 => "global",
        200 => "site",
        253 => "link",
        254 => "host",
        255 => "nowhere",
        _ => "other",
    }
}

/// What a route does, as ip(8) prints it.
fn route_kind(number: u8) -> &'static str {
    match number {
        1 => "unicast",
        2 => "local",
        3 => "broadcast",
        4 => "anycast",
        5 => "multicast",
        6 => "blackhole",
        7 => "unreachable",
        8 => "prohibit",
        9 => "throw",
        10 => "nat",
        _ => "other",
    }
}

/// The state of a neighbour, as ip(8) prints it: `NUD_…` in neighbour.h.
fn neighbour_state(state: u16) -> &'static str {
    match state {
        0x01 => "INCOMPLETE",
        0x02 => "REACHABLE",
        0x04 => "STALE",
        0x08 => "DELAY",
        0x10 => "PROBE",
        0x20 => "FAILED",
        0x80 => "PERMANENT",
        _ => "OTHER",
    }
}
