//! `porthole env`.

use std::process::Command;

use serde_json::json;

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::processes::{Made, Proc, Sleeper};

const ENVIRONMENT: &[u8] =
    b"PATH=/bin\0API_KEY=t0psecret\0LC_ALL=C\0PORT=http://me:hunter2@h/\0TWO=a\nb\0EMPTY=\0no equals sign\0\
    B=\xff\x1b\0TZ=a\x1b\n\0=x\0\0";

#[test]
fn values_are_hidden_unless_known_to_be_harmless() {
    let proc = Proc::new();
    proc.file("self/environ", ENVIRONMENT);
    porthole(["env", "--proc", proc.path()]).healthy(
        r"PATH=/bin
API_KEY=<9 bytes>
LC_ALL=C
PORT=<20 bytes>
TWO=<3 bytes>
EMPTY=
<14 bytes>
B=<2 bytes>
TZ=a\x1b\n
=<1 byte>",
    );
    porthole(["env", "--reveal", "TWO", "--reveal", "B", "--proc", proc.path(), "TWO", "PORT", "B"])
        .healthy("PORT=<20 bytes>\nTWO=a\\nb\nB=\\xff\\x1b");
    porthole(["env", "--reveal-all", "--proc", proc.path()]).healthy(
        r"PATH=/bin
API_KEY=t0psecret
LC_ALL=C
PORT=http://me:hunter2@h/
TWO=a\nb
EMPTY=
no equals sign
B=\xff\x1b
TZ=a\x1b\n
=x",
    );
}

/// A value that is shown must not make `env` run forever or exhaust memory.
#[test]
fn white_space_in_a_value_is_not_expensive() {
    for space in ['\r', '\x0c', '\x0b'] {
        let proc = Proc::new();
        proc.file("self/environ", format!("TZ=x -ua:b{space}c:d\0").as_bytes());
        let ran = Command::new("sh")
            .args([
                "-c",
                "ulimit -v 1000000; exec timeout 20 \"$@\"",
                "sh",
                &binary(),
                "env",
                "--proc",
                proc.path(),
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "TZ=<11 bytes>\n");
        assert_eq!(ran.status.code(), Some(0));
    }
}

#[test]
fn json_has_names_sizes_and_revealed_values() {
    let proc = Proc::new();
    proc.file("self/environ", b"PATH=/bin\0API_KEY=t0psecret\0x\0B=\xff\0");
    porthole(["env", "--json", "--reveal", "B", "--proc", proc.path()]).run().has(
        0,
        &json!({"environment": [{"name": "PATH", "value": "/bin", "size": 4}, {"name": "API_KEY", "value": null, "size": 9}, {"name": null, "value": null, "size": 1}, {"name": "B", "value": {"bytes": "/w=="}, "size": 1}]}),
        "",
    );
}

#[test]
fn a_variable_that_is_not_set_is_an_error() {
    let proc = Proc::new();
    proc.file("self/environ", b"PATH=/bin\0NONE\0");
    porthole(["env", "PATH", "NONE", "PAT", "--proc", proc.path()]).run().is(
        1,
        "PATH=/bin",
        "porthole: env: NONE: not set\nporthole: env: PAT: not set",
    );
    porthole(["env", "PATH", "--reveal", "X", "--proc", proc.path()]).run().is(
        1,
        "PATH=/bin",
        "porthole: env: X: not set",
    );
    porthole(["env", "A=b"]).refused("env: NAME: expected the name of a variable, got 'A=b'");
    porthole(["env", "--reveal", ""]).refused("env: --reveal: expected the name of a variable, got ''");
    porthole(["env", "--proc", "/none"]).refused("env: /none/self/environ: no such file or directory");
}

/// A name that only begins like one in locale(7) is not exempt.
#[test]
fn only_exact_locale_names_are_shown() {
    let proc = Proc::new();
    proc.file("self/environ", b"LC_TIME=de\0LC_SECRET=hunter2\0LC_=x\0LC_TIM=y\0");
    let expected = "LC_TIME=de\nLC_SECRET=<7 bytes>\nLC_=<1 byte>\nLC_TIM=<1 byte>";
    porthole(["env", "--proc", proc.path()]).healthy(expected);
}

#[test]
fn as_itself_it_shows_its_own_environment() {
    let ran = porthole(["env", "-p", "self"]).env("API_KEY", "hunter2").env("TZ", "UTC").run();
    let rest = ran.stdout.strip_prefix("environment of pid ").unwrap_or_default();
    assert!(rest.ends_with(" (porthole)\nAPI_KEY=<7 bytes>\nTZ=UTC\n"), "{}", ran.story());
}

/// If a process ends while its file is open, the file reads as empty.
#[test]
fn a_process_that_has_ended_does_not_look_empty() {
    let proc = Proc::new();
    proc.file("7/environ", "");
    let gone = format!("env: {}/7/environ: the process is gone", proc.path());
    porthole(["env", "-p", "7", "--proc", proc.path()]).refused(&gone);
    proc.process(7, &Made::default(), b"x\0");
    porthole(["env", "-p", "7", "--proc", proc.path()]).healthy("");
    let zombie = "env: pid 7 (sleep) is a zombie: it has ended and no longer has environ";
    proc.process(7, &Made { state: 'Z', ..Made::default() }, b"");
    porthole(["env", "-p", "7", "--proc", proc.path()]).refused(zombie);
}

#[test]
fn the_environment_of_another_process_is_shown() {
    let mut sleeper = Sleeper::called("with", &[("SECRET", "a\nb"), ("TZ", "UTC")]);
    let pid = sleeper.pid().to_string();
    let heading = format!("environment of pid {pid} (sleep)");
    porthole(["env", "-p", &pid]).healthy(&format!("{heading}\nSECRET=<3 bytes>\nTZ=UTC"));
    porthole(["env", "-p", &pid, "SECRET", "--reveal", "SECRET"])
        .healthy(&format!("{heading}\nSECRET=a\\nb"));
    sleeper.end();
    let zombie = format!("env: pid {pid} (sleep) is a zombie: it has ended and no longer has environ");
    porthole(["env", "-p", &pid]).refused(&zombie);
    drop(sleeper);
    porthole(["env", "-p", &pid]).refused(&format!("env: pid {pid}: no such process"));
    let none = Sleeper::called("without", &[]);
    porthole(["env", "-p", &none.pid().to_string()]).healthy("");
    if std::fs::read("/proc/2/cmdline").is_ok_and(|command| command.is_empty())
        && std::fs::read_link("/proc/2/exe").is_err()
        && crate::support::skip::is_root()
    {
        porthole(["env", "-p", "2"])
            .refused("env: pid 2 (kthreadd) is a kernel thread, which has no environ");
    }
}

#[test]
fn a_denied_environment_does_not_look_empty() {
    let Some(folder) = for_other_users() else { return };
    let sleeper = Sleeper::owned(std::path::Path::new("/bin/sleep"), 65_532, 65_532);
    let pid = sleeper.pid();
    let path = format!("porthole: env: /proc/{pid}/environ: permission denied: ");
    for (ids, rule) in [
        (
            "65533:65532",
            "its uid is 65532, ours is 65533: run as 65532:65532, or as root with the capability SYS_PTRACE",
        ),
        (
            "65532:0",
            "its gid is 65532, ours is 0: run as 65532:65532, or as root with the capability SYS_PTRACE",
        ),
        ("0:0", "its uid is 65532, ours is 0: run as 65532:65532, or as root with the capability SYS_PTRACE"),
        ("65532:65532", ""),
    ] {
        let (uid, gid) = ids.split_once(':').unwrap();
        let mut command = Command::new("setpriv");
        command.args([
            &format!("--reuid={uid}"),
            &format!("--regid={gid}"),
            "--clear-groups",
            // Capabilities that Docker does not grant by default. PERFMON allows reading too
            // (mm_access in kernel/fork.c).
            "--bounding-set=-sys_ptrace,-sys_admin,-perfmon",
            "--inh-caps=-all",
        ]);
        command.arg(folder.join("porthole")).args(["env", "-p", &pid.to_string(), "--json"]);
        let ran = output(&mut command);
        if rule.is_empty() {
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        } else {
            assert_eq!(ran.status, Some(1), "{}", ran.story());
            let why = format!("{path}{rule}");
            assert!(ran.stderr.starts_with(&why), "{}", ran.story());
            assert!(ran.stdout.contains(r#""environment": [], "errors": [""#), "{}", ran.story());
        }
    }
    drop(sleeper);
    std::fs::remove_dir_all(folder).unwrap();
}
