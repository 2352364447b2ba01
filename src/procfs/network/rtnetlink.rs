//! Interfaces, addresses, routes and neighbours by rtnetlink(7).
//!
//! The parsers take one message each. One that is too short is skipped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use super::{Address, Interface, LOCAL_TABLE, Neighbour, Network, Route};
use crate::procfs::netlink::{attribute, dump, header};

/// The largest datagram of the kernel, in bytes: `NL_MAX_RECV_SKB` limits what it takes for a list.
const MAX_DATAGRAM_BYTES: usize = 32 << 10;

// Requests: rtnetlink.h.
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

// Attributes: if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// A route that the kernel remembers for one destination: `RTM_F_CLONED`.
const CLONED: u32 = 0x200;
/// Neighbours that need no resolution, such as multicast addresses: `NUD_NOARP`.
const NOARP: u16 = 0x40;

/// `AF_INET` and `AF_INET6`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// Reads everything by this socket; `None` if the kernel does not answer.
pub(super) fn read(socket: &OwnedFd) -> Option<Network> {
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    gather(&mut |kind, family, visit| dump(socket, &request(kind, family), &mut buffer, visit))
}

/// Sends a request of this type for this family, and calls the function with each answer.
pub type Ask<'a> = dyn FnMut(u16, u8, &mut dyn FnMut(&[u8])) -> Option<()> + 'a;

/// Puts all requests, and returns what the answers contain; `None` if one is not answered.
pub fn gather(ask: &mut Ask<'_>) -> Option<Network> {
    let mut network = Network::default();
    ask(RTM_GETLINK, 0, &mut |message| network.interfaces.extend(interface(message)))?;
    ask(RTM_GETADDR, 0, &mut |message| {
        if let Some((index, address)) = address(message)
            && let Some(interface) = network.interfaces.iter_mut().find(|known| known.index == Some(index))
        {
            interface.addresses.push(address);
        }
    })?;
    let interfaces = &network.interfaces;
    let name = |index: u32| {
        interfaces.iter().find(|known| known.index == Some(index)).map(|known| known.name.clone())
    };
    for family in [IPV4, IPV6] {
        // A kernel without IPv6 answers with what it has of other families.
        let is_of_family = |message: &[u8]| message.first() == Some(&family);
        ask(RTM_GETROUTE, family, &mut |message| {
            if is_of_family(message) {
                routes(message, &name, &mut |route| network.routes.push(route));
            }
        })?;
        ask(RTM_GETNEIGH, family, &mut |message| {
            if is_of_family(message) {
                network.neighbours.extend(neighbour(message, &name));
            }
        })?;
    }
    Some(network)
}

/// The header and a message of which only the first byte, the family, is not 0.
fn request(kind: u16, family: u8) -> Vec<u8> {
    // `struct ifinfomsg`, `struct ifaddrmsg`, `struct rtmsg` and `struct ndmsg`.
    let size = match kind {
        RTM_GETLINK => 16,
        RTM_GETADDR => 8,
        _ => 12,
    };
    let mut request = header(kind, 16 + size).concat();
    request.push(family);
    request.resize(16 + size as usize, 0);
    request
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// An address of either family.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
        16 => bytes.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
        _ => None,
    }
}

/// Parses a `struct ifinfomsg` and its attributes.
fn interface(message: &[u8]) -> Option<Interface> {
    let (head, attributes) = message.split_first_chunk::<16>()?;
    let name = attribute(attributes, IFLA_IFNAME)?;
    Some(Interface {
        index: number(head.get(4..)?),
        // It ends with a NUL.
        name: name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec(),
        flags: number(head.get(8..)?),
        state: attribute(attributes, IFLA_OPERSTATE).and_then(|value| value.first().copied()),
        mtu: attribute(attributes, IFLA_MTU).and_then(number),
        mac: Some(attribute(attributes, IFLA_ADDRESS).unwrap_or_default().to_vec()),
        addresses: Vec::new(),
    })
}

/// Parses a `struct ifaddrmsg` and its attributes. Also returns the number of the interface.
fn address(message: &[u8]) -> Option<(u32, Address)> {
    let (&[_, prefix, flags, scope, i0, i1, i2, i3], attributes) = message.split_first_chunk::<8>()?;
    // If there is a peer, IFA_ADDRESS is that.
    let ip = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS)).and_then(ip)?;
    let flags = attribute(attributes, IFA_FLAGS).and_then(number).unwrap_or(flags.into());
    Some((u32::from_ne_bytes([i0, i1, i2, i3]), Address { ip, prefix: Some(prefix), scope, flags }))
}

/// Parses a `struct rtmsg` and its attributes, and calls `visit` with the route, once for each of
/// its gateways. Left out are routes of the table of local addresses and those that are only
/// remembered.
fn routes(message: &[u8], name: &dyn Fn(u32) -> Option<Vec<u8>>, visit: &mut dyn FnMut(Route)) -> Option<()> {
    let (&[family, prefix, _, _, table, _, _, kind, f0, f1, f2, f3], attributes) =
        message.split_first_chunk::<12>()?;
    let get = |wanted| attribute(attributes, wanted);
    let table = get(RTA_TABLE).and_then(number).unwrap_or(table.into());
    if table == LOCAL_TABLE || u32::from_ne_bytes([f0, f1, f2, f3]) & CLONED != 0 {
        return None;
    }
    let unspecified =
        if family == IPV4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let route = Route {
        kind,
        destination: get(RTA_DST).map_or(Some(unspecified), ip)?,
        prefix,
        gateway: gateway(attributes),
        interface: get(RTA_OIF).and_then(number).and_then(name),
        metric: get(RTA_PRIORITY).and_then(number).unwrap_or_default(),
        source: get(RTA_PREFSRC).and_then(ip),
        table,
    };
    let Some(mut hops) = get(RTA_MULTIPATH) else {
        visit(route);
        return Some(());
    };
    // `struct rtnexthop` and its attributes, each.
    while let Some((&[l0, l1, _, _, i0, i1, i2, i3], _)) = hops.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([l0, l1])).max(8);
        let interface = name(u32::from_ne_bytes([i0, i1, i2, i3]));
        visit(Route { gateway: gateway(hops.get(8..length)?), interface, ..route.clone() });
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(())
}

/// The router, which may be of another family than the destination: `struct rtvia`.
fn gateway(attributes: &[u8]) -> Option<IpAddr> {
    let via = || attribute(attributes, RTA_VIA)?.get(2..).and_then(ip);
    attribute(attributes, RTA_GATEWAY).and_then(ip).or_else(via)
}

/// Parses a `struct ndmsg` and its attributes, unless the neighbour needs no resolution.
fn neighbour(message: &[u8], name: &dyn Fn(u32) -> Option<Vec<u8>>) -> Option<Neighbour> {
    let (&[_, _, _, _, i0, i1, i2, i3, s0, s1, ..], attributes) = message.split_first_chunk::<12>()?;
    let state = u16::from_ne_bytes([s0, s1]);
    if state & !NOARP == 0 {
        return None;
    }
    Some(Neighbour {
        ip: attribute(attributes, NDA_DST).and_then(ip)?,
        mac: attribute(attributes, NDA_LLADDR).unwrap_or_default().to_vec(),
        interface: name(u32::from_ne_bytes([i0, i1, i2, i3])).unwrap_or_default(),
        state: Some(state),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::netlink::each_answer;

    /// Recorded in a namespace with two veth interfaces, on a little-endian machine.
    const ANSWERS: [(u16, u8, &[u8]); 6] = [
        (RTM_GETLINK, 0, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-links")),
        (RTM_GETADDR, 0, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-addresses")),
        (RTM_GETROUTE, IPV4, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-routes")),
        (RTM_GETROUTE, IPV6, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-routes6")),
        (RTM_GETNEIGH, IPV4, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-neighbours")),
        (RTM_GETNEIGH, IPV6, include_bytes!("../../../tests/fixtures/linux-6.18-rtnetlink-neighbours6")),
    ];

    /// What the answers contain after this change of one of them.
    fn gathered(changed: usize, change: impl Fn(&mut Vec<u8>)) -> Option<Network> {
        gather(&mut |kind, family, visit| {
            let at = ANSWERS.iter().position(|(known, of, _)| (*known, *of) == (kind, family))?;
            let mut answer = ANSWERS[at].2.to_vec();
            if at == changed {
                change(&mut answer);
            }
            each_answer(&answer, visit).map(|_| ())
        })
    }

    #[test]
    fn recorded_answers() {
        if cfg!(target_endian = "big") {
            return;
        }
        let network = gathered(9, |_| {}).unwrap();
        let interfaces: Vec<_> =
            network.interfaces.iter().map(|one| (one.index, one.name.as_slice(), one.mtu)).collect();
        let expected =
            [(Some(1), &b"lo"[..], Some(65536)), (Some(2), b"v1", Some(1500)), (Some(3), b"v0", Some(1400))];
        assert_eq!(interfaces.iter().filter(|one| expected.contains(one)).count(), 3, "{interfaces:?}");
        let v0 = network.interfaces.iter().find(|one| one.name == b"v0").unwrap();
        assert_eq!((v0.state, v0.mac.as_deref()), (Some(6), Some(&[2, 0, 0, 0, 0, 1][..])));
        let addresses: Vec<_> =
            v0.addresses.iter().map(|one| (one.ip.to_string(), one.prefix, one.scope)).collect();
        assert_eq!(
            addresses,
            [
                ("10.1.2.3".to_owned(), Some(24), 0),
                ("192.0.2.1".to_owned(), Some(32), 0),
                ("fd00::7".to_owned(), Some(64), 0),
            ]
        );
        let shown: Vec<String> = network
            .routes
            .iter()
            .map(|one| {
                let via = one.gateway.map_or_else(String::new, |ip| format!(" via {ip}"));
                let interface = String::from_utf8(one.interface.clone().unwrap_or_default()).unwrap();
                let Route { kind, destination, prefix, metric, table, .. } = one;
                format!("{kind} {destination}/{prefix}{via} dev {interface} metric {metric} table {table}")
            })
            .collect();
        for expected in [
            "1 0.0.0.0/0 via 10.1.2.1 dev v0 metric 50 table 254",
            "6 10.9.0.0/16 dev  metric 0 table 254",
            "1 10.12.0.0/16 via 10.1.2.1 dev v0 metric 0 table 254",
            "1 10.12.0.0/16 via 10.1.2.9 dev v0 metric 0 table 254",
            "1 10.13.0.0/16 via fd00::1 dev v0 metric 0 table 254",
            "1 10.14.0.0/16 dev v0 metric 0 table 777",
            "1 fd00::/64 dev v0 metric 256 table 254",
        ] {
            assert!(shown.iter().any(|one| one == expected), "{expected} {shown:#?}");
        }
        assert!(network.routes.iter().all(|route| route.table != LOCAL_TABLE));
        let neighbours: Vec<_> = network
            .neighbours
            .iter()
            .map(|one| (one.ip.to_string(), one.mac.last().copied(), one.state))
            .collect();
        assert_eq!(
            neighbours,
            [("10.1.2.1".to_owned(), Some(9), Some(0x80)), ("fd00::1".to_owned(), Some(10), Some(4))]
        );
    }

    /// Whatever the bytes are, reading them ends.
    #[test]
    fn malformed_answers_are_read_to_their_end() {
        for (changed, (_, _, answer)) in ANSWERS.iter().enumerate() {
            for at in 0..answer.len() {
                let _ = gathered(changed, |answer| answer.truncate(at));
                for byte in [0, 1, 0xff] {
                    let _ = gathered(changed, |answer| answer[at] = byte);
                }
            }
        }
        let name = |_| None;
        for hops in [&[0; 8][..], &[1, 0, 0, 0, 0, 0, 0, 0, 9], &[0xff; 24], &[0; 7]] {
            let length = u16::try_from(hops.len() + 4).unwrap().to_ne_bytes();
            let head = [IPV4, 8, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0];
            let multipath = [&head[..], &length, &RTA_MULTIPATH.to_ne_bytes(), hops].concat();
            let mut count = 0;
            routes(&multipath, &name, &mut |_| count += 1);
            assert!(count <= 3);
        }
    }
}
