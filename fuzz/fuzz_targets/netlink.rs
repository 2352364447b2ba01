//! The messages of netlink: sockets, and interfaces, addresses, routes and neighbours. What is
//! malformed is skipped, a message that follows is read, and no row is made of nothing. What is printed
//! has no forbidden character.
#![no_main]

mod support;

use libfuzzer_sys::fuzz_target;
use porthole::inspect::ip::columns::{AddressRow, NEIGHBOURS, ROUTES};
use porthole::procfs::diag::{inet_socket_of, listener_of, socket_of, unix_backlog_of};
use porthole::procfs::netlink::{attribute, each_answer};
use porthole::procfs::network::rtnetlink::gather;
use porthole::procfs::network::{Network, rtnetlink};
use porthole::report::{Column, cells, table};
use support::is_printable;

/// The interfaces of a namespace, recorded. The rows of other messages name them.
const LINKS: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-rtnetlink-links");

/// The requests, of which the first byte of the input chooses one: RTM_GETLINK, RTM_GETADDR, and
/// RTM_GETROUTE and RTM_GETNEIGH of IPv4 and IPv6.
const REQUESTS: &[(u16, u8)] = &[(18, 0), (22, 0), (26, 2), (26, 10), (30, 2), (30, 10)];

/// TCP_LISTEN, of tcp_states.h.
const LISTEN: u8 = 10;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let may_continue = messages(bytes);
    match REQUESTS.get(usize::from(kind % 8)) {
        Some(&asked) => network(asked, bytes, may_continue),
        None => sockets(bytes, may_continue),
    }
});

/// Messages do not overlap, and an attribute is a part of its message. Returns whether one more message
/// may follow: these end where the bytes end.
fn messages(bytes: &[u8]) -> bool {
    let mut total = 0;
    let ended = each_answer(bytes, &mut |message| {
        assert!(total + 16 + message.len() <= bytes.len(), "{total} {}", message.len());
        total += (16 + message.len()).next_multiple_of(4);
        for wanted in 0..4 {
            assert!(attribute(message, wanted).is_none_or(|value| value.len() + 4 <= message.len()));
        }
    });
    ended == Some(false) && total == bytes.len()
}

fn gathered(asked: (u16, u8), bytes: &[u8]) -> Option<Network> {
    let ask: &mut rtnetlink::Ask<'_> = &mut |kind, family, visit| {
        let answer = match (kind, family) == asked {
            true => bytes,
            false if kind == 18 => LINKS,
            false => &[],
        };
        each_answer(answer, visit).map(|_| ())
    };
    gather(ask)
}

fn network(asked: (u16, u8), bytes: &[u8], may_continue: bool) {
    let ended = each_answer(bytes, &mut |_| {});
    let network = gathered(asked, bytes);
    assert_eq!(network.is_some(), ended.is_some());
    let Some(network) = network else { return };
    // Nothing is shorter than a next hop of 8 bytes.
    let addresses: usize = network.interfaces.iter().map(|one| one.addresses.len()).sum();
    let known = if asked.0 == 18 { 0 } else { LINKS.len() / 8 };
    let count = network.interfaces.len() + addresses + network.routes.len() + network.neighbours.len();
    assert!(count <= bytes.len() / 8 + known, "{count} rows of {} bytes", bytes.len());
    is_shown(AddressRow::COLUMNS, &network.interfaces.iter().flat_map(AddressRow::of).collect::<Vec<_>>());
    is_shown(ROUTES, &network.routes);
    is_shown(NEIGHBOURS, &network.neighbours);

    if may_continue && asked.0 == 18 {
        let name = attribute_of(3, b"zz9\0");
        let head = [[0; 4], 77_u32.to_ne_bytes(), [0; 4], [0; 4]].concat();
        let more =
            gathered(asked, &[bytes, &message(16, &[head, name].concat())].concat()).expect("it is valid");
        let last = more.interfaces.last().expect("the last interface");
        assert_eq!((last.index, last.name.as_slice()), (Some(77), &b"zz9"[..]));
        assert_eq!(more.interfaces.len(), network.interfaces.len() + 1);
    }
}

/// The rows as a table, without the ends of the lines.
fn is_shown<R>(columns: &[Column<R>], rows: &[R]) {
    let mut table = table(columns, true);
    for row in rows {
        table.row(cells(columns, true, row));
    }
    let mut count = 0;
    table.lines(None, false, &mut |line| {
        is_printable(line);
        count += 1;
    });
    assert_eq!(count, rows.len() + 1);
}

fn sockets(bytes: &[u8], may_continue: bool) {
    let file = [7, 0, 0, 0, 8, 0, 0, 0];
    let read = |bytes: &[u8]| {
        let mut listeners = Vec::new();
        each_answer(bytes, &mut |message| {
            let socket = inet_socket_of(message);
            assert_eq!(socket.is_some(), message.len() >= 72);
            let listener = listener_of(message, LISTEN);
            assert!(listener.is_none() || socket.is_some_and(|(socket, _)| socket.state == LISTEN));
            listeners.extend(listener);
            let backlog = unix_backlog_of(message);
            assert!(backlog.is_none() || message[2] == LISTEN);
            let socket = socket_of(message, &file);
            assert!(socket.is_none() || message.windows(8).any(|part| part == file));
        });
        listeners
    };
    let listeners = read(bytes);
    if may_continue {
        let mut row = [0; 72];
        row[..8].copy_from_slice(&[2, LISTEN, 0, 0, 0x1f, 0x90, 0, 0]);
        row[68] = 42;
        let more = read(&[bytes, &message(20, &row)].concat());
        assert_eq!(more.len(), listeners.len() + 1);
        assert_eq!(more.last().map(|one| (one.inode, one.address.port())), Some((42, 8080)));
    }
}

/// `struct nlmsghdr` and this message.
fn message(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + content.len()).unwrap();
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], content].concat()
}

/// `struct rtattr` and this value, whose length is a multiple of 4.
fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat()
}
