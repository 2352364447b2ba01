//! The interfaces, routes and neighbours of a network namespace: by rtnetlink(7), which tells all of
//! it, or from the tables in a process's `net` directory, which need no privilege. Those lack the
//! state, MTU and MAC address of interfaces, and the neighbours of IPv6.

pub mod rtnetlink;
mod tables;

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::SockProtocol;
use nix::sys::stat::stat;

use super::handle::Handle;
use super::netlink;
use crate::error::Error;

/// The table in which the kernel keeps the routes to its own addresses: `RT_TABLE_LOCAL` in
/// rtnetlink.h.
const LOCAL_TABLE: u32 = 255;
/// The table of ordinary routes: `RT_TABLE_MAIN`.
pub const MAIN_TABLE: u32 = 254;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Its number, if it is known.
    pub index: Option<u32>,
    /// Its name.
    pub name: Vec<u8>,
    /// Its flags, `IFF_…` of netdevice(7), if they are known.
    pub flags: Option<u32>,
    /// Its operational state, `IF_OPER_…` in the kernel's if.h (RFC 2863).
    pub state: Option<u8>,
    /// The size of its largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Its hardware address; empty if it has none.
    pub mac: Option<Vec<u8>>,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<Address>,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The length of its prefix, if it is known.
    pub prefix: Option<u8>,
    /// Where it is valid: `RT_SCOPE_…` in rtnetlink.h.
    pub scope: u8,
    /// Its flags, `IFA_F_…` in if_addr.h.
    pub flags: u32,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What happens to packets: `RTN_…` in rtnetlink.h.
    pub kind: u8,
    /// Their destination, and the length of its prefix.
    pub destination: IpAddr,
    pub prefix: u8,
    /// The router that they are sent to.
    pub gateway: Option<IpAddr>,
    /// The name of the interface.
    pub interface: Option<Vec<u8>>,
    /// Of two routes to the same destination, the one with the lower metric is used.
    pub metric: u32,
    /// The source address that is preferred.
    pub source: Option<IpAddr>,
    /// The routing table; [`MAIN_TABLE`] unless there are rules, ip-rule(8).
    pub table: u32,
}

/// A neighbour: an address on a link, as ARP or neighbour discovery found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub ip: IpAddr,
    /// Its hardware address; empty if it is not known.
    pub mac: Vec<u8>,
    /// The name of the interface.
    pub interface: Vec<u8>,
    /// Its state, `NUD_…` in neighbour.h, if it is known.
    pub state: Option<u16>,
}

/// What a network namespace has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The interfaces, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// The routes, those of IPv4 first.
    pub routes: Vec<Route>,
    /// The neighbours, those of IPv4 first.
    pub neighbours: Vec<Neighbour>,
}

/// Why the tables were read, which lack something.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The kernel does not answer by rtnetlink.
    Netlink,
    /// The network namespace of the process cannot be opened.
    Namespace(Error),
    /// It may not be entered.
    Entry(Error),
}

impl Network {
    /// Reads that of this process, or our own if there is no proc. If only the tables could be read,
    /// also returns why. The error names the table.
    pub fn read(process: Option<&Handle>) -> Result<(Self, Option<Lacks>), (&'static str, Error)> {
        let Some(process) = process else {
            let network =
                netlink::open(SockProtocol::NetlinkRoute).and_then(|socket| rtnetlink::read(&socket));
            return network
                .map(|network| (network, None))
                .ok_or(("net/dev", Error::from("no answer by rtnetlink(7)")));
        };
        let socket = if process.is_in_our_network() || has_our_tables(process) {
            netlink::open(SockProtocol::NetlinkRoute).ok_or(Lacks::Netlink)
        } else {
            socket_in(process)
        };
        let read = socket.and_then(|socket| rtnetlink::read(&socket).ok_or(Lacks::Netlink));
        match read {
            Ok(network) => Ok((network, None)),
            Err(why) => Ok((tables::read(process)?, Some(why))),
        }
    }
}

/// Whether its tables are ours.
fn has_our_tables(process: &Handle) -> bool {
    let ours = stat("/proc/self/net/dev").map(|tables| (tables.st_dev, tables.st_ino));
    ours.is_ok_and(|ours| process.network() == Some(ours))
}

/// Opens a socket in the network namespace of a process: a socket stays in the one in which it was
/// opened. setns(2) moves only this thread.
fn socket_in(process: &Handle) -> Result<OwnedFd, Lacks> {
    let theirs = process.descriptor("ns/net", OFlag::O_RDONLY).map_err(Lacks::Namespace)?;
    let ours =
        std::fs::File::open("/proc/thread-self/ns/net").map_err(|error| Lacks::Namespace(error.into()))?;
    setns(theirs, CloneFlags::CLONE_NEWNET).map_err(|errno| Lacks::Entry(errno.into()))?;
    let socket = netlink::open(SockProtocol::NetlinkRoute);
    setns(ours, CloneFlags::CLONE_NEWNET).map_err(|errno| Lacks::Entry(errno.into()))?;
    socket.ok_or(Lacks::Netlink)
}
