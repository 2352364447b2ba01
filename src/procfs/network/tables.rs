//! The same from the tables in a process's `net` directory: proc_pid_net(5).
//!
//! They tell an IPv4 address apart from its interface: that is found by the route to its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Address, Interface, MAIN_TABLE, Neighbour, Network, Route};
use crate::error::Error;
use crate::procfs::handle::Handle;

/// How much of one table is read, in bytes: some 25,000 routes.
const MAX_TABLE_BYTES: usize = 4 << 20;

// Flags of routes: route.h and ipv6_route.h.
const GATEWAY: u32 = 0x2;
const REJECT: u32 = 0x200;
/// Routes to addresses of this machine, those to any of several machines, and those that are only
/// remembered: `RTF_LOCAL`, `RTF_ANYCAST`, `RTF_CACHE`.
const NOT_LISTED: u32 = 0x8000_0000 | 0x0010_0000 | 0x0100_0000;
// Types of routes: rtnetlink.h.
const UNICAST: u8 = 1;
const BLACKHOLE: u8 = 6;
const UNREACHABLE: u8 = 7;
// States of neighbours: neighbour.h.
const INCOMPLETE: u16 = 0x01;
const PERMANENT: u16 = 0x80;
/// `RT_SCOPE_UNIVERSE`, `RT_SCOPE_SITE`, `RT_SCOPE_LINK` and `RT_SCOPE_HOST`: rtnetlink.h.
const GLOBAL: u8 = 0;
const SITE: u8 = 200;
const LINK: u8 = 253;
const HOST: u8 = 254;

/// Reads the tables. The error names the table and the reason.
pub(super) fn read(process: &Handle) -> Result<Network, (&'static str, Error)> {
    let table = |name| process.read(name, MAX_TABLE_BYTES).map_err(|error| (name, error));
    // A kernel without IPv6 lacks its tables.
    let optional = |name| match table(name) {
        Err((_, error)) if error.is_gone() && process.read("stat", 1).is_ok() => Ok(Vec::new()),
        other => other,
    };
    let mut network = Network::default();
    interfaces(&table("net/dev")?, &mut network);
    routes(&table("net/route")?, &mut network);
    addresses(&table("net/fib_trie")?, &mut network);
    ipv6_addresses(&optional("net/if_inet6")?, &mut network);
    ipv6_routes(&optional("net/ipv6_route")?, &mut network);
    neighbours(&table("net/arp")?, &mut network);
    Ok(network)
}

fn lines(table: &[u8]) -> impl Iterator<Item = &[u8]> {
    table.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}

/// The fields of a line; all that are read are ASCII but for the names of interfaces.
fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect()
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

fn hex(field: &[u8]) -> Option<u32> {
    u32::from_str_radix(text(field)?, 16).ok()
}

/// `net/dev`: after two lines of titles, the name and a colon.
fn interfaces(table: &[u8], network: &mut Network) {
    for line in lines(table).skip(2) {
        if let Some(end) = line.iter().rposition(|&byte| byte == b':') {
            let name = line.get(..end).unwrap_or_default().trim_ascii().to_vec();
            network.interfaces.push(Interface { name, ..Interface::default() });
        }
    }
}

/// `net/route`: the main table of IPv4. Addresses are hexadecimal words in the machine's byte order.
fn routes(table: &[u8], network: &mut Network) {
    let parse = |line: &[u8]| {
        let fields = fields(line);
        let &[name, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice() else {
            return None;
        };
        let ip = |field| Some(Ipv4Addr::from(hex(field)?.to_ne_bytes()));
        let flags = hex(flags)?;
        Some(Route {
            kind: match (flags & REJECT != 0, name) {
                (true, _) => UNREACHABLE,
                (false, b"*") => BLACKHOLE,
                (false, _) => UNICAST,
            },
            destination: ip(destination)?.into(),
            prefix: u8::try_from(hex(mask)?.count_ones()).ok()?,
            // A router of IPv6 is 0.0.0.0 here.
            gateway: ip(gateway).filter(|ip| flags & GATEWAY != 0 && !ip.is_unspecified()).map(IpAddr::V4),
            interface: (name != b"*").then(|| name.to_vec()),
            metric: text(metric)?.parse().ok()?,
            source: None,
            table: MAIN_TABLE,
        })
    };
    network.routes.extend(lines(table).skip(1).filter_map(parse));
}

/// `net/fib_trie`: an address of this machine is a leaf whose next line says so.
fn addresses(table: &[u8], network: &mut Network) {
    let mut found: Vec<Ipv4Addr> = Vec::new();
    let mut last = None;
    for line in lines(table) {
        match fields(line).as_slice() {
            [b"|--", address] => last = text(address).and_then(|text| text.parse::<Ipv4Addr>().ok()),
            [b"/32", b"host", b"LOCAL"] => found.extend(last.filter(|address| !found.contains(address))),
            _ => {}
        }
    }
    for ip in found {
        // Every address of 127.0.0.0/8 is of the loopback interface, which has no route to it.
        let (name, prefix) = if ip.is_loopback() {
            (b"lo".to_vec(), Some(8))
        } else {
            let mut direct: Vec<&Route> = network
                .routes
                .iter()
                .filter(|route| route.gateway.is_none() && route.prefix > 0 && is_in(ip, route))
                .collect();
            direct.sort_by_key(|route| route.prefix);
            let route = direct.last();
            let name = route.and_then(|route| route.interface.clone());
            (name.unwrap_or_default(), route.map(|route| route.prefix))
        };
        let scope = if ip.is_loopback() { HOST } else { GLOBAL };
        add(network, &name, Address { ip: ip.into(), prefix, scope, flags: 0 });
    }
}

fn is_in(ip: Ipv4Addr, route: &Route) -> bool {
    let IpAddr::V4(destination) = route.destination else { return false };
    let mask = u32::MAX.checked_shl(32 - u32::from(route.prefix.min(32))).unwrap_or_default();
    ip.to_bits() & mask == destination.to_bits() & mask
}

/// Adds an address to its interface. One without, whose route is of another table, is one of an
/// interface without a name.
fn add(network: &mut Network, name: &[u8], address: Address) {
    if let Some(interface) = network.interfaces.iter_mut().find(|known| known.name == name) {
        interface.addresses.push(address);
    } else {
        let (name, addresses) = (name.to_vec(), vec![address]);
        network.interfaces.push(Interface { name, addresses, ..Interface::default() });
    }
}

fn ipv6(field: &[u8]) -> Option<Ipv6Addr> {
    let digits = text(field).filter(|text| text.len() == 32)?;
    u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from)
}

/// `net/if_inet6`: address, number of the interface, prefix, scope, flags, name.
fn ipv6_addresses(table: &[u8], network: &mut Network) {
    for line in lines(table) {
        let fields = fields(line);
        let &[ip, index, prefix, scope, flags, name] = fields.as_slice() else { continue };
        let (Some(ip), Some(prefix), Some(flags)) = (ipv6(ip), hex(prefix), hex(flags)) else { continue };
        // `IPV6_ADDR_…` in the kernel's ipv6.h.
        let scope = match hex(scope) {
            Some(0x10) => HOST,
            Some(0x20) => LINK,
            Some(0x40) => SITE,
            _ => GLOBAL,
        };
        add(network, name, Address { ip: ip.into(), prefix: u8::try_from(prefix).ok(), scope, flags });
        if let Some(interface) = network.interfaces.iter_mut().find(|known| known.name == name) {
            interface.index = hex(index);
        }
    }
}

/// `net/ipv6_route`: destination, source, gateway, metric, two counters, flags, interface.
fn ipv6_routes(table: &[u8], network: &mut Network) {
    let parse = |line: &[u8]| {
        let fields = fields(line);
        let &[destination, prefix, _, _, gateway, metric, _, _, flags, name] = fields.as_slice() else {
            return None;
        };
        let (destination, flags) = (ipv6(destination)?, hex(flags)?);
        // Every interface has a route to all multicast addresses, in the local table.
        if flags & NOT_LISTED != 0 || destination.is_multicast() {
            return None;
        }
        let (is_rejected, metric) = (flags & REJECT != 0, hex(metric)?);
        // The kernel's own entry for what has no route.
        if is_rejected && metric == u32::MAX {
            return None;
        }
        Some(Route {
            kind: if is_rejected { UNREACHABLE } else { UNICAST },
            destination: destination.into(),
            prefix: u8::try_from(hex(prefix)?).ok()?,
            gateway: if flags & GATEWAY != 0 { Some(ipv6(gateway)?.into()) } else { None },
            interface: Some(name.to_vec()),
            metric,
            source: None,
            table: MAIN_TABLE,
        })
    };
    network.routes.extend(lines(table).filter_map(parse));
}

/// `net/arp`: address, hardware type, flags, hardware address, mask, interface.
fn neighbours(table: &[u8], network: &mut Network) {
    let parse = |line: &[u8]| {
        let fields = fields(line);
        let &[ip, _, flags, mac, _, interface] = fields.as_slice() else { return None };
        let flags = u32::from_str_radix(text(flags)?.strip_prefix("0x")?, 16).ok()?;
        let bytes = mac.split(|&byte| byte == b':').map(|byte| u8::try_from(hex(byte)?).ok());
        // `ATF_COM` and `ATF_PERM` in if_arp.h.
        let (is_known, is_permanent) = (flags & 2 != 0, flags & 4 != 0);
        Some(Neighbour {
            ip: IpAddr::V4(text(ip)?.parse().ok()?),
            mac: if is_known { bytes.collect::<Option<Vec<u8>>>()? } else { Vec::new() },
            interface: interface.to_vec(),
            state: match (is_known, is_permanent) {
                (_, true) => Some(PERMANENT),
                (false, _) => Some(INCOMPLETE),
                (true, false) => None,
            },
        })
    };
    network.neighbours.extend(lines(table).skip(1).filter_map(parse));
}
