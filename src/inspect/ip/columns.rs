//! The columns of the tables of ip, and the keys of its JSON objects.

use std::net::IpAddr;

use super::words::{
    ADDRESS_FLAGS, INTERFACE_FLAGS, hardware, neighbour_state, route_kind, scope, state, words,
};
use crate::outcome::Fact;
use crate::procfs::network::{Address, Interface, MAIN_TABLE, Neighbour, Route};
use crate::report::Column;
use crate::table::{Cell, Mark};

/// An interface, or one more address of it.
pub struct AddressRow<'a> {
    interface: &'a Interface,
    address: Option<&'a Address>,
    is_first: bool,
}

type I<'a> = Column<AddressRow<'a>>;

impl<'a> AddressRow<'a> {
    pub const COLUMNS: &'a [Column<AddressRow<'a>>] = &[
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
        I::shown("ADDRESS", |row| row.address.map_or_else(|| "-".into(), |address| shown(address).into())),
        I::shown("SCOPE", |row| row.address.map_or("-", |address| scope(address.scope)).into()),
    ];

    /// The rows of an interface: one for each address, or one without.
    pub fn of(interface: &'a Interface) -> Vec<Self> {
        let row = |address, is_first| AddressRow { interface, address, is_first };
        let more = interface.addresses.iter().skip(1).map(|address| row(Some(address), false));
        [row(interface.addresses.first(), true)].into_iter().chain(more).collect()
    }

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

/// An interface as a JSON object.
pub fn fact(interface: &Interface) -> Fact {
    let flags = interface.flags.map(|flags| words(flags, &INTERFACE_FLAGS));
    Fact::Object(vec![
        ("name", if interface.name.is_empty() { Fact::Null } else { interface.name.clone().into() }),
        ("index", known(interface.index, |index| Fact::Count(index.into()))),
        ("state", known(interface.state, |number| Fact::Text(state(number).to_owned()))),
        ("mtu", known(interface.mtu, |mtu| Fact::Count(mtu.into()))),
        (
            "mac",
            known(interface.mac.as_ref(), |mac| {
                if mac.is_empty() { Fact::Null } else { Fact::Text(hardware(mac)) }
            }),
        ),
        ("flags", known(flags, |flags| flags)),
        ("addresses", Fact::List(interface.addresses.iter().map(address_fact).collect())),
    ])
}

/// `10.0.0.7/24`, with what keeps it from being used.
fn shown(address: &Address) -> String {
    let prefix = address.prefix.map_or_else(|| "?".to_owned(), |prefix| prefix.to_string());
    let state = ADDRESS_FLAGS.iter().find(|(bit, _)| address.flags & bit != 0);
    let state = state.map_or_else(String::new, |(_, word)| format!(" ({word})"));
    format!("{}/{prefix}{state}", address.ip)
}

fn address_fact(address: &Address) -> Fact {
    Fact::Object(vec![
        ("address", Fact::Text(address.ip.to_string())),
        ("prefix", known(address.prefix, |prefix| Fact::Count(prefix.into()))),
        ("scope", Fact::Text(scope(address.scope).to_owned())),
        ("flags", words(address.flags, &ADDRESS_FLAGS)),
    ])
}

type R = Column<Route>;
type N = Column<Neighbour>;

pub const ROUTES: &[R] = &[
    R::new("DESTINATION", destination, "destination", |route| {
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

/// `default`, `10.0.0.0/8`, `blackhole 10.9.0.0/16`
fn destination(route: &Route) -> Cell {
    let kind = match route_kind(route.kind) {
        "unicast" => String::new(),
        kind => format!("{kind} "),
    };
    let destination = match (route.prefix, route.destination) {
        (0, IpAddr::V4(_)) => "default".to_owned(),
        (0, IpAddr::V6(_)) => "default (IPv6)".to_owned(),
        (prefix, ip) => format!("{ip}/{prefix}"),
    };
    Cell::from(kind + &destination)
}

pub const NEIGHBOURS: &[N] = &[
    N::new("ADDRESS", |row| row.ip.to_string().into(), "address", |row| Some(Fact::Text(row.ip.to_string()))),
    N::new(
        "MAC",
        |row| or_dash(&hardware(&row.mac)),
        "mac",
        |row| Some(if row.mac.is_empty() { Fact::Null } else { Fact::Text(hardware(&row.mac)) }),
    ),
    N::new("INTERFACE", |row| named(&row.interface), "interface", |row| Some(row.interface.clone().into())),
    N::new(
        "STATE",
        |row| {
            let state = row.state.map_or("?", neighbour_state);
            Cell::from(state).marked(if state == "FAILED" { Mark::Wrong } else { Mark::None })
        },
        "state",
        |row| Some(known(row.state, |state| Fact::Text(neighbour_state(state).to_owned()))),
    ),
];
