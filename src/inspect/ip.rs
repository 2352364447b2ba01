//! `ip`: the interfaces and their addresses, the routes and the neighbours of a network namespace.
//! ip(8), rtnetlink(7).

pub mod columns;
mod words;

use std::net::IpAddr;

use self::columns::{AddressRow, NEIGHBOURS, ROUTES, fact};
use super::{Command, Habits, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, flag, operand};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::network::{Lacks, MAIN_TABLE, Network};
use crate::report::{Answer, Column, cells, object, table};

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
        scope: Scope::Network,
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
                Part::Interfaces => ("interfaces", Fact::List(network.interfaces.iter().map(fact).collect())),
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
                    let rows = network.interfaces.iter().flat_map(AddressRow::of).collect::<Vec<_>>();
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
