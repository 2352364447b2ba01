//! `porthole limits`.

mod fabricated;
mod real;

use serde_json::Value;

use crate::support::elsewhere::{Proc, write};

const STATUS: &[u8] =
    b"Name:\tx\nUid:\t70001\t0\t0\t0\nVmSize:\t1024 kB\nVmLck:\t8 kB\nSigQ:\t3/4\nThreads:\t3\n";

const LIMITS: &[u8] = b"Limit                     Soft Limit           Hard Limit           Units     \n\
    Max cpu time              60                   unlimited            seconds   \n\
    Max stack size            8388608              unlimited            bytes     \n\
    Max processes             3                    96365                processes \n\
    Max open files            10                   4096                 files     \n\
    Max address space         1048576000           unlimited            bytes     \n\
    Max pending signals       4                    4                    signals   \n\
    Max nice priority         0                    0                    \n";

/// A fabricated proc tree, with control groups in a directory `groups` in it.
fn fabricated(cgroup: &str, mounts: &str, files: &[(&str, &str)]) -> Proc {
    let proc = Proc::new(&[("cgroup", cgroup.as_bytes()), ("limits", LIMITS), ("status", STATUS)]);
    let groups = proc.0.join("groups");
    write(&proc.0.join("7/mountinfo"), mounts.replace('@', groups.to_str().unwrap()).as_bytes());
    for (name, content) in files {
        write(&groups.join(name), format!("{content}\n").as_bytes());
    }
    proc
}

const V2: &str = "1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / @ ro - cgroup2 cgroup rw,nsdelegate\n";

pub(super) fn v2() -> Proc {
    fabricated(
        "0::/pod/app\n",
        V2,
        &[
            ("cgroup.controllers", "cpu memory pids"),
            ("memory.stat", "file 1"),
            ("cpu.stat", "usage_usec 9"),
            ("pod/memory.max", "536870912"),
            ("pod/memory.current", "500000000"),
            ("pod/cpu.max", "max 100000"),
            ("pod/pids.max", "max"),
            ("pod/app/memory.max", "1073741824"),
            ("pod/app/memory.current", "104857600"),
            ("pod/app/memory.peak", "209715200"),
            ("pod/app/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0"),
            ("pod/app/memory.stat", "anon 5\nfile 52428800\nfile_mapped 7"),
            ("pod/app/cpu.max", "50000 100000"),
            (
                "pod/app/cpu.stat",
                "usage_usec 4500000\nuser_usec 1\nnr_periods 200\nnr_throttled 50\nthrottled_usec 1500000",
            ),
            ("pod/app/pids.max", "20"),
            ("pod/app/pids.current", "20"),
            ("pod/app/pids.peak", "20"),
            ("pod/app/pids.events", "max 1"),
        ],
    )
}

fn number(text: &str) -> Value {
    text.parse::<u64>().map_or(Value::Null, Value::from)
}
