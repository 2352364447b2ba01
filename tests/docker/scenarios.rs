//! Containers that are broken in one way each. Plain `porthole doctor`, without options, names the
//! cause; the test makes the change that it suggests, and the finding is gone.
//!
//! Those in the table are data: how the container is started, broken and as suggested. Those in
//! `apart` need more than other options, or are beyond plain `doctor`, which the test asserts. Three
//! more are flows of the manual: a worker that is killed for lack of memory, zombies
//! (flows/limits.rs), and a full accept queue (flows/reach.rs). docs/troubleshooting.md lists all.

mod apart;

use std::process::Command;

use crate::engine::{self, Container, Image, docker_ok};
use crate::flows::{Diagnosis, advice, has_init, image, until};
use crate::skip::{has_ipv6, is_root, skip};

/// A program that does one thing wrong: tests/programs/patient.rs.
const PATIENT: &[&str] = &["--init", "--entrypoint", "/patient"];
/// A service that does everything right: examples/service.
const SERVICE: &[&str] = &["--init"];
/// A static shell of this machine, in the place of one in the image.
const SHELL: &str = "/usr/bin/busybox";

/// A container that is broken in one way.
struct Scenario {
    /// What is common to both: the program.
    program: &'static [&'static str],
    /// The options and arguments that break it.
    broken: (&'static [&'static str], &'static [&'static str]),
    /// A part of the sentence that names the cause, and the level.
    cause: (&'static str, &'static str),
    /// The place of the change, and a part of it.
    advice: (&'static str, &'static str),
    /// The options and arguments after the change.
    mended: (&'static [&'static str], &'static [&'static str]),
    /// What is done once it runs.
    started: fn(&Container),
    /// How `doctor` is run.
    examined: fn(&Container) -> Diagnosis,
}

impl Scenario {
    /// Breaks a container, and repairs it.
    #[track_caller]
    fn run(&self, image: &Image) {
        let start = |(options, words): (&[&str], &[&str])| {
            let container = Container::run_words(image, &[self.program, options].concat(), words);
            (self.started)(&container);
            container
        };
        let (level, cause) = self.cause;
        let broken = start(self.broken);
        let diagnosis = until(|| (self.examined)(&broken), |diagnosis| diagnosis.find(cause).is_some());
        let finding = diagnosis.find(cause).unwrap();
        assert_eq!(finding["level"], level, "{finding}");
        assert_in_page(cause);
        assert_eq!(diagnosis.status, Some(i32::from(level == "error")), "{}", diagnosis.json);
        // The cause is the first finding: what follows from it comes later, if at all.
        assert_eq!(finding, &diagnosis.findings()[0], "{}", diagnosis.json);
        let (place, change) = self.advice;
        let found = advice(finding, place);
        assert!(found.contains(change), "{change:?} is not in {found:?}");
        drop(broken);
        let mended = start(self.mended);
        if self.program == PATIENT {
            assert_eq!(mended.until_logged(), "ready");
        } else {
            mended.until_listening(8080);
        }
        let diagnosis = until(|| (self.examined)(&mended), |diagnosis| diagnosis.find(cause).is_none());
        diagnosis.assert_in_order();
    }
}

/// Declares the scenarios, each a test. `if` names what it requires.
macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident $(if $required:expr)? => { $($field:ident: $value:expr,)* })*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                if !engine::is_there() || !has_init() $(|| !$required)? {
                    return;
                }
                let mut scenario = COMMON;
                $(scenario.$field = $value;)*
                scenario.run(&image());
            }
        )*
    };
}

/// What most have in common.
const COMMON: Scenario = Scenario {
    program: SERVICE,
    broken: (&[], &[]),
    cause: ("error", ""),
    advice: ("Docker", ""),
    mended: (&[], &[]),
    started: |_| {},
    examined: |container| Diagnosis::of(container, &[]),
};

scenarios! {
    /// The platform says PORT=8081, which the application does not read.
    a_wrong_port => {
        program: PATIENT,
        broken: (&["--env", "PORT=8081"], &["listen", "0.0.0.0:8080"]),
        cause: ("warning", "PORT names port 8081, but nothing listens on it"),
        advice: ("Docker", "--env PORT=8080"),
        mended: (&["--env", "PORT=8080"], &["listen", "0.0.0.0:8080"]),
    }

    the_ipv6_loopback_only if can_add_an_interface() && has_ipv6() => {
        broken: (&["--sysctl", "net.ipv6.conf.lo.disable_ipv6=0", "--env", "ADDRESS=[::1]"], &[]),
        cause: ("warning", "TCP port 8080 is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside"),
        advice: ("Application", "listen on 0.0.0.0:8080"),
        mended: (&["--sysctl", "net.ipv6.conf.lo.disable_ipv6=0", "--env", "ADDRESS=0.0.0.0"], &[]),
        started: add_interface,
    }

    the_ipv4_loopback_only if can_add_an_interface() => {
        broken: (&["--env", "ADDRESS=127.0.0.1"], &[]),
        cause: ("warning", "TCP port 8080 is bound to loopback addresses only: it is unreachable from outside"),
        advice: ("Application", "listen on 0.0.0.0:8080"),
        mended: (&["--env", "ADDRESS=0.0.0.0"], &[]),
        started: add_interface,
    }

    a_full_tmpfs => {
        program: PATIENT,
        broken: (&["--tmpfs", "/data:size=1m"], &["write", "1500:/data/file"]),
        cause: ("error", "/data is full: no space is left"),
        advice: ("Docker", "--tmpfs /data:size=2m"),
        mended: (&["--tmpfs", "/data:size=2m"], &["write", "1500:/data/file"]),
    }

    /// A log that was rotated, and that the application still writes to.
    a_deleted_log_that_is_open => {
        program: PATIENT,
        broken: (&["--tmpfs", "/log:size=1m"], &["hold", "1500:/log/app.log"]),
        cause: ("error", "(patient) holds 1.0M of /log in a deleted file"),
        advice: ("Application", "close the file after it was deleted (for a log: reopen it after rotation"),
        mended: (&["--tmpfs", "/log:size=1m"], &["rotate", "1500:/log/app.log"]),
    }

    few_file_descriptors_are_left => {
        program: PATIENT,
        broken: (&["--ulimit", "nofile=64:64"], &["open", "58"]),
        cause: ("warning", "of at most 64 file descriptors are open: few more connections can be accepted"),
        advice: ("Docker", "--ulimit nofile=128:128"),
        mended: (&["--ulimit", "nofile=128:128"], &["open", "58"]),
    }

    /// resolv.conf of a host with a resolver of its own, which the container does not have.
    a_dead_name_server_on_loopback if can_add_an_interface() => {
        program: PATIENT,
        broken: (&["--dns", "127.0.0.1"], &["listen", "0.0.0.0:8080"]),
        cause: ("error", "the name server 127.0.0.1 does not answer: it is the loopback address of this container itself"),
        advice: ("Docker", "--dns ADDRESS of a server that this network can reach"),
        mended: (
            &["--dns", "10.9.9.1", "--sysctl", "net.ipv4.ip_unprivileged_port_start=0"],
            &["listen", "0.0.0.0:8080", "resolve", "0.0.0.0:53"],
        ),
        started: add_interface,
        // The network has this container only.
        examined: |container| Diagnosis::of(container, if asks(container) { &["--remote"] } else { &[] }),
    }

    /// It needs 35% of a CPU, and gets 25%.
    throttled => {
        program: PATIENT,
        broken: (&["--cpus", "0.25"], &["burn", "35"]),
        cause: ("warning", "of its scheduling periods; the limit is 0.25 CPU"),
        advice: ("Docker", "--cpus 0.5"),
        mended: (&["--cpus", "0.5"], &["burn", "35"]),
        // Not before it has run for some time, because each `docker exec` takes CPU time too.
        started: |container| assert_eq!(container.until_logged(), "ready"),
    }

    /// `docker exec` is refused too at times: what starts the process is in the group for a moment, and
    /// has threads.
    the_pids_limit_is_reached => {
        program: PATIENT,
        broken: (&["--pids-limit", "10"], &["threads", "12"]),
        cause: ("error", "times; the limit is 10"),
        advice: ("Docker", "--pids-limit 20"),
        mended: (&["--pids-limit", "20"], &["threads", "12"]),
        examined: |container| {
            let of = format!("container:{}", container.0);
            let beside = ["--pid", &of, "--network", &of, "--read-only", "--entrypoint", "/porthole"];
            Diagnosis::from(engine::once(&image(), &beside, &["doctor", "--json"]))
        },
    }

    a_shell_as_pid_1 if has_shell() => {
        program: &["--volume", "/usr/bin/busybox:/bin/sh:ro", "--entrypoint", "/bin/sh"],
        broken: (&[], &["-c", "/service; exit"]),
        cause: ("warning", "pid 1 (sh) is a shell, which does not pass SIGTERM on to the application"),
        advice: ("Docker", "at the end of the script: exec /application"),
        // It has no handler for SIGTERM, which is the next finding.
        mended: (&["--init"], &["-c", "exec /service"]),
        started: |container| container.until_listening(8080),
    }
}

/// The image has no /tmp, and the program counts as one of a runtime that needs it.
#[test]
fn no_tmp_for_a_runtime() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = Image::from_scratch("COPY patient /python3");
    let program: &[&str] = &["--init", "--entrypoint", "/python3"];
    let cause = "the root file system is read-only, and /tmp is not writable";
    let container = Container::run_words(&image, program, &["children", "0"]);
    assert_eq!(container.until_logged(), "ready");
    let diagnosis = Diagnosis::of(&container, &[]);
    let finding = diagnosis.find(cause).unwrap_or_else(|| panic!("{}", diagnosis.json));
    assert_in_page(cause);
    let change: Vec<&str> = advice(finding, "Docker").split(' ').collect();
    assert_eq!(change, ["--tmpfs", "/tmp"]);
    let container = Container::run_words(&image, &[program, &change].concat(), &["write", "4:/tmp/file"]);
    assert_eq!(container.until_logged(), "ready");
    let diagnosis = Diagnosis::of(&container, &[]);
    assert!(diagnosis.find(cause).is_none(), "{}", diagnosis.json);
    diagnosis.assert_in_order();
}

/// Asserts that the page on troubleshooting shows this text.
#[track_caller]
pub(crate) fn assert_in_page(text: &str) {
    let page = include_str!("../../docs/troubleshooting.md");
    assert!(page.contains(text), "docs/troubleshooting.md does not show this: {text}");
}

/// Whether the test may give a container an interface; if not, reports the test as skipped.
fn can_add_an_interface() -> bool {
    if !is_root() {
        skip("only root can add an interface to a container");
    }
    is_root()
}

/// Whether this machine has a shell that runs in any container; if not, reports the test as skipped.
fn has_shell() -> bool {
    // A dynamic program names its loader.
    let is_static =
        std::fs::read(SHELL).is_ok_and(|program| !String::from_utf8_lossy(&program).contains("/ld-linux"));
    if !is_static {
        skip("no static busybox is installed (Debian: busybox-static)");
    }
    is_static
}

/// Gives the container an interface besides the loopback, with the address 10.9.9.1. It is connected
/// to nothing.
#[track_caller]
fn add_interface(container: &Container) {
    let pid = docker_ok(&["inspect", "-f", "{{.State.Pid}}", &container.0]);
    for words in ["link add br0 type bridge", "addr add 10.9.9.1/24 dev br0", "link set br0 up"] {
        let ip = Command::new("nsenter").args(["-t", &pid, "-n", "ip"]).args(words.split(' ')).output();
        let ip = ip.unwrap();
        assert!(ip.status.success(), "ip {words}: {ip:?}");
    }
}

/// Whether the container has a name server elsewhere than on its loopback.
fn asks(container: &Container) -> bool {
    container.exec(&["/porthole", "cat", "/etc/resolv.conf"]).1.contains("nameserver 10.9.9.1")
}
