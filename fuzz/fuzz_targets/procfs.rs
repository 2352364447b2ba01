//! The files of /proc and of control groups: odd rows are skipped, and nothing is read that is not there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole::procfs::mountinfo::Mounts;
use porthole::procfs::net::{parse_inet, unix_sockets};
use porthole::procfs::process::{Process, parse_folder, parse_pid, parse_socket};
use porthole::procfs::stat::Stat;
use porthole::procfs::status::Status;
use porthole::procfs::{cgroup, id_map, maps, rlimits};

/// LISTEN, of include/net/tcp_states.h.
const LISTEN: u64 = 10;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 9 {
        0 => {
            if let Some(stat) = Stat::parse(bytes) {
                // The name is between the first and the last parenthesis.
                let open = bytes.iter().position(|&b| b == b'(').expect("there is a name");
                let close = bytes.iter().rposition(|&b| b == b')').expect("there is a name");
                assert!(open < close);
                assert!(!stat.letters(1).is_empty());
            }
            if let Some(process) = Process::parse(7, bytes) {
                assert!(process.shown().contains('7'));
            }
        }
        1 => {
            let (status, other) = (Status::parse(bytes), Status::parse(b"Uid:\t0 0 0 0\n"));
            status.describe_barrier(&other);
            status.barrier(&other);
            status.missing_line();
        }
        2 => mounts(bytes),
        3 => {
            // A row that follows is found whatever comes before it.
            let row = b"\n   3: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1\n";
            let all = parse_inet(&[bytes, &row[..]].concat(), LISTEN);
            let is_it = |known: &porthole::procfs::net::Listener| known.inode == 42;
            assert!(all.iter().any(is_it), "the row after {:?}", bytes.escape_ascii().to_string());
        }
        4 => drop(unix_sockets(bytes, &|_| true)),
        5 => {
            for member in cgroup::parse(bytes) {
                assert!(cgroup::upwards(&member.path).count() <= member.path.len() + 1);
            }
            let _ = (cgroup::limit(bytes), cgroup::amount(bytes), cgroup::cpu_max(bytes));
            cgroup::entry(bytes, "oom_kill");
        }
        6 => drop((maps::deleted(bytes).len(), rlimits::parse(bytes))),
        7 => {
            if let Some(pid) = parse_pid(bytes) {
                assert!(pid > 0);
            }
            if let Some(pid) = parse_folder(bytes) {
                assert_eq!(pid.to_string().as_bytes(), bytes, "the name of a folder is a number");
            }
            if let Some(inode) = parse_socket(bytes) {
                assert!(
                    bytes.windows(inode.to_string().len()).any(|part| part == inode.to_string().as_bytes())
                );
            }
        }
        _ => {
            let ranges = id_map::parse(bytes);
            let with = id_map::parse(&[bytes, &b"\n         0     100000      65536\n"[..]].concat());
            assert_eq!(with.split_last(), Some((&[0, 100_000, 65_536], ranges.as_slice())));
        }
    }
});

fn mounts(bytes: &[u8]) {
    let mounts = Mounts::parse(bytes);
    let lines = bytes.split(|&b| b == b'\n').count();
    let visible: Vec<_> = mounts.visible().collect();
    assert!(visible.len() <= lines);
    for mount in visible {
        assert!(mounts.by_id(mount.id).is_some());
        mount.all_options();
    }
}
